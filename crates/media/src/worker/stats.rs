//! A worker's counters, copied out.

use super::State;
use crate::id::ElementId;
use crate::pipeline::{EndpointStats, MediaSnapshot};

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
                .filter_map(|media| self.forwarder.source_stats(media.track?))
                .collect(),
            outgoing: endpoint
                .media
                .iter()
                .flatten()
                .filter_map(|media| self.forwarder.sink_stats(media.sink?))
                .collect(),
            data_channels: Vec::new(),
        })
    }

    pub(super) fn snapshot(&self) -> MediaSnapshot {
        let counters = &self.counters;
        MediaSnapshot {
            pipelines: self.pipelines.len() as u64,
            endpoints: self.endpoints.len() as u64,
            sessions: self.sessions.len() as u64,
            packets_in: counters.packets_in,
            packets_out: counters.packets_out,
            bytes_in: counters.bytes_in,
            bytes_out: counters.bytes_out,
            forwarded: counters.forwarded,
            events_dropped: counters.events_dropped,
            drops: counters
                .drops
                .iter()
                .map(|(reason, count)| (reason, count + self.forwarder.drops().get(reason)))
                .collect(),
        }
    }
}
