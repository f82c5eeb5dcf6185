//! What the TURN server counts for itself, as metrics.

use super::gauge_value;
use keel_turn::{DropReason, TurnSnapshot};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// Its last snapshot.
#[derive(Debug, Default)]
pub(super) struct TurnMetrics(Mutex<TurnSnapshot>);

impl TurnMetrics {
    pub(super) fn set(&self, snapshot: TurnSnapshot) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }
}

impl Collector for TurnMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let TurnSnapshot { allocations, connections, counts } =
            &*self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, help, value) in [
            ("turn_allocations", "Clients with relayed addresses", *allocations),
            ("turn_connections", "TCP and TLS connections of the TURN server", *connections),
        ] {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(gauge_value(value as u64)).encode(metric)?;
        }
        for (name, help, [up, down]) in [
            ("turn_packets", "Packets relayed", [counts.to_peers.packets, counts.to_clients.packets]),
            (
                "turn_bytes",
                "Bytes relayed, without framing",
                [counts.to_peers.bytes, counts.to_clients.bytes],
            ),
        ] {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (direction, value) in [("to_peers", up), ("to_clients", down)] {
                ConstCounter::new(value).encode(metric.encode_family(&[("direction", direction)])?)?;
            }
        }
        let help = "Answers of the TURN server by method and code; 0 is success";
        let mut metric = encoder.encode_descriptor("turn_answers", help, None, MetricType::Counter)?;
        for (method, code, count) in counts.answers() {
            let code = code.map_or(0, |code| code.number()).to_string();
            let labels = [("method", method.label()), ("code", code.as_str())];
            ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
        }
        let help = "What the TURN server dropped without an answer";
        let mut metric = encoder.encode_descriptor("turn_drops", help, None, MetricType::Counter)?;
        for reason in DropReason::ALL {
            let labels = [("reason", reason.label())];
            ConstCounter::new(counts.dropped(reason)).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
