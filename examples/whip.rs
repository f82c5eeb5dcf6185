//! Publishes a test pattern as a livestream, by WHIP (RFC 9725).
//!
//! `cargo run --release` in one terminal; then `cargo run --release --example whip -- --stream NAME` in another, and
//! watch it with `--example whep`, or any WHEP player at `/whep/NAME`. The presenter is made with the `webrtc` crate:
//! it sends a few seconds of Chromium's test picture, recorded once and shown over and over, and synthetic sound.
//! `--server`, `--seconds`, `--token` and `--help`.

use anyhow::{Context, Result};
use clap::Parser;
use keel_testkit::http::HttpClient;
use keel_testkit::live::LiveSeat;
use keel_testkit::room::Source;
use keel_testkit::signaling::Trust;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Publishes a test pattern to a running Keel server.
#[derive(Parser)]
struct Arguments {
    /// The stream's name.
    #[arg(long)]
    stream: String,
    /// Where the server's page is.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    server: String,
    /// How long to publish.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// What the server asks for, if it asks for a token.
    #[arg(long)]
    token: Option<String>,
    /// For https: the server's certificate (PEM), such as keel-data/self-signed.cert.pem.
    #[arg(long)]
    certificate: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let trust = match &arguments.certificate {
        Some(path) => Trust::Certificate(
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?,
        ),
        None => Trust::Nobody,
    };
    let mut http = HttpClient::new(&arguments.server, trust);
    if let Some(token) = &arguments.token {
        http = http.with_token(token);
    }
    let seed = u64::from(std::process::id()) << 8;
    let sources = [Source::Microphone, Source::Pattern { frame_rate: 30 }];
    let seat = LiveSeat::publish(&http, &arguments.stream, seed, &sources).await.with_context(|| {
        format!("nothing published to {}; start a server with `cargo run --release`", arguments.server)
    })?;
    let mut out = std::io::stdout();
    writeln!(out, "publishes {:?} for {} s", arguments.stream, arguments.seconds)?;
    let mut before = 0;
    let mut second = Instant::now(); // clock: a presenter in real time
    for _ in 0..arguments.seconds {
        second += Duration::from_secs(1);
        sleep_until(second).await;
        let sent = seat.peer.report().frames_sent;
        writeln!(out, "last second: sent {} pictures", sent - before)?;
        before = sent;
    }
    seat.close().await
}
