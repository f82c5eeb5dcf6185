//! Pipelines and elements come and go.

use super::command::{LoadShare, Repeats, Reply, Reservation};
use super::control::answer;
use super::endpoint::{Endpoint, Negotiation, Renegotiation};
use super::lines::Line;
use super::relay::{Abilities, Completion, FeedOrder, Message, NewEndpoint};
use super::table::slot_of;
use super::{Member, MemberKind, Owner, Seat, State};
use crate::error::CreateError;
use crate::id::{ElementId, PipelineId, SessionId};
use crate::pipeline::{
    ElementKind, EndpointEvent, EndpointOptions, EndpointSettings, IceState, MediaType, PipelineEvent,
};
use crate::rtp::Ssrc;
use crate::session::Session;
use crate::session::ice::{IceAgent, IceCredentials};
use crate::session::sdp::{LocalDescription, Restrictions, SendStream};
use rand::Rng;
use std::collections::BTreeSet;
use std::time::Instant;
use tokio::sync::mpsc;

impl State {
    pub(super) fn create_pipeline(
        &mut self,
        pipeline: PipelineId,
        place: Reservation,
        events: mpsc::Sender<PipelineEvent>,
    ) {
        self.graph.add_pipeline(pipeline);
        self.pipelines.insert(pipeline, Owner { events, _place: place });
    }

    pub(super) fn release_pipeline(&mut self, now: Instant, pipeline: PipelineId, done: Option<Completion>) {
        for element in self.graph.remove_pipeline(pipeline).unwrap_or_default() {
            self.release_element(now, element, done.as_ref());
        }
        self.pipelines.remove(&pipeline);
        self.speakers.remove(&pipeline);
    }

    /// Creates an endpoint of a pipeline whose home is here, on this worker or another, which then answers.
    pub(super) fn create_endpoint(
        &mut self,
        pipeline: PipelineId,
        id: ElementId,
        worker: usize,
        share: LoadShare,
        (options, repeats): (EndpointOptions, Repeats),
        reply: Reply<Result<(), CreateError>>,
    ) {
        let Some(events) = self.pipelines.get(&pipeline).map(|owner| owner.events.clone()) else {
            return answer(reply, Err(CreateError::Released));
        };
        if let Err(error) = self.graph.add_element(pipeline, id, ElementKind::Endpoint) {
            return answer(reply, Err(error));
        }
        let kind = MemberKind::Whole { lines: BTreeSet::new() };
        self.members.insert(id, Member { worker, abilities: Abilities::default(), kind });
        let home = self.index;
        let new = NewEndpoint { pipeline, endpoint: id, home, options, repeats, share, events };
        if self.relays.is_elsewhere(worker) {
            // To a worker that has stopped: the caller hears as much when its reply is dropped.
            self.relays.tell(worker, Message::OpenEndpoint(Box::new(new), reply));
            return;
        }
        let opened = self.open_endpoint(new);
        if opened.is_err() {
            self.graph.remove_element(id);
            self.members.remove(&id);
        }
        answer(reply, opened);
    }

    /// Opens the session of a new endpoint.
    pub(super) fn open_endpoint(&mut self, new: NewEndpoint) -> Result<(), CreateError> {
        let NewEndpoint { pipeline, endpoint: id, home, options, repeats, share, events } = new;
        let ice = IceAgent::new(&mut self.rng).map_err(|_| CreateError::Stopped)?;
        let mut local =
            describe(&mut self.rng, ice.local_credentials(), self.certificate.fingerprint().hex());
        local.data_channels = options.data_channels;
        let ufrag = ice.local_credentials().ufrag.clone();
        let seat = Seat {
            session: Session::new(ice, self.certificate.clone(), &mut self.rng),
            endpoint: id,
            rtcp_ssrc: local.audio.ssrc,
            cname: local.cname.as_str().into(),
            dscp: options.dscp,
            path: None,
            own: Vec::new(),
            _share: share,
            tap: None,
        };
        let session = self.sessions.insert(|_| seat).ok_or(CreateError::Full)?;
        self.routes.add(&ufrag, session);
        tracing::debug!(%pipeline, endpoint = %id, %session, label = options.label, "endpoint created");
        let settings = EndpointSettings::default();
        let endpoint = Endpoint {
            home,
            events,
            session,
            local: LocalDescription { restrictions: Restrictions::of(&options, &settings), ..local },
            negotiation: match repeats {
                Repeats::Once => Negotiation::New,
                Repeats::Always => Negotiation::Repeated(Box::new(Renegotiation::Undecided)),
            },
            local_sdp: None,
            remote_sdp: None,
            media: Vec::new(),
            data: None,
            gate: None,
            gathered: false,
            connected: false,
            options,
            settings,
            latency: None,
            delivery: Default::default(),
        };
        self.endpoints.insert(id, endpoint);
        Ok(())
    }

