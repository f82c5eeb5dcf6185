//! A session's DTLS: agrees on SRTP keys with the peer and makes sure that the peer is the one whose
//! fingerprint the session description gave.
//!
//! `hello.rs` finds the peer's ClientHello and chooses the SRTP profile, `handshake.rs` brings the
//! handshake to its end, `association.rs` wraps rtc-dtls. Datagrams have no address here: a peer that
//! changes networks keeps its association, output goes to ICE's selected pair.
//!
//! The caller passes in datagrams only from addresses that ICE has validated. Answers may therefore be
//! longer than what they answer.

mod association;
mod certificate;
pub mod client_hello;
mod flight;
mod handshake;
mod hello;
mod reassembly;
mod record;
#[cfg(test)]
mod tests;

pub use certificate::{Certificate, Fingerprint, HashFunction};

use crate::forward::DropReason;
use crate::pipeline::DtlsState;
use crate::srtp::DtlsRole;
use association::{Association, Reaction};
use bytes::Bytes;
use flight::Flight;
use handshake::{Handshake, Standing};
use hello::{HelloExchange, HelloOutcome};
use rand::{CryptoRng, RngExt};
use record::{ALERT, APPLICATION_DATA, CLIENT_HELLO, HANDSHAKE, Record, fragments, records};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// What DTLS tells its session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DtlsEvent {
    /// The state changed. `Connected` comes after `Keys`.
    StateChanged(DtlsState),
    /// SRTP keys are agreed with the peer of the description.
    Keys(KeyingMaterial),
    /// One record of application data from the authenticated peer: an SCTP packet (RFC 8261 §3).
    Data(Bytes),
    /// The peer ended the association, in order or with a fatal alert.
    PeerClosed,
}

/// What SRTP's keys are taken from.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyingMaterial {
    /// The SRTP protection profile by its IANA number: 7 AEAD_AES_128_GCM, 8 AEAD_AES_256_GCM,
    /// 1 AES128_CM_HMAC_SHA1_80.
    pub profile: u16,
    /// Whether the client's or the server's half is Keel's for sending.
    pub role: DtlsRole,
    /// Client key, server key, client salt, server salt (RFC 5764 §4.2), of the profile's lengths.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for KeyingMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyingMaterial(profile {}, {:?})", self.profile, self.role)
    }
}

/// One session's DTLS transport, sans I/O.
pub struct DtlsTransport {
    certificate: Arc<Certificate>,
    role: DtlsRole,
    /// The peer's, from its description; empty until that is known.
    fingerprints: Vec<Fingerprint>,
    phase: Phase,
    /// At most one event for each change of phase and for each record of the latest datagram waits here.
    events: VecDeque<DtlsEvent>,
    /// Bounded by what one input can cause: two flights, or what the caller had sealed.
    transmits: VecDeque<Vec<u8>>,
}

enum Phase {
    /// Server: until the peer's cookie is back.
    Hello(HelloExchange),
    /// Client: until `start`.
    Idle,
    Handshake(Box<Handshake>),
    Connected(Box<Association>, Flight),
    /// Failed or closed, for good: a new association needs a new session.
    Over,
}

impl DtlsTransport {
    /// A transport that has not begun. `rng` gives the server's cookie.
    #[must_use]
    pub fn new(certificate: Arc<Certificate>, role: DtlsRole, rng: &mut impl CryptoRng) -> Self {
        let phase = match role {
            DtlsRole::Server => Phase::Hello(HelloExchange::new(rng.random())),
            DtlsRole::Client => Phase::Idle,
        };
        Self {
            certificate,
            role,
            fingerprints: Vec::new(),
            phase,
            events: VecDeque::new(),
            transmits: VecDeque::new(),
        }
    }

    /// The fingerprints of the peer's description, at least one; its certificate must match one of them.
    /// A ClientHello that came early is answered now. Later calls change nothing: the peer of an
    /// association is settled when it begins.
    pub fn set_remote_fingerprints(&mut self, now: Instant, fingerprints: Vec<Fingerprint>) {
        if !self.fingerprints.is_empty() {
            return;
        }
        self.fingerprints = fingerprints;
        if let Phase::Hello(exchange) = &mut self.phase
            && !self.fingerprints.is_empty()
        {
            let outcome = exchange.release_held(now, &self.certificate, &self.fingerprints);
            self.take_hello(now, outcome);
        }
    }

