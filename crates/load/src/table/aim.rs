//! What Keel is meant to reach, measured.

use super::{BURST, Row, Stage};
use crate::limit::{Method, Pace};
use crate::plan::{Plan, Scenario};
use crate::report::Report;
use crate::traffic::Shape;

/// One aim with what was found.
#[derive(Clone, Debug)]
pub struct Aim {
    /// What is measured.
    pub name: String,
    /// What it should be.
    pub wanted: String,
    /// What it is.
    pub found: String,
    /// Whether that is enough.
    pub verdict: Verdict,
}

/// Whether an aim is met.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is.
    Met,
    /// It is not.
    Missed,
    /// The load generator was at its own limit, for this reason: the server may do better.
    Void(String),
}

impl Aim {
    fn new(name: &str, wanted: &str, found: String, met: bool, void: &[String]) -> Self {
        let verdict = match (met, void.first()) {
            (true, _) => Verdict::Met,
            (false, Some(reason)) => Verdict::Void(reason.clone()),
            (false, None) => Verdict::Missed,
        };
        Self { name: name.to_owned(), wanted: wanted.to_owned(), found, verdict }
    }
}

/// Copies a second at an ordinary load.
const ORDINARY: f64 = 9_000.0;
/// Copies a second when sessions are many, the same for any number of them.
const SHARED: f64 = 40_000.0;
/// One publisher and nine subscribers: ten sessions.
const GROUP: usize = 9;

pub(super) fn measure(
    stage: &Stage<'_>,
    rows: &[Row],
    progress: &mut dyn FnMut(&str),
) -> anyhow::Result<Vec<Aim>> {
    let mut aims = throughput(rows);
    aims.extend(half_load(stage, rows, progress)?);
    if !stage.settings.quick {
        aims.extend(ordinary_load(stage, progress)?);
        aims.extend(memory(stage, progress)?);
        aims.extend(many_sessions(stage, progress)?);
        aims.push(two_workers(stage, progress)?);
    }
    Ok(aims)
}

