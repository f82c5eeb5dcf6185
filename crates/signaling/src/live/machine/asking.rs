//! What administrators ask of streams.

use super::stream::Stream;
use super::{Machine, Moment};
use crate::live::ask::{Reply, StreamReport, StreamSummary, TrackReport};
use crate::live::effect::{Effect, MediaCommand};
use crate::live::id::Ticket;
use crate::live::name::StreamName;
use crate::live::refusal::Refusal;
use keel_media::id::PipelineId;
use std::ops::Bound;
use std::time::Duration;

impl Machine {
    /// At most `count` streams in the order of their names, those behind `after`.
    pub(super) fn list(&self, after: Option<&StreamName>, count: usize) -> Vec<StreamSummary> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.streams.range::<StreamName, _>((start, Bound::Unbounded));
        behind.take(count).map(|(name, stream)| stream.summary(name)).collect()
    }

    /// A stream closely: media is asked what the presenter sends, if there is any.
    pub(super) fn inspect(&mut self, ticket: Ticket, stream: &StreamName) -> Result<Option<Reply>, Refusal> {
        let known =
            self.streams.get_mut(stream).ok_or(Refusal::UnknownStream { retry_after: Duration::ZERO })?;
        match known.media {
            Some(media) => {
                known.inspections.insert(ticket);
                self.effects.push_back(Effect::Media { media, command: MediaCommand::Inspect { ticket } });
                Ok(None)
            }
            None => {
                let summary = known.summary(stream);
                let report = StreamReport { summary, pipeline: None, tracks: Vec::new() };
                Ok(Some(Reply::Stream(Box::new(report))))
            }
        }
    }

    pub(super) fn inspected(
        &mut self,
        stream: &StreamName,
        ticket: Ticket,
        pipeline: Option<PipelineId>,
        tracks: Vec<TrackReport>,
    ) {
        let Some(known) = self.streams.get_mut(stream) else { return };
        if known.inspections.remove(&ticket) {
            let report = StreamReport { summary: known.summary(stream), pipeline, tracks };
            self.answer(ticket, Ok(Reply::Stream(Box::new(report))));
        }
    }

    /// Media ends and will not say any more.
    pub(super) fn answer_inspections(&mut self, stream: &StreamName) {
        let waiting = |machine: &Self| machine.streams.get(stream)?.inspections.first().copied();
        while let Some(ticket) = waiting(self) {
            self.inspected(stream, ticket, None, Vec::new());
        }
    }

    /// Makes a stream in advance.
    pub(super) fn create(&mut self, now: Moment, stream: StreamName) -> Result<Reply, Refusal> {
        if self.stopping {
            return Err(Refusal::ShuttingDown);
        }
        if self.streams.contains_key(&stream) {
            return Err(Refusal::StreamExists);
        }
        self.room_for_a_stream()?;
        self.streams.insert(stream, Stream { is_kept: true, ..Stream::new(now.steady) });
        Ok(Reply::Done)
    }
}