    /// Client: begins the handshake. To be called once ICE has a pair and the peer's fingerprints are
    /// known; without them, as server and at a second call it does nothing.
    pub fn start(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Idle) || self.fingerprints.is_empty() {
            return;
        }
        match Association::client(now, &self.certificate, &self.fingerprints) {
            Ok(mut association) => {
                let hello: Vec<_> = std::iter::from_fn(|| association.poll_transmit()).collect();
                self.transmits.extend(hello.iter().cloned());
                self.enter_handshake(Handshake::client(now, association, hello));
            }
            Err(_) => self.end(DtlsState::Failed),
        }
    }

    /// Takes a datagram from an ICE-validated address.
    ///
    /// # Errors
    ///
    /// Why it was dropped: [`DropReason::DtlsMalformed`] where it is no DTLS,
    /// [`DropReason::DtlsUnexpected`] where it has no place in the association or goes beyond a bound. A
    /// datagram of several records counts as dropped only if none of them was taken.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) -> Result<(), DropReason> {
        let mut verdict = Err(DropReason::DtlsMalformed);
        let mut is_first = true;
        for record in records(datagram) {
            let outcome = record.and_then(|record| self.handle_record(now, &record));
            if is_first || outcome.is_ok() {
                verdict = outcome;
            }
            is_first = false;
        }
        verdict
    }

    /// Sends application data to the peer as one datagram. Before the handshake is complete, and once the
    /// association is over, it goes nowhere: what carries data repeats it.
    pub fn send(&mut self, now: Instant, data: &[u8]) {
        if let Phase::Connected(association, _) = &mut self.phase
            && association.seal(now, data).is_ok()
        {
            self.transmits.extend(std::iter::from_fn(|| association.poll_transmit()));
        }
    }

    /// Ends the association; the peer is told.
    pub fn close(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::Handshake(handshake) => handshake.close(now, &mut self.transmits),
            Phase::Connected(association, _) => {
                association.close(now);
                self.transmits.extend(std::iter::from_fn(|| association.poll_transmit()));
            }
            Phase::Hello(_) | Phase::Idle => {}
            Phase::Over => return,
        }
        self.end(DtlsState::Closed);
    }

    /// The next datagram for ICE's selected pair.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.transmits.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<DtlsEvent> {
        self.events.pop_front()
    }

    /// Does what is due by `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::Hello(exchange) => exchange.handle_timeout(now),
            Phase::Handshake(handshake) => {
                if handshake.handle_timeout(now, &mut self.transmits) == Standing::Failed {
                    self.end(DtlsState::Failed);
                }
            }
            Phase::Idle | Phase::Connected(..) | Phase::Over => {}
        }
    }

    /// When [`Self::handle_timeout`] is due next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Hello(exchange) => exchange.poll_timeout(),
            Phase::Handshake(handshake) => Some(handshake.poll_timeout()),
            Phase::Idle | Phase::Connected(..) | Phase::Over => None,
        }
    }

    fn handle_record(&mut self, now: Instant, record: &Record<'_>) -> Result<(), DropReason> {
        match &mut self.phase {
            Phase::Hello(_) => self.handle_hello(now, record),
            Phase::Handshake(handshake) => {
                match handshake.handle_record(now, record, &mut self.transmits)? {
                    Standing::Pending => {}
                    Standing::Complete => self.complete(),
                    Standing::Failed => self.end(DtlsState::Failed),
                }
                Ok(())
            }
            Phase::Connected(association, flight) => match (record.epoch, record.content) {
                (1, ALERT) => {
                    let reaction = association.handle_record(now, record.bytes);
                    self.transmits.extend(std::iter::from_fn(|| association.poll_transmit()));
                    match reaction {
                        Ok(Reaction::PeerClosed) | Err(crate::session::error::SessionError::ClosedByPeer) => {
                            self.events.push_back(DtlsEvent::PeerClosed);
                            self.end(DtlsState::Closed);
                            Ok(())
                        }
                        Ok(_) => Ok(()),
                        Err(_) => Err(DropReason::DtlsMalformed),
                    }
                }
                // RFC 6347 §4.1: application data has the epoch of the keys. Before the phase of this arm
                // nothing is handed on, so all of it is from the peer of the description.
                (1, APPLICATION_DATA) => {
                    let data = association.open(now, record.bytes).ok_or(DropReason::DtlsMalformed)?;
                    self.events.push_back(DtlsEvent::Data(data));
                    Ok(())
                }
                (0, HANDSHAKE) if is_repetition(record) => {
                    // RFC 6347 §4.2.4: the peer repeats its last flight, so ours was lost.
                    self.transmits.extend(flight.repeat(now).iter().cloned());
                    Ok(())
                }
                _ => Err(DropReason::DtlsUnexpected),
            },
            Phase::Idle | Phase::Over => Err(DropReason::DtlsUnexpected),
        }
    }

    fn handle_hello(&mut self, now: Instant, record: &Record<'_>) -> Result<(), DropReason> {
        if (record.epoch, record.content) != (0, HANDSHAKE) {
            return Err(DropReason::DtlsUnexpected);
        }
        for fragment in fragments(record.body) {
            let Phase::Hello(exchange) = &mut self.phase else { return Ok(()) };
            let outcome = exchange.handle_fragment(now, &fragment?, &self.certificate, &self.fingerprints)?;
            self.take_hello(now, outcome);
        }
        Ok(())
    }

    fn take_hello(&mut self, now: Instant, outcome: HelloOutcome) {
        match outcome {
            HelloOutcome::Pending => {}
            HelloOutcome::Challenge(datagram) => self.transmits.push_back(datagram),
            HelloOutcome::Verified(association, flight) => {
                self.transmits.extend(flight.iter().cloned());
                self.enter_handshake(Handshake::server(now, *association, flight));
            }
            HelloOutcome::Refused(alerts) => {
                self.transmits.extend(alerts);
                self.end(DtlsState::Failed);
            }
        }
    }

    fn enter_handshake(&mut self, handshake: Handshake) {
        self.phase = Phase::Handshake(Box::new(handshake));
        self.events.push_back(DtlsEvent::StateChanged(DtlsState::Connecting));
    }

    /// The handshake is complete: hands out the keys if the peer is who it should be.
    fn complete(&mut self) {
        let Phase::Handshake(handshake) = std::mem::replace(&mut self.phase, Phase::Over) else { return };
        let (association, flight) = handshake.into_parts();
        // RFC 8827 §6.5: checked during the handshake already, before our own `Finished` was sent. Here
        // stands the guarantee that no keys leave without it.
        let is_peer = association
            .peer_certificate()
            .is_some_and(|der| self.fingerprints.iter().any(|fingerprint| fingerprint.matches(der)));
        match association.keys() {
            Some(keys) if is_peer => {
                debug_assert_eq!(keys.role, self.role, "an association keeps its role");
                self.events.push_back(DtlsEvent::Keys(keys));
                self.events.push_back(DtlsEvent::StateChanged(DtlsState::Connected));
                self.phase = Phase::Connected(Box::new(association), flight);
            }
            _ => self.end(DtlsState::Failed),
        }
    }

    fn end(&mut self, state: DtlsState) {
        self.phase = Phase::Over;
        self.events.push_back(DtlsEvent::StateChanged(state));
    }
}

impl fmt::Debug for DtlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match self.phase {
            Phase::Hello(_) => "hello",
            Phase::Idle => "idle",
            Phase::Handshake(_) => "handshake",
            Phase::Connected(..) => "connected",
            Phase::Over => "over",
        };
        f.debug_struct("DtlsTransport").field("role", &self.role).field("phase", &phase).finish()
    }
}

/// Whether a plaintext handshake record after the handshake can be a repeated last flight. A ClientHello
/// cannot: it is late, or forged.
fn is_repetition(record: &Record<'_>) -> bool {
    fragments(record.body).next().is_some_and(|first| first.is_ok_and(|first| first.kind != CLIENT_HELLO))
}
