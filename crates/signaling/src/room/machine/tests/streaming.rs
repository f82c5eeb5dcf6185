//! Livestreams in rooms: shown among the participants, and presented by them.

use super::bench::Bench;
use crate::auth::Permit;
use crate::room::effect::{Feed, MediaReport};
use crate::room::id::{BridgeId, TrackId};
use crate::socket::{ConnectionId, Departure};
use serde_json::{Value, json};
use std::time::Duration;

fn show(stream: &str) -> Value {
    json!({"id": "showStream", "stream": stream, "request": 7})
}

fn broadcast(stream: &str) -> Value {
    json!({"id": "broadcast", "stream": stream, "request": 8})
}

/// The bridges of the newest room, with what goes over them.
fn bridges(bench: &Bench) -> Vec<(BridgeId, Option<Feed>)> {
    let media = bench.world.media.values().next_back().expect("media");
    media.bridges.iter().map(|(bridge, feed)| (*bridge, *feed)).collect()
}

fn feed(bench: &Bench) -> Feed {
    let open = bridges(bench);
    assert_eq!(open.len(), 1, "one stream is presented: {open:?}");
    open[0].1.expect("it is presented")
}

fn refused(bench: &mut Bench, who: ConnectionId, message: Value) -> String {
    let answer = bench.ask(who, message);
    assert_eq!(answer["id"], "error", "{answer}");
    answer["code"].as_str().expect("a code").to_owned()
}

#[test]
fn a_stream_that_a_moderator_shows_is_one_of_the_participants_until_it_ends() {
    let mut bench = Bench::new();
    let (ann, _) = bench.join("tide", "ann");
    let (ben, _) = bench.join("tide", "ben");
    assert_eq!(refused(&mut bench, ben, show("sea")), "notModerator");
    bench.heard(ann);
    bench.say(ann, show("sea"));
    let told = bench.answer_offers(ann);
    let shown = told.first().expect("an answer");
    assert_eq!((&shown["id"], &shown["request"]), (&json!("streamShown"), &json!(7)), "{shown}");
    let entry = shown["participant"].clone();
    let told = bench.answer_offers(ben);
    let joined = told.iter().find(|news| news["id"] == "participantJoined").expect("he hears of it");
    assert_eq!(
        (&joined["participant"], &joined["name"], &joined["stream"]),
        (&entry, &json!("sea"), &json!("sea"))
    );
    let published = told.iter().filter(|news| news["id"] == "trackPublished");
    let sources: Vec<_> = published.map(|news| (&news["participant"], &news["track"]["source"])).collect();
    assert_eq!(sources, [(&entry, &json!("screenAudio")), (&entry, &json!("screen"))]);
    bench.assert_settled();

    // Who comes later sees it too, and nobody may take its name.
    let (_, joined) = bench.join("tide", "cat");
    let others = joined["participants"].as_array().expect("a list");
    assert_eq!(
        others.last().map(|other| (&other["name"], &other["stream"])),
        Some((&json!("sea"), &json!("sea")))
    );
    let dan = bench.connect();
    let sea = json!({"id": "join", "room": "tide", "name": "sea"});
    assert_eq!(refused(&mut bench, dan, sea), "nameTaken");
    let old = bench.connect();
    let heard = bench.ask(old, json!({"id": "joinRoom", "room": "tide", "name": "old"}));
    assert_eq!(heard["data"], json!(["ann", "ben", "cat", "sea"]));

    let (bridge, _) = bridges(&bench)[0];
    bench.heard(ben);
    bench.media(MediaReport::BridgeEnded { bridge });
    let told = bench.answer_offers(ben);
    let left = told.iter().find(|news| news["id"] == "participantLeft").expect("he hears of its end");
    assert_eq!((&left["participant"], &left["reason"]), (&entry, &json!("streamEnded")));
    assert!(bridges(&bench).is_empty(), "media lets go of it");
    assert!(bench.heard_ids(old).contains(&"participantLeft".to_owned()));
}

#[test]
fn moderators_mute_what_a_stream_sends_and_take_it_away() {
    let mut bench = Bench::new();
    let (ann, _) = bench.join("tide", "ann");
    let (ben, _) = bench.join("tide", "ben");
    let entry = bench.ask(ann, show("sea"))["participant"].as_str().expect("an identifier").to_owned();
    let published = bench.heard(ben);
    let screen = published.iter().rfind(|news| news["id"] == "trackPublished").expect("a picture");
    let screen = screen["track"]["track"].clone();
    let mute = |muted: bool| json!({"id": "mute", "track": screen, "muted": muted, "request": 1});
    assert_eq!(refused(&mut bench, ben, mute(true)), "notModerator");
    for muted in [true, false] {
        bench.say(ann, mute(muted));
        let told = bench.heard(ben);
        let news = told.iter().find(|news| news["id"] == "trackMuted").expect("he hears of it");
        assert_eq!(news["muted"], muted);
    }
    let remove = json!({"id": "moderate", "action": "remove", "participant": entry, "request": 2});
    bench.say(ann, remove.clone());
    let told = bench.heard(ben);
    let left = told.iter().find(|news| news["id"] == "participantLeft").expect("it is gone");
    assert_eq!(left["reason"], "removed");
    assert!(bridges(&bench).is_empty());
    bench.heard(ann);
    assert_eq!(refused(&mut bench, ann, remove), "unknownParticipant");
}

