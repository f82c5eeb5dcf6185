//! Endpoints agree with their peers. The peers are other endpoints of the same server.

use super::stage::{Stage, names, none};
use crate::kms::failure::Code;
use crate::kms::model::{Fields, Value};
use crate::kms::object::{Notification, ObjectId};
use serde_json::json;

#[tokio::test]
async fn a_negotiation_happens_once_and_says_so() {
    let mut stage = Stage::open().await;
    let (offerer, answerer) = (stage.endpoint(none()).await, stage.endpoint(none()).await);
    stage.listen(&offerer, &["MediaSessionStarted"]).await;
    stage.listen(&answerer, &["MediaSessionStarted"]).await;

    assert_eq!(stage.refused(&offerer, "getLocalSessionDescriptor", none()).await, Code::NoLocalSdp);
    assert_eq!(stage.refused(&offerer, "getRemoteSessionDescriptor", none()).await, Code::NoRemoteSdp);
    assert_eq!(stage.refused(&answerer, "gatherCandidates", none()).await, Code::GatherCandidates);
    let nonsense = json!({"answer": "v=0\r\n"});
    assert_eq!(stage.refused(&offerer, "processAnswer", nonsense).await, Code::NotOfferGenerated);

    let offer = stage.text(&offerer, "generateOffer", none()).await;
    assert_eq!(stage.refused(&offerer, "generateOffer", none()).await, Code::AlreadyNegotiated);
    assert_eq!(stage.text(&offerer, "getLocalSessionDescriptor", none()).await, offer);

    let answer = stage.text(&answerer, "processOffer", json!({"offer": offer.as_str()})).await;
    assert_eq!(names(&stage.told()), ["MediaSessionStarted"]);
    let again = json!({"offer": offer.as_str()});
    assert_eq!(stage.refused(&answerer, "processOffer", again).await, Code::AlreadyNegotiated);
    assert_eq!(stage.text(&answerer, "getLocalSessionDescriptor", none()).await, answer);
    assert_eq!(stage.text(&answerer, "getRemoteSessionDescriptor", none()).await, offer);

    let local = stage.text(&offerer, "processAnswer", json!({"answer": answer.as_str()})).await;
    assert_eq!(local, offer, "the local description once more");
    assert_eq!(names(&stage.told()), ["MediaSessionStarted"]);
    let again = json!({"answer": answer.as_str()});
    assert_eq!(stage.refused(&offerer, "processAnswer", again).await, Code::AnswerAlreadyProcessed);
    stage.close().await;
}

#[tokio::test]
async fn descriptions_that_are_none_are_refused_as_such() {
    let mut stage = Stage::open().await;
    let endpoint = stage.endpoint(none()).await;
    for offer in ["", "v=0 offer", "\0"] {
        assert_eq!(stage.refused(&endpoint, "processOffer", json!({"offer": offer})).await, Code::SdpParse);
    }
    let wanted = json!({"options": {"offerToReceiveAudio": true, "offerToReceiveVideo": false}});
    let offer = stage.text(&endpoint, "generateOffer", wanted).await;
    assert!(offer.contains("m=audio") && !offer.contains("m=video"), "{offer}");
    assert_eq!(stage.refused(&endpoint, "processAnswer", json!({"answer": ""})).await, Code::SdpParse);
    stage.close().await;
}

#[tokio::test]
async fn the_flags_of_the_constructor_say_which_way_media_goes() {
    let mut stage = Stage::open().await;
    for (flags, direction) in [
        (json!({}), "a=sendrecv"),
        (json!({"recvonly": true}), "a=recvonly"),
        (json!({"sendonly": true}), "a=sendonly"),
    ] {
        let endpoint = stage.endpoint(flags).await;
        let offer = stage.text(&endpoint, "generateOffer", none()).await;
        assert_eq!(offer.matches(direction).count(), 2, "audio and video of {offer}");
    }
    stage.close().await;
}

#[tokio::test]
async fn two_sides_without_a_codec_in_common_are_told() {
    let mut stage = Stage::open().await;
    let (offerer, answerer) = (stage.endpoint(none()).await, stage.endpoint(none()).await);
    let only = |codec| json!({"caps": {"codec": codec, "framerate": {"numerator": 30, "denominator": 1}}});
    stage.done(&offerer, "setVideoFormat", only("VP8")).await;
    stage.done(&answerer, "setVideoFormat", only("H264")).await;
    let offer = stage.text(&offerer, "generateOffer", none()).await;
    assert_eq!(
        stage.refused(&answerer, "processOffer", json!({"offer": offer})).await,
        Code::SdpConfiguration
    );
    assert_eq!(stage.refused(&answerer, "setVideoFormat", only("RAW")).await, Code::IllegalParam);
    stage.close().await;
}

