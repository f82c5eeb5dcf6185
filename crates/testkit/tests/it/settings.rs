//! What an endpoint can be told while it lives, and what it tells in turn.

use crate::stage::{Guest, Stage, seeded};
use anyhow::Result;
use keel_media::rtp::Bitrate;
use keel_media::{
    ConnectionState, Dscp, EndpointEvent, EndpointOptions, EndpointSettings, KeyframeError, MediaKind,
    OfferDirection, OfferOptions, StreamStats,
};
use keel_testkit::peer::{Part, Peer, PeerOptions};

fn kbps(kilobits: u64) -> Option<Bitrate> {
    Some(Bitrate::bps(kilobits * 1_000))
}

/// Waits until the guest's peer has been told to send at most this much.
async fn is_told(guest: &Guest, kilobits: u64) -> Result<()> {
    let what = format!("REMB of {kilobits} kbit/s");
    guest.peer.until(&what, |r| r.bitrate_estimate == Some(kilobits * 1_000)).await?;
    Ok(())
}

#[tokio::test]
async fn limits_reach_the_publisher_as_remb_and_follow_settings_and_connections() -> Result<()> {
    let stage = Stage::new().await?;
    let [alice, bob] = stage.call([seeded(31), seeded(32)], [None, None]).await?;
    let owner = EndpointSettings { video_receive_max: kbps(800), ..EndpointSettings::default() };
    alice.endpoint.configure(owner).await;
    is_told(&alice, 800).await?;
    alice.peer.until("feedback for her own estimate", |r| r.transport_feedback_received > 0).await?;

    let slow = EndpointSettings { video_send_max: kbps(300), ..EndpointSettings::default() };
    bob.endpoint.configure(slow).await;
    is_told(&alice, 300).await?;

    let watcher = PeerOptions { audio: Part::Receive, video: Part::Receive, ..seeded(33) };
    let mut carol = stage.arrive(watcher).await?;
    alice.endpoint.connect(&carol.endpoint, MediaKind::Video).await?;
    stage.seat(&mut carol, None).await?;
    is_told(&alice, 800).await?;

    alice.endpoint.disconnect(&carol.endpoint, MediaKind::Video).await?;
    is_told(&alice, 300).await?;
    let stats = alice.endpoint.stats().await.expect("the endpoint exists");
    assert_eq!(video(&stats.incoming).remb, kbps(300));
    assert_eq!(bob.peer.report().bitrate_estimate, None, "nobody limits what bob sends");
    Ok(())
}

fn video(streams: &[StreamStats]) -> &StreamStats {
    streams.iter().find(|stream| stream.kind == MediaKind::Video).expect("there is video")
}

#[tokio::test]
async fn an_endpoint_tells_when_media_comes_and_when_its_peer_has_left() -> Result<()> {
    let stage = Stage::new().await?;
    let [alice, bob] = stage.call([seeded(34), seeded(35)], [None, None]).await?;
    bob.peer.until("a call under way", |r| r.video.complete() >= 10).await?;
    let id = alice.endpoint.id();
    alice.peer.close().await?;
    let events = stage
        .until("the end of alice's media", |events| {
            let gone = EndpointEvent::Media(ConnectionState::Disconnected);
            events.iter().any(|e| e.endpoint == id && e.event == gone)
        })
        .await?;
    let told: Vec<_> = events
        .into_iter()
        .filter(|e| e.endpoint == id)
        .filter_map(|e| match e.event {
            EndpointEvent::Media(state) => Some(state),
            _ => None,
        })
        .collect();
    assert_eq!(told, [ConnectionState::Connected, ConnectionState::Disconnected]);
    Ok(())
}

#[tokio::test]
async fn statistics_tell_the_rate_and_on_request_the_latency() -> Result<()> {
    let stage = Stage::new().await?;
    let [_alice, bob] = stage.call([seeded(36), seeded(37)], [None, None]).await?;
    assert_eq!(bob.endpoint.stats().await.expect("the endpoint exists").latency, []);
    bob.endpoint.configure(EndpointSettings { latency_stats: true, ..EndpointSettings::default() }).await;
    let before = bob.peer.report().video.complete();
    bob.peer.until("four seconds of video", |r| r.video.complete() >= before + 120).await?;
    let stats = bob.endpoint.stats().await.expect("the endpoint exists");
    let outgoing = video(&stats.outgoing);
    let rate = outgoing.bitrate.expect("video has been sent for seconds").as_bps();
    let sent = outgoing.bytes * 8;
    assert!(rate > sent / 20 && rate < sent, "{rate} bit/s of {sent} bits in all");
    for kind in MediaKind::ALL {
        let found = stats.latency.iter().find(|(of, _)| *of == kind);
        let (_, average) = found.expect("both kinds were sent");
        assert!(!average.is_zero() && average.as_secs() == 0, "{kind}: {average:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_keyframe_can_be_asked_for_once_somebody_receives() -> Result<()> {
    let stage = Stage::new().await?;
    let mut alone = stage.arrive(seeded(38)).await?;
    stage.seat(&mut alone, None).await?;
    assert_eq!(alone.endpoint.request_keyframe().await, Err(KeyframeError::NoVideo));

    let [alice, bob] = stage.call([seeded(39), seeded(40)], [None, None]).await?;
    let asked = alice.peer.until("some frames", |r| r.frames_sent >= 20).await?.keyframe_requests_received;
    alice.endpoint.request_keyframe().await?;
    let report = alice.peer.until("a request", |r| r.keyframe_requests_received > asked).await?;
    let keyframes = report.keyframes_sent;
    alice.peer.until("another keyframe", |r| r.keyframes_sent > keyframes).await?;
    bob.peer.until("another keyframe", |r| r.video.keyframes() > 1).await?;
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_only_sends_offers_that_and_marks_its_packets() -> Result<()> {
    let stage = Stage::new().await?;
    let [alice, _bob] = stage.call([seeded(41), seeded(42)], [None, None]).await?;
    let options = EndpointOptions {
        offer_direction: OfferDirection::SendOnly,
        dscp: Dscp::new(46),
        ..EndpointOptions::default()
    };
    let endpoint = stage.pipeline.create_webrtc_endpoint(options).await?;
    let offer = endpoint.generate_offer(OfferOptions { audio: false, ..OfferOptions::default() }).await?;
    assert!(offer.contains("a=sendonly") && !offer.contains("m=audio"), "{offer}");
    let watcher = PeerOptions { audio: Part::None, video: Part::None, ..seeded(43) };
    let peer = Peer::new(watcher).await?;
    endpoint.process_answer(&peer.answer(&offer).await?).await?;
    alice.endpoint.connect(&endpoint, MediaKind::Video).await?;
    let mut carol = Guest { peer, endpoint, answer: offer, proxy: None };
    stage.exchange_candidates(&mut carol, None).await?;
    carol.peer.until("decodable video", |r| r.video.decodable() >= 20).await?;
    assert_eq!(carol.endpoint.stats().await.expect("the endpoint exists").incoming.len(), 0);
    Ok(())
}
