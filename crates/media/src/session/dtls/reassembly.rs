//! Puts fragmented, reordered and repeated handshake messages together, within bounds.
//!
//! rtc-dtls would do it as well, but holds up to 2 MB for a peer that is not authenticated and recurses
//! once per fragment. It is given whole messages in order, each once, and so never buffers any.

use super::record::Fragment;
use crate::forward::DropReason;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The longest message accepted. A ClientHello with post-quantum key shares has 2 KiB, a self-signed
/// certificate with a 4096-bit RSA key less than 2 KiB.
const MESSAGE_BYTES_MAX: usize = 8 * 1024;
/// How many messages may be under way: no flight has more than five.
const MESSAGES_AHEAD_MAX: u16 = 8;
/// Bytes in all messages under way together.
const HELD_BYTES_MAX: usize = 16 * 1024;
/// How long an incomplete message waits. Repetitions of a flight bring all of its fragments again.
const INCOMPLETE_AGE_MAX: Duration = Duration::from_secs(1);

/// A complete handshake message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) number: u16,
    pub(super) body: Vec<u8>,
}

/// What became of a fragment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    Stored,
    /// It belongs to a message that was taken already: the peer repeats its flight.
    Repeated,
}

/// Messages from number `next` on. A fragment beyond a bound is refused, those held stay.
#[derive(Debug)]
pub(super) struct Reassembly {
    next: u16,
    partials: BTreeMap<u16, Partial>,
}

impl Reassembly {
    pub(super) fn starting_at(next: u16) -> Self {
        Self { next, partials: BTreeMap::new() }
    }

    pub(super) fn push(&mut self, now: Instant, fragment: &Fragment<'_>) -> Result<Progress, DropReason> {
        let Some(ahead) = fragment.message.checked_sub(self.next) else { return Ok(Progress::Repeated) };
        if ahead >= MESSAGES_AHEAD_MAX {
            return Err(DropReason::DtlsUnexpected);
        }
        let held: usize = self.partials.values().map(|partial| partial.body.len()).sum();
        match self.partials.get_mut(&fragment.message) {
            Some(partial) if partial.fits(fragment) => partial.add(fragment),
            _ if held + fragment.length > HELD_BYTES_MAX => return Err(DropReason::DtlsUnexpected),
            _ => {
                self.partials.insert(fragment.message, Partial::new(now, fragment)?);
            }
        }
        Ok(Progress::Stored)
    }

    /// The next message in order, once it is complete.
    pub(super) fn pop(&mut self) -> Option<Message> {
        if !self.partials.get(&self.next)?.is_complete() {
            return None;
        }
        let Partial { kind, body, .. } = self.partials.remove(&self.next)?;
        let number = self.next;
        // A handshake has fewer than 20 messages, so the number never wraps; a peer that gets here fails.
        self.next = self.next.saturating_add(1);
        Some(Message { kind, number, body })
    }

    /// Forgets incomplete messages that have waited for too long.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.partials.retain(|_, partial| partial.is_complete() || now < partial.expires());
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.partials.values().filter(|partial| !partial.is_complete()).map(Partial::expires).min()
    }
}

/// One message under way.
#[derive(Debug)]
pub(super) struct Partial {
    kind: u8,
    body: Vec<u8>,
    present: Vec<bool>,
    since: Instant,
}

impl Partial {
    pub(super) fn new(now: Instant, fragment: &Fragment<'_>) -> Result<Self, DropReason> {
        if fragment.length > MESSAGE_BYTES_MAX {
            return Err(DropReason::DtlsUnexpected);
        }
        let mut partial = Self {
            kind: fragment.kind,
            body: vec![0; fragment.length],
            present: vec![false; fragment.length],
            since: now,
        };
        partial.add(fragment);
        Ok(partial)
    }

    /// Whether the fragment says of the whole message what the ones before it said. Where not, one of
    /// them is forged; the newer replaces the older, since the peer repeats itself and a forger may not.
    pub(super) fn fits(&self, fragment: &Fragment<'_>) -> bool {
        self.kind == fragment.kind && self.body.len() == fragment.length
    }

