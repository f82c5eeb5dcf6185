//! The REST API: rooms and tokens from outside, and its own description.

use crate::browser::Browser;
use crate::keel::{Answer, Keel};
use keel_signaling::{Config, Token, TokenConfig, TokenSecret};
use serde_json::{Value, json};

const ADMIN: (&str, &str) = ("authorization", "Bearer root");
const JSON: (&str, &str) = ("content-type", "application/json");

async fn start() -> Keel {
    let secret = TokenSecret::new("a secret of more than thirty-two bytes");
    let tokens = TokenConfig { secret, ..TokenConfig::default() };
    Keel::start(Config { admin_token: Token::new("root"), tokens, ..Config::default() }).await
}

async fn post(keel: &Keel, path: &str, body: &Value) -> Answer {
    keel.send("POST", path, &[ADMIN, JSON], &body.to_string()).await
}

#[tokio::test]
async fn an_application_makes_a_room_sends_people_in_and_ends_it() {
    let keel = start().await;
    let made = post(&keel, "/api/rooms", &json!({"room": "tea time", "sizeMax": 3})).await;
    assert_eq!((made.status, made.header("location")), (201, Some("/api/rooms/tea%20time")));
    assert_eq!(made.json()["sizeMax"], 3);
    let again = post(&keel, "/api/rooms", &json!({"room": "tea time"})).await;
    assert_eq!((again.status, again.json()["code"].clone()), (409, json!("room_exists")));

    let wanted = json!({"grants": {"room": "tea time", "name": "Ann"}, "subject": "17", "validS": 60});
    let minted = post(&keel, "/api/tokens", &wanted).await;
    assert_eq!(minted.status, 201);
    let token = minted.json()["token"].as_str().expect("a token").to_owned();
    let mut ann =
        Browser::try_open(&keel, &format!("/groupcall?access_token={token}"), &[]).await.expect("it opens");
    ann.say(json!({"id": "join", "room": "tea time", "name": "Ann"})).await;
    assert_eq!(ann.hears().await["id"], "joined");

    let seen = keel.get("/api/rooms/tea%20time", &[ADMIN]).await.json();
    let participant = &seen["room"]["participants"][0];
    assert_eq!((&participant["name"], &participant["moderator"]), (&json!("Ann"), &json!(false)), "{seen}");
    let id = participant["participant"].as_str().expect("an identifier");
    let listed = keel.get("/api/rooms", &[ADMIN]).await.json();
    assert_eq!(listed["rooms"][0]["room"], "tea time");

    for (method, path, code) in [
        ("POST", "/api/rooms/tea%20time/tracks/t999999/mute", "track_unknown"),
        ("DELETE", "/api/rooms/tea%20time/participants/p999999", "participant_unknown"),
        ("DELETE", "/api/rooms/nowhere", "room_unknown"),
        ("GET", "/api/rooms/nowhere", "room_unknown"),
    ] {
        let missing = keel.ask(method, path, &[ADMIN]).await;
        assert_eq!((missing.status, missing.json()["code"].clone()), (404, json!(code)), "{method} {path}");
    }
    let path = format!("/api/rooms/tea%20time/participants/{id}?reason=late");
    assert_eq!(keel.ask("DELETE", &path, &[ADMIN]).await.status, 204);
    let removed = ann.hears().await;
    assert_eq!((&removed["id"], &removed["reason"]), (&json!("removed"), &json!("late")));
    assert_eq!(keel.ask("DELETE", "/api/rooms/tea%20time", &[ADMIN]).await.status, 204);
    assert_eq!(keel.get("/api/rooms", &[ADMIN]).await.json(), json!({"rooms": []}));
}

