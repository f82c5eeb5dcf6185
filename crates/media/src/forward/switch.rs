//! How one outgoing stream goes from one source to another: where a keyframe of the new one begins.

use super::rewrite::{PictureShift, Pictures, Rewriter};
use super::select::Selector;
use super::sink::{Numbers, Sink};
use super::source::{Fresh, FreshPayload, Relation, Source};
use super::start::{Beginning, Phase};
use super::stretch::Stretch;
use crate::id::SourceId;
use crate::rtp::{ClockRate, ExtSeq, RtpTime};
use std::time::{Duration, Instant};

/// How long a subscriber keeps the picture of a track that it has left, for want of a keyframe of the new one.
/// A publisher has been asked several times by then: it has none, or its keyframes cannot be told because
/// they are encrypted end to end, and then the subscriber's decoder knows best.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a spatial layer may take to come to a switching point of its own before a keyframe is asked for.
const SPATIAL_PATIENCE: Duration = Duration::from_secs(1);

/// A source whose next keyframe a sink waits for, while it takes another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Awaited {
    pub(super) source: SourceId,
    /// The keyframe is one that begins here or later.
    pub(super) earliest: ExtSeq,
    /// When the wait ends without one. Never between encodings of one track: the present one is good.
    pub(super) until: Option<Instant>,
}

/// What is known of the present source before its first packet leaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    /// What is live, where what it begins with is not.
    live: Option<RtpTime>,
}

impl Awaited {
    /// Until when a sink waits that leaves its track at `now`.
    pub(super) fn patience(now: Instant) -> Instant {
        now + PATIENCE
    }

    /// Whether the wait has been too long.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl Sink {
    pub(super) fn awaits(&self, source: SourceId) -> bool {
        self.awaited.is_some_and(|awaited| awaited.source == source)
    }

    pub(super) fn takes(&self, source: SourceId) -> bool {
        self.current == Some(source)
    }

    /// Whether its subscriber has a picture of its present source that goes on.
    pub(super) const fn has_picture(&self) -> bool {
        self.current.is_some() && self.opening.is_none() && !self.is_behind
    }

    /// Whether the sink has been shown another spatial layer than it should for long enough to ask for a
    /// keyframe; `top` is the highest that comes.
    pub(super) fn waits_for_spatial(&mut self, top: u8, now: Instant) -> bool {
        if !self.selector.is_off(self.source_target(), top) {
            self.off_since = None;
            return false;
        }
        let since = *self.off_since.get_or_insert(now);
        let long = now.saturating_duration_since(since) >= SPATIAL_PATIENCE;
        if long {
            self.off_since = Some(now);
        }
        long
    }

    /// The number of the awaited source at which the sink can go to it.
    pub(super) fn switching_point(&self, source: &Source, now: Instant) -> Option<ExtSeq> {
        let awaited = self.awaited?;
        let keyframe = source.keyframes.begin(now).filter(|begin| *begin >= awaited.earliest);
        let anything =
            source.newest_fresh().filter(|newest| awaited.is_due(now) && *newest >= awaited.earliest);
        keyframe.or(anything)
    }

    /// Begins with a source, anew where it has begun already. Returns the one that it leaves.
    pub(super) fn begin(&mut self, source: SourceId, beginning: Beginning) -> Option<SourceId> {
        let Beginning { phase, first_in, live, .. } = beginning;
        match &mut self.numbers {
            Numbers::Unused { first } => self.numbers = Numbers::Used(Rewriter::new(first_in, *first)),
            Numbers::Used(rewriter) => rewriter.switch(first_in),
        }
        self.timeline.switch();
        if let Some(connection) = &mut self.connection {
            connection.report_pending = true;
        }
        self.opening = Some(Opening { live });
        self.phase = phase;
        (self.awaits_keyframe, self.in_frame, self.is_behind) = (false, false, false);
        self.awaited = None;
        self.current.replace(source).filter(|before| *before != source)
    }

    /// Takes nothing any more. Returns the source that it leaves.
    pub(super) fn leave(&mut self) -> Option<SourceId> {
        self.phase = Phase::Live;
        (self.opening, self.is_behind) = (None, false);
        self.current.take()
    }

    /// Leaves out what lies before the number `first_in` of the source.
    pub(super) fn go_on_from(&mut self, first_in: ExtSeq) {
        if let Numbers::Used(rewriter) = &mut self.numbers {
            rewriter.skip_to(first_in);
        }
    }

    /// Joins the first packet of the present source to what left before: its clock, the numbers of its
    /// pictures, its layers. Says whether it could; with padding it cannot, nor with a late packet from before the
    /// point at which the source begins here.
    pub(super) fn open(&mut self, first: &Fresh, source: &Source, now: Instant) -> bool {
        let (Some(opening), Some(current), FreshPayload::Media) = (self.opening, self.current, first.payload)
        else {
            return false;
        };
        if matches!(&self.numbers, Numbers::Used(rewriter) if first.index < rewriter.next_in()) {
            return false;
        }
        let (Some(stored), Some(connection)) = (source.ring.find(first.index), &self.connection) else {
            return false;
        };
        let route = connection.route.clone();
        let aligned = self.told.zip(source.relation).and_then(|(told, relation)| {
            let out = aligned(told, relation, first.clock)?;
            Some(out.wrapping_since(relation.rtp))
        });
        self.timeline.switch_to(stored.timestamp, opening.live, aligned, first.clock, now);
        let pictures = first.frame.as_ref().map(Pictures::of).unwrap_or_default();
        let (Numbers::Used(rewriter), Some(origin)) = (&mut self.numbers, self.timeline.origin()) else {
            return false;
        };
        rewriter.set_shift(PictureShift::to_follow(self.pictures, pictures));
        let from = rewriter.next_out();
        self.selector = Selector::new(self.source_target());
        let layer = self.selector.layer();
        self.stretches.begin(Stretch { from, source: current, route, origin, layer });
        self.opening = None;
        true
    }
}

/// What the subscriber's clock shows at the moment of `relation`, by what it was `told` of the same
/// publisher's clock. Encodings of one track have unrelated RTP clocks, but one wall clock.
fn aligned(told: Relation, relation: Relation, clock: ClockRate) -> Option<RtpTime> {
    (told.publisher == relation.publisher).then(|| told.rtp.plus(clock.ticks_between(told.ntp, relation.ntp)))
}
