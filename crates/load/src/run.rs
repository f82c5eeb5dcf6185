//! A run from the first connection to the report.

use crate::engine::Engine;
use crate::file_limit;
use crate::measure::{Histogram, Process};
use crate::plan::Plan;
use crate::report::Report;
use crate::signaling::{self, Joined};
use crate::traffic::Traffic;
use anyhow::{Context as _, anyhow};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

/// Peers that may wait for the engine: handshakes are slower than it.
const JOINED_MAX: usize = 64;
/// How often connections are looked at while nothing is expected of them.
const KEEP_ALIVE_EVERY: Duration = Duration::from_millis(200);
/// How long packets flow between two looks at the door.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// A load that stands: all peers are in.
#[derive(Debug)]
pub struct Load<'a> {
    plan: &'a Plan,
    engine: Engine,
    server: Option<Process>,
    resident_before_kib: Option<u64>,
    first_packet: Histogram,
}

/// The highest rate that was found.
#[derive(Clone, Debug)]
pub struct Search {
    /// Packets a second of each publisher.
    pub publisher_packets_per_second: f64,
    /// What was measured at it.
    pub report: Report,
    /// Why the next higher rate was void; empty where it was the server that lost packets. With a reason,
    /// the server may do more than was found.
    pub generator_limit: Vec<String>,
}

