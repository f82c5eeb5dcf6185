//! What each method does, with real pipelines.

use super::application::{Application, MANAGER};
use crate::keel::Keel;
use keel_signaling::{Config, KurentoConfig};
use serde_json::{Value, json};

fn operation(id: u64, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

#[tokio::test]
async fn objects_are_made_used_and_released_with_their_children() {
    let keel = Keel::start(Config::default()).await;
    let mut client = Application::open(&keel).await;
    let pipeline = client.create("MediaPipeline", json!({})).await;
    assert!(pipeline.ends_with("_kurento.MediaPipeline"), "{pipeline}");
    let element = client.create("kurento.PassThrough", json!({"mediaPipeline": {"id": pipeline}})).await;
    assert!(element.starts_with(&format!("{pipeline}/")), "{element}");
    assert_eq!(client.name_of(&element).await, json!(element));
    assert_eq!(client.invoke(&element, "setName", json!({"name": "an element"})).await, Value::Null);
    assert_eq!(client.name_of(&element).await, "an element");
    assert_eq!(keel.metric("keel_kurento_objects{class=\"PassThrough\"}").await, 1);

    let session = client.session.clone();
    assert_eq!(client.result("release", json!({"object": pipeline})).await, json!({"sessionId": session}));
    for object in [&pipeline, &element] {
        let error = client.refusal("invoke", json!({"object": object, "operation": "getName"})).await;
        let message = format!("Object '{object}' not found");
        let data = json!({"type": "MEDIA_OBJECT_NOT_FOUND"});
        assert_eq!(error, json!({"code": 40101, "message": message, "data": data}));
        client.result("release", json!({"object": object})).await;
    }
    assert_eq!(keel.metric("keel_kurento_objects{class=\"PassThrough\"}").await, 0);
    assert_eq!(keel.metric("keel_pipelines").await, 0);
}

#[tokio::test]
async fn what_cannot_be_created_says_why() {
    let keel = Keel::start(Config::default()).await;
    let mut client = Application::open(&keel).await;
    for (params, code) in [
        (json!({"type": "Nonsense"}), 40108),
        (json!({"type": "MediaElement"}), 40108),
        (json!({"type": "ServerManager"}), 40108),
        (json!({"type": "elements.WebRtcEndpoint"}), 40108),
        (json!({"type": "PassThrough"}), 40001),
        (json!({"type": "PassThrough", "constructorParams": {"mediaPipeline": 7}}), 40001),
        (json!({"type": "PassThrough", "constructorParams": {"mediaPipeline": "no id"}}), 40101),
        (
            json!({"type": "PassThrough", "constructorParams": {"mediaPipeline": "1_kurento.MediaPipeline"}}),
            40101,
        ),
    ] {
        let error = client.refusal("create", params.clone()).await;
        assert_eq!(error["code"], code, "{params}: {error}");
    }
    let unknown = client.refusal("create", json!({"type": "Nonsense"})).await;
    assert_eq!(unknown["message"], "Factory 'Nonsense' not found");
    assert_eq!(client.invoke(MANAGER, "getPipelines", json!({})).await, json!([]));
}

#[tokio::test]
async fn what_a_class_lacks_says_so_after_that_the_object_lives() {
    let keel = Keel::start(Config::default()).await;
    let mut client = Application::open(&keel).await;
    let pipeline = client.create("MediaPipeline", json!({})).await;
    let dead = "1_kurento.MediaPipeline";
    for (method, params, code, message) in [
        (
            "invoke",
            json!({"operation": "dance", "operationParams": {"a": 1, "b": 2}}),
            40008,
            "Method 'dance' with 2 parameters not found",
        ),
        (
            "invoke",
            json!({"operation": "addTag", "operationParams": {"key": "k"}}),
            40001,
            "'value' parameter should be a string",
        ),
        ("subscribe", json!({"type": "Dance"}), 40106, "Event 'Dance' not supported"),
    ] {
        let mut living = params.clone();
        living["object"] = json!(pipeline);
        let error = client.refusal(method, living).await;
        assert_eq!((&error["code"], &error["message"]), (&json!(code), &json!(message)), "{params}");
        let mut gone = params;
        gone["object"] = json!(dead);
        assert_eq!(client.refusal_code(method, gone).await, 40101);
    }
}

#[tokio::test]
async fn a_subscriber_is_told_once_and_never_before_the_answer() {
    let keel = Keel::start(Config::default()).await;
    let mut client = Application::open(&keel).await;
    let subscribed = json!({"object": MANAGER, "type": "ObjectCreated"});
    let first = client.result("subscribe", subscribed.clone()).await["value"].clone();
    let second = client.result("subscribe", subscribed).await["value"].clone();
    assert_ne!(first, second);
    for _ in 0..20 {
        client.post("create", json!({"type": "MediaPipeline"})).await;
    }
    let mut known = Vec::new();
    let mut told = Vec::new();
    while told.len() < 20 {
        let message = client.hears().await;
        if message["method"] == "onEvent" {
            let event = &message["params"]["value"];
            assert_eq!((&event["object"], &event["type"]), (&json!(MANAGER), &json!("ObjectCreated")));
            assert!(event["data"]["timestampMillis"].is_string(), "{event}");
            let object = event["data"]["object"].clone();
            assert!(known.contains(&object), "told of {object} before the answer");
            told.push(object);
        } else {
            known.push(message["result"]["value"].clone());
        }
    }
    assert_eq!(told, known, "each once, in order");
    for subscription in [first, second, json!("never was")] {
        client.result("unsubscribe", json!({"object": MANAGER, "subscription": subscription})).await;
    }
    client.create("MediaPipeline", json!({})).await;
    let used = client.invoke(MANAGER, "getUsedCpu", json!({"interval": 100})).await;
    assert!(used.is_number(), "events would have come meanwhile: {used}");
    client.result("ping", json!({})).await;
}

#[tokio::test]
async fn a_transaction_refers_to_its_own_results_and_stops_at_the_first_failure() {
    let keel = Keel::start(Config::default()).await;
    let mut client = Application::open(&keel).await;
    let operations = json!([
        operation(0, "create", json!({"type": "MediaPipeline"})),
        operation(
            1,
            "create",
            json!({"type": "PassThrough", "constructorParams": {"mediaPipeline": "newref:0"}})
        ),
        operation(
            2,
            "invoke",
            json!({"object": "newref:1", "operation": "connect", "operationParams": {"sink": "newref:1"}})
        ),
        operation(3, "invoke", json!({"object": "newref:1", "operation": "getParent"})),
        operation(4, "describe", json!({"object": "nobody"})),
        operation(5, "release", json!({"object": "newref:0"})),
    ]);
    let done =
        client.result("transaction", json!({"object": {"_events": {}}, "operations": operations})).await;
    let value = done["value"].as_array().expect("a list");
    let ids: Vec<_> = value.iter().map(|answer| answer["id"].as_u64().expect("a number")).collect();
    let failed = ids.len() - 1;
    let pipeline = value[0]["result"]["value"].as_str().expect("an id").to_owned();
    assert_eq!(value[0]["result"]["sessionId"], done["sessionId"]);
    assert!(value[1]["result"]["value"].as_str().expect("an id").starts_with(&pipeline));
    assert!(value[failed].get("error").is_some() && ids == (0..=failed as u64).collect::<Vec<_>>());
    assert!(failed >= 2, "{done}");
    assert_eq!(client.name_of(&pipeline).await, json!(pipeline), "nothing is rolled back");
}

#[tokio::test]
async fn a_malformed_transaction_does_nothing() {
    let keel = Keel::start(Config::default()).await;
    let mut client = Application::open(&keel).await;
    let create = |id| operation(id, "create", json!({"type": "MediaPipeline"}));
    let misnumbered = client.refusal("transaction", json!({"operations": [create(0), create(2)]})).await;
    assert_eq!(misnumbered["code"], 40008);
    assert_eq!(client.invoke(MANAGER, "getPipelines", json!({})).await, json!([]));
    let nested = json!({"operations": [operation(0, "transaction", json!({"operations": []}))]});
    let answers = client.result("transaction", nested).await;
    assert_eq!(answers["value"][0]["error"]["code"], 40008);
    let outside = client.refusal("describe", json!({"object": "newref:0"})).await;
    assert_eq!(
        (&outside["code"], &outside["data"]["type"]),
        (&json!(40109), &json!("MEDIA_OBJECT_NOT_FOUND_TRANSACTION_NO_COMMIT"))
    );
    assert_eq!(client.result("transaction", json!({"operations": []})).await["value"], json!([]));
}

#[tokio::test]
async fn a_full_server_answers_40009_and_goes_on() {
    let kurento = KurentoConfig {
        objects_per_session_max: 2,
        objects_max: 3,
        sessions_max: 3,
        ..KurentoConfig::default()
    };
    let keel = Keel::start(Config { kurento, ..Config::default() }).await;
    let mut first = Application::open(&keel).await;
    let mut second = Application::open(&keel).await;
    let mut third = Application::open(&keel).await;
    let mut fourth = Application::open(&keel).await;
    let create = || json!({"type": "MediaPipeline"});
    let pipeline = first.create("MediaPipeline", json!({})).await;
    first.result("create", create()).await;
    assert_eq!(first.refusal_code("create", create()).await, 40009, "two of one session");
    second.result("create", create()).await;
    assert_eq!(third.refusal_code("create", create()).await, 40009, "three in all");
    assert_eq!(fourth.refusal_code("describe", json!({"object": MANAGER})).await, 40009, "three sessions");
    first.result("release", json!({"object": pipeline})).await;
    third.result("create", create()).await;
    third.close().await;
}
