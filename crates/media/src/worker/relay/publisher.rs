//! The side of the sources: what other workers have of endpoints here.

use super::ring::RingSender;
use super::{Message, Neighbour, Relays};
use crate::forward::{DropReason, RelayNews, RelayTo, RelayWay};
use crate::id::{ElementId, PipelineId, TrackId};
use crate::pipeline::{DataChannelOptions, MediaKind, MediaType};
use crate::session::sctp::DataMessage;
use crate::worker::State;
use std::time::Instant;

impl Relays {
    /// The workers that have this of an endpoint here.
    fn subscribers(&self, source: ElementId, media: MediaType) -> Vec<RelayTo> {
        self.subscribers.get(&(source, media)).cloned().unwrap_or_default()
    }

    fn add_subscriber(&mut self, source: ElementId, media: MediaType, to: RelayTo) {
        let subscribers = self.subscribers.entry((source, media)).or_default();
        // A worker has one subscription to a source at a time.
        subscribers.retain(|known| known.worker != to.worker);
        subscribers.push(to);
    }

    fn remove_subscriber(&mut self, source: ElementId, media: MediaType, to: RelayTo) {
        if let Some(subscribers) = self.subscribers.get_mut(&(source, media)) {
            subscribers.retain(|known| *known != to);
            if subscribers.is_empty() {
                self.subscribers.remove(&(source, media));
            }
        }
    }

    /// Forgets the subscribers of an endpoint that is released.
    pub(in crate::worker) fn forget_source(&mut self, source: ElementId) {
        for media in MediaType::ALL {
            self.subscribers.remove(&(source, media));
        }
    }

    fn accept_ring(&mut self, worker: usize, ring: Option<Box<RingSender>>) {
        if let (Some(neighbour), Some(ring)) = (self.workers.get_mut(worker), ring) {
            neighbour.outgoing = Some(*ring);
        }
    }
}

impl State {
    /// Another worker wants the media of an endpoint here. It is told at once whether there is a track.
    pub(in crate::worker) fn add_subscriber(
        &mut self,
        now: Instant,
        source: ElementId,
        media: MediaType,
        to: RelayTo,
        ring: Option<Box<RingSender>>,
    ) {
        self.relays.accept_ring(to.worker, ring);
        // One that was released meanwhile feeds nobody, as the subscriber will learn from its home.
        if self.owner_of(source).is_some() {
            self.relays.add_subscriber(source, media, to);
        }
        if let Some(kind) = media.rtp() {
            let track = self.track_of(Some(source), kind.into());
            let track = track.and_then(|track| self.forwarder.begin_relay(track, to, now));
            self.relays.tell(to.worker, Message::Begin { relay: to.relay, track });
        }
    }

    pub(in crate::worker) fn remove_subscriber(&mut self, source: ElementId, media: MediaType, to: RelayTo) {
        self.relays.remove_subscriber(source, media, to);
        if let Some(track) = self.track_of(Some(source), media) {
            self.forwarder.end_relay(track, to);
        }
    }

    /// An endpoint here has a new track: the workers that wait for it get it.
    pub(in crate::worker) fn begin_relays(
        &mut self,
        now: Instant,
        source: ElementId,
        kind: MediaKind,
        track: TrackId,
    ) {
        for to in self.relays.subscribers(source, kind.into()) {
            let track = self.forwarder.begin_relay(track, to, now);
            self.relays.tell(to.worker, Message::Begin { relay: to.relay, track });
        }
    }

    /// A track of an endpoint here ends: the workers that have it are told.
    pub(in crate::worker) fn end_relays(&mut self, source: ElementId, kind: MediaKind) {
        for to in self.relays.subscribers(source, kind.into()) {
            self.relays.tell(to.worker, Message::End { relay: to.relay });
        }
    }

    /// Hands what arrived to the other workers that have sinks for it, each packet once for each of them. A
    /// full ring drops it: its worker does not keep up, and the others must not wait.
    pub(in crate::worker) fn relay_packets(&mut self) {
        let Self { forwarder, relays: Relays { workers, relayed, .. }, counters, .. } = self;
        forwarder.relay(|way, packet, bytes| {
            let pushed = workers
                .get_mut(way.to.worker)
                .is_some_and(|to| to.hand(|ring| ring.push(way, packet, bytes)));
            if pushed {
                *relayed += 1;
            } else {
                counters.drops.count(DropReason::RelayOverrun);
            }
        });
    }

    /// Hands on what is told of a source beside its packets. What is lost at a full ring repeats itself, or
    /// is noticed by the silence.
    pub(in crate::worker) fn relay_news(&mut self, way: RelayWay, news: RelayNews) {
        let neighbour = self.relays.workers.get_mut(way.to.worker);
        if !neighbour.is_some_and(|to| to.hand(|ring| ring.push_news(way, news))) {
            self.counters.drops.count(DropReason::RelayOverrun);
        }
    }

    /// Sends a message of data channels to the other workers that its source feeds.
    pub(in crate::worker) fn relay_data(
        &mut self,
        source: ElementId,
        channel: &DataChannelOptions,
        message: &DataMessage,
    ) {
        for to in self.relays.subscribers(source, MediaType::Data) {
            let budget = self.relays.workers.get(to.worker).map(|to| &to.data);
            match budget.and_then(|budget| budget.reserve(message.payload.len())) {
                Some(permit) => {
                    let (channel, message) = (channel.clone(), message.clone());
                    self.relays.tell(to.worker, Message::Data { source, channel, message, permit });
                }
                None => self.counters.drops.count(DropReason::DataQueueFull),
            }
        }
    }

    /// Sends a message that is shared in a pipeline to all other workers: they know who shares there.
    pub(in crate::worker) fn relay_shared(
        &mut self,
        pipeline: PipelineId,
        channel: &DataChannelOptions,
        message: &DataMessage,
    ) {
        for worker in 0..self.relays.workers.len() {
            if !self.relays.is_elsewhere(worker) {
                continue;
            }
            let budget = self.relays.workers.get(worker).map(|to| &to.data);
            match budget.and_then(|budget| budget.reserve(message.payload.len())) {
                Some(permit) => {
                    let (channel, message) = (channel.clone(), message.clone());
                    self.relays.tell(worker, Message::SharedData { pipeline, channel, message, permit });
                }
                None => self.counters.drops.count(DropReason::DataQueueFull),
            }
        }
    }
}

impl Neighbour {
    /// Puts something into the ring to this worker, which is woken at the end of the round.
    fn hand(&mut self, push: impl FnOnce(&mut RingSender) -> bool) -> bool {
        let handed = self.outgoing.as_mut().is_some_and(push);
        self.unaware |= handed;
        handed
    }
}
