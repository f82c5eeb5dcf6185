//! What is too big, too much, too deep, or somebody else's.

use super::application::{Application, MANAGER};
use crate::keel::Keel;
use keel_signaling::{Config, KurentoConfig, Rate};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

/// A `ping` of so many bytes.
fn ping(bytes: usize, id: u64) -> String {
    let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping","params":{{"x":""}}}}"#);
    let filler = "x".repeat(bytes - text.len());
    text.replace(r#""x":"""#, &format!(r#""x":"{filler}""#))
}

#[tokio::test]
async fn a_million_bytes_are_a_request_one_more_is_an_error_and_four_mebibytes_are_the_end() {
    let keel = Keel::start(Config::default()).await;
    let mut witness = Application::open(&keel).await;
    let mut client = Application::open(&keel).await;
    client.say(&ping(1_000_000, 5)).await;
    assert_eq!(client.hears().await["result"]["value"], "pong");
    client.say(&ping(1_000_001, 6)).await;
    let refused = client.hears().await;
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(6), &json!(-32600)));
    client.say(&ping(4 << 20, 7)).await;
    assert_eq!(client.hears().await["error"]["code"], -32600);
    client.push(Message::text(ping((4 << 20) + 1, 8))).await;
    assert_eq!(client.is_closed_with().await.0, 1009);
    witness.result("ping", json!({})).await;
}

#[tokio::test]
async fn frames_that_break_the_protocol_close_the_socket() {
    let keel = Keel::start(Config::default()).await;
    let mut client = Application::open(&keel).await;
    let broken = tokio_tungstenite::tungstenite::protocol::frame::Frame::message(
        &b"\xff\xfe"[..],
        tokio_tungstenite::tungstenite::protocol::frame::coding::OpCode::Data(
            tokio_tungstenite::tungstenite::protocol::frame::coding::Data::Text,
        ),
        true,
    );
    client.send(Message::Frame(broken)).await;
    assert_eq!(client.is_closed_with().await.0, 1007);
}

#[tokio::test]
async fn long_and_deep_values_get_errors() {
    let keel = Keel::start(Config::default()).await;
    let mut client = Application::open(&keel).await;
    let long = "x".repeat(900_000);
    for (method, params, code) in [
        ("describe", json!({"object": long}), 40101),
        ("create", json!({"type": long}), 40108),
        (long.as_str(), json!({}), -32601),
        ("connect", json!({"sessionId": long}), 40007),
        ("subscribe", json!({"object": MANAGER, "type": long}), 40106),
        ("invoke", json!({"object": MANAGER, "operation": long}), 40008),
    ] {
        assert_eq!(client.refusal_code(method, params).await, code);
    }
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{}{}}}"#,
        r#"{"x":"#.repeat(5_000),
        "}".repeat(5_000)
    );
    client.say(&deep).await;
    assert_eq!(client.hears().await["error"]["code"], -32700);
    client.result("ping", json!({})).await;
}

#[tokio::test]
async fn who_guesses_finds_nothing() {
    let keel = Keel::start(Config::default()).await;
    let mut owner = Application::open(&keel).await;
    let pipeline = owner.create("MediaPipeline", json!({})).await;
    let mut guesser = Application::open(&keel).await;
    let uuid = pipeline.split('_').next().expect("a part").to_owned();
    for object in [
        uuid.clone(),
        format!("{uuid}_kurento.WebRtcEndpoint"),
        format!("{pipeline}/"),
        format!("{pipeline}/x_kurento.PassThrough"),
        pipeline.to_uppercase(),
        String::new(),
        "_kurento.MediaPipeline".to_owned(),
    ] {
        assert_eq!(guesser.refusal_code("describe", json!({"object": object})).await, 40101, "{object:?}");
        guesser.result("release", json!({"object": object})).await;
    }
    guesser.result("release", json!({"object": MANAGER})).await;
    owner.name_of(MANAGER).await;
    owner.name_of(&pipeline).await;
}

#[tokio::test]
async fn a_flood_is_slowed_down_answered_whole_and_holds_up_nobody_else() {
    let requests_per_address = Rate { per_second: 1_000, at_once: 100 };
    let kurento = KurentoConfig { requests_per_address, ..KurentoConfig::default() };
    let keel = Keel::start(Config { kurento, ..Config::default() }).await;
    let mut flood = Application::open(&keel).await;
    let begin = Instant::now();
    for _ in 0..600 {
        flood.post("ping", json!({})).await;
    }
    for id in 0..600 {
        assert_eq!(flood.answer(id).await["result"]["value"], "pong");
    }
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(450), "{took:?} for 500 more than may come at once");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off_and_others_are_not() {
    let kurento = KurentoConfig {
        events_per_socket_max: 4,
        write_max: Duration::from_millis(500),
        ..KurentoConfig::default()
    };
    let keel = Keel::start(Config { kurento, ..Config::default() }).await;
    let mut deaf = Application::open(&keel).await;
    deaf.result("subscribe", json!({"object": MANAGER, "type": "ObjectCreated"})).await;
    // Answers of a megabyte fill the system's buffers; the events that come meanwhile have no room.
    let pipeline = deaf.create("MediaPipeline", json!({})).await;
    deaf.invoke(&pipeline, "setName", json!({"name": "x".repeat(900_000)})).await;
    for _ in 0..40 {
        deaf.post("invoke", json!({"object": pipeline, "operation": "getName"})).await;
    }
    let mut lively = Application::open(&keel).await;
    for _ in 0..8 {
        lively.create("MediaPipeline", json!({})).await;
    }
    assert_eq!(deaf.is_closed_with().await.0, 1008);
    lively.create("MediaPipeline", json!({})).await;
}

#[tokio::test]
async fn a_silent_client_is_closed_and_one_that_answers_pings_is_not() {
    let kurento = KurentoConfig {
        ping_every: Duration::from_millis(50),
        silence_max: Duration::from_millis(500),
        ..KurentoConfig::default()
    };
    let keel = Keel::start(Config { kurento: kurento.clone(), ..Config::default() }).await;
    let mut quiet = Application::open(&keel).await;
    let used = quiet.invoke(MANAGER, "getUsedCpu", json!({"interval": 1500}));
    assert!(used.await.is_number(), "three times the silence that would end it");
    quiet.result("ping", json!({})).await;

    let never_pings = KurentoConfig { ping_every: Duration::from_secs(3600), ..kurento };
    let keel = Keel::start(Config { kurento: never_pings, ..Config::default() }).await;
    let mut silent = Application::open(&keel).await;
    silent.result("ping", json!({"interval": 1})).await;
    assert_eq!(silent.is_closed_with().await, (1008, "no sign of life".to_owned()));
}
