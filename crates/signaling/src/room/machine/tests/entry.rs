//! Who comes in, who does not, who stays, who goes.

use super::bench::Bench;
use crate::limits::{Limits, Rate, RoomLimits};
use crate::socket::{CloseReason, Departure};
use serde_json::{Value, json};
use std::time::Duration;

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[test]
fn who_comes_first_moderates_and_the_next_sees_who_is_there() {
    let mut bench = Bench::new();
    let (ann, joined) = bench.join("tide", "ann");
    assert_eq!((&joined["moderator"], &joined["participants"]), (&json!(true), &json!([])));
    assert_eq!(text(&joined["moderatorToken"]).len(), 32);
    let (_, second) = bench.join("tide", " ben ");
    assert_eq!((&second["moderator"], &second["moderatorToken"]), (&json!(false), &Value::Null));
    let expected = json!([{"participant": joined["participant"], "name": "ann", "moderator": true, "away": false, "tracks": []}]);
    assert_eq!(second["participants"], expected);
    let news = json!({"id": "participantJoined", "participant": second["participant"], "name": "ben", "moderator": false});
    assert_eq!(bench.heard(ann), [news]);
}

#[test]
fn a_room_made_in_advance_has_a_token_a_size_and_an_end() {
    let mut bench = Bench::new();
    let maker = bench.connect();
    let made = bench.ask(maker, json!({"id": "createRoom", "sizeMax": 2, "request": 7}));
    assert_eq!(
        (&made["id"], &made["request"], &made["sizeMax"]),
        (&json!("roomCreated"), &json!(7), &json!(2))
    );
    let room = text(&made["room"]).to_owned();
    assert_eq!(bench.ask(maker, json!({"id": "createRoom", "room": room}))["code"], "roomExists");
    let (_, first) = bench.join(&room, "ann");
    assert_eq!(first["moderator"], false, "the token moderates, not the first");
    let token = json!({"id": "join", "room": room, "name": "ben", "token": "guess"});
    assert_eq!(bench.ask(maker, token)["code"], "badToken");
    let token = json!({"id": "join", "room": room, "name": "ben", "token": made["moderatorToken"]});
    assert_eq!(bench.ask(maker, token)["moderator"], true);
    let third = bench.connect();
    assert_eq!(bench.ask(third, json!({"id": "join", "room": room, "name": "eve"}))["code"], "roomFull");
    let other = bench.ask(third, json!({"id": "createRoom", "room": "later"}));
    assert_eq!(other["room"], "later");
    assert_eq!(bench.machine.rooms(), 2);
    bench.pass(Duration::from_secs(3601));
    assert_eq!(bench.machine.rooms(), 1, "nobody came to the other one");
}

#[test]
fn refusals_have_codes_and_change_nothing() {
    let limits = Limits { rooms: RoomLimits { rooms_max: 1, ..RoomLimits::default() }, ..Limits::default() };
    let mut bench = Bench::with(limits);
    let (ann, _) = bench.join("tide", "ann");
    let eve = bench.connect();
    for (message, code) in [
        (json!({"id": "join", "room": "tide", "name": "ann"}), "nameTaken"),
        (json!({"id": "join", "room": "tide", "name": " "}), "badName"),
        (json!({"id": "join", "room": "", "name": "eve"}), "badName"),
        (json!({"id": "join", "room": "ebb", "name": "eve"}), "tooManyRooms"),
        (json!({"id": "joinRoom", "room": "tide", "name": "ann"}), "nameTaken"),
        (json!({"id": "createRoom", "sizeMax": 1}), "badSize"),
        (json!({"id": "createRoom", "sizeMax": 1000}), "badSize"),
        (json!({"id": "leave"}), "notInRoom"),
        (json!({"id": "chat", "text": "hello"}), "notInRoom"),
        (json!({"id": "view", "tracks": []}), "notInRoom"),
    ] {
        let heard = bench.ask(eve, message.clone());
        assert_eq!((&heard["id"], &heard["code"]), (&json!("error"), &json!(code)), "{message}");
    }
    for (message, code) in [
        (json!({"id": "join", "room": "tide", "name": "ann"}), "alreadyInRoom"),
        (json!({"id": "mute", "track": "t999", "muted": true}), "unknownTrack"),
        (json!({"id": "mute", "track": "", "muted": true}), "unknownTrack"),
        (json!({"id": "answer", "version": 1, "sdpAnswer": ""}), "staleAnswer"),
        (json!({"id": "receiveVideoFrom", "sender": "ann", "sdpOffer": ""}), "otherForm"),
        (json!({"id": "onIceCandidate", "name": "ann", "candidate": {"candidate": ""}}), "otherForm"),
        (json!({"id": "moderate", "action": "remove", "participant": "p999"}), "unknownParticipant"),
        (json!({"id": "moderate", "action": "mute", "track": "t9"}), "unknownTrack"),
        (json!({"id": "react", "reaction": ""}), "badText"),
        (json!({"id": "chat", "text": " "}), "badText"),
        (json!({"id": "chat", "text": "x".repeat(2001)}), "tooLong"),
    ] {
        assert_eq!(bench.ask(ann, message.clone())["code"], code, "{message}");
    }
    assert_eq!((bench.machine.rooms(), bench.machine.participants()), (1, 1));
}

