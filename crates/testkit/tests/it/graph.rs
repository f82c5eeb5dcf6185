//! Media through elements that have no peer.

use crate::stage::{Guest, Stage, seeded};
use anyhow::{Context, Result};
use keel_media::id::ElementId;
use keel_media::{ConnectError, ElementKind, EndpointEvent, Flow, MediaKind, MediaType};
use keel_testkit::peer::{Part, PeerOptions, PeerReport, VideoCodec};

/// Comes to watch and listen.
fn viewer(seed: u64) -> PeerOptions {
    PeerOptions { audio: Part::Receive, video: Part::Receive, ..seeded(seed) }
}

/// Connects each element with the next, in both kinds.
async fn chain(stage: &Stage, elements: &[ElementId]) -> Result<()> {
    for pair in elements.windows(2) {
        for kind in MediaKind::ALL {
            stage.pipeline.connect(pair[0], pair[1], kind.into()).await?;
        }
    }
    Ok(())
}

async fn seat_all<'a>(stage: &Stage, guests: impl IntoIterator<Item = &'a mut Guest>) -> Result<()> {
    for guest in guests {
        stage.seat(guest, None).await?;
        guest.peer.connected().await?;
    }
    Ok(())
}

#[tokio::test]
async fn media_goes_through_two_elements_and_connecting_them_again_interrupts_nothing() -> Result<()> {
    let stage = Stage::new().await?;
    let mut alice = stage.arrive(seeded(201)).await?;
    let mut bob = stage.arrive(viewer(202)).await?;
    let first = stage.pipeline.create_pass_through().await?;
    let second = stage.pipeline.create_pass_through().await?;
    let way = [alice.endpoint.id(), first.id(), second.id(), bob.endpoint.id()];
    chain(&stage, &way).await?;
    seat_all(&stage, [&mut alice, &mut bob]).await?;
    alice.peer.publish().await?;
    let before = bob.peer.until("thirty decodable frames", |r| r.video.decodable() >= 30).await?;
    let asked = alice.peer.report().keyframe_requests_received;

    // A group call of Kurento's connects what is connected.
    for _ in 0..3 {
        chain(&stage, &way).await?;
    }
    let enough = before.video.complete() + 30;
    let report = bob.peer.until("thirty more", |r| r.video.complete() >= enough).await?;
    assert_eq!((report.video.missing(), report.audio.missing()), (0, 0), "{report}");
    assert_eq!(report.video.decodable(), report.video.complete(), "{report}");
    assert_eq!(alice.peer.report().keyframe_requests_received, asked, "nothing began anew");

    let flow = async |element| stage.pipeline.flow(element, MediaType::Video).await;
    assert_eq!(flow(way[0]).await, Some(Flow { incoming: true, outgoing: false }));
    assert_eq!(flow(way[1]).await, Some(Flow { incoming: true, outgoing: true }));
    assert_eq!(flow(way[2]).await, Some(Flow { incoming: true, outgoing: true }));
    assert_eq!(flow(way[3]).await, Some(Flow { incoming: false, outgoing: true }));
    let graph = stage.pipeline.graph().await.context("the pipeline lives")?;
    assert_eq!(graph.edges.len(), 6);
    assert!(graph.edges.iter().all(|edge| edge.flowing && edge.packets >= 60 && edge.bytes > 0), "{graph:?}");
    Ok(())
}

#[tokio::test]
async fn switching_what_an_element_passes_on_switches_all_its_viewers() -> Result<()> {
    let stage = Stage::new().await?;
    let mut alice = stage.arrive(seeded(203)).await?;
    let mut carol = stage.arrive(seeded(204)).await?;
    let mut bob = stage.arrive(viewer(205)).await?;
    let mut dave = stage.arrive(viewer(206)).await?;
    let selector = stage.pipeline.create_pass_through().await?;
    chain(&stage, &[alice.endpoint.id(), selector.id(), bob.endpoint.id()]).await?;
    chain(&stage, &[selector.id(), dave.endpoint.id()]).await?;
    seat_all(&stage, [&mut alice, &mut carol, &mut bob, &mut dave]).await?;
    // Carol is well ahead, so that her frames are told from Alice's by their numbers.
    carol.peer.publish().await?;
    let ahead = carol.peer.until("Carol is ahead", |r| r.frames_sent >= 90).await?;
    assert_eq!(ahead.keyframe_requests_received, 0, "nobody watches her yet");
    alice.peer.publish().await?;
    for guest in [&bob, &dave] {
        guest.peer.until("frames of Alice", |r| r.video.decodable() >= 20).await?;
    }

    chain(&stage, &[carol.endpoint.id(), selector.id()]).await?;
    for guest in [&bob, &dave] {
        let switched = |r: &PeerReport| r.video.last_complete() >= Some(90) && r.video.decodable() >= 50;
        let report = guest.peer.until("frames of Carol", switched).await?;
        // A keyframe of each, and no packet that the viewer had to ask for.
        assert!(report.video.keyframes() >= 2, "{report}");
        assert_eq!(report.nacks_sent, 0, "the stream's numbers go on without a hole: {report}");
        assert!(report.video.last_complete() > Some(alice.peer.report().frames_sent), "{report}");
    }
    assert!(carol.peer.report().keyframe_requests_received >= 1, "{}", carol.peer.report());
    Ok(())
}

