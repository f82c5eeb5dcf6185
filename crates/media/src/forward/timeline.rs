//! RTP timestamps across changes of their origin.

use crate::rtp::{ClockRate, RtpTime};
use std::time::{Duration, Instant};

/// How much faster a replay's clock runs than the stream's: a second becomes 16 ms, frames of 30 in a second
/// stay half a millisecond apart. Its receiver holds them for a live stream that starts with a burst, and
/// decodes them as fast as it can.
const REPLAY_SPEED: u32 = 64;
/// No packet of a replay is further behind live than this, a second of video; a still picture counts as just
/// before that.
pub(super) const REPLAY_TICKS_MAX: u32 = 90_000;
/// So far behind live nothing of a replay is asked for any more: hours, and half of what tells before from
/// after.
const REPLAY_OVER: u32 = 1 << 30;

/// How far what sender reports say may be from what arrival times say. Paths and encoders delay streams of
/// one publisher by less; beyond it the reports are of different clocks.
const ALIGNED_WITHIN: Duration = Duration::from_secs(1);

/// Carries timestamps of successive origins (a source's SSRCs, a sink's sources) over to one clock that
/// only goes forward. Within one origin the difference is constant, so sender reports carry over exactly.
#[derive(Debug)]
pub(super) struct Timeline {
    /// What becomes of incoming timestamps; `None` until the present origin's first packet.
    origin: Option<Origin>,
    /// How far the present origin is ahead of where its sender reports put it.
    skew: u32,
    start: RtpTime,
    newest: Option<(RtpTime, Instant)>,
}

/// What becomes of the timestamps of one origin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    offset: u32,
    /// What was live when its replay began: earlier timestamps are drawn up to it.
    live: Option<RtpTime>,
}

impl Timeline {
    /// The first packet will have the timestamp `start`.
    pub(super) const fn new(start: RtpTime) -> Self {
        Self { origin: None, skew: 0, start, newest: None }
    }

    /// Forgets the origin; the next packet's timestamp continues by the time that has passed.
    pub(super) const fn switch(&mut self) {
        self.origin = None;
    }

    /// Continues with another origin, whose first packet has `timestamp`; those before `live` are a replay,
    /// which has to catch up with it. `aligned` is what is added to its timestamps where the clocks of both
    /// are known to be one; it holds unless the clock would go back or jump.
    pub(super) fn switch_to(
        &mut self,
        timestamp: RtpTime,
        live: Option<RtpTime>,
        aligned: Option<u32>,
        clock: ClockRate,
        now: Instant,
    ) {
        let timestamp = Origin { offset: 0, live }.map(timestamp);
        let passed = self.continued(clock, now);
        let near = |aligned: &RtpTime| {
            let (ahead, behind) = (aligned.wrapping_since(passed), passed.wrapping_since(*aligned));
            clock.duration(ahead.min(behind)) <= ALIGNED_WITHIN
        };
        let aligned = aligned.map(|offset| timestamp.plus(offset)).filter(near);
        let mut start = aligned.unwrap_or(passed);
        if let Some((newest, _)) = self.newest
            && !start.is_after(newest)
        {
            start = newest.plus(1);
        }
        self.skew = aligned.map_or(0, |aligned| start.wrapping_since(aligned));
        self.origin = Some(Origin { offset: start.wrapping_since(timestamp), live });
    }

    /// The timestamp that `timestamp` becomes for a packet handled at `now`.
    pub(super) fn map(&mut self, timestamp: RtpTime, clock: ClockRate, now: Instant) -> RtpTime {
        let mut origin = match self.origin {
            Some(origin) => origin,
            None => Origin { offset: self.continued(clock, now).wrapping_since(timestamp), live: None },
        };
        let over =
            |live: &RtpTime| timestamp.is_after(*live) && timestamp.wrapping_since(*live) > REPLAY_OVER;
        origin.live = origin.live.filter(|live| !over(live));
        self.origin = Some(origin);
        let mapped = origin.map(timestamp);
        if self.newest.is_none_or(|(newest, _)| mapped.is_after(newest)) {
            self.newest = Some((mapped, now));
        }
        mapped
    }

    /// The timestamp that `timestamp` becomes by the present origin's offset, once there is one.
    pub(super) fn mapped(&self, timestamp: RtpTime) -> Option<RtpTime> {
        self.origin.map(|origin| timestamp.plus(origin.offset))
    }

    /// [`Self::mapped`] for a packet that was mapped before: it has the timestamp that it had then.
    pub(super) fn mapped_again(&self, timestamp: RtpTime) -> Option<RtpTime> {
        self.origin.map(|origin| origin.map(timestamp))
    }

