//! Freezes of a subscriber's picture that Keel causes: by a switch, a pause, or what it held back.

use std::time::{Duration, Instant};

/// What a picture may be late beside three times its usual distance from the one before: the measure of
/// W3C's `freezeCount` (webrtc-stats §8.3), taken where pictures leave instead of where they are shown.
const LEEWAY: Duration = Duration::from_millis(150);

/// The freezes of one outgoing video stream. A freeze is counted when it ends.
#[derive(Debug, Default)]
pub(super) struct FreezeMeter {
    newest: Option<Instant>,
    /// Smoothed, of pictures that were not late.
    distance: Option<Duration>,
    count: u64,
    total: Duration,
}

impl FreezeMeter {
    /// Notes that the last packet of a picture leaves.
    pub(super) fn note_picture(&mut self, now: Instant) {
        let Some(before) = self.newest.replace(now) else { return };
        let passed = now.saturating_duration_since(before);
        match self.distance {
            Some(distance) if passed > LEEWAY + distance * 3 => {
                self.count += 1;
                self.total += passed;
            }
            Some(distance) => self.distance = Some((distance * 15 + passed) / 16),
            // A stream may begin with pauses: what its pictures' distance is shows in the next ones.
            None if passed <= LEEWAY => self.distance = Some(passed),
            None => {}
        }
    }

    /// Whether the next picture may be late, so that it matters whether its source had any.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.newest.is_some_and(|newest| now.saturating_duration_since(newest) > LEEWAY)
    }

    /// Takes off a time in which the source had nothing.
    pub(super) fn excuse(&mut self, silence: Duration, now: Instant) {
        self.newest = self.newest.map(|newest| (newest + silence).min(now));
    }

    /// The subscriber is not meant to see pictures from here on.
    pub(super) const fn stop(&mut self) {
        self.newest = None;
    }

    /// How many there were.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// How long they were together.
    pub(super) const fn total(&self) -> Duration {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(33);

    fn playing(start: Instant) -> (FreezeMeter, Instant) {
        let mut meter = FreezeMeter::default();
        let times = (0..100).map(|frame| start + FRAME * frame);
        times.for_each(|at| meter.note_picture(at));
        (meter, start + FRAME * 99)
    }

    #[test]
    fn a_late_picture_is_a_freeze_and_a_slow_stream_is_none() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let (mut meter, end) = playing(start);
        meter.note_picture(end + Duration::from_millis(240));
        assert_eq!(meter.count(), 0, "150 ms and three frames may pass");
        meter.note_picture(end + Duration::from_millis(740));
        assert_eq!((meter.count(), meter.total()), (1, Duration::from_millis(500)));
        let mut slow = FreezeMeter::default();
        for frame in 0..20 {
            slow.note_picture(start + Duration::from_millis(140) * frame);
        }
        assert_eq!(slow.count(), 0);
    }

    #[test]
    fn what_the_publisher_did_not_send_is_no_freeze() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let (mut meter, end) = playing(start);
        let back = end + Duration::from_secs(5);
        assert!(meter.is_overdue(back) && !meter.is_overdue(end + FRAME));
        meter.excuse(Duration::from_millis(4_950), back);
        meter.note_picture(back);
        assert_eq!(meter.count(), 0);
        meter.stop();
        assert!(!meter.is_overdue(back + Duration::from_secs(60)));
        meter.note_picture(back + Duration::from_secs(60));
        assert_eq!(meter.count(), 0, "nobody was to see anything");
    }
}
