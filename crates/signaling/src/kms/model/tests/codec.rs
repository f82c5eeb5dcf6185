//! Arguments are read as loosely as KMS reads them, and never more.

use crate::kms::failure::{Code, Failure};
use crate::kms::model::{Fields, Param, RawArguments, Type, Value, class, coerce, enumeration, record};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn read(params: &[Param], json: Json) -> Result<Fields, Failure> {
    coerce(params, &RawArguments::new(Some(json)).expect("an object"))
}

/// One required argument `x` of this type.
fn read_one(kind: Type, json: Json) -> Result<Value, Failure> {
    let fields = read(&[Param::required("x", kind)], json!({"x": json}))?;
    Ok(fields.given("x").expect("it is required").clone())
}

#[test]
fn the_java_client_sends_texts_for_numbers() {
    for (kind, json, value) in [
        (Type::Int, json!("640"), Value::Int(640)),
        (Type::Int, json!(640.0), Value::Int(640)),
        (Type::Int, json!(true), Value::Int(1)),
        (Type::Boolean, json!("true"), Value::Bool(true)),
        (Type::Boolean, json!(0), Value::Bool(false)),
        (Type::Float, json!("0.5"), Value::Float(0.5)),
        (Type::Double, json!(3), Value::Float(3.0)),
        (Type::String, json!(7), Value::from("7")),
        (Type::Int64, json!(9_007_199_254_740_993_i64), Value::Int(9_007_199_254_740_993)),
    ] {
        assert_eq!(read_one(kind, json.clone()), Ok(value), "{json}");
    }
}

#[test]
fn what_cannot_be_converted_is_named() {
    for (kind, json, words) in [
        (Type::String, json!([]), "'x' parameter should be a string"),
        (Type::String, Json::Null, "'x' parameter should be a string"),
        (Type::Int, json!("64 0"), "'x' parameter should be an integer"),
        (Type::Int, json!(0.5), "'x' parameter should be an integer"),
        (Type::Int, json!(2_147_483_648_i64), "'x' parameter should be an integer"),
        (Type::Boolean, json!("yes"), "'x' parameter should be a boolean"),
        (Type::Float, json!("NaN"), "'x' parameter should be a number"),
        (Type::Float, json!(1e300), "'x' parameter should be a number"),
        (Type::List(&Type::String), json!("a"), "'x' parameter should be an array"),
        (Type::Enum(&enumeration::MEDIA_TYPE), json!("audio"), "Invalid value for 'MediaType'"),
        (Type::Enum(&enumeration::MEDIA_TYPE), json!(1), "Invalid value for 'MediaType'"),
        (
            Type::Object(&class::HUB_PORT),
            json!("p_kurento.MediaPipeline"),
            "'x' parameter should be the id of a HubPort",
        ),
    ] {
        let failure = read_one(kind, json.clone()).expect_err("it cannot be converted");
        assert_eq!((failure.code, failure.message.as_str()), (Code::Marshall, words), "{json}");
    }
    let failure = read_one(Type::Object(&class::HUB_PORT), json!("nobody")).expect_err("no such object");
    assert_eq!(
        (failure.code, failure.message.as_str()),
        (Code::MediaObjectNotFound, "Object 'nobody' not found")
    );
}

#[test]
fn records_come_with_and_without_their_type() {
    let kind = Type::Record(&record::ICE_CANDIDATE);
    let bare = json!({"candidate": "candidate:1", "sdpMid": "0", "sdpMLineIndex": 0});
    let mut typed = bare.clone();
    typed["__module__"] = "kurento".into();
    typed["__type__"] = "IceCandidate".into();
    let value = read_one(kind, bare).expect("it is complete");
    assert_eq!(read_one(kind, typed.clone()), Ok(value.clone()));
    assert_eq!(serde_json::to_value(&value).expect("it is JSON"), typed);
    let failure = read_one(kind, json!({"candidate": "candidate:1"})).expect_err("it is not complete");
    assert_eq!(failure.message, "'sdpMid' parameter should be a string");
}

#[test]
fn what_is_left_out_gets_its_default_or_nothing() {
    let params = class::WEB_RTC_ENDPOINT.constructor_params();
    let pipeline = "p_kurento.MediaPipeline";
    let fields = read(params, json!({"mediaPipeline": {"id": pipeline}, "garbage": [1]})).expect("complete");
    assert_eq!(fields.object("mediaPipeline").as_str(), pipeline);
    assert!(!fields.flag("recvonly"));
    assert_eq!(fields.word("certificateKeyType"), "RSA");
    assert!(fields.given("garbage").is_none());
    let filter = [Param::optional("mediaType", Type::Enum(&enumeration::MEDIA_TYPE))];
    assert_eq!(read(&filter, json!({"mediaType": null})).expect("null is none").word_if("mediaType"), None);
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "\\PC{0,12}".prop_map(Json::from),
        prop_oneof![Just("VIDEO"), Just("640"), Just("true"), Just("manager_ServerManager"), Just("id")]
            .prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let names = prop_oneof![Just("id"), Just("codec"), Just("candidate"), Just("framerate"), Just("x")];
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Json::from),
            btree_map(names.prop_map(str::to_owned), inner, 0..6)
                .prop_map(|entries| Json::Object(entries.into_iter().collect())),
        ]
    })
}

fn every_type() -> Vec<Type> {
    let mut types: Vec<Type> = class::ALL
        .iter()
        .flat_map(|class| class.operations)
        .flat_map(|operation| operation.params)
        .map(|param| param.kind)
        .collect();
    types.extend(record::ALL.iter().map(|record| Type::Record(record)));
    types.extend([Type::List(&Type::Int), Type::Map(&Type::String), Type::Double, Type::Int64]);
    types
}

proptest! {
    #[test]
    fn any_json_is_read_or_refused_and_what_was_read_reads_again(json in any_json()) {
        for kind in every_type() {
            match read_one(kind, json.clone()) {
                Ok(value) => {
                    let written = serde_json::to_value(&value).expect("values are JSON");
                    let again = read_one(kind, written);
                    prop_assert_eq!(again.as_ref(), Ok(&value));
                }
                Err(failure) => {
                    prop_assert!([Code::Marshall, Code::MediaObjectNotFound].contains(&failure.code));
                }
            }
        }
    }
}
