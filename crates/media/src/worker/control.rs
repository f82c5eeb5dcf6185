//! What the control plane asks for: elements come and go, are connected, negotiate.

use super::command::{Command, Reply, Reservation};
use super::endpoint::{Endpoint, Media, Negotiation};
use super::table::slot_of;
use super::{Owner, Seat, State};
use crate::error::{CandidateError, ConnectError, CreateError, KeyframeError, NegotiationError};
use crate::forward::{SinkConfig, SourceConfig};
use crate::id::{ElementId, PipelineId, SessionId};
use crate::pipeline::graph::{Edge, EdgeError};
use crate::pipeline::{
    EndpointEvent, EndpointOptions, EndpointSettings, EndpointStats, IceCandidate, IceState, MediaKind,
    MediaSnapshot, OfferOptions, PipelineEvent,
};
use crate::rtp::{RtpParameters, Ssrc};
use crate::session::Session;
use crate::session::ice::{IceAgent, IceCredentials};
use crate::session::sdp::{
    self, HostCandidate, LocalDescription, Negotiated, Peers, RemoteCandidate, RemoteDescription,
    RemoteTransport, SendStream,
};
use rand::Rng;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

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
                    let added = self.graph.add_element(pipeline, element);
                    answer(reply, if added { Ok(()) } else { Err(CreateError::Released) });
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
                answer(reply, self.disconnect(Edge { source, sink, media }));
            }
            Command::Configure { endpoint, settings, reply } => {
                if let Some(known) = self.endpoints.get_mut(&endpoint) {
                    known.settings = settings;
                }
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
            Command::GatherCandidates { endpoint, reply } => answer(reply, self.gather_candidates(endpoint)),
            Command::AddIceCandidate { endpoint, candidate, reply } => {
                answer(reply, self.add_ice_candidate(now, endpoint, &candidate));
            }
            Command::EndpointStats { endpoint, reply } => answer(reply, self.endpoint_stats(endpoint)),
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

    fn create_pipeline(
        &mut self,
        pipeline: PipelineId,
        place: Reservation,
        events: mpsc::Sender<PipelineEvent>,
    ) {
        self.graph.add_pipeline(pipeline);
        self.pipelines.insert(pipeline, Owner { events, _place: place });
    }

    fn release_pipeline(&mut self, now: Instant, pipeline: PipelineId) {
        for element in self.graph.remove_pipeline(pipeline).unwrap_or_default() {
            self.release_element(now, element);
        }
        self.pipelines.remove(&pipeline);
    }

    fn create_endpoint(
        &mut self,
        pipeline: PipelineId,
        id: ElementId,
        options: EndpointOptions,
    ) -> Result<(), CreateError> {
        if !self.pipelines.contains_key(&pipeline) {
            return Err(CreateError::Released);
        }
        let addresses: Vec<_> = self.outgoing.iter().map(|outgoing| outgoing.local).collect();
        let priorities = HostCandidate::for_addresses(&addresses);
        let candidates =
            priorities.iter().map(|candidate| (candidate.address(), candidate.priority())).collect();
        let ice = IceAgent::new(candidates, &mut self.rng).map_err(|_| CreateError::Stopped)?;
        let mut local =
            describe(&mut self.rng, ice.local_credentials(), self.certificate.fingerprint().hex());
        local.data_channels = options.data_channels;
        let ufrag = ice.local_credentials().ufrag.clone();
        let seat = Seat {
            session: Session::new(ice, self.certificate.clone(), &mut self.rng),
            endpoint: id,
            rtcp_ssrc: local.audio.ssrc,
            cname: local.cname.as_str().into(),
            path: None,
        };
        let session = self.sessions.insert(|_| seat).ok_or(CreateError::Full)?;
        self.routes.add(&ufrag, session);
        self.graph.add_element(pipeline, id);
        self.load.add();
        tracing::debug!(%pipeline, endpoint = %id, %session, label = options.label, "endpoint created");
        let endpoint = Endpoint {
            pipeline,
            session,
            local,
            negotiation: Negotiation::New,
            media: [None, None],
            data: None,
            gathered: false,
            connected: false,
            options,
            settings: EndpointSettings::default(),
        };
        self.endpoints.insert(id, endpoint);
        Ok(())
    }

    /// Releases an element with its connections and, if it is an endpoint, its streams and session, once.
    fn release_element(&mut self, now: Instant, id: ElementId) {
        for edge in self.graph.remove_element(id) {
            self.unroute(edge);
        }
        let Some(session) = self.endpoints.get(&id).map(|endpoint| endpoint.session) else { return };
        self.close_session(now, session);
        self.emit(id, EndpointEvent::Ice(IceState::Closed));
        self.endpoints.remove(&id);
        tracing::debug!(endpoint = %id, %session, "endpoint released");
    }

    /// Ends a session: the peer is told by DTLS, its streams are removed, and nothing leads to it any
    /// more. The endpoint stays until its owner releases it.
    pub(super) fn close_session(&mut self, now: Instant, id: SessionId) {
        let Some(seat) = self.sessions.get_mut(id) else { return };
        let endpoint = seat.endpoint;
        seat.session.close(now);
        self.settle(now, id);
        if let Some(known) = self.endpoints.get_mut(&endpoint) {
            for media in known.media.iter_mut().filter_map(Option::take) {
                media.track.into_iter().for_each(|track| self.forwarder.remove_source(track));
                media.sink.into_iter().for_each(|sink| self.forwarder.remove_sink(sink));
            }
        }
        if let Some(seat) = self.sessions.remove(id) {
            self.routes.remove(&seat.session.ice.local_credentials().ufrag, seat.session.ice.validated(), id);
            self.timers.set(slot_of(id), None);
            self.load.remove();
        }
    }

    fn connect(&mut self, now: Instant, edge: Edge) -> Result<(), ConnectError> {
        if let Some(kind) = edge.media.rtp()
            && let (Some(source), Some(sink)) =
                (self.parameters(edge.source, kind), self.parameters(edge.sink, kind))
            && sdp::common_formats(&source.formats, &sink.formats).is_empty()
        {
            return Err(ConnectError::NoCommonCodec(kind));
        }
        let replaced = self.graph.connect(edge).map_err(|error| match error {
            EdgeError::UnknownElement => ConnectError::Released,
            EdgeError::ForeignPipeline => ConnectError::ForeignPipeline,
        })?;
        replaced.into_iter().for_each(|old| self.unroute(old));
        self.route(now, edge);
        Ok(())
    }

    fn disconnect(&mut self, edge: Edge) -> Result<(), ConnectError> {
        if !self.graph.has_element(edge.source) || !self.graph.has_element(edge.sink) {
            return Err(ConnectError::Released);
        }
        if self.graph.disconnect(edge) {
            self.unroute(edge);
        }
        Ok(())
    }

    /// Lets media flow along an edge, once both its ends have streams.
    fn route(&mut self, now: Instant, edge: Edge) {
        let Some(kind) = edge.media.rtp() else { return };
        let track = self.endpoints.get(&edge.source).and_then(|source| source.track(kind));
        let sink = self.endpoints.get(&edge.sink).and_then(|sink| sink.sink(kind));
        if let (Some(track), Some(sink)) = (track, sink) {
            self.forwarder.connect(track, sink, now);
        }
    }

    fn unroute(&mut self, edge: Edge) {
        let Some(kind) = edge.media.rtp() else { return };
        if let Some(sink) = self.endpoints.get(&edge.sink).and_then(|sink| sink.sink(kind)) {
            self.forwarder.disconnect(sink);
        }
    }

    fn set_remote_offer(&mut self, id: ElementId, offer: &str) -> Result<(), NegotiationError> {
        let endpoint = self.endpoints.get_mut(&id).ok_or(NegotiationError::Released)?;
        if !matches!(endpoint.negotiation, Negotiation::New) {
            return Err(NegotiationError::AlreadyNegotiated);
        }
        endpoint.negotiation = Negotiation::OfferReceived(Box::new(RemoteDescription::parse(offer)?));
        Ok(())
    }

    fn create_answer(&mut self, now: Instant, id: ElementId) -> Result<String, NegotiationError> {
        let endpoint = self.endpoints.get(&id).ok_or(NegotiationError::Released)?;
        let offer = match &endpoint.negotiation {
            Negotiation::OfferReceived(offer) => offer,
            Negotiation::Done => return Err(NegotiationError::AlreadyNegotiated),
            Negotiation::New | Negotiation::OfferSent(_) => return Err(NegotiationError::NoOffer),
        };
        let answer = sdp::answer(offer, &endpoint.local, &self.peers_of(id))?;
        let transport = offer.transport.clone();
        self.establish(now, id, &transport, answer.negotiated);
        Ok(answer.sdp)
    }

    fn generate_offer(&mut self, id: ElementId, options: OfferOptions) -> Result<String, NegotiationError> {
        let peers = self.peers_of(id);
        let endpoint = self.endpoints.get_mut(&id).ok_or(NegotiationError::Released)?;
        if !matches!(endpoint.negotiation, Negotiation::New) {
            return Err(NegotiationError::AlreadyNegotiated);
        }
        let offer = sdp::offer(&endpoint.local, options, &peers)?;
        let text = offer.sdp.clone();
        endpoint.negotiation = Negotiation::OfferSent(Box::new(offer));
        Ok(text)
    }

    fn process_answer(&mut self, now: Instant, id: ElementId, text: &str) -> Result<(), NegotiationError> {
        let endpoint = self.endpoints.get(&id).ok_or(NegotiationError::Released)?;
        let offer = match &endpoint.negotiation {
            Negotiation::OfferSent(offer) => offer,
            Negotiation::Done => return Err(NegotiationError::AlreadyNegotiated),
            Negotiation::New | Negotiation::OfferReceived(_) => return Err(NegotiationError::NoOffer),
        };
        let answer = RemoteDescription::parse(text)?;
        let negotiated = sdp::accept_answer(offer, &answer)?;
        self.establish(now, id, &answer.transport, negotiated);
        Ok(())
    }

    /// Both descriptions are known: the session learns its peer, the forwarder its streams, and edges
    /// that were waiting for them carry media.
    fn establish(&mut self, now: Instant, id: ElementId, remote: &RemoteTransport, negotiated: Negotiated) {
        let Some(endpoint) = self.endpoints.get_mut(&id) else { return };
        let session = endpoint.session;
        let Some(seat) = self.sessions.get_mut(session) else { return };
        for media in negotiated.media {
            let parameters = Arc::new(media.parameters);
            let track = parameters.direction.receives().then(|| {
                let config = SourceConfig { session, kind: media.kind, parameters: parameters.clone() };
                let track = self.forwarder.add_source(config);
                seat.session.streams.add(
                    track,
                    &parameters,
                    media.receive.iter().flat_map(|stream| [Some(stream.ssrc), stream.rtx]).flatten(),
                );
                track
            });
            let sink = media.send.filter(|_| parameters.direction.sends()).map(|send| {
                self.forwarder.add_sink(SinkConfig {
                    session,
                    kind: media.kind,
                    parameters: parameters.clone(),
                    ssrc: send.ssrc,
                    rtx_ssrc: send.rtx,
                    cname: endpoint.local.cname.as_str().into(),
                })
            });
            endpoint.media[media.kind as usize] = Some(Media { index: media.index, parameters, track, sink });
        }
        if let Some(data) = negotiated.data {
            endpoint.data = Some(data);
            seat.session.allow_data(data.message_bytes_max);
        }
        endpoint.negotiation = Negotiation::Done;
        seat.session.set_remote(now, remote, negotiated.dtls_role, &mut self.rng);
        self.settle(now, session);
        for edge in self.graph.edges_of(id) {
            self.route(now, edge);
        }
    }

    /// What the elements connected to an endpoint accept, as far as it is known.
    fn peers_of(&self, id: ElementId) -> Peers {
        let mut peers = Peers::default();
        for edge in self.graph.edges_of(id) {
            let Some(kind) = edge.media.rtp() else { continue };
            let other = if edge.source == id { edge.sink } else { edge.source };
            let Some(endpoint) = self.endpoints.get(&other).filter(|_| other != id) else { continue };
            let formats = match (&endpoint.negotiation, endpoint.parameters(kind)) {
                (Negotiation::OfferReceived(offer), _) => offer.formats(kind),
                (_, Some(parameters)) => Some(parameters.formats.clone()),
                _ => None,
            };
            match kind {
                MediaKind::Audio => peers.audio.extend(formats),
                MediaKind::Video => peers.video.extend(formats),
            }
        }
        peers
    }

    fn parameters(&self, id: ElementId, kind: MediaKind) -> Option<&Arc<RtpParameters>> {
        self.endpoints.get(&id)?.parameters(kind)
    }

    fn gather_candidates(&mut self, id: ElementId) -> Result<(), NegotiationError> {
        let endpoint = self.endpoints.get_mut(&id).ok_or(NegotiationError::Released)?;
        if matches!(endpoint.negotiation, Negotiation::New | Negotiation::OfferReceived(_)) {
            return Err(NegotiationError::NoOffer);
        }
        if std::mem::replace(&mut endpoint.gathered, true) {
            return Ok(());
        }
        let addresses: Vec<_> =
            self.outgoing.iter().flat_map(|outgoing| outgoing.announced.iter().copied()).collect();
        let mid = endpoint.first_mid();
        for candidate in HostCandidate::for_addresses(&addresses) {
            let candidate = IceCandidate {
                candidate: candidate.to_string(),
                sdp_mid: mid.clone(),
                sdp_mline_index: Some(0),
            };
            self.emit(id, EndpointEvent::CandidateFound(candidate));
        }
        self.emit(id, EndpointEvent::GatheringDone);
        Ok(())
    }

    fn add_ice_candidate(
        &mut self,
        now: Instant,
        id: ElementId,
        candidate: &IceCandidate,
    ) -> Result<(), CandidateError> {
        let session = self.endpoints.get(&id).ok_or(CandidateError::Released)?.session;
        let trickled = RemoteCandidate::parse(&candidate.candidate)?;
        let seat = self.sessions.get_mut(session).ok_or(CandidateError::Released)?;
        seat.session.add_remote_candidate(now, &trickled);
        self.settle(now, session);
        Ok(())
    }

    fn request_keyframe(&mut self, now: Instant, id: ElementId) -> Result<(), KeyframeError> {
        let endpoint = self.endpoints.get(&id).ok_or(KeyframeError::Released)?;
        let track = endpoint.track(MediaKind::Video).ok_or(KeyframeError::NoVideo)?;
        if self.forwarder.request_keyframe_of(track, now) { Ok(()) } else { Err(KeyframeError::NoVideo) }
    }

    fn endpoint_stats(&self, id: ElementId) -> Option<EndpointStats> {
        let endpoint = self.endpoints.get(&id)?;
        let session = &self.sessions.get(endpoint.session)?.session;
        Some(EndpointStats {
            endpoint: id,
            ice: session.ice.state(),
            dtls: session.dtls_state(),
            pair: session.ice.selected(),
            srtp_profile: session.srtp_profile(),
            incoming: endpoint
                .media
                .iter()
                .flatten()
                .filter_map(|media| self.forwarder.source_stats(media.track?))
                .collect(),
            outgoing: endpoint
                .media
                .iter()
                .flatten()
                .filter_map(|media| self.forwarder.sink_stats(media.sink?))
                .collect(),
            data_channels: session.data_channels(),
        })
    }

    fn snapshot(&self) -> MediaSnapshot {
        let counters = &self.counters;
        MediaSnapshot {
            pipelines: self.pipelines.len() as u64,
            endpoints: self.endpoints.len() as u64,
            sessions: self.sessions.len() as u64,
            packets_in: counters.packets_in,
            packets_out: counters.packets_out,
            bytes_in: counters.bytes_in,
            bytes_out: counters.bytes_out,
            forwarded: counters.forwarded,
            events_dropped: counters.events_dropped,
            drops: counters
                .drops
                .iter()
                .map(|(reason, count)| (reason, count + self.forwarder.drops().get(reason)))
                .collect(),
        }
    }
}

/// What Keel says of itself towards a new peer. Everything in it is drawn for this peer alone.
fn describe(rng: &mut impl Rng, ice: &IceCredentials, fingerprint: String) -> LocalDescription {
    let mut ssrcs: Vec<Ssrc> = Vec::new();
    while ssrcs.len() < 3 {
        let ssrc = Ssrc::new(rng.next_u32());
        if ssrc.wire() != 0 && !ssrcs.contains(&ssrc) {
            ssrcs.push(ssrc);
        }
    }
    LocalDescription {
        ice_ufrag: ice.ufrag.clone(),
        ice_pwd: ice.password.clone(),
        fingerprint,
        session_id: rng.next_u64() >> 1,
        cname: format!("{:016x}", rng.next_u64()),
        stream_id: format!("{:016x}{:016x}", rng.next_u64(), rng.next_u64()),
        audio: SendStream { ssrc: ssrcs[0], rtx: None },
        video: SendStream { ssrc: ssrcs[1], rtx: Some(ssrcs[2]) },
        data_channels: false,
    }
}

fn answer<T>(reply: Reply<T>, value: T) {
    // A caller that stopped waiting has its reasons.
    let _ = reply.send(value);
}