#[tokio::test]
async fn bad_requests_are_answered_with_problems_and_change_nothing() {
    let keel = start().await;
    let long = format!("{{\"room\": \"{}\"}}", "x".repeat(64 << 10));
    for (method, path, headers, body, status, code) in [
        ("POST", "/api/rooms", vec![JSON], "{}", 401, "admin_token_missing"),
        ("POST", "/api/rooms", vec![ADMIN], "{}", 415, "body_not_json"),
        ("POST", "/api/rooms", vec![ADMIN, JSON], "{", 400, "body_invalid"),
        ("POST", "/api/rooms", vec![ADMIN, JSON], "[null, 3]", 400, "body_invalid"),
        ("POST", "/api/tokens", vec![ADMIN, JSON], "{\"grants\": [true]}", 400, "body_invalid"),
        ("POST", "/api/rooms", vec![ADMIN, JSON], "{\"size\": 3}", 400, "body_invalid"),
        ("POST", "/api/rooms", vec![ADMIN, JSON], "{\"sizeMax\": 1}", 409, "room_size"),
        ("POST", "/api/rooms", vec![ADMIN, JSON], "{\"room\": \" tea\"}", 400, "body_invalid"),
        ("POST", "/api/rooms", vec![ADMIN, JSON], long.as_str(), 413, "body_too_long"),
        ("POST", "/api/tokens", vec![ADMIN, JSON], "{}", 400, "body_invalid"),
        ("POST", "/api/tokens", vec![ADMIN, JSON], "{\"grants\": {\"rooms\": true}}", 400, "body_invalid"),
        ("POST", "/api/tokens", vec![ADMIN, JSON], "{\"grants\": {}, \"validS\": 0}", 400, "body_invalid"),
        ("GET", "/api/rooms/%ff", vec![ADMIN], "", 400, "path_invalid"),
        ("GET", "/api/rooms?limit=0", vec![ADMIN], "", 400, "page_invalid"),
        ("GET", "/api/streams?limit=501", vec![ADMIN], "", 400, "page_invalid"),
        ("GET", "/api/streams?after=a%20b", vec![ADMIN], "", 400, "page_invalid"),
        ("GET", "/api/streams/nothing", vec![ADMIN], "", 404, "stream_unknown"),
        ("DELETE", "/api/streams/nothing", vec![ADMIN], "", 404, "stream_unknown"),
        ("PUT", "/api/streams/a%20b", vec![ADMIN], "", 400, "stream_name_invalid"),
        ("PUT", "/api/streams/tide", vec![], "", 401, "admin_token_missing"),
        ("PATCH", "/api/rooms", vec![ADMIN], "", 405, "method_not_allowed"),
        ("GET", "/api/nothing", vec![ADMIN], "", 404, "not_found"),
    ] {
        let refused = keel.send(method, path, &headers, body).await;
        let problem = refused.json();
        assert_eq!((refused.status, &problem["code"]), (status, &json!(code)), "{method} {path} {problem}");
        assert_eq!(refused.header("content-type"), Some("application/problem+json"));
        assert_eq!(problem["status"], status);
    }
    let patched = keel.ask("PATCH", "/api/rooms", &[ADMIN]).await;
    assert!(patched.header("allow").is_some_and(|allow| allow.contains("POST")), "{:?}", patched.headers);
    assert_eq!((keel.metric("keel_rooms").await, keel.metric("keel_streams").await), (0, 0));
}

#[tokio::test]
async fn tokens_are_not_made_where_there_is_no_secret() {
    let keel = Keel::start(Config { admin_token: Token::new("root"), ..Config::default() }).await;
    let refused = post(&keel, "/api/tokens", &json!({"grants": {"call": true}})).await;
    assert_eq!((refused.status, refused.json()["code"].clone()), (409, json!("minting_closed")));
}

#[tokio::test]
async fn every_operation_that_is_described_is_there_and_asks_for_a_token() {
    let keel = start().await;
    let document = keel.get("/api/openapi.json", &[]).await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() >= 9, "{paths:?}");
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().expect("operations") {
            let path = path.replace(['{', '}'], "");
            let answer = keel.ask(&method.to_uppercase(), &path, &[]).await;
            assert_eq!(answer.json()["code"], "admin_token_missing", "{method} {path}");
            assert!(operation["responses"]["401"].is_object() && operation["summary"].is_string());
        }
    }
    let page = keel.get("/api/docs", &[]).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
}

#[tokio::test]
async fn an_administrator_sees_the_calls_of_this_moment_and_ends_one() {
    let keel = Keel::start(Config { admin_token: Token::new("root"), ..Config::default() }).await;
    assert_eq!(keel.get("/api/calls/active", &[ADMIN]).await.json(), json!({"calls": []}));
    let (mut ann, _) = Browser::registered(&keel, "ann").await;
    let (mut ben, _) = Browser::registered(&keel, "ben").await;
    ann.say(json!({"id": "call", "from": "ann", "to": "ben", "sdpOffer": "v=0"})).await;
    assert_eq!(ben.hears().await["id"], "incomingCall");

    let seen = keel.get("/api/calls/active?limit=1", &[ADMIN]).await.json();
    let call = &seen["calls"][0];
    assert_eq!(
        (&call["from"], &call["to"], &call["state"]),
        (&json!("ann"), &json!("ben"), &json!("ringing"))
    );
    assert!(call["started"].as_u64().expect("a time") > 1_500_000_000_000, "{call}");
    let next = seen["next"].as_str().expect("perhaps there are more");
    assert_eq!(
        keel.get(&format!("/api/calls/active?after={next}"), &[ADMIN]).await.json(),
        json!({"calls": []})
    );

    let path = format!("/api/calls/active/{}", call["call"]);
    assert_eq!(keel.ask("DELETE", &path, &[ADMIN]).await.status, 204);
    let words = "an administrator ended the call";
    assert_eq!(ann.hears().await, json!({"id": "callResponse", "response": "rejected", "message": words}));
    assert_eq!(ben.hears().await, json!({"id": "stopCommunication", "message": words}));
    assert_eq!(keel.metric("keel_calls_total{outcome=\"ended\"}").await, 1);
    for (path, status, code) in [
        (path.as_str(), 404, "call_unknown"),
        ("/api/calls/active/17a", 400, "number_invalid"),
        ("/api/calls/active/9007199254740992", 400, "number_invalid"),
    ] {
        let refused = keel.ask("DELETE", path, &[ADMIN]).await;
        assert_eq!((refused.status, refused.json()["code"].clone()), (status, json!(code)), "{path}");
    }
}

#[tokio::test]
async fn an_administrator_sees_how_workers_share_the_load() {
    let keel = start().await;
    let workers = keel.get("/api/workers", &[ADMIN]).await.json()["workers"].clone();
    assert_eq!((&workers[0]["worker"], &workers[0]["sessions"]), (&json!(0), &json!(0)), "{workers}");
}
