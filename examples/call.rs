//! Two peers call each other through a running server and print every second what arrives.
//!
//! `cargo run --release` in one terminal, `cargo run --example call` in another. Both peers are made with
//! the `webrtc` crate and send synthetic VP8 and Opus; `--server`, `--seconds` and `--help`.

use anyhow::{Context, Result};
use clap::Parser;
use keel_testkit::peer::{PeerOptions, PeerReport};
use keel_testkit::seat::Seat;
use keel_testkit::server::call_url;
use keel_testkit::signaling::Trust;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::interval;

/// Calls from one synthetic peer to another through a running Keel server.
#[derive(Parser)]
struct Arguments {
    /// Where the server's page is.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    server: String,
    /// How long the call lasts.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// For https: the server's certificate (PEM), such as keel-data/self-signed.cert.pem.
    #[arg(long)]
    certificate: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let trust = match &arguments.certificate {
        Some(path) => {
            let pem = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            Trust::Certificate(pem)
        }
        None => Trust::Nobody,
    };
    let url = call_url(&arguments.server);
    let start = || format!("no call through {}; start a server with `cargo run --release`", arguments.server);
    // Names of this process only, so that two runs at a time do not meet.
    let [caller, callee] = ["caller", "callee"].map(|role| format!("example-{role}-{}", std::process::id()));
    let mut alice = Seat::register(&url, &trust, &caller).await.with_context(start)?;
    let mut bob = Seat::register(&url, &trust, &callee).await.with_context(start)?;

    let options = |seed| PeerOptions { seed, ..PeerOptions::default() };
    tokio::try_join!(alice.call(&callee, options(1)), bob.accept(options(2)))?;
    tokio::try_join!(alice.connect(), bob.connect())?;

    let mut out = std::io::stdout();
    let mut before = [alice.peer()?.report(), bob.peer()?.report()];
    let mut seconds = interval(Duration::from_secs(1));
    seconds.tick().await;
    for second in 1..=arguments.seconds {
        seconds.tick().await;
        let now = [alice.peer()?.report(), bob.peer()?.report()];
        for ((name, before), now) in ["caller", "callee"].into_iter().zip(&before).zip(&now) {
            writeln!(out, "{second:4} s  {name} receives {}", last_second(before, now))?;
        }
        before = now;
    }

    alice.peer()?.stop_publishing().await;
    bob.peer()?.stop_publishing().await;
    for (name, seat) in [("caller", &mut alice), ("callee", &mut bob)] {
        writeln!(out, "{name}: {}", seat.peer()?.report())?;
    }
    alice.hang_up().await?;
    bob.hung_up().await?;
    Ok(())
}

fn last_second(before: &PeerReport, now: &PeerReport) -> String {
    let frames = now.video.complete() - before.video.complete();
    let audio = now.audio.packets() - before.audio.packets();
    let bytes = now.video.bytes + now.audio.bytes - before.video.bytes - before.audio.bytes;
    let missing = now.video.missing();
    let lost = now.audio.missing();
    format!(
        "{frames:3} frames, {audio:3} audio packets, {:5} kbit/s; in all {missing} frames and {lost} audio packets missing",
        bytes * 8 / 1_000
    )
}
