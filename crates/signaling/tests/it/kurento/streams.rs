//! Elements of applications in livestreams.

use super::application::Application;
use crate::keel::Keel;
use keel_signaling::{Config, Limits, LiveLimits};
use serde_json::{Value, json};
use std::time::Duration;

const TIDE: &str = "tide";

async fn tag(client: &mut Application, object: &str, key: &str, stream: &str) -> Value {
    let params =
        json!({"object": object, "operation": "addTag", "operationParams": {"key": key, "value": stream}});
    client.result("invoke", params).await
}

async fn tag_code(client: &mut Application, object: &str, key: &str, stream: &str) -> i64 {
    let params =
        json!({"object": object, "operation": "addTag", "operationParams": {"key": key, "value": stream}});
    client.refusal_code("invoke", params).await
}

#[tokio::test]
async fn a_tag_puts_an_element_into_a_stream_for_as_long_as_it_lives() {
    let live = LiveLimits { viewers_wait_max: Duration::ZERO, ..LiveLimits::default() };
    let limits = Limits { live, ..Limits::default() };
    let keel = Keel::start(Config { limits, ..Config::default() }).await;
    let mut client = Application::open(&keel).await;
    let stage = client.create("MediaPipeline", json!({})).await;
    let audience = client.create("MediaPipeline", json!({})).await;
    let source = client.create("PassThrough", json!({"mediaPipeline": stage})).await;
    let sink = client.create("PassThrough", json!({"mediaPipeline": audience})).await;

    assert_eq!(tag_code(&mut client, &sink, "keel.play", TIDE).await, 40111, "nobody presents it");
    tag(&mut client, &source, "keel.publish", TIDE).await;
    tag(&mut client, &sink, "keel.play", TIDE).await;
    keel.becomes("keel_streams_live", 1).await;
    keel.becomes("keel_stream_viewers", 1).await;
    assert_eq!(tag_code(&mut client, &sink, "keel.play", "a name").await, 40107);
    assert_eq!(tag_code(&mut client, &stage, "keel.publish", TIDE).await, 40107, "a pipeline has no media");
    keel.becomes("keel_stream_viewers", 1).await;

    let untag = json!({"object": sink, "operation": "removeTag", "operationParams": {"key": "keel.play"}});
    client.result("invoke", untag).await;
    keel.becomes("keel_stream_viewers", 0).await;
    tag(&mut client, &sink, "keel.play", TIDE).await;
    client.result("release", json!({"object": audience})).await;
    keel.becomes("keel_stream_viewers", 0).await;
    client.result("release", json!({"object": source})).await;
    keel.becomes("keel_streams", 0).await;
    client.result("release", json!({"object": stage})).await;
    keel.becomes("keel_pipelines", 0).await;
}
