//! The end of the server.

use crate::browser::Browser;
use crate::keel::{Keel, PATIENCE};
use keel_signaling::Config;
use serde_json::json;

#[tokio::test]
async fn a_shutdown_tells_both_sides_of_a_call_and_closes_with_1001() {
    let keel = Keel::start(Config::default()).await;
    assert_eq!(keel.get("/healthz", &[]).await.status, 200);
    let (mut ann, _) = Browser::registered(&keel, "ann").await;
    let (mut ben, _) = Browser::registered(&keel, "ben").await;
    ann.say(json!({"id": "call", "from": "ann", "to": "ben", "sdpOffer": "v=0"})).await;
    ben.hears().await;
    let words = "the server is shutting down";
    let told = async {
        assert_eq!(ben.hears().await, json!({"id": "stopCommunication", "message": words}));
        assert_eq!(ben.is_closed_with().await, 1001);
        assert_eq!(ann.hears().await["message"], words);
        assert_eq!(ann.is_closed_with().await, 1001);
    };
    tokio::join!(keel.state.shutdown(PATIENCE), told);
    assert_eq!(keel.get("/healthz", &[]).await.status, 503);
    assert_eq!(Browser::try_open(&keel, "/call", &[]).await.err(), Some(503));
    assert_eq!(keel.metric("keel_connections").await, 0);
    keel.state.shutdown(PATIENCE).await;
}
