//! A server's first steps, up to the ClientHello that returns our cookie (RFC 6347 §4.2.1).
//!
//! A ClientHello can be forged by anyone who can forge the peer's address. Each distinct hello therefore
//! gets an association and a cookie of its own, and the one whose cookie comes back is the peer's: whoever
//! cannot read what we send cannot be first (CVE-2023-49786).

use super::association::{Association, PROFILES};
use super::certificate::{Certificate, Fingerprint};
use super::client_hello::ClientHello;
use super::flight::{Flight, Repeat};
use super::reassembly::{Message, Partial};
use super::record::{CLIENT_HELLO, Fragment, HELLO_VERIFY_REQUEST, fragments, records, write_fatal_alert};
use crate::forward::DropReason;
use std::collections::VecDeque;
use std::time::Instant;

/// Distinct hellos under way; a further one displaces the oldest.
const CANDIDATES_MAX: usize = 4;
/// RFC 5246 §7.2: `handshake_failure`.
const HANDSHAKE_FAILURE: u8 = 40;

/// The cookie exchange.
#[derive(Default)]
pub(super) struct HelloExchange {
    /// Messages 0 (without cookie) and 1 (with cookie) while they arrive.
    partials: [Option<Partial>; 2],
    /// A first hello that came before the peer's fingerprint was known, with the time it may wait until.
    held: Option<(Message, Instant)>,
    candidates: VecDeque<Candidate>,
}

/// One hello that we answered.
struct Candidate {
    hello: Vec<u8>,
    cookie: Vec<u8>,
    answer: Flight,
    association: Association,
}

/// What a hello led to.
pub(super) enum HelloOutcome {
    /// Nothing to decide yet; these datagrams answer it.
    Pending(Vec<Vec<u8>>),
    /// The peer and we have no SRTP profile or cipher suite in common; this alert says so.
    NothingInCommon(Vec<Vec<u8>>),
    /// This is the peer. Its second hello was taken, these datagrams are our first flight.
    Verified(Box<Association>, Vec<Vec<u8>>),
}

impl HelloExchange {
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
        let Some(message) = self.assemble(now, fragment)? else { return Ok(HelloOutcome::Pending(vec![])) };
        if message.number == 1 {
            return self.verify(now, &message);
        }
        if ClientHello::parse(&message.body).is_none() {
            return Err(DropReason::DtlsMalformed);
        }
        if fingerprints.is_empty() {
            self.held = Some((message, now + HELD_MAX));
            return Ok(HelloOutcome::Pending(vec![]));
        }
        Ok(self.answer(now, message, certificate, fingerprints))
    }

    /// The peer's fingerprints are known now: answers the hello that waited for them.
    pub(super) fn release_held(
        &mut self,
        now: Instant,
        certificate: &Certificate,
        fingerprints: &[Fingerprint],
    ) -> HelloOutcome {
        match self.held.take() {
            Some((message, until)) if now < until => self.answer(now, message, certificate, fingerprints),
            _ => HelloOutcome::Pending(vec![]),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        for partial in &mut self.partials {
            if partial.as_ref().is_some_and(|partial| partial.expires() <= now) {
                *partial = None;
            }
        }
        if self.held.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.held = None;
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let partials = self.partials.iter().flatten().map(Partial::expires);
        partials.chain(self.held.as_ref().map(|(_, until)| *until)).min()
    }

    /// Whether a hello was answered.
    pub(super) fn is_under_way(&self) -> bool {
        !self.candidates.is_empty()
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

    fn answer(
        &mut self,
        now: Instant,
        message: Message,
        certificate: &Certificate,
        fingerprints: &[Fingerprint],
    ) -> HelloOutcome {
        if let Some(known) = self.candidates.iter_mut().find(|candidate| candidate.hello == message.body) {
            return HelloOutcome::Pending(known.answer.repeat(now).to_vec());
        }
        let alert = || HelloOutcome::NothingInCommon(vec![write_fatal_alert(HANDSHAKE_FAILURE)]);
        let Some(hello) = ClientHello::parse(&message.body) else { return alert() };
        let offered = |iana| hello.profiles().any(|profile| profile == iana);
        // RFC 5764 §4.1.2: the server chooses. An rtc-dtls server would follow the client's order, and
        // Chromium's begins with AES-CM; so it is offered our choice only.
        let Some(profile) = PROFILES.into_iter().find(|profile| offered(profile.iana)) else {
            return alert();
        };
        let Ok(mut association) = Association::server(certificate, fingerprints, profile) else {
            return alert();
        };
        if association.handle_message(now, &message).is_err() {
            // No common cipher suite, or a version that we do not speak: rtc-dtls has written the alert.
            return HelloOutcome::NothingInCommon(drain(&mut association));
        }
        let datagrams = drain(&mut association);
        let Some(cookie) = datagrams.iter().find_map(|datagram| cookie(datagram)) else { return alert() };
        if self.candidates.len() == CANDIDATES_MAX {
            self.candidates.pop_front();
        }
        let answer = Flight::new(now, datagrams.clone(), Repeat::OnRequest);
        self.candidates.push_back(Candidate { hello: message.body, cookie, answer, association });
        HelloOutcome::Pending(datagrams)
    }

    fn verify(&mut self, now: Instant, message: &Message) -> Result<HelloOutcome, DropReason> {
        let hello = ClientHello::parse(&message.body).ok_or(DropReason::DtlsMalformed)?;
        // RFC 6347 §4.2.1: the second hello repeats the first with our cookie in it.
        let place = self.candidates.iter().position(|candidate| {
            candidate.cookie == hello.cookie
                && ClientHello::parse(&candidate.hello).is_some_and(|first| first.random == hello.random)
        });
        let place = place.ok_or(DropReason::DtlsUnexpected)?;
        let mut candidate = self.candidates.remove(place).ok_or(DropReason::DtlsUnexpected)?;
        match candidate.association.handle_message(now, message) {
            Ok(_) => {
                let datagrams = drain(&mut candidate.association);
                Ok(HelloOutcome::Verified(Box::new(candidate.association), datagrams))
            }
            Err(_) => Ok(HelloOutcome::NothingInCommon(drain(&mut candidate.association))),
        }
    }
}

/// How long a complete hello waits for the peer's description. The peer repeats it in any case.
const HELD_MAX: std::time::Duration = std::time::Duration::from_secs(1);

fn drain(association: &mut Association) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| association.poll_transmit()).collect()
}

/// The cookie of a HelloVerifyRequest that rtc-dtls wrote: version, length, cookie (RFC 6347 §4.2.1).
fn cookie(datagram: &[u8]) -> Option<Vec<u8>> {
    let record = records(datagram).next()?.ok()?;
    let request = fragments(record.body).next()?.ok()?;
    let [_, _, length, cookie @ ..] = request.data else { return None };
    (request.kind == HELLO_VERIFY_REQUEST && usize::from(*length) == cookie.len()).then(|| cookie.to_vec())
}
