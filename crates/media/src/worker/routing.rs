//! Connections between elements become routes between streams: the endpoint that feeds another, through
//! whatever passes media on, has its source connected to that other's sink.

use super::State;
use crate::error::{ConnectError, KeyframeError};
use crate::id::{ElementId, PipelineId, TrackId};
use crate::pipeline::graph::{Edge, EdgeError, FeedChange};
use crate::pipeline::{
    ElementKind, Flow, GraphEdge, GraphElement, MediaKind, MediaType, PipelineGraph, StreamStats,
};
use crate::session::sdp;
use std::time::Instant;

impl State {
    pub(super) fn connect(&mut self, now: Instant, edge: Edge) -> Result<(), ConnectError> {
        for FeedChange { media, sink, after, .. } in self.graph.preview(edge)? {
            if let (Some(kind), Some(source)) = (media.rtp(), after)
                && !self.may_agree(source, sink, kind)
            {
                return Err(ConnectError::NoCommonCodec(kind));
            }
        }
        let changes = self.graph.connect(edge)?;
        self.follow(now, changes);
        Ok(())
    }

    pub(super) fn disconnect(&mut self, now: Instant, edge: Edge) -> Result<(), ConnectError> {
        if [edge.source, edge.sink].into_iter().any(|element| self.graph.kind(element).is_none()) {
            return Err(ConnectError::Released);
        }
        let changes = self.graph.disconnect(edge);
        self.follow(now, changes);
        Ok(())
    }

    /// Carries changes of the graph over to the streams. A sink that goes to another source sees one
    /// stream go on, and that source is asked for a keyframe.
    pub(super) fn follow(&mut self, now: Instant, changes: Vec<FeedChange>) {
        for FeedChange { media, sink, before, after } in changes {
            let Some(kind) = media.rtp() else { continue };
            let routed = after.is_some_and(|source| self.route(now, source, sink, kind));
            if before.is_some() && !routed {
                self.unroute(sink, kind);
            }
        }
    }

    /// Lets media flow from one endpoint to another, once both have streams; says whether they have.
    pub(super) fn route(
        &mut self,
        now: Instant,
        source: ElementId,
        sink: ElementId,
        kind: MediaKind,
    ) -> bool {
        let track = self.endpoints.get(&source).and_then(|source| source.track(kind));
        let sink = self.endpoints.get(&sink).and_then(|sink| sink.sink(kind));
        track.zip(sink).is_some_and(|(track, sink)| self.forwarder.connect(track, sink, now))
    }

    pub(super) fn request_keyframe(&mut self, now: Instant, id: ElementId) -> Result<(), KeyframeError> {
        let endpoint = self.endpoints.get(&id).ok_or(KeyframeError::Released)?;
        let track = endpoint.track(MediaKind::Video).ok_or(KeyframeError::NoVideo)?;
        if self.forwarder.request_keyframe_of(track, now) { Ok(()) } else { Err(KeyframeError::NoVideo) }
    }

    /// The endpoints that get the messages of `element`'s data channels, each once, in a stable order.
    pub(super) fn data_sinks(&self, element: ElementId) -> impl Iterator<Item = ElementId> {
        self.graph.fed_by(element, MediaType::Data)
    }

    pub(super) fn flow(&self, element: ElementId, media: MediaType) -> Option<Flow> {
        match self.graph.kind(element)? {
            ElementKind::Endpoint => {
                let sink = media.rtp().and_then(|kind| self.endpoints.get(&element)?.sink(kind));
                Some(Flow {
                    incoming: self.brings_media(Some(element), media),
                    outgoing: sink.is_some_and(|sink| self.forwarder.sink_flows(sink)),
                })
            }
            ElementKind::PassThrough => {
                let incoming = self.brings_media(self.graph.feeder(element, media), media);
                Some(Flow { incoming, outgoing: incoming && self.graph.has_sink(element, media) })
            }
        }
    }

    pub(super) fn pipeline_graph(&self, pipeline: PipelineId) -> Option<PipelineGraph> {
        let mut graph = PipelineGraph { elements: Vec::new(), edges: Vec::new() };
        for element in self.graph.elements(pipeline)? {
            graph.elements.extend(self.graph.kind(element).map(|kind| GraphElement { element, kind }));
            graph.edges.extend(self.graph.edges_from(element).map(|edge| self.describe_edge(edge)));
        }
        Some(graph)
    }

    fn describe_edge(&self, Edge { source, sink, media }: Edge) -> GraphEdge {
        let origin = self.graph.origin(source, media);
        let stats =
            self.track_of(origin, media).into_iter().flat_map(|track| self.forwarder.track_stats(track));
        let (packets, bytes) = stats.fold((0, 0), |sum: (u64, u64), StreamStats { packets, bytes, .. }| {
            (sum.0 + packets, sum.1 + bytes)
        });
        GraphEdge { source, sink, media, flowing: self.brings_media(origin, media), packets, bytes }
    }

    fn brings_media(&self, origin: Option<ElementId>, media: MediaType) -> bool {
        self.track_of(origin, media).is_some_and(|track| self.forwarder.track_flows(track))
    }

    fn track_of(&self, endpoint: Option<ElementId>, media: MediaType) -> Option<TrackId> {
        self.endpoints.get(&endpoint?)?.track(media.rtp()?)
    }

    /// Whether two endpoints have a codec in common, as far as both are negotiated.
    fn may_agree(&self, source: ElementId, sink: ElementId, kind: MediaKind) -> bool {
        let parameters = |id| self.endpoints.get(&id)?.parameters(kind);
        let Some((source, sink)) = parameters(source).zip(parameters(sink)) else { return true };
        !sdp::common_formats(&source.formats, &sink.formats).is_empty()
    }

    fn unroute(&mut self, sink: ElementId, kind: MediaKind) {
        if let Some(sink) = self.endpoints.get(&sink).and_then(|sink| sink.sink(kind)) {
            self.forwarder.disconnect(sink);
        }
    }
}

impl From<EdgeError> for ConnectError {
    fn from(error: EdgeError) -> Self {
        match error {
            EdgeError::UnknownElement => Self::Released,
            EdgeError::ForeignPipeline => Self::ForeignPipeline,
            EdgeError::Cycle => Self::Cycle,
        }
    }
}
