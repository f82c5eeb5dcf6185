//! RTP timestamps across changes of their origin.

use crate::rtp::{ClockRate, RtpTime};
use std::time::Instant;

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

/// Carries timestamps of successive origins (a source's SSRCs, a sink's sources) over to one clock that
/// only goes forward. Within one origin the difference is constant, so sender reports carry over exactly.
#[derive(Debug)]
pub(super) struct Timeline {
    /// Added to incoming timestamps; `None` until the present origin's first packet.
    offset: Option<u32>,
    start: RtpTime,
    newest: Option<(RtpTime, Instant)>,
    /// What was live when the present origin's replay began: earlier timestamps are drawn up to it.
    live: Option<RtpTime>,
}

impl Timeline {
    /// The first packet will have the timestamp `start`.
    pub(super) const fn new(start: RtpTime) -> Self {
        Self { offset: None, start, newest: None, live: None }
    }

    /// Forgets the origin; the next packet's timestamp continues by the time that has passed.
    pub(super) const fn switch(&mut self) {
        self.offset = None;
        self.live = None;
    }

    /// After [`Self::switch`]: the packets from before `live` are a replay, which has to catch up with it.
    pub(super) const fn replay_until(&mut self, live: RtpTime) {
        self.live = Some(live);
    }

    /// The timestamp that `timestamp` becomes for a packet handled at `now`.
    pub(super) fn map(&mut self, timestamp: RtpTime, clock: ClockRate, now: Instant) -> RtpTime {
        if self
            .live
            .is_some_and(|live| timestamp.is_after(live) && timestamp.wrapping_since(live) > REPLAY_OVER)
        {
            self.live = None;
        }
        let timestamp = self.caught_up(timestamp);
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

    /// [`Self::mapped`] for a packet that was mapped before: it has the timestamp that it had then.
    pub(super) fn mapped_again(&self, timestamp: RtpTime) -> Option<RtpTime> {
        self.mapped(self.caught_up(timestamp))
    }

    fn caught_up(&self, timestamp: RtpTime) -> RtpTime {
        let Some(live) = self.live.filter(|live| live.is_after(timestamp)) else { return timestamp };
        let behind = live.wrapping_since(timestamp).min(REPLAY_TICKS_MAX + REPLAY_SPEED);
        live.plus((behind / REPLAY_SPEED).wrapping_neg())
    }

    /// The newest timestamp so far.
    pub(super) fn newest(&self) -> Option<RtpTime> {
        self.newest.map(|(newest, _)| newest)
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

    // covers: issue 4 "its timestamps compressed to live"
    #[test]
    fn a_replay_catches_up_with_live_and_the_clock_relation_is_lives() {
        let now = Instant::now(); // clock: an origin, never compared with the present
        let mut timeline = Timeline::new(RtpTime::new(0));
        let clock = ClockRate::VIDEO;
        let before = timeline.map(RtpTime::new(5), clock, now);
        timeline.switch();
        let live = RtpTime::new(60_000);
        timeline.replay_until(live);
        let frames: Vec<_> =
            (0..20).map(|frame| RtpTime::new(u32::MAX - 29_999).plus(frame * 3_000)).collect();
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
}
