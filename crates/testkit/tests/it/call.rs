//! A call between two peers through Keel.

use crate::stage::{Guest, Stage, config, seeded, until_snapshot};
use anyhow::Result;
use keel_media::{ConnectionState, EndpointEvent, EndpointOptions, MediaKind, MediaServer, OfferOptions};
use keel_testkit::peer::{Part, Peer, PeerOptions};

#[tokio::test]
async fn audio_and_video_go_both_ways_and_nothing_is_missing() -> Result<()> {
    let stage = Stage::new().await?;
    let [alice, bob] = stage.call([seeded(1), seeded(2)], [None, None]).await?;
    for guest in [&alice, &bob] {
        let report =
            guest.peer.until("sixty frames", |r| r.video.complete() >= 60 && r.audio.packets() >= 60).await?;
        assert_eq!((report.video.missing(), report.video.corrupted), (0, 0), "{report}");
        assert_eq!((report.audio.missing(), report.audio.corrupted), (0, 0), "{report}");
        assert_eq!(report.video.decodable(), report.video.complete(), "{report}");

        let stats = guest.endpoint.stats().await.expect("the endpoint exists");
        let profile = stats.srtp_profile.expect("media flows, so keys are agreed");
        assert!(profile.contains("GCM"), "{profile}");
        for streams in [&stats.incoming, &stats.outgoing] {
            for kind in MediaKind::ALL {
                let packets: u64 = streams.iter().filter(|s| s.kind == kind).map(|s| s.packets).sum();
                assert!(packets >= 60, "{kind}: {streams:?}");
            }
        }
    }
    let id = alice.endpoint.id();
    stage
        .until("connection and flowing media", |events| {
            let has = |event| events.iter().any(|e| e.endpoint == id && e.event == event);
            has(EndpointEvent::Connection(ConnectionState::Connected))
                && MediaKind::ALL.into_iter().all(|kind| {
                    has(EndpointEvent::MediaFlowingIn { kind, flowing: true })
                        && has(EndpointEvent::MediaFlowingOut { kind, flowing: true })
                })
        })
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_peer_in_loopback_sees_itself() -> Result<()> {
    let stage = Stage::new().await?;
    let mut guest = stage.arrive(seeded(3)).await?;
    for kind in MediaKind::ALL {
        guest.endpoint.connect(&guest.endpoint, kind).await?;
    }
    stage.seat(&mut guest, None).await?;
    guest.peer.connected().await?;
    guest.peer.publish().await?;
    let report = guest.peer.until("forty frames", |r| r.video.complete() >= 40).await?;
    assert_eq!((report.video.missing(), report.audio.missing()), (0, 0), "{report}");
    Ok(())
}

#[tokio::test]
async fn keel_offers_and_the_peer_answers() -> Result<()> {
    let stage = Stage::new().await?;
    let endpoint = stage.pipeline.create_webrtc_endpoint(EndpointOptions::default()).await?;
    let offer = endpoint.generate_offer(OfferOptions::default()).await?;
    let peer = Peer::new(seeded(4)).await?;
    endpoint.process_answer(&peer.answer(&offer).await?).await?;
    for kind in MediaKind::ALL {
        endpoint.connect(&endpoint, kind).await?;
    }
    let mut guest = Guest { peer, endpoint, answer: offer, proxy: None };
    stage.exchange_candidates(&mut guest, None).await?;
    guest.peer.connected().await?;
    guest.peer.publish().await?;
    let report = guest.peer.until("forty frames", |r| r.video.complete() >= 40).await?;
    assert_eq!((report.video.missing(), report.audio.missing()), (0, 0), "{report}");
    Ok(())
}

#[tokio::test]
async fn whoever_joins_late_is_given_a_keyframe() -> Result<()> {
    let stage = Stage::new().await?;
    let [alice, bob] = stage.call([seeded(5), seeded(6)], [None, None]).await?;
    bob.peer.until("a call under way", |r| r.video.complete() >= 30).await?;

    let watcher = PeerOptions { audio: Part::Receive, video: Part::Receive, ..seeded(7) };
    let mut carol = stage.arrive(watcher).await?;
    for kind in MediaKind::ALL {
        alice.endpoint.connect(&carol.endpoint, kind).await?;
    }
    stage.seat(&mut carol, None).await?;
    let report = carol.peer.until("thirty decodable frames", |r| r.video.decodable() >= 30).await?;
    assert!(report.video.keyframes() >= 1 && report.video.first_timestamp.is_some_and(|(n, _)| n >= 30));
    assert!(alice.peer.report().keyframe_requests_received >= 1, "{}", alice.peer.report());
    // Bob, who was there before, loses nothing by it.
    assert_eq!(bob.peer.report().video.missing(), 0);
    Ok(())
}

#[tokio::test]
async fn endpoints_can_be_connected_after_both_are_negotiated() -> Result<()> {
    let stage = Stage::new().await?;
    let mut alice = stage.arrive(seeded(8)).await?;
    let mut bob = stage.arrive(seeded(9)).await?;
    for guest in [&mut alice, &mut bob] {
        stage.seat(guest, None).await?;
        guest.peer.connected().await?;
        guest.peer.publish().await?;
    }
    assert_eq!(bob.peer.report().video.packets, 0, "nothing is connected yet");
    for kind in MediaKind::ALL {
        alice.endpoint.connect(&bob.endpoint, kind).await?;
    }
    let report = bob.peer.until("thirty decodable frames", |r| r.video.decodable() >= 30).await?;
    assert_eq!(report.video.missing(), 0, "{report}");
    assert_eq!(alice.peer.report().video.packets, 0, "the other direction is not connected");
    Ok(())
}

#[tokio::test]
async fn disconnecting_one_kind_stops_that_kind_only() -> Result<()> {
    let stage = Stage::new().await?;
    let [alice, bob] = stage.call([seeded(10), seeded(11)], [None, None]).await?;
    bob.peer.until("a call under way", |r| r.video.complete() >= 20 && r.audio.packets() >= 20).await?;
    alice.endpoint.disconnect(&bob.endpoint, MediaKind::Video).await?;

    // What was sent before arrives within a few audio packets; a second later there is no more.
    let heard = bob.peer.report().audio.packets();
    let soon = bob.peer.until("more audio", |r| r.audio.packets() >= heard + 5).await?;
    let later = bob.peer.until("a second of audio", |r| r.audio.packets() >= heard + 55).await?;
    assert_eq!(later.video.packets, soon.video.packets, "{later}");

    alice.endpoint.connect(&bob.endpoint, MediaKind::Video).await?;
    let before = later.video.complete();
    bob.peer.until("video again", |r| r.video.complete() >= before + 20).await?;
    Ok(())
}

#[tokio::test]
async fn releasing_frees_everything_and_peers_are_told() -> Result<()> {
    let stage = Stage::new().await?;
    let [alice, bob] = stage.call([seeded(12), seeded(13)], [None, None]).await?;
    bob.peer.until("a call under way", |r| r.video.complete() >= 10).await?;
    let running = stage.server.snapshot().await;
    assert_eq!((running.pipelines, running.endpoints, running.sessions), (1, 2, 2));

    // One endpoint first, by its own handle; the other goes with the pipeline.
    alice.endpoint.release().await;
    alice.peer.dismissed().await?;
    let Stage { server, pipeline, .. } = stage;
    assert_eq!(server.snapshot().await.sessions, 1);
    pipeline.release().await;
    bob.peer.dismissed().await?;
    let after = server.snapshot().await;
    assert_eq!((after.pipelines, after.endpoints, after.sessions), (0, 0, 0));
    assert!(bob.endpoint.stats().await.is_none());
    Ok(())
}

#[tokio::test]
async fn dropping_the_handles_is_enough_to_free_everything() -> Result<()> {
    let stage = Stage::new().await?;
    let server = stage.server.clone();
    let guests = stage.call([seeded(14), seeded(15)], [None, None]).await?;
    drop(guests);
    drop(stage);
    until_snapshot(&server, "empty server", |s| (s.pipelines, s.endpoints, s.sessions) == (0, 0, 0)).await?;
    Ok(())
}

#[tokio::test]
async fn pipelines_are_spread_over_two_workers_and_calls_run_on_both() -> Result<()> {
    let server = MediaServer::start(config(2))?;
    let first = Stage::on(server.clone()).await?;
    let second = Stage::on(server.clone()).await?;
    let one = first.call([seeded(16), seeded(17)], [None, None]).await?;
    let other = second.call([seeded(18), seeded(19)], [None, None]).await?;
    assert_ne!(first.media_address()?, second.media_address()?, "each worker has its own port");
    for guest in one.iter().chain(&other) {
        let report = guest.peer.until("forty frames", |r| r.video.complete() >= 40).await?;
        assert_eq!((report.video.missing(), report.audio.missing()), (0, 0), "{report}");
    }
    let running = server.snapshot().await;
    assert_eq!((running.pipelines, running.sessions), (2, 4));
    server.stop().await;
    for guest in one.iter().chain(&other) {
        guest.peer.dismissed().await?;
    }
    Ok(())
}
