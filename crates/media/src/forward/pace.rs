//! When what waits for one peer may leave: a bounded queue, and a rate that lets it out in short bursts.
//!
//! While a peer's path carries well more than it is sent, nothing waits: its packets leave in the tick in
//! which they came, spaced by their publisher. Only where the estimate is near what is sent do they pass
//! through here. What waits are references into the sources' rings with their final numbers; headers are
//! written, with their transport-wide numbers, when a packet leaves.

use super::congestion::{Probe, ProbeId};
use super::sink::Planned;
use crate::codec::FrameInfo;
use crate::id::{SinkId, SourceId};
use crate::rtp::Bitrate;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The most that leaves at once, as time at the release rate. It is also the least pause between two
/// wake-ups for one peer.
pub(super) const BURST: Duration = Duration::from_millis(5);
/// Packets that may wait for one peer: as many as a ring of video holds.
const WAITING_MAX: usize = 1_024;
/// How long a packet may wait. A conversation has no use for what is later than this, and whoever falls
/// behind that far is sent too much.
const AGE_MAX: Duration = Duration::from_secs(1);
/// After this long what waits gives way to a keyframe that waits behind it.
const AGE_SKIP: Duration = Duration::from_millis(250);
/// Debt beyond this is forgiven: it stems from a rate that no longer holds, or from audio, which never waits.
const DEBT_MAX: Duration = Duration::from_millis(200);
/// The release rate relative to the estimate. A little above it, so that what waits drains, while the path's
/// own queue hardly grows.
const RATE_PERCENT: u64 = 110;
/// Below this ratio of estimate to what is sent packets pass through the queue, in percent, and above the
/// other they do not any more. An estimate is rarely more than 1.5 times what is sent, since no more is
/// proved by it.
const HELD_BELOW_PERCENT: u64 = 125;
const FREE_ABOVE_PERCENT: u64 = 140;

/// The queue and the rate of one peer.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    /// In the order of arrival. Each fan-out drops what [`Self::overdue`] names, so it holds [`WAITING_MAX`]
    /// packets and what one batch brings at most.
    waiting: VecDeque<Waiting>,
    held: bool,
    rate: Bitrate,
    /// When what has left will have gone by at the rate.
    clear: Option<Instant>,
    due: Option<Instant>,
    /// The next fan-out lets out what waits, whatever `due` says.
    ready: bool,
    burst: Option<Burst>,
    /// The forwarder looks at this peer in each fan-out.
    listed: bool,
}

/// A packet that leaves when its turn comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) sink: SinkId,
    /// In whose ring it lies.
    pub(super) source: SourceId,
    pub(super) planned: Planned,
    pub(super) part: FramePart,
    pub(super) since: Instant,
}

/// What a packet is of its frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct FramePart {
    pub(super) begins_keyframe: bool,
    pub(super) begins: bool,
    pub(super) ends: bool,
}

/// A probe that is being sent.
#[derive(Clone, Copy, Debug)]
struct Burst {
    id: ProbeId,
    rate: Bitrate,
    left: u64,
}

/// What of the queue has to go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Overdue {
    pub(super) sink: SinkId,
    /// The place of the keyframe that its decoder can go on with; `None` where none waits.
    pub(super) keyframe: Option<usize>,
}

impl Pacer {
    /// Follows what the path carries, of which `sent` is used.
    pub(super) fn follow(&mut self, estimate: Bitrate, sent: Bitrate) {
        self.rate = estimate.percent(RATE_PERCENT);
        let bound = if self.held { FREE_ABOVE_PERCENT } else { HELD_BELOW_PERCENT };
        self.held = estimate < sent.percent(bound);
    }

    /// Whether new packets have to wait for their turn.
    pub(super) fn holds_back(&self) -> bool {
        self.held || !self.waiting.is_empty()
    }

    /// Puts a packet at the end.
    pub(super) fn push(&mut self, waiting: Waiting) {
        self.waiting.push_back(waiting);
    }

    /// Begins a probe. One that is under way is given up.
    pub(super) fn begin(&mut self, probe: Probe, now: Instant) {
        self.burst = Some(Burst { id: probe.id, rate: probe.bitrate, left: probe.bytes });
        self.clear = None;
        self.be_ready(now);
    }

    /// Gives up the probe: there is nothing to fill it with.
    pub(super) const fn end_burst(&mut self) {
        self.burst = None;
    }

    /// The probe that what leaves now is part of.
    pub(super) fn probe(&self) -> Option<ProbeId> {
        self.burst.map(|burst| burst.id)
    }

