//! RTP timestamps across changes of their origin.

use crate::rtp::{ClockRate, RtpTime};
use std::time::{Duration, Instant};

/// How far what sender reports say may be from what arrival times say. Paths and encoders delay streams of
/// one publisher by less; beyond it the reports are of different clocks.
const ALIGNED_WITHIN: Duration = Duration::from_secs(1);

/// Carries timestamps of successive origins (a source's SSRCs, a sink's sources) over to one clock that
/// only goes forward. Within one origin the difference is constant, so sender reports carry over exactly.
#[derive(Debug)]
pub(super) struct Timeline {
    /// Added to incoming timestamps; `None` until the present origin's first packet.
    offset: Option<u32>,
    /// How far the present origin is ahead of where its sender reports put it.
    skew: u32,
    start: RtpTime,
    newest: Option<(RtpTime, Instant)>,
}

impl Timeline {
    /// The first packet will have the timestamp `start`.
    pub(super) const fn new(start: RtpTime) -> Self {
        Self { offset: None, skew: 0, start, newest: None }
    }

    /// Forgets the origin; the next packet's timestamp continues by the time that has passed.
    pub(super) const fn switch(&mut self) {
        self.offset = None;
    }

    /// Continues with another origin, whose first packet has `timestamp`. `aligned` is what it becomes where
    /// the clocks of both are known to be one; it holds unless the clock would go back or jump.
    pub(super) fn switch_to(
        &mut self,
        timestamp: RtpTime,
        aligned: Option<RtpTime>,
        clock: ClockRate,
        now: Instant,
    ) {
        let passed = self.continued(clock, now);
        let near = |aligned: &RtpTime| {
            clock
                .duration(aligned.wrapping_since(passed))
                .min(clock.duration(passed.wrapping_since(*aligned)))
                <= ALIGNED_WITHIN
        };
        let aligned = aligned.filter(near);
        let mut start = aligned.unwrap_or(passed);
        if let Some((newest, _)) = self.newest
            && !start.is_after(newest)
        {
            start = newest.plus(1);
        }
        self.skew = aligned.map_or(0, |aligned| start.wrapping_since(aligned));
        self.offset = Some(start.wrapping_since(timestamp));
    }

    /// The timestamp that `timestamp` becomes for a packet handled at `now`.
    pub(super) fn map(&mut self, timestamp: RtpTime, clock: ClockRate, now: Instant) -> RtpTime {
        let offset = match self.offset {
            Some(offset) => offset,
            None => self.continued(clock, now).wrapping_since(timestamp),
        };
        self.offset = Some(offset);
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

    /// [`Self::mapped`] as if the present origin had not had to wait for the clock: what the next one is
    /// aligned to, so that waits do not add up.
    pub(super) fn unskewed(&self, timestamp: RtpTime) -> Option<RtpTime> {
        self.offset.map(|offset| timestamp.plus(offset.wrapping_sub(self.skew)))
    }

    /// What is added to the present origin's timestamps, once known.
    pub(super) const fn offset(&self) -> Option<u32> {
        self.offset
    }

    /// Where the clock stands by the time that has passed since the newest packet.
    fn continued(&self, clock: ClockRate, now: Instant) -> RtpTime {
        self.newest.map_or(self.start, |(newest, at)| {
            // At least one tick: a frame of the new origin must not look like part of the old one's.
            newest.plus(clock.ticks(now.saturating_duration_since(at)).max(1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn an_aligned_origin_is_exact_unless_the_clock_would_go_back() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let (mut timeline, clock) = (Timeline::new(RtpTime::new(1_000)), ClockRate::VIDEO);
        timeline.map(RtpTime::new(0), clock, start);
        let later = start + Duration::from_millis(40);
        timeline.switch_to(RtpTime::new(70), Some(RtpTime::new(4_000)), clock, later);
        assert_eq!(timeline.map(RtpTime::new(70), clock, later), RtpTime::new(4_000), "not 4600, by arrival");
        timeline.switch_to(RtpTime::new(9), Some(RtpTime::new(3_990)), clock, later);
        assert_eq!(timeline.mapped(RtpTime::new(9)), Some(RtpTime::new(4_001)), "forward");
        assert_eq!(timeline.unskewed(RtpTime::new(9)), Some(RtpTime::new(3_990)), "where it belongs");
        timeline.switch_to(RtpTime::new(9), Some(RtpTime::new(4_000 + 5 * 90_000)), clock, later);
        assert_eq!(timeline.mapped(RtpTime::new(9)), Some(RtpTime::new(4_001)), "another clock");
    }
}
