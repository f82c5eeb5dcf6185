//! Pipelines and elements come and go.

use super::command::Reservation;
use super::endpoint::{Endpoint, Negotiation};
use super::table::slot_of;
use super::{Owner, Seat, State};
use crate::error::CreateError;
use crate::id::{ElementId, PipelineId, SessionId};
use crate::pipeline::{
    ElementKind, EndpointEvent, EndpointOptions, EndpointSettings, IceState, PipelineEvent,
};
use crate::rtp::Ssrc;
use crate::session::Session;
use crate::session::ice::{IceAgent, IceCredentials};
use crate::session::sdp::{LocalDescription, Restrictions, SendStream};
use rand::Rng;
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

    pub(super) fn release_pipeline(&mut self, now: Instant, pipeline: PipelineId) {
        for element in self.graph.remove_pipeline(pipeline).unwrap_or_default() {
            self.release_element(now, element);
        }
        self.pipelines.remove(&pipeline);
        self.speakers.remove(&pipeline);
    }

    pub(super) fn create_endpoint(
        &mut self,
        pipeline: PipelineId,
        id: ElementId,
        options: EndpointOptions,
    ) -> Result<(), CreateError> {
        self.graph.add_element(pipeline, id, ElementKind::Endpoint)?;
        let created = self.open_session(pipeline, id, options);
        if created.is_err() {
            self.graph.remove_element(id);
        }
        created
    }

    fn open_session(
        &mut self,
        pipeline: PipelineId,
        id: ElementId,
        options: EndpointOptions,
    ) -> Result<(), CreateError> {
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
            tap: None,
        };
        let session = self.sessions.insert(|_| seat).ok_or(CreateError::Full)?;
        self.routes.add(&ufrag, session);
        self.load.add();
        tracing::debug!(%pipeline, endpoint = %id, %session, label = options.label, "endpoint created");
        let settings = EndpointSettings::default();
        let endpoint = Endpoint {
            pipeline,
            session,
            local: LocalDescription { restrictions: Restrictions::of(&options, &settings), ..local },
            negotiation: Negotiation::New,
            local_sdp: None,
            remote_sdp: None,
            media: [None, None],
            data: None,
            gathered: false,
            connected: false,
            options,
            settings,
            latency: None,
        };
        self.endpoints.insert(id, endpoint);
        Ok(())
    }

    /// Releases an element with its connections and, if it is an endpoint, its streams and session, once.
    pub(super) fn release_element(&mut self, now: Instant, id: ElementId) {
        let changes = self.graph.remove_element(id);
        self.follow(now, changes);
        let Some(session) = self.endpoints.get(&id).map(|endpoint| endpoint.session) else { return };
        self.close_session(now, session);
        self.emit(id, EndpointEvent::Ice(IceState::Closed));
        self.endpoints.remove(&id);
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
        if let Some(known) = self.endpoints.get_mut(&endpoint) {
            for media in known.media.iter_mut().filter_map(Option::take) {
                media.track.into_iter().for_each(|track| self.forwarder.remove_track(track));
                media.sink.into_iter().for_each(|sink| self.forwarder.remove_sink(sink));
            }
        }
        if let Some(seat) = self.sessions.remove(id) {
            self.routes.remove(&seat.session.ice.local_credentials().ufrag, seat.session.ice.validated(), id);
            self.own.close(&seat.own, &mut self.counters);
            self.timers.set(slot_of(id), None);
            self.load.remove();
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
    }
}
