//! Bridges between pipelines: what goes into one is seen in the other, wherever the peers of both live.

use crate::stage::{Guest, Stage, seeded, until_snapshot};
use anyhow::Result;
use keel_media::{
    Bridge, ConnectError, CreateError, EndpointEvent, MediaKind, MediaServer, MediaSnapshot, NegotiationError,
};
use keel_testkit::peer::{Part, PeerOptions, VideoCodec};

fn viewer(seed: u64) -> PeerOptions {
    PeerOptions { audio: Part::Receive, video: Part::Receive, ..seeded(seed) }
}

/// Puts a guest's media into a bridge.
async fn enter(stage: &Stage, guest: &Guest, bridge: &Bridge) -> Result<(), ConnectError> {
    for kind in MediaKind::ALL {
        stage.pipeline.connect(guest.endpoint.id(), bridge.entry(), kind.into()).await?;
    }
    Ok(())
}

/// Gives a guest what comes out of a bridge.
async fn leave(stage: &Stage, bridge: &Bridge, guest: &Guest) -> Result<(), ConnectError> {
    for kind in MediaKind::ALL {
        stage.pipeline.connect(bridge.exit(), guest.endpoint.id(), kind.into()).await?;
    }
    Ok(())
}

async fn seat(stage: &Stage, guest: &mut Guest) -> Result<()> {
    stage.seat(guest, None).await?;
    guest.peer.connected().await
}

/// Whole frames in unbroken numbers, from a keyframe on.
async fn plays(guest: &Guest, frames: u32) -> Result<()> {
    let enough = guest.peer.report().video.complete() + frames;
    let seen =
        guest.peer.until("picture and sound", |r| r.video.complete() >= enough && r.audio.packets() > 10);
    let report = seen.await?;
    anyhow::ensure!(report.video.corrupted == 0 && report.video.blind_frames() == 0, "{report}");
    Ok(())
}

fn is_empty(snapshot: &MediaSnapshot) -> bool {
    (snapshot.pipelines, snapshot.sessions, snapshot.relays) == (0, 0, 0)
}

async fn cross(first: &Stage, second: &Stage) -> Result<()> {
    let bridge = Bridge::open(&first.pipeline.address(), &second.pipeline.address()).await?;
    let mut alice = first.arrive(seeded(901)).await?;
    let mut carol = first.arrive(seeded(902)).await?;
    let mut bob = second.arrive(viewer(903)).await?;
    let mut dave = second.arrive(viewer(904)).await?;
    // Before anything comes, and while it does.
    leave(second, &bridge, &bob).await?;
    seat(second, &mut bob).await?;
    enter(first, &alice, &bridge).await?;
    for guest in [&mut alice, &mut carol] {
        seat(first, guest).await?;
        guest.peer.publish().await?;
    }
    plays(&bob, 20).await?;
    leave(second, &bridge, &dave).await?;
    seat(second, &mut dave).await?;
    plays(&dave, 20).await?;

    // Another one goes in: on the same streams.
    let asked = carol.peer.report().keyframe_requests_received;
    enter(first, &carol, &bridge).await?;
    plays(&bob, 90).await?;
    anyhow::ensure!(carol.peer.report().keyframe_requests_received > asked, "the wish crossed the bridge");

    // The exit is no element of the first pipeline, which may not even know it.
    let refused = first.pipeline.connect(bridge.exit(), bridge.entry(), MediaKind::Video.into()).await;
    anyhow::ensure!(matches!(refused, Err(ConnectError::ForeignPipeline | ConnectError::Released)));
    bridge.release().await;
    let before = dave.peer.report().video.packets;
    let after = carol.peer.report().frames_sent + 15;
    carol.peer.until("half a second more", |r| r.frames_sent >= after).await?;
    anyhow::ensure!(dave.peer.report().video.packets <= before + 20, "nothing comes through any more");
    Ok(())
}

#[tokio::test]
async fn what_goes_in_comes_out_in_another_pipeline_and_can_be_switched() -> Result<()> {
    let first = Stage::new().await?;
    let second = Stage::on(first.server.clone()).await?;
    cross(&first, &second).await?;
    let server = first.server.clone();
    drop((first, second));
    until_snapshot(&server, "the end of all", is_empty).await?;
    Ok(())
}

#[tokio::test]
async fn it_does_so_between_workers_too() -> Result<()> {
    // Four workers, so that homes, sources and sinks are all apart.
    let first = Stage::apart(4).await?;
    let second = Stage::on(first.server.clone()).await?;
    cross(&first, &second).await?;
    let server = first.server.clone();
    drop((first, second));
    until_snapshot(&server, "the end of all", is_empty).await?;
    Ok(())
}

#[tokio::test]
async fn an_answer_on_the_far_side_lists_what_comes_over() -> Result<()> {
    for workers in [1, 3] {
        let first = Stage::apart(workers).await?;
        let second = Stage::on(first.server.clone()).await?;
        let bridge = Bridge::open(&first.pipeline.address(), &second.pipeline.address()).await?;
        let mut alice = first.arrive(seeded(905)).await?;
        enter(&first, &alice, &bridge).await?;
        seat(&first, &mut alice).await?;
        let h264 = PeerOptions { video_codec: VideoCodec::H264, ..viewer(906) };
        let bob = second.arrive(h264).await?;
        leave(&second, &bridge, &bob).await?;
        let refused = bob.endpoint.create_answer().await;
        anyhow::ensure!(
            refused == Err(NegotiationError::NoCommonCodec(MediaKind::Video)),
            "with {workers} workers: {refused:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_pipeline_that_goes_leaves_the_other_one_with_an_end_that_says_so() -> Result<()> {
    for goes_first in [true, false] {
        let server: MediaServer = Stage::apart(2).await?.server.clone();
        let first = Stage::on(server.clone()).await?;
        let second = Stage::on(server.clone()).await?;
        let bridge = Bridge::open(&first.pipeline.address(), &second.pipeline.address()).await?;
        let ends = [bridge.entry(), bridge.exit()];
        let (gone, left) = if goes_first { (first, second) } else { (second, first) };
        let address = gone.pipeline.address();
        drop(gone);
        left.until("the end of the bridge", |events| {
            events.iter().any(|e| ends.contains(&e.endpoint) && e.event == EndpointEvent::BridgeEnded)
        })
        .await?;
        let late = Bridge::open(&address, &left.pipeline.address()).await;
        anyhow::ensure!(late.err() == Some(CreateError::Released));
        drop((bridge, left));
        until_snapshot(&server, "the end of all", is_empty).await?;
    }
    Ok(())
}