/// Lets two endpoints negotiate with one another and hands each one's candidates to the other. Gives what was
/// told meanwhile.
async fn call(stage: &mut Stage, caller: &ObjectId, callee: &ObjectId) -> Vec<Notification> {
    let offer = stage.text(caller, "generateOffer", none()).await;
    let answer = stage.text(callee, "processOffer", json!({"offer": offer})).await;
    stage.done(caller, "processAnswer", json!({"answer": answer})).await;
    let mut told = Vec::new();
    for (from, to) in [(caller, callee), (callee, caller)] {
        stage.done(from, "gatherCandidates", none()).await;
        let is_last = |event: &Notification| event.name == "IceGatheringDone" && event.object == *from;
        let gathered = stage.told_until(is_last).await;
        for event in gathered.iter().filter(|event| event.object == *from) {
            let Some(candidate) = event.data.record_if("candidate").map(|candidate| &candidate.fields) else {
                continue;
            };
            let candidate = json!({"candidate": candidate.text("candidate"),
                "sdpMid": candidate.text("sdpMid"), "sdpMLineIndex": candidate.int("sdpMLineIndex")});
            stage.done(to, "addIceCandidate", json!({"candidate": candidate})).await;
        }
        told.extend(gathered);
    }
    told
}

/// The one record of a list.
fn only(list: Value) -> Fields {
    let Value::List(list) = list else { panic!("a list") };
    let [Value::Record(record)] = list.as_slice() else { panic!("one record, not {list:?}") };
    record.fields.clone()
}

// covers: KMS PROTOCOL.md §8
#[tokio::test]
async fn two_endpoints_connect_and_tell_of_it_in_the_order_of_kms() {
    let mut stage = Stage::open().await;
    let (caller, callee) = (stage.endpoint(none()).await, stage.endpoint(none()).await);
    stage.listen(&callee, &["IceCandidateFound", "IceGatheringDone"]).await;
    stage.listen_to_all(&caller).await;
    let mut told = call(&mut stage, &caller, &callee).await;
    let is_up = |event: &Notification| event.name == "ConnectionStateChanged";
    // The one that checks may connect while the other still gathers.
    if !told.iter().any(is_up) {
        told.extend(stage.told_until(is_up).await);
    }
    told.retain(|event| event.object == caller);
    let told = names(&told);

    let ice =
        told.iter().filter(|name| name.starts_with("IceComponent") || *name == "NewCandidatePairSelected");
    assert_eq!(
        ice.collect::<Vec<_>>(),
        [
            "IceComponentStateChanged GATHERING",
            "IceComponentStateChanged CONNECTING",
            "NewCandidatePairSelected",
            "IceComponentStateChanged CONNECTED",
            "IceComponentStateChanged READY",
        ]
    );
    let place = |name: &str| told.iter().position(|told| told == name).expect(name);
    assert!(place("MediaSessionStarted") < place("IceComponentStateChanged GATHERING"));
    assert!(place("IceComponentStateChanged GATHERING") < place("IceCandidateFound"));
    assert!(place("IceCandidateFound") < place("IceComponentStateChanged CONNECTING"));
    assert!(place("DtlsConnectionStateChange CONNECTED") < place("ConnectionStateChanged CONNECTED"));

    let state = stage.done(&caller, "getConnectionState", none()).await;
    assert_eq!(state, Value::Enum("CONNECTED"));
    let ice = only(stage.done(&caller, "getIceConnectionState", none()).await);
    assert_eq!((ice.text("streamId"), ice.int("componentId"), ice.word("state")), ("1", 1, "READY"));
    let dtls = only(stage.done(&caller, "getDtlsConnectionState", none()).await);
    assert_eq!((dtls.text("componentId"), dtls.word("state")), ("1", "CONNECTED"));
    let pair = only(stage.done(&caller, "getICECandidatePairs", none()).await);
    assert!(pair.text("localCandidate").contains("127.0.0.1"), "{pair:?}");

    stage.release(&callee).await;
    let told = names(&stage.told_until(|event| event.name == "ConnectionStateChanged").await);
    let ends =
        ["MediaSessionTerminated", "DtlsConnectionStateChange CLOSED", "ConnectionStateChanged DISCONNECTED"];
    assert!(ends.iter().all(|end| told.iter().any(|told| told == end)), "{told:?}");
    let state = stage.done(&caller, "getConnectionState", none()).await;
    assert_eq!(state, Value::Enum("DISCONNECTED"));
    stage.close().await;
}
