//! What the control plane asks for, each command carried out and answered.

use super::State;
use super::command::{Command, Reply};
use crate::pipeline::ElementKind;
use crate::pipeline::graph::Edge;
use std::time::Instant;

impl State {
    /// Carries out one command and answers it. A caller that no longer waits changes nothing, except that
    /// what it wanted created is not.
    pub(super) fn execute(&mut self, now: Instant, command: Command) {
        match command {
            Command::CreatePipeline { pipeline, place, events, reply } => {
                if !reply.is_closed() {
                    self.create_pipeline(pipeline, place, events);
                    answer(reply, ());
                }
            }
            Command::ReleasePipeline { pipeline, reply } => {
                self.release_pipeline(now, pipeline);
                reply.into_iter().for_each(|reply| answer(reply, ()));
            }
            Command::CreateEndpoint { pipeline, endpoint, options, reply } => {
                if !reply.is_closed() {
                    let created = self.create_endpoint(pipeline, endpoint, options);
                    answer(reply, created);
                }
            }
            Command::CreatePassThrough { pipeline, element, reply } => {
                if !reply.is_closed() {
                    answer(reply, self.graph.add_element(pipeline, element, ElementKind::PassThrough));
                }
            }
            Command::ReleaseElement { element, reply } => {
                self.release_element(now, element);
                reply.into_iter().for_each(|reply| answer(reply, ()));
            }
            Command::Connect { source, sink, media, reply } => {
                answer(reply, self.connect(now, Edge { source, sink, media }));
            }
            Command::Disconnect { source, sink, media, reply } => {
                answer(reply, self.disconnect(now, Edge { source, sink, media }));
            }
            Command::Configure { endpoint, settings, reply } => {
                self.configure(endpoint, settings);
                answer(reply, ());
            }
            Command::RequestKeyframe { endpoint, reply } => {
                answer(reply, self.request_keyframe(now, endpoint));
            }
            Command::CreateDataChannel { endpoint, options, reply } => {
                answer(reply, self.create_data_channel(now, endpoint, options));
            }
            Command::CloseDataChannel { endpoint, stream, reply } => {
                answer(reply, self.close_data_channel(now, endpoint, stream));
            }
            Command::SetRemoteOffer { endpoint, offer, reply } => {
                answer(reply, self.set_remote_offer(endpoint, &offer))
            }
            Command::CreateAnswer { endpoint, reply } => answer(reply, self.create_answer(now, endpoint)),
            Command::GenerateOffer { endpoint, options, reply } => {
                answer(reply, self.generate_offer(endpoint, options));
            }
            Command::ProcessAnswer { endpoint, answer: sdp, reply } => {
                answer(reply, self.process_answer(now, endpoint, &sdp));
            }
            Command::LocalDescription { endpoint, reply } => {
                answer(reply, self.endpoints.get(&endpoint).and_then(|known| known.local_sdp.clone()));
            }
            Command::RemoteDescription { endpoint, reply } => {
                answer(reply, self.endpoints.get(&endpoint).and_then(|known| known.remote_sdp.clone()));
            }
            Command::GatherCandidates { endpoint, reply } => answer(reply, self.gather_candidates(endpoint)),
            Command::AddIceCandidate { endpoint, candidate, reply } => {
                answer(reply, self.add_ice_candidate(now, endpoint, &candidate));
            }
            Command::EndpointStats { endpoint, reply } => answer(reply, self.endpoint_stats(endpoint)),
            Command::Capture { endpoint, start, reply } => {
                answer(reply, self.capture(now, endpoint, start));
            }
            Command::Flow { element, media, reply } => answer(reply, self.flow(element, media)),
            Command::PipelineGraph { pipeline, reply } => answer(reply, self.pipeline_graph(pipeline)),
            Command::WatchSpeakers { pipeline, loudest, reply } => {
                self.watch_speakers(now, pipeline, loudest);
                answer(reply, ());
            }
            Command::Survey { after, limit, reply } => answer(reply, self.survey(after, limit)),
            Command::Snapshot { reply } => answer(reply, self.snapshot()),
            Command::Stop { reply } => {
                for pipeline in self.graph.pipelines().collect::<Vec<_>>() {
                    self.release_pipeline(now, pipeline);
                }
                self.stopped = reply;
                self.running = false;
            }
        }
    }
}

fn answer<T>(reply: Reply<T>, value: T) {
    // A caller that stopped waiting has its reasons.
    let _ = reply.send(value);
}
