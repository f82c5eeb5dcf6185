//! Bad networks between the peers and Keel.

use crate::stage::{Stage, seeded};
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

/// Runs a call over two lossy networks until a hundred frames were sent, and checks that all arrived.
async fn every_frame_arrives(repair: Repair) -> Result<()> {
    let stage = Stage::new().await?;
    let options = |seed| PeerOptions { repair, ..seeded(seed) };
    let networks = [lossy(21), lossy(22)];
    let [mut alice, bob] =
        stage.call([options(1), options(2)], [Some(&networks[0]), Some(&networks[1])]).await?;
    alice.peer.until("a hundred frames sent", |r| r.frames_sent >= 100).await?;
    let sent = alice.peer.stop_publishing().await;
    // The last few may be lost for good: nothing after them shows that they are missing.
    let enough = sent.frames_sent - 4;
    let report = bob
        .peer
        .until("all but the last frames", |r| r.video.last_complete().is_some_and(|last| last >= enough))
        .await?;
    let report = if report.video.missing() == 0 {
        report
    } else {
        bob.peer.until("every frame", |r| r.video.missing() == 0).await?
    };
    assert_eq!(report.video.corrupted, 0, "{report}");

    let lost = |guest: &crate::stage::Guest| {
        let proxy = guest.proxy.as_ref().expect("the network is bad");
        (proxy.counters().0.lost, proxy.counters().1.lost)
    };
    assert!(lost(&alice).0 > 5 && lost(&bob).1 > 5, "the networks did lose packets");
    // On the way in Keel asked and alice repeated; on the way out bob asked and Keel repeated.
    let alice = alice.peer.report();
    assert!(alice.nacks_received > 0 && alice.retransmissions_sent > 0, "{alice}");
    assert!(report.nacks_sent > 0, "{report}");
    assert_eq!(report.rtx_received > 0, repair == Repair::Rtx, "{report}");
    let stats = bob.endpoint.stats().await.expect("the endpoint exists");
    assert!(stats.outgoing.iter().map(|s| s.retransmitted).sum::<u64>() > 0, "{stats:?}");
    Ok(())
}

#[tokio::test]
async fn five_percent_loss_each_way_is_repaired_by_rtx() -> Result<()> {
    every_frame_arrives(Repair::Rtx).await
}

#[tokio::test]
async fn five_percent_loss_each_way_is_repaired_without_rtx_too() -> Result<()> {
    every_frame_arrives(Repair::Nack).await
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
    // A copy of an SRTP packet is a replay, and never reaches bob.
    assert!(report.video.packets < u64::from(sent.frames_sent) * 3 + 3, "{report}");
    Ok(())
}
