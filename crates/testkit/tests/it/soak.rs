//! Call after call through the real binary: nothing may grow.

use anyhow::{Context, Result};
use keel_testkit::peer::PeerOptions;
use keel_testkit::seat::Seat;
use keel_testkit::server::{KeelServer, ServerOptions};
use keel_testkit::source::VideoConfig;
use tokio::task::JoinSet;

/// Pairs of users that call each other at the same time.
const PAIRS: usize = 4;
/// Calls in `cargo test`; `scripts/soak` sets KEEL_SOAK_CALLS to 1000.
const CALLS: usize = 40;
/// What the server may use more at the end than after the first quarter: the allocator's fragments.
const GROWTH_KIB_MAX: u64 = 4_096;

/// One call: both see ten frames and hear ten packets of each other, then the caller hangs up.
async fn call(alice: &mut Seat, bob: &mut Seat, callee: &str, seed: u64) -> Result<()> {
    let small = VideoConfig { packets_per_frame: 1, payload_bytes: 200, ..VideoConfig::default() };
    let options = |seed| PeerOptions { seed, frames: small, ..PeerOptions::default() };
    tokio::try_join!(alice.call(callee, options(2 * seed)), bob.accept(options(2 * seed + 1)))?;
    tokio::try_join!(alice.connect(), bob.connect())?;
    for seat in [&mut *alice, &mut *bob] {
        seat.peer()?.until("ten frames", |r| r.video.complete() >= 10 && r.audio.packets() >= 10).await?;
    }
    alice.hang_up().await?;
    bob.hung_up().await?;
    Ok(())
}

/// `calls` calls by each pair at the same time; the pairs stay registered.
async fn calls_by_all(pairs: &mut Vec<(Seat, Seat, String)>, calls: usize, round: u64) -> Result<()> {
    let mut running = JoinSet::new();
    for (number, (mut alice, mut bob, callee)) in pairs.drain(..).enumerate() {
        running.spawn(async move {
            for turn in 0..calls {
                let seed = (round * 1_000 + turn as u64) * PAIRS as u64 + number as u64;
                call(&mut alice, &mut bob, &callee, seed).await.with_context(|| format!("call {seed}"))?;
            }
            anyhow::Ok((alice, bob, callee))
        });
    }
    while let Some(pair) = running.join_next().await {
        pairs.push(pair??);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_come_and_go_without_growth() -> Result<()> {
    let calls = match std::env::var("KEEL_SOAK_CALLS") {
        Ok(calls) => calls.parse().context("KEEL_SOAK_CALLS is a number")?,
        Err(_) => CALLS,
    };
    let server = KeelServer::start(&ServerOptions { workers: 2, ..ServerOptions::default() })?;
    let mut pairs = Vec::new();
    for pair in 0..PAIRS {
        let [caller, callee] = ["caller", "callee"].map(|role| format!("{role}-{pair}"));
        let trust = server.trust()?;
        let alice = Seat::register(&server.call_url(), &trust, &caller).await?;
        let bob = Seat::register(&server.call_url(), &trust, &callee).await?;
        pairs.push((alice, bob, callee));
    }
    let per_pair = calls.div_ceil(PAIRS);
    let warm_up = per_pair.div_ceil(4);
    calls_by_all(&mut pairs, warm_up, 0).await?;
    server.emptied().await?;
    let warm = server.usage()?;
    calls_by_all(&mut pairs, per_pair - warm_up, 1).await?;
    server.emptied().await?;
    let end = server.closed_down_to(warm.descriptors).await?;

    assert_eq!(end.threads, warm.threads, "threads");
    assert!(end.resident_kib <= warm.resident_kib + GROWTH_KIB_MAX, "{warm:?} {end:?}");
    assert_eq!(server.metric("keel_calls_total")?, (per_pair * PAIRS) as f64);
    assert!(server.terminate()?, "the server ended well");
    Ok(())
}
