//! The peer's candidates, and data channels that are none yet.

use super::stage::{Stage, none};
use crate::kms::failure::Code;
use crate::kms::model::Value;
use serde_json::{Value as Json, json};

fn candidate(line: &str) -> Json {
    json!({"candidate": {"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0}})
}

#[tokio::test]
async fn candidates_that_browsers_send_are_taken_whenever_they_come() {
    let mut stage = Stage::open().await;
    let endpoint = stage.endpoint(none()).await;
    for line in [
        "candidate:1 1 udp 2122260223 192.0.2.9 50000 typ host generation 0 ufrag abcd network-id 1",
        "candidate:2 1 udp 2122260223 5fb5bf71-07cf-4c49-8ce5-7a2e0a5f2c1b.local 50001 typ host",
        "candidate:3 1 tcp 1518280447 192.0.2.9 9 typ host tcptype active",
        "",
    ] {
        assert_eq!(stage.done(&endpoint, "addIceCandidate", candidate(line)).await, Value::Null, "{line}");
    }
    stage.text(&endpoint, "generateOffer", none()).await;
    stage.done(&endpoint, "addIceCandidate", candidate("")).await;
    assert_eq!(stage.refused(&endpoint, "addIceCandidate", candidate("nonsense")).await, Code::AddCandidate);
    stage.close().await;
}

#[tokio::test]
async fn data_channels_need_a_negotiation_and_one_limit_at_most() {
    let mut stage = Stage::open().await;
    let endpoint = stage.endpoint(json!({"useDataChannels": true})).await;
    for limits in [
        json!({"maxPacketLifeTime": 100, "maxRetransmits": 3}),
        json!({"maxRetransmits": 65_536}),
        json!({"maxPacketLifeTime": -2}),
    ] {
        let refused = stage.refused(&endpoint, "createDataChannel", limits.clone()).await;
        assert_eq!(refused, Code::IllegalParam, "{limits}");
    }
    assert_eq!(stage.refused(&endpoint, "createDataChannel", none()).await, Code::OperationNotSupported);
    let channel = |number: i64| json!({"channelId": number});
    assert_eq!(stage.refused(&endpoint, "closeDataChannel", channel(1)).await, Code::OperationNotSupported);
    assert_eq!(stage.refused(&endpoint, "closeDataChannel", channel(-1)).await, Code::IllegalParam);
    stage.close().await;
}
