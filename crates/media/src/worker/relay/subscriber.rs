//! The side of the sinks: what this worker has of sources elsewhere.

use super::ring::{self, Relayed};
use super::{Feeder, Message, Relays, Subscription, SubscriptionState};
use crate::forward::{Demand, DropReason, RelayTo, RelayWay, RelayedTrack};
use crate::id::{ElementId, RelayId, SessionId, SourceId, TrackId};
use crate::pipeline::{DataChannelOptions, MediaType};
use crate::session::sctp::DataMessage;
use crate::worker::State;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// Packets taken from one ring per round: as many as from a socket, and fewer than a source takes between
/// two fan-outs.
const PACKETS_PER_ROUND_MAX: usize = 64;

/// What there is of a source elsewhere for a sink here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::worker) enum Remote {
    /// This track.
    Track(TrackId),
    /// Its worker will tell.
    Expected,
    /// Nothing.
    Nothing,
}

impl Relays {
    /// What is here of a source elsewhere.
    pub(in crate::worker) fn remote(&self, source: ElementId, media: MediaType) -> Remote {
        let relay = self.relays_by_source.get(&(source, media));
        match relay.and_then(|relay| self.subscriptions.get(relay)).map(|known| known.state) {
            Some(SubscriptionState::Relaying(track)) => Remote::Track(track),
            Some(SubscriptionState::Asked) => Remote::Expected,
            Some(SubscriptionState::Idle) | None => Remote::Nothing,
        }
    }

    /// Asks for the media of a source elsewhere, once.
    pub(in crate::worker) fn subscribe(&mut self, source: Feeder, media: MediaType) {
        if self.relays_by_source.contains_key(&(source.element, media)) {
            return;
        }
        let relay = RelayId::new(self.next_relay);
        self.next_relay += 1;
        let state = SubscriptionState::Asked;
        self.subscriptions.insert(relay, Subscription { source, media, state });
        self.relays_by_source.insert((source.element, media), relay);
        let to = RelayTo { worker: self.own, relay };
        let mut sender = None;
        if let Some(neighbour) = self.workers.get_mut(source.worker)
            && media.rtp().is_some()
            && neighbour.incoming.is_none()
        {
            let (outgoing, incoming) = ring::ring();
            (sender, neighbour.incoming) = (Some(Box::new(outgoing)), Some(incoming));
        }
        let asked =
            self.tell(source.worker, Message::Subscribe { source: source.element, media, to, ring: sender });
        if !asked && let Some(known) = self.subscriptions.get_mut(&relay) {
            known.state = SubscriptionState::Idle;
        }
    }

    /// Ends a subscription and returns the track that it had.
    fn unsubscribe(&mut self, source: Feeder, media: MediaType) -> Option<TrackId> {
        let relay = self.relays_by_source.remove(&(source.element, media))?;
        let to = RelayTo { worker: self.own, relay };
        self.tell(source.worker, Message::Unsubscribe { source: source.element, media, to });
        let ended = self.subscriptions.remove(&relay)?;
        self.forget_track(ended.state)
    }

    fn forget_track(&mut self, state: SubscriptionState) -> Option<TrackId> {
        let SubscriptionState::Relaying(track) = state else { return None };
        self.relays_by_track.remove(&track);
        Some(track)
    }

    fn subscription_of(&self, track: TrackId) -> Option<(RelayId, &Subscription)> {
        let relay = *self.relays_by_track.get(&track)?;
        Some((relay, self.subscriptions.get(&relay)?))
    }

    /// Notes what lies in the rings. Called before the messages are taken: those that were sent before a
    /// packet are then known before it is.
    pub(in crate::worker) fn note_arrived(&mut self) {
        for neighbour in &mut self.workers {
            neighbour.arrived = neighbour.incoming.as_ref().map_or(0, |incoming| incoming.waiting());
        }
    }
}

impl State {
    /// Ends the subscription to a source elsewhere that feeds no sink here any more.
    pub(in crate::worker) fn unsubscribe_unused(&mut self, source: Feeder, media: MediaType) {
        if self.feeds.sinks(source.element, media).next().is_none()
            && let Some(track) = self.relays.unsubscribe(source, media)
        {
            self.forwarder.remove_track(track);
        }
    }

    /// A source elsewhere has a track, whose packets follow, or none yet: its sinks here go on with it, or
    /// end.
    pub(in crate::worker) fn begin_relayed(
        &mut self,
        now: Instant,
        relay: RelayId,
        track: Option<RelayedTrack>,
    ) {
        let Some(known) = self.relays.subscriptions.get_mut(&relay) else { return };
        let (source, media) = (known.source, known.media);
        let Some(kind) = media.rtp() else { return };
        match track {
            Some(track) => {
                let track = self.forwarder.add_relayed_track(track, now);
                known.state = SubscriptionState::Relaying(track);
                self.relays.relays_by_track.insert(track, relay);
            }
            None => known.state = SubscriptionState::Idle,
        }
        for sink in self.feeds.sinks(source.element, media).collect::<Vec<_>>() {
            self.route(now, source, sink, kind);
        }
    }

