//! Hubs route between their ports.

use super::server::{LIMITS, Server};
use crate::kms::failure::Code;
use crate::kms::model::Filters;
use crate::kms::object::ObjectId;
use serde_json::{Value as Json, json};

async fn hub_with_ports(server: &mut Server, class: &str) -> (ObjectId, [ObjectId; 2]) {
    let pipeline = server.pipeline("anna").await.expect("there is room");
    let hub = server.create("anna", class, &pipeline, json!({})).await.expect("it is created");
    let first = server.create("anna", "HubPort", &hub, json!({})).await.expect("it is created");
    let second = server.create("anna", "HubPort", &hub, json!({})).await.expect("it is created");
    (hub, [first, second])
}

fn ports(source: &ObjectId, sink: &ObjectId) -> Json {
    json!({"source": source.as_str(), "sink": sink.as_str()})
}

#[tokio::test]
async fn a_hub_routes_only_its_own_ports() {
    let mut server = Server::start(Filters::Refuse, LIMITS).await;
    let (dispatcher, [first, second]) = hub_with_ports(&mut server, "Dispatcher").await;
    let (mixer, [other, _]) = hub_with_ports(&mut server, "Mixer").await;
    server.get(&dispatcher, "connect", ports(&first, &second)).await;
    // The JavaScript client sends a whole object where it was awaited.
    let awaited = json!({"source": {"_events": {}, "id": first.as_str()}, "sink": second.as_str()});
    server.get(&dispatcher, "connect", awaited).await;
    assert_eq!(server.refused(&dispatcher, "connect", ports(&first, &other)).await, Code::Connect);
    let mut wanted = ports(&other, &other);
    wanted["media"] = "AUDIO".into();
    server.get(&mixer, "connect", wanted.clone()).await;
    server.get(&mixer, "disconnect", wanted.clone()).await;
    server.get(&mixer, "disconnect", wanted.clone()).await;
    wanted["media"] = "SMELL".into();
    assert_eq!(server.refused(&mixer, "connect", wanted).await, Code::Marshall);
    server.stop().await;
}

#[tokio::test]
async fn the_source_of_one_to_many_can_change_and_go() {
    let mut server = Server::start(Filters::Refuse, LIMITS).await;
    let (hub, [first, second]) = hub_with_ports(&mut server, "DispatcherOneToMany").await;
    server.get(&hub, "setSource", json!({"source": first.as_str()})).await;
    server.get(&hub, "setSource", json!({"source": second.as_str()})).await;
    server.create("anna", "HubPort", &hub, json!({})).await.expect("a port joins what runs");
    server.release("anna", &second).await;
    server.create("anna", "HubPort", &hub, json!({})).await.expect("a port joins without a source");
    server.get(&hub, "removeSource", json!({})).await;
    server.get(&hub, "removeSource", json!({})).await;
    server.stop().await;
}

#[tokio::test]
async fn what_would_go_in_circles_is_refused_and_leaves_no_source() {
    let mut server = Server::start(Filters::Refuse, LIMITS).await;
    let (hub, [port, _]) = hub_with_ports(&mut server, "DispatcherOneToMany").await;
    let pipeline = server.pipeline("anna").await.expect("there is room");
    let foreign = server.create("anna", "PassThrough", &pipeline, json!({})).await.expect("it is created");
    assert_eq!(server.refused(&port, "connect", json!({"sink": foreign.as_str()})).await, Code::Connect);
    // What leaves the port comes into it again.
    server.get(&port, "connect", json!({"sink": port.as_str(), "mediaType": "VIDEO"})).await;
    assert_eq!(server.refused(&hub, "setSource", json!({"source": port.as_str()})).await, Code::Connect);
    server.create("anna", "HubPort", &hub, json!({})).await.expect("there is no source to route from");
    server.stop().await;
}
