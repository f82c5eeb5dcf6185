//! Bridges: media of an element of one pipeline, coming out of an element of another.
//!
//! A bridge is two elements. The *entry* is a sink of the one pipeline; its home tells the home of the *exit*, a
//! source of the other pipeline, which endpoint feeds the entry and what that sends. From there on the sinks behind
//! the exit are fed by that endpoint as by any of their own pipeline: over the relays between workers where they live
//! elsewhere, with feedback and keyframe requests, and without a packet passing through either element.
//!
//! An exit may feed an entry: the far end of a chain learns of the endpoint at its beginning. Bridges in a circle have
//! no beginning, and carry nothing: what a home hears a second time it does not tell again.

use super::relay::{Ability, Completion, Feeder, Message};
use super::{Member, MemberKind, State};
use crate::error::CreateError;
use crate::id::{ElementId, PipelineId};
use crate::pipeline::graph::FeedChange;
use crate::pipeline::{ElementKind, EndpointEvent, MediaKind, MediaType, PipelineEvent};
use std::collections::BTreeMap;
use std::time::Instant;
use tokio::sync::mpsc;

/// The ends of bridges whose pipelines have their home here. Bounded as elements are.
#[derive(Debug, Default)]
pub(super) struct Bridges {
    entries: BTreeMap<ElementId, FarEnd>,
    exits: BTreeMap<ElementId, Exit>,
}

/// The other end of a bridge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FarEnd {
    pub(crate) element: ElementId,
    /// The home of its pipeline.
    pub(crate) home: usize,
}

/// Which end of a bridge an element is to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BridgeEnd {
    Entry,
    Exit,
}

#[derive(Debug)]
struct Exit {
    entry: FarEnd,
    /// The endpoint that feeds the entry with each type.
    feeders: [Option<Feeder>; MediaType::ALL.len()],
}

/// Who feeds the far end of an exit from now on, and what that endpoint accepts, of RTP media.
#[derive(Debug)]
pub(crate) struct BridgeFeed {
    pub(crate) exit: ElementId,
    pub(crate) media: MediaType,
    pub(crate) feeder: Option<Feeder>,
    pub(crate) ability: Option<Ability>,
}

impl Bridges {
    /// Whether the element is an entry.
    pub(super) fn has_entry(&self, element: ElementId) -> bool {
        self.entries.contains_key(&element)
    }

    /// Whether the element is an exit.
    pub(super) fn has_exit(&self, element: ElementId) -> bool {
        self.exits.contains_key(&element)
    }
}

impl State {
    /// Makes one end of a bridge.
    pub(super) fn create_bridge_end(
        &mut self,
        pipeline: PipelineId,
        element: ElementId,
        end: BridgeEnd,
        far: FarEnd,
    ) -> Result<(), CreateError> {
        self.graph.add_element(pipeline, element, ElementKind::Bridge)?;
        let member = Member { worker: self.index, abilities: Default::default(), kind: MemberKind::Bridge };
        self.members.insert(element, member);
        match end {
            BridgeEnd::Entry => {
                self.bridges.entries.insert(element, far);
            }
            BridgeEnd::Exit => {
                self.bridges.exits.insert(element, Exit { entry: far, feeders: Default::default() });
            }
        }
        Ok(())
    }

    /// The endpoint behind an element of a pipeline whose home is here, with its worker: of an exit the one that
    /// feeds the bridge.
    pub(super) fn feeder_of(&self, element: ElementId, media: MediaType) -> Option<Feeder> {
        match self.bridges.exits.get(&element) {
            Some(exit) => exit.feeders[media as usize],
            None => Some(Feeder { element, worker: self.members.get(&element)?.worker }),
        }
    }

