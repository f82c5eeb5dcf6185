//! Requests and answers as JSON-RPC.

use super::application::{Application, MANAGER};
use crate::keel::Keel;
use keel_signaling::Config;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn answers_are_those_of_kms() {
    let keel = Keel::start(Config::default()).await;
    let mut client = Application::open(&keel).await;
    client.say(r#"{"jsonrpc":"2.0","method":"ping","params":{"interval":5000},"id":0}"#).await;
    assert_eq!(client.hears().await, json!({"id": 0, "jsonrpc": "2.0", "result": {"value": "pong"}}));
    let described = client.result("describe", json!({"object": MANAGER})).await;
    assert_eq!(
        described,
        json!({
            "sessionId": client.session, "type": "ServerManager", "qualifiedType": "kurento.ServerManager",
            "hierarchy": ["kurento.MediaObject"],
        })
    );
    let pong = client.result("ping", json!({})).await;
    assert_eq!(pong, json!({"sessionId": client.session, "value": "pong"}));
}

#[tokio::test]
async fn what_is_no_request_is_answered_and_the_socket_lives() {
    let keel = Keel::start(Config::default()).await;
    let mut client = Application::open(&keel).await;
    let parse = json!({"code": -32700, "message": "Parse error.", "data": {"type": "PARSE_ERROR"}});
    let invalid =
        json!({"code": -32600, "message": "Invalid JSON-RPC request.", "data": {"type": "INVALID_REQUEST"}});
    for (text, error) in [
        ("hello".to_owned(), &parse),
        ("[".repeat(100_000), &parse),
        ("[]".to_owned(), &invalid),
        (r#"[{"jsonrpc":"2.0","method":"ping","id":1}]"#.to_owned(), &invalid),
        (r#"{"method":"ping","id":1}"#.to_owned(), &invalid),
    ] {
        client.say(&text).await;
        assert_eq!(client.hears().await, json!({"id": null, "jsonrpc": "2.0", "error": error}));
    }
    let unknown = client.refusal("dance", json!({})).await;
    assert_eq!(unknown, json!({"code": -32601, "message": "Method not found."}));
    let lacking = client.refusal("describe", json!({})).await;
    assert_eq!(lacking["code"], -32000);
    client.result("ping", json!({})).await;
    assert_eq!(keel.metric("keel_kurento_requests_total{method=\"unknown\",code=\"-32700\"}").await, 2);
}

#[tokio::test]
async fn requests_are_answered_in_order_and_notifications_not_at_all() {
    let keel = Keel::start(Config::default()).await;
    let mut client = Application::open(&keel).await;
    client.send(Message::binary(&br#"{"jsonrpc":"2.0","method":"ping","id":"bytes"}"#[..])).await;
    assert_eq!(client.hears().await["id"], "bytes", "kurento-client for Node sends no texts");
    client.say(r#"{"jsonrpc":"2.0","method":"dance"}"#).await;
    client.say(r#"{"jsonrpc":"2.0","method":"create","params":{"type":"MediaPipeline"}}"#).await;
    for _ in 0..300 {
        client.post("create", json!({"type": "MediaPipeline"})).await;
        client.post("invoke", json!({"object": MANAGER, "operation": "getPipelines"})).await;
    }
    for number in 0..300 {
        let created = client.answer(2 * number).await["result"]["value"].clone();
        let pipelines = client.answer(2 * number + 1).await["result"]["value"].clone();
        let pipelines = pipelines.as_array().expect("a list");
        assert_eq!(pipelines.len() as u64, number + 2, "the notification made one, too");
        assert!(pipelines.contains(&created));
    }
}

#[tokio::test]
async fn a_repeated_request_has_its_first_answer() {
    let keel = Keel::start(Config::default()).await;
    let mut client = Application::open(&keel).await;
    client.result("describe", json!({"object": MANAGER})).await;
    let create = |id: u64| {
        let params = json!({"type": "MediaPipeline", "sessionId": client.session});
        json!({"jsonrpc": "2.0", "id": id, "method": "create", "params": params}).to_string()
    };
    let (first, second) = (create(70), create(71));
    let mut answers = Vec::new();
    for text in [&first, &first, &second] {
        client.say(text).await;
        answers.push(client.hears().await);
    }
    assert_eq!(answers[0], answers[1]);
    assert_ne!(answers[0]["result"]["value"], answers[2]["result"]["value"]);
    assert_eq!(client.invoke(MANAGER, "getPipelines", json!({})).await.as_array().map(Vec::len), Some(2));

    // Another socket of the same session asks for itself.
    let mut other = Application::open(&keel).await;
    other.say(&first).await;
    assert_ne!(other.hears().await["result"]["value"], answers[0]["result"]["value"]);
}
