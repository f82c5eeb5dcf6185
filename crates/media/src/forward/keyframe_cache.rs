//! Where a new subscriber can begin: what a source still has of its newest keyframe and all since.

use super::repair::RepairRing;
use super::timeline::REPLAY_TICKS_MAX;
use super::window::ReceiveWindow;
use crate::rtp::{ExtSeq, RtpTime};
use std::time::{Duration, Instant};

/// A replay longer than this takes the subscriber's decoder longer to work off than a new keyframe takes to
/// come.
const REPLAY_MAX: Duration = Duration::from_secs(1);
/// How old a picture may be that is shown until the new one is there: of a stream that people watch, one
/// that surprises nobody.
const STILL_MAX: Duration = Duration::from_secs(30);

/// The newest keyframe of one source. Its packets lie in the ring, those of its picture also beside it
/// (`pinned.rs`), so it holds two numbers only.
#[derive(Debug, Default)]
pub(super) struct KeyframeCache {
    newest: Option<Keyframe>,
    /// The newest timestamp of any packet.
    live: Option<RtpTime>,
}

#[derive(Clone, Copy, Debug)]
struct Keyframe {
    begin: ExtSeq,
    timestamp: RtpTime,
    at: Instant,
    /// The last packet of its picture, once that has come.
    last: Option<ExtSeq>,
    pinned: bool,
}

/// How a subscriber that has nothing yet begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Start {
    /// With everything from this number on.
    Replay {
        /// The keyframe's first packet.
        from: ExtSeq,
    },
    /// With one picture if there is one, and then with the next keyframe.
    Wait {
        /// The picture's first number, and the one after its last.
        still: Option<(ExtSeq, ExtSeq)>,
        /// The keyframe is one that begins here or later.
        earliest: ExtSeq,
        /// It is to be asked for. One that is arriving need not be.
        ask: bool,
    },
}

impl KeyframeCache {
    /// Notes a stored packet of video by its number, its time on the source's clock, what begins with it and
    /// whether it ends its picture. The answer is the newest keyframe's picture when this made it whole: its
    /// first number, the one after its last, and when it came.
    pub(super) fn note(
        &mut self,
        index: ExtSeq,
        timestamp: RtpTime,
        begins_keyframe: bool,
        ends_picture: bool,
        window: &ReceiveWindow,
        now: Instant,
    ) -> Option<(ExtSeq, ExtSeq, Instant)> {
        if self.live.is_none_or(|live| timestamp.is_after(live)) {
            self.live = Some(timestamp);
        }
        if begins_keyframe {
            match &mut self.newest {
                // One picture may say so in several packets: parameter sets, slices, spatial layers.
                Some(newest) if newest.timestamp == timestamp => newest.begin = newest.begin.min(index),
                Some(newest) if newest.begin > index => {}
                newest => {
                    *newest = Some(Keyframe { begin: index, timestamp, at: now, last: None, pinned: false });
                }
            }
        }
        let newest = self.newest.as_mut().filter(|newest| newest.timestamp == timestamp && !newest.pinned)?;
        if ends_picture {
            newest.last = Some(index);
        }
        let end = newest.last?.next();
        newest.pinned = window.has_all(newest.begin, end);
        newest.pinned.then_some((newest.begin, end, newest.at))
    }

    /// Forgets it: what comes now is another stream, which does not go on from it.
    pub(super) const fn clear(&mut self) {
        (self.newest, self.live) = (None, None);
    }

    /// Where the newest keyframe begins, if it is young enough to go on from.
    pub(super) fn begin(&self, now: Instant) -> Option<ExtSeq> {
        self.young(now).map(|newest| newest.begin)
    }

    /// How a subscriber begins at `now`.
    pub(super) fn start(&self, ring: &RepairRing, window: &ReceiveWindow, now: Instant) -> Start {
        let young = self.young(now);
        if let Some(Keyframe { begin: from, .. }) = young
            && window.has_all(from, window.next())
            && ring.reaches(from)
        {
            return Start::Replay { from };
        }
        let arriving = young.filter(|newest| !newest.pinned).map(|newest| newest.begin);
        let picture = ring.pinned.picture();
        let still = picture.filter(|(_, _, at)| now.saturating_duration_since(*at) <= STILL_MAX);
        Start::Wait {
            still: still.map(|(from, end, _)| (from, end)),
            // A later one, even if its first packet is the last to come.
            earliest: arriving.or(self.newest.map(|newest| newest.begin.next())).unwrap_or(ExtSeq::new(0)),
            ask: arriving.is_none(),
        }
    }

    /// The newest keyframe, if that is young by its arrival and by its publisher's clock: it may have come
    /// late.
    fn young(&self, now: Instant) -> Option<Keyframe> {
        let behind = |keyframe: Keyframe| self.live.map_or(0, |live| live.wrapping_since(keyframe.timestamp));
        self.newest.filter(|newest| {
            now.saturating_duration_since(newest.at) <= REPLAY_MAX && behind(*newest) <= REPLAY_TICKS_MAX
        })
    }
}
