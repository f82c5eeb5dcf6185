//! What is published, and what reaches whom.

use super::bench::{Bench, candidate};
use crate::limits::{Limits, RoomLimits};
use crate::room::effect::{Feed, MediaReport};
use crate::room::id::{ParticipantId, TrackId};
use crate::room::message::Leg;
use crate::socket::{CloseReason, ConnectionId, Departure};
use serde_json::{Value, json};

fn id(joined: &Value) -> ParticipantId {
    ParticipantId::parse(joined["participant"].as_str().expect("a text")).expect("valid")
}

/// A track's name, its size and whether it is paused.
type Line = (String, Option<(u32, u32)>, bool);

fn lines(bench: &Bench, who: &Value) -> Vec<Line> {
    let room = bench.machine.rooms.values().next().expect("a room");
    let lines = room.lines_of(id(who)).expect("Keel's form");
    lines
        .into_iter()
        .map(|(track, setting)| (format!("{track:?}"), setting.size, setting.is_paused))
        .collect()
}

fn only_offer(bench: &mut Bench, who: ConnectionId) -> Value {
    let offers: Vec<Value> = bench.heard(who).into_iter().filter(|heard| heard["id"] == "offer").collect();
    let [offer] = offers.as_slice() else { panic!("one offer: {offers:?}") };
    offer.clone()
}

#[test]
fn who_asks_for_data_channels_is_offered_them_once_and_nobody_else_is() {
    let mut bench = Bench::new();
    let (ann, _) = bench.join("tide", "ann");
    let (ben, _) = bench.join("tide", "ben");
    bench.heard(ann);
    bench.say(ann, json!({"id": "openData", "request": 4}));
    assert_eq!(bench.answer_offers(ann), [json!({"id": "done", "request": 4})]);
    assert_eq!(bench.ask(ann, json!({"id": "openData", "request": 5})), json!({"id": "done", "request": 5}));
    assert!(bench.heard_ids(ann).is_empty() && bench.heard_ids(ben).is_empty(), "no other offer");
    bench.publish(ann, &["camera"]);
    bench.answer_offers(ben);
    bench.publish(ben, &["camera"]);
    bench.answer_offers(ann);
    let told = bench.world.media.values().flat_map(|media| &media.changes).filter(|change| change.opens_data);
    assert_eq!(told.count(), 1);
    assert_eq!(bench.machine.data_participants(), 1);
    bench.assert_settled();

    let old = bench.connect();
    bench.ask(old, json!({"id": "joinRoom", "room": "tide", "name": "old"}));
    assert_eq!(bench.ask(old, json!({"id": "openData"}))["code"], "otherForm");
    bench.disconnect(ann, Departure::GoneAway);
    assert_eq!(bench.machine.data_participants(), 0);
}

#[test]
fn what_one_publishes_is_offered_to_the_others() {
    let mut bench = Bench::new();
    let (ann, ann_joined) = bench.join("tide", "ann");
    let (ben, _) = bench.join("tide", "ben");
    bench.heard(ann);
    let published = bench.ask(
        ann,
        json!({"id": "publish", "request": 9, "sdpOffer": "v=0", "tracks": [
            {"mid": "0", "source": "microphone"},
            {"mid": "1", "source": "camera", "muted": true, "width": 1280, "height": 720},
            {"mid": "missing", "source": "screen"},
        ]}),
    );
    assert_eq!((&published["id"], &published["request"]), (&json!("published"), &json!(9)));
    assert_eq!(published["sdpAnswer"], "answer to v=0");
    let tracks = published["tracks"].as_array().expect("a list");
    assert_eq!(tracks.len(), 2, "what the offer does not have is no track");
    let heard = bench.heard(ben);
    assert_eq!(
        heard[0]["track"],
        json!({"track": tracks[0]["track"], "kind": "audio", "source": "microphone", "muted": false})
    );
    assert_eq!((&heard[1]["track"]["width"], &heard[1]["track"]["muted"]), (&json!(1280), &json!(true)));
    assert_eq!((&heard[2]["id"], &heard[2]["version"]), (&json!("offer"), &json!(1)));
    let line = &heard[2]["tracks"][0];
    assert_eq!((&line["track"], &line["participant"]), (&tracks[0]["track"], &ann_joined["participant"]));
    bench.say(ben, json!({"id": "answer", "version": 1, "sdpAnswer": "v=0"}));
    bench.assert_settled();
}

