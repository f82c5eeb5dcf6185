//! What becomes of the objects of a client that died.

use super::application::{Application, MANAGER};
use crate::keel::Keel;
use keel_signaling::{Config, KurentoConfig};
use serde_json::json;
use std::time::Duration;

async fn keel() -> Keel {
    let kurento = KurentoConfig { collection_period: Duration::from_millis(400), ..KurentoConfig::default() };
    Keel::start(Config { kurento, ..Config::default() }).await
}

/// A client that is told whenever an object goes.
async fn mourner(keel: &Keel) -> Application {
    let mut mourner = Application::open(keel).await;
    mourner.result("subscribe", json!({"object": MANAGER, "type": "ObjectDestroyed"})).await;
    mourner
}

#[tokio::test]
async fn a_dead_clients_objects_go_and_those_of_others_stay() {
    let keel = keel().await;
    let mut mourner = mourner(&keel).await;
    let mut dying = Application::open(&keel).await;
    let shared = dying.create("MediaPipeline", json!({})).await;
    let own = dying.create("MediaPipeline", json!({})).await;
    let child = dying.create("PassThrough", json!({"mediaPipeline": own})).await;
    mourner.name_of(&shared).await;
    drop(dying);
    for gone in [child, own] {
        assert_eq!(mourner.event("ObjectDestroyed").await["data"]["objectId"], json!(gone));
    }
    assert_eq!(mourner.name_of(&shared).await, json!(shared));
}

#[tokio::test]
async fn a_quiet_client_keeps_its_objects_and_so_does_one_that_returns() {
    let keel = keel().await;
    let mut mourner = mourner(&keel).await;
    let mut quiet = Application::open(&keel).await;
    let kept = quiet.create("MediaPipeline", json!({})).await;
    let mut away = Application::open(&keel).await;
    let waiting = away.create("MediaPipeline", json!({})).await;
    let session = away.session.clone();
    drop(away);
    let mut back = Application::open(&keel).await;
    back.result("connect", json!({"sessionId": session})).await;
    // Two clients die one after the other: their objects measure out more than two periods.
    for _ in 0..2 {
        let mut dying = Application::open(&keel).await;
        let doomed = dying.create("MediaPipeline", json!({})).await;
        drop(dying);
        assert_eq!(mourner.event("ObjectDestroyed").await["data"]["objectId"], json!(doomed));
    }
    assert_eq!(quiet.name_of(&kept).await, json!(kept));
    assert_eq!(back.name_of(&waiting).await, json!(waiting));
}
