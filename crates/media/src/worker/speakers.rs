//! Who speaks in the pipelines whose owners ask.

use super::State;
use crate::forward::{SpeakerChange, SpeakerWatch};
use crate::id::{ElementId, PipelineId, TrackId};
use crate::pipeline::{EndpointEvent, MediaKind};
use std::time::Instant;

impl State {
    /// Watches a pipeline's speakers from now on, or with zero no longer. Unknown pipelines are ignored.
    pub(super) fn watch_speakers(&mut self, now: Instant, pipeline: PipelineId, loudest: usize) {
        if loudest > 0 && self.pipelines.contains_key(&pipeline) {
            self.speakers.insert(pipeline, SpeakerWatch::new(loudest, now));
        } else if self.speakers.remove(&pipeline).is_some() {
            for (_, track) in self.audio_of(pipeline) {
                self.forwarder.stop_levels(track);
            }
        }
    }

    /// Looks at the levels of all watched pipelines that are due, and tells what has changed.
    pub(super) fn look_at_speakers(&mut self, now: Instant) {
        let due = |(id, watch): (&PipelineId, &SpeakerWatch)| (watch.poll_timeout() <= now).then_some(*id);
        for pipeline in self.speakers.iter().filter_map(due).collect::<Vec<_>>() {
            let audio = self.audio_of(pipeline);
            let Some(watch) = self.speakers.get_mut(&pipeline) else { continue };
            watch.retain(|id| audio.binary_search_by_key(&id, |(element, _)| *element).is_ok());
            for (element, track) in audio {
                if let Some(loudness) = self.forwarder.take_level(track) {
                    watch.note(element, loudness);
                }
            }
            for change in watch.look(now) {
                let (endpoint, event) = match change {
                    SpeakerChange::Dominant(id) => (id, EndpointEvent::DominantSpeaker { speaking: true }),
                    SpeakerChange::Silent(id) => (id, EndpointEvent::DominantSpeaker { speaking: false }),
                    SpeakerChange::Joined(id) => (id, EndpointEvent::Loudest { joined: true }),
                    SpeakerChange::Left(id) => (id, EndpointEvent::Loudest { joined: false }),
                };
                self.emit(endpoint, event);
            }
        }
    }

    /// The endpoints of a pipeline that send audio, in ascending order.
    fn audio_of(&self, pipeline: PipelineId) -> Vec<(ElementId, TrackId)> {
        let elements = self.graph.elements(pipeline).into_iter().flatten();
        let audio = |id: ElementId| Some((id, self.endpoints.get(&id)?.track(MediaKind::Audio)?));
        let mut found: Vec<_> = elements.filter_map(audio).collect();
        found.sort_unstable();
        found
    }
}
