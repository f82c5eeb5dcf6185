//! Elements and their connections, as plain data: who feeds whom, and what goes with a released parent.
//!
//! Media begins and ends at endpoints. A pass-through hands on what it is sent, so what an endpoint gets
//! is found by walking up from it to the first endpoint: its *feeder*. Every element remembers its
//! feeder, so that a question is one look-up and a change costs a walk over what lies behind it.

#[cfg(test)]
mod tests;

use super::{ElementKind, MediaType};
use crate::error::CreateError;
use crate::id::{ElementId, PipelineId};
use std::collections::{BTreeMap, BTreeSet, btree_set};

/// Elements of one pipeline at most; a further one is refused. One operation visits each of them a few
/// times at most, so this bounds how long it holds up the worker: about a millisecond.
pub(crate) const ELEMENTS_PER_PIPELINE_MAX: usize = 10_000;
/// Elements of one worker at most: its sessions (65,536 at most) and as many without a peer.
pub(crate) const ELEMENTS_MAX: usize = 1 << 17;

/// One connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Edge {
    pub(crate) source: ElementId,
    pub(crate) sink: ElementId,
    pub(crate) media: MediaType,
}

/// What connections come to: the media of one endpoint's peer goes to another's (or its own).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Feed {
    pub(crate) source: ElementId,
    pub(crate) sink: ElementId,
    pub(crate) media: MediaType,
}

/// Another endpoint feeds `sink` from now on, or the first one, or none any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FeedChange {
    pub(crate) media: MediaType,
    pub(crate) sink: ElementId,
    pub(crate) before: Option<ElementId>,
    pub(crate) after: Option<ElementId>,
}

/// Why an edge cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum EdgeError {
    UnknownElement,
    ForeignPipeline,
    /// Pass-throughs would feed one another, with no endpoint among them.
    Cycle,
}

/// All pipelines of one worker. Ordered maps: the order of releases and of changes can be seen from
/// outside. Changes come by type, then by identifier from the changed edge downwards, depth first.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    elements_by_pipeline: BTreeMap<PipelineId, BTreeSet<ElementId>>,
    elements: BTreeMap<ElementId, Element>,
}

#[derive(Debug)]
struct Element {
    pipeline: PipelineId,
    kind: ElementKind,
    by_media: [Ports; MediaType::ALL.len()],
}

/// An element's connections of one type.
#[derive(Debug, Default)]
struct Ports {
    /// A sink takes one source.
    source: Option<ElementId>,
    sinks: BTreeSet<ElementId>,
    /// The endpoint whose media comes in here. All that lies behind a pass-through has the same.
    feeder: Option<ElementId>,
}

impl Graph {
    pub(crate) fn add_pipeline(&mut self, pipeline: PipelineId) {
        self.elements_by_pipeline.entry(pipeline).or_default();
    }

    /// Adds an element: `Released` when its pipeline is gone, `Full` at [`ELEMENTS_PER_PIPELINE_MAX`] and
    /// [`ELEMENTS_MAX`].
    pub(crate) fn add_element(
        &mut self,
        pipeline: PipelineId,
        element: ElementId,
        kind: ElementKind,
    ) -> Result<(), CreateError> {
        let siblings = self.elements_by_pipeline.get_mut(&pipeline).ok_or(CreateError::Released)?;
        if siblings.len() >= ELEMENTS_PER_PIPELINE_MAX || self.elements.len() >= ELEMENTS_MAX {
            return Err(CreateError::Full);
        }
        siblings.insert(element);
        self.elements.insert(element, Element { pipeline, kind, by_media: Default::default() });
        Ok(())
    }

    /// Connects, in place of the sink's source so far. Nothing changes where every endpoint keeps its
    /// feeder, as when a connected pair is connected again.
    pub(crate) fn connect(&mut self, edge: Edge) -> Result<Vec<FeedChange>, EdgeError> {
        let changes = self.preview(edge)?;
        if let Some(source) = self.ports(edge.sink, edge.media).and_then(|ports| ports.source) {
            self.unlink(Edge { source, ..edge });
        }
        if let Some(ports) = self.ports_mut(edge.source, edge.media) {
            ports.sinks.insert(edge.sink);
        }
        if let Some(ports) = self.ports_mut(edge.sink, edge.media) {
            ports.source = Some(edge.source);
        }
        self.feed(edge.sink, edge.media, self.origin(edge.source, edge.media));
        Ok(changes)
    }

