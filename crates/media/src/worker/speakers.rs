//! Who speaks in the pipelines whose owners ask. A pipeline's home watches; the workers of its endpoints tell
//! it how loud they were, when it asks, in time for its next look.

use super::State;
use super::relay::Message;
use crate::forward::{Loudness, SpeakerChange, SpeakerWatch};
use crate::id::{ElementId, PipelineId, TrackId};
use crate::pipeline::{EndpointEvent, LineSound, MediaType};
use std::collections::BTreeMap;
use std::time::Instant;

impl State {
    /// Watches a pipeline's speakers from now on, or with zero no longer. Unknown pipelines are ignored.
    pub(super) fn watch_speakers(&mut self, now: Instant, pipeline: PipelineId, loudest: usize) {
        if loudest > 0 && self.pipelines.contains_key(&pipeline) {
            self.speakers.insert(pipeline, SpeakerWatch::new(loudest, now));
        } else if self.speakers.remove(&pipeline).is_some() {
            for (worker, endpoints) in self.members_by_worker(pipeline) {
                if self.relays.is_elsewhere(worker) {
                    self.relays.tell(worker, Message::StopLevels { endpoints });
                } else {
                    self.stop_levels(&endpoints);
                }
            }
        }
    }

    /// Looks at the levels of all watched pipelines that are due, and tells what has changed.
    pub(super) fn look_at_speakers(&mut self, now: Instant) {
        let due = |(id, watch): (&PipelineId, &SpeakerWatch)| (watch.poll_timeout() <= now).then_some(*id);
        for pipeline in self.speakers.iter().filter_map(due).collect::<Vec<_>>() {
            for (worker, endpoints) in self.members_by_worker(pipeline) {
                if self.relays.is_elsewhere(worker) {
                    let home = self.index;
                    self.relays.tell(worker, Message::TakeLevels { pipeline, home, endpoints });
                } else {
                    let levels = self.take_levels(&endpoints);
                    self.note_levels(pipeline, levels);
                }
            }
            let Some(watch) = self.speakers.get_mut(&pipeline) else { continue };
            watch.retain(|id| self.members.contains_key(&id));
            for change in watch.look(now) {
                let (endpoint, event) = match change {
                    SpeakerChange::Dominant(id) => (id, EndpointEvent::DominantSpeaker { speaking: true }),
                    SpeakerChange::Silent(id) => (id, EndpointEvent::DominantSpeaker { speaking: false }),
                    SpeakerChange::Joined(id) => (id, EndpointEvent::Loudest { joined: true }),
                    SpeakerChange::Left(id) => (id, EndpointEvent::Loudest { joined: false }),
                };
                match self.members.get(&endpoint).map(|member| member.worker) {
                    Some(worker) if self.relays.is_elsewhere(worker) => {
                        self.relays.tell(worker, Message::Emit { endpoint, event });
                    }
                    _ => self.emit(endpoint, event),
                }
            }
        }
    }

    /// How loud these endpoints were since this was asked last; those that sent no audio are left out.
    pub(super) fn take_levels(&mut self, endpoints: &[ElementId]) -> Vec<(ElementId, Loudness)> {
        let mut levels = Vec::new();
        for id in endpoints {
            let is_voice = self.lines.get(id).is_none_or(|line| line.sound == LineSound::Voice);
            if let Some(track) = self.audio_of(*id).filter(|_| is_voice) {
                levels.extend(self.forwarder.take_level(track).map(|loudness| (*id, loudness)));
            }
        }
        levels
    }

    pub(super) fn note_levels(&mut self, pipeline: PipelineId, levels: Vec<(ElementId, Loudness)>) {
        // It may have ended since it asked.
        let Some(watch) = self.speakers.get_mut(&pipeline) else { return };
        for (endpoint, loudness) in levels {
            watch.note(endpoint, loudness);
        }
    }

    pub(super) fn stop_levels(&mut self, endpoints: &[ElementId]) {
        for track in endpoints.iter().filter_map(|id| self.audio_of(*id)).collect::<Vec<_>>() {
            self.forwarder.stop_levels(track);
        }
    }

    /// The endpoints of a pipeline whose home is here, by where they live.
    fn members_by_worker(&self, pipeline: PipelineId) -> BTreeMap<usize, Vec<ElementId>> {
        let mut found: BTreeMap<usize, Vec<ElementId>> = BTreeMap::new();
        for element in self.graph.elements(pipeline).into_iter().flatten() {
            // What Keel sends is somebody else's voice.
            if let Some(member) = self.members.get(&element).filter(|member| !member.is_sink()) {
                found.entry(member.worker).or_default().push(element);
            }
        }
        found
    }

    fn audio_of(&self, endpoint: ElementId) -> Option<TrackId> {
        self.track_of(Some(endpoint), MediaType::Audio)
    }
}