    pub(super) fn add(&mut self, fragment: &Fragment<'_>) {
        let range = fragment.offset..fragment.offset + fragment.data.len();
        if let (Some(body), Some(present)) = (self.body.get_mut(range.clone()), self.present.get_mut(range)) {
            body.copy_from_slice(fragment.data);
            present.fill(true);
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.present.iter().all(|present| *present)
    }

    pub(super) fn expires(&self) -> Instant {
        self.since + INCOMPLETE_AGE_MAX
    }

    pub(super) fn into_body(self) -> Vec<u8> {
        self.body
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{CERTIFICATE, CLIENT_KEY_EXCHANGE};
    use super::*;

    fn fragment(message: u16, length: usize, offset: usize, data: &[u8]) -> Fragment<'_> {
        Fragment { kind: CERTIFICATE, length, message, offset, data }
    }

    #[test]
    fn fragments_in_any_order_and_overlap_make_one_message() {
        let now = Instant::now();
        let mut reassembly = Reassembly::starting_at(2);
        for (offset, data) in [(6, &b"ghi"[..]), (0, b"abcd"), (2, b"cdefg"), (6, b"ghi")] {
            assert_eq!(reassembly.push(now, &fragment(2, 9, offset, data)), Ok(Progress::Stored));
        }
        let message = reassembly.pop().expect("complete");
        assert_eq!((message.number, message.body.as_slice()), (2, &b"abcdefghi"[..]));
        assert_eq!(reassembly.pop(), None);
        assert_eq!(reassembly.push(now, &fragment(2, 9, 0, b"abc")), Ok(Progress::Repeated));
    }

    #[test]
    fn a_later_message_waits_for_its_predecessor() {
        let now = Instant::now();
        let mut reassembly = Reassembly::starting_at(0);
        reassembly.push(now, &fragment(1, 1, 0, b"b")).expect("within bounds");
        assert_eq!(reassembly.pop(), None);
        reassembly.push(now, &fragment(0, 0, 0, b"")).expect("an empty message is complete at once");
        assert_eq!(reassembly.pop().map(|m| m.number), Some(0));
        assert_eq!(reassembly.pop().map(|m| m.number), Some(1));
    }

    #[test]
    fn a_forged_fragment_is_overwritten_by_the_genuine_flight() {
        let now = Instant::now();
        let mut reassembly = Reassembly::starting_at(0);
        reassembly.push(now, &fragment(0, 400, 0, &[0xff; 100])).expect("within bounds");
        reassembly.push(now, &fragment(0, 4, 0, b"re")).expect("within bounds");
        reassembly.push(now, &fragment(0, 4, 2, b"al")).expect("within bounds");
        assert_eq!(reassembly.pop().map(|m| m.body), Some(b"real".to_vec()));
    }

    #[test]
    fn what_goes_beyond_a_bound_is_refused() {
        let now = Instant::now();
        let mut reassembly = Reassembly::starting_at(1);
        let refused = Err(DropReason::DtlsUnexpected);
        assert_eq!(reassembly.push(now, &fragment(1, MESSAGE_BYTES_MAX + 1, 0, b"x")), refused);
        assert_eq!(reassembly.push(now, &fragment(1 + MESSAGES_AHEAD_MAX, 1, 0, b"x")), refused);
        for message in 1..3 {
            let stored = reassembly.push(now, &fragment(message, MESSAGE_BYTES_MAX, 0, b"x"));
            assert_eq!(stored, Ok(Progress::Stored));
        }
        let next = Fragment { kind: CLIENT_KEY_EXCHANGE, ..fragment(3, 1, 0, b"x") };
        assert_eq!(reassembly.push(now, &next), refused, "16 KiB are held");

        let later = reassembly.poll_timeout().expect("incomplete messages expire");
        reassembly.handle_timeout(later);
        assert_eq!(reassembly.push(later, &next), Ok(Progress::Stored));
    }
}
