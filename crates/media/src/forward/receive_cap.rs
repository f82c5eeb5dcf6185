//! What a publisher without transport-wide feedback may send: a cap that follows what arrives.

use crate::rtp::Bitrate;
use std::time::{Duration, Instant};

/// Between two messages: libwebrtc's own REMB interval.
const INTERVAL: Duration = Duration::from_secs(1);
/// Always allowed, so that a publisher that starts low or paused can ramp up: a modest camera's rate.
const FLOOR: Bitrate = Bitrate::bps(1_000_000);

/// Twice what arrived in the last interval. A publisher reaches any rate within seconds, while its own
/// loss-based control (from our reception reports) holds it at what the path carries.
#[derive(Debug)]
pub(super) struct ReceiveCap {
    bytes: u64,
    since: Instant,
    /// `None` while nothing arrives.
    due: Option<Instant>,
}

impl ReceiveCap {
    pub(super) const fn new(now: Instant) -> Self {
        Self { bytes: 0, since: now, due: None }
    }

    /// Counts a packet of the session.
    pub(super) fn note(&mut self, bytes: u64, now: Instant) {
        if self.due.is_none() {
            (self.since, self.due) = (now, Some(now + INTERVAL));
        }
        self.bytes += bytes;
    }

    /// The cap to send, when it is time.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Bitrate> {
        if now < self.due? {
            return None;
        }
        let received = Bitrate::of(self.bytes, now.saturating_duration_since(self.since));
        (self.bytes, self.due) = (0, None);
        Some(Bitrate::bps(received.as_bps().saturating_mul(2)).max(FLOOR))
    }

    pub(super) const fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cap_is_above_the_rate_and_silence_sends_none() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut cap = ReceiveCap::new(start);
        cap.note(1_000, start);
        assert_eq!(cap.take_due(start + Duration::from_millis(999)), None);
        assert_eq!(cap.take_due(start + INTERVAL), Some(FLOOR));
        assert_eq!(cap.poll_timeout(), None, "silence needs no cap");
        cap.note(250_000, start + INTERVAL);
        assert_eq!(cap.take_due(start + 2 * INTERVAL), Some(Bitrate::bps(4_000_000)));
    }
}
