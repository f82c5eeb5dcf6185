//! Group calls through the real binary: participants on the `webrtc` crate, in both forms of the protocol.

use anyhow::{Context, Result, ensure};
use keel_testkit::peer::{Part, Peer, PeerOptions};
use keel_testkit::room::{RoomSeat, Source};
use keel_testkit::server::{KeelServer, ServerOptions, group_call_url};
use keel_testkit::signaling::{Candidate, SignalingClient, Trust};
use keel_testkit::source::VideoConfig;
use serde_json::{Value, json};

/// Small and slow, so that many fit a busy machine.
const FRAMES: VideoConfig =
    VideoConfig { frame_rate: 15, packets_per_frame: 2, payload_bytes: 200, first_timestamp: 0 };

fn group_url(server: &KeelServer) -> String {
    group_call_url(server.url())
}

async fn arrive(server: &KeelServer, name: &str, seed: u64) -> Result<RoomSeat> {
    let mut seat = RoomSeat::join(&group_url(server), &Trust::Nobody, "tide", name, seed).await?;
    seat.publish(seed + 2, &[Source::Microphone, Source::Camera(FRAMES)]).await?;
    Ok(seat)
}

/// Streams of both kinds on which something has come.
fn streams(seat: &RoomSeat) -> (usize, usize) {
    let report = seat.received();
    let seen = report.streams.values();
    let voices = seen.clone().filter(|stream| stream.audio.packets() >= 20).count();
    (voices, seen.filter(|stream| stream.video.complete() >= 10).count())
}

#[tokio::test]
async fn three_see_and_hear_each_other_and_nothing_is_left_of_them() -> Result<()> {
    let server = KeelServer::start(&ServerOptions::default())?;
    let mut ann = arrive(&server, "ann", 100).await?;
    let mut ben = arrive(&server, "ben", 200).await?;
    let mut eve = arrive(&server, "eve", 300).await?;
    for seat in [&mut ann, &mut ben, &mut eve] {
        seat.until("two voices and two pictures", |seat| streams(seat) == (2, 2)).await?;
        let report = seat.received();
        ensure!(report.streams.values().all(|stream| stream.video.corrupted == 0), "{report}");
    }
    ensure!(server.metric("keel_participants")? == 3.0);

    // One goes, another one comes: on the lines that have become free.
    eve.leave().await?;
    let mut fay = arrive(&server, "fay", 400).await?;
    fay.until("two voices and two pictures", |seat| streams(seat) == (2, 2)).await?;
    ann.until("the new one's voice and picture beside the old ones", |seat| streams(seat) == (3, 3)).await?;
    let offers = ann.heard().filter(|message| message["id"] == "offer");
    let sdp = offers.last().and_then(|offer| offer["sdpOffer"].as_str()).context("an offer")?;
    ensure!(sdp.matches("\r\nm=").count() == 4, "lines are used again: {sdp}");

    let sent = ann.ask(json!({"id": "chat", "text": "hello"})).await?;
    fay.until("the message", |seat| seat.heard().any(|message| message["message"] == sent["message"]))
        .await?;
    for seat in [ann, ben, fay] {
        seat.leave().await?;
    }
    server.emptied().await?;
    ensure!(server.metric("keel_participants")? == 0.0);
    ensure!(server.terminate()?, "an orderly end");
    Ok(())
}

#[tokio::test]
async fn a_page_of_kurentos_group_call_meets_ours() -> Result<()> {
    let server = KeelServer::start(&ServerOptions::default())?;
    let mut ann = arrive(&server, "ann", 500).await?;
    let mut old = KurentoPage::join(&server, "old").await?;
    ensure!(old.others == ["ann"], "{:?}", old.others);
    let mut own = old.connect("old", Part::Both, 600).await?;
    own.publish().await?;
    let hers = old.connect("ann", Part::Receive, 700).await?;
    hers.until("her voice and picture", |r| r.video.complete() >= 20 && r.audio.packets() >= 20).await?;
    ann.until("the old page's voice and picture", |seat| streams(seat) == (1, 1)).await?;

    // What she adds later comes to the page as well: here the page is there before her.
    ann.leave().await?;
    ensure!(old.next("participantLeft").await?["name"] == "ann");
    let mut ben = RoomSeat::join(&group_url(&server), &Trust::Nobody, "tide", "ben", 800).await?;
    ensure!(old.next("newParticipantArrived").await?["name"] == "ben");
    let his = old.connect("ben", Part::Receive, 900).await?;
    ben.publish(802, &[Source::Microphone, Source::Camera(FRAMES)]).await?;
    his.until("his voice and picture", |r| r.video.complete() >= 20 && r.audio.packets() >= 20).await?;
    ben.until("the page's", |seat| streams(seat) == (1, 1)).await?;
    old.client.send_text(json!({"id": "leaveRoom"}).to_string()).await?;
    ben.until("its leaving", |seat| seat.heard().any(|message| message["id"] == "participantLeft")).await?;
    ben.leave().await?;
    drop((own, hers, his, old));
    server.emptied().await
}

