//! Pipelines on several workers: what this worker has of sources elsewhere, and others of sources here.
//!
//! Each pipeline has a home, the worker with its graph. Its endpoints live where they were created, for life.
//! The home tells the worker of each sink who feeds it (`Feed`); that worker asks the worker of the source
//! for it (`Subscribe`), once however many of its sinks want it, and gets the track (`Begin`) and its packets
//! by the ring between the two. Messages are ordered, packets come after the messages sent before them.

mod budget;
mod message;
mod publisher;
mod ring;
mod subscriber;
#[cfg(test)]
mod tests;

pub(crate) use message::{
    Abilities, Ability, Completion, FeedOrder, Feeder, FlowPlace, Message, NewEndpoint,
};

pub(super) use subscriber::Remote;

use super::command::{Command, WorkerHandle};
use crate::forward::RelayTo;
use crate::id::{ElementId, RelayId, TrackId};
use crate::pipeline::MediaType;
use budget::Budget;
use ring::{RingReceiver, RingSender};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The other workers, and what passes between them and this one.
#[derive(Debug)]
pub(super) struct Relays {
    own: usize,
    workers: Vec<Neighbour>,
    /// What sinks here have of sources elsewhere. Bounded by the endpoints here.
    subscriptions: BTreeMap<RelayId, Subscription>,
    relays_by_source: BTreeMap<(ElementId, MediaType), RelayId>,
    relays_by_track: BTreeMap<TrackId, RelayId>,
    /// The workers that have of sources here: one entry each, so bounded by workers and endpoints.
    subscribers: BTreeMap<(ElementId, MediaType), Vec<RelayTo>>,
    next_relay: u64,
    /// Packets handed to other workers.
    relayed: u64,
}

/// Another worker.
#[derive(Debug)]
struct Neighbour {
    handle: WorkerHandle,
    /// It was told something that it has not been woken for.
    unaware: bool,
    /// To it, once it has subscribed.
    outgoing: Option<RingSender>,
    /// From it, once this worker has subscribed.
    incoming: Option<RingReceiver>,
    /// What lay in `incoming` when this round began.
    arrived: usize,
    data: Budget,
}

/// One source elsewhere that sinks here want.
#[derive(Debug)]
struct Subscription {
    source: Feeder,
    media: MediaType,
    state: SubscriptionState,
}

#[derive(Clone, Copy, Debug)]
enum SubscriptionState {
    /// Its worker has not answered.
    Asked,
    /// There is nothing to relay, yet or any more.
    Idle,
    /// Its packets are fanned out here as this track's.
    Relaying(TrackId),
}

impl Relays {
    /// Before the other workers are known.
    pub(super) fn new(own: usize) -> Self {
        Self {
            own,
            workers: Vec::new(),
            subscriptions: BTreeMap::new(),
            relays_by_source: BTreeMap::new(),
            relays_by_track: BTreeMap::new(),
            subscribers: BTreeMap::new(),
            next_relay: 0,
            relayed: 0,
        }
    }

    /// Learns all workers, this one included, in their order.
    pub(super) fn meet(&mut self, workers: &Arc<[WorkerHandle]>) {
        self.workers = workers.iter().cloned().map(Neighbour::new).collect();
    }

    /// Whether `worker` is another one.
    pub(super) fn is_elsewhere(&self, worker: usize) -> bool {
        worker != self.own
    }

    /// Leaves a message for another worker, which is woken at the end of this round. To one that has stopped
    /// nothing is told. The messages that wait are bounded by what causes them: a caller that waits for its
    /// end, a subscription, a stream's throttled requests, or data within its budget.
    /// Says whether the worker still takes any.
    pub(super) fn tell(&mut self, worker: usize, message: Message) -> bool {
        debug_assert!(self.is_elsewhere(worker), "a worker does not write to itself");
        let Some(neighbour) = self.workers.get_mut(worker) else { return false };
        let taken = neighbour.handle.leave(Command::Message(message));
        neighbour.unaware |= taken;
        taken
    }

    /// Wakes the workers that were told or handed something in this round, each once.
    pub(super) fn wake(&mut self) {
        for neighbour in self.workers.iter_mut().filter(|neighbour| neighbour.unaware) {
            neighbour.unaware = false;
            neighbour.handle.wake();
        }
    }

    /// Tracks from elsewhere that are fanned out here.
    pub(super) fn len(&self) -> usize {
        self.relays_by_track.len()
    }

    /// Packets handed to other workers so far.
    pub(super) const fn relayed(&self) -> u64 {
        self.relayed
    }
}

impl Neighbour {
    fn new(handle: WorkerHandle) -> Self {
        Self { handle, unaware: false, outgoing: None, incoming: None, arrived: 0, data: Budget::default() }
    }
}
