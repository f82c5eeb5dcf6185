//! Calls up to the point where media is needed, and what happens when there is none.

use crate::browser::Browser;
use crate::keel::Keel;
use keel_signaling::{Config, Limits, Token};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_call_rings_and_is_declined() {
    let keel = Keel::start(Config::default()).await;
    let (mut ann, _) = Browser::registered(&keel, "ann").await;
    let (mut ben, _) = Browser::registered(&keel, "ben").await;
    ann.say(json!({"id": "call", "from": "ann", "to": "ben", "sdpOffer": "v=0"})).await;
    assert_eq!(ben.hears().await, json!({"id": "incomingCall", "from": "ann"}));
    ben.say(
        json!({"id": "incomingCallResponse", "from": "ann", "callResponse": "reject", "message": "bussy"}),
    )
    .await;
    assert_eq!(ann.hears().await, json!({"id": "callResponse", "response": "rejected", "message": "bussy"}));
    assert_eq!(keel.metric("keel_calls_total{outcome=\"declined\"}").await, 1);
    assert_eq!(keel.metric("keel_calls_active").await, 0);
}

#[tokio::test]
async fn an_unknown_user_oneself_and_a_busy_user_cannot_be_called() {
    let keel = Keel::start(Config::default()).await;
    let (mut ann, _) = Browser::registered(&keel, "ann").await;
    let (mut ben, _) = Browser::registered(&keel, "ben").await;
    let (mut eve, _) = Browser::registered(&keel, "eve").await;
    ann.say(json!({"id": "call", "from": "ann", "to": "ben", "sdpOffer": "v=0"})).await;
    ben.hears().await;
    for (to, message) in [
        ("nobody", "the user is not registered"),
        ("eve", "you cannot call yourself"),
        ("ben", "the user is busy"),
    ] {
        eve.say(json!({"id": "call", "from": "eve", "to": to, "sdpOffer": "v=0"})).await;
        assert_eq!(
            eve.hears().await,
            json!({"id": "callResponse", "response": "rejected", "message": message})
        );
    }
    assert_eq!(keel.metric("keel_calls_active").await, 1);
}

#[tokio::test]
async fn nobody_answers_within_the_ring_time() {
    let limits = Limits { ring_max: Duration::from_millis(100), ..Limits::default() };
    let keel = Keel::start(Config { limits, ..Config::default() }).await;
    let (mut ann, _) = Browser::registered(&keel, "ann").await;
    let (mut ben, _) = Browser::registered(&keel, "ben").await;
    ann.say(json!({"id": "call", "from": "ann", "to": "ben", "sdpOffer": "v=0"})).await;
    assert_eq!(ben.hears().await["id"], "incomingCall");
    assert_eq!(ann.hears().await["message"], "no answer");
    assert_eq!(ben.hears().await, json!({"id": "stopCommunication", "message": "missed call"}));
}

#[tokio::test]
async fn a_callee_whose_page_vanishes_is_reported() {
    let keel = Keel::start(Config::default()).await;
    let (mut ann, _) = Browser::registered(&keel, "ann").await;
    let (mut ben, _) = Browser::registered(&keel, "ben").await;
    ann.say(json!({"id": "call", "from": "ann", "to": "ben", "sdpOffer": "v=0"})).await;
    ben.hears().await;
    drop(ben);
    assert_eq!(
        ann.hears().await,
        json!({"id": "callResponse", "response": "rejected", "message": "the other side has left"})
    );
}

#[tokio::test]
async fn both_are_told_when_the_media_server_cannot_serve_and_the_history_has_it() {
    let config = Config { admin_token: Token::new("root"), ..Config::default() };
    let keel = Keel::start(config).await;
    keel.media.stop().await;
    let (mut ann, _) = Browser::registered(&keel, "ann").await;
    let (mut ben, _) = Browser::registered(&keel, "ben").await;
    ann.say(json!({"id": "call", "from": "ann", "to": "ben", "sdpOffer": "v=0"})).await;
    ben.hears().await;
    ben.say(
        json!({"id": "incomingCallResponse", "from": "ann", "callResponse": "accept", "sdpOffer": "v=0"}),
    )
    .await;
    let message = "the media server has stopped";
    assert_eq!(ann.hears().await, json!({"id": "callResponse", "response": "rejected", "message": message}));
    assert_eq!(ben.hears().await, json!({"id": "stopCommunication", "message": message}));

    let calls = keel.get("/api/calls?limit=1", &[("authorization", "Bearer root")]).await.json();
    let call = &calls["calls"][0];
    assert_eq!((&call["from"], &call["to"]), (&json!("ann"), &json!("ben")));
    assert_eq!(call["outcome"], "failed");
    assert!(call["answered"].as_u64().expect("was accepted") >= call["started"].as_u64().expect("a time"));
    let next = calls["next"].as_str().expect("the page is full");
    let rest = keel.get(&format!("/api/calls?after={next}"), &[("authorization", "Bearer root")]).await;
    assert_eq!(rest.json(), json!({"calls": []}));
}
