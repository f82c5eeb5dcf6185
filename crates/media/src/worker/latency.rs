//! How long packets take through a worker, for those who ask.
//!
//! A packet arrives, is forwarded and leaves within one round of the worker, which reads the clock once at
//! its start. While an endpoint asks for latency, a second reading at the round's end tells how long the
//! packets of that round took, those of another worker since they were taken from its ring; the packet path itself is the same whether anybody asks or not.

use super::State;
use crate::pipeline::MediaKind;
use std::time::{Duration, Instant};

/// What left for one endpoint since its measuring began, by kind.
#[derive(Debug, Default)]
pub(super) struct LatencyMeter {
    kinds: [KindLatency; MediaKind::ALL.len()],
}

#[derive(Clone, Copy, Debug, Default)]
struct KindLatency {
    /// The stream's count of packets when last looked at.
    before: Option<u64>,
    packets: u64,
    total: Duration,
}

impl LatencyMeter {
    /// Notes the count of packets after a round that took `spent`.
    fn note(&mut self, kind: MediaKind, packets: u64, spent: Duration) {
        let latency = &mut self.kinds[kind as usize];
        let left = packets.saturating_sub(latency.before.replace(packets).unwrap_or(packets));
        latency.packets += left;
        let all = spent.saturating_mul(u32::try_from(left).unwrap_or(u32::MAX));
        latency.total = latency.total.saturating_add(all);
    }

    /// The average by kind, where any packet has left.
    pub(super) fn averages(&self) -> impl Iterator<Item = (MediaKind, Duration)> + '_ {
        MediaKind::ALL.into_iter().filter_map(|kind| {
            let latency = self.kinds[kind as usize];
            let nanos = latency.total.as_nanos().checked_div(u128::from(latency.packets))?;
            Some((kind, Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))))
        })
    }
}

impl State {
    /// Ends a round that began at `begun`.
    pub(super) fn measure_latency(&mut self, begun: Instant) {
        if self.latency_watched.is_empty() {
            return;
        }
        let spent = begun.elapsed(); // clock: once a round, and only while somebody asks for latency
        for id in &self.latency_watched {
            let Some(endpoint) = self.endpoints.get_mut(id) else { continue };
            for kind in MediaKind::ALL {
                let sink = endpoint.media_of(*id, kind).and_then(|media| media.sink);
                let stats = sink.and_then(|sink| self.forwarder.sink_stats(sink));
                if let (Some(stats), Some(meter)) = (stats, &mut endpoint.latency) {
                    meter.note(kind, stats.packets, spent);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_weighs_rounds_by_their_packets_and_leaves_out_what_was_before() {
        let mut meter = LatencyMeter::default();
        meter.note(MediaKind::Video, 1_000, Duration::from_secs(9));
        assert_eq!(meter.averages().count(), 0, "only packets from now on");
        meter.note(MediaKind::Video, 1_003, Duration::from_micros(100));
        meter.note(MediaKind::Video, 1_003, Duration::from_secs(9));
        meter.note(MediaKind::Video, 1_004, Duration::from_micros(500));
        let averages: Vec<_> = meter.averages().collect();
        assert_eq!(averages, [(MediaKind::Video, Duration::from_micros(200))]);
    }
}
