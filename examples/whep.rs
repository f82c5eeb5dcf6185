//! Watches a livestream by WHEP (draft-ietf-wish-whep) and counts what comes.
//!
//! `cargo run --release` in one terminal, publish something (`--example whip -- --stream NAME`, OBS, a page), then
//! `cargo run --release --example whep -- --stream NAME`. The viewer is made with the `webrtc` crate. It decodes
//! nothing: it counts the pictures that begin, and packets of sound that another example makes. `--server`, `--seconds`, `--token` and `--help`.

use anyhow::{Context, Result};
use clap::Parser;
use keel_testkit::http::HttpClient;
use keel_testkit::live::LiveSeat;
use keel_testkit::signaling::Trust;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Watches a stream of a running Keel server.
#[derive(Parser)]
struct Arguments {
    /// The stream's name.
    #[arg(long)]
    stream: String,
    /// Where the server's page is.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    server: String,
    /// How long to watch.
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
    let seat = LiveSeat::watch(&http, &arguments.stream, seed).await.with_context(|| {
        format!("nothing to watch at {}; start a server with `cargo run --release`", arguments.server)
    })?;
    let mut out = std::io::stdout();
    writeln!(out, "watches {:?} for {} s", arguments.stream, arguments.seconds)?;
    let mut before = seat.peer.report();
    let mut second = Instant::now(); // clock: a viewer in real time
    for _ in 0..arguments.seconds {
        second += Duration::from_secs(1);
        sleep_until(second).await;
        let now = seat.peer.report();
        let frames = now.video.begun - before.video.begun;
        let sound = now.audio.packets() - before.audio.packets();
        writeln!(out, "last second: received {frames} pictures and {sound} packets of sound")?;
        before = now;
    }
    seat.close().await
}
