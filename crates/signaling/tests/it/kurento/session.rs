//! Sessions, on the sockets that they belong to.

use super::application::{Application, MANAGER};
use crate::keel::{Keel, PATIENCE};
use keel_signaling::Config;
use serde_json::json;

#[tokio::test]
async fn requests_before_the_session_is_known_are_in_one() {
    let keel = Keel::start(Config::default()).await;
    let mut client = Application::open(&keel).await;
    for (method, params) in [
        ("ping", json!({"interval": 5000})),
        ("describe", json!({"object": MANAGER})),
        ("create", json!({"type": "MediaPipeline"})),
        ("create", json!({"type": "MediaPipeline"})),
    ] {
        client.post(method, params).await;
    }
    let mut sessions = Vec::new();
    for id in 0..4 {
        sessions.push(client.answer(id).await["result"]["sessionId"].clone());
    }
    assert!(sessions[0].is_null() && sessions[1].is_string());
    assert!(sessions[1] == sessions[2] && sessions[2] == sessions[3], "{sessions:?}");
    assert_eq!(keel.metric("keel_kurento_sessions").await, 1);
}

#[tokio::test]
async fn a_reconnected_client_has_its_objects_and_its_events() {
    let keel = Keel::start(Config::default()).await;
    let mut before = Application::open(&keel).await;
    let pipeline = before.create("MediaPipeline", json!({})).await;
    before.result("subscribe", json!({"object": MANAGER, "type": "ObjectCreated"})).await;
    let session = before.session.clone();
    drop(before);

    let mut after = Application::open(&keel).await;
    assert_eq!(after.result("ping", json!(null)).await, json!({"value": "pong"}));
    let connected = after.result("connect", json!({"sessionId": session})).await;
    assert_eq!(connected["sessionId"], json!(session));
    let server = connected["serverId"].clone();
    assert_eq!(after.name_of(&pipeline).await, json!(pipeline));
    let another = after.create("MediaPipeline", json!({})).await;
    assert_eq!(after.event("ObjectCreated").await["data"]["object"], json!(another));
    assert_eq!(after.result("connect", json!({})).await["serverId"], server, "one server");
}

#[tokio::test]
async fn a_session_that_is_not_there_cannot_be_resumed_but_used() {
    let keel = Keel::start(Config::default()).await;
    let mut client = Application::open(&keel).await;
    let refusal = client.refusal("connect", json!({"sessionId": "123456"})).await;
    let invalid = json!({"code": 40007, "message": "Invalid session", "data": {"type": "INVALID_SESSION"}});
    assert_eq!(refusal, invalid);
    assert_eq!(client.refusal("keepAlive", json!({"sessionId": "123456"})).await, invalid);
    let refs = json!({"sessionId": "123456", "object": MANAGER});
    assert_eq!(client.refusal("ref", refs.clone()).await, invalid);
    assert_eq!(client.refusal_code("keepAlive", json!({})).await, -32000, "it has none, and names none");
    // The JavaScript client goes on with the session that it lost.
    client.session = Some("123456".to_owned());
    let stale =
        client.refusal_code("invoke", json!({"object": "1_kurento.MediaPipeline", "operation": "getName"}));
    assert_eq!(stale.await, 40101);
    client.create("MediaPipeline", json!({})).await;
    assert_eq!(client.session.as_deref(), Some("123456"));
    for method in ["connect", "keepAlive", "ref", "unref"] {
        client.result(method, refs.clone()).await;
    }
}

#[tokio::test]
async fn the_last_socket_that_uses_a_session_gets_its_events() {
    let keel = Keel::start(Config::default()).await;
    let mut first = Application::open(&keel).await;
    first.result("subscribe", json!({"object": MANAGER, "type": "ObjectCreated"})).await;
    let mut second = Application::open(&keel).await;
    second.session = first.session.clone();
    let theirs = second.create("MediaPipeline", json!({})).await;
    assert_eq!(second.event("ObjectCreated").await["data"]["object"], json!(theirs));
    let ours = first.create("MediaPipeline", json!({})).await;
    assert_eq!(first.event("ObjectCreated").await["data"]["object"], json!(ours), "not the one before");
}

#[tokio::test]
async fn a_closed_session_leaves_what_others_hold_unless_it_says_otherwise() {
    let keel = Keel::start(Config::default()).await;
    let mut guest = Application::open(&keel).await;
    for (release, survives) in [(json!(null), true), (json!(false), true), (json!(true), false)] {
        let mut maker = Application::open(&keel).await;
        let shared = maker.create("MediaPipeline", json!({})).await;
        let own = maker.create("MediaPipeline", json!({})).await;
        guest.name_of(&shared).await;
        let session = maker.session.clone();
        let closed = maker.result("closeSession", json!({"release": release})).await;
        assert_eq!(closed, json!({"sessionId": session}), "an object, for the JavaScript client");
        assert_eq!(maker.refusal_code("connect", json!({})).await, 40007);
        let get_name = |object: &str| json!({"object": object, "operation": "getName"});
        assert_eq!(guest.refusal_code("invoke", get_name(&own)).await, 40101);
        if survives {
            guest.result("invoke", get_name(&shared)).await;
        } else {
            assert_eq!(guest.refusal_code("invoke", get_name(&shared)).await, 40101);
        }
    }
}

#[tokio::test]
async fn a_session_without_objects_ends_with_its_socket() {
    let keel = Keel::start(Config::default()).await;
    let mut idle = Application::open(&keel).await;
    let session = idle.result("connect", json!({})).await["sessionId"].clone();
    idle.close().await;
    let mut next = Application::open(&keel).await;
    assert_eq!(next.refusal_code("connect", json!({"sessionId": session})).await, 40007);
}

#[tokio::test]
async fn a_shutdown_closes_with_1001_and_releases_everything() {
    let keel = Keel::start(Config::default()).await;
    let mut client = Application::open(&keel).await;
    let pipeline = client.create("MediaPipeline", json!({})).await;
    client.create("PassThrough", json!({"mediaPipeline": pipeline})).await;
    assert_eq!(keel.metric("keel_pipelines").await, 1);
    let (closed, ()) = tokio::join!(client.is_closed_with(), keel.state.shutdown(PATIENCE));
    assert_eq!(closed, (1001, "the server is shutting down".to_owned()));
    for gauge in ["keel_pipelines", "keel_kurento_sockets", "keel_kurento_sessions"] {
        assert_eq!(keel.metric(gauge).await, 0, "{gauge}");
    }
    assert_eq!(keel.metric("keel_kurento_objects{class=\"MediaPipeline\"}").await, 0);
    assert_eq!(Application::try_open(&keel, "/kurento", &[]).await.err(), Some(503));
}
