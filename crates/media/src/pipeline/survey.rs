//! What the whole server carries, for an administrator.

use super::{ElementKind, EndpointStats, GraphEdge};
use crate::id::{ElementId, PipelineId};

/// One pipeline: what it consists of and what flows through it.
#[derive(Clone, Debug)]
pub struct PipelineSurvey {
    /// Which.
    pub pipeline: PipelineId,
    /// The worker it lives on, counted from 0.
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
    /// [`super::EndpointOptions::label`]; empty for elements without a peer.
    pub label: String,
    /// State and counters of an endpoint.
    pub stats: Option<EndpointStats>,
}
