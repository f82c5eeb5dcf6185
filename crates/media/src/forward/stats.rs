//! Counters as plain values.

use super::Forwarder;
use super::sink::Sink;
use super::source::Source;
use crate::id::{SessionId, SinkId, SourceId};
use crate::pipeline::{MediaKind, StreamStats, StreamTotals};
use crate::rtp::Bitrate;
use std::time::Duration;

/// What streams have counted together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Those from peers.
    pub incoming: StreamTotals,
    /// Those to peers.
    pub outgoing: StreamTotals,
}

impl Forwarder {
    /// What all streams have counted since the start, also those that are gone.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let Totals { mut incoming, mut outgoing } = self.retired;
        self.sources.values().for_each(|source| incoming.add(&source.totals()));
        self.sinks.values().for_each(|sink| outgoing.add(&sink.totals()));
        Totals { incoming, outgoing }
    }

    /// Whether media arrives on a source: its latest packet is less than two seconds old.
    pub(super) fn source_flows(&self, id: SourceId) -> bool {
        self.sources.get(id.number()).is_some_and(|source| source.flow.flowing)
    }

    /// The sinks that take packets of a source, or wait to.
    pub fn sinks_of(&self, source: SourceId) -> impl Iterator<Item = SinkId> + '_ {
        self.sources.get(source.number()).into_iter().flat_map(|source| source.sinks.iter().copied())
    }

    /// Whether media leaves for a sink, in the same sense.
    #[must_use]
    pub fn sink_flows(&self, sink: SinkId) -> bool {
        self.sinks.get(sink.number()).is_some_and(|sink| sink.flowing)
    }

    /// What the path to a session's peer carries, all streams together: by Keel's estimate from the peer's
    /// feedback, or by the peer's own (REMB). `None` before there is any.
    #[must_use]
    pub fn estimate_of(&self, session: SessionId) -> Option<Bitrate> {
        self.peers.get(*self.peers_by_session.get(&session)?)?.transport.estimate()
    }

    /// A source's counters; `None` before its first packet.
    #[must_use]
    pub fn source_stats(&self, id: SourceId) -> Option<StreamStats> {
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
            frames: source.counters.frames,
            bitrate: source.rate.rate(),
            rid: None,
            layer: None,
            freezes: 0,
            frozen: Duration::ZERO,
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
            frames: sink.counters.frames,
            bitrate: sink.rate.rate(),
            rid: None,
            layer: self.current_layer(sink).filter(|_| sink.config.kind == MediaKind::Video),
            freezes: sink.freezes.count(),
            frozen: sink.freezes.total(),
        })
    }
}

impl Source {
    pub(super) const fn totals(&self) -> StreamTotals {
        let counters = &self.counters;
        StreamTotals {
            packets: counters.packets,
            nacked: counters.nacked,
            retransmitted: counters.retransmitted,
            keyframe_requests: counters.pli + counters.fir,
            freezes: 0,
            frozen: Duration::ZERO,
        }
    }
}

impl Sink {
    pub(super) const fn totals(&self) -> StreamTotals {
        let counters = &self.counters;
        StreamTotals {
            packets: counters.packets,
            nacked: counters.nacked,
            retransmitted: counters.retransmitted,
            keyframe_requests: counters.pli + counters.fir,
            freezes: self.freezes.count(),
            frozen: self.freezes.total(),
        }
    }
}
