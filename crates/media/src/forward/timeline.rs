//! RTP timestamps across changes of their origin.

use crate::rtp::{ClockRate, RtpTime};
use std::time::Instant;

/// Carries timestamps of successive origins (a source's SSRCs, a sink's sources) over to one clock that
/// only goes forward. Within one origin the difference is constant, so sender reports carry over exactly.
#[derive(Debug)]
pub(super) struct Timeline {
    /// Added to incoming timestamps; `None` until the present origin's first packet.
    offset: Option<u32>,
    start: RtpTime,
    newest: Option<(RtpTime, Instant)>,
}

impl Timeline {
    /// The first packet will have the timestamp `start`.
    pub(super) const fn new(start: RtpTime) -> Self {
        Self { offset: None, start, newest: None }
    }

    /// Forgets the origin; the next packet's timestamp continues by the time that has passed.
    pub(super) const fn switch(&mut self) {
        self.offset = None;
    }

    /// The timestamp that `timestamp` becomes for a packet handled at `now`.
    pub(super) fn map(&mut self, timestamp: RtpTime, clock: ClockRate, now: Instant) -> RtpTime {
        let offset = *self.offset.get_or_insert_with(|| {
            let start = self.newest.map_or(self.start, |(newest, at)| {
                // At least one tick: a frame of the new origin must not look like part of the old one's.
                newest.plus(clock.ticks(now.saturating_duration_since(at)).max(1))
            });
            start.wrapping_since(timestamp)
        });
        let mapped = timestamp.plus(offset);
        if self.newest.is_none_or(|(newest, _)| mapped.is_after(newest)) {
            self.newest = Some((mapped, now));
        }
        mapped
    }

    /// The timestamp that `timestamp` becomes by the present origin's offset, once there is one.
    pub(super) fn mapped(&self, timestamp: RtpTime) -> Option<RtpTime> {
        self.offset.map(|offset| timestamp.plus(offset))
    }

    /// What is added to the present origin's timestamps, once known.
    pub(super) const fn offset(&self) -> Option<u32> {
        self.offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_new_origin_continues_by_the_time_that_passed() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut timeline = Timeline::new(RtpTime::new(u32::MAX - 100));
        let clock = ClockRate::VIDEO;
        assert_eq!(timeline.mapped(RtpTime::new(5)), None);
        assert_eq!(timeline.map(RtpTime::new(5_000), clock, start), RtpTime::new(u32::MAX - 100));
        let later = timeline.map(RtpTime::new(8_000), clock, start + Duration::from_millis(33));
        assert_eq!(later, RtpTime::new(u32::MAX - 100).plus(3_000));
        timeline.switch();
        let switched = timeline.map(RtpTime::new(77), clock, start + Duration::from_millis(133));
        assert_eq!(switched.wrapping_since(later), 9_000);
        assert_eq!(timeline.mapped(RtpTime::new(78)), Some(switched.plus(1)));
    }

    #[test]
    fn a_new_origin_at_the_same_instant_still_goes_forward() {
        let now = Instant::now(); // clock: an origin, never compared with the present
        let mut timeline = Timeline::new(RtpTime::new(9));
        let before = timeline.map(RtpTime::new(1), ClockRate::OPUS, now);
        timeline.switch();
        assert!(timeline.map(RtpTime::new(0), ClockRate::OPUS, now).is_after(before));
    }
}
