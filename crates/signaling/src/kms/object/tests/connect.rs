//! Elements are connected, again and otherwise.

use super::stage::{Stage, names, none};
use crate::kms::failure::Code;
use crate::kms::model::{Record, Value};
use crate::kms::object::{Notification, ObjectId};
use serde_json::json;

/// Each event with its media type.
fn by_type(told: &[Notification]) -> Vec<String> {
    told.iter().map(|event| format!("{} {}", event.name, event.data.word("mediaType"))).collect()
}

async fn connections(
    stage: &mut Stage,
    of: &ObjectId,
    operation: &str,
    filter: serde_json::Value,
) -> Vec<Record> {
    let Value::List(list) = stage.done(of, operation, filter).await else { panic!("a list") };
    list.iter().map(|data| data.as_record().expect("a record").clone()).collect()
}

#[tokio::test]
async fn without_a_type_all_three_are_connected_and_the_source_tells() {
    let mut stage = Stage::open().await;
    let (presenter, viewer) = (stage.endpoint(none()).await, stage.endpoint(none()).await);
    stage.listen(&presenter, &["ElementConnected", "ElementDisconnected"]).await;
    stage.done(&presenter, "connect", json!({"sink": viewer.as_str()})).await;
    let told = stage.told();
    assert_eq!(by_type(&told), ["ElementConnected AUDIO", "ElementConnected VIDEO", "ElementConnected DATA"]);
    assert_eq!(told[0].data.object("sink"), &viewer);
    assert_eq!(told[0].data.text("sourceMediaDescription"), "default");

    // The Java group call does this on every `receiveVideoFrom`.
    stage.done(&presenter, "connect", json!({"sink": viewer.as_str(), "mediaType": "VIDEO"})).await;
    assert_eq!(by_type(&stage.told()), ["ElementDisconnected VIDEO", "ElementConnected VIDEO"]);

    stage.done(&presenter, "disconnect", json!({"sink": viewer.as_str(), "mediaType": "AUDIO"})).await;
    assert_eq!(by_type(&stage.told()), ["ElementDisconnected AUDIO"]);
    // What is not connected is not disconnected, without an error.
    stage.done(&viewer, "disconnect", json!({"sink": presenter.as_str()})).await;
    stage.done(&presenter, "disconnect", json!({"sink": viewer.as_str()})).await;
    assert_eq!(by_type(&stage.told()), ["ElementDisconnected VIDEO", "ElementDisconnected DATA"]);
    stage.close().await;
}

#[tokio::test]
async fn another_source_takes_the_place_of_the_first() {
    let mut stage = Stage::open().await;
    let (first, second) = (stage.endpoint(none()).await, stage.endpoint(none()).await);
    let viewer = stage.endpoint(none()).await;
    stage.listen(&first, &["ElementDisconnected"]).await;
    stage.done(&first, "connect", json!({"sink": viewer.as_str()})).await;
    stage.done(&second, "connect", json!({"sink": viewer.as_str(), "mediaType": "VIDEO"})).await;
    assert_eq!(by_type(&stage.told()), ["ElementDisconnected VIDEO"]);
    let fed_by = connections(&mut stage, &viewer, "getSourceConnections", none()).await;
    let fed_by: Vec<_> =
        fed_by.iter().map(|data| (data.fields.word("type"), data.fields.object("source").clone())).collect();
    assert_eq!(fed_by, [("AUDIO", first.clone()), ("VIDEO", second), ("DATA", first)]);
    stage.close().await;
}

#[tokio::test]
async fn connections_are_listed_by_type_and_by_the_description_at_the_own_end() {
    let mut stage = Stage::open().await;
    let (source, sink) = (stage.endpoint(none()).await, stage.endpoint(none()).await);
    stage.done(&source, "connect", json!({"sink": sink.as_str()})).await;
    let second = json!({"sink": sink.as_str(), "mediaType": "VIDEO",
        "sourceMediaDescription": "slides", "sinkMediaDescription": "wall"});
    stage.done(&source, "connect", second).await;
    assert_eq!(connections(&mut stage, &source, "getSinkConnections", none()).await.len(), 4);
    assert_eq!(connections(&mut stage, &source, "getSourceConnections", none()).await, []);
    let video = connections(&mut stage, &sink, "getSourceConnections", json!({"mediaType": "VIDEO"})).await;
    assert_eq!(video.len(), 2);
    let wall = connections(&mut stage, &sink, "getSourceConnections", json!({"description": "wall"})).await;
    assert_eq!(wall.len(), 1);
    assert_eq!(wall[0].fields.text("sourceDescription"), "slides");
    assert_eq!(
        connections(&mut stage, &source, "getSinkConnections", json!({"description": "wall"})).await,
        []
    );
    stage.close().await;
}