    /// Whether it is this peer's turn.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.ready || self.due.is_none_or(|due| due <= now)
    }

    /// Whether the rate allows one more packet.
    pub(super) fn admits(&self, now: Instant) -> bool {
        self.clear.is_none_or(|clear| clear.saturating_duration_since(now) < BURST)
    }

    /// Notes what left, whether it waited or not.
    pub(super) fn charge(&mut self, bytes: u64, now: Instant) {
        if self.burst.is_none() && !self.holds_back() {
            return;
        }
        let rate = match &mut self.burst {
            Some(burst) => {
                let rate = burst.rate;
                burst.left = burst.left.saturating_sub(bytes);
                if burst.left == 0 {
                    self.burst = None;
                }
                rate
            }
            None => self.rate,
        };
        let from = self.clear.map_or(now, |clear| clear.max(now));
        self.clear = Some((from + rate.time_for(bytes)).min(now + DEBT_MAX));
    }

    /// Takes the first.
    pub(super) fn take(&mut self) -> Option<Waiting> {
        self.waiting.pop_front()
    }

    /// Whether something waits in the queue, or a probe is to be filled.
    pub(super) fn is_busy(&self) -> bool {
        !self.waiting.is_empty() || self.burst.is_some()
    }

    /// Ends a turn, and sets the next when all that went has gone by; none while nothing waits.
    pub(super) fn rest(&mut self, waits: bool, now: Instant) {
        self.ready = false;
        self.listed = waits;
        self.due = waits.then(|| self.clear.map_or(now + BURST, |clear| clear.max(now + BURST)));
    }

    /// Enters the peer with this key into the list of those that the next fan-outs look at.
    pub(super) fn enlist(&mut self, key: u64, list: &mut Vec<u64>) {
        if !self.listed {
            self.listed = true;
            list.push(key);
        }
    }

    /// The timer has come: the next fan-out, which a worker runs at once, lets out what waits.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.due.is_some_and(|due| due <= now) {
            self.be_ready(now);
        }
    }

    fn be_ready(&mut self, now: Instant) {
        self.ready = true;
        self.due = Some(now + BURST);
    }

    pub(super) const fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// The stream that has waited too long at the front, and where it can go on. Whole frames are dropped, up
    /// to a keyframe: what lies between could not be decoded anyway.
    pub(super) fn overdue(&self, now: Instant) -> Option<Overdue> {
        let front = self.waiting.front()?;
        let age = now.saturating_duration_since(front.since);
        let is_full = self.waiting.len() >= WAITING_MAX;
        if age <= AGE_SKIP && !is_full {
            return None;
        }
        let begins = |waiting: &Waiting| waiting.sink == front.sink && waiting.part.begins_keyframe;
        // The front itself is no place to skip to, and a keyframe that comes late is better than a new one.
        let keyframe = self.waiting.iter().rposition(begins).filter(|place| *place > 0);
        let is_over = is_full || age > AGE_MAX && !begins(front);
        (is_over || keyframe.is_some()).then_some(Overdue { sink: front.sink, keyframe })
    }

    /// Takes the overdue packets out, but for the rest of a frame that has begun to leave (`in_frame`).
    /// `drop` is told each one in order.
    pub(super) fn shed(&mut self, overdue: Overdue, mut in_frame: bool, mut drop: impl FnMut(&Waiting)) {
        let mut place = 0;
        self.waiting.retain(|waiting| {
            let before = overdue.keyframe.is_none_or(|keyframe| place < keyframe);
            place += 1;
            if waiting.sink != overdue.sink || !before {
                return true;
            }
            in_frame &= !waiting.part.begins;
            if in_frame {
                in_frame = !waiting.part.ends;
                return true;
            }
            drop(waiting);
            false
        });
    }

    /// Takes out all of one sink: it has another source now, or none. `drop` is told each one in order.
    pub(super) fn clear(&mut self, sink: SinkId, mut drop: impl FnMut(&Waiting)) {
        self.waiting.retain(|waiting| {
            let is_other = waiting.sink != sink;
            if !is_other {
                drop(waiting);
            }
            is_other
        });
    }
}

