//! Descriptions and candidates of an endpoint and its peer, and the streams that come of them.

use super::State;
use super::endpoint::Negotiation;
use super::relay::Feeder;
use crate::error::{CandidateError, NegotiationError};
use crate::id::{ElementId, SourceId};
use crate::pipeline::{IceCandidate, MediaKind, OfferOptions};
use crate::rtp::{Rid, RtpParameters};
use crate::session::ice::IceCredentials;
use crate::session::sdp::{
    self, DeclaredStream, DeclaredStreams, Negotiated, Peers, RemoteCandidate, RemoteDescription,
    RemoteTransport, Simulcast,
};
use crate::session::{Encodings, Streams};
use std::time::Instant;

impl State {
    pub(super) fn set_remote_offer(
        &mut self,
        now: Instant,
        id: ElementId,
        offer: &str,
    ) -> Result<(), NegotiationError> {
        let endpoint = self.endpoints.get_mut(&id).ok_or(NegotiationError::Released)?;
        // RFC 8829 §3.2: an offer that is not answered yet gives way to the next one.
        if !matches!(endpoint.negotiation, Negotiation::New | Negotiation::OfferReceived(_)) {
            return Err(NegotiationError::AlreadyNegotiated);
        }
        endpoint.negotiation = Negotiation::OfferReceived(Box::new(RemoteDescription::parse(offer)?));
        endpoint.remote_sdp = Some(offer.to_owned());
        self.report_abilities(now, id);
        Ok(())
    }

