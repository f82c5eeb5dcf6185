//! Declarations that would contradict each other.

use crate::kms::model::{
    Creation, Filters, Get, Literal, Method, Param, Presence, Run, Type, Value, class, enumeration, event,
    record,
};
use crate::kms::object::ObjectId;
use std::collections::BTreeSet;

#[test]
fn every_name_is_given_once() {
    let all = class::ALL.iter().map(|class| class.name);
    let all = all.chain(enumeration::ALL.iter().map(|words| words.name));
    let names: Vec<_> = all.chain(record::ALL.iter().map(|record| record.name)).collect();
    let unique: BTreeSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len());
    let events: BTreeSet<_> = event::ALL
        .iter()
        .flat_map(|event| std::iter::once(event.name).chain(event.aliases.iter().copied()))
        .collect();
    let count: usize = event::ALL.iter().map(|event| 1 + event.aliases.len()).sum();
    assert_eq!(events.len(), count, "aliases of events are taken");
}

#[test]
fn a_method_is_found_by_its_names_and_by_no_other() {
    let endpoint = &class::WEB_RTC_ENDPOINT;
    for (name, params) in [
        ("getName", vec![]),
        ("setName", vec!["name"]),
        ("getICECandidatePairs", vec![]),
        ("setExternalIPv4", vec!["externalIPv4"]),
        ("connect", vec!["sink", "mediaType", "sourceMediaDescription", "sinkMediaDescription"]),
        ("setMinOutputBitrate", vec!["minOutputBitrate"]),
        ("setOutputBitrate", vec!["bitrate"]),
        ("getChilds", vec![]),
    ] {
        let method = endpoint.method(name).unwrap_or_else(|| panic!("{name}"));
        let found: Vec<_> = method.params().iter().map(|param| param.name).collect();
        assert_eq!(found, params, "{name}");
    }
    for name in ["", "get", "set", "getname", "setId", "setChildren", "name", "getÄ", "ge", "connectt"] {
        assert!(endpoint.method(name).is_none(), "{name}");
    }
    assert!(matches!(class::MIXER.method("connect"), Some(Method::Operation(_))), "a hub's own one");
}

#[test]
fn events_are_found_under_their_names_in_6_x_too() {
    let endpoint = &class::WEB_RTC_ENDPOINT;
    let found = |name| endpoint.event(name).map(|(event, name)| (event.name, name));
    assert_eq!(found("IceCandidateFound"), Some(("IceCandidateFound", "IceCandidateFound")));
    assert_eq!(found("OnIceCandidate"), Some(("IceCandidateFound", "OnIceCandidate")));
    assert_eq!(found("Error"), Some(("Error", "Error")), "inherited from the root");
    assert_eq!(found("CodeFound"), None);
    assert_eq!(found("Media"), None, "it is only derived from");
}

#[test]
fn what_can_be_created_names_its_parent_first() {
    for class in class::ALL.iter().filter(|class| class.can_be_created(Filters::PassThrough)) {
        if let Creation::Root = class.creation {
            continue;
        }
        let first = class.constructor_params().first().unwrap_or_else(|| panic!("{class:?}"));
        assert!(matches!(first.kind, Type::Object(_)) && first.presence == Presence::Required, "{class:?}");
    }
}

#[test]
fn what_can_be_created_misses_nothing() {
    for class in class::ALL.iter().filter(|class| class.can_be_created(Filters::PassThrough)) {
        for class in std::iter::once(*class).chain(class.lineage()) {
            for operation in class.operations {
                assert!(!matches!(operation.run, Run::Missing), "{class:?}.{}", operation.name);
            }
            for property in class.properties {
                assert!(!matches!(property.get, Get::Run(Run::Missing)), "{class:?}.{}", property.name);
            }
        }
    }
}

#[test]
fn defaults_are_of_their_types() {
    let params = class::ALL.iter().flat_map(|class| {
        class
            .constructor_params()
            .iter()
            .chain(class.operations.iter().flat_map(|operation| operation.params))
    });
    let fields = record::ALL.iter().flat_map(|record| record.fields);
    for Param { name, kind, presence } in params.chain(fields) {
        if let Presence::Default(literal) = presence {
            assert!(is_of_type(*literal, kind), "{name}");
        }
    }
    for property in class::ALL.iter().flat_map(|class| class.properties) {
        if let Get::Stored(literal) = property.get {
            assert!(is_of_type(literal, &property.kind), "{}", property.name);
        }
    }
}

fn is_of_type(literal: Literal, kind: &Type) -> bool {
    match (Value::from(literal), kind) {
        (Value::Bool(_), Type::Boolean)
        | (Value::Int(_), Type::Int | Type::Int64)
        | (Value::Float(_), Type::Float | Type::Double)
        | (Value::Text(_), Type::String) => true,
        (Value::Enum(word), Type::Enum(words)) => words.words.contains(&word),
        (Value::Record(value), Type::Record(record)) => value.record == *record,
        _ => false,
    }
}

#[test]
fn ids_nest_and_say_their_class() {
    let pipeline = ObjectId::new(None, uuid::Uuid::nil(), &class::MEDIA_PIPELINE);
    assert!(pipeline.as_str().ends_with("_kurento.MediaPipeline"));
    let hub = ObjectId::new(Some(&pipeline), uuid::Uuid::nil(), &class::MIXER);
    let port = ObjectId::new(Some(&hub), uuid::Uuid::nil(), &class::HUB_PORT);
    assert_eq!(port.root(), pipeline.as_str());
    assert!(pipeline.contains(&port) && hub.contains(&port) && port.contains(&port) && !port.contains(&hub));
    let parsed = ObjectId::parse(port.as_str()).expect("it is an id");
    assert_eq!((parsed.class().name, &parsed), ("HubPort", &port));
    assert_eq!(ObjectId::parse("manager_ServerManager"), Some(ObjectId::manager()));
    for text in ["", "x", "_kurento.", "x_kurento.Nothing", &"x".repeat(600)] {
        assert_eq!(ObjectId::parse(text), None, "{text}");
    }
}
