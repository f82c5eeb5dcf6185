//! Rooms and livestreams through the real binary: a stream shown in a room, a participant presenting one.

use crate::live::{FRAMES, SOURCES, Studio, plays};
use anyhow::{Context, Result, ensure};
use keel_testkit::live::LiveSeat;
use keel_testkit::room::{RoomSeat, Source};
use keel_testkit::server::group_call_url;
use keel_testkit::signaling::Trust;
use serde_json::{Value, json};

async fn arrive(studio: &Studio, name: &str, seed: u64) -> Result<RoomSeat> {
    RoomSeat::join(&group_call_url(studio.server.url()), &Trust::Nobody, "harbour", name, seed).await
}

/// Waits until one stream of each kind has brought so much more than it had, whole.
async fn sees_and_hears(seat: &mut RoomSeat, frames: u32) -> Result<()> {
    let count = |seat: &RoomSeat| {
        let report = seat.received();
        let pictures: u32 = report.streams.values().map(|stream| stream.video.complete()).sum();
        let sounds: u32 = report.streams.values().map(|stream| stream.audio.packets()).sum();
        (pictures, sounds)
    };
    let (pictures, sounds) = count(seat);
    let enough = |seat: &RoomSeat| count(seat).0 >= pictures + frames && count(seat).1 >= sounds + 10;
    seat.until("the stream's picture and sound", enough).await?;
    let report = seat.received();
    ensure!(report.streams.values().all(|stream| stream.video.corrupted == 0), "{report}");
    Ok(())
}

async fn hears(seat: &mut RoomSeat, id: &str) -> Result<Value> {
    seat.until(id, |seat| seat.heard().any(|message| message["id"] == id)).await?;
    seat.heard().find(|message| message["id"] == id).cloned().context("it was heard")
}

#[tokio::test]
async fn a_stream_by_whip_is_seen_and_heard_by_everybody_in_a_room() -> Result<()> {
    for workers in [1, 2] {
        let studio = Studio::open(workers, &["--placement=spread", "--live-viewers-wait-s=0"])?;
        let presenter = LiveSeat::publish(&studio.http, "tide", 2100, &SOURCES).await?;
        let mut ann = arrive(&studio, "ann", 2200).await?;
        let mut ben = arrive(&studio, "ben", 2300).await?;
        let refused = ann.ask(json!({"id": "showStream", "stream": "ebb"})).await?;
        ensure!(refused["code"] == "unknownStream", "{refused}");
        let shown = ann.ask(json!({"id": "showStream", "stream": "tide"})).await?;
        ensure!(shown["id"] == "streamShown", "{shown}");
        sees_and_hears(&mut ann, 20).await?;
        sees_and_hears(&mut ben, 20).await?;
        ensure!(studio.server.metric("keel_stream_viewers")? == 1.0, "the room is one viewer");
        ensure!(studio.server.metric("keel_participants")? == 2.0, "and the stream no participant");

        // Who comes later sees it at once.
        let mut eve = arrive(&studio, "eve", 2400).await?;
        ensure!(eve.joined()["participants"][2]["stream"] == "tide", "{}", eve.joined());
        sees_and_hears(&mut eve, 15).await?;

        presenter.close().await?;
        let left = hears(&mut ben, "participantLeft").await?;
        ensure!(left["participant"] == shown["participant"] && left["reason"] == "streamEnded", "{left}");
        for seat in [ann, ben, eve] {
            seat.leave().await?;
        }
        studio.emptied().await?;
        ensure!(studio.server.terminate()?, "an orderly end");
    }
    Ok(())
}

#[tokio::test]
async fn a_participant_is_watched_by_whep_until_somebody_takes_over() -> Result<()> {
    for workers in [1, 2] {
        let studio = Studio::open(workers, &["--placement=spread"])?;
        let mut ann = arrive(&studio, "ann", 2500).await?;
        ann.publish(2510, &[Source::Microphone]).await?;
        let done = ann.ask(json!({"id": "broadcast", "stream": "tide"})).await?;
        ensure!(done["id"] == "done", "{done}");
        // What she turns on later is in the stream, too.
        ann.publish(2520, &[Source::Camera(FRAMES)]).await?;
        let viewer = LiveSeat::watch(&studio.http, "tide", 2600).await?;
        plays(&viewer, 20).await?;

        let presenter = LiveSeat::publish(&studio.http, "tide", 2700, &SOURCES).await?;
        let ended = hears(&mut ann, "broadcastEnded").await?;
        ensure!(ended["stream"] == "tide", "{ended}");
        plays(&viewer, 15).await?;

        // She takes it back, and it ends with her.
        let done = ann.ask(json!({"id": "broadcast", "stream": "tide"})).await?;
        ensure!(done["id"] == "done", "{done}");
        let before = studio.http.send("GET", presenter.location(), &[], "").await?;
        ensure!(before.status == 404, "the presenter by WHIP was replaced: {before:?}");
        plays(&viewer, 15).await?;
        ann.leave().await?;
        viewer.close().await?;
        studio.emptied().await?;
        ensure!(studio.server.terminate()?, "an orderly end");
    }
    Ok(())
}
