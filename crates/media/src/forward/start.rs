//! How an outgoing video stream begins: with a keyframe, as soon as there is one to be had.
//!
//! A sink that is connected, or whose transport has come up, has nothing to decode deltas from. It begins with
//! a replay of the source's newest keyframe and all since, or with an older picture alone, and else waits for
//! the next keyframe. Its packets come from the source's ring, in bursts, until it has caught up; they are
//! planned, sealed and repaired like any other.

use super::keyframe_cache::Start;
use super::sink::Sink;
use super::source::{Fresh, Source};
use crate::pipeline::MediaKind;
use crate::rtp::{ExtSeq, RtpTime};
use std::time::{Duration, Instant};

/// Packets of one sink's replay that leave at once, and the pause between two such bursts: 50 Mbit/s, which a
/// second of ordinary video crosses in 50 ms and no queue on the way notices for long.
pub(super) const BURST_PACKETS: usize = 32;
pub(super) const BURST_PAUSE: Duration = Duration::from_millis(5);
/// Packets of all replays together in one fan-out: some milliseconds of work, so that a storm of joins does
/// not hold up live media. Who came first is served first.
pub(super) const BURSTS_PACKETS_MAX: usize = 2_048;
/// A source whose keyframes are not recognised (encrypted end to end, refreshed bit by bit) is forwarded as it
/// is after this long.
const WAIT_MAX: Duration = Duration::from_secs(3);
/// A sink that has not caught up after this long has a path that is too slow for it to ever do so, and waits
/// for the next keyframe.
const CATCH_UP_MAX: Duration = Duration::from_secs(2);

/// Where an outgoing stream stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    /// It takes what arrives.
    Live,
    /// It takes nothing before a keyframe that begins at `earliest` or later.
    Waiting { earliest: ExtSeq, since: Option<Instant> },
    /// It takes what the ring holds from `next` on: up to `still.end`, or until it is live.
    CatchingUp { next: ExtSeq, still: Option<Still>, since: Instant, due: Instant },
}

/// One picture to show while the stream waits for the next keyframe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Still {
    end: ExtSeq,
    /// Of the wait after it.
    earliest: ExtSeq,
}

/// Where a sink takes its first packet from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beginning {
    pub(super) phase: Phase,
    /// The first number that it takes.
    pub(super) first_in: ExtSeq,
    /// What is live, where what it takes first is not.
    pub(super) live: Option<RtpTime>,
    /// The source is to be asked for a keyframe.
    pub(super) ask: bool,
}

impl Beginning {
    /// Whether it begins with all that has come since a keyframe.
    pub(super) const fn is_replay(&self) -> bool {
        matches!(self.phase, Phase::CatchingUp { still: None, .. })
    }

    /// Whether it begins with packets from the ring.
    pub(super) const fn is_burst(&self) -> bool {
        matches!(self.phase, Phase::CatchingUp { .. })
    }

    /// Without the picture to show meanwhile, for those who have seen newer ones.
    pub(super) const fn without_still(self) -> Self {
        match self.phase {
            Phase::CatchingUp { still: Some(Still { earliest, .. }), .. } => {
                let phase = Phase::Waiting { earliest, since: None };
                Self { phase, first_in: earliest, live: None, ask: self.ask }
            }
            _ => self,
        }
    }

    /// With the packet `first_in`, which is as good as live.
    pub(super) const fn at(first_in: ExtSeq, now: Instant) -> Self {
        let phase = Phase::CatchingUp { next: first_in, still: None, since: now, due: now };
        Self { phase, first_in, live: None, ask: false }
    }
}

impl Source {
    /// Where the next keyframe begins at the earliest, for a sink that has another picture until then, and
    /// whether it is to be asked for.
    pub(super) fn next_keyframe(&self, now: Instant) -> (ExtSeq, bool) {
        match self.start(now) {
            Start::Replay { .. } => (self.next_index(), true),
            Start::Wait { earliest, ask, .. } => (earliest, ask),
        }
    }

    /// How a sink begins with this source at `now`. Audio begins with what arrives next.
    pub(super) fn beginning(&self, now: Instant) -> Beginning {
        let next = self.next_index();
        let catching_up = |next, still| Phase::CatchingUp { next, still, since: now, due: now };
        if self.kind == MediaKind::Audio {
            return Beginning { phase: Phase::Live, first_in: next, live: None, ask: false };
        }
        let live = self.newest_timestamp();
        match self.start(now) {
            Start::Replay { from } => {
                Beginning { phase: catching_up(from, None), first_in: from, live, ask: false }
            }
            // A source that has ceased shows nothing: its last picture is not what is.
            Start::Wait { still: Some((from, end)), earliest, ask } if self.flow.flowing => {
                let still = Some(Still { end, earliest });
                Beginning { phase: catching_up(from, still), first_in: from, live, ask }
            }
            Start::Wait { earliest, ask, .. } => Beginning {
                phase: Phase::Waiting { earliest, since: None },
                first_in: earliest,
                live: None,
                ask: ask && self.flow.flowing,
            },
        }
    }
}

impl Sink {
    pub(super) const fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live)
    }

    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.phase, Phase::Waiting { .. })
    }

    /// Whether a packet comes too late for the rest of its replay.
    pub(super) fn has_passed(&self, index: ExtSeq) -> bool {
        matches!(self.phase, Phase::CatchingUp { next, .. } if index < next)
    }

    /// When its next burst is due, while it catches up.
    pub(super) const fn burst_due(&self) -> Option<Instant> {
        match self.phase {
            Phase::CatchingUp { due, .. } => Some(due),
            Phase::Live | Phase::Waiting { .. } => None,
        }
    }

    /// Lets the next burst wait its pause.
    pub(super) fn end_burst(&mut self, now: Instant) {
        if let Phase::CatchingUp { due, .. } = &mut self.phase
            && *due <= now
        {
            *due = now + BURST_PAUSE;
        }
    }

    /// The next packet from the ring, for a sink that is not live; `None` when there is none for now.
    pub(super) fn next_to_catch_up(&mut self, source: &Source, now: Instant) -> Option<Fresh> {
        loop {
            match &mut self.phase {
                Phase::Live => return None,
                Phase::Waiting { earliest, since } => {
                    let keyframe = source.keyframes.begin(now).filter(|begin| *begin >= *earliest);
                    let waited = now.saturating_duration_since(*since.get_or_insert(now));
                    let next = match (keyframe, source.newest_fresh()) {
                        (Some(begin), _) => begin,
                        (None, Some(newest)) if waited >= WAIT_MAX && newest >= *earliest => newest,
                        _ => return None,
                    };
                    self.phase = Phase::CatchingUp { next, still: None, since: now, due: now };
                    self.go_on_from(next);
                }
                Phase::CatchingUp { since, .. } if now.saturating_duration_since(*since) > CATCH_UP_MAX => {
                    self.phase = Phase::Waiting { earliest: source.next_index(), since: None };
                }
                Phase::CatchingUp { next, still, due, .. } => {
                    let end = still.map_or_else(|| source.next_index(), |still| still.end);
                    while *next < end {
                        let index = *next;
                        if *due > now {
                            return None;
                        }
                        *next = index.next();
                        if let Some(fresh) = source.again(index) {
                            return Some(fresh);
                        }
                    }
                    self.phase = match still {
                        Some(still) => Phase::Waiting { earliest: still.earliest, since: None },
                        None => Phase::Live,
                    };
                }
            }
        }
    }
}
