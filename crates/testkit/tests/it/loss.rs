//! Bad networks between the peers and Keel.

use crate::stage::{Guest, Stage, seeded};
use anyhow::Result;
use keel_testkit::net::{LinkConfig, Loss};
use keel_testkit::peer::{PeerOptions, Repair};
use keel_testkit::proxy::ProxyConfig;
use std::time::Duration;

/// Five percent lost each way, at a distance of 10 ms.
fn lossy(seed: u64) -> ProxyConfig {
    let delay = Duration::from_millis(5);
    let link = LinkConfig { loss: Loss::Random(0.05), delay, ..LinkConfig::default() };
    ProxyConfig { seed, up: link.clone(), down: link }
}

/// Runs a call until alice has sent a hundred frames, and checks that all of them arrived at bob, whole.
async fn every_frame_arrives(
    stage: &Stage,
    repair: Repair,
    networks: [Option<&ProxyConfig>; 2],
) -> Result<[Guest; 2]> {
    let options = |seed| PeerOptions { repair, ..seeded(seed) };
    let [mut alice, bob] = stage.call([options(1), options(2)], networks).await?;
    alice.peer.until("a hundred frames sent", |r| r.frames_sent >= 100).await?;
    let sent = alice.peer.stop_publishing().await;
    // The last few may be lost for good: nothing after them shows that they are missing.
    let enough = sent.frames_sent - 4;
    let report = bob
        .peer
        .until("all but the last frames", |r| {
            r.video.missing() == 0 && r.video.last_complete().is_some_and(|last| last >= enough)
        })
        .await?;
    assert_eq!(report.video.corrupted, 0, "{report}");
    // On the way in Keel asked, and alice repeated.
    let said = alice.peer.report();
    assert!(said.nacks_received > 0 && said.retransmissions_sent > 0, "{said}");
    Ok([alice, bob])
}

fn lost(guest: &Guest) -> (u64, u64) {
    let (up, down) = guest.proxy.as_ref().expect("the network is bad").counters();
    (up.lost, down.lost)
}

#[tokio::test]
async fn five_percent_loss_each_way_is_repaired_by_rtx() -> Result<()> {
    repaired_by_rtx(Stage::new().await?).await
}

#[tokio::test]
async fn five_percent_loss_each_way_is_repaired_across_two_workers_too() -> Result<()> {
    let stage = Stage::apart(2).await?;
    let server = stage.server.clone();
    repaired_by_rtx(stage).await?;
    assert!(server.snapshot().await.relayed >= 300, "the sides were apart");
    Ok(())
}

async fn repaired_by_rtx(stage: Stage) -> Result<()> {
    let (up, down) = (lossy(21), lossy(22));
    let [alice, bob] = every_frame_arrives(&stage, Repair::Rtx, [Some(&up), Some(&down)]).await?;
    assert!(lost(&alice).0 > 5 && lost(&bob).1 > 5, "the networks did lose packets");
    // On the way out bob asked, and Keel repeated.
    let report = bob.peer.report();
    assert!(report.nacks_sent > 0 && report.rtx_received > 0, "{report}");
    let stats = bob.endpoint.stats().await.expect("the endpoint exists");
    let outgoing: u64 = stats.outgoing.iter().map(|s| s.retransmitted).sum();
    assert!(outgoing >= report.rtx_received, "{stats:?}");
    let stats = alice.endpoint.stats().await.expect("the endpoint exists");
    let incoming: u64 = stats.incoming.iter().map(|s| s.retransmitted).sum();
    assert!(incoming > 0, "{stats:?}");
    Ok(())
}

/// Without RTX Keel sends nothing twice: under AES-GCM a second packet with the same number would give
/// the key away. What the publisher repeats is another matter.
#[tokio::test]
async fn five_percent_loss_on_the_way_in_is_repaired_without_rtx_too() -> Result<()> {
    let stage = Stage::new().await?;
    let [alice, bob] = every_frame_arrives(&stage, Repair::Nack, [Some(&lossy(23)), None]).await?;
    assert!(lost(&alice).0 > 5, "the network did lose packets");
    assert_eq!(bob.peer.report().rtx_received, 0);
    Ok(())
}

#[tokio::test]
async fn reordering_jitter_and_duplicates_change_nothing() -> Result<()> {
    let stage = Stage::new().await?;
    let link = LinkConfig {
        jitter: Duration::from_millis(10),
        reorder: 0.05,
        duplicate: 0.05,
        ..LinkConfig::default()
    };
    let network = ProxyConfig { seed: 5, up: link.clone(), down: link };
    let [mut alice, bob] = stage.call([seeded(3), seeded(4)], [Some(&network), None]).await?;
    bob.peer.until("eighty frames", |r| r.video.complete() >= 80).await?;
    let sent = alice.peer.stop_publishing().await;
    let report = bob.peer.until("every frame", |r| r.video.complete() == sent.frames_sent).await?;
    assert_eq!((report.video.missing(), report.video.corrupted), (0, 0), "{report}");
    let up = alice.proxy.expect("the network is bad").counters().0;
    assert!(up.reordered > 5 && up.duplicated > 5, "{up:?}");
    // A copy of an SRTP packet is a replay, and never reaches bob; what Keel repeats comes by RTX.
    let copies = report.video.packets - report.rtx_received;
    assert!(copies < u64::from(sent.frames_sent) * 3 + 3, "{report}");
    Ok(())
}
