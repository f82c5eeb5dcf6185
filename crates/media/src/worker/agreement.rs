//! What the peers of a pipeline accept, known at its home wherever they live: answers list only what all of
//! those accept that are connected.

use super::State;
use super::command::Reply;
use super::control::answer;
use super::endpoint::{Endpoint, Negotiation};
use super::relay::{Abilities, Ability, Message};
use crate::error::NegotiationError;
use crate::id::ElementId;
use crate::pipeline::graph::Feed;
use crate::pipeline::{MediaKind, OfferOptions};
use crate::session::sdp::{self, Peers};
use std::time::Instant;

impl State {
    /// Tells an element's home what its peer accepts, after that may have changed.
    pub(super) fn report_abilities(&mut self, now: Instant, id: ElementId) {
        let Some(endpoint) = self.owner_of(id) else { return };
        let (home, abilities) = (endpoint.home, endpoint.abilities(id));
        if self.relays.is_elsewhere(home) {
            self.relays.tell(home, Message::Abilities { endpoint: id, abilities });
        } else {
            self.note_abilities(now, id, abilities);
        }
    }

    pub(super) fn note_abilities(&mut self, now: Instant, id: ElementId, abilities: Abilities) {
        if let Some(member) = self.members.get_mut(&id) {
            member.abilities = abilities;
            self.tell_bridges(now, id);
        }
    }

    /// Has an endpoint answer its peer's offer, where it lives.
    pub(super) fn ask_for_answer(
        &mut self,
        now: Instant,
        endpoint: ElementId,
        reply: Reply<Result<String, NegotiationError>>,
    ) {
        let Some(worker) = self.members.get(&endpoint).map(|member| member.worker) else {
            return answer(reply, Err(NegotiationError::Released));
        };
        let peers = self.peers_of(endpoint);
        if self.relays.is_elsewhere(worker) {
            self.relays.tell(worker, Message::CreateAnswer { endpoint, peers, reply });
        } else {
            answer(reply, self.create_answer(now, endpoint, &peers));
        }
    }

    /// Has an endpoint make an offer, where it lives.
    pub(super) fn ask_for_offer(
        &mut self,
        now: Instant,
        endpoint: ElementId,
        options: OfferOptions,
        reply: Reply<Result<String, NegotiationError>>,
    ) {
        let Some(worker) = self.members.get(&endpoint).map(|member| member.worker) else {
            return answer(reply, Err(NegotiationError::Released));
        };
        let peers = self.peers_of(endpoint);
        if self.relays.is_elsewhere(worker) {
            self.relays.tell(worker, Message::GenerateOffer { endpoint, options, peers, reply });
        } else {
            answer(reply, self.generate_offer(now, endpoint, options, &peers));
        }
    }

    /// Whether two endpoints have a codec in common, as far as both are negotiated.
    pub(super) fn may_agree(&self, source: ElementId, sink: ElementId, kind: MediaKind) -> bool {
        let agreed = |id| match self.ability(id, kind)? {
            Ability::Agreed(formats) => Some(formats),
            Ability::Offered(_) => None,
        };
        let Some((source, sink)) = agreed(source).zip(agreed(sink)) else { return true };
        !sdp::common_formats(source, sink).is_empty()
    }

    /// What the endpoints accept that feed this one or are fed by it, as far as it is known.
    fn peers_of(&self, id: ElementId) -> Peers {
        let mut peers = Peers::default();
        for Feed { source, sink, media } in self.graph.feeds_of(id) {
            let Some(kind) = media.rtp() else { continue };
            let other = if source == id { sink } else { source };
            let ability = self.ability(other, kind).filter(|_| other != id);
            let formats = ability.map(|ability| ability.formats().clone());
            match kind {
                MediaKind::Audio => peers.audio.extend(formats),
                MediaKind::Video => peers.video.extend(formats),
            }
        }
        peers
    }

    pub(super) fn ability(&self, id: ElementId, kind: MediaKind) -> Option<&Ability> {
        self.members.get(&id)?.abilities.0[kind as usize].as_ref()
    }
}

impl Endpoint {
    /// What the peer accepts for one of its elements.
    pub(super) fn abilities(&self, element: ElementId) -> Abilities {
        Abilities(MediaKind::ALL.map(|kind| match (&self.negotiation, self.media_of(element, kind)) {
            (Negotiation::OfferReceived(offer), _) => {
                let restriction = self.local.restrictions.of_kind(kind);
                offer.formats(kind).map(|formats| Ability::Offered(restriction.accepted(formats)))
            }
            (_, Some(media)) => Some(Ability::Agreed(media.parameters.formats.clone())),
            _ => None,
        }))
    }
}
