//! Group calls over real sockets: messages, bad input, floods, slow readers, resumption, the end. What media
//! does is told in `crates/testkit/tests/it/room.rs`.

use crate::browser::Browser;
use crate::keel::{Keel, PATIENCE};
use keel_signaling::{Config, IceServer, Limits, Rate, RoomLimits, Store, Token};
use serde_json::{Value, json};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

async fn open(keel: &Keel) -> Browser {
    Browser::try_open(keel, "/groupcall", &[]).await.expect("the socket opens")
}

/// Somebody in the room `tide`, and what it heard on entering.
async fn join(keel: &Keel, name: &str) -> (Browser, Value) {
    let mut browser = open(keel).await;
    browser.say(json!({"id": "join", "room": "tide", "name": name, "request": 1})).await;
    let joined = browser.hears().await;
    assert_eq!((&joined["id"], &joined["request"]), (&json!("joined"), &json!(1)), "{joined}");
    (browser, joined)
}

#[tokio::test]
async fn people_join_write_and_leave() {
    let ice_servers =
        vec![IceServer { urls: vec!["stun:stun.example".to_owned()], username: None, credential: None }];
    let keel = Keel::start(Config { ice_servers, ..Config::default() }).await;
    let (mut ann, joined) = join(&keel, "ann").await;
    assert_eq!(joined["iceServers"], json!([{"urls": ["stun:stun.example"]}]));
    let (mut ben, _) = join(&keel, "ben").await;
    assert_eq!(ann.hears().await["name"], "ben");
    assert_eq!((keel.metric("keel_rooms").await, keel.metric("keel_participants").await), (1, 2));
    ann.say(json!({"id": "chat", "text": "<b>hello</b>"})).await;
    assert_eq!(ann.hears().await["id"], "chatSent");
    assert_eq!(ben.hears().await["text"], "<b>hello</b>", "text is text");
    ben.say(json!({"id": "leave", "request": 2})).await;
    assert_eq!(ben.hears().await, json!({"id": "left", "request": 2}));
    assert_eq!(ann.hears().await["id"], "participantLeft");
    assert_eq!(keel.metric("keel_chat_messages_total").await, 1);
    assert_eq!(keel.metric("keel_room_joins_total{result=\"joined\"}").await, 2);
}

