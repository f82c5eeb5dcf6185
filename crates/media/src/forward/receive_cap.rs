//! What a publisher may send: a cap that follows what arrives, within what its owner and its one
//! subscriber allow.

use crate::rtp::Bitrate;
use std::time::{Duration, Instant};

/// Between two messages: libwebrtc's own REMB interval.
const INTERVAL: Duration = Duration::from_secs(1);
/// Between two messages when the limits change: a subscriber's estimate may move many times a second.
const CHANGE_INTERVAL: Duration = Duration::from_millis(100);
/// Always allowed by the estimate, so that a publisher that starts low or paused can ramp up: a modest
/// camera's rate.
const FLOOR: Bitrate = Bitrate::bps(1_000_000);
/// Takes back a cap. libwebrtc keeps the last one for ever, and not every peer reads zero as "none".
const UNCAPPED: Bitrate = Bitrate::bps(1_000_000_000);

/// What a publisher may send at least and at most, by the limits of its owner and its subscribers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Allowance {
    /// No estimate goes below this.
    pub(super) floor: Bitrate,
    /// No message goes above this.
    pub(super) ceiling: Option<Bitrate>,
}

/// The messages to one publisher.
///
/// Without transport-wide feedback they carry an estimate: twice what arrived in the last interval. A
/// publisher reaches any rate within seconds, while its own loss-based control (from our reception
/// reports) holds it at what the path carries. A publisher that makes its own estimate, from transport-wide
/// feedback, is only told a ceiling: libwebrtc sends the lower of the two.
#[derive(Debug, Default)]
pub(super) struct ReceiveCap {
    allowance: Allowance,
    /// Bytes since the window began; no window while nothing arrives, or nothing is to be estimated.
    bytes: u64,
    window: Option<Instant>,
    estimate: Option<Bitrate>,
    /// When the last message left, or the first packet came.
    last: Option<Instant>,
    due: Option<Instant>,
    given: Option<Bitrate>,
    /// A ceiling was told, so that its end must be told too.
    held_down: bool,
}

impl ReceiveCap {
    /// Counts a packet of a session whose rate Keel estimates.
    pub(super) fn note(&mut self, bytes: u64, now: Instant) {
        if self.window.is_none() {
            self.window = Some(now);
            self.due.get_or_insert(now + INTERVAL);
        }
        self.bytes += bytes;
        self.note_counted(now);
    }

    /// Notes a packet of a session that estimates its rate itself: the ceiling is repeated while any come.
    pub(super) fn note_counted(&mut self, now: Instant) {
        if self.allowance.ceiling.is_some() || self.held_down {
            match self.last {
                Some(_) => self.due.get_or_insert(now + INTERVAL),
                // The first packet: a publisher begins with a guess of its own.
                None => self.due.insert(now),
            };
        }
        self.last.get_or_insert(now);
    }

    /// Changes the limits; a publisher that has begun to send is told at the next occasion.
    pub(super) fn allow(&mut self, allowance: Allowance) {
        if self.allowance == allowance {
            return;
        }
        self.allowance = allowance;
        if let Some(last) = self.last {
            let soon = last + CHANGE_INTERVAL;
            self.due = Some(self.due.map_or(soon, |due| due.min(soon)));
        }
    }

    /// The cap to send, when it is time.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Bitrate> {
        if now < self.due? {
            return None;
        }
        if let Some(begun) = self.window.filter(|begun| now >= *begun + INTERVAL) {
            let received = Bitrate::of(self.bytes, now.saturating_duration_since(begun));
            self.estimate = Some(Bitrate::bps(received.as_bps().saturating_mul(2)).max(FLOOR));
            (self.bytes, self.window) = (0, None);
        }
        self.due = self.window.map(|begun| begun + INTERVAL);
        self.last = Some(now);
        let Allowance { floor, ceiling } = self.allowance;
        let estimate = self.estimate.map(|estimate| estimate.max(floor));
        let cap = [estimate, ceiling].into_iter().flatten().min();
        let cap = cap.or_else(|| self.held_down.then_some(UNCAPPED))?;
        self.held_down |= ceiling.is_some();
        self.given = Some(cap);
        Some(cap)
    }

    /// The cap that was sent last.
    pub(super) const fn given(&self) -> Option<Bitrate> {
        self.given
    }

    pub(super) const fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ceiling(bits: u64) -> Allowance {
        Allowance { floor: Bitrate::default(), ceiling: Some(Bitrate::bps(bits)) }
    }

    #[test]
    fn the_cap_is_above_the_rate_and_silence_sends_none() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut cap = ReceiveCap::default();
        cap.note(1_000, start);
        assert_eq!(cap.take_due(start + Duration::from_millis(999)), None);
        assert_eq!(cap.take_due(start + INTERVAL), Some(FLOOR));
        assert_eq!(cap.poll_timeout(), None, "silence needs no cap");
        cap.note(250_000, start + INTERVAL);
        assert_eq!(cap.take_due(start + 2 * INTERVAL), Some(Bitrate::bps(4_000_000)));
        assert_eq!(cap.given(), Some(Bitrate::bps(4_000_000)));
    }

    #[test]
    fn limits_bound_the_estimate_from_both_sides_and_a_change_is_told_soon() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut cap = ReceiveCap::default();
        cap.allow(Allowance { floor: Bitrate::bps(3_000_000), ceiling: None });
        cap.note(1_000, start);
        assert_eq!(cap.take_due(start + INTERVAL), Some(Bitrate::bps(3_000_000)));
        cap.note(1_000, start + INTERVAL);
        cap.allow(ceiling(400_000));
        let soon = start + INTERVAL + CHANGE_INTERVAL;
        assert_eq!(cap.take_due(soon), Some(Bitrate::bps(400_000)));
        assert_eq!(cap.poll_timeout(), Some(start + 2 * INTERVAL), "the window goes on");
    }

    #[test]
    fn a_publisher_with_its_own_estimate_hears_of_a_ceiling_and_of_its_end_only() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut cap = ReceiveCap::default();
        cap.note_counted(start);
        assert_eq!(cap.poll_timeout(), None, "no ceiling, no message");
        cap.allow(ceiling(400_000));
        assert_eq!(cap.take_due(start + CHANGE_INTERVAL), Some(Bitrate::bps(400_000)));
        assert_eq!(cap.poll_timeout(), None, "silence needs no cap");
        let later = start + 5 * INTERVAL;
        cap.note_counted(later);
        assert_eq!(cap.take_due(later + INTERVAL), Some(Bitrate::bps(400_000)), "it is repeated");
        cap.allow(Allowance::default());
        assert_eq!(cap.take_due(later + INTERVAL + CHANGE_INTERVAL), Some(UNCAPPED));
    }

    #[test]
    fn the_first_packet_of_a_limited_publisher_is_answered_at_once() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut cap = ReceiveCap::default();
        cap.allow(ceiling(400_000));
        assert_eq!(cap.poll_timeout(), None);
        cap.note_counted(start);
        assert_eq!(cap.take_due(start), Some(Bitrate::bps(400_000)));
    }
}