#[test]
fn a_room_shows_only_so_many_streams_and_tells_why_one_cannot_be_shown() {
    let mut bench = Bench::new();
    let (ann, _) = bench.join("tide", "ann");
    assert_eq!(refused(&mut bench, ann, show("a name")), "badName");
    assert_eq!(refused(&mut bench, ann, show("bad")), "streamTaken");
    assert_eq!(refused(&mut bench, ann, show("ann")), "nameTaken");
    for number in 0..8 {
        let named = json!({"id": "showStream", "stream": "sea", "name": format!("sea {number}")});
        assert_eq!(bench.ask(ann, named)["id"], "streamShown");
        bench.answer_offers(ann);
    }
    assert_eq!(refused(&mut bench, ann, show("ebb")), "tooManyShown");
    assert_eq!(bridges(&bench).len(), 8);
    bench.disconnect(ann, Departure::GoneAway);
    assert!(bench.world.media.is_empty(), "streams alone keep no room's media");
    let (_, joined) = bench.join("tide", "ben");
    assert_eq!(joined["participants"], json!([]));
}

#[test]
fn one_presents_ones_own_tracks_whatever_they_are() {
    let mut bench = Bench::new();
    let (ann, _) = bench.join("tide", "ann");
    assert_eq!(bench.ask(ann, broadcast("sea"))["id"], "done");
    assert_eq!(feed(&bench), Feed::default(), "nothing is published yet");
    assert_eq!(refused(&mut bench, ann, broadcast("ebb")), "alreadyBroadcasting");

    let track = |text: &String| TrackId::parse(text);
    let tracks = bench.publish(ann, &["microphone", "camera"]);
    assert_eq!(feed(&bench), Feed { audio: track(&tracks[0]), video: track(&tracks[1]) });
    let tracks = bench.publish(ann, &["microphone", "camera", "screen"]);
    assert_eq!(
        feed(&bench),
        Feed { audio: track(&tracks[0]), video: track(&tracks[2]) },
        "a screen is shown"
    );
    bench.say(ann, json!({"id": "moderate", "action": "mute", "track": tracks[0]}));
    assert_eq!(feed(&bench).audio, None, "what a moderator mutes goes nowhere");

    assert_eq!(bench.ask(ann, json!({"id": "endBroadcast", "request": 9}))["id"], "done");
    assert!(bridges(&bench).is_empty());
    assert_eq!(bench.ask(ann, json!({"id": "endBroadcast", "request": 9}))["id"], "done", "again");
}

#[test]
fn a_presentation_survives_a_lost_socket_and_ends_with_its_participant() {
    let mut bench = Bench::new();
    let (ann, joined) = bench.join("tide", "ann");
    let (ben, _) = bench.join("tide", "ben");
    bench.ask(ann, broadcast("sea"));
    bench.ask(ben, broadcast("ebb"));
    bench.disconnect(ann, Departure::Lost);
    let again = bench.connect();
    let resume = json!({"id": "join", "room": "tide", "name": "ann", "resumeToken": joined["resumeToken"]});
    assert_eq!(bench.ask(again, resume)["broadcast"], "sea");
    assert_eq!(bridges(&bench).len(), 2);

    let (last, _) = bridges(&bench)[1];
    bench.heard(ben);
    bench.media(MediaReport::BridgeEnded { bridge: last });
    assert_eq!(bench.heard(ben), [json!({"id": "broadcastEnded", "stream": "ebb"})]);
    bench.disconnect(again, Departure::Lost);
    bench.pass(Duration::from_secs(31));
    assert!(bridges(&bench).is_empty(), "she did not come back");
}

#[test]
fn who_leaves_before_the_answer_hears_nothing_more_of_it() {
    let mut bench = Bench::new();
    let (ann, _) = bench.join("tide", "ann");
    let (ben, _) = bench.join("tide", "ben");
    bench.world.is_slow = true;
    bench.say(ann, show("sea"));
    bench.say(ann, broadcast("ebb"));
    bench.say(ann, json!({"id": "leave"}));
    bench.heard(ann);
    while bench.work(0) {}
    assert!(bench.heard(ann).is_empty());
    assert!(bench.heard_ids(ben).contains(&"participantJoined".to_owned()), "the stream is for all");
    assert_eq!(bridges(&bench).len(), 1, "but nobody presents any more");
}

#[test]
fn a_token_says_which_streams_may_be_shown_and_presented() {
    let mut bench = Bench::new();
    let grants = r#"{"room": true, "moderator": "tide", "subscribe": "sea", "publish": "ebb"}"#;
    let ann = bench.connect_with(Permit::signed(grants));
    bench.ask(ann, json!({"id": "join", "room": "tide", "name": "ann"}));
    assert_eq!(refused(&mut bench, ann, show("ebb")), "grantForOther");
    assert_eq!(refused(&mut bench, ann, broadcast("sea")), "grantForOther");
    assert_eq!(bench.ask(ann, show("sea"))["id"], "streamShown");
    bench.answer_offers(ann);
    assert_eq!(bench.ask(ann, broadcast("ebb"))["id"], "done");
}
