//! A handshake from the moment the peer is known to be reachable until keys are agreed.
//!
//! Everything before `Finished` is unauthenticated. What reaches rtc-dtls is bounded here: whole
//! messages of kinds that the peer's role sends, in order and once; encrypted records only once their
//! keys exist.

use super::association::{Association, Reaction};
use super::flight::Flight;
use super::reassembly::{Progress, Reassembly};
use super::record::{
    ALERT, CERTIFICATE, CERTIFICATE_REQUEST, CERTIFICATE_VERIFY, CHANGE_CIPHER_SPEC, CLIENT_KEY_EXCHANGE,
    HANDSHAKE, HELLO_VERIFY_REQUEST, Record, SERVER_HELLO, SERVER_HELLO_DONE, SERVER_KEY_EXCHANGE, fragments,
};
use crate::forward::DropReason;
use crate::session::error::SessionError;
use crate::srtp::DtlsRole;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A handshake that takes longer has failed; browsers give up after about as long.
const HANDSHAKE_MAX: Duration = Duration::from_secs(30);
/// Encrypted records that overtook what makes their keys. `Finished` is one; a further record displaces
/// the oldest, since the peer repeats its flight.
const HELD_RECORDS_MAX: usize = 8;
/// The longest such record that is held.
const HELD_RECORD_BYTES_MAX: usize = 512;
/// Encrypted handshake records handed on while the handshake lasts: `Finished`, its repetitions, and as
/// many forged ones. Beyond it they are refused and the handshake runs into its deadline.
const SEALED_RECORDS_MAX: u32 = 256;

pub(super) struct Handshake {
    association: Association,
    role: DtlsRole,
    messages: Reassembly,
    flight: Flight,
    deadline: Instant,
    /// The peer's ChangeCipherSpec arrived.
    cipher_spec_changed: bool,
    /// It was handed in, after the keys existed.
    is_open: bool,
    held: VecDeque<Vec<u8>>,
    sealed_records: u32,
}

/// Where the handshake stands after an input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    Pending,
    Complete,
    Failed,
}

impl Handshake {
    /// As server, after the peer's second hello; `flight` answers it.
    pub(super) fn server(now: Instant, association: Association, flight: Vec<Vec<u8>>) -> Self {
        const AFTER_SECOND_HELLO: u16 = 2;
        Self::new(now, association, DtlsRole::Server, AFTER_SECOND_HELLO, flight)
    }

    /// As client; `hello` goes first.
    pub(super) fn client(now: Instant, association: Association, hello: Vec<Vec<u8>>) -> Self {
        Self::new(now, association, DtlsRole::Client, 0, hello)
    }

    fn new(
        now: Instant,
        association: Association,
        role: DtlsRole,
        next_message: u16,
        flight: Vec<Vec<u8>>,
    ) -> Self {
        Self {
            association,
            role,
            messages: Reassembly::starting_at(next_message),
            flight: Flight::new(now, flight),
            deadline: now + HANDSHAKE_MAX,
            cipher_spec_changed: false,
            is_open: false,
            held: VecDeque::new(),
            sealed_records: 0,
        }
    }

