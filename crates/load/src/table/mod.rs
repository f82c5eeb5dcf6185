//! The standard table: what one worker on one core carries, beside what the system itself can do in the same
//! run, and whether the aims are met.
//!
//! Server and load are pinned to different cores. The reference, plain `sendto` to as many sockets, is taken
//! before and after each row, so that a machine that other programs share changes both. What can be compared
//! between machines is the ratio.

mod aim;
mod page;
mod plot;
mod server;

pub use aim::{Aim, Verdict};

use crate::limit::{Limit, LimitReport, Method, Pace, pin};
use crate::plan::{Plan, Protocol, Scenario};
use crate::report::Report;
use crate::run::{Search, with_load};
use crate::traffic::{Shape, Traffic};
use anyhow::Context as _;
use server::Keel;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Payload bytes of every packet that is not Chromium's.
pub(super) const PAYLOAD: usize = 1_100;
/// The loss up to which a rate counts as carried, in per cent.
pub(super) const LOSS_MAX: f64 = 0.1;
const REFERENCE_LENGTH: Duration = Duration::from_millis(1_000);

/// How and where to measure.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The `keel` binary.
    pub keel: PathBuf,
    /// The core of the server, and of the references' senders.
    pub server_core: usize,
    /// The core of the load.
    pub load_core: usize,
    /// The folder that `performance.md` and `performance.svg` are written to.
    pub folder: PathBuf,
    /// Fewer rows and shorter ones: shows that it works.
    pub quick: bool,
}

/// One row: the highest rate found, with its reference.
#[derive(Clone, Debug)]
pub struct Row {
    /// Who sends to whom.
    pub name: String,
    /// How video was cut into packets.
    pub shape: Shape,
    /// What the server carries.
    pub found: Search,
    /// Plain `sendto` to as many sockets.
    pub sendto: LimitReport,
    /// Sealed copies in segmented runs of the same bursts.
    pub segmented: LimitReport,
}

impl Row {
    /// Delivered packets to those of `sendto`.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.found.report.delivered_per_second / self.sendto.packets_per_second
    }
}

/// Measures all rows and aims and writes the page and the plot. `progress` is told how far it is.
///
/// # Errors
/// When the server cannot be started or used, or the files cannot be written.
pub fn measure(settings: &Settings, progress: &mut dyn FnMut(&str)) -> anyhow::Result<String> {
    // Sender threads of references move to the server's core by themselves.
    pin(settings.load_core)?;
    let stage = Stage { settings };
    let mut rows = Vec::new();
    for wanted in rows_wanted(settings.quick) {
        rows.push(stage.row(&wanted, progress)?);
    }
    let aims = aim::measure(&stage, &rows, progress)?;
    let page = page::write(settings, &rows, &aims);
    let write = |name: &str, text: &str| {
        let path = settings.folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    write("performance.md", &page)?;
    write("performance.svg", &plot::draw(&rows))?;
    Ok(page)
}

/// A row that is to be measured.
struct Wanted {
    scenario: Scenario,
    groups: usize,
    shape: Shape,
    protocol: Protocol,
    /// Of the server; all on its one core.
    workers: usize,
}

fn rows_wanted(quick: bool) -> Vec<Wanted> {
    let mut all = Vec::new();
    let by_kurento =
        |scenario, groups, shape| Wanted { scenario, groups, shape, protocol: Protocol::Kurento, workers: 1 };
    for (scenario, groups) in [
        (Scenario::Broadcast(1), 1),
        (Scenario::Broadcast(20), 1),
        (Scenario::Broadcast(100), 1),
        (Scenario::Broadcast(300), 1),
        (Scenario::Call, 10),
        (Scenario::Room(10), 1),
    ] {
        all.push(by_kurento(scenario, groups, Shape::Bursts));
        if scenario == Scenario::Broadcast(100) {
            all.push(by_kurento(scenario, groups, Shape::Chromium));
        }
        all.push(by_kurento(scenario, groups, Shape::Singles));
    }
    for workers in [1, 2] {
        for shape in [Shape::Bursts, Shape::Singles] {
            let room = by_kurento(Scenario::Room(10), 1, shape);
            all.push(Wanted { protocol: Protocol::Group, workers, ..room });
        }
    }
    if quick {
        all.retain(|wanted| wanted.scenario == Scenario::Broadcast(20));
    }
    all
}

impl Wanted {
    fn name(&self) -> String {
        let Self { scenario, groups, protocol, workers, .. } = self;
        let mut name = match groups {
            1 => scenario.to_string(),
            groups => format!("{groups} x {scenario}"),
        };
        if *protocol == Protocol::Group {
            name.push_str(" by /groupcall");
        }
        if *workers > 1 {
            name.push_str(&format!(", {workers} workers"));
        }
        name
    }
}

/// Runs things on the two cores.
struct Stage<'a> {
    settings: &'a Settings,
}

