//! A worker's counters, copied out.

use super::State;
use super::endpoint::Media;
use super::latency::LatencyMeter;
use crate::id::{ElementId, PipelineId, TrackId};
use crate::pipeline::survey::{Brought, EndpointSurvey, OutlineElement, PipelineOutline};
use crate::pipeline::{ConnectionStats, EndpointStats, LineStats, MediaKind, MediaSnapshot, StreamStats};
use std::ops::Bound;

impl State {
    pub(super) fn endpoint_stats(&self, id: ElementId) -> Option<EndpointStats> {
        let endpoint = self.endpoints.get(&id)?;
        let session = &self.sessions.get(endpoint.session)?.session;
        Some(EndpointStats {
            endpoint: id,
            ice: session.ice.state(),
            dtls: session.dtls_state(),
            pair: session.pair(),
            srtp_profile: session.srtp_profile(),
            incoming: endpoint.media.iter().flat_map(|media| self.incoming_stats(media)).collect(),
            outgoing: endpoint
                .media
                .iter()
                .filter_map(|media| self.forwarder.sink_stats(media.sink?))
                .collect(),
            estimate: self.forwarder.estimate_of(endpoint.session),
            latency: endpoint.latency.iter().flat_map(LatencyMeter::averages).collect(),
            data_channels: session.data_channels(),
        })
    }

    fn incoming_stats(&self, media: &Media) -> impl Iterator<Item = StreamStats> {
        media.encodings.iter().filter_map(|(source, rid)| {
            Some(StreamStats { rid: *rid, ..self.forwarder.source_stats(*source)? })
        })
    }

    /// What the lines of a peer connection have counted, in the order of their m-lines.
    pub(super) fn connection_stats(&self, id: ElementId) -> Option<ConnectionStats> {
        let connection = self.endpoint_stats(id)?;
        let mut media: Vec<&Media> = self.endpoints.get(&id)?.media.iter().collect();
        media.sort_by_key(|media| media.index);
        let lines = media.into_iter().map(|media| LineStats {
            line: media.element,
            mid: media.parameters.mid,
            kind: media.kind,
            incoming: self.incoming_stats(media).collect(),
            outgoing: media.sink.and_then(|sink| self.forwarder.sink_stats(sink)),
            starved: media.sink.is_some_and(|sink| self.forwarder.is_starved(sink)),
        });
        Some(ConnectionStats { lines: lines.collect(), connection })
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
        let known = endpoints.into_iter().filter_map(|id| Some((id, self.owner_of(id)?)));
        known
            .map(|(element, endpoint)| EndpointSurvey {
                element,
                label: endpoint.options.label.clone(),
                stats: self.endpoint_stats(element),
                brought: MediaKind::ALL.map(|kind| self.brought(self.track_of(Some(element), kind.into()))),
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
        let streams = self.streams.counts();
        let (stun_known, stun_failing) = self.discovery.totals();
        MediaSnapshot {
            pipelines: self.pipelines.len() as u64,
            endpoints: self.endpoints.len() as u64,
            sessions: self.sessions.len() as u64,
            own_sockets: self.own.len() as u64,
            own_sockets_refused: self.own.refused(),
            tcp_connections: self.streams.len() as u64,
            tcp_accepted: streams.accepted,
            tcp_refused: streams.refused,
            tcp_expelled: streams.expelled,
            stun_known: stun_known as u64,
            stun_failing: stun_failing as u64,
            stun_failures: self.discovery.failures(),
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