    /// What [`Self::connect`] would change.
    pub(crate) fn preview(&self, edge: Edge) -> Result<Vec<FeedChange>, EdgeError> {
        let pipeline_of = |id| self.elements.get(&id).map(|e| e.pipeline).ok_or(EdgeError::UnknownElement);
        if pipeline_of(edge.source)? != pipeline_of(edge.sink)? {
            return Err(EdgeError::ForeignPipeline);
        }
        if self.passes_through(edge.sink, edge.source, edge.media) {
            return Err(EdgeError::Cycle);
        }
        Ok(self.changes(edge.sink, edge.media, self.origin(edge.source, edge.media)))
    }

    /// Removes an edge; nothing happens when it is not there.
    pub(crate) fn disconnect(&mut self, edge: Edge) -> Vec<FeedChange> {
        if self.ports(edge.sink, edge.media).and_then(|ports| ports.source) != Some(edge.source) {
            return Vec::new();
        }
        let changes = self.changes(edge.sink, edge.media, None);
        self.unlink(edge);
        self.feed(edge.sink, edge.media, None);
        changes
    }

    /// Removes an element with its edges. Nothing happens the second time.
    pub(crate) fn remove_element(&mut self, element: ElementId) -> Vec<FeedChange> {
        let changes = self.edges_of(element).into_iter().flat_map(|edge| self.disconnect(edge)).collect();
        if let Some(removed) = self.elements.remove(&element)
            && let Some(siblings) = self.elements_by_pipeline.get_mut(&removed.pipeline)
        {
            siblings.remove(&element);
        }
        changes
    }

    /// Forgets a pipeline and returns its elements, newest first, for the caller to remove; `None` when
    /// there is no such pipeline (any more).
    pub(crate) fn remove_pipeline(&mut self, pipeline: PipelineId) -> Option<Vec<ElementId>> {
        Some(self.elements_by_pipeline.remove(&pipeline)?.into_iter().rev().collect())
    }

    /// The endpoint whose media reaches an element.
    pub(crate) fn feeder(&self, element: ElementId, media: MediaType) -> Option<ElementId> {
        self.ports(element, media)?.feeder
    }

    /// The endpoint whose media leaves an element: an endpoint's own, else its feeder's.
    pub(crate) fn origin(&self, element: ElementId, media: MediaType) -> Option<ElementId> {
        let known = self.elements.get(&element)?;
        match known.kind {
            ElementKind::Endpoint | ElementKind::Line | ElementKind::Bridge => Some(element),
            ElementKind::PassThrough => known.by_media[media as usize].feeder,
        }
    }

    /// The endpoints that get what leaves an element, each once.
    pub(crate) fn fed_by(&self, element: ElementId, media: MediaType) -> impl Iterator<Item = ElementId> {
        let waiting = self.ports(element, media).map(|ports| ports.sinks.iter()).into_iter().collect();
        Behind { graph: self, media, waiting }
    }

    /// Every feed to or from an endpoint, each once.
    pub(crate) fn feeds_of(&self, endpoint: ElementId) -> Vec<Feed> {
        let mut feeds = Vec::new();
        for media in MediaType::ALL {
            let feeder = self.feeder(endpoint, media).filter(|feeder| *feeder != endpoint);
            feeds.extend(feeder.map(|source| Feed { source, sink: endpoint, media }));
            feeds.extend(self.fed_by(endpoint, media).map(|sink| Feed { source: endpoint, sink, media }));
        }
        feeds
    }

    /// Whether anything is connected behind an element.
    pub(crate) fn has_sink(&self, element: ElementId, media: MediaType) -> bool {
        self.ports(element, media).is_some_and(|ports| !ports.sinks.is_empty())
    }

    /// The pipeline that an element is part of.
    pub(crate) fn pipeline_of(&self, element: ElementId) -> Option<PipelineId> {
        self.elements.get(&element).map(|known| known.pipeline)
    }

    pub(crate) fn kind(&self, element: ElementId) -> Option<ElementKind> {
        self.elements.get(&element).map(|known| known.kind)
    }

