//! What a run found, for people and for programs.

use crate::engine::Window;
use crate::measure::Histogram;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// A generator that needs more of its core than this may be what was measured.
const OWN_CPU_MAX: f64 = 0.95;
/// Frames that leave later than this, one in a hundred, are not the load that was asked for.
const LAG_MAX: Duration = Duration::from_millis(10);

/// The result of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Who sent to whom.
    pub scenario: String,
    /// Connections to the server.
    pub peers: usize,
    /// How long packets were sent and counted, seconds.
    pub seconds: f64,
    /// Packets a second that all publishers together sent.
    pub published_per_second: f64,
    /// Packets a second that subscribers should have got.
    pub offered_per_second: f64,
    /// Packets a second that they got.
    pub delivered_per_second: f64,
    /// What did not arrive, in per cent of what was offered.
    pub loss_percent: f64,
    /// From a publisher's send to a subscriber's kernel, of one packet in sixteen.
    pub latency: Times,
    /// The same of the last packets of frames: when a whole frame is there.
    pub frame_latency: Times,
    /// From a subscriber's offer to its first packet.
    pub first_packet: Times,
    /// What the run says of the server's process, if it was named.
    pub server: Option<ServerUse>,
    /// What the load generator did itself.
    pub generator: Generator,
    /// Why the result says nothing of the server; empty when it does.
    pub void: Vec<String>,
}

/// Quantiles, milliseconds; absent without a sample.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Times {
    /// How many were measured.
    pub samples: u64,
    /// The median.
    pub p50_ms: Option<f64>,
    /// The 99th percentile.
    pub p99_ms: Option<f64>,
    /// The 99.9th percentile.
    pub p999_ms: Option<f64>,
    /// The longest.
    pub max_ms: Option<f64>,
}

/// What the server's process used.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ServerUse {
    /// CPU time of all its threads, in cores.
    pub cores: f64,
    /// CPU time for each packet that it delivered, microseconds; absent when nothing was.
    pub microseconds_per_packet: Option<f64>,
    /// Memory (resident set) at the end, KiB.
    pub resident_kib: u64,
    /// Memory that came with the peers, for each of them, KiB.
    pub kib_per_peer: f64,
    /// Datagrams that found no room in its sockets.
    pub receive_drops: u64,
}

/// What the load generator used and failed to do.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Generator {
    /// CPU time of its one thread, in cores.
    pub cores: f64,
    /// Datagrams that found no room in its sockets.
    pub receive_drops: u64,
    /// How late the latest one in a hundred frames left, milliseconds.
    pub lag_p99_ms: f64,
    /// Packets that were decrypted and verified.
    pub verified: u64,
    /// Packets among those that were not authentic.
    pub corrupt: u64,
}

impl Times {
    /// Those of a histogram.
    #[must_use]
    pub fn of(histogram: &Histogram) -> Self {
        let at = |share| histogram.quantile(share).map(milliseconds);
        let max_ms = (histogram.count() > 0).then(|| milliseconds(histogram.longest()));
        Self { samples: histogram.count(), p50_ms: at(0.5), p99_ms: at(0.99), p999_ms: at(0.999), max_ms }
    }
}

impl Report {
    /// What `window` says. `resident_before_kib` is the server's memory before the peers came.
    pub(crate) fn new(
        scenario: String,
        peers: usize,
        window: &Window,
        first_packet: &Histogram,
        resident_before_kib: Option<u64>,
    ) -> Self {
        let seconds = window.length.as_secs_f64();
        let per_second = |packets: u64| packets as f64 / seconds;
        let samples = &window.samples;
        let server = window.server_cpu.zip(window.server_resident_kib).map(|(cpu, resident_kib)| ServerUse {
            cores: cpu.as_secs_f64() / seconds,
            microseconds_per_packet: (window.delivered > 0)
                .then(|| cpu.as_secs_f64() * 1e6 / window.delivered as f64),
            resident_kib,
            kib_per_peer: resident_kib.saturating_sub(resident_before_kib.unwrap_or(resident_kib)) as f64
                / peers.max(1) as f64,
            receive_drops: window.server_drops,
        });
        let generator = Generator {
            cores: window.own_cpu.as_secs_f64() / seconds,
            receive_drops: window.own_drops,
            lag_p99_ms: window.lag.quantile(0.99).map_or(0.0, milliseconds),
            verified: samples.verified,
            corrupt: samples.corrupt,
        };
        Self {
            scenario,
            peers,
            seconds,
            published_per_second: per_second(window.published),
            offered_per_second: per_second(window.offered),
            delivered_per_second: per_second(window.delivered),
            loss_percent: loss_percent(window.offered, window.delivered),
            latency: Times::of(&samples.latency),
            frame_latency: Times::of(&samples.frame),
            first_packet: Times::of(first_packet),
            server,
            generator,
            void: void(&generator),
        }
    }

