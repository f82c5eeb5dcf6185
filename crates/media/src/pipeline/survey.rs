//! What the whole server carries, for an administrator.

use super::graph::Edge;
use super::{ElementKind, EndpointStats, GraphEdge, GraphElement, MediaKind, PipelineGraph};
use crate::id::{ElementId, PipelineId};
use crate::worker::{Command, WorkerHandle};
use std::collections::BTreeMap;

/// One pipeline: what it consists of and what flows through it.
#[derive(Clone, Debug)]
pub struct PipelineSurvey {
    /// Which.
    pub pipeline: PipelineId,
    /// The worker that has its graph, counted from 0; its endpoints may live on others.
    pub worker: usize,
    /// Its elements, in the order of their identifiers.
    pub elements: Vec<ElementSurvey>,
    /// Its connections, by source, then type, then sink.
    pub edges: Vec<GraphEdge>,
}

/// One element of a [`PipelineSurvey`].
#[derive(Clone, Debug)]
pub struct ElementSurvey {
    /// Which.
    pub element: ElementId,
    /// What it does.
    pub kind: ElementKind,
    /// The worker it lives on, counted from 0.
    pub worker: usize,
    /// [`super::EndpointOptions::label`]; empty for elements without a peer.
    pub label: String,
    /// State and counters of an endpoint.
    pub stats: Option<EndpointStats>,
}

/// A pipeline as its home knows it.
#[derive(Clone, Debug)]
pub(crate) struct PipelineOutline {
    pub(crate) pipeline: PipelineId,
    pub(crate) home: usize,
    pub(crate) elements: Vec<OutlineElement>,
    /// Each with the endpoint whose media it carries.
    pub(crate) edges: Vec<(Edge, Option<ElementId>)>,
}

/// One of its elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutlineElement {
    pub(crate) element: ElementId,
    pub(crate) kind: ElementKind,
    pub(crate) worker: usize,
}

/// An endpoint as its worker knows it.
#[derive(Clone, Debug)]
pub(crate) struct EndpointSurvey {
    pub(crate) element: ElementId,
    pub(crate) label: String,
    pub(crate) stats: Option<EndpointStats>,
    pub(crate) brought: [Brought; MediaKind::ALL.len()],
}

/// What an endpoint's peer has brought of one kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Brought {
    pub(crate) flowing: bool,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

/// Completes outlines with what the workers of their endpoints know.
pub(super) async fn complete(
    workers: &[WorkerHandle],
    outlines: Vec<PipelineOutline>,
) -> Vec<PipelineSurvey> {
    let mut endpoints_by_worker: BTreeMap<usize, Vec<ElementId>> = BTreeMap::new();
    for OutlineElement { element, worker, .. } in outlines.iter().flat_map(|outline| &outline.elements) {
        endpoints_by_worker.entry(*worker).or_default().push(*element);
    }
    let mut known: BTreeMap<ElementId, EndpointSurvey> = BTreeMap::new();
    for (worker, endpoints) in endpoints_by_worker {
        let Some(worker) = workers.get(worker) else { continue };
        let part = worker.call(|reply| Command::SurveyEndpoints { endpoints, reply }).await;
        known.extend(part.into_iter().flatten().map(|survey| (survey.element, survey)));
    }
    outlines.into_iter().map(|outline| outline.complete(&mut known)).collect()
}

impl PipelineOutline {
    fn complete(self, known: &mut BTreeMap<ElementId, EndpointSurvey>) -> PipelineSurvey {
        let edges = self.edges.into_iter().map(|(Edge { source, sink, media }, origin)| {
            let brought = origin.zip(media.rtp()).and_then(|(origin, kind)| {
                known.get(&origin).map(|endpoint| endpoint.brought[kind as usize])
            });
            let Brought { flowing, packets, bytes } = brought.unwrap_or_default();
            GraphEdge { source, sink, media, flowing, packets, bytes }
        });
        let edges = edges.collect();
        let elements = self.elements.into_iter().map(|OutlineElement { element, kind, worker }| {
            let (label, stats) =
                known.remove(&element).map(|found| (found.label, found.stats)).unwrap_or_default();
            ElementSurvey { element, kind, worker, label, stats }
        });
        PipelineSurvey { pipeline: self.pipeline, worker: self.home, elements: elements.collect(), edges }
    }
}

impl From<PipelineSurvey> for PipelineGraph {
    fn from(survey: PipelineSurvey) -> Self {
        let elements = survey.elements.into_iter().map(|found| GraphElement {
            element: found.element,
            kind: found.kind,
            worker: found.worker,
        });
        Self { elements: elements.collect(), edges: survey.edges }
    }
}
