//! Names: given, refused, claimed, taken over.

use crate::browser::Browser;
use crate::keel::Keel;
use keel_signaling::{Config, Store, Token};
use serde_json::json;

#[tokio::test]
async fn a_name_is_given_once_and_free_again_when_its_page_is_gone() {
    let keel = Keel::start(Config::default()).await;
    let (ann, token) = Browser::registered(&keel, "ann").await;
    assert!(token.len() == 32 && token.bytes().all(|digit| digit.is_ascii_hexdigit()), "128 bits");
    let mut other = Browser::open(&keel).await;
    for (name, message) in [("ann", "this name is in use"), ("", "the name is empty")] {
        other.say(json!({"id": "register", "name": name})).await;
        assert_eq!(
            other.hears().await,
            json!({"id": "registerResponse", "response": "rejected", "message": message})
        );
    }
    assert_eq!(keel.metric("keel_registered_users").await, 1);
    assert_eq!(keel.metric("keel_registrations_total{result=\"in_use\"}").await, 1);

    other.say(json!({"id": "watchOnline"})).await;
    assert_eq!(other.hears().await, json!({"id": "online", "users": ["ann"]}));
    ann.close().await;
    assert_eq!(other.hears().await, json!({"id": "online", "users": []}));
    other.say(json!({"id": "register", "name": "ann"})).await;
    assert_eq!(other.hears().await["response"], "accepted");
}

#[tokio::test]
async fn a_claimed_name_needs_its_secret_also_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keel.redb");
    let admin_token = Token::new("root");
    let config = Config { admin_token, ..Config::default() };
    let keel = Keel::with_store(config.clone(), Store::open(&path).expect("opens")).await;
    let mut ann = Browser::open(&keel).await;
    ann.say(json!({"id": "register", "name": "ann", "secret": "tide"})).await;
    assert_eq!(ann.hears().await["response"], "accepted");
    keel.state.shutdown(crate::keel::PATIENCE).await;

    let keel = Keel::with_store(config, Store::open(&path).expect("opens again")).await;
    let mut thief = Browser::open(&keel).await;
    for attempt in
        [json!({"id": "register", "name": "ann"}), json!({"id": "register", "name": "ann", "secret": "ebb"})]
    {
        thief.say(attempt).await;
        let answer = thief.hears().await;
        assert_eq!(answer["response"], "rejected");
        assert!(answer["message"].as_str().expect("a reason").contains("secret"), "{answer}");
    }
    let mut ann = Browser::open(&keel).await;
    ann.say(json!({"id": "register", "name": "ann", "secret": "tide"})).await;
    assert_eq!(ann.hears().await["response"], "accepted");

    let users = keel.get("/api/users", &[("authorization", "Bearer root")]).await;
    assert_eq!(users.status, 200);
    let users = users.json();
    assert_eq!((&users["users"][0]["name"], &users["users"][0]["claimed"]), (&json!("ann"), &json!(true)));
    assert!(users["users"][0]["lastSeen"].as_u64() >= users["users"][0]["firstSeen"].as_u64());
}

#[tokio::test]
async fn a_page_that_reconnects_displaces_its_stale_connection() {
    let keel = Keel::start(Config::default()).await;
    let (mut stale, token) = Browser::registered(&keel, "ann").await;
    let mut fresh = Browser::open(&keel).await;
    fresh.say(json!({"id": "register", "name": "ann", "resumeToken": "0".repeat(32)})).await;
    assert_eq!(fresh.hears().await["response"], "rejected", "a guess does not do");
    fresh.say(json!({"id": "register", "name": "ann", "resumeToken": token})).await;
    let answer = fresh.hears().await;
    assert_eq!(answer["response"], "accepted");
    assert_ne!(answer["resumeToken"], token, "each connection has its own token");
    assert_eq!(stale.is_closed_with().await, 4001);
}