#[test]
fn a_lost_socket_is_resumed_without_the_others_seeing_anybody_leave() {
    let mut bench = Bench::new();
    let (ann, _) = bench.join("tide", "ann");
    let (ben, joined) = bench.join("tide", "ben");
    let tracks = bench.publish(ben, &["microphone"]);
    bench.publish(ann, &["camera"]);
    bench.answer_offers(ann);
    let offers: Vec<Value> = bench.heard(ben).into_iter().filter(|heard| heard["id"] == "offer").collect();
    bench.disconnect(ben, Departure::Lost);
    assert_eq!(bench.heard_ids(ann), ["participantAway"]);
    bench.pass(Duration::from_secs(29));
    let again = bench.connect();
    let resume = json!({"id": "join", "room": "tide", "name": "ben", "resumeToken": joined["resumeToken"]});
    bench.say(again, resume.clone());
    let heard = bench.heard(again);
    assert_eq!((&heard[0]["id"], &heard[0]["resumed"]), (&json!("joined"), &json!(true)));
    assert_eq!(heard[0]["participant"], joined["participant"]);
    assert_eq!(heard[0]["tracks"][0]["track"], json!(tracks[0]));
    assert_eq!(heard[1], offers[0], "the offer that was not answered comes again");
    assert_eq!(bench.heard_ids(ann), ["participantBack"]);
    let answer = json!({"id": "answer", "version": offers[0]["version"], "sdpAnswer": "", "request": 5});
    assert_eq!(bench.ask(again, answer), json!({"id": "done", "request": 5}));

    // A socket that hangs is replaced.
    let third = bench.connect();
    bench.say(third, resume);
    assert_eq!(bench.world.closed, [(again, CloseReason::Replaced)]);
    assert_eq!(bench.heard(ann), [] as [Value; 0], "the others see nothing of it");

    // Who does not come back is gone.
    bench.disconnect(third, Departure::Lost);
    bench.pass(Duration::from_secs(31));
    assert_eq!(bench.heard_ids(ann), ["participantAway", "participantLeft"]);
    assert_eq!(bench.machine.participants(), 1);
}

#[test]
fn a_page_that_is_closed_is_gone_at_once_and_one_that_is_reloaded_comes_anew() {
    let mut bench = Bench::new();
    let (ann, joined) = bench.join("tide", "ann");
    let (ben, _) = bench.join("tide", "ben");
    bench.heard(ann);
    bench.disconnect(ben, Departure::GoneAway);
    assert_eq!(bench.heard(ann)[0]["reason"], "left");
    bench.say(ann, json!({"id": "moderate", "action": "lock", "locked": true}));
    bench.disconnect(ann, Departure::Lost);
    let again = bench.connect();
    let token = &joined["resumeToken"];
    let reload = json!({"id": "join", "room": "tide", "name": "ann", "resumeToken": token, "fresh": true});
    let heard = bench.ask(again, reload);
    assert_ne!(heard["participant"], joined["participant"]);
    assert_eq!((&heard["moderator"], &heard["resumed"]), (&json!(true), &Value::Null));
    assert_eq!(heard["locked"], true, "the lock does not keep out who was in");
}