impl Stage<'_> {
    fn row(&self, wanted: &Wanted, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Row> {
        let Wanted { scenario, groups, shape, protocol, workers } = *wanted;
        let mut plan = self.plan(scenario, groups, shape, 1.0)?;
        plan.server.protocol = protocol;
        let seats = plan.seats();
        let receivers = groups * seats.iter().filter(|seat| !seat.hears.is_empty()).count();
        let publishers = groups * seats.iter().filter(|seat| seat.media.video.sends()).count();
        let subscriptions = groups * seats.iter().map(|seat| seat.hears.len()).sum::<usize>();
        let burst = if shape == Shape::Singles { 1 } else { BURST };
        let name = wanted.name();
        progress(&format!("{name}, {}: reference", shape_name(shape)));
        let before = self.reference(Method::SendTo, Pace::FlatOut, receivers, burst)?;
        // Somewhat below what is hoped for: from there the search needs few steps.
        let copies = subscriptions as f64 / publishers as f64;
        let rate = before.packets_per_second * 0.5 / copies / publishers as f64;
        plan.traffic = plan.traffic.at(rate);
        let keel = self.keel(workers)?;
        let found =
            self.with_server(&keel, plan, progress, |load, progress| load.search(LOSS_MAX, progress))?;
        drop(keel);
        let after = self.reference(Method::SendTo, Pace::FlatOut, receivers, burst)?;
        let segmented = self.reference(Method::Segmented, Pace::FlatOut, receivers, burst)?;
        Ok(Row { name, shape, found, sendto: mean(before, after), segmented })
    }

    /// What `plan` shows at its own rate, on a fresh server.
    fn run(&self, plan: Plan, workers: usize, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Report> {
        let keel = self.keel(workers)?;
        let (traffic, length) = (plan.traffic.clone(), plan.measured);
        self.with_server(&keel, plan, progress, |load, _| load.measure(&traffic, length))
    }

    fn with_server<T>(
        &self,
        keel: &Keel,
        plan: Plan,
        progress: &mut dyn FnMut(&str),
        measure: impl FnOnce(&mut crate::run::Load<'_>, &mut dyn FnMut(&str)) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let plan = Plan { server: keel.server(plan.server.protocol), server_pid: Some(keel.pid()), ..plan };
        with_load(&plan, progress, measure)
    }

    fn keel(&self, workers: usize) -> anyhow::Result<Keel> {
        Keel::start(&self.settings.keel, self.settings.server_core, workers)
    }

    /// A plan whose server is still to be named; `rate` packets a second from each publisher.
    fn plan(&self, scenario: Scenario, groups: usize, shape: Shape, rate: f64) -> anyhow::Result<Plan> {
        Ok(Plan {
            server: crate::plan::Server::parse("ws://127.0.0.1:0/kurento")?,
            scenario,
            groups,
            traffic: Traffic::new(shape, BURST, PAYLOAD, rate, false)?,
            feedback: false,
            warm_up: Duration::from_secs(1),
            measured: Duration::from_secs(if self.settings.quick { 1 } else { 4 }),
            poll_every: Duration::from_micros(500),
            server_pid: None,
        })
    }

    fn reference(
        &self,
        method: Method,
        pace: Pace,
        destinations: usize,
        burst: usize,
    ) -> anyhow::Result<LimitReport> {
        let length = match pace {
            Pace::FlatOut => REFERENCE_LENGTH,
            Pace::PerSecond(_) => REFERENCE_LENGTH * 4,
        };
        let core = Some(self.settings.server_core);
        Limit { method, pace, destinations, burst, payload: PAYLOAD, length, core }.measure()
    }
}

/// Packets of a frame of equal ones.
pub(super) const BURST: usize = 8;

fn mean(a: LimitReport, b: LimitReport) -> LimitReport {
    let mean = |a: f64, b: f64| f64::midpoint(a, b);
    LimitReport {
        packets_per_second: mean(a.packets_per_second, b.packets_per_second),
        microseconds_per_packet: mean(a.microseconds_per_packet, b.microseconds_per_packet),
        loss_percent: mean(a.loss_percent, b.loss_percent),
        receive_drops: a.receive_drops + b.receive_drops,
    }
}

pub(super) const fn shape_name(shape: Shape) -> &'static str {
    match shape {
        Shape::Bursts => "frames of 8",
        Shape::Chromium => "Chromium's frames",
        Shape::Singles => "single packets",
        Shape::None => "audio",
    }
}
