//! A server's first steps, up to the ClientHello that returns our cookie (RFC 6347 §4.2.1).
//!
//! A ClientHello can be forged by anyone who can forge the peer's address. No association exists until
//! the cookie came back, and every hello gets the same cookie: whoever cannot read what we send can
//! neither be first nor mislead the peer (CVE-2023-49786).

use super::association::{Association, PROFILES};
use super::certificate::{Certificate, Fingerprint};
use super::client_hello::ClientHello;
use super::reassembly::{Message, Partial};
use super::record::{CLIENT_HELLO, Fragment, HELLO_VERIFY_REQUEST, write_fatal_alert, write_message};
use crate::forward::DropReason;
use std::time::{Duration, Instant};

/// How long the peer's hello waits for its description. The peer repeats it in any case.
const HELD_MAX: Duration = Duration::from_secs(1);
/// RFC 5246 §7.2: `handshake_failure`.
const HANDSHAKE_FAILURE: u8 = 40;

/// The length that rtc-dtls gives its cookies.
pub(super) const COOKIE_BYTES: usize = 20;
/// Returned by the peer in its second hello; random for each session.
pub(super) type Cookie = [u8; COOKIE_BYTES];

/// The cookie exchange.
pub(super) struct HelloExchange {
    cookie: Cookie,
    /// Messages 0 (without cookie) and 1 (with cookie) while they arrive, at most 8 KiB each.
    partials: [Option<Partial>; 2],
    /// A second hello that came before the peer's fingerprint was known, and how long it may wait.
    held: Option<(Message, Instant)>,
}

/// What a hello led to.
pub(super) enum HelloOutcome {
    /// Nothing to decide yet.
    Pending,
    /// The answer to a first hello.
    Challenge(Vec<u8>),
    /// This is the peer. Its second hello was taken, these datagrams are our first flight.
    Verified(Box<Association>, Vec<Vec<u8>>),
    /// This is the peer, and we have no SRTP profile or cipher suite in common; an alert says so.
    Refused(Vec<Vec<u8>>),
}

impl HelloExchange {
    pub(super) fn new(cookie: Cookie) -> Self {
        Self { cookie, partials: [None, None], held: None }
    }

    /// Takes a fragment of epoch 0. `fingerprints` is empty while the peer's description is unknown.
    pub(super) fn handle_fragment(
        &mut self,
        now: Instant,
        fragment: &Fragment<'_>,
        certificate: &Certificate,
        fingerprints: &[Fingerprint],
    ) -> Result<HelloOutcome, DropReason> {
        if fragment.kind != CLIENT_HELLO {
            return Err(DropReason::DtlsUnexpected);
        }
        let Some(message) = self.assemble(now, fragment)? else { return Ok(HelloOutcome::Pending) };
        let hello = ClientHello::parse(&message.body).ok_or(DropReason::DtlsMalformed)?;
        if message.number == 0 {
            return Ok(HelloOutcome::Challenge(self.challenge()));
        }
        // RFC 6347 §4.2.1: a hello with an invalid cookie is treated as one without.
        if hello.cookie != self.cookie {
            return Err(DropReason::DtlsUnexpected);
        }
        if fingerprints.is_empty() {
            self.held = Some((message, now + HELD_MAX));
            return Ok(HelloOutcome::Pending);
        }
        Ok(self.begin(now, &message, certificate, fingerprints))
    }

    /// The peer's fingerprints are known now: takes the hello that waited for them.
    pub(super) fn release_held(
        &mut self,
        now: Instant,
        certificate: &Certificate,
        fingerprints: &[Fingerprint],
    ) -> HelloOutcome {
        match self.held.take() {
            Some((message, until)) if now < until => self.begin(now, &message, certificate, fingerprints),
            _ => HelloOutcome::Pending,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        for partial in &mut self.partials {
            partial.take_if(|partial| partial.expires() <= now);
        }
        self.held.take_if(|(_, until)| *until <= now);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let partials = self.partials.iter().flatten().map(Partial::expires);
        partials.chain(self.held.as_ref().map(|(_, until)| *until)).min()
    }

    fn assemble(&mut self, now: Instant, fragment: &Fragment<'_>) -> Result<Option<Message>, DropReason> {
        let slot = self.partials.get_mut(usize::from(fragment.message)).ok_or(DropReason::DtlsUnexpected)?;
        match slot {
            Some(partial) if partial.fits(fragment) => partial.add(fragment),
            _ => *slot = Some(Partial::new(now, fragment)?),
        }
        let complete = slot.take_if(|partial| partial.is_complete());
        Ok(complete.map(|partial| Message {
            kind: fragment.kind,
            number: fragment.message,
            body: partial.into_body(),
        }))
    }

    /// A HelloVerifyRequest: version, length of the cookie, cookie. Shorter than any hello.
    fn challenge(&self) -> Vec<u8> {
        let mut body = vec![0xfe, 0xfd, COOKIE_BYTES as u8];
        body.extend_from_slice(&self.cookie);
        write_message(0, HELLO_VERIFY_REQUEST, 0, &body)
    }

    fn begin(
        &self,
        now: Instant,
        message: &Message,
        certificate: &Certificate,
        fingerprints: &[Fingerprint],
    ) -> HelloOutcome {
        let refused = || HelloOutcome::Refused(vec![write_fatal_alert(HANDSHAKE_FAILURE)]);
        let Some(hello) = ClientHello::parse(&message.body) else { return refused() };
        // RFC 5764 §4.1.2: the server chooses. An rtc-dtls server would follow the client's order, and
        // Chromium's begins with AES-CM; so it is offered our choice only.
        let is_offered = |iana| hello.profiles().any(|profile| profile == iana);
        let Some(profile) = PROFILES.into_iter().find(|profile| is_offered(profile.iana)) else {
            return refused();
        };
        let Ok(mut association) = Association::server(certificate, fingerprints, profile, self.cookie) else {
            return refused();
        };
        let accepted = association.handle_second_hello(now, message);
        let datagrams: Vec<_> = std::iter::from_fn(|| association.poll_transmit()).collect();
        match accepted {
            Ok(()) if !datagrams.is_empty() => HelloOutcome::Verified(Box::new(association), datagrams),
            // No common cipher suite or curve: rtc-dtls has written the alert.
            _ => HelloOutcome::Refused(datagrams),
        }
    }
}
