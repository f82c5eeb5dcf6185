//! The media API without signaling: a peer sends its camera to Keel and gets it back.
//!
//! `cargo run --example loopback`. The peer is made with the `webrtc` crate and counts the frames that
//! come back whole. What an application writes is between the two lines.

use anyhow::Result;
use keel_media::{EndpointEvent, EndpointOptions, MediaConfig, MediaKind, MediaServer};
use keel_testkit::peer::{Peer, PeerOptions};
use std::io::Write;

#[tokio::main]
async fn main() -> Result<()> {
    let mut peer = Peer::new(PeerOptions::default()).await?;
    let offer = peer.offer().await?;

    // ------------------------------------------------------------------------------------------------
    let server = MediaServer::start(MediaConfig { workers: 1, port_base: 0, ..MediaConfig::default() })?;
    let (pipeline, mut events) = server.create_pipeline().await?;
    let endpoint = pipeline.create_webrtc_endpoint(EndpointOptions::default()).await?;
    for kind in MediaKind::ALL {
        endpoint.connect(&endpoint, kind).await?;
    }
    let answer = endpoint.process_offer(&offer).await?;
    peer.take_answer(&answer).await?;

    endpoint.gather_candidates().await?;
    while let Some(event) = events.recv().await {
        match event.event {
            EndpointEvent::CandidateFound(candidate) => peer.add_candidate(&candidate).await?,
            EndpointEvent::GatheringDone => break,
            _ => {}
        }
    }
    while let Some(candidate) = peer.next_candidate().await {
        endpoint.add_ice_candidate(candidate).await?;
    }
    // ------------------------------------------------------------------------------------------------

    peer.connected().await?;
    peer.publish().await?;
    let report = peer.until("a hundred frames", |report| report.video.complete() >= 100).await?;
    writeln!(std::io::stdout(), "{report}")?;
    server.stop().await;
    Ok(())
}
