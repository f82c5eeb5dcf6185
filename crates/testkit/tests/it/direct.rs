//! Two test peers without Keel between them: what fails here is the test tools' fault, not the server's.

use anyhow::Result;
use keel_testkit::net::{LinkConfig, Loss};
use keel_testkit::peer::{Peer, PeerOptions, Repair};
use keel_testkit::proxy::{Proxy, ProxyConfig};
use std::net::SocketAddr;

/// Negotiates without trickling: the answer carries the callee's candidates, the caller is found by the
/// checks it sends.
async fn connect(alice: &mut Peer, bob: &mut Peer, proxy: Option<&ProxyConfig>) -> Result<Option<Proxy>> {
    let answer = bob.answer(&alice.offer().await?).await?;
    alice.take_answer(&answer).await?;
    let mut in_between = None;
    while let Some(mut candidate) = bob.next_candidate().await {
        if let Some(config) = proxy {
            let target = address_of(&candidate.candidate);
            let started = Proxy::start(target, config.clone()).await?;
            candidate.candidate = started.announce(&candidate.candidate);
            in_between = Some(started);
        }
        alice.add_candidate(&candidate).await?;
    }
    alice.connected().await?;
    bob.connected().await?;
    Ok(in_between)
}

fn address_of(candidate: &str) -> SocketAddr {
    let words: Vec<_> = candidate.split(' ').collect();
    format!("{}:{}", words[4], words[5]).parse().expect("a host candidate names an address")
}

#[tokio::test]
async fn two_peers_exchange_whole_frames_and_every_audio_packet() -> Result<()> {
    let mut alice = Peer::new(PeerOptions { seed: 1, ..PeerOptions::default() }).await?;
    let mut bob = Peer::new(PeerOptions { seed: 2, ..PeerOptions::default() }).await?;
    connect(&mut alice, &mut bob, None).await?;
    alice.publish().await?;
    bob.publish().await?;
    for peer in [&alice, &bob] {
        peer.until("forty frames", |report| report.video.complete() >= 40).await?;
    }
    alice.request_keyframe().await?;
    bob.until("keyframe request", |report| report.keyframe_requests_received == 1).await?;
    let report = alice.until("second keyframe", |report| report.video.keyframes() == 2).await?;
    assert_eq!((report.video.missing(), report.video.corrupted), (0, 0), "{report}");
    assert_eq!((report.audio.missing(), report.audio.corrupted), (0, 0), "{report}");
    assert_eq!(report.video.decodable(), report.video.complete());
    assert!(report.audio.packets() > 30 && !report.reports_received.is_empty(), "{report}");
    Ok(())
}

async fn frames_over_a_lossy_link(repair: Repair) -> Result<(Peer, Peer, Proxy)> {
    let mut alice = Peer::new(PeerOptions { seed: 3, repair, ..PeerOptions::default() }).await?;
    let mut bob = Peer::new(PeerOptions { seed: 4, repair, ..PeerOptions::default() }).await?;
    let lossy = LinkConfig { loss: Loss::Random(0.05), ..LinkConfig::default() };
    let config = ProxyConfig { seed: 11, up: lossy.clone(), down: lossy };
    let proxy = connect(&mut alice, &mut bob, Some(&config)).await?.expect("the callee has a candidate");
    alice.publish().await?;
    bob.until("a hundred frames", |report| report.video.packets >= 300).await?;
    alice.stop_publishing().await;
    Ok((alice, bob, proxy))
}

#[tokio::test]
async fn rtx_and_nack_repair_a_lossy_link_and_without_them_frames_are_missing() -> Result<()> {
    for repair in [Repair::Rtx, Repair::Nack] {
        let (alice, bob, proxy) = frames_over_a_lossy_link(repair).await?;
        // The last few frames may be lost for good: nothing after them shows that they are missing.
        let enough = alice.report().frames_sent - 3;
        let report = bob.until("repaired frames", |report| report.video.complete() >= enough).await?;
        assert_eq!(report.video.missing(), 0, "{repair:?}: {report}");
        assert_eq!(report.rtx_received > 0, repair == Repair::Rtx, "{report}");
        assert!(proxy.counters().0.lost > 5 && alice.report().retransmissions_sent > 5);
    }
    let (_alice, bob, _proxy) = frames_over_a_lossy_link(Repair::None).await?;
    assert!(bob.report().video.missing() > 3, "{}", bob.report());
    Ok(())
}