#[test]
fn moderators_mute_remove_promote_lock_and_end() {
    let mut bench = Bench::new();
    let (ann, _) = bench.join("tide", "ann");
    let (ben, ben_joined) = bench.join("tide", "ben");
    let (eve, _) = bench.join("tide", "eve");
    let voice = bench.publish(ben, &["microphone"]).remove(0);
    for everybody in [ann, ben, eve] {
        bench.answer_offers(everybody);
    }
    for action in [
        json!({"action": "mute", "track": voice}),
        json!({"action": "muteAll"}),
        json!({"action": "remove", "participant": ben_joined["participant"]}),
        json!({"action": "promote", "participant": ben_joined["participant"]}),
        json!({"action": "lock", "locked": true}),
        json!({"action": "end"}),
    ] {
        let mut message = action;
        message["id"] = json!("moderate");
        assert_eq!(bench.ask(eve, message.clone())["code"], "notModerator", "{message}");
    }
    bench.heard(ben);
    bench.say(ann, json!({"id": "moderate", "action": "muteAll"}));
    let muted = json!({"id": "trackMuted", "participant": ben_joined["participant"], "track": voice, "muted": true, "byModerator": true});
    assert_eq!((bench.heard(ben), bench.heard(eve)), (vec![muted.clone()], vec![muted]));
    bench.assert_settled();
    bench.say(ben, json!({"id": "mute", "track": voice, "muted": false}));
    assert_eq!(bench.heard(eve)[0]["muted"], false);
    assert_eq!(bench.ask(eve, json!({"id": "mute", "track": voice, "muted": true}))["code"], "notYourTrack");

    bench.say(ann, json!({"id": "moderate", "action": "lock", "locked": true}));
    let dan = bench.connect();
    assert_eq!(bench.ask(dan, json!({"id": "join", "room": "tide", "name": "dan"}))["code"], "roomLocked");
    bench.heard(ben);
    bench.say(ann, json!({"id": "moderate", "action": "remove", "participant": ben_joined["participant"], "reason": "noise"}));
    assert_eq!(bench.heard(ben), [json!({"id": "removed", "reason": "noise"})]);
    let left = bench.heard(eve).into_iter().find(|heard| heard["id"] == "participantLeft");
    assert_eq!(left.expect("news")["reason"], "removed");
    assert_eq!(bench.ask(ben, json!({"id": "leave"}))["code"], "notInRoom", "the socket lives on");
    bench.say(ann, json!({"id": "chat", "text": "between us"}));
    bench.say(ann, json!({"id": "moderate", "action": "end"}));
    assert_eq!(bench.heard(eve).last(), Some(&json!({"id": "roomEnded", "reason": "ended"})));
    bench.assert_nothing_left();
    let (_, anew) = bench.join("tide", "eve");
    assert_eq!(anew["messages"], json!([]), "what was said is forgotten with the room");
}

#[test]
fn a_promoted_participant_moderates() {
    let mut bench = Bench::new();
    let (ann, _) = bench.join("tide", "ann");
    let (ben, joined) = bench.join("tide", "ben");
    bench.say(ann, json!({"id": "moderate", "action": "promote", "participant": joined["participant"]}));
    let news = json!({"id": "moderator", "participant": joined["participant"], "moderator": true});
    assert_eq!(bench.heard(ben), [news]);
    let lock = json!({"id": "moderate", "action": "lock", "locked": true, "request": 1});
    bench.say(ben, lock);
    assert_eq!(bench.heard(ben).last(), Some(&json!({"id": "done", "request": 1})));
}

#[test]
fn who_floods_is_refused_and_stays() {
    let rooms = RoomLimits { messages: Rate { per_second: 1, at_once: 5 }, ..RoomLimits::default() };
    let mut bench = Bench::with(Limits { rooms, ..Limits::default() });
    let (ann, _) = bench.join("tide", "ann");
    for _ in 0..10 {
        bench.say(ann, json!({"id": "typing", "typing": true, "request": 1}));
    }
    let codes: Vec<Value> = bench.heard(ann).into_iter().map(|heard| heard["code"].clone()).collect();
    assert_eq!(codes.iter().filter(|code| **code == "tooFast").count(), 6);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.ask(ann, json!({"id": "leave"})), json!({"id": "left"}));
}

#[test]
fn a_shutdown_tells_everybody_and_closes() {
    let mut bench = Bench::new();
    let (ann, _) = bench.join("tide", "ann");
    let idle = bench.connect();
    bench.shutdown();
    assert_eq!(bench.heard(ann), [json!({"id": "roomEnded", "reason": "shutdown"})]);
    let reason = CloseReason::ShuttingDown;
    assert_eq!(bench.world.closed, [(ann, reason), (idle, reason)]);
    bench.assert_nothing_left();
    let late = bench.connect();
    assert_eq!(bench.world.closed.last(), Some(&(late, reason)));
}

#[test]
fn those_that_wait_for_a_rooms_history_come_in_together_or_give_up() {
    let mut bench = Bench::new();
    bench.world.is_slow = true;
    let (ann, ben) = (bench.connect(), bench.connect());
    bench.say(ann, json!({"id": "join", "room": "tide", "name": "ann"}));
    bench.say(ben, json!({"id": "join", "room": "tide", "name": "ben"}));
    assert_eq!(bench.ask(ann, json!({"id": "chat", "text": "hello"}))["code"], "busy");
    bench.disconnect(ann, Departure::Lost);
    assert!(bench.work(0), "the history comes");
    assert_eq!(bench.heard_ids(ben), ["joined"]);
    assert_eq!(bench.machine.participants(), 1);
}
