//! Objects live as long as somebody holds them.

use super::server::{LIMITS, Server};
use crate::kms::failure::Code;
use crate::kms::model::{Filters, Value};
use crate::kms::object::{Action, CensusLimits, ObjectId};
use serde_json::json;

#[tokio::test]
async fn a_pipeline_takes_everything_in_it_along_each_told_once() {
    let mut server = Server::start(Filters::Refuse, LIMITS).await;
    let manager = ObjectId::manager();
    server.listen("ben", &manager, "ObjectCreated").await;
    server.listen("ben", &manager, "ObjectDestroyed").await;
    let pipeline = server.pipeline("anna").await.expect("there is room");
    let hub = server.create("anna", "Dispatcher", &pipeline, json!({})).await.expect("it is created");
    let port = server.create("anna", "HubPort", &hub, json!({})).await.expect("it is created");
    let created = server.told(3).await;
    let created: Vec<_> = created.iter().map(|(_, event)| event.data.object("object")).collect();
    assert_eq!(created, [&pipeline, &hub, &port]);

    server.release("anna", &pipeline).await;
    let destroyed = server.told(3).await;
    assert!(destroyed.iter().all(|(who, event)| who == "ben" && event.name == "ObjectDestroyed"));
    let destroyed: Vec<_> = destroyed.iter().map(|(_, event)| event.data.text("objectId")).collect();
    assert_eq!(destroyed, [port.as_str(), hub.as_str(), pipeline.as_str()]);
    // KMS: a second release is no error, any other use is.
    let gone = server.ask("anna", &port, Action::Describe { object: port.clone() }).await;
    assert_eq!(gone.err().map(|failure| failure.code), Some(Code::MediaObjectNotFound));
    server.stop().await;
}

#[tokio::test]
async fn a_shared_object_outlives_one_of_its_sessions() {
    let mut server = Server::start(Filters::Refuse, LIMITS).await;
    let pipeline = server.pipeline("anna").await.expect("there is room");
    let shared = server.create("anna", "PassThrough", &pipeline, json!({})).await.expect("it is created");
    let own = server.create("anna", "PassThrough", &pipeline, json!({})).await.expect("it is created");
    server.invoke("ben", &shared, "getName", json!({})).await.expect("anybody may who knows the id");

    server.end_session("anna", false).await;
    assert!(server.lives(&shared) && server.lives(&pipeline), "ben holds it, and so its parent");
    assert!(!server.lives(&own), "nobody holds it");
    // Who holds the parent holds what is new in it.
    let new = server.create("carl", "PassThrough", &pipeline, json!({})).await.expect("it is created");
    server.end_session("carl", false).await;
    assert!(server.lives(&new));
    server.end_session("ben", false).await;
    assert!(!server.lives(&shared) && !server.lives(&new) && !server.lives(&pipeline));
    server.stop().await;
}

#[tokio::test]
async fn a_session_that_closes_with_release_takes_what_others_hold_too() {
    let mut server = Server::start(Filters::Refuse, LIMITS).await;
    let pipeline = server.pipeline("anna").await.expect("there is room");
    server.invoke("ben", &pipeline, "getName", json!({})).await.expect("it lives");
    server.end_session("anna", true).await;
    assert!(!server.lives(&pipeline));
    server.stop().await;
}

#[tokio::test]
async fn a_session_that_ended_is_told_nothing() {
    let mut server = Server::start(Filters::Refuse, LIMITS).await;
    let pipeline = server.pipeline("anna").await.expect("there is room");
    let element = server.create("anna", "PassThrough", &pipeline, json!({})).await.expect("it is created");
    for who in ["anna", "ben", "ben"] {
        server.listen(who, &element, "ElementConnected").await;
    }
    let other = server.create("ben", "PassThrough", &pipeline, json!({})).await.expect("it is created");
    server.end_session("anna", false).await;
    let connect = json!({"sink": other.as_str(), "mediaType": "AUDIO"});
    server.invoke("ben", &element, "connect", connect).await.expect("both live");
    let told = server.told(1).await;
    assert_eq!(told[0].0, "ben", "once, though ben subscribed twice");
    server.stop().await;
}

#[tokio::test]
async fn the_manager_outlives_every_release_and_session() {
    let mut server = Server::start(Filters::Refuse, LIMITS).await;
    let manager = ObjectId::manager();
    server.invoke("ben", &manager, "getName", json!({})).await.expect("it lives");
    server.release("anna", &manager).await;
    server.end_session("ben", true).await;
    assert_eq!(server.get(&manager, "getMetadata", json!({})).await, Value::from("in a test"));
    server.stop().await;
}

#[tokio::test]
async fn limits_hold_for_each_session_and_in_all() {
    let limits = CensusLimits { objects_max: 4, objects_per_session_max: 2 };
    let mut server = Server::start(Filters::Refuse, limits).await;
    let pipeline = server.pipeline("anna").await.expect("there is room");
    let own = server.create("anna", "PassThrough", &pipeline, json!({})).await.expect("there is room");
    let third = server.create("anna", "PassThrough", &pipeline, json!({})).await;
    assert_eq!(third.map_err(|failure| failure.code), Err(Code::NotEnoughResources));
    // The manager is the fourth.
    server.create("ben", "PassThrough", &pipeline, json!({})).await.expect("there is room for ben");
    let fifth = server.create("ben", "PassThrough", &pipeline, json!({})).await;
    assert_eq!(fifth.map_err(|failure| failure.code), Err(Code::NotEnoughResources));
    server.release("ben", &own).await;
    server.create("anna", "PassThrough", &pipeline, json!({})).await.expect("there is room again");
    server.stop().await;
}
