//! How many WebRtcEndpoints a second an application creates, negotiates with a browser's offer and releases
//! through the Kurento protocol, and whether memory stays flat: the real binary, without media.
//!
//! Each of a few applications has a socket and a pipeline of its own and works as fast as it is answered:
//! `create`, `subscribe`, `processOffer` (an offer of Chromium 156), `gatherCandidates`, `release`. The limit
//! beside it is the same number of requests that do nothing (`ping`).
//!
//! `scripts/bench` builds the binary and runs it; argument: `--endpoints N` (default 10,000). Without
//! `--bench`, which `cargo bench` gives, it is a short run that only shows that endpoints come and go.

#![expect(clippy::print_stdout, reason = "a program that prints its table")]

use anyhow::{Context as _, ensure};
use keel_testkit::kurento::KurentoClient;
use keel_testkit::server::{KeelServer, ServerOptions};
use serde_json::json;
use std::time::Instant;
use tokio::task::JoinSet;

/// Applications at work at the same time.
const CLIENTS: usize = 8;
/// Requests for one endpoint.
const REQUESTS: usize = 5;
/// Rows of the table of memory.
const CYCLES: usize = 5;

fn main() -> anyhow::Result<()> {
    let measures = std::env::args().any(|argument| argument == "--bench");
    let mut rest = std::env::args().skip_while(|argument| argument != "--endpoints");
    let endpoints = match rest.nth(1) {
        Some(count) => count.parse().context("--endpoints is a number")?,
        None if measures => 10_000,
        None => CYCLES * CLIENTS,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(endpoints))
}

async fn run(endpoints: usize) -> anyhow::Result<()> {
    let server = KeelServer::start(&ServerOptions::default())?;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = KurentoClient::connect(server.kurento_url()).await?;
        let pipeline = client.create("MediaPipeline", json!({})).await?;
        clients.push((client, pipeline));
    }
    let per_client = endpoints.div_ceil(CYCLES * CLIENTS);
    let done = per_client * CLIENTS;

    let begin = Instant::now();
    clients = by_all(clients, per_client, Work::Ping).await?;
    let limit = done as f64 / begin.elapsed().as_secs_f64();
    println!("{CLIENTS} applications; {REQUESTS} requests for one endpoint");
    println!("{:>10} {:>14} {:>14} {:>12}", "endpoints", "endpoints/s", "limit (ping)", "memory KiB");
    for cycle in 1..=CYCLES {
        let begin = Instant::now();
        clients = by_all(clients, per_client, Work::Endpoint).await?;
        let rate = done as f64 / begin.elapsed().as_secs_f64();
        let memory = server.usage()?.resident_kib;
        println!("{:>10} {rate:>14.0} {limit:>14.0} {memory:>12}", cycle * done);
    }
    drop(clients);
    ensure!(server.metric("keel_endpoints")? == 0.0, "endpoints are left");
    ensure!(server.terminate()?, "the server did not end well");
    Ok(())
}

#[derive(Clone, Copy)]
enum Work {
    Ping,
    Endpoint,
}

/// Has every application do `times` pieces of work.
async fn by_all(
    clients: Vec<(KurentoClient, String)>,
    times: usize,
    work: Work,
) -> anyhow::Result<Vec<(KurentoClient, String)>> {
    let mut running = JoinSet::new();
    for (mut client, pipeline) in clients {
        running.spawn(async move {
            for _ in 0..times {
                match work {
                    Work::Ping => {
                        for _ in 0..REQUESTS {
                            client.call("ping", json!({})).await?;
                        }
                    }
                    Work::Endpoint => client.negotiate_and_release(&pipeline).await?,
                }
            }
            anyhow::Ok((client, pipeline))
        });
    }
    let mut clients = Vec::new();
    while let Some(client) = running.join_next().await {
        clients.push(client??);
    }
    Ok(clients)
}