#[tokio::test]
async fn elements_of_two_pipelines_are_not_connected() {
    let mut stage = Stage::open().await;
    let source = stage.endpoint(none()).await;
    let other = stage.second_pipeline().await;
    let elsewhere = stage.create("WebRtcEndpoint", &other, none()).await;
    assert_eq!(stage.refused(&source, "connect", json!({"sink": elsewhere.as_str()})).await, Code::Connect);
    stage.release(&other).await;
    stage.close().await;
}

#[tokio::test]
async fn an_element_that_is_released_is_disconnected_first() {
    let mut stage = Stage::open().await;
    let (presenter, viewer) = (stage.endpoint(none()).await, stage.endpoint(none()).await);
    stage.listen(&presenter, &["ElementDisconnected"]).await;
    stage.done(&presenter, "connect", json!({"sink": viewer.as_str()})).await;
    stage.done(&presenter, "connect", json!({"sink": presenter.as_str(), "mediaType": "AUDIO"})).await;
    stage.release(&viewer).await;
    assert_eq!(names(&stage.told()), ["ElementDisconnected"; 3]);
    let left = connections(&mut stage, &presenter, "getSinkConnections", none()).await;
    assert_eq!(left.len(), 1, "its own loop stays");
    stage.close().await;
}

#[tokio::test]
async fn nothing_flows_where_nothing_is_sent() {
    let mut stage = Stage::open().await;
    let endpoint = stage.endpoint(none()).await;
    stage.done(&endpoint, "connect", json!({"sink": endpoint.as_str()})).await;
    for operation in ["isMediaFlowingIn", "isMediaFlowingOut", "isMediaTranscoding"] {
        let flows = stage.done(&endpoint, operation, json!({"mediaType": "VIDEO"})).await;
        assert_eq!(flows, Value::Bool(false), "{operation}");
    }
    // KMS: only audio and video have a flow that can be asked for.
    assert_eq!(
        stage.refused(&endpoint, "isMediaFlowingIn", json!({"mediaType": "DATA"})).await,
        Code::IllegalParam
    );
    assert_eq!(stage.refused(&endpoint, "requestKeyframe", none()).await, Code::OperationNotSupported);
    stage.close().await;
}

#[tokio::test]
async fn elements_without_a_peer_are_connected_like_others() {
    let mut stage = Stage::open().await;
    let pipeline = stage.pipeline.clone();
    let (source, viewer) = (stage.endpoint(none()).await, stage.endpoint(none()).await);
    let relay = stage.create("PassThrough", &pipeline, none()).await;
    let hub = stage.create("Dispatcher", &pipeline, none()).await;
    let entry = stage.create("HubPort", &hub, none()).await;
    let exit = stage.create("HubPort", &hub, none()).await;
    for (from, to) in [(&source, &relay), (&relay, &entry), (&exit, &viewer)] {
        stage.done(from, "connect", json!({"sink": to.as_str()})).await;
        assert_eq!(connections(&mut stage, to, "getSourceConnections", none()).await.len(), 3);
    }
    stage.done(&hub, "connect", json!({"source": entry.as_str(), "sink": exit.as_str()})).await;
    let video = json!({"mediaType": "VIDEO"});
    assert_eq!(stage.done(&relay, "isMediaFlowingIn", video.clone()).await, Value::Bool(false));
    assert_eq!(stage.done(&entry, "isMediaFlowingOut", video).await, Value::Bool(false));

    let circle = stage.create("PassThrough", &pipeline, none()).await;
    stage.done(&relay, "connect", json!({"sink": circle.as_str()})).await;
    stage.done(&source, "disconnect", json!({"sink": relay.as_str()})).await;
    assert_eq!(stage.refused(&circle, "connect", json!({"sink": relay.as_str()})).await, Code::Connect);
    assert_eq!(connections(&mut stage, &relay, "getSourceConnections", none()).await, []);
    stage.close().await;
}
