//! Connections between elements become routes between streams: the endpoint that feeds another, through
//! whatever passes media on, has its source connected to that other's sink, directly or by a relay.

use super::State;
use super::command::Reply;
use super::control::answer;
use super::relay::{Completion, FeedOrder, Feeder, FlowPlace, Message, Remote};
use crate::error::{ConnectError, KeyframeError};
use crate::id::ElementId;
use crate::pipeline::graph::{Edge, EdgeError, FeedChange};
use crate::pipeline::{ElementKind, Flow, MediaKind, MediaType};
use std::time::Instant;

impl State {
    pub(super) fn connect(&mut self, edge: Edge) -> Result<Vec<FeedChange>, ConnectError> {
        for FeedChange { media, sink, after, .. } in self.graph.preview(edge)? {
            if let (Some(kind), Some(source)) = (media.rtp(), after)
                && !self.may_agree(source, sink, kind)
            {
                return Err(ConnectError::NoCommonCodec(kind));
            }
        }
        Ok(self.graph.connect(edge)?)
    }

    pub(super) fn disconnect(&mut self, edge: Edge) -> Result<Vec<FeedChange>, ConnectError> {
        if [edge.source, edge.sink].into_iter().any(|element| self.graph.kind(element).is_none()) {
            return Err(ConnectError::Released);
        }
        Ok(self.graph.disconnect(edge))
    }

    /// Carries changes of the graph over to the sinks, wherever they live. `done` is answered when all have
    /// followed.
    pub(super) fn follow(&mut self, now: Instant, changes: Vec<FeedChange>, done: Option<&Completion>) {
        for FeedChange { media, sink, after, .. } in changes {
            if self.bridges.has_entry(sink) {
                self.feed_bridge(now, sink, media, done);
                continue;
            }
            let source = after.and_then(|element| self.feeder_of(element, media));
            let feed = FeedOrder { media, sink, source };
            match self.members.get(&sink).map(|member| member.worker) {
                Some(worker) if self.relays.is_elsewhere(worker) => {
                    self.relays.tell(worker, Message::Feed { feed, done: done.cloned() });
                }
                Some(_) => self.feed(now, feed),
                None => {}
            }
        }
    }

    /// Gives an endpoint here its media from another source, or none. A sink that goes to another source sees
    /// one stream go on, and that source is asked for a keyframe.
    pub(super) fn feed(&mut self, now: Instant, order: FeedOrder) {
        let FeedOrder { media, sink, source } = order;
        // A message may be late for one that is released.
        if self.owner_of(sink).is_none() {
            return;
        }
        let before = self.feeds.set(sink, media, source);
        if let Some(source) = source.filter(|source| self.relays.is_elsewhere(source.worker)) {
            self.relays.subscribe(source, media);
        }
        match (media.rtp(), source) {
            (Some(kind), Some(source)) => self.route(now, source, sink, kind),
            (Some(kind), None) => self.unroute(sink, kind),
            (None, _) => {}
        }
        if let Some(before) = before.filter(|before| self.relays.is_elsewhere(before.worker)) {
            self.unsubscribe_unused(before, media);
        }
    }

    /// Lets media flow from a source to an endpoint here, as far as both have streams; what flowed before
    /// ends.
    pub(super) fn route(&mut self, now: Instant, source: Feeder, sink: ElementId, kind: MediaKind) {
        let Some(outgoing) = self.sink_of(sink, kind) else { return };
        let track = if self.relays.is_elsewhere(source.worker) {
            match self.relays.remote(source.element, kind.into()) {
                Remote::Expected => return self.forwarder.suspend(outgoing),
                Remote::Track(track) => Some(track),
                Remote::Nothing => None,
            }
        } else {
            self.track_of(Some(source.element), kind.into())
        };
        if !track.is_some_and(|track| self.forwarder.connect(track, outgoing, now)) {
            self.forwarder.disconnect(outgoing);
        }
    }

    pub(super) fn request_keyframe(&mut self, now: Instant, id: ElementId) -> Result<(), KeyframeError> {
        self.owner_of(id).ok_or(KeyframeError::Released)?;
        let track = self.track_of(Some(id), MediaType::Video).ok_or(KeyframeError::NoVideo)?;
        if self.forwarder.request_keyframe_of(track, now) { Ok(()) } else { Err(KeyframeError::NoVideo) }
    }

    /// Whether media passes an element, asked where its source lives.
    pub(super) fn ask_for_flow(&mut self, element: ElementId, media: MediaType, reply: Reply<Option<Flow>>) {
        let (endpoint, place) = match self.graph.kind(element) {
            Some(ElementKind::Endpoint | ElementKind::Line) => (Some(element), FlowPlace::Endpoint),
            Some(ElementKind::PassThrough | ElementKind::Bridge) => {
                let has_sink = self.graph.has_sink(element, media);
                (self.graph.feeder(element, media), FlowPlace::Behind { has_sink })
            }
            None => return answer(reply, None),
        };
        let worker = endpoint.and_then(|endpoint| self.members.get(&endpoint)).map(|member| member.worker);
        match endpoint.zip(worker) {
            Some((endpoint, worker)) if self.relays.is_elsewhere(worker) => {
                self.relays.tell(worker, Message::Flow { endpoint, media, place, reply });
            }
            Some((endpoint, _)) => answer(reply, self.flow(endpoint, media, place)),
            None => answer(reply, Some(Flow::default())),
        }
    }

    /// Whether media passes an endpoint here, or an element behind it.
    pub(super) fn flow(&self, endpoint: ElementId, media: MediaType, place: FlowPlace) -> Option<Flow> {
        self.owner_of(endpoint)?;
        let track = self.track_of(Some(endpoint), media);
        let incoming = track.is_some_and(|track| self.forwarder.track_flows(track));
        let outgoing = match place {
            FlowPlace::Endpoint => {
                let sink = media.rtp().and_then(|kind| self.sink_of(endpoint, kind));
                sink.is_some_and(|sink| self.forwarder.sink_flows(sink))
            }
            FlowPlace::Behind { has_sink } => incoming && has_sink,
        };
        Some(Flow { incoming, outgoing })
    }

    fn unroute(&mut self, sink: ElementId, kind: MediaKind) {
        if let Some(sink) = self.sink_of(sink, kind) {
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
