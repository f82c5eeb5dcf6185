//! Counters as plain values.

use super::Forwarder;
use crate::id::{SinkId, SourceId};
use crate::pipeline::{MediaKind, StreamStats};
use std::time::Duration;

impl Forwarder {
    /// Whether media arrives on a source: its latest packet is less than two seconds old.
    pub(super) fn source_flows(&self, id: SourceId) -> bool {
        self.sources.get(id.number()).is_some_and(|source| source.flow.flowing)
    }

    /// Whether media leaves for a sink, in the same sense.
    #[must_use]
    pub fn sink_flows(&self, sink: SinkId) -> bool {
        self.sinks.get(sink.number()).is_some_and(|sink| sink.flowing)
    }

    /// A source's counters; `None` before its first packet.
    pub(super) fn source_stats(&self, id: SourceId) -> Option<StreamStats> {
        let source = self.sources.get(id.number())?;
        let reception = &source.stream.as_ref()?.reception;
        let is_video = source.kind == MediaKind::Video;
        Some(StreamStats {
            kind: source.kind,
            ssrc: reception.ssrc().wire(),
            packets: source.counters.packets,
            bytes: source.counters.bytes,
            packets_lost: source.missing(),
            jitter: reception.jitter(),
            round_trip: None,
            nacked: source.counters.nacked,
            retransmitted: source.counters.retransmitted,
            pli: source.counters.pli,
            fir: source.counters.fir,
            fraction_lost: reception.fraction_lost(),
            remb: source
                .origin
                .peer()
                .and_then(|key| self.peers.get(key))
                .filter(|_| is_video)
                .and_then(|peer| peer.cap.given()),
            target_bitrate: None,
        })
    }

    /// A sink's counters.
    #[must_use]
    pub fn sink_stats(&self, sink: SinkId) -> Option<StreamStats> {
        let sink = self.sinks.get(sink.number())?;
        let jitter: Duration = sink.reported_jitter();
        Some(StreamStats {
            kind: sink.config.kind,
            ssrc: sink.config.ssrc.wire(),
            packets: sink.counters.packets,
            bytes: sink.counters.bytes,
            packets_lost: sink.counters.reported.map_or(0, |report| report.lost.into()),
            jitter,
            round_trip: sink.round_trip.measured(),
            nacked: sink.counters.nacked,
            retransmitted: sink.counters.retransmitted,
            pli: sink.counters.pli,
            fir: sink.counters.fir,
            fraction_lost: sink.counters.reported.map_or(0, |report| report.fraction_lost),
            remb: sink.remb,
            target_bitrate: sink.rate.rate(),
        })
    }
}
