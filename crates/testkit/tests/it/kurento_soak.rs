//! Endpoint after endpoint through the Kurento protocol of the real binary: nothing may grow.

use anyhow::{Context, Result};
use keel_testkit::kurento::KurentoClient;
use keel_testkit::server::{KeelServer, ServerOptions};
use serde_json::json;

/// Endpoints in `cargo test`; `scripts/soak` sets KEEL_SOAK_ENDPOINTS to 10,000.
const ENDPOINTS: usize = 200;
/// Endpoints that a pipeline sees before it goes, too.
const PER_PIPELINE: usize = 20;
/// What the server may use more at the end than after the first quarter: the allocator's fragments.
const GROWTH_KIB_MAX: u64 = 4_096;

async fn endpoints(client: &mut KurentoClient, count: usize) -> Result<()> {
    for _ in 0..count.div_ceil(PER_PIPELINE) {
        let pipeline = client.create("MediaPipeline", json!({})).await?;
        for _ in 0..PER_PIPELINE {
            client.negotiate_and_release(&pipeline).await?;
        }
        client.call("release", json!({"object": pipeline})).await?;
    }
    Ok(())
}

#[tokio::test]
async fn kurento_endpoints_come_and_go_without_growth() -> Result<()> {
    let count = match std::env::var("KEEL_SOAK_ENDPOINTS") {
        Ok(count) => count.parse().context("KEEL_SOAK_ENDPOINTS is a number")?,
        Err(_) => ENDPOINTS,
    };
    let server = KeelServer::start(&ServerOptions { workers: 2, ..ServerOptions::default() })?;
    let mut client = KurentoClient::connect(server.kurento_url()).await?;
    let warm_up = count.div_ceil(4);
    endpoints(&mut client, warm_up).await?;
    server.emptied().await?;
    let warm = server.usage()?;
    endpoints(&mut client, count - warm_up).await?;
    server.emptied().await?;
    let end = server.closed_down_to(warm.descriptors).await?;

    assert_eq!(end.threads, warm.threads, "threads");
    assert!(end.resident_kib <= warm.resident_kib + GROWTH_KIB_MAX, "{warm:?} {end:?}");
    assert!(server.metric("keel_kurento_requests_total")? >= (5 * count) as f64);
    assert!(server.terminate()?, "the server ended well");
    Ok(())
}
