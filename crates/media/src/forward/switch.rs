//! How one outgoing stream goes from one source to another: where a keyframe of the new one begins.

use super::rewrite::{PictureShift, Pictures, Rewriter};
use super::select::Selector;
use super::sink::{Numbers, Sink};
use super::source::{Fresh, FreshPayload, Relation, Source};
use super::stretch::Stretch;
use crate::id::SourceId;
use crate::pipeline::MediaKind;
use crate::rtp::{ClockRate, RtpTime};
use std::time::{Duration, Instant};

/// How long a subscriber keeps the picture of a track that it has left, or no picture, for want of a keyframe
/// of the new one. A publisher has been asked several times by then: it has none, or its keyframes cannot be
/// told because they are encrypted end to end, and then the subscriber's decoder knows best.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a spatial layer may take to come to a switching point of its own before a keyframe is asked for.
const SPATIAL_PATIENCE: Duration = Duration::from_secs(1);

/// A source whose switching point a sink waits for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Awaited {
    pub(super) source: SourceId,
    /// When the wait ends without a keyframe. Never between encodings of one track: the present one is good.
    until: Option<Instant>,
}

impl Awaited {
    /// Waits, for ever if there is a good picture meanwhile.
    pub(super) fn new(source: SourceId, shows_same_track: bool, now: Instant) -> Self {
        Self { source, until: (!shows_same_track).then(|| now + PATIENCE) }
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

    /// The fresh packet on which the sink can go to the awaited source.
    pub(super) fn switching_point<'a>(&self, source: &'a Source, now: Instant) -> Option<&'a Fresh> {
        let anywhere = source.kind == MediaKind::Audio || self.awaited?.is_due(now);
        source.fresh.iter().find(|fresh| {
            let fits = anywhere || fresh.frame.is_some_and(|frame| frame.begins_keyframe);
            fits && matches!(fresh.payload, FreshPayload::Media) && !self.lacks_codec_of(fresh, source)
        })
    }

    /// Whether a packet of the awaited source is in a format that the subscriber has not.
    pub(super) fn lacks_codec_of(&self, fresh: &Fresh, source: &Source) -> bool {
        let stored = source.ring.find(fresh.index);
        stored
            .zip(self.connection.as_ref())
            .is_some_and(|(stored, connection)| connection.route.format(stored.header.payload_type).is_none())
    }

    /// Goes to the awaited source, whose packet `first` is the next that the subscriber gets. Returns the
    /// source that it leaves.
    pub(super) fn switch(&mut self, source: &Source, first: &Fresh, now: Instant) -> Option<SourceId> {
        let (Some(awaited), Some(stored)) = (self.awaited, source.ring.find(first.index)) else {
            return None;
        };
        let connection = self.connection.as_mut()?;
        connection.report_pending = true;
        let route = connection.route.clone();
        let aligned = self.told.zip(source.relation).and_then(|(told, relation)| {
            aligned(told, relation, first.clock)
                .map(|out| out.plus(stored.timestamp.wrapping_since(relation.rtp)))
        });
        self.timeline.switch_to(stored.timestamp, aligned, first.clock, now);
        let pictures = first.frame.as_ref().map(Pictures::of).unwrap_or_default();
        let shift = PictureShift::to_follow(self.pictures, pictures);
        let from = match &mut self.numbers {
            Numbers::Unused { first: first_out } => {
                let from = *first_out;
                self.numbers = Numbers::Used(Rewriter::new(first.index, from));
                from
            }
            Numbers::Used(rewriter) => {
                rewriter.switch(first.index, shift);
                rewriter.next_out()
            }
        };
        self.selector = Selector::new(self.source_target());
        let offset = self.timeline.offset().unwrap_or_default();
        let shown = self.selector.spatial();
        self.stretches.begin(Stretch { from, source: awaited.source, route, offset, shown });
        self.awaited = None;
        self.current.replace(awaited.source)
    }
}

/// What the subscriber's clock shows at the moment of `relation`, by what it was `told` of the same
/// publisher's clock. Encodings of one track have unrelated RTP clocks, but one wall clock.
fn aligned(told: Relation, relation: Relation, clock: ClockRate) -> Option<RtpTime> {
    (told.publisher == relation.publisher).then(|| told.rtp.plus(clock.ticks_between(told.ntp, relation.ntp)))
}