    /// [`Self::mapped`] as if the present origin had not had to wait for the clock: what the next one is
    /// aligned to, so that waits do not add up.
    pub(super) fn unskewed(&self, timestamp: RtpTime) -> Option<RtpTime> {
        self.mapped(timestamp).map(|mapped| RtpTime::new(mapped.wire().wrapping_sub(self.skew)))
    }

    /// The newest timestamp so far.
    pub(super) fn newest(&self) -> Option<RtpTime> {
        self.newest.map(|(newest, _)| newest)
    }

    /// What is added to the present origin's timestamps, once known.
    pub(super) fn offset(&self) -> Option<u32> {
        self.origin.map(|origin| origin.offset)
    }

    /// What becomes of the present origin's timestamps, once known.
    pub(super) const fn origin(&self) -> Option<Origin> {
        self.origin
    }

    /// Where the clock stands by the time that has passed since the newest packet.
    fn continued(&self, clock: ClockRate, now: Instant) -> RtpTime {
        self.newest.map_or(self.start, |(newest, at)| {
            // At least one tick: a frame of the new origin must not look like part of the old one's.
            newest.plus(clock.ticks(now.saturating_duration_since(at)).max(1))
        })
    }
}

impl Origin {
    /// What a timestamp of this origin becomes.
    pub(super) fn map(self, timestamp: RtpTime) -> RtpTime {
        let caught_up = match self.live.filter(|live| live.is_after(timestamp)) {
            Some(live) => {
                let behind = live.wrapping_since(timestamp).min(REPLAY_TICKS_MAX + REPLAY_SPEED);
                live.plus((behind / REPLAY_SPEED).wrapping_neg())
            }
            None => timestamp,
        };
        caught_up.plus(self.offset)
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

    // covers: issue 4 "its timestamps compressed to live"
    #[test]
    fn a_replay_catches_up_with_live_and_the_clock_relation_is_lives() {
        let now = Instant::now(); // clock: an origin, never compared with the present
        let mut timeline = Timeline::new(RtpTime::new(0));
        let clock = ClockRate::VIDEO;
        let before = timeline.map(RtpTime::new(5), clock, now);
        let live = RtpTime::new(60_000);
        let frames: Vec<_> =
            (0..20).map(|frame| RtpTime::new(u32::MAX - 29_999).plus(frame * 3_000)).collect();
        timeline.switch_to(frames[0], Some(live), None, clock, now);
        let mapped: Vec<_> = frames.iter().map(|frame| timeline.map(*frame, clock, now)).collect();
        assert!(mapped[0].is_after(before));
        assert!(mapped.windows(2).all(|pair| pair[1].is_after(pair[0])));
        let (first, last) = (mapped[0], timeline.map(live, clock, now));
        assert!(last.wrapping_since(first) <= 90_000 / 64, "{first:?} to {last:?}");
        assert_eq!(timeline.map(live.plus(3_000), clock, now), last.plus(3_000), "live goes at its own pace");
        assert_eq!(timeline.mapped_again(frames[3]), Some(mapped[3]));
        let relation = timeline.mapped(live.plus(0u32.wrapping_sub(900)));
        assert_eq!(relation, Some(last.plus(0u32.wrapping_sub(900))), "reports know no replay");
        timeline.map(live.plus(REPLAY_OVER + 1), clock, now);
        assert_eq!(timeline.mapped_again(live.plus(1 << 31)), Some(last.plus(1 << 31)), "after half a wrap");
    }

    #[test]
    fn an_aligned_origin_is_exact_unless_the_clock_would_go_back() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let (mut timeline, clock) = (Timeline::new(RtpTime::new(1_000)), ClockRate::VIDEO);
        timeline.map(RtpTime::new(0), clock, start);
        let later = start + Duration::from_millis(40);
        timeline.switch_to(RtpTime::new(70), None, Some(3_930), clock, later);
        assert_eq!(timeline.map(RtpTime::new(70), clock, later), RtpTime::new(4_000), "not 4600, by arrival");
        timeline.switch_to(RtpTime::new(9), None, Some(3_981), clock, later);
        assert_eq!(timeline.mapped(RtpTime::new(9)), Some(RtpTime::new(4_001)), "forward");
        assert_eq!(timeline.unskewed(RtpTime::new(9)), Some(RtpTime::new(3_990)), "where it belongs");
        timeline.switch_to(RtpTime::new(9), None, Some(4_000 + 5 * 90_000), clock, later);
        assert_eq!(timeline.mapped(RtpTime::new(9)), Some(RtpTime::new(4_001)), "another clock");
    }
}