#[test]
fn changes_are_gathered_while_an_offer_is_open() {
    let mut bench = Bench::new();
    let (ann, _) = bench.join("tide", "ann");
    let (ben, _) = bench.join("tide", "ben");
    bench.publish(ann, &["microphone"]);
    let first = only_offer(&mut bench, ben);
    bench.publish(ann, &["microphone", "camera"]);
    bench.publish(ann, &["microphone", "camera", "screen"]);
    bench.publish(ann, &["microphone", "screen"]);
    assert!(bench.heard_ids(ben).iter().all(|id| id != "offer"), "one at a time");
    let stale = json!({"id": "answer", "version": 7, "sdpAnswer": ""});
    assert_eq!(bench.ask(ben, stale)["code"], "staleAnswer");
    let bad = json!({"id": "answer", "version": first["version"], "sdpAnswer": "bad"});
    assert_eq!(bench.ask(ben, bad)["code"], "badSdp", "and the offer stands");
    bench.say(ben, json!({"id": "answer", "version": first["version"], "sdpAnswer": ""}));
    let second = only_offer(&mut bench, ben);
    assert_eq!((&second["version"], second["tracks"].as_array().map(Vec::len)), (&json!(2), Some(2)));
    bench.say(ben, json!({"id": "answer", "version": 2, "sdpAnswer": ""}));
    bench.assert_settled();
    bench.say(ben, json!({"id": "restartIce", "request": 4}));
    assert_eq!(only_offer(&mut bench, ben)["version"], 3);
    let restarts =
        bench.world.media.values().next().expect("media").changes.last().map(|change| change.restarts_ice);
    assert_eq!(restarts, Some(true));
}

#[test]
fn bad_offers_and_lists_are_refused_and_the_tracks_stay() {
    let rooms = RoomLimits { tracks_max: 2, ..RoomLimits::default() };
    let mut bench = Bench::with(Limits { rooms, ..Limits::default() });
    let (ann, _) = bench.join("tide", "ann");
    let track = bench.publish(ann, &["camera"]).remove(0);
    let line = |mid: &str| json!({"mid": mid, "source": "camera"});
    for (offer, tracks, code) in [
        ("bad", json!([]), "badSdp"),
        ("v=0", json!([line("0"), line("0")]), "badTracks"),
        ("v=0", json!([line("0"), line("1"), line("2")]), "badTracks"),
        ("v=0", json!([line(&"x".repeat(40))]), "badTracks"),
    ] {
        assert_eq!(
            bench.ask(ann, json!({"id": "publish", "sdpOffer": offer, "tracks": tracks}))["code"],
            code
        );
    }
    assert_eq!(
        bench.publish(ann, &["camera"]),
        [track],
        "the same line of the same source is the same track"
    );
    bench.world.is_slow = true;
    bench.say(ann, json!({"id": "publish", "sdpOffer": "v=0", "tracks": []}));
    let again = bench.ask(ann, json!({"id": "publish", "sdpOffer": "v=0", "tracks": []}));
    assert_eq!(again["code"], "busy");
}

#[test]
fn the_view_decides_size_pause_and_who_of_many_is_seen() {
    let mut bench = Bench::new();
    let (viewer, joined) = bench.join("tide", "viewer");
    let mut cameras = Vec::new();
    let mut speakers = Vec::new();
    for name in ["ann", "ben", "cat"] {
        let (connection, other) = bench.join("tide", name);
        cameras.extend(bench.publish(connection, &["camera"]));
        speakers.push(id(&other));
    }
    bench.answer_offers(viewer);
    let least = |track: &String| (track.clone(), None, false);
    assert_eq!(
        lines(&bench, &joined),
        cameras.iter().map(least).collect::<Vec<_>>(),
        "before it says anything"
    );
    let tile = |track: &String, width: u32, priority: u32| json!({"track": track, "width": width, "height": width / 2, "priority": priority});
    let tiles = json!([tile(&cameras[0], 640, 1), tile(&cameras[1], 320, 1), {"track": "t999", "width": 1, "height": 1}]);
    bench.say(viewer, json!({"id": "view", "tracks": tiles}));
    let expected = [(Some((640, 320)), false), (Some((320, 160)), false), (None, true)];
    let seen: Vec<_> = lines(&bench, &joined).into_iter().map(|(_, size, paused)| (size, paused)).collect();
    assert_eq!(seen, expected, "what is not on the screen is not sent");
    assert_eq!(bench.heard(viewer), [] as [Value; 0], "it knows that itself");

    let all: Vec<Value> = cameras.iter().map(|track| tile(track, 320, 1)).collect();
    bench.say(viewer, json!({"id": "view", "tracks": all, "lastN": 1}));
    let paused =
        |bench: &Bench| -> Vec<bool> { lines(bench, &joined).into_iter().map(|line| line.2).collect() };
    assert_eq!(paused(&bench), [false, true, true]);
    assert_eq!(bench.heard(viewer), [json!({"id": "viewPaused", "tracks": [cameras[1], cameras[2]]})]);
    bench.media(MediaReport::Dominant(Some(speakers[2])));
    assert_eq!(paused(&bench), [true, true, false], "the one who speaks");
    let pinned: Vec<Value> =
        vec![tile(&cameras[0], 320, 2), tile(&cameras[1], 320, 1), tile(&cameras[2], 320, 1)];
    bench.say(viewer, json!({"id": "view", "tracks": pinned, "lastN": 1}));
    assert_eq!(paused(&bench), [false, true, true], "the pinned one stays");
}

