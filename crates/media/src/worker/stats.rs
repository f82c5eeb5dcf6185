//! A worker's counters, copied out.

use super::State;
use super::latency::LatencyMeter;
use crate::id::{ElementId, PipelineId};
use crate::pipeline::{
    ElementSurvey, EndpointStats, GraphElement, MediaSnapshot, PipelineGraph, PipelineSurvey, StreamStats,
};
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

    /// The first `limit` pipelines behind `after`, in the order of their identifiers.
    pub(super) fn survey(&self, after: Option<PipelineId>, limit: usize) -> Vec<PipelineSurvey> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let pipelines = self.pipelines.range((start, Bound::Unbounded)).take(limit);
        pipelines.filter_map(|(pipeline, _)| self.survey_of(*pipeline)).collect()
    }

    fn survey_of(&self, pipeline: PipelineId) -> Option<PipelineSurvey> {
        let PipelineGraph { elements, edges } = self.pipeline_graph(pipeline)?;
        let elements = elements.into_iter().map(|GraphElement { element, kind }| ElementSurvey {
            element,
            kind,
            label: self.endpoints.get(&element).map(|known| known.options.label.clone()).unwrap_or_default(),
            stats: self.endpoint_stats(element),
        });
        Some(PipelineSurvey { pipeline, worker: self.index, elements: elements.collect(), edges })
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
