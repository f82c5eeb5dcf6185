//! `keel-load`: see `keel-load --help`.

use anyhow::Context as _;
use clap::Parser;
use keel_load::{Plan, Report, Scenario, Server, Shape, Traffic, run, with_load};
use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Load for Keel and other WebRTC servers: publishers and subscribers as real ICE, DTLS and SRTP peers.
///
/// Example, with `keel` running on this machine:
///
///   taskset -c 1 keel-load ws://localhost:8888/kurento --subscribers 100 --rate 90 --server-pid $(pidof keel)
///
/// Server and load should run on different cores, or they take the time from each other.
#[derive(Debug, Parser)]
#[command(version, verbatim_doc_comment)]
struct Arguments {
    /// Where the server listens: ws://HOST:PORT/kurento for Kurento's protocol, ws://HOST:PORT/call for
    /// Keel's calls, ws://HOST:PORT/groupcall for its rooms
    server: String,
    /// One publisher and so many subscribers in each group
    #[arg(long, value_name = "COUNT", group = "scenario")]
    subscribers: Option<usize>,
    /// Groups of two who send to one another; so many of them
    #[arg(long, value_name = "COUNT", group = "scenario")]
    calls: Option<usize>,
    /// So many participants in each group, each of whom sends to all others
    #[arg(long, value_name = "COUNT", group = "scenario")]
    room: Option<usize>,
    /// How many groups of subscribers, or rooms
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    groups: usize,
    /// How video is cut into packets
    #[arg(long, value_enum, default_value_t = Shape::Bursts)]
    shape: Shape,
    /// Packets of a frame, with --shape bursts
    #[arg(long, value_name = "PACKETS", default_value_t = 8)]
    burst: usize,
    /// Payload bytes of a packet of video, but with --shape chromium
    #[arg(long, value_name = "BYTES", default_value_t = 1_100)]
    payload: usize,
    /// Packets of video a second from each publisher; 0: peers that join and stay idle
    #[arg(long, value_name = "PACKETS", default_value_t = 240.0)]
    rate: f64,
    /// 50 packets of audio a second as well
    #[arg(long)]
    audio: bool,
    /// Subscribers answer with transport-wide feedback, as browsers do: the server then controls its rate for
    /// each of them
    #[arg(long)]
    feedback: bool,
    /// How long to count
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    seconds: f64,
    /// How long packets flow before they are counted
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    warm_up: f64,
    /// Searches the highest rate at which no more than so many per cent are lost, beginning with --rate
    #[arg(long, value_name = "PERCENT")]
    find_max: Option<f64>,
    /// The server's process, if its CPU time and memory are to be told; on this machine
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// How often the peers' sockets are read. Receive times are the kernel's, so it shows in no latency
    #[arg(long, value_name = "MICROSECONDS", default_value_t = 500)]
    poll_interval: u64,
    /// Writes the result there, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    match carry_out(&Arguments::parse()) {
        Ok(report) if report.is_valid() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(2),
        Err(error) => {
            complain(&format!("keel-load: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}

fn carry_out(arguments: &Arguments) -> anyhow::Result<Report> {
    let plan = arguments.plan()?;
    let mut progress = progress();
    let report = match arguments.find_max {
        None => run(&plan, &mut progress)?,
        Some(loss) => {
            let found = with_load(&plan, &mut progress, |load, progress| load.search(loss, progress))?;
            for reason in &found.generator_limit {
                complain(&format!("\nThe server may do more: at the next higher rate, {reason}\n"));
            }
            found.report
        }
    };
    progress("");
    say(&report.to_string());
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&report)?;
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(report)
}

impl Arguments {
    fn plan(&self) -> anyhow::Result<Plan> {
        let (scenario, groups) = match (self.subscribers, self.calls, self.room) {
            (None, Some(calls), None) => (Scenario::Call, calls),
            (None, None, Some(size)) => (Scenario::Room(size), self.groups),
            (subscribers, ..) => (Scenario::Broadcast(subscribers.unwrap_or(1)), self.groups),
        };
        Ok(Plan {
            server: Server::parse(&self.server)?,
            scenario,
            groups,
            traffic: Traffic::new(self.shape, self.burst, self.payload, self.rate, self.audio)?,
            feedback: self.feedback,
            warm_up: seconds(self.warm_up)?,
            measured: seconds(self.seconds)?,
            poll_every: Duration::from_micros(self.poll_interval),
            server_pid: self.server_pid,
        })
    }
}

fn seconds(value: f64) -> anyhow::Result<Duration> {
    Duration::try_from_secs_f64(value).with_context(|| format!("{value} is no number of seconds"))
}

/// Tells on one line that is written over, where somebody may be looking.
fn progress() -> impl FnMut(&str) {
    let shown = std::io::stderr().is_terminal();
    let mut length = 0;
    move |text| {
        if shown {
            complain(&format!("\r{text:<length$}{}", if text.is_empty() { "\r" } else { "" }));
            length = text.len();
        }
    }
}

#[expect(clippy::print_stdout, reason = "what the user asked for")]
fn say(text: &str) {
    print!("{text}");
}

#[expect(clippy::print_stderr, reason = "why the program ends, and how far it is")]
fn complain(text: &str) {
    eprint!("{text}");
    // Only a closed standard error fails, and there is nowhere else to say so.
    let _ = std::io::stderr().flush();
}
