//! Whoever runs the server looks at rooms and acts in them, without a seat in any.

use super::bench::Bench;
use crate::limits::{Limits, RoomLimits};
use crate::room::id::RoomName;
use crate::room::refusal::Refusal;
use crate::socket::Departure;
use serde_json::{Value, json};

fn named(name: &str) -> RoomName {
    RoomName::parse(name).expect("a name")
}

fn seen(bench: &mut Bench, room: &str) -> Value {
    let view = bench.administer(|machine, _| machine.inspect(&named(room))).expect("a room");
    serde_json::to_value(view).expect("text keys")
}

#[test]
fn a_room_is_seen_with_who_is_in_it_and_what_they_publish() {
    let mut bench = Bench::new();
    let (ann, _) = bench.join("tide", "ann");
    let (ben, _) = bench.join("tide", "ben");
    bench.publish(ben, &["microphone", "camera"]);
    let old = bench.connect();
    bench.ask(old, json!({"id": "joinRoom", "room": "tide", "name": "old"}));
    bench.say(ann, json!({"id": "moderate", "action": "lock", "locked": true}));

    let view = seen(&mut bench, "tide");
    assert_eq!(
        (&view["locked"], &view["moderated"], &view["sizeMax"]),
        (&json!(true), &json!(true), &json!(50))
    );
    let people = view["participants"].as_array().expect("a list");
    let names: Vec<_> = people.iter().map(|who| (&who["name"], &who["moderator"], &who["kurento"])).collect();
    let expected = [("ann", true, false), ("ben", false, false), ("old", false, true)];
    assert_eq!(json!(names), json!(expected));
    let sources: Vec<_> =
        people[1]["tracks"].as_array().expect("a list").iter().map(|t| &t["source"]).collect();
    assert_eq!(sources, [&json!("microphone"), &json!("camera")]);

    bench.disconnect(ann, Departure::Lost);
    let view = seen(&mut bench, "tide");
    assert_eq!((&view["moderated"], &view["participants"][0]["away"]), (&json!(false), &json!(true)));
    assert_eq!(
        bench.administer(|machine, _| machine.inspect(&named("ebb"))).err(),
        Some(Refusal::UnknownRoom)
    );
}

#[test]
fn rooms_are_listed_by_name_in_pages() {
    let mut bench = Bench::new();
    for room in ["tide", "ebb", "flow"] {
        bench.join(room, "ann");
    }
    let mut page = |after: Option<&str>, count| -> Vec<String> {
        let after = after.map(named);
        let rooms = bench.administer(|machine, _| machine.survey(after.as_ref(), count));
        rooms.into_iter().map(|room| room.room).collect()
    };
    assert_eq!(page(None, 2), ["ebb", "flow"]);
    assert_eq!(page(Some("flow"), 2), ["tide"]);
    assert_eq!(page(Some("elsewhere"), 9), ["flow", "tide"]);
    assert!(page(Some("tide"), 9).is_empty());
}

#[test]
fn a_room_is_made_muted_in_cleared_and_ended() {
    let limits = Limits { rooms: RoomLimits { rooms_max: 2, ..RoomLimits::default() }, ..Limits::default() };
    let mut bench = Bench::with(limits);
    let made = bench.administer(|machine, now| machine.make_in_advance(now, Some(named("tide")), Some(3)));
    let made = serde_json::to_value(made.expect("a room")).expect("text keys");
    assert_eq!((&made["room"], &made["sizeMax"]), (&json!("tide"), &json!(3)));
    for (name, size, refusal) in
        [(Some("tide"), None, Refusal::RoomExists), (None, Some(1), Refusal::BadSize(50))]
    {
        let again = bench.administer(|machine, now| machine.make_in_advance(now, name.map(named), size));
        assert_eq!(again.err(), Some(refusal));
    }
    let ann = bench.connect();
    let token = json!({"id": "join", "room": "tide", "name": "ann", "token": made["moderatorToken"]});
    assert_eq!(bench.ask(ann, token)["moderator"], true);
    let (ben, joined) = bench.join("tide", "ben");
    let microphone = bench.publish(ben, &["microphone"]).remove(0);
    bench.answer_offers(ann);
    bench.heard(ben);

    bench.administer(|machine, now| machine.mute_in(now, &named("tide"), &microphone)).expect("a track");
    let muted = bench.heard(ben);
    assert_eq!((&muted[0]["id"], &muted[0]["byModerator"]), (&json!("trackMuted"), &json!(true)));
    for (track, refusal) in [("t9999", Refusal::UnknownTrack), ("", Refusal::UnknownTrack)] {
        let refused = bench.administer(|machine, now| machine.mute_in(now, &named("tide"), track));
        assert_eq!(refused.err(), Some(refusal));
    }

    let his = joined["participant"].as_str().expect("a text").to_owned();
    let words = Some("x".repeat(1_000));
    bench
        .administer(|machine, now| machine.remove_from(now, &named("tide"), &his, words))
        .expect("he is there");
    let told = bench.heard(ben);
    let removed = told.iter().find(|message| message["id"] == "removed").expect("he is told");
    assert_eq!(removed["reason"].as_str().map(str::len), Some(200), "a reason has a bound");
    let again = bench.administer(|machine, now| machine.remove_from(now, &named("tide"), &his, None));
    assert_eq!(again.err(), Some(Refusal::UnknownParticipant));

    bench.administer(|machine, now| machine.end_named(now, &named("tide"))).expect("a room");
    assert!(bench.heard_ids(ann).contains(&"roomEnded".to_owned()));
    let gone = bench.administer(|machine, now| machine.end_named(now, &named("tide")));
    assert_eq!(gone.err(), Some(Refusal::UnknownRoom));
    bench.assert_nothing_left();
    bench.shutdown();
    let late = bench.administer(|machine, now| machine.make_in_advance(now, None, None));
    assert_eq!(late.err(), Some(Refusal::ShuttingDown));
}
