//! What every object and the manager answer.

use super::server::{LIMITS, Server};
use crate::kms::failure::Code;
use crate::kms::model::{Filters, Value};
use crate::kms::object::ObjectId;
use serde_json::json;

#[tokio::test]
async fn an_object_has_a_name_tags_and_a_family() {
    let mut server = Server::start(Filters::Refuse, LIMITS).await;
    let pipeline = server.pipeline("anna").await.expect("there is room");
    let element = server.create("anna", "PassThrough", &pipeline, json!({})).await.expect("it is created");
    assert_eq!(server.get(&element, "getName", json!({})).await, Value::from(element.as_str()));
    server.get(&element, "setName", json!({"name": "relay"})).await;
    assert_eq!(server.get(&element, "getName", json!({})).await, Value::from("relay"));
    assert_eq!(server.get(&element, "getParent", json!({})).await, Value::Object(pipeline.clone()));
    assert_eq!(server.get(&pipeline, "getParent", json!({})).await, Value::Null);
    assert_eq!(server.get(&element, "getMediaPipeline", json!({})).await, Value::Object(pipeline.clone()));
    let family = Value::List(vec![Value::Object(element.clone())]);
    assert_eq!(server.get(&pipeline, "getChildren", json!({})).await, family);
    assert_eq!(server.get(&pipeline, "getChilds", json!({})).await, family, "the name in 6.x");
    let created_s = server.get(&element, "getCreationTime", json!({})).await.as_int().expect("a number");
    assert!(created_s > 1_700_000_000, "seconds, not {created_s}");

    server.get(&element, "addTag", json!({"key": "room", "value": "7"})).await;
    assert_eq!(server.get(&element, "getTag", json!({"key": "room"})).await, Value::from("7"));
    server.get(&element, "removeTag", json!({"key": "room"})).await;
    assert_eq!(server.refused(&element, "getTag", json!({"key": "room"})).await, Code::TagKeyNotFound);
    server.stop().await;
}

#[tokio::test]
async fn events_carry_tags_only_when_asked_to() {
    let mut server = Server::start(Filters::Refuse, LIMITS).await;
    let pipeline = server.pipeline("anna").await.expect("there is room");
    let element = server.create("anna", "PassThrough", &pipeline, json!({})).await.expect("it is created");
    server.get(&element, "addTag", json!({"key": "room", "value": "7"})).await;
    server.listen("anna", &element, "ElementConnected").await;
    let to_itself = json!({"sink": pipeline.as_str()});
    assert_eq!(server.refused(&element, "connect", to_itself).await, Code::Marshall, "not an element");

    let other = server.create("anna", "PassThrough", &pipeline, json!({})).await.expect("it is created");
    let connect = json!({"sink": other.as_str(), "mediaType": "VIDEO"});
    server.get(&element, "connect", connect.clone()).await;
    server.get(&element, "setSendTagsInEvents", json!({"sendTagsInEvents": "true"})).await;
    server.get(&element, "connect", connect).await;
    let told = server.told(2).await;
    let data: Vec<_> =
        told.iter().map(|(_, event)| serde_json::to_value(&*event.data).expect("it is JSON")).collect();
    assert_eq!(data[0]["tags"], json!([]));
    assert_eq!(data[1]["tags"][0]["key"], "room");
    assert_eq!(data[0]["source"], element.as_str());
    assert_eq!(data[0]["type"], "ElementConnected");
    assert!(data[0]["timestampMillis"].as_str().is_some_and(|time| time.parse::<i64>().is_ok()));
    server.stop().await;
}

#[tokio::test]
async fn the_manager_knows_the_server() {
    let mut server = Server::start(Filters::Refuse, LIMITS).await;
    let manager = ObjectId::manager();
    let pipeline = server.pipeline("anna").await.expect("there is room");
    let pipelines = server.get(&manager, "getPipelines", json!({})).await;
    assert_eq!(pipelines, Value::List(vec![Value::Object(pipeline)]));
    let sessions = server.get(&manager, "getSessions", json!({})).await;
    assert_eq!(sessions, Value::List(vec!["anna".into(), "ben".into()]));
    assert!(server.get(&manager, "getCpuCount", json!({})).await.as_int() >= Some(1));
    assert!(server.get(&manager, "getUsedMemory", json!({})).await.as_int() > Some(1000));
    let used = server.get(&manager, "getUsedCpu", json!({"interval": 50})).await;
    assert!(matches!(used, Value::Float(percent) if (0.0..=100.0).contains(&percent)));
    assert_eq!(server.refused(&manager, "getUsedCpu", json!({"interval": 0})).await, Code::IllegalParam);
    assert_eq!(server.refused(&manager, "getKmd", json!({"moduleName": "chroma"})).await, Code::KmdNotFound);
    server.stop().await;
}

