//! Properties of endpoints: what they begin with, and what becomes of new values.

use super::stage::{Stage, none};
use crate::kms::failure::Code;
use crate::kms::model::Value;
use serde_json::json;

#[tokio::test]
async fn properties_begin_with_the_values_of_kms_but_for_the_one_that_harms() {
    let mut stage = Stage::open().await;
    let endpoint = stage.endpoint(none()).await;
    for (operation, value) in [
        ("getMaxVideoSendBandwidth", Value::Int(0)),
        ("getMinVideoSendBandwidth", Value::Int(100)),
        ("getMaxVideoRecvBandwidth", Value::Int(0)),
        ("getMtu", Value::Int(1200)),
        ("getEncoderBitrate", Value::Int(300_000)),
        ("getStunServerPort", Value::Int(3478)),
        ("getIceTcp", Value::Bool(true)),
        ("getTurnUrl", Value::from("")),
        ("getMediaState", Value::Enum("DISCONNECTED")),
        ("getICECandidatePairs", Value::List(Vec::new())),
    ] {
        assert_eq!(stage.done(&endpoint, operation, none()).await, value, "{operation}");
    }
    let remb = stage.done(&endpoint, "getRembParams", none()).await;
    let remb = remb.as_record().expect("a record");
    assert_eq!(remb.fields.int("rembOnConnect"), 300_000);
    assert_eq!(remb.fields.given("exponentialFactor"), Some(&Value::Float(0.04)));
    stage.close().await;
}

#[tokio::test]
async fn a_value_that_makes_no_sense_leaves_the_old_one() {
    let mut stage = Stage::open().await;
    let endpoint = stage.endpoint(none()).await;
    for (name, good, bad) in [
        ("MaxVideoSendBandwidth", json!(2_000), json!(-1)),
        ("MaxEncoderBitrate", json!(500_000), json!(-1)),
        ("Mtu", json!(1_400), json!(10)),
        ("ExternalIPv4", json!("192.0.2.1"), json!("nonsense")),
        ("ExternalIPv6", json!("2001:db8::1"), json!("192.0.2.1")),
        ("StunServerAddress", json!("192.0.2.7"), json!("not a host")),
        ("StunServerPort", json!(19_302), json!(0)),
        ("TurnUrl", json!("me:secret@192.0.2.7:3478?transport=tcp"), json!("192.0.2.7")),
    ] {
        let mut key = name.to_owned();
        key[..1].make_ascii_lowercase();
        let (get, set) = (format!("get{name}"), format!("set{name}"));
        stage.done(&endpoint, &set, json!({ key.as_str(): good })).await;
        let kept = stage.done(&endpoint, &get, none()).await;
        assert_eq!(stage.refused(&endpoint, &set, json!({ key.as_str(): bad })).await, Code::IllegalParam);
        assert_eq!(stage.done(&endpoint, &get, none()).await, kept, "{name}");
    }
    stage.close().await;
}

#[tokio::test]
async fn a_limit_of_what_is_received_is_in_descriptions_made_from_then_on() {
    let mut stage = Stage::open().await;
    let endpoint = stage.endpoint(none()).await;
    stage.done(&endpoint, "setMaxVideoRecvBandwidth", json!({"maxVideoRecvBandwidth": 700})).await;
    let offer = stage.text(&endpoint, "generateOffer", none()).await;
    let video = offer.split("m=video").nth(1).expect("a video section");
    assert!(video.contains("b=AS:700"), "{offer}");
    stage.close().await;
}

#[tokio::test]
async fn an_external_address_replaces_those_of_the_host() {
    let mut stage = Stage::open().await;
    let endpoint = stage.endpoint(none()).await;
    stage.listen(&endpoint, &["IceCandidateFound", "IceGatheringDone"]).await;
    stage.done(&endpoint, "setExternalIPv4", json!({"externalIPv4": "192.0.2.1"})).await;
    stage.text(&endpoint, "generateOffer", none()).await;
    stage.done(&endpoint, "gatherCandidates", none()).await;
    let told = stage.told_until(|event| event.name == "IceGatheringDone").await;
    let candidates: Vec<_> = told
        .iter()
        .filter_map(|event| event.data.record_if("candidate"))
        .map(|candidate| candidate.fields.text("candidate").to_owned())
        .collect();
    assert!(!candidates.is_empty());
    assert!(candidates.iter().all(|candidate| candidate.contains(" 192.0.2.1 ")), "{candidates:?}");
    stage.close().await;
}

#[tokio::test]
async fn statistics_of_an_endpoint_begin_with_its_own_record() {
    let mut stage = Stage::open().await;
    let endpoint = stage.endpoint(none()).await;
    let Value::Map(stats) = stage.done(&endpoint, "getStats", none()).await else { panic!("a map") };
    let [(id, Value::Record(record))] = stats.iter().collect::<Vec<_>>()[..] else { panic!("one record") };
    assert_eq!((id.as_str(), record.record.name), (endpoint.as_str(), "EndpointStats"));
    stage.close().await;
}
