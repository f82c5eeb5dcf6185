//! Connections between elements become routes between streams.

use super::State;
use crate::error::{ConnectError, KeyframeError};
use crate::id::ElementId;
use crate::pipeline::MediaKind;
use crate::pipeline::graph::{Edge, EdgeError};
use crate::rtp::RtpParameters;
use crate::session::sdp;
use std::sync::Arc;
use std::time::Instant;

impl State {
    pub(super) fn connect(&mut self, now: Instant, edge: Edge) -> Result<(), ConnectError> {
        if let Some(kind) = edge.media.rtp()
            && let (Some(source), Some(sink)) =
                (self.parameters(edge.source, kind), self.parameters(edge.sink, kind))
            && sdp::common_formats(&source.formats, &sink.formats).is_empty()
        {
            return Err(ConnectError::NoCommonCodec(kind));
        }
        let replaced = self.graph.connect(edge).map_err(|error| match error {
            EdgeError::UnknownElement => ConnectError::Released,
            EdgeError::ForeignPipeline => ConnectError::ForeignPipeline,
        })?;
        replaced.into_iter().for_each(|old| self.unroute(old));
        self.route(now, edge);
        Ok(())
    }

    pub(super) fn disconnect(&mut self, edge: Edge) -> Result<(), ConnectError> {
        if !self.graph.has_element(edge.source) || !self.graph.has_element(edge.sink) {
            return Err(ConnectError::Released);
        }
        if self.graph.disconnect(edge) {
            self.unroute(edge);
        }
        Ok(())
    }

    pub(super) fn request_keyframe(&mut self, now: Instant, id: ElementId) -> Result<(), KeyframeError> {
        let endpoint = self.endpoints.get(&id).ok_or(KeyframeError::Released)?;
        let track = endpoint.track(MediaKind::Video).ok_or(KeyframeError::NoVideo)?;
        if self.forwarder.request_keyframe_of(track, now) { Ok(()) } else { Err(KeyframeError::NoVideo) }
    }

    /// Lets media flow along an edge, once both its ends have streams.
    pub(super) fn route(&mut self, now: Instant, edge: Edge) {
        let Some(kind) = edge.media.rtp() else { return };
        let track = self.endpoints.get(&edge.source).and_then(|source| source.track(kind));
        let sink = self.endpoints.get(&edge.sink).and_then(|sink| sink.sink(kind));
        if let (Some(track), Some(sink)) = (track, sink) {
            self.forwarder.connect(track, sink, now);
        }
    }

    pub(super) fn unroute(&mut self, edge: Edge) {
        let Some(kind) = edge.media.rtp() else { return };
        if let Some(sink) = self.endpoints.get(&edge.sink).and_then(|sink| sink.sink(kind)) {
            self.forwarder.disconnect(sink);
        }
    }

    fn parameters(&self, id: ElementId, kind: MediaKind) -> Option<&Arc<RtpParameters>> {
        self.endpoints.get(&id)?.parameters(kind)
    }
}