#[test]
fn speakers_and_encodings_are_told() {
    let mut bench = Bench::new();
    let (ann, joined) = bench.join("tide", "ann");
    let (ben, _) = bench.join("tide", "ben");
    let camera = bench.publish(ann, &["camera"]).remove(0);
    bench.answer_offers(ben);
    bench.heard(ann);
    bench.media(MediaReport::Dominant(Some(id(&joined))));
    bench.media(MediaReport::Loudest(vec![id(&joined)]));
    let speakers =
        json!({"id": "speakers", "dominant": joined["participant"], "loudest": [joined["participant"]]});
    assert_eq!(bench.heard(ben).last(), Some(&speakers));
    let track = TrackId::parse(&camera).expect("valid");
    bench.heard(ann);
    bench.media(MediaReport::Encodings { track, active: vec!["q".to_owned()] });
    assert_eq!(bench.heard(ann), [json!({"id": "encodings", "track": camera, "active": ["q"]})]);
    assert_eq!(bench.heard(ben), [] as [Value; 0], "only to who sends it");
    bench.media(MediaReport::LeftOut { participant: id(&joined), tracks: vec![track] });
    assert_eq!(bench.heard(ann), [json!({"id": "viewPaused", "tracks": [camera]})]);
}

#[test]
fn candidates_pass_both_ways_and_are_counted() {
    let limits = Limits { candidates_per_peer_max: 2, ..Limits::default() };
    let mut bench = Bench::with(limits);
    let (ann, _) = bench.join("tide", "ann");
    for leg in [Leg::Publish, Leg::Subscribe] {
        let found =
            json!({"id": "iceCandidate", "connection": leg, "candidate": {"candidate": "candidate:1"}});
        assert_eq!(bench.ask(ann, candidate(leg)), found);
        bench.say(ann, candidate(leg));
        assert_eq!(bench.ask(ann, candidate(leg))["code"], "tooManyCandidates");
    }
}

#[test]
fn kurentos_form_and_ours_meet() {
    let mut bench = Bench::new();
    let (ann, ann_joined) = bench.join("tide", "ann");
    let old = bench.connect();
    let joined = bench.ask(old, json!({"id": "joinRoom", "name": "old", "room": "tide"}));
    assert_eq!(joined, json!({"id": "existingParticipants", "data": ["ann"]}));
    assert_eq!(bench.heard(ann)[0]["name"], "old");
    bench.say(old, json!({"id": "receiveVideoFrom", "sender": "old", "sdpOffer": "mine"}));
    assert_eq!(
        bench.heard(old)[0],
        json!({"id": "receiveVideoAnswer", "name": "old", "sdpAnswer": "answer to mine"})
    );
    assert_eq!(bench.heard_ids(ann), ["trackPublished", "trackPublished", "offer"]);
    bench.say(old, json!({"id": "receiveVideoFrom", "sender": "ann", "sdpOffer": "hers"}));
    let found = json!({"id": "onIceCandidate", "name": "ann", "candidate": {"candidate": "candidate:1"}});
    assert_eq!(bench.heard(old)[0]["name"], "ann");
    let echo = json!({"id": "iceCandidate", "name": "ann", "candidate": {"candidate": "candidate:1"}});
    assert_eq!(bench.ask(old, found), echo);
    let feed = |bench: &Bench| {
        bench
            .world
            .media
            .values()
            .next()
            .and_then(|media| media.feeds.values().next().copied())
            .expect("a feed")
    };
    assert_eq!(feed(&bench), Feed::default(), "ann sends nothing yet");
    let tracks = bench.publish(ann, &["microphone", "screen"]);
    let ids: Vec<_> = tracks.iter().map(|track| TrackId::parse(track)).collect();
    assert_eq!(feed(&bench), Feed { audio: ids[0], video: ids[1] }, "a screen where there is no camera");
    bench.say(ann, json!({"id": "moderate", "action": "mute", "track": tracks[0]}));
    assert_eq!(feed(&bench).audio, None);
    assert_eq!(
        bench.ask(old, json!({"id": "receiveVideoFrom", "sender": "nobody", "sdpOffer": ""}))["code"],
        "unknownParticipant"
    );
    assert_eq!(
        bench.ask(old, json!({"id": "receiveVideoFrom", "sender": "ann", "sdpOffer": "bad"}))["code"],
        "badSdp"
    );
    let (ben, _) = bench.join("tide", "ben");
    assert_eq!(bench.heard(old), [json!({"id": "newParticipantArrived", "name": "ben"})]);
    bench.say(ben, json!({"id": "leave"}));
    assert_eq!(bench.heard(old), [json!({"id": "participantLeft", "name": "ben"})]);
    bench.say(ann, json!({"id": "moderate", "action": "remove", "participant": ann_joined["participant"]}));
    bench.disconnect(old, Departure::Lost);
    assert_eq!(bench.machine.participants(), 0, "this form does not resume");
}

#[test]
fn a_removed_participant_of_kurentos_form_is_disconnected() {
    let mut bench = Bench::new();
    let (ann, _) = bench.join("tide", "ann");
    let old = bench.connect();
    bench.say(old, json!({"id": "joinRoom", "name": "old", "room": "tide"}));
    let news = bench.heard(ann).remove(0);
    bench.say(ann, json!({"id": "moderate", "action": "remove", "participant": news["participant"]}));
    assert_eq!(bench.world.closed, [(old, CloseReason::Removed)]);
}
