//! Pipelines whose guests are on different workers: each next guest is on the next one.

use crate::stage::{Guest, Stage, config, drops, seeded, until_snapshot};
use anyhow::{Context, Result};
use keel_media::forward::DropReason;
use keel_media::{
    EndpointOptions, MediaConfig, MediaKind, MediaServer, MediaType, NegotiationError, Placement,
};
use keel_testkit::peer::{Part, PeerMessage, PeerOptions, PeerReport, VideoCodec};

/// Comes to watch and listen.
fn viewer(seed: u64) -> PeerOptions {
    PeerOptions { audio: Part::Receive, video: Part::Receive, ..seeded(seed) }
}

async fn watch(source: &Guest, sink: &Guest) -> Result<()> {
    for kind in MediaKind::ALL {
        source.endpoint.connect(&sink.endpoint, kind).await?;
    }
    Ok(())
}

async fn sit(stage: &Stage, guest: &mut Guest) -> Result<()> {
    stage.seat(guest, None).await?;
    guest.peer.connected().await
}

#[tokio::test]
async fn a_call_between_two_workers_goes_both_ways_and_leaves_nothing_behind() -> Result<()> {
    let stage = Stage::apart(2).await?;
    let [alice, bob] = stage.call([seeded(1), seeded(2)], [None, None]).await?;
    for guest in [&alice, &bob] {
        let report =
            guest.peer.until("sixty frames", |r| r.video.complete() >= 60 && r.audio.packets() >= 60).await?;
        assert_eq!((report.video.missing(), report.video.corrupted), (0, 0), "{report}");
        assert_eq!((report.audio.missing(), report.audio.corrupted), (0, 0), "{report}");
        assert_eq!(report.video.decodable(), report.video.complete(), "{report}");
        assert_eq!(report.nacks_sent, 0, "{report}");
        for media in [MediaType::Audio, MediaType::Video] {
            let flow = stage.pipeline.flow(guest.endpoint.id(), media).await.context("it lives")?;
            assert!(flow.incoming && flow.outgoing, "{flow:?}");
        }
    }
    let running = stage.server.snapshot().await;
    assert_eq!((running.pipelines, running.sessions, running.relays), (1, 2, 4), "both kinds, both ways");
    assert_eq!(drops(&running, DropReason::RelayOverrun), 0);
    let graph = stage.pipeline.graph().await.context("the pipeline lives")?;
    let workers: Vec<_> = graph.elements.iter().map(|element| element.worker).collect();
    assert_eq!(workers, [0, 1]);
    assert!(graph.edges.iter().all(|edge| edge.flowing && edge.packets >= 60), "{graph:?}");
    let [survey] = &stage.server.survey(None, 10).await[..] else { panic!("one pipeline") };
    assert!(survey.elements.iter().all(|element| element.stats.is_some()), "{survey:?}");

    // One by its own handle, the other with the pipeline.
    bob.endpoint.release().await;
    bob.peer.dismissed().await?;
    let Stage { server, pipeline, .. } = stage;
    let left = until_snapshot(&server, "no relay", |s| s.relays == 0).await?;
    assert_eq!((left.sessions, left.endpoints), (1, 1));
    pipeline.release().await;
    alice.peer.dismissed().await?;
    let after = server.snapshot().await;
    assert_eq!((after.pipelines, after.endpoints, after.sessions), (0, 0, 0));
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn one_source_is_relayed_once_to_each_worker_however_many_watch_there() -> Result<()> {
    let stage = Stage::apart(3).await?;
    let mut alice = stage.arrive(PeerOptions { audio: Part::None, ..seeded(11) }).await?;
    let mut viewers = Vec::new();
    for seed in 12..18 {
        let mut guest = stage.arrive(PeerOptions { audio: Part::None, ..viewer(seed) }).await?;
        alice.endpoint.connect(&guest.endpoint, MediaKind::Video).await?;
        sit(&stage, &mut guest).await?;
        viewers.push(guest);
    }
    sit(&stage, &mut alice).await?;
    alice.peer.publish().await?;
    for guest in &viewers {
        guest.peer.until("fifty decodable frames", |r| r.video.decodable() >= 50).await?;
    }
    let sent = alice.peer.stop_publishing().await;
    for guest in &viewers {
        let report = guest.peer.until("every frame", |r| r.video.complete() == sent.frames_sent).await?;
        assert_eq!((report.video.missing(), report.nacks_sent), (0, 0), "{report}");
    }
    let stats = alice.endpoint.stats().await.context("it lives")?;
    let packets: u64 = stats.incoming.iter().map(|stream| stream.packets).sum();
    let counted = stage.server.snapshot().await;
    assert_eq!(counted.relays, 2, "two viewers are with Alice, two on each of the other workers");
    assert_eq!(counted.relayed, 2 * packets);
    assert!(counted.forwarded >= 6 * packets, "and what probes the paths of the viewers: {counted:?}");
    Ok(())
}

#[tokio::test]
async fn whoever_joins_late_on_another_worker_is_given_a_keyframe_and_nobody_loses_by_it() -> Result<()> {
    let stage = Stage::apart(2).await?;
    let [alice, bob] = stage.call([seeded(21), seeded(22)], [None, None]).await?;
    bob.peer.until("a call under way", |r| r.video.complete() >= 30).await?;
    let asked = alice.peer.report().keyframe_requests_received;

    // The next worker is Alice's own, the one after it Bob's, which has her video already.
    let mut here = stage.arrive(viewer(23)).await?;
    let mut there = stage.arrive(viewer(24)).await?;
    for guest in [&mut here, &mut there] {
        watch(&alice, guest).await?;
        sit(&stage, guest).await?;
        let report = guest.peer.until("thirty decodable frames", |r| r.video.decodable() >= 30).await?;
        assert!(report.video.first_timestamp.is_some_and(|(number, _)| number >= 30), "{report}");
    }
    let asked = alice.peer.report().keyframe_requests_received - asked;
    // Each joined twice over: when it was connected, and when its transport came up.
    assert!((1..=6).contains(&asked), "{asked} requests for two viewers");
    assert_eq!(bob.peer.report().video.missing(), 0);
    Ok(())
}

#[tokio::test]
async fn a_viewer_goes_from_one_worker_s_source_to_another_s_and_back_on_one_stream() -> Result<()> {
    let stage = Stage::apart(3).await?;
    let mut alice = stage.arrive(seeded(31)).await?;
    let mut carol = stage.arrive(seeded(32)).await?;
    let mut bob = stage.arrive(viewer(33)).await?;
    watch(&alice, &bob).await?;
    for guest in [&mut alice, &mut carol, &mut bob] {
        sit(&stage, guest).await?;
    }
    carol.peer.publish().await?;
    carol.peer.until("Carol is ahead", |r| r.frames_sent >= 150).await?;
    alice.peer.publish().await?;
    bob.peer.until("frames of Alice", |r| r.video.decodable() >= 20).await?;
    watch(&carol, &bob).await?;
    let of_carol = |r: &PeerReport| r.video.last_complete() >= Some(150) && r.video.decodable() >= 40;
    bob.peer.until("frames of Carol", of_carol).await?;
    watch(&alice, &bob).await?;
    let enough = bob.peer.report().video.complete() + 30;
    let report = bob.peer.until("frames of Alice again", |r| r.video.complete() >= enough).await?;
    assert_eq!(report.nacks_sent, 0, "the stream's numbers go on without a hole: {report}");
    let events = stage.until("the events so far", |_| true).await?;
    let ended = events.iter().filter(|e| {
        let flow = keel_media::EndpointEvent::MediaFlowingOut { kind: MediaKind::Video, flowing: false };
        e.endpoint == bob.endpoint.id() && e.event == flow
    });
    assert_eq!(ended.count(), 0, "a switch is not the end of the flow");
    let relays = until_snapshot(&stage.server, "one source left", |s| s.relays == 2).await?;
    assert_eq!(relays.sessions, 3);

    alice.endpoint.disconnect(&bob.endpoint, MediaKind::Video).await?;
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
async fn messages_of_data_channels_reach_the_other_worker_in_order() -> Result<()> {
    let stage = Stage::apart(2).await?;
    let talker = |seed| PeerOptions {
        audio: Part::None,
        video: Part::None,
        channels: vec!["chat".to_owned()],
        ..seeded(seed)
    };
    let mut alice = stage.arrive(talker(41)).await?;
    let mut bob = stage.arrive(talker(42)).await?;
    alice.endpoint.connect(&bob.endpoint, MediaType::Data).await?;
    bob.endpoint.connect(&alice.endpoint, MediaType::Data).await?;
    for guest in [&mut alice, &mut bob] {
        stage.seat(guest, None).await?;
        guest.peer.until("an open channel", |report| report.channel("chat").opened == 1).await?;
    }
    let said: Vec<_> = (0..20).map(|number| PeerMessage::Text(format!("message {number}"))).collect();
    for (from, to) in [(&alice, &bob), (&bob, &alice)] {
        for message in &said {
            from.peer.send("chat", message).await?;
        }
        let report = to.peer.until("all of it", |report| report.channel("chat").messages == 20).await?;
        assert_eq!(report.channel("chat").first, said);
    }
    alice.endpoint.disconnect(&bob.endpoint, MediaType::Data).await?;
    alice.peer.send("chat", &PeerMessage::Text("to nobody".to_owned())).await?;
    bob.peer.send("chat", &PeerMessage::Text("to Alice".to_owned())).await?;
    alice.peer.until("one more", |report| report.channel("chat").messages == 21).await?;
    assert_eq!(bob.peer.report().channel("chat").messages, 20);
    Ok(())
}

#[tokio::test]
async fn both_offers_set_before_either_answer_agree_across_workers() -> Result<()> {
    let stage = Stage::apart(2).await?;
    let alice = stage.arrive(seeded(51)).await?;
    let bob = stage.arrive(PeerOptions { video_codec: VideoCodec::H264, ..seeded(52) }).await?;
    for kind in MediaKind::ALL {
        alice.endpoint.connect(&bob.endpoint, kind).await?;
    }
    // Alice's answer would list VP8 alone, which Bob does not accept; and Bob's the other way round.
    for guest in [&alice, &bob] {
        let refused = guest.endpoint.create_answer().await;
        assert_eq!(refused, Err(NegotiationError::NoCommonCodec(MediaKind::Video)));
    }
    alice.endpoint.disconnect(&bob.endpoint, MediaKind::Video).await?;
    for guest in [&alice, &bob] {
        guest.endpoint.create_answer().await?;
    }
    let joined = alice.endpoint.connect(&bob.endpoint, MediaKind::Video).await;
    assert_eq!(joined, Err(keel_media::ConnectError::NoCommonCodec(MediaKind::Video)));
    Ok(())
}

#[tokio::test]
async fn whatever_is_released_while_it_is_being_joined_leaves_no_trace_on_any_worker() -> Result<()> {
    let server = MediaServer::start(MediaConfig { placement: Placement::Spread, ..config(3) })?;
    for round in 0..100 {
        let (pipeline, _events) = server.create_pipeline().await?;
        let mut endpoints = Vec::new();
        for _ in 0..3 {
            endpoints.push(pipeline.create_webrtc_endpoint(EndpointOptions::default()).await?);
        }
        let ids: Vec<_> = endpoints.iter().map(keel_media::WebRtcEndpoint::id).collect();
        let joining = async {
            for source in &ids {
                for sink in &ids {
                    // One of the two may be gone by now.
                    let _ = pipeline.connect(*source, *sink, MediaType::Video).await;
                }
            }
        };
        let releasing = async {
            for endpoint in endpoints {
                if round % 2 == 0 { drop(endpoint) } else { endpoint.release().await }
            }
        };
        tokio::join!(joining, releasing);
        pipeline.release().await;
        let after = server.snapshot().await;
        assert_eq!((after.pipelines, after.endpoints, after.sessions, after.relays), (0, 0, 0, 0));
    }
    server.stop().await;
    Ok(())
}