    /// A pipeline's elements in the order of their identifiers; `None` when there is no such pipeline.
    pub(crate) fn elements(&self, pipeline: PipelineId) -> Option<impl Iterator<Item = ElementId>> {
        Some(self.elements_by_pipeline.get(&pipeline)?.iter().copied())
    }

    /// The edges that begin at an element.
    pub(crate) fn edges_from(&self, source: ElementId) -> impl Iterator<Item = Edge> {
        MediaType::ALL.into_iter().flat_map(move |media| {
            let sinks = self.ports(source, media).map(|ports| ports.sinks.iter().copied());
            sinks.into_iter().flatten().map(move |sink| Edge { source, sink, media })
        })
    }

    pub(crate) fn pipelines(&self) -> impl Iterator<Item = PipelineId> + '_ {
        self.elements_by_pipeline.keys().copied()
    }

    /// Every edge that begins or ends at `element`, each once; those that end there first, so that what
    /// lies behind a removed element changes once.
    fn edges_of(&self, element: ElementId) -> Vec<Edge> {
        let into = MediaType::ALL.into_iter().filter_map(|media| {
            let source = self.ports(element, media)?.source.filter(|source| *source != element)?;
            Some(Edge { source, sink: element, media })
        });
        into.chain(self.edges_from(element)).collect()
    }

    /// Whether what leaves `above` reaches `below` through pass-throughs alone, both included.
    fn passes_through(&self, above: ElementId, below: ElementId, media: MediaType) -> bool {
        let mut reached = Some(below);
        while let Some(element) = reached
            && self.kind(element) == Some(ElementKind::PassThrough)
        {
            if element == above {
                return true;
            }
            reached = self.ports(element, media).and_then(|ports| ports.source);
        }
        false
    }

    /// What changes when `after` comes to feed an element, and with it what lies behind.
    fn changes(&self, element: ElementId, media: MediaType, after: Option<ElementId>) -> Vec<FeedChange> {
        let before = self.feeder(element, media);
        if before == after {
            return Vec::new();
        }
        let change = |sink| FeedChange { media, sink, before, after };
        match self.kind(element) {
            Some(ElementKind::Endpoint | ElementKind::Line | ElementKind::Bridge) => vec![change(element)],
            Some(ElementKind::PassThrough) => self.fed_by(element, media).map(change).collect(),
            None => Vec::new(),
        }
    }

    /// Remembers the feeder of an element and of what lies behind.
    fn feed(&mut self, element: ElementId, media: MediaType, feeder: Option<ElementId>) {
        let mut waiting = vec![element];
        while let Some(element) = waiting.pop() {
            let Some(known) = self.elements.get_mut(&element) else { continue };
            let ports = &mut known.by_media[media as usize];
            if ports.feeder != feeder {
                ports.feeder = feeder;
                if known.kind == ElementKind::PassThrough {
                    waiting.extend(&ports.sinks);
                }
            }
        }
    }

    fn unlink(&mut self, edge: Edge) {
        if let Some(ports) = self.ports_mut(edge.source, edge.media) {
            ports.sinks.remove(&edge.sink);
        }
        if let Some(ports) = self.ports_mut(edge.sink, edge.media) {
            ports.source = None;
        }
    }

    fn ports(&self, element: ElementId, media: MediaType) -> Option<&Ports> {
        self.elements.get(&element).map(|known| &known.by_media[media as usize])
    }

    fn ports_mut(&mut self, element: ElementId, media: MediaType) -> Option<&mut Ports> {
        self.elements.get_mut(&element).map(|known| &mut known.by_media[media as usize])
    }
}

/// A walk down to the endpoints, depth first. It ends: pass-throughs form no circle.
struct Behind<'a> {
    graph: &'a Graph,
    media: MediaType,
    waiting: Vec<btree_set::Iter<'a, ElementId>>,
}

impl Iterator for Behind<'_> {
    type Item = ElementId;

    fn next(&mut self) -> Option<ElementId> {
        loop {
            let Some(&element) = self.waiting.last_mut()?.next() else {
                self.waiting.pop();
                continue;
            };
            match self.graph.kind(element) {
                Some(ElementKind::PassThrough) => {
                    let ports = self.graph.ports(element, self.media);
                    self.waiting.extend(ports.map(|ports| ports.sinks.iter()));
                }
                _ => return Some(element),
            }
        }
    }
}