    /// A track elsewhere has ended. Its source may be released, or be left without a session.
    pub(in crate::worker) fn end_relayed(&mut self, relay: RelayId) {
        let Some(known) = self.relays.subscriptions.get_mut(&relay) else { return };
        let before = std::mem::replace(&mut known.state, SubscriptionState::Idle);
        if let Some(track) = self.relays.forget_track(before) {
            self.forwarder.remove_track(track);
        }
    }

    /// Takes what other workers have relayed. Says whether there is more.
    pub(in crate::worker) fn take_relayed(&mut self, now: Instant) -> bool {
        let mut more = false;
        for worker in 0..self.relays.workers.len() {
            let Some(neighbour) = self.relays.workers.get_mut(worker) else { continue };
            let Some(mut incoming) = neighbour.incoming.take() else { continue };
            let mut route = None;
            for _ in 0..neighbour.arrived.min(PACKETS_PER_ROUND_MAX) {
                incoming.take(|way, relayed| self.handle_relayed(now, way, relayed, &mut route));
            }
            more |= incoming.waiting() > 0;
            if let Some(neighbour) = self.relays.workers.get_mut(worker) {
                neighbour.incoming = Some(incoming);
            }
        }
        more
    }

    /// Handles one packet. `route` keeps whose the one before was: packets of one source follow one another.
    fn handle_relayed(
        &mut self,
        now: Instant,
        way: RelayWay,
        relayed: Relayed<'_>,
        route: &mut Option<(RelayWay, SourceId)>,
    ) {
        let known = route.filter(|(before, _)| *before == way).map(|(_, source)| source);
        // What is still under way of an ended subscription is of no use to anybody.
        let Some(source) = known.or_else(|| self.relayed_source(way)) else { return };
        *route = Some((way, source));
        let forwarder = &mut self.forwarder;
        let handled = catch_unwind(AssertUnwindSafe(|| match relayed {
            Relayed::Packet(packet, bytes) => forwarder.handle_relayed(source, &packet, bytes, now),
            Relayed::News(news) => {
                forwarder.handle_relay_news(source, news, now);
                Ok(())
            }
        }));
        match handled {
            // A probe was counted where it arrived.
            Ok(Ok(()) | Err(DropReason::PaddingOnly)) => {}
            Ok(Err(reason)) => self.counters.drops.count(reason),
            Err(_) => {
                tracing::error!(relay = %way.to.relay, "a panic ended this relay");
                *route = None;
                self.end_relayed(way.to.relay);
            }
        }
    }

    fn relayed_source(&self, way: RelayWay) -> Option<SourceId> {
        match self.relays.subscriptions.get(&way.to.relay)?.state {
            SubscriptionState::Relaying(track) => self.forwarder.source_of(track, way.encoding),
            SubscriptionState::Asked | SubscriptionState::Idle => None,
        }
    }

    /// Passes the wish of sinks here on to the worker of their source.
    pub(in crate::worker) fn wish_keyframe_elsewhere(&mut self, track: TrackId, encoding: usize) {
        let Some((_, known)) = self.relays.subscription_of(track) else { return };
        let Feeder { element: source, worker } = known.source;
        self.relays.tell(worker, Message::KeyframeWish { source, encoding });
    }

    /// Tells the worker of a source what its sinks here ask for.
    pub(in crate::worker) fn demand_elsewhere(&mut self, track: TrackId, demand: Demand) {
        let Some((relay, known)) = self.relays.subscription_of(track) else { return };
        let Some(kind) = known.media.rtp() else { return };
        let Feeder { element: source, worker } = known.source;
        let to = RelayTo { worker: self.relays.own, relay };
        self.relays.tell(worker, Message::Demand { source, kind, to, demand });
    }

    /// Delivers a message of data channels to the endpoints here that its source feeds. Their sessions join
    /// `reached`.
    pub(in crate::worker) fn deliver_data(
        &mut self,
        now: Instant,
        source: ElementId,
        channel: &DataChannelOptions,
        message: &DataMessage,
        reached: &mut Vec<SessionId>,
    ) {
        for sink in self.feeds.sinks(source, MediaType::Data) {
            let Some(session) = self.endpoints.get(&sink).map(|endpoint| endpoint.session) else { continue };
            let Some(seat) = self.sessions.get_mut(session) else { continue };
            if let Err(reason) = seat.session.deliver_data(now, channel, message) {
                self.counters.drops.count(reason);
            }
            if !reached.contains(&session) {
                reached.push(session);
            }
        }
    }
}