fn throughput(rows: &[Row]) -> Vec<Aim> {
    let of = |shape: Shape, wanted: f64, what: &str| {
        let row = rows.iter().find(|row| row.name == "1 -> 100" && row.shape == shape)?;
        let ratio = row.ratio();
        let void = &row.found.generator_limit;
        let name = format!("1 -> 100, {what}: packets/s, as a ratio to plain `sendto`");
        Some(Aim::new(&name, &format!("at least {wanted}"), format!("{ratio:.2}"), ratio >= wanted, void))
    };
    [
        of(Shape::Bursts, 1.5, "frames of 8 equal packets"),
        of(Shape::Chromium, 1.2, "frames of Chromium's sizes"),
        of(Shape::Singles, 0.82, "evenly spaced single packets"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Cost and delay of 1 -> 100 at a rate that many real calls have together.
fn ordinary_load(stage: &Stage<'_>, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Vec<Aim>> {
    let mut aims = Vec::new();
    for (shape, burst, feedback, what) in [
        (Shape::Singles, 1, false, "single packets"),
        (Shape::Bursts, BURST, false, "frames of 8"),
        (Shape::Bursts, BURST, true, "frames of 8, every subscriber answers with transport-wide feedback"),
    ] {
        progress(&format!("1 -> 100 at {ORDINARY} packets/s, {what}"));
        let rate = ORDINARY / 100.0;
        let pace = Pace::PerSecond(rate / burst as f64);
        let before = stage.reference(Method::SendTo, pace, 100, burst)?;
        let plan = stage.plan(Scenario::Broadcast(100), 1, shape, rate)?;
        let report = stage.run(Plan { feedback, ..plan }, 1, progress)?;
        let after = stage.reference(Method::SendTo, pace, 100, burst)?;
        let sendto = super::mean(before, after).microseconds_per_packet;
        let cost = cost(&report);
        let ratio = cost / sendto;
        aims.push(Aim::new(
            &format!(
                "1 -> 100 at 9,000 packets/s, {what}: CPU per packet, as a ratio to `sendto` at that rate"
            ),
            "at most 1.05",
            format!("{ratio:.2} ({cost:.2} us to {sendto:.2} us)"),
            ratio <= 1.05,
            &report.void,
        ));
        if shape == Shape::Bursts && !feedback {
            let median = report.frame_latency.p50_ms.unwrap_or(f64::INFINITY);
            aims.push(Aim::new(
                "1 -> 100: time until the median subscriber has a whole frame of 8",
                "at most 2 ms",
                format!("{median:.2} ms"),
                median <= 2.0,
                &report.void,
            ));
        }
    }
    Ok(aims)
}

/// Latency of 1 -> 20 at half of what was found to be its highest rate.
fn half_load(stage: &Stage<'_>, rows: &[Row], progress: &mut dyn FnMut(&str)) -> anyhow::Result<Vec<Aim>> {
    let mut aims = Vec::new();
    for row in rows.iter().filter(|row| row.name == "1 -> 20") {
        let what = super::shape_name(row.shape);
        progress(&format!("1 -> 20 at half load, {what}"));
        let rate = row.found.publisher_packets_per_second / 2.0;
        let report = stage.run(stage.plan(Scenario::Broadcast(20), 1, row.shape, rate)?, 1, progress)?;
        let p99 = report.latency.p99_ms.unwrap_or(f64::INFINITY);
        aims.push(Aim::new(
            &format!("1 -> 20 at half load, {what}: p99 latency"),
            "below 1 ms",
            format!("{p99:.2} ms at {:.0} packets/s", report.delivered_per_second),
            p99 < 1.0,
            &report.void,
        ));
    }
    Ok(aims)
}

fn memory(stage: &Stage<'_>, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Vec<Aim>> {
    let mut aims = Vec::new();
    for (rate, wanted, what) in [(100.0, 100.0, "with media"), (0.0, 40.0, "idle")] {
        progress(&format!("memory of 301 peers, {what}"));
        let plan = stage.plan(Scenario::Broadcast(300), 1, Shape::Bursts, rate)?;
        let report = stage.run(plan, 1, progress)?;
        let each = report.server.map_or(f64::INFINITY, |server| server.kib_per_peer);
        aims.push(Aim::new(
            &format!("memory for each of 301 peers, {what}"),
            &format!("at most {wanted} KiB"),
            format!("{each:.1} KiB"),
            each <= wanted,
            &[],
        ));
    }
    Ok(aims)
}

/// The same packets a second through few and through many sessions.
fn many_sessions(stage: &Stage<'_>, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Vec<Aim>> {
    let mut costs = Vec::new();
    let mut void = Vec::new();
    for groups in [1, 10, 100] {
        progress(&format!("{} sessions", groups * (GROUP + 1)));
        let rate = SHARED / (groups * GROUP) as f64;
        let plan = stage.plan(Scenario::Broadcast(GROUP), groups, Shape::Bursts, rate)?;
        // A thousand sockets take a millisecond to look at.
        let plan = Plan { poll_every: plan.poll_every * if groups > 10 { 8 } else { 1 }, ..plan };
        let report = stage.run(plan, 1, progress)?;
        costs.push(cost(&report));
        void.extend(report.void);
    }
    let (least, most) = costs
        .iter()
        .fold((f64::INFINITY, 0.0_f64), |(least, most), cost| (least.min(*cost), most.max(*cost)));
    let found: Vec<String> = costs.iter().map(|cost| format!("{cost:.2}")).collect();
    Ok(vec![Aim::new(
        "CPU per packet with 10, 100 and 1,000 sessions at 40,000 packets/s in all",
        "flat (within 15 %)",
        format!("{} us", found.join(", ")),
        most / least <= 1.15,
        &void,
    )])
}

/// What it costs that half of the subscribers live on another worker. Two cores carry twice the packets of one,
/// divided by this. Here both workers share a core, since the load needs the other.
fn two_workers(stage: &Stage<'_>, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Aim> {
    let mut costs = [0.0; 2];
    let mut void = Vec::new();
    for (workers, found) in [1, 2].into_iter().zip(&mut costs) {
        progress(&format!("1 -> 100 on {workers} workers"));
        let plan = stage.plan(Scenario::Broadcast(100), 1, Shape::Bursts, SHARED / 100.0)?;
        let report = stage.run(plan, workers, progress)?;
        *found = cost(&report);
        void.extend(report.void);
    }
    let gain = 2.0 * costs[0] / costs[1];
    Ok(Aim::new(
        "1 -> 100 at 40,000 packets/s on two workers: packets for the same CPU time of each, as a ratio to one worker",
        "at least 1.9",
        format!("{gain:.2} ({:.2} us to {:.2} us)", costs[1], costs[0]),
        gain >= 1.9,
        &void,
    ))
}

fn cost(report: &Report) -> f64 {
    report.server.and_then(|server| server.microseconds_per_packet).unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_aim_of_a_saturated_generator_is_void_and_a_met_one_is_met() {
        let aim = |met, void: &[String]| Aim::new("", "", String::new(), met, void).verdict;
        let reason = ["the generator used 99 % of its core".to_owned()];
        assert_eq!(aim(true, &reason), Verdict::Met);
        assert_eq!(aim(false, &[]), Verdict::Missed);
        assert_eq!(aim(false, &reason), Verdict::Void(reason[0].clone()));
    }
}