/// Carries out the plan: everybody joins while publishers already send, packets flow for the warm-up, then
/// they are counted. `progress` is told how far it is.
///
/// # Errors
/// When peers cannot join, or the server ends.
pub fn run(plan: &Plan, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Report> {
    with_load(plan, progress, |load, progress| {
        progress(&format!("measuring for {:.1} s", plan.measured.as_secs_f64()));
        load.measure(&plan.traffic, plan.measured)
    })
}

/// Brings everybody in, warms up, and hands the load to `measure`; then all leave.
///
/// # Errors
/// As [`run`], and what `measure` returns.
pub fn with_load<T>(
    plan: &Plan,
    progress: &mut dyn FnMut(&str),
    measure: impl FnOnce(&mut Load<'_>, &mut dyn FnMut(&str)) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    plan.check()?;
    file_limit::raise(plan.sockets())?;
    let server = plan.server_pid.map(Process::new);
    let resident_before_kib =
        server.as_ref().map(Process::usage).transpose()?.map(|usage| usage.resident_kib);
    let (joined, newcomers) = sync_channel(JOINED_MAX);
    let (leave, leaving) = sync_channel::<()>(1);
    thread::scope(|scope| {
        // It ends when `leave` is dropped, or nobody takes its newcomers.
        let door = scope.spawn(move || attend(plan, joined, &leaving));
        let mut engine = Engine::new(plan.poll_every);
        if let Err(left) = welcome(plan, &mut engine, &newcomers, progress) {
            drop((newcomers, leave));
            return Err(failure_of(door).unwrap_or(left));
        }
        progress("warming up");
        engine.run(&plan.traffic, plan.warm_up);
        let mut first_packet = Histogram::default();
        engine
            .members()
            .iter()
            .filter_map(|member| member.first_media_after)
            .for_each(|time| first_packet.record(time));
        let mut load = Load { plan, engine, server, resident_before_kib, first_packet };
        let measured = measure(&mut load, progress);
        drop(leave);
        // Why connections failed says more than what was missed then.
        failure_of(door).map_or(measured, Err)
    })
}

impl Load<'_> {
    /// Sends `traffic` for so long and reports what arrived.
    ///
    /// # Errors
    /// When the server has ended.
    pub fn measure(&mut self, traffic: &Traffic, length: Duration) -> anyhow::Result<Report> {
        let window = self.engine.measure(traffic, length, self.server.as_ref())?;
        let name = match self.plan.groups {
            1 => self.plan.scenario.to_string(),
            groups => format!("{groups} x {}", self.plan.scenario),
        };
        let peers = self.plan.peers();
        Ok(Report::new(name, peers, &window, &self.first_packet, self.resident_before_kib))
    }

    /// Searches the highest rate of the plan's traffic that loses no more than `loss_max_percent`, beginning
    /// with the plan's own. A rate fails when two windows of it in a row lose more, since one may have met
    /// something else that this machine did.
    ///
    /// # Errors
    /// When the server has ended, or no rate was found.
    pub fn search(
        &mut self,
        loss_max_percent: f64,
        progress: &mut dyn FnMut(&str),
    ) -> anyhow::Result<Search> {
        let start = self.plan.traffic.packets_per_second();
        let mut best: Option<(f64, Report)> = None;
        let mut failing: Option<(f64, Vec<String>)> = None;
        for _ in 0..SEARCH_STEPS_MAX {
            let passing = best.as_ref().map(|(rate, _)| *rate);
            let rate = match (passing, failing.as_ref().map(|(rate, _)| *rate)) {
                (None, None) => start,
                (Some(passing), None) => passing * GROWTH,
                (None, Some(failing)) => failing / GROWTH,
                (Some(passing), Some(failing)) if failing / passing > PRECISION => (passing * failing).sqrt(),
                (Some(_), Some(_)) => break,
            };
            let passes = |report: &Report| report.loss_percent <= loss_max_percent && report.is_valid();
            let mut report = self.try_rate(rate, progress)?;
            if !passes(&report) {
                report = self.try_rate(rate, progress)?;
            }
            if passes(&report) {
                best = Some((rate, report));
            } else {
                failing = Some((rate, report.void));
            }
        }
        let (publisher_packets_per_second, report) =
            best.context("no rate was found at which enough arrives and this machine keeps up")?;
        let generator_limit = failing.map(|(_, void)| void).unwrap_or_default();
        Ok(Search { publisher_packets_per_second, report, generator_limit })
    }

    fn try_rate(&mut self, rate: f64, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Report> {
        let report = self.measure(&self.plan.traffic.at(rate), SEARCH_WINDOW)?;
        progress(&format!(
            "{rate:.0} packets/s from each publisher: {:.0} delivered, {:.3} % lost",
            report.delivered_per_second, report.loss_percent
        ));
        Ok(report)
    }
}

/// Long enough for some hundred frames and for buffers to fill.
const SEARCH_WINDOW: Duration = Duration::from_millis(1_500);
const SEARCH_STEPS_MAX: usize = 14;
const GROWTH: f64 = 1.5;
/// The limit is known this well in the end.
const PRECISION: f64 = 1.03;

/// Lets everybody in, then keeps their connections until told to stop.
fn attend(plan: &Plan, joined: SyncSender<Joined>, leaving: &Receiver<()>) -> anyhow::Result<()> {
    let mut connections = signaling::join(plan, &joined)?;
    drop(joined);
    while leaving.recv_timeout(KEEP_ALIVE_EVERY) == Err(RecvTimeoutError::Timeout) {
        connections.keep_alive()?;
    }
    Ok(())
}

/// Takes everybody in, while those who are there already send and receive.
fn welcome(
    plan: &Plan,
    engine: &mut Engine,
    newcomers: &Receiver<Joined>,
    progress: &mut dyn FnMut(&str),
) -> anyhow::Result<()> {
    let peers = plan.peers();
    while engine.members().len() < peers {
        loop {
            match newcomers.try_recv() {
                Ok(joined) => engine.add(joined, &plan.traffic)?,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) if engine.members().len() == peers => break,
                Err(TryRecvError::Disconnected) => return Err(anyhow!("not everybody could join")),
            }
        }
        engine.run(&plan.traffic, BETWEEN_LOOKS);
        progress(&format!("joined {} of {peers} peers", engine.members().len()));
    }
    Ok(())
}

/// Why the door's thread ended, if it failed.
fn failure_of(door: ScopedJoinHandle<'_, anyhow::Result<()>>) -> Option<anyhow::Error> {
    match door.join() {
        Ok(result) => result.err(),
        Err(_) => Some(anyhow!("a panic ended the connections to the server")),
    }
}