#[tokio::test]
async fn the_factories_listed_are_those_that_create() {
    for filters in [Filters::Refuse, Filters::PassThrough] {
        let mut server = Server::start(filters, LIMITS).await;
        let manager = ObjectId::manager();
        let info = server.get(&manager, "getInfo", json!({})).await;
        let info = serde_json::to_value(info).expect("it is JSON");
        assert_eq!(info["__type__"], "ServerInfo");
        let modules = info["modules"].as_array().expect("a list").clone();
        let names: Vec<_> = modules.iter().map(|module| module["name"].as_str().expect("a text")).collect();
        assert_eq!(names, ["core", "elements", "filters"], "the JavaScript client insists on them");
        let pipeline = server.pipeline("anna").await.expect("there is room");
        let hub = server.create("anna", "Mixer", &pipeline, json!({})).await.expect("it is created");
        let factories = modules.iter().flat_map(|module| module["factories"].as_array().expect("a list"));
        for factory in
            factories.map(|name| name.as_str().expect("a text")).filter(|name| *name != "MediaPipeline")
        {
            let parent = if factory == "HubPort" { &hub } else { &pipeline };
            let created = server.create("anna", factory, parent, json!({"command": "identity"})).await;
            created.unwrap_or_else(|failure| panic!("{factory}: {failure}"));
        }
        for (class, is_there) in [
            ("kurento.PassThrough", true),
            ("Composite", false),
            ("ZBarFilter", filters == Filters::PassThrough),
        ] {
            let created = server.create("anna", class, &pipeline, json!({})).await;
            match created {
                Ok(_) => assert!(is_there, "{class}"),
                Err(failure) => {
                    assert!(!is_there, "{failure}");
                    assert_eq!(failure.code, Code::NotAvailable);
                    assert_eq!(failure.message, format!("Factory '{class}' not found"));
                }
            }
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn a_filter_says_once_that_it_draws_nothing() {
    let mut server = Server::start(Filters::PassThrough, LIMITS).await;
    let pipeline = server.pipeline("anna").await.expect("there is room");
    let command = json!({"command": "videoflip method=4"});
    let filter = server.create("anna", "GStreamerFilter", &pipeline, command).await.expect("it is created");
    assert_eq!(server.get(&filter, "getCommand", json!({})).await, Value::from("videoflip method=4"));
    server.listen("anna", &filter, "Error").await;
    for _ in 0..2 {
        let property = json!({"propertyName": "method", "propertyValue": "3"});
        server.get(&filter, "setElementProperty", property).await;
    }
    let told = server.told(1).await;
    assert_eq!(told[0].1.data.int("errorCode"), 40006);
    assert_eq!(told[0].1.data.text("type"), "NOT_IMPLEMENTED");
    server.stop().await;
}

#[tokio::test]
async fn an_argument_that_names_what_is_gone_is_not_found() {
    let mut server = Server::start(Filters::Refuse, LIMITS).await;
    let (first, second) = (server.pipeline("anna").await, server.pipeline("anna").await);
    let (first, second) = (first.expect("there is room"), second.expect("there is room"));
    let element = server.create("anna", "PassThrough", &first, json!({})).await.expect("it is created");
    let foreign = server.create("anna", "PassThrough", &second, json!({})).await.expect("it is created");
    let connect = json!({"sink": foreign.as_str()});
    assert_eq!(server.refused(&element, "connect", connect.clone()).await, Code::Connect);
    server.release("anna", &foreign).await;
    assert_eq!(server.refused(&element, "connect", connect).await, Code::MediaObjectNotFound);
    server.stop().await;
}
