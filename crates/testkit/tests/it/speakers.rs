//! Who speaks, found from the levels that peers tell with their audio (RFC 6464).

use crate::stage::{Guest, Stage, seeded};
use anyhow::Result;
use keel_media::id::ElementId;
use keel_media::{EndpointEvent, PipelineEvent};
use keel_testkit::peer::{Part, PeerOptions};
use std::collections::BTreeSet;

/// Levels in -dBov: 6 dB apart and more, so that nobody is as loud as another.
const SHOUT: u8 = 5;
const SPEECH: u8 = 30;
const MURMUR: u8 = 45;
const WHISPER: u8 = 55;
const SILENCE: u8 = 127;
/// Audio packets of 20 ms: a cough is over before a look at the levels has heard it four times.
const COUGH: u32 = 15;
const SECOND: u32 = 50;

/// Three guests who are connected and silent, in a pipeline that tells its two loudest.
async fn gathering(stage: &Stage) -> Result<[Guest; 3]> {
    stage.pipeline.watch_speakers(2).await;
    let mut guests = Vec::new();
    for seed in 1..=3 {
        let mut guest = stage.arrive(PeerOptions { video: Part::None, ..seeded(seed) }).await?;
        stage.seat(&mut guest, None).await?;
        guest.peer.connected().await?;
        guest.peer.publish().await?;
        guests.push(guest);
    }
    guests.try_into().map_err(|_| anyhow::anyhow!("three guests"))
}

/// Who was dominant, in turn; `None` where nobody was any more.
fn dominant(events: &[PipelineEvent]) -> Vec<Option<ElementId>> {
    let dominant = |event: &PipelineEvent| match event.event {
        EndpointEvent::DominantSpeaker { speaking } => Some(speaking.then_some(event.endpoint)),
        _ => None,
    };
    events.iter().filter_map(dominant).collect()
}

/// Who is among the loudest by what was told, which never is more than two.
fn loudest(events: &[PipelineEvent]) -> BTreeSet<ElementId> {
    let mut loudest = BTreeSet::new();
    for event in events {
        match event.event {
            EndpointEvent::Loudest { joined: true } => {
                assert!(loudest.insert(event.endpoint), "joined twice")
            }
            EndpointEvent::Loudest { joined: false } => {
                assert!(loudest.remove(&event.endpoint), "left twice")
            }
            _ => {}
        }
        assert!(loudest.len() <= 2, "{events:?}");
    }
    loudest
}

/// Lets a guest send so many packets more.
async fn goes_on(guest: &Guest, packets: u32) -> Result<()> {
    let enough = guest.peer.report().audio_sent + packets;
    guest.peer.until("more audio", |report| report.audio_sent >= enough).await?;
    Ok(())
}

async fn the_floor_goes_to_who_speaks(stage: &Stage) -> Result<()> {
    let guests = gathering(stage).await?;
    let [alice, ben, _] = &guests;
    let [a, b, _] = guests.each_ref().map(|guest| guest.endpoint.id());

    alice.peer.speak(SPEECH);
    stage.until("Alice to be dominant", |events| dominant(events) == [Some(a)]).await?;
    ben.peer.speak(SHOUT);
    goes_on(ben, COUGH).await?;
    ben.peer.speak(SILENCE);
    goes_on(alice, 2 * SECOND).await?;
    let events = stage.until("the events so far", |_| true).await?;
    assert_eq!(dominant(&events), [Some(a)], "a cough changes nothing");

    ben.peer.speak(SHOUT);
    stage.until("Ben to be dominant", |events| dominant(events) == [Some(a), Some(b)]).await?;
    ben.peer.speak(SILENCE);
    stage.until("Alice again", |events| dominant(events) == [Some(a), Some(b), Some(a)]).await?;
    alice.peer.speak(SILENCE);
    let silent = [Some(a), Some(b), Some(a), None];
    let events = stage.until("silence", |events| dominant(events) == silent).await?;
    assert_eq!(loudest(&events), BTreeSet::new());
    Ok(())
}

async fn the_loudest_are_two_whoever_speaks(stage: &Stage) -> Result<()> {
    let guests = gathering(stage).await?;
    let [alice, ben, carol] = &guests;
    let [a, b, c] = guests.each_ref().map(|guest| guest.endpoint.id());

    alice.peer.speak(MURMUR);
    ben.peer.speak(SPEECH);
    stage.until("Alice and Ben", |events| loudest(events) == [a, b].into()).await?;
    carol.peer.speak(WHISPER);
    goes_on(carol, 2 * SECOND).await?;
    let events = stage.until("the events so far", |_| true).await?;
    assert_eq!(loudest(&events), [a, b].into(), "the third is not among two");
    carol.peer.speak(SHOUT);
    stage.until("Ben and Carol", |events| loudest(events) == [b, c].into()).await?;

    // Who is released is no speaker any more, and leaves its place to the next.
    let [_, ben, _] = guests;
    ben.endpoint.release().await;
    let joined = PipelineEvent { endpoint: a, event: EndpointEvent::Loudest { joined: true } };
    let has_returned =
        |events: &Vec<PipelineEvent>| events.iter().filter(|event| **event == joined).count() == 2;
    stage.until("Alice once more", has_returned).await?;
    Ok(())
}

#[tokio::test]
async fn the_floor_goes_to_who_speaks_and_not_to_who_coughs() -> Result<()> {
    the_floor_goes_to_who_speaks(&Stage::new().await?).await
}

#[tokio::test]
async fn the_floor_goes_to_who_speaks_on_whatever_worker() -> Result<()> {
    the_floor_goes_to_who_speaks(&Stage::apart(2).await?).await
}

#[tokio::test]
async fn the_loudest_are_as_many_as_asked_for() -> Result<()> {
    the_loudest_are_two_whoever_speaks(&Stage::new().await?).await
}

#[tokio::test]
async fn the_loudest_are_as_many_as_asked_for_on_whatever_worker() -> Result<()> {
    the_loudest_are_two_whoever_speaks(&Stage::apart(2).await?).await
}
