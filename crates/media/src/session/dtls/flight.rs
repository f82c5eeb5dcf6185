//! The flight we sent last, and when to send it again (RFC 6347 §4.2.4).
//!
//! rtc-dtls forgets its timer when a partial or repeated flight arrives, and then waits for ever; its
//! timer is therefore never used, and neither does it see repetitions. Datagrams are repeated byte for
//! byte: records that had arrived fall to the peer's replay check, the lost ones are new to it.

use std::time::{Duration, Instant};

/// RFC 6347 §4.2.4.1 recommends 1 s at first and allows less where the round trip is known to be short;
/// media sessions should not wait a second for one lost datagram.
const INTERVAL_FIRST: Duration = Duration::from_millis(200);
const INTERVAL_MAX: Duration = Duration::from_millis(3200);
/// The least time between two sendings: one repeated flight may be several datagrams, and must not be
/// answered once for each. Browsers repeat theirs after 50 ms at the earliest.
const SPACING_MIN: Duration = Duration::from_millis(40);

/// What has the flight repeated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Repeat {
    /// An unanswered flight: by timer, and when the peer repeats its own.
    Unanswered,
    /// A last flight: only when the peer repeats its own.
    OnRequest,
}

#[derive(Debug)]
pub(super) struct Flight {
    datagrams: Vec<Vec<u8>>,
    sent: Instant,
    interval: Duration,
    repeat: Repeat,
}

impl Flight {
    /// A flight that is being sent now for the first time.
    pub(super) fn new(now: Instant, datagrams: Vec<Vec<u8>>) -> Self {
        Self { datagrams, sent: now, interval: INTERVAL_FIRST, repeat: Repeat::Unanswered }
    }

    /// The peer repeated its flight: ours was lost. Empty where it was sent only just now.
    pub(super) fn repeat(&mut self, now: Instant) -> &[Vec<u8>] {
        if now < self.sent + SPACING_MIN {
            return &[];
        }
        self.sent = now;
        &self.datagrams
    }

    /// What the timer has to say; empty before its time.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> &[Vec<u8>] {
        if self.poll_timeout().is_none_or(|due| now < due) {
            return &[];
        }
        self.sent = now;
        self.interval = (self.interval * 2).min(INTERVAL_MAX);
        &self.datagrams
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        (self.repeat == Repeat::Unanswered).then(|| self.sent + self.interval)
    }

    /// The handshake is complete: no timer any more, but a peer may have missed our last flight.
    pub(super) fn settle(&mut self) {
        self.repeat = Repeat::OnRequest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unanswered_flight_is_repeated_ever_more_slowly() {
        let start = Instant::now();
        let mut flight = Flight::new(start, vec![vec![1], vec![2]]);
        assert!(flight.handle_timeout(start).is_empty());
        let mut now = start;
        for gap_ms in [200, 400, 800, 1600, 3200, 3200] {
            let due = flight.poll_timeout().expect("unanswered");
            assert_eq!(due - now, Duration::from_millis(gap_ms));
            now = due;
            assert_eq!(flight.handle_timeout(now).len(), 2);
        }
        flight.settle();
        assert_eq!(flight.poll_timeout(), None);
    }

    #[test]
    fn one_repeated_flight_of_several_datagrams_is_answered_once() {
        let start = Instant::now();
        let mut flight = Flight::new(start, vec![vec![1]]);
        flight.settle();
        assert!(flight.repeat(start).is_empty());
        let later = start + SPACING_MIN;
        assert_eq!(flight.repeat(later).len(), 1);
        assert!(flight.repeat(later).is_empty());
        assert!(flight.handle_timeout(later + INTERVAL_MAX).is_empty());
    }
}