#[tokio::test]
async fn bad_input_on_every_message_is_answered_by_code_and_the_socket_lives() {
    let keel = Keel::start(Config::default()).await;
    let mut browser = open(&keel).await;
    let long = json!({"id": "chat", "text": "x".repeat(64 << 10)}).to_string();
    for (frame, code) in [
        (Message::text("hello"), "badMessage"),
        (Message::text("{}"), "badMessage"),
        (Message::text(r#"{"id":"dance"}"#), "unknownId"),
        (Message::binary(vec![1, 2, 3]), "badMessage"),
        (Message::text(long), "tooLong"),
        (Message::text(r#"{"id":"join","room":7,"name":"a"}"#), "badMessage"),
        (Message::text(r#"{"id":"join","room":"a","name":""}"#), "badName"),
        (Message::text(r#"{"id":"createRoom","sizeMax":1}"#), "badSize"),
        (Message::text(r#"{"id":"leaveRoom"}"#), "notInRoom"),
    ] {
        browser.send(frame).await;
        let heard = browser.hears().await;
        assert_eq!((&heard["id"], &heard["code"]), (&json!("error"), &json!(code)));
        assert!(heard["message"].as_str().is_some_and(|words| !words.is_empty()));
    }
    browser.say(json!({"id": "dance", "request": 9})).await;
    assert_eq!(browser.hears().await["request"], 9, "also of what cannot be read otherwise");
    let (mut ann, _) = join(&keel, "ann").await;
    for (message, code) in [
        (json!({"id": "join", "room": "tide", "name": "ann"}), "alreadyInRoom"),
        (json!({"id": "publish", "sdpOffer": "v=0", "tracks": []}), "badSdp"),
        (json!({"id": "publish", "sdpOffer": "", "tracks": [{"mid": "0", "source": "camera"}]}), "badSdp"),
        (json!({"id": "publish", "sdpOffer": "v=0", "tracks": [{"mid": "0"}]}), "badMessage"),
        (json!({"id": "answer", "version": 1, "sdpAnswer": "v=0"}), "staleAnswer"),
        (json!({"id": "answer", "version": "1", "sdpAnswer": "v=0"}), "badMessage"),
        (json!({"id": "onIceCandidate", "candidate": {"candidate": "x"}}), "otherForm"),
        (json!({"id": "view", "tracks": 4}), "badMessage"),
        (json!({"id": "mute", "track": "t0", "muted": true}), "unknownTrack"),
        (json!({"id": "chat", "text": "\u{0}"}), "badText"),
        (json!({"id": "history", "before": -4}), "badMessage"),
        (json!({"id": "typing"}), "badMessage"),
        (json!({"id": "react", "reaction": "two words"}), "badText"),
        (json!({"id": "moderate", "action": "remove", "participant": "p0"}), "unknownParticipant"),
        (json!({"id": "receiveVideoFrom", "sender": "ann", "sdpOffer": ""}), "otherForm"),
    ] {
        ann.say(message.clone()).await;
        assert_eq!(ann.hears().await["code"], code, "{message}");
    }
    ann.say(json!({"id": "openData", "request": "one"})).await;
    assert_eq!(ann.hears().await["code"], "badMessage");
    // A candidate that is none is no error of the session: the peer can connect without it.
    ann.say(json!({"id": "onIceCandidate", "connection": "publish", "candidate": {"candidate": "x"}, "request": 5})).await;
    assert_eq!(ann.hears().await, json!({"id": "done", "request": 5}));
    let mut old = open(&keel).await;
    old.say(json!({"id": "joinRoom", "name": "old", "room": "tide"})).await;
    assert_eq!(old.hears().await["id"], "existingParticipants");
    old.say(json!({"id": "receiveVideoFrom", "sender": "old", "sdpOffer": "v=0"})).await;
    assert_eq!(old.hears().await["code"], "badSdp");
    old.say(json!({"id": "openData", "request": 2})).await;
    assert_eq!(old.hears().await["code"], "otherForm");
    ann.say(json!({"id": "leave"})).await;
    drop((ann, old));
    until_metric(&keel, "keel_participants", 0).await;
    until_metric(&keel, "keel_pipelines", 0).await;
    assert_eq!(keel.metric("keel_signaling_errors_total{kind=\"staleAnswer\"}").await, 1);
}

#[tokio::test]
async fn who_asks_for_data_channels_is_offered_them_also_before_anybody_publishes() {
    let keel = Keel::start(Config::default()).await;
    let (mut ann, _) = join(&keel, "ann").await;
    ann.say(json!({"id": "openData", "request": 1})).await;
    assert_eq!(ann.hears().await, json!({"id": "done", "request": 1}));
    let offer = ann.hears().await;
    assert_eq!((&offer["id"], &offer["tracks"]), (&json!("offer"), &json!([])));
    let sdp = offer["sdpOffer"].as_str().expect("a description");
    assert_eq!((sdp.matches("\r\nm=").count(), sdp.matches("m=application").count()), (1, 1), "{sdp}");
    ann.say(json!({"id": "answer", "version": offer["version"], "sdpAnswer": "v=0"})).await;
    loop {
        let heard = ann.hears().await;
        if heard["id"] != "iceCandidate" {
            assert_eq!(heard["code"], "badSdp");
            break;
        }
    }
    assert_eq!(keel.metric("keel_data_participants").await, 1);
    drop(ann);
}

#[tokio::test]
async fn the_administrator_sees_who_is_in_which_room() {
    let keel = Keel::start(Config { admin_token: Token::new("root"), ..Config::default() }).await;
    let admin = [("authorization", "Bearer root")];
    assert_eq!(keel.get("/api/rooms", &admin).await.json(), json!({"rooms": []}));
    let (mut ann, joined) = join(&keel, "ann").await;
    ann.say(json!({"id": "createRoom", "room": "ebb", "sizeMax": 4})).await;
    assert_eq!(ann.hears().await["id"], "roomCreated");
    let page = keel.get("/api/rooms?limit=1", &admin).await.json();
    let ebb = json!({"room": "ebb", "sizeMax": 4, "locked": false, "moderated": false, "pipeline": null, "participants": []});
    assert_eq!(page, json!({"rooms": [ebb], "next": "ebb"}));
    let rest = keel.get("/api/rooms?after=ebb", &admin).await.json();
    let tide = &rest["rooms"][0];
    assert_eq!((&tide["room"], &tide["moderated"], rest.get("next")), (&json!("tide"), &json!(true), None));
    let ann_seen = json!([{
        "participant": joined["participant"], "name": "ann", "moderator": true, "away": false, "kurento": false,
        "quality": "good", "tracks": [],
    }]);
    assert_eq!(tide["participants"], ann_seen);
}

#[tokio::test]
async fn a_socket_that_is_lost_is_resumed_and_one_that_is_closed_leaves() {
    let keel = Keel::start(Config::default()).await;
    let (mut ann, _) = join(&keel, "ann").await;
    let (ben, joined) = join(&keel, "ben").await;
    ann.hears().await;
    drop(ben);
    assert_eq!(ann.hears().await, json!({"id": "participantAway", "participant": joined["participant"]}));
    let mut again = open(&keel).await;
    let resume = json!({"id": "join", "room": "tide", "name": "ben", "resumeToken": joined["resumeToken"]});
    again.say(resume).await;
    let resumed = again.hears().await;
    assert_eq!((&resumed["resumed"], &resumed["participant"]), (&json!(true), &joined["participant"]));
    assert_eq!(ann.hears().await["id"], "participantBack");
    again.goes_away().await;
    assert_eq!(ann.hears().await["reason"], "left");
    assert_eq!(keel.metric("keel_room_joins_total{result=\"resumed\"}").await, 1);
}

#[tokio::test]
async fn who_does_not_come_back_in_time_is_gone() {
    let rooms = RoomLimits { resume_max: Duration::from_millis(100), ..RoomLimits::default() };
    let keel =
        Keel::start(Config { limits: Limits { rooms, ..Limits::default() }, ..Config::default() }).await;
    let (mut ann, _) = join(&keel, "ann").await;
    let (ben, _) = join(&keel, "ben").await;
    ann.hears().await;
    drop(ben);
    assert_eq!(ann.hears().await["id"], "participantAway");
    assert_eq!(ann.hears().await["reason"], "lost");
}

#[tokio::test]
async fn moderators_remove_lock_and_end() {
    let keel = Keel::start(Config::default()).await;
    let (mut ann, _) = join(&keel, "ann").await;
    let (mut ben, joined) = join(&keel, "ben").await;
    ann.hears().await;
    ann.say(json!({"id": "moderate", "action": "lock", "locked": true})).await;
    assert_eq!(ben.hears().await, json!({"id": "roomLocked", "locked": true}));
    let mut eve = open(&keel).await;
    eve.say(json!({"id": "join", "room": "tide", "name": "eve"})).await;
    assert_eq!(eve.hears().await["code"], "roomLocked");
    ann.say(json!({"id": "moderate", "action": "remove", "participant": joined["participant"]})).await;
    assert_eq!(ben.hears().await["id"], "removed");
    assert_eq!(ann.hears().await["id"], "roomLocked");
    assert_eq!(ann.hears().await["reason"], "removed");
    ann.say(json!({"id": "moderate", "action": "end", "request": 3})).await;
    assert_eq!(ann.hears().await, json!({"id": "done", "request": 3}));
    assert_eq!(ann.hears().await["id"], "roomEnded");
    until_metric(&keel, "keel_rooms", 0).await;
    until_metric(&keel, "keel_pipelines", 0).await;
}

#[tokio::test]
async fn history_survives_a_restart_and_reaches_a_late_joiner_in_pages() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keel.redb");
    let chat = Rate { per_second: 1000, at_once: 1000 };
    let rooms = RoomLimits { chat, messages: chat, ..RoomLimits::default() };
    let config = Config { limits: Limits { rooms, ..Limits::default() }, ..Config::default() };
    let keel = Keel::with_store(config.clone(), Store::open(&path).expect("a new file")).await;
    let (mut ann, _) = join(&keel, "ann").await;
    for number in 0..60 {
        ann.say(json!({"id": "chat", "text": format!("{number}")})).await;
        assert_eq!(ann.hears().await["id"], "chatSent");
    }
    keel.state.shutdown(PATIENCE).await;
    drop(keel);

    let keel = Keel::with_store(config, Store::open(&path).expect("the same file")).await;
    let (mut late, joined) = join(&keel, "late").await;
    let messages = joined["messages"].as_array().expect("a list");
    assert_eq!((messages.len(), &joined["more"]), (50, &json!(true)));
    assert_eq!((&messages[0]["text"], &messages[0]["name"]), (&json!("10"), &json!("ann")));
    late.say(json!({"id": "history", "before": messages[0]["message"], "count": 4, "request": 2})).await;
    let page = late.hears().await;
    assert_eq!(
        (&page["id"], &page["request"], &page["more"]),
        (&json!("chatHistory"), &json!(2), &json!(true))
    );
    let texts: Vec<&str> = page["messages"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|message| message["text"].as_str())
        .collect();
    assert_eq!(texts, ["6", "7", "8", "9"]);
}

#[tokio::test]
async fn who_floods_is_refused_and_who_does_not_read_is_cut_off() {
    let rooms = RoomLimits {
        messages: Rate { per_second: 100_000, at_once: 100_000 },
        chat: Rate { per_second: 100_000, at_once: 100_000 },
        ..RoomLimits::default()
    };
    let limits = Limits {
        rooms,
        messages_per_address: Rate { per_second: 100_000, at_once: 100_000 },
        outgoing_messages_max: 4,
        write_max: Duration::from_secs(60),
        ..Limits::default()
    };
    let keel = Keel::start(Config { limits, ..Config::default() }).await;
    let (mut ann, _) = join(&keel, "ann").await;
    let (mut deaf, _) = join(&keel, "deaf").await;
    assert_eq!(ann.hears().await["name"], "deaf");
    let text = "x".repeat(2000);
    loop {
        ann.say(json!({"id": "chat", "text": text})).await;
        let heard = ann.hears().await;
        match heard["id"].as_str() {
            Some("chatSent") => {}
            Some("participantAway") => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(deaf.is_closed_with().await, 1008, "the one who did not read learns why, if it ever reads");

    let rooms = RoomLimits { chat: Rate { per_second: 1, at_once: 2 }, ..RoomLimits::default() };
    let keel =
        Keel::start(Config { limits: Limits { rooms, ..Limits::default() }, ..Config::default() }).await;
    let (mut ann, _) = join(&keel, "ann").await;
    for expected in ["chatSent", "chatSent", "error"] {
        ann.say(json!({"id": "chat", "text": "flood"})).await;
        assert_eq!(ann.hears().await["id"], expected);
    }
}

#[tokio::test]
async fn the_door_checks_tokens_and_origins_and_a_shutdown_says_so() {
    let config =
        Config { access_tokens: Token::new("open sesame").into_iter().collect(), ..Config::default() };
    let keel = Keel::start(config).await;
    assert_eq!(Browser::try_open(&keel, "/groupcall", &[]).await.err(), Some(401));
    let foreign = [("origin", "https://evil.example")];
    assert_eq!(
        Browser::try_open(&keel, "/groupcall?access_token=open%20sesame", &foreign).await.err(),
        Some(403)
    );
    let mut ann =
        Browser::try_open(&keel, "/groupcall?access_token=open%20sesame", &[]).await.expect("opens");
    ann.say(json!({"id": "join", "room": "tide", "name": "ann"})).await;
    assert_eq!(ann.hears().await["id"], "joined");
    let told = async {
        assert_eq!(ann.hears().await, json!({"id": "roomEnded", "reason": "shutdown"}));
        assert_eq!(ann.is_closed_with().await, 1001);
    };
    tokio::join!(keel.state.shutdown(PATIENCE), told);
    assert_eq!(Browser::try_open(&keel, "/groupcall?access_token=open%20sesame", &[]).await.err(), Some(503));
}

/// Waits until a gauge has this value: nothing tells that it changed, so it is read again and again.
async fn until_metric(keel: &Keel, name: &str, value: u64) {
    let reached = async {
        let mut looks = tokio::time::interval(Duration::from_millis(10));
        while keel.metric(name).await != value {
            looks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, reached)
        .await
        .unwrap_or_else(|_| panic!("{name} does not become {value}"));
}
