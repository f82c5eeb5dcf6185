//! A worker's counters, copied out.

use super::State;
use super::latency::LatencyMeter;
use crate::id::{ElementId, PipelineId, TrackId};
use crate::pipeline::survey::{Brought, EndpointSurvey, OutlineElement, PipelineOutline};
use crate::pipeline::{EndpointStats, MediaKind, MediaSnapshot, StreamStats};
use std::ops::Bound;

impl State {
    pub(super) fn endpoint_stats(&self, id: ElementId) -> Option<EndpointStats> {
        let endpoint = self.endpoints.get(&id)?;
        let session = &self.sessions.get(endpoint.session)?.session;
        Some(EndpointStats {
            endpoint: id,
            ice: session.ice.state(),
            dtls: session.dtls_state(),
            pair: session.ice.selected(),
            srtp_profile: session.srtp_profile(),
            incoming: endpoint
                .media
                .iter()
                .flatten()
                .flat_map(|media| &media.encodings)
                .filter_map(|(source, rid)| {
                    Some(StreamStats { rid: *rid, ..self.forwarder.source_stats(*source)? })
                })
                .collect(),
            outgoing: endpoint
                .media
                .iter()
                .flatten()
                .filter_map(|media| self.forwarder.sink_stats(media.sink?))
                .collect(),
            estimate: self.forwarder.estimate_of(endpoint.session),
            latency: endpoint.latency.iter().flat_map(LatencyMeter::averages).collect(),
            data_channels: session.data_channels(),
        })
    }

    /// The first `limit` pipelines behind `after` whose home is here, in the order of their identifiers.
    pub(super) fn survey(&self, after: Option<PipelineId>, limit: usize) -> Vec<PipelineOutline> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let pipelines = self.pipelines.range((start, Bound::Unbounded)).take(limit);
        pipelines.filter_map(|(pipeline, _)| self.outline(*pipeline)).collect()
    }

    /// A pipeline whose home is here.
    pub(super) fn outline(&self, pipeline: PipelineId) -> Option<PipelineOutline> {
        let mut outline =
            PipelineOutline { pipeline, home: self.index, elements: Vec::new(), edges: Vec::new() };
        for element in self.graph.elements(pipeline)? {
            let worker = self.members.get(&element).map_or(self.index, |member| member.worker);
            let kind = self.graph.kind(element)?;
            outline.elements.push(OutlineElement { element, kind, worker });
            outline.edges.extend(
                self.graph.edges_from(element).map(|edge| (edge, self.graph.origin(element, edge.media))),
            );
        }
        Some(outline)
    }

    /// Those of the endpoints that live here.
    pub(super) fn survey_endpoints(&self, endpoints: Vec<ElementId>) -> Vec<EndpointSurvey> {
        let known = endpoints.into_iter().filter_map(|id| Some((id, self.endpoints.get(&id)?)));
        known
            .map(|(element, endpoint)| EndpointSurvey {
                element,
                label: endpoint.options.label.clone(),
                stats: self.endpoint_stats(element),
                brought: MediaKind::ALL.map(|kind| self.brought(endpoint.track(kind))),
            })
            .collect()
    }

    fn brought(&self, track: Option<TrackId>) -> Brought {
        let Some(track) = track else { return Brought::default() };
        let sum = Brought { flowing: self.forwarder.track_flows(track), ..Brought::default() };
        self.forwarder.track_stats(track).fold(sum, |sum, StreamStats { packets, bytes, .. }| Brought {
            packets: sum.packets + packets,
            bytes: sum.bytes + bytes,
            ..sum
        })
    }

    pub(super) fn snapshot(&self) -> MediaSnapshot {
        let counters = &self.counters;
        let totals = self.forwarder.totals();
        MediaSnapshot {
            pipelines: self.pipelines.len() as u64,
            endpoints: self.endpoints.len() as u64,
            sessions: self.sessions.len() as u64,
            own_sockets: self.own.len() as u64,
            own_sockets_refused: self.own.refused(),
            packets_in: counters.packets_in,
            packets_out: counters.packets_out,
            bytes_in: counters.bytes_in,
            bytes_out: counters.bytes_out,
            forwarded: counters.forwarded,
            relays: self.relays.len() as u64,
            relayed: self.relays.relayed(),
            incoming: totals.incoming,
            outgoing: totals.outgoing,
            events_dropped: counters.events_dropped,
            drops: counters
                .drops
                .iter()
                .map(|(reason, count)| (reason, count + self.forwarder.drops().get(reason)))
                .collect(),
        }
    }
}
