//! What the control plane asks for, each command carried out and answered.

use super::State;
use super::command::{Command, Reply};
use super::relay::{Completion, Message};
use crate::pipeline::graph::Edge;
use crate::pipeline::{ElementKind, MediaType};
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
                self.release_pipeline(now, pipeline, reply.map(Completion::released));
            }
            Command::CreateEndpoint { pipeline, endpoint, worker, share, options, repeats, reply } => {
                if !reply.is_closed() {
                    let new = (options, repeats);
                    self.create_endpoint(pipeline, endpoint, worker, share, new, reply);
                }
            }
            Command::CreatePassThrough { pipeline, element, reply } => {
                if !reply.is_closed() {
                    answer(reply, self.graph.add_element(pipeline, element, ElementKind::PassThrough));
                }
            }
            Command::CreateBridgeEnd { pipeline, element, end, far, reply } => {
                if !reply.is_closed() {
                    answer(reply, self.create_bridge_end(pipeline, element, end, far));
                }
            }
            Command::ApplyOffer { connection, offer, fresh, reply } => {
                answer(reply, self.apply_offer(now, connection, &offer, fresh));
            }
            Command::AddLine { connection, line, options, reply } => {
                if !reply.is_closed() {
                    self.add_line(connection, line, options, reply);
                }
            }
            Command::ShareData { connection, pipeline, sharing, reply } => {
                answer(reply, self.share_data(connection, pipeline, sharing));
            }
            Command::RemoveLine { connection, line, reply } => {
                self.remove_line(now, connection, line, &Completion::released(reply));
            }
            Command::CreateOffer { connection, restart, reply } => {
                self.ask_for_lines_offer(now, connection, restart, reply);
            }
            Command::ApplyAnswer { connection, answer: sdp, reply } => {
                answer(reply, self.apply_answer(now, connection, &sdp));
            }
            Command::Deliver { line, change, reply } => {
                self.deliver(now, line, change);
                answer(reply, ());
            }
            Command::ConnectionStats { connection, reply } => {
                answer(reply, self.connection_stats(connection));
            }
            Command::ReleaseElement { element, reply } => {
                self.release_element(now, element, reply.map(Completion::released).as_ref());
            }
            Command::Announce { addresses, reply } => answer(reply, self.announce(&addresses)),
            Command::Connect { source, sink, media, reply } => {
                match self.connect(Edge { source, sink, media }) {
                    Ok(changes) => self.follow(now, changes, Some(&Completion::connected(reply))),
                    Err(error) => answer(reply, Err(error)),
                }
            }
            Command::Disconnect { source, sink, media, reply } => {
                match self.disconnect(Edge { source, sink, media }) {
                    Ok(changes) => self.follow(now, changes, Some(&Completion::connected(reply))),
                    Err(error) => answer(reply, Err(error)),
                }
            }
            Command::Configure { endpoint, settings, reply } => {
                self.configure(now, endpoint, settings);
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
                answer(reply, self.set_remote_offer(now, endpoint, &offer))
            }
            Command::CreateAnswer { endpoint, reply } => self.ask_for_answer(now, endpoint, reply),
            Command::GenerateOffer { endpoint, options, reply } => {
                self.ask_for_offer(now, endpoint, options, reply);
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
            Command::RestartIce { endpoint, remote, reply } => {
                answer(reply, self.restart_ice(now, endpoint, remote));
            }
            Command::GatherCandidates { endpoint, reply } => {
                answer(reply, self.gather_candidates(now, endpoint));
            }
            Command::SetRelays { relays, reply } => {
                self.set_relays(relays);
                answer(reply, ());
            }
            Command::SetStunServers { servers, reply } => {
                self.set_stun_servers(now, servers);
                answer(reply, ());
            }
            Command::AddIceCandidate { endpoint, candidate, reply } => {
                answer(reply, self.add_ice_candidate(now, endpoint, &candidate));
            }
            Command::EndpointStats { endpoint, reply } => answer(reply, self.endpoint_stats(endpoint)),
            Command::Capture { endpoint, start, reply } => {
                answer(reply, self.capture(now, endpoint, start));
            }
            Command::Flow { element, media, reply } => self.ask_for_flow(element, media, reply),
            Command::Outline { pipeline, reply } => answer(reply, self.outline(pipeline)),
            Command::WatchSpeakers { pipeline, loudest, reply } => {
                self.watch_speakers(now, pipeline, loudest);
                answer(reply, ());
            }
            Command::Survey { after, limit, reply } => answer(reply, self.survey(after, limit)),
            Command::SurveyEndpoints { endpoints, reply } => answer(reply, self.survey_endpoints(endpoints)),
            Command::Snapshot { reply } => answer(reply, self.snapshot()),
            Command::Stop { reply } => {
                for pipeline in self.graph.pipelines().collect::<Vec<_>>() {
                    self.release_pipeline(now, pipeline, None);
                }
                // Those of other workers' pipelines.
                for endpoint in self.endpoints.keys().copied().collect::<Vec<_>>() {
                    self.close_endpoint(now, endpoint);
                }
                self.stopped = reply;
                self.running = false;
            }
            Command::Message(message) => self.hear(now, message),
        }
    }

    /// Carries out what another worker says.
    fn hear(&mut self, now: Instant, message: Message) {
        match message {
            Message::OpenEndpoint(new, reply) => {
                let (home, endpoint) = (new.home, new.endpoint);
                let opened = self.open_endpoint(*new);
                if opened.is_err() {
                    self.relays.tell(home, Message::NotOpened { endpoint });
                }
                answer(reply, opened);
            }
            // Its caller is answered when the last word on it is dropped.
            Message::CloseEndpoint { endpoint, done: _done } => self.close_endpoint(now, endpoint),
            Message::Feed { feed, done: _done } => self.feed(now, feed),
            Message::CreateAnswer { endpoint, peers, reply } => {
                answer(reply, self.create_answer(now, endpoint, &peers));
            }
            Message::GenerateOffer { endpoint, options, peers, reply } => {
                answer(reply, self.generate_offer(now, endpoint, options, &peers));
            }
            Message::OpenLine { connection, line, options, reply } => {
                let opened = self.open_line(connection, line, options);
                if opened.is_err()
                    && let Some(home) = self.endpoints.get(&connection).map(|known| known.home)
                {
                    self.relays.tell(home, Message::NotOpened { endpoint: line });
                }
                answer(reply, opened);
            }
            Message::CreateOffer { connection, restart, sources, reply } => {
                answer(reply, self.create_lines_offer(now, connection, restart, &sources));
            }
            Message::Lines { connection, began, ended } => self.note_lines(now, connection, &began, &ended),
            Message::Flow { endpoint, media, place, reply } => {
                answer(reply, self.flow(endpoint, media, place));
            }
            Message::TakeLevels { pipeline, home, endpoints } => {
                let levels = self.take_levels(&endpoints);
                self.relays.tell(home, Message::Levels { pipeline, levels });
            }
            Message::StopLevels { endpoints } => self.stop_levels(&endpoints),
            Message::Levels { pipeline, levels } => self.note_levels(pipeline, levels),
            Message::Emit { endpoint, event } => self.emit(endpoint, event),
            Message::NotOpened { endpoint } => self.release_element(now, endpoint, None),
            Message::Abilities { endpoint, abilities } => self.note_abilities(now, endpoint, abilities),
            Message::BridgeFeed { feed, done } => self.take_bridge_feed(now, *feed, done.as_ref()),
            Message::BridgeEnded { element } => self.bridge_ended(now, element),
            Message::Subscribe { source, media, to, ring } => {
                self.add_subscriber(now, source, media, to, ring);
            }
            Message::Unsubscribe { source, media, to } => self.remove_subscriber(source, media, to),
            Message::KeyframeWish { source, encoding } => {
                if let Some(track) = self.track_of(Some(source), MediaType::Video) {
                    self.forwarder.handle_keyframe_wish(track, encoding, now);
                }
            }
            Message::Demand { source, kind, to, demand } => {
                if let Some(track) = self.track_of(Some(source), kind.into()) {
                    self.forwarder.handle_demand(track, to, demand);
                }
            }
            Message::Begin { relay, track } => self.begin_relayed(now, relay, track),
            Message::End { relay } => self.end_relayed(relay),
            Message::Data { source, channel, message, permit: _permit } => {
                let mut reached = Vec::new();
                self.deliver_data(now, source, &channel, &message, &mut reached);
                for session in reached {
                    self.settle(now, session);
                }
            }
            Message::SharedData { pipeline, channel, message, permit: _permit } => {
                let mut reached = Vec::new();
                self.deliver_shared(now, pipeline, None, &channel, &message, &mut reached);
                for session in reached {
                    self.settle(now, session);
                }
            }
        }
    }
}

pub(super) fn answer<T>(reply: Reply<T>, value: T) {
    // A caller that stopped waiting has its reasons.
    let _ = reply.send(value);
}