    /// Answers the offer that was set. `peers`: what the endpoints accept that this one is connected to.
    pub(super) fn create_answer(
        &mut self,
        now: Instant,
        id: ElementId,
        peers: &Peers,
    ) -> Result<String, NegotiationError> {
        self.choose_agent(now, id, false);
        let endpoint = self.endpoints.get(&id).ok_or(NegotiationError::Released)?;
        let offer = match &endpoint.negotiation {
            Negotiation::OfferReceived(offer) => offer,
            Negotiation::AnswerSent | Negotiation::AnswerReceived | Negotiation::Repeated(_) => {
                return Err(NegotiationError::AlreadyNegotiated);
            }
            Negotiation::New | Negotiation::OfferSent(_) => return Err(NegotiationError::NoOffer),
        };
        let answer = sdp::answer(offer, &endpoint.local, peers)?;
        let transport = offer.transport.clone();
        self.prepare_checks(id, &transport)?;
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            endpoint.negotiation = Negotiation::AnswerSent;
            endpoint.local_sdp = Some(answer.sdp.clone());
        }
        self.establish(now, id, &transport, answer.negotiated);
        Ok(answer.sdp)
    }

    pub(super) fn generate_offer(
        &mut self,
        now: Instant,
        id: ElementId,
        options: OfferOptions,
        peers: &Peers,
    ) -> Result<String, NegotiationError> {
        let endpoint = self.endpoints.get(&id).ok_or(NegotiationError::Released)?;
        if !matches!(endpoint.negotiation, Negotiation::New) {
            return Err(NegotiationError::AlreadyNegotiated);
        }
        self.choose_agent(now, id, true);
        let endpoint = self.endpoints.get_mut(&id).ok_or(NegotiationError::Released)?;
        let offer = sdp::offer(&endpoint.local, options, peers)?;
        let text = offer.sdp.clone();
        endpoint.local_sdp = Some(text.clone());
        endpoint.negotiation = Negotiation::OfferSent(Box::new(offer));
        Ok(text)
    }

    pub(super) fn process_answer(
        &mut self,
        now: Instant,
        id: ElementId,
        text: &str,
    ) -> Result<(), NegotiationError> {
        let endpoint = self.endpoints.get(&id).ok_or(NegotiationError::Released)?;
        let offer = match &endpoint.negotiation {
            Negotiation::OfferSent(offer) => offer,
            // KMS: 40210.
            Negotiation::AnswerReceived => return Err(NegotiationError::AnswerAlreadyProcessed),
            // KMS: 40209, also where the endpoint itself has answered.
            Negotiation::New
            | Negotiation::OfferReceived(_)
            | Negotiation::AnswerSent
            | Negotiation::Repeated(_) => return Err(NegotiationError::NoOffer),
        };
        let answer = RemoteDescription::parse(text)?;
        let negotiated = sdp::accept_answer(offer, &answer)?;
        self.prepare_checks(id, &answer.transport)?;
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            endpoint.negotiation = Negotiation::AnswerReceived;
            endpoint.remote_sdp = Some(text.to_owned());
        }
        self.establish(now, id, &answer.transport, negotiated);
        Ok(())
    }

    pub(super) fn add_ice_candidate(
        &mut self,
        now: Instant,
        id: ElementId,
        candidate: &IceCandidate,
    ) -> Result<(), CandidateError> {
        let session = self.endpoints.get(&id).ok_or(CandidateError::Released)?.session;
        let trickled = RemoteCandidate::parse(&candidate.candidate)?;
        let seat = self.sessions.get_mut(session).ok_or(CandidateError::Released)?;
        seat.session.add_remote_candidate(now, &trickled);
        self.permit_peers(id);
        self.settle(now, session);
        Ok(())
    }

    /// Restarts ICE for a peer that has done so: its new credentials for new ones of ours. Media goes on where
    /// it went until the peer has nominated a pair under them.
    pub(super) fn restart_ice(
        &mut self,
        now: Instant,
        id: ElementId,
        remote: IceCredentials,
    ) -> Result<IceCredentials, NegotiationError> {
        let endpoint = self.endpoints.get_mut(&id).ok_or(NegotiationError::Released)?;
        if !matches!(endpoint.negotiation, Negotiation::AnswerSent | Negotiation::AnswerReceived) {
            return Err(NegotiationError::NoOffer);
        }
        let session = endpoint.session;
        let seat = self.sessions.get_mut(session).ok_or(NegotiationError::Released)?;
        let local = IceCredentials::random(&mut self.rng);
        (endpoint.local.ice_ufrag, endpoint.local.ice_pwd) = (local.ufrag.clone(), local.password.clone());
        endpoint.gathered = false;
        self.routes.add(&local.ufrag, session);
        seat.session.ice.restart(local.clone());
        seat.session.ice.restart_remote(now, remote);
        self.settle(now, session);
        Ok(local)
    }

    /// Both descriptions are known: the session learns its peer, the forwarder its streams, and
    /// connections that were waiting for them carry media.
    fn establish(&mut self, now: Instant, id: ElementId, remote: &RemoteTransport, negotiated: Negotiated) {
        let Some(endpoint) = self.endpoints.get_mut(&id) else { return };
        let (session, cname) = (endpoint.session, endpoint.local.cname.clone());
        endpoint.data = negotiated.data.or(endpoint.data);
        for media in negotiated.media {
            self.open_media(now, id, id, media, &cname);
        }
        let Some(seat) = self.sessions.get_mut(session) else { return };
        if let Some(data) = negotiated.data {
            seat.session.allow_data(now, data.message_bytes_max);
        }
        seat.session.set_remote(now, remote, negotiated.dtls_role, &mut self.rng);
        self.permit_peers(id);
        self.settle(now, session);
        self.apply_limits(id);
        self.report_abilities(now, id);
        for kind in MediaKind::ALL {
            self.join(now, id, kind);
        }
    }

    /// Lets media flow along the connections that were waiting for an element's streams.
    pub(super) fn join(&mut self, now: Instant, id: ElementId, kind: MediaKind) {
        if let Some(feeder) = self.feeds.feeder(id, kind.into()) {
            self.route(now, feeder, id, kind);
        }
        let own = Feeder { element: id, worker: self.index };
        for sink in self.feeds.sinks(id, kind.into()).filter(|sink| *sink != id).collect::<Vec<_>>() {
            self.route(now, own, sink, kind);
        }
        if let Some(track) = self.track_of(Some(id), kind.into()) {
            self.begin_relays(now, id, kind, track);
        }
    }
}

/// Tells a session which packets belong to the sources of one m-line, and returns the sources with the names
/// of their encodings.
pub(super) fn receive(
    streams: &mut Streams,
    simulcast: &Simulcast,
    sources: impl Iterator<Item = SourceId> + Clone,
    parameters: &RtpParameters,
    declared: &DeclaredStreams,
) -> Vec<(SourceId, Option<Rid>)> {
    let ssrcs =
        |stream: &DeclaredStream, source| [Some(stream.ssrc), stream.rtx].map(|ssrc| Some((ssrc?, source)));
    match simulcast {
        Simulcast::None => {
            for source in sources.clone().take(1) {
                let declared = declared.iter().flat_map(|stream| ssrcs(&stream, source)).flatten();
                streams.add(Encodings::One(source), parameters, declared);
            }
        }
        Simulcast::Named(rids) => {
            let named = rids.iter().copied().zip(sources.clone()).collect();
            // RFC 8829 §5.2.1: encodings with names declare no SSRCs, so one that stands there says nothing.
            streams.add(Encodings::Named(named), parameters, []);
            return sources.zip(rids.iter().copied().map(Some)).collect();
        }
        Simulcast::Declared(encodings) => {
            let declared =
                encodings.iter().zip(sources.clone()).flat_map(|(stream, source)| ssrcs(stream, source));
            streams.add(Encodings::Declared, parameters, declared.flatten());
        }
    }
    sources.map(|source| (source, None)).collect()
}