    /// Takes one record; what is to be sent is appended to `out`.
    pub(super) fn handle_record(
        &mut self,
        now: Instant,
        record: &Record<'_>,
        out: &mut VecDeque<Vec<u8>>,
    ) -> Result<Standing, DropReason> {
        match (record.epoch, record.content) {
            (0, HANDSHAKE) => self.handle_plaintext(now, record.body, out),
            (0, CHANGE_CIPHER_SPEC) => {
                self.cipher_spec_changed = true;
                Ok(self.open(now, out))
            }
            (1, HANDSHAKE | ALERT) if self.is_open => self.handle_sealed(now, record.bytes, out),
            (1, HANDSHAKE | ALERT) if record.bytes.len() <= HELD_RECORD_BYTES_MAX => {
                if self.held.len() == HELD_RECORDS_MAX {
                    self.held.pop_front();
                }
                self.held.push_back(record.bytes.to_vec());
                Ok(self.open(now, out))
            }
            // RFC 6347 §4.1.2.7: invalid records are discarded silently. An alert without authentication
            // is one: acting on it would let anyone end the handshake. The deadline ends it as well.
            _ => Err(DropReason::DtlsUnexpected),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, out: &mut VecDeque<Vec<u8>>) -> Standing {
        if now >= self.deadline {
            return Standing::Failed;
        }
        self.messages.handle_timeout(now);
        out.extend(self.flight.handle_timeout(now).iter().cloned());
        Standing::Pending
    }

    pub(super) fn poll_timeout(&self) -> Instant {
        let timers = [self.flight.poll_timeout(), self.messages.poll_timeout()];
        timers.into_iter().flatten().fold(self.deadline, Instant::min)
    }

    /// Takes the handshake apart once it is complete.
    pub(super) fn into_parts(mut self) -> (Association, Flight) {
        self.flight.settle();
        (self.association, self.flight)
    }

    /// Ends the handshake from our side.
    pub(super) fn close(&mut self, now: Instant, out: &mut VecDeque<Vec<u8>>) {
        self.association.close(now);
        out.extend(std::iter::from_fn(|| self.association.poll_transmit()));
    }

    fn handle_plaintext(
        &mut self,
        now: Instant,
        body: &[u8],
        out: &mut VecDeque<Vec<u8>>,
    ) -> Result<Standing, DropReason> {
        let mut is_repeated = false;
        for fragment in fragments(body) {
            let fragment = fragment?;
            let is_repetition = self.messages.push(now, &fragment)? == Progress::Repeated;
            if !is_repetition && !sent_by_peer_of(self.role, fragment.kind) {
                return Err(DropReason::DtlsMalformed);
            }
            is_repeated |= is_repetition;
        }
        while let Some(message) = self.messages.pop() {
            let reaction = self.association.handle_message(now, &message);
            let standing = self.conclude(now, reaction, out);
            if standing != Standing::Pending {
                return Ok(standing);
            }
        }
        if is_repeated {
            // RFC 6347 §4.2.4: a repeated flight says that our answer to it was lost.
            out.extend(self.flight.repeat(now).iter().cloned());
        }
        Ok(self.open(now, out))
    }

    /// Once the keys exist and the peer uses them: hands in its ChangeCipherSpec and what waited for it.
    fn open(&mut self, now: Instant, out: &mut VecDeque<Vec<u8>>) -> Standing {
        if self.is_open || !self.cipher_spec_changed || !self.association.has_keys() {
            return Standing::Pending;
        }
        self.is_open = true;
        let reaction = self.association.handle_change_cipher_spec(now);
        let mut standing = self.conclude(now, reaction, out);
        while standing == Standing::Pending
            && let Some(record) = self.held.pop_front()
        {
            let reaction = self.association.handle_record(now, &record);
            standing = self.conclude(now, reaction, out);
        }
        standing
    }

    fn handle_sealed(
        &mut self,
        now: Instant,
        record: &[u8],
        out: &mut VecDeque<Vec<u8>>,
    ) -> Result<Standing, DropReason> {
        if self.sealed_records >= SEALED_RECORDS_MAX {
            return Err(DropReason::DtlsUnexpected);
        }
        self.sealed_records += 1;
        let reaction = self.association.handle_record(now, record);
        Ok(self.conclude(now, reaction, out))
    }

    fn conclude(
        &mut self,
        now: Instant,
        reaction: Result<Reaction, SessionError>,
        out: &mut VecDeque<Vec<u8>>,
    ) -> Standing {
        let datagrams: Vec<_> = std::iter::from_fn(|| self.association.poll_transmit()).collect();
        out.extend(datagrams.iter().cloned());
        match reaction {
            // What rtc-dtls wrote is an alert, no flight.
            Err(_) | Ok(Reaction::PeerClosed) => Standing::Failed,
            Ok(reaction) => {
                if !datagrams.is_empty() {
                    self.flight = Flight::new(now, datagrams);
                }
                if reaction == Reaction::HandshakeComplete { Standing::Complete } else { Standing::Pending }
            }
        }
    }
}

/// The messages that the peer of an agent in this role may send after the hellos (RFC 5246 §7.3).
fn sent_by_peer_of(role: DtlsRole, kind: u8) -> bool {
    match role {
        DtlsRole::Server => matches!(kind, CERTIFICATE | CLIENT_KEY_EXCHANGE | CERTIFICATE_VERIFY),
        DtlsRole::Client => matches!(
            kind,
            HELLO_VERIFY_REQUEST
                | SERVER_HELLO
                | CERTIFICATE
                | SERVER_KEY_EXCHANGE
                | CERTIFICATE_REQUEST
                | SERVER_HELLO_DONE
        ),
    }
}