    /// Releases an element with its connections and, if it is an endpoint, its streams and session, once,
    /// wherever it lives. The lines of a peer connection go with it.
    pub(super) fn release_element(&mut self, now: Instant, id: ElementId, done: Option<&Completion>) {
        let pipeline = self.graph.pipeline_of(id);
        let changes = self.graph.remove_element(id);
        self.follow(now, changes, done);
        let member = self.members.remove(&id);
        match member.as_ref().map(|member| &member.kind) {
            Some(MemberKind::Whole { lines }) => {
                for line in lines {
                    let changes = self.graph.remove_element(*line);
                    self.members.remove(line);
                    self.follow(now, changes, done);
                }
            }
            Some(MemberKind::Line { connection, .. }) => self.forget_line(*connection, id),
            Some(MemberKind::Bridge) => self.end_bridge(now, id, pipeline),
            None => {}
        }
        match member.map(|member| member.worker) {
            Some(worker) if self.relays.is_elsewhere(worker) => {
                let message = Message::CloseEndpoint { endpoint: id, done: done.cloned() };
                self.relays.tell(worker, message);
            }
            // Also one whose home has stopped.
            _ => self.close_endpoint(now, id),
        }
    }

    /// Closes an endpoint or a line that lives here. Nothing happens the second time.
    pub(super) fn close_endpoint(&mut self, now: Instant, id: ElementId) {
        let feedless = |media, sink| FeedOrder { media, sink, source: None };
        if self.lines.contains_key(&id) {
            MediaType::ALL.into_iter().for_each(|media| self.feed(now, feedless(media, id)));
            return self.close_line(id);
        }
        let Some(session) = self.endpoints.get(&id).map(|endpoint| endpoint.session) else { return };
        let of_it = |(line, known): (&ElementId, &Line)| (known.connection == id).then_some(*line);
        for line in self.lines.iter().filter_map(of_it).collect::<Vec<_>>() {
            self.close_endpoint(now, line);
        }
        for media in MediaType::ALL {
            self.feed(now, feedless(media, id));
        }
        self.close_session(now, session);
        self.emit(id, EndpointEvent::Ice(IceState::Closed));
        self.gathering.remove(&id);
        self.forget_sharer(id);
        self.endpoints.remove(&id);
        self.relays.forget_source(id);
        self.latency_watched.remove(&id);
        tracing::debug!(endpoint = %id, %session, "endpoint released");
    }

    /// Ends a session: the peer is told by DTLS, its streams are removed, and nothing leads to it any
    /// more. The endpoint stays until its owner releases it.
    pub(super) fn close_session(&mut self, now: Instant, id: SessionId) {
        let Some(seat) = self.sessions.get_mut(id) else { return };
        let endpoint = seat.endpoint;
        seat.session.close(now);
        self.settle(now, id);
        let media = self.endpoints.get(&endpoint).into_iter().flat_map(|known| &known.media);
        for element in media.map(|media| media.element).collect::<BTreeSet<_>>() {
            self.close_media(endpoint, element);
        }
        if let Some(seat) = self.sessions.remove(id) {
            self.routes.remove(seat.session.ice.ufrags(), id);
            for (local, remote) in seat.session.ice.validated() {
                self.remove_address(id, local, remote);
            }
            self.own.close(&seat.own, &mut self.counters);
            self.timers.set(slot_of(id), None);
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
        restrictions: Restrictions::default(),
        data_channels: false,
        is_full_agent: false,
    }
}