#[tokio::test]
async fn who_speaks_has_the_floor_and_not_the_loudest_film() -> Result<()> {
    let server = KeelServer::start(&ServerOptions::default())?;
    let url = group_url(&server);
    let mut eve = RoomSeat::join(&url, &Trust::Nobody, "tide", "eve", 1300).await?;
    eve.publish(1302, &[Source::ScreenSound]).await?;
    eve.speak(5);
    let mut ann = RoomSeat::join(&url, &Trust::Nobody, "tide", "ann", 1400).await?;
    ann.publish(1402, &[Source::Microphone]).await?;
    ann.until("the film", |seat| seat.received().audio.packets() >= 100).await?;
    ann.speak(40);
    let own = ann.joined()["participant"].clone();
    let speakers = |seat: &RoomSeat| -> Vec<Value> {
        seat.heard().filter(|message| message["id"] == "speakers").cloned().collect()
    };
    ann.until("the floor", |seat| speakers(seat).iter().any(|said| said["dominant"] == own)).await?;
    let loud = speakers(&ann);
    ensure!(
        loud.iter()
            .all(|said| said["loudest"].as_array().is_some_and(|all| all.iter().all(|who| *who == own)))
    );
    ann.leave().await?;
    eve.leave().await?;
    server.emptied().await
}

#[tokio::test]
async fn somebody_who_vanishes_keeps_the_place_for_a_while() -> Result<()> {
    let server = KeelServer::start(&ServerOptions::default())?;
    let mut ann = arrive(&server, "ann", 1000).await?;
    let ben = arrive(&server, "ben", 1100).await?;
    let (token, number) = (ben.joined()["resumeToken"].clone(), ben.joined()["participant"].clone());
    ann.until("his picture", |seat| streams(seat) == (1, 1)).await?;
    ben.vanish();
    ann.until("his being away", |seat| seat.heard().any(|message| message["id"] == "participantAway"))
        .await?;
    let mut again = SignalingClient::connect(&group_url(&server), &Trust::Nobody).await?;
    let resume = json!({"id": "join", "room": "tide", "name": "ben", "resumeToken": token});
    again.send_text(resume.to_string()).await?;
    let joined: Value = serde_json::from_str(&again.next_text().await?)?;
    ensure!(joined["resumed"] == true && joined["participant"] == number, "{joined}");
    ensure!(joined["tracks"].as_array().is_some_and(|tracks| tracks.len() == 2), "{joined}");
    ann.until("his return", |seat| seat.heard().any(|message| message["id"] == "participantBack")).await?;
    ensure!(!ann.heard().any(|message| message["id"] == "participantLeft"), "nobody saw him leave");
    Ok(())
}

/// A page of Kurento's tutorial.
struct KurentoPage {
    client: SignalingClient,
    others: Vec<String>,
}

impl KurentoPage {
    async fn join(server: &KeelServer, name: &str) -> Result<Self> {
        let client = SignalingClient::connect(&group_url(server), &Trust::Nobody).await?;
        let mut page = Self { client, others: Vec::new() };
        page.client.send_text(json!({"id": "joinRoom", "name": name, "room": "tide"}).to_string()).await?;
        let data = page.next("existingParticipants").await?["data"].clone();
        page.others = serde_json::from_value(data)?;
        Ok(page)
    }

    /// A connection for somebody's media, up.
    async fn connect(&mut self, sender: &str, part: Part, seed: u64) -> Result<Peer> {
        let options =
            PeerOptions { seed, audio: part, video: part, frames: FRAMES, ..PeerOptions::default() };
        let peer = Peer::new(options).await?;
        let offer = json!({"id": "receiveVideoFrom", "sender": sender, "sdpOffer": peer.offer().await?});
        self.client.send_text(offer.to_string()).await?;
        let answer = self.next("receiveVideoAnswer").await?;
        ensure!(answer["name"] == sender, "{answer}");
        peer.take_answer(answer["sdpAnswer"].as_str().context("a description")?).await?;
        let found = self.next("iceCandidate").await?;
        ensure!(found["name"] == sender, "{found}");
        let candidate: Candidate = serde_json::from_value(found["candidate"].clone())?;
        peer.add_candidate(&candidate.into()).await?;
        peer.connected().await?;
        Ok(peer)
    }

    /// The next message of this name; candidates before it are passed over.
    async fn next(&mut self, id: &str) -> Result<Value> {
        loop {
            let message: Value = serde_json::from_str(&self.client.next_text().await?)?;
            if message["id"] == id {
                return Ok(message);
            }
            ensure!(message["id"] == "iceCandidate", "expected {id}: {message}");
        }
    }
}