    /// Tells the far end of an entry what feeds it now.
    pub(super) fn feed_bridge(
        &mut self,
        now: Instant,
        entry: ElementId,
        media: MediaType,
        done: Option<&Completion>,
    ) {
        let Some(FarEnd { element: exit, home }) = self.bridges.entries.get(&entry).copied() else { return };
        let source = self.graph.feeder(entry, media);
        let feeder = source.and_then(|source| self.feeder_of(source, media));
        let ability = source.zip(media.rtp()).and_then(|(source, kind)| self.ability(source, kind)).cloned();
        let feed = BridgeFeed { exit, media, feeder, ability };
        if self.relays.is_elsewhere(home) {
            self.relays.tell(home, Message::BridgeFeed { feed: Box::new(feed), done: done.cloned() });
        } else {
            self.take_bridge_feed(now, feed, done);
        }
    }

    /// The entry of an exit here is fed by another endpoint from now on, or none, or that one's abilities have
    /// changed.
    pub(super) fn take_bridge_feed(&mut self, now: Instant, feed: BridgeFeed, done: Option<&Completion>) {
        let BridgeFeed { exit, media, feeder, ability } = feed;
        let Some(known) = self.bridges.exits.get_mut(&exit) else { return };
        let is_new = std::mem::replace(&mut known.feeders[media as usize], feeder) != feeder;
        let mut is_changed = false;
        if let (Some(kind), Some(member)) = (media.rtp(), self.members.get_mut(&exit)) {
            let before = std::mem::replace(&mut member.abilities.0[kind as usize], ability);
            is_changed = before != member.abilities.0[kind as usize];
        }
        if is_changed && !is_new {
            self.tell_bridges(now, exit);
        }
        if is_new {
            let sinks: Vec<ElementId> = self.graph.fed_by(exit, media).collect();
            let change = |sink| FeedChange { media, sink, before: Some(exit), after: Some(exit) };
            self.follow(now, sinks.into_iter().map(change).collect(), done);
        }
    }

    /// What an endpoint accepts has changed: the far ends of the entries that it feeds learn of it.
    pub(super) fn tell_bridges(&mut self, now: Instant, endpoint: ElementId) {
        for kind in MediaKind::ALL {
            let sinks = self.graph.fed_by(endpoint, kind.into());
            let entries: Vec<ElementId> = sinks.filter(|sink| self.bridges.has_entry(*sink)).collect();
            for entry in entries {
                self.feed_bridge(now, entry, kind.into(), None);
            }
        }
    }

    /// An end of this pipeline is released: the other one carries nothing from now on. The owners of both pipelines
    /// hear of it, since neither knows which of them has released the bridge.
    pub(super) fn end_bridge(&mut self, now: Instant, element: ElementId, pipeline: Option<PipelineId>) {
        self.tell_bridge_ended(element, pipeline);
        let far = match self.bridges.entries.remove(&element) {
            Some(far) => Some(far),
            None => self.bridges.exits.remove(&element).map(|exit| exit.entry),
        };
        let Some(FarEnd { element, home }) = far else { return };
        if self.relays.is_elsewhere(home) {
            self.relays.tell(home, Message::BridgeEnded { element });
        } else {
            self.bridge_ended(now, element);
        }
    }

    /// The far end of a bridge is gone.
    pub(super) fn bridge_ended(&mut self, now: Instant, element: ElementId) {
        // An entry has nobody to tell any more.
        self.bridges.entries.remove(&element);
        if self.bridges.has_exit(element) {
            for media in MediaType::ALL {
                let feed = BridgeFeed { exit: element, media, feeder: None, ability: None };
                self.take_bridge_feed(now, feed, None);
            }
        }
        self.tell_bridge_ended(element, self.graph.pipeline_of(element));
    }

    fn tell_bridge_ended(&mut self, element: ElementId, pipeline: Option<PipelineId>) {
        let Some(owner) = pipeline.and_then(|pipeline| self.pipelines.get(&pipeline)) else { return };
        let event = PipelineEvent { endpoint: element, event: EndpointEvent::BridgeEnded };
        if let Err(mpsc::error::TrySendError::Full(_)) = owner.events.try_send(event) {
            self.counters.events_dropped += 1;
        }
    }
}
