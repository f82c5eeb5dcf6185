//! Somebody joins a room of a running server and shows a test pattern.
//!
//! `cargo run --release` in one terminal, open the page that it names and join a room; then `cargo run
//! --release --example room -- --room NAME` in another. The participant is made with the `webrtc` crate: it
//! sends a few seconds of Chromium's test picture, recorded once and shown over and over, and synthetic sound that
//! carries no voice. Ctrl-C leaves the room. `--server`, `--name`, `--seconds` and `--help`.

use anyhow::{Context, Result};
use clap::Parser;
use keel_testkit::room::{RoomSeat, Source};
use keel_testkit::server::group_call_url;
use keel_testkit::signaling::Trust;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Joins a room of a running Keel server and publishes a test pattern.
#[derive(Parser)]
struct Arguments {
    /// The room. It is made if there is none of this name.
    #[arg(long)]
    room: String,
    /// What the others see.
    #[arg(long, default_value = "Test pattern")]
    name: String,
    /// Where the server's page is.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    server: String,
    /// How long it stays.
    #[arg(long, default_value_t = 60)]
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
    let mut out = std::io::stdout();
    let url = group_call_url(&arguments.server);
    let seed = u64::from(std::process::id()) << 8;
    let mut seat =
        RoomSeat::join(&url, &trust, &arguments.room, &arguments.name, seed).await.with_context(|| {
            format!("no room at {}; start a server with `cargo run --release`", arguments.server)
        })?;
    let others = seat.joined()["participants"].as_array().map_or(0, Vec::len);
    writeln!(out, "in the room {:?} with {others} others", arguments.room)?;
    seat.publish(seed + 2, &[Source::Microphone, Source::Pattern { frame_rate: 30 }]).await?;
    writeln!(out, "sends a test picture and sound for {} s", arguments.seconds)?;

    let mut before = (seat.sent().frames_sent, seat.received());
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    for _ in 0..arguments.seconds {
        tokio::select! {
            attended = seat.attend(Duration::from_secs(1)) => attended?,
            _ = &mut interrupted => break,
        }
        let now = (seat.sent().frames_sent, seat.received());
        let voices = now.1.audio.packets() - before.1.audio.packets();
        writeln!(out, "last second: sent {} pictures, received {voices} packets of sound", now.0 - before.0)?;
        before = now;
    }
    seat.leave().await
}
