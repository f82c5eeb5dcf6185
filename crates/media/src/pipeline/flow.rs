//! What is connected and what flows, as its owner sees it.

use super::MediaType;
use crate::id::ElementId;

/// What an element does with media.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ElementKind {
    /// Media begins and ends here: a peer sends and receives it.
    Endpoint,
    /// One m-line of a peer connection: media of its kind begins or ends here. The connection itself is an
    /// [`Self::Endpoint`], of data only.
    Line,
    /// What comes in goes out.
    PassThrough,
    /// One end of a bridge between pipelines: media ends here and begins in the other, or the other way round.
    Bridge,
}

/// Whether media of one type passes an element. A stream flows from its first packet until there has been
/// none for two seconds. Data never counts as flowing: its messages come one by one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flow {
    /// An endpoint: from its peer into the pipeline. Others: into the element.
    pub incoming: bool,
    /// An endpoint: to its peer. Others: out of the element to at least one that is connected.
    pub outgoing: bool,
}

/// A pipeline's elements and connections at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PipelineGraph {
    /// The elements, in the order of their identifiers.
    pub elements: Vec<GraphElement>,
    /// The connections, by source, then type, then sink.
    pub edges: Vec<GraphEdge>,
}

/// One element of a [`PipelineGraph`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GraphElement {
    /// Which.
    pub element: ElementId,
    /// What it does.
    pub kind: ElementKind,
    /// The worker it lives on, counted from 0.
    pub worker: usize,
}

/// One connection of a [`PipelineGraph`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GraphEdge {
    /// Where the media comes from.
    pub source: ElementId,
    /// Where it goes.
    pub sink: ElementId,
    /// Its type.
    pub media: MediaType,
    /// Whether media flows along it: whether the endpoint that feeds it has media from its peer.
    pub flowing: bool,
    /// Media packets that this endpoint's stream has brought since it began, whether connected or not.
    pub packets: u64,
    /// Payload bytes of those.
    pub bytes: u64,
}