    /// Whether it says something of the server.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.void.is_empty()
    }
}

/// Why a result of this generator is void.
fn void(generator: &Generator) -> Vec<String> {
    let Generator { cores, receive_drops, lag_p99_ms, corrupt, .. } = *generator;
    let mut reasons = Vec::new();
    if cores > OWN_CPU_MAX {
        reasons.push(format!(
            "the generator used {:.0} % of its core: lower the rate, or share the load with another machine",
            cores * 100.0
        ));
    }
    if receive_drops > 0 {
        reasons.push(format!(
            "{receive_drops} packets found no room in the generator's own sockets: raise net.core.rmem_max"
        ));
    }
    if lag_p99_ms > milliseconds(LAG_MAX) {
        reasons.push(format!(
            "one frame in a hundred left {lag_p99_ms:.1} ms late or more: this machine is too busy"
        ));
    }
    if corrupt > 0 {
        reasons.push(format!("{corrupt} sampled packets were not what a publisher had sent"));
    }
    reasons
}

/// In per cent of `offered`; more arrivals than that are no loss.
pub(crate) fn loss_percent(offered: u64, delivered: u64) -> f64 {
    if offered == 0 { 0.0 } else { 100.0 * offered.saturating_sub(delivered) as f64 / offered as f64 }
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} peers, {:.1} s", self.scenario, self.peers, self.seconds)?;
        writeln!(f, "  published       {:>12.0} packets/s", self.published_per_second)?;
        writeln!(f, "  offered         {:>12.0} packets/s", self.offered_per_second)?;
        writeln!(f, "  delivered       {:>12.0} packets/s", self.delivered_per_second)?;
        writeln!(f, "  loss            {:>12.3} %", self.loss_percent)?;
        writeln!(f, "{:18}{:>10} {:>10} {:>10} {:>10}  ms", "", "median", "p99", "p99.9", "longest")?;
        for (name, times) in [
            ("latency", self.latency),
            ("whole frame", self.frame_latency),
            ("first packet", self.first_packet),
        ] {
            let [p50, p99, p999, max] = [times.p50_ms, times.p99_ms, times.p999_ms, times.max_ms].map(cell);
            writeln!(f, "  {name:<16}{p50:>10} {p99:>10} {p999:>10} {max:>10}  of {}", times.samples)?;
        }
        if let Some(server) = self.server {
            let cost = cell(server.microseconds_per_packet);
            writeln!(f, "  server          {:>12.3} cores, {cost} us for each packet", server.cores)?;
            writeln!(
                f,
                "  server's memory {:>12} KiB, {:.1} KiB for each peer",
                server.resident_kib, server.kib_per_peer
            )?;
            writeln!(f, "  server's drops  {:>12} datagrams that found no room", server.receive_drops)?;
        }
        let Generator { cores, receive_drops, lag_p99_ms, verified, corrupt } = self.generator;
        writeln!(
            f,
            "  generator       {cores:>12.3} cores, {receive_drops} drops, lag p99 {lag_p99_ms:.2} ms, \
             {verified} packets verified, {corrupt} corrupt"
        )?;
        for reason in &self.void {
            writeln!(f, "  VOID: {reason}")?;
        }
        Ok(())
    }
}

fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: Generator =
        Generator { cores: 0.5, receive_drops: 0, lag_p99_ms: 0.2, verified: 9, corrupt: 0 };

    #[test]
    fn a_generator_at_its_limits_makes_the_result_void() {
        assert!(void(&SOUND).is_empty());
        for (generator, word) in [
            (Generator { cores: 0.97, ..SOUND }, "97 %"),
            (Generator { receive_drops: 3, ..SOUND }, "rmem_max"),
            (Generator { lag_p99_ms: 11.0, ..SOUND }, "too busy"),
            (Generator { corrupt: 1, ..SOUND }, "not what a publisher"),
        ] {
            let reasons = void(&generator);
            assert!(reasons.len() == 1 && reasons[0].contains(word), "{reasons:?}");
        }
    }

    #[test]
    fn loss_is_a_share_of_what_was_offered() {
        assert!((loss_percent(1_000, 999) - 0.1).abs() < 1e-9);
        assert_eq!((loss_percent(0, 0), loss_percent(10, 11)), (0.0, 0.0));
    }
}