impl FramePart {
    pub(super) fn of(frame: Option<FrameInfo>) -> Self {
        frame.map_or(Self::default(), |frame| Self {
            begins_keyframe: frame.begins_keyframe,
            begins: frame.begins_frame,
            ends: frame.ends_frame,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::rewrite::PictureShift;
    use crate::forward::tests::parameters::pt;
    use crate::rtp::{ExtSeq, RtpTime};
    use proptest::prelude::*;

    const SINK: SinkId = SinkId::new(1);
    const BYTES: u64 = 1_000;

    fn held(estimate: u64) -> Pacer {
        let mut pacer = Pacer::default();
        let estimate = Bitrate::bps(estimate);
        pacer.follow(estimate, estimate);
        pacer
    }

    /// The packet with this number, of a frame of three of which every tenth is a keyframe.
    fn packet(number: u64, since: Instant) -> Waiting {
        let (frame, place) = (number / 3, number % 3);
        let planned = Planned {
            out: ExtSeq::new(number),
            payload_type: pt(96),
            timestamp: RtpTime::new(frame as u32 * 3_000),
            shift: PictureShift::default(),
            stored: Some(ExtSeq::new(number)),
            padding: 0,
        };
        let begins = place == 0;
        let part = FramePart { begins_keyframe: begins && frame % 10 == 0, begins, ends: place == 2 };
        Waiting { sink: SINK, source: SourceId::new(1), planned, part, since }
    }

    fn numbers(pacer: &Pacer) -> Vec<u64> {
        pacer.waiting.iter().map(|waiting| waiting.planned.out.value()).collect()
    }

    fn shed(pacer: &mut Pacer, in_frame: bool, now: Instant) -> Vec<u64> {
        let mut dropped = Vec::new();
        if let Some(overdue) = pacer.overdue(now) {
            pacer.shed(overdue, in_frame, |waiting| dropped.push(waiting.planned.out.value()));
        }
        dropped
    }

    #[test]
    fn only_a_path_that_is_nearly_full_holds_back() {
        let mut pacer = Pacer::default();
        assert!(!pacer.holds_back());
        let sent = Bitrate::bps(1_000_000);
        for (estimate, holds) in
            [(1_500, false), (1_300, false), (1_200, true), (1_300, true), (1_450, false)]
        {
            pacer.follow(Bitrate::bps(estimate * 1_000), sent);
            assert_eq!(pacer.holds_back(), holds, "{estimate} kbit/s");
        }
        pacer.follow(Bitrate::bps(500_000), sent);
        let now = Instant::now(); // clock: an origin, never compared with the present
        pacer.push(packet(0, now));
        pacer.follow(Bitrate::bps(9_000_000), sent);
        assert!(pacer.holds_back(), "nothing overtakes what waits");
        pacer.take();
        assert!(!pacer.holds_back());
    }

    #[test]
    fn what_is_late_gives_way_to_a_keyframe_in_whole_frames() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut pacer = held(500_000);
        for number in 16..38 {
            pacer.push(packet(number, start));
        }
        assert_eq!(shed(&mut pacer, true, start + AGE_SKIP), [0; 0], "not late yet");
        let dropped = shed(&mut pacer, true, start + AGE_SKIP + BURST);
        assert_eq!(dropped, (18..30).collect::<Vec<_>>(), "the frame that has begun to leave ends");
        assert_eq!(numbers(&pacer), [16, 17, 30, 31, 32, 33, 34, 35, 36, 37]);
    }

    #[test]
    fn what_is_too_late_goes_when_no_keyframe_waits() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut pacer = held(500_000);
        for number in 3..12 {
            pacer.push(packet(number, start));
        }
        assert_eq!(shed(&mut pacer, false, start + AGE_MAX), [0; 0]);
        let other = Waiting { sink: SinkId::new(2), ..packet(0, start + AGE_MAX) };
        pacer.push(other);
        assert_eq!(shed(&mut pacer, false, start + AGE_MAX + BURST).len(), 9);
        assert_eq!(numbers(&pacer), [0], "another stream's stays");
    }

    #[test]
    fn a_late_keyframe_is_kept_until_the_queue_is_full() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut pacer = held(500_000);
        for number in 0..9 {
            pacer.push(packet(number, start));
        }
        let later = start + 2 * AGE_MAX;
        assert_eq!(pacer.overdue(later), None);
        for number in 9..WAITING_MAX as u64 {
            pacer.push(packet(if number % 3 == 0 { 9 } else { 10 + number % 2 }, start));
        }
        assert_eq!(shed(&mut pacer, false, later).len(), WAITING_MAX);
    }

    proptest! {
        /// Packets come in bursts; the queue is served at its own times and whenever a burst comes.
        #[test]
        fn what_leaves_is_in_order_at_the_rate_and_woken_for_seldom(
            estimate in 200_000u64..8_000_000,
            bursts in proptest::collection::vec((1u64..12, 0u64..60), 1..60),
        ) {
            let start = Instant::now(); // clock: an origin, never compared with the present
            let mut pacer = held(estimate);
            let rate = pacer.rate;
            let (mut now, mut number) = (start, 0);
            let mut left: Vec<(Instant, u64)> = Vec::new();
            let mut turns = Vec::new();
            let mut serve = |pacer: &mut Pacer, now: Instant| {
                if !pacer.is_due(now) {
                    return;
                }
                while pacer.admits(now) && let Some(waiting) = pacer.take() {
                    pacer.charge(BYTES, now);
                    left.push((now, waiting.planned.out.value()));
                }
                pacer.rest(pacer.is_busy(), now);
            };
            for (packets, pause) in bursts {
                for _ in 0..packets {
                    pacer.push(packet(number, now));
                    number += 1;
                }
                serve(&mut pacer, now);
                let until = now + Duration::from_millis(pause);
                while let Some(due) = pacer.poll_timeout().filter(|due| *due <= until) {
                    turns.push(due);
                    serve(&mut pacer, due);
                }
                now = until;
            }
            while let Some(due) = pacer.poll_timeout() {
                turns.push(due);
                serve(&mut pacer, due);
            }
            let order: Vec<u64> = left.iter().map(|(_, number)| *number).collect();
            prop_assert_eq!(order, (0..number).collect::<Vec<_>>());
            prop_assert!(turns.windows(2).all(|pair| pair[1] >= pair[0] + BURST));
            // In any span no more leaves than the rate carries in it, a burst and the packet that ends it.
            for (first, (from, _)) in left.iter().enumerate() {
                for (last, (to, _)) in left.iter().enumerate().skip(first) {
                    let bytes = (last - first) as u64 * BYTES;
                    prop_assert!(rate.time_for(bytes) <= *to - *from + BURST + rate.time_for(BYTES));
                }
            }
        }
    }
}