#[tokio::test]
async fn sides_without_a_common_codec_are_not_joined_through_an_element_either() -> Result<()> {
    let stage = Stage::new().await?;
    let mut alice = stage.arrive(seeded(207)).await?;
    let mut bob = stage.arrive(PeerOptions { video_codec: VideoCodec::H264, ..viewer(208) }).await?;
    for guest in [&mut alice, &mut bob] {
        stage.seat(guest, None).await?;
    }
    let (first, second) =
        (stage.pipeline.create_pass_through().await?, stage.pipeline.create_pass_through().await?);
    chain(&stage, &[first.id(), second.id(), bob.endpoint.id()]).await?;
    let connect =
        async |kind: MediaKind| stage.pipeline.connect(alice.endpoint.id(), first.id(), kind.into()).await;
    assert_eq!(connect(MediaKind::Video).await, Err(ConnectError::NoCommonCodec(MediaKind::Video)));
    assert_eq!(connect(MediaKind::Audio).await, Ok(()));
    let graph = stage.pipeline.graph().await.context("the pipeline lives")?;
    let of_alice: Vec<_> = graph.edges.iter().filter(|edge| edge.source == alice.endpoint.id()).collect();
    assert!(matches!(of_alice.as_slice(), [edge] if edge.media == MediaType::Audio), "{graph:?}");

    let circle = stage.pipeline.connect(second.id(), first.id(), MediaType::Data).await;
    assert_eq!(circle, Ok(()), "types are separate");
    let circle = stage.pipeline.connect(second.id(), first.id(), MediaType::Audio).await;
    assert_eq!(circle, Err(ConnectError::Cycle));
    Ok(())
}

#[tokio::test]
async fn a_released_element_ends_what_it_carried_and_everything_goes_with_the_pipeline() -> Result<()> {
    let stage = Stage::new().await?;
    let mut alice = stage.arrive(seeded(209)).await?;
    let mut bob = stage.arrive(viewer(210)).await?;
    let first = stage.pipeline.create_pass_through().await?;
    let second = stage.pipeline.create_pass_through().await?;
    chain(&stage, &[alice.endpoint.id(), first.id(), second.id(), bob.endpoint.id()]).await?;
    seat_all(&stage, [&mut alice, &mut bob]).await?;
    alice.peer.publish().await?;
    bob.peer.until("ten frames", |r| r.video.complete() >= 10 && r.audio.packets() >= 10).await?;

    let (gone, viewer) = (first.id(), bob.endpoint.id());
    first.release().await;
    assert_eq!(stage.pipeline.flow(gone, MediaType::Video).await, None);
    stage
        .until("the end of the flow", |events| {
            MediaKind::ALL.into_iter().all(|kind| {
                let ended = EndpointEvent::MediaFlowingOut { kind, flowing: false };
                events.iter().any(|e| e.endpoint == viewer && e.event == ended)
            })
        })
        .await?;
    assert_eq!(stage.pipeline.flow(second.id(), MediaType::Video).await, Some(Flow::default()));
    let graph = stage.pipeline.graph().await.context("the pipeline lives")?;
    assert_eq!(graph.elements.iter().filter(|e| e.kind == ElementKind::PassThrough).count(), 1);
    assert_eq!(graph.edges.len(), 2, "from the other element to Bob: {graph:?}");

    let Stage { server, pipeline, .. } = stage;
    pipeline.release().await;
    alice.peer.dismissed().await?;
    let after = server.snapshot().await;
    assert_eq!((after.pipelines, after.endpoints, after.sessions), (0, 0, 0));
    Ok(())
}
