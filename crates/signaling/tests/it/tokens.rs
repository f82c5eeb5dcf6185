//! JSON Web Tokens: what they open, what they do not, on every surface; and keys that change.

use crate::browser::Browser;
use crate::keel::Keel;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keel_signaling::{Config, KeySource, TokenConfig, TokenSecret};
use ring::hmac;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECRET: &str = "a secret of more than thirty-two bytes";

/// Whatever asks for a token: the method, the grant that opens it, and how far one comes then. A WebSocket's address
/// is reached when it asks for an upgrade, and that of a stream when it asks for a body.
const SURFACES: [(&str, &str, &str, u16); 12] = [
    ("GET", "/call", "call", 426),
    ("GET", "/groupcall", "room", 426),
    ("GET", "/one2many", "publish", 426),
    ("GET", "/one2many", "subscribe", 426),
    ("POST", "/whip/tide", "publish", 415),
    ("POST", "/whep/tide", "subscribe", 415),
    ("GET", "/api/live/tide", "subscribe", 404),
    ("GET", "/api/config", "", 200),
    ("GET", "/api/rooms", "admin", 200),
    ("GET", "/api/streams", "admin", 200),
    ("GET", "/api/pipelines", "admin", 200),
    ("GET", "/api/calls", "admin", 200),
];

fn seconds_from_now(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970"); // clock: tokens have no other
    i64::try_from(now.as_secs()).expect("this century") + seconds
}

fn signed(header: &Value, claims: &Value, secret: &str) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let text = format!("{}.{}", encode(header), encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = hmac::sign(&key, text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A token that is valid for a minute.
fn token(grants: &Value) -> String {
    let claims = json!({"exp": seconds_from_now(60), "keel": grants});
    signed(&json!({"alg": "HS256"}), &claims, SECRET)
}

fn secret_config() -> Config {
    let tokens = TokenConfig { secret: TokenSecret::new(SECRET), ..TokenConfig::default() };
    Config { tokens, ..Config::default() }
}

/// The status and code with which a surface refuses this token.
async fn refusal(keel: &Keel, method: &str, path: &str, token: &str) -> (u16, String) {
    let answer = keel.ask(method, path, &[("authorization", &format!("Bearer {token}"))]).await;
    let problem = answer.json();
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}: {problem}");
    (answer.status, problem["code"].as_str().expect("a code").to_owned())
}

#[tokio::test]
async fn a_token_opens_what_it_grants_and_nothing_else() {
    let keel = Keel::start(secret_config()).await;
    for (method, path, grant, reached) in SURFACES {
        let grants = if grant.is_empty() { json!({}) } else { json!({grant: true}) };
        let bearer = format!("Bearer {}", token(&grants));
        let opened = keel.ask(method, path, &[("authorization", &bearer)]).await.status;
        assert_eq!(opened, reached, "{method} {path}");
        if !grant.is_empty() {
            let other = token(&json!({"name": "Ann"}));
            let missing = (403, "grant_missing".to_owned());
            assert_eq!(refusal(&keel, method, path, &other).await, missing, "{method} {path}");
        }
    }
    let in_query = format!("/call?access_token={}", token(&json!({"call": true})));
    assert_eq!(Browser::try_open(&keel, &in_query, &[]).await.err(), None);
    let in_query = format!("/api/rooms?access_token={}", token(&json!({"admin": true})));
    assert_eq!(keel.get(&in_query, &[]).await.status, 401, "administration takes no token in an address");
}

#[tokio::test]
async fn bad_tokens_are_refused_by_name_on_every_surface() {
    let keel = Keel::start(secret_config()).await;
    let everything = json!({
        "call": true, "room": true, "publish": true, "subscribe": true, "kurento": true, "admin": true,
    });
    let claims = json!({"exp": seconds_from_now(60), "keel": everything});
    let past = json!({"exp": seconds_from_now(-31), "keel": everything});
    let future = json!({"exp": seconds_from_now(600), "nbf": seconds_from_now(300), "keel": everything});
    let hs256 = json!({"alg": "HS256"});
    let unsigned = signed(&json!({"alg": "none"}), &claims, SECRET);
    let unsigned = unsigned.rsplit_once('.').map(|(text, _)| format!("{text}.")).expect("three parts");
    for (bad, code) in [
        (signed(&hs256, &past, SECRET), "token_expired"),
        (signed(&hs256, &future, SECRET), "token_early"),
        (signed(&hs256, &claims, "another secret of more than thirty-two bytes"), "token_signature"),
        (signed(&json!({"alg": "RS256"}), &claims, SECRET), "token_algorithm"),
        (signed(&json!({"alg": "none"}), &claims, SECRET), "token_algorithm"),
        (unsigned, "token_algorithm"),
        (signed(&hs256, &json!({"keel": everything}), SECRET), "token_claims"),
        ("a.b.c".to_owned(), "token_malformed"),
    ] {
        for (method, path, ..) in SURFACES {
            assert_eq!(refusal(&keel, method, path, &bad).await, (401, code.to_owned()), "{method} {path}");
        }
        let kurento = format!("/kurento?access_token={bad}");
        assert_eq!(crate::kurento::refused(&keel, &kurento).await, Some(401), "{code}");
        let counted = format!("keel_tokens_refused_total{{reason=\"{code}\"}}");
        assert!(keel.metric(&counted).await >= SURFACES.len() as u64, "{code}");
    }
    let open = format!("/kurento?access_token={}", token(&json!({"kurento": true})));
    assert_eq!(crate::kurento::refused(&keel, &open).await, None);
    let other = format!("/kurento?access_token={}", token(&json!({"call": true})));
    assert_eq!(crate::kurento::refused(&keel, &other).await, Some(403));
    assert_eq!(keel.metric("keel_connections").await, 0, "nothing was let in");
}

#[tokio::test]
async fn a_rooms_token_is_for_its_rooms_its_name_and_its_moderator() {
    let keel = Keel::start(secret_config()).await;
    let open = async |grants: Value| {
        let path = format!("/groupcall?access_token={}", token(&grants));
        Browser::try_open(&keel, &path, &[]).await.expect("it opens")
    };
    let mut ann = open(json!({"room": "te*", "name": "Ann"})).await;
    for (room, name, code) in [("sea", "Ann", "grantForOther"), ("tea", "Ben", "otherName")] {
        ann.say(json!({"id": "join", "room": room, "name": name})).await;
        let refused = ann.hears().await;
        assert_eq!((&refused["id"], &refused["code"]), (&json!("error"), &json!(code)), "{refused}");
    }
    ann.say(json!({"id": "createRoom", "room": "tent"})).await;
    assert_eq!(ann.hears().await["code"], "grantMissing", "who makes a room has its moderators' token");
    ann.say(json!({"id": "join", "room": "tea", "name": "Ann"})).await;
    let joined = ann.hears().await;
    assert_eq!((&joined["id"], &joined["moderator"]), (&json!("joined"), &json!(false)), "{joined}");

    let mut eve = open(json!({"room": true, "moderator": "tea"})).await;
    eve.say(json!({"id": "join", "room": "tea", "name": "Eve"})).await;
    let joined = eve.hears().await;
    assert_eq!((&joined["id"], &joined["moderator"]), (&json!("joined"), &json!(true)), "{joined}");
}

#[tokio::test]
async fn a_streams_token_is_for_its_streams_and_one_of_both_ways() {
    let keel = Keel::start(secret_config()).await;
    let other = (403, "grant_for_other".to_owned());
    let presenter = token(&json!({"publish": "te*"}));
    let viewer = token(&json!({"subscribe": ["tea", "tent"]}));
    for (path, token) in [("/whip/sea", &presenter), ("/whep/sea", &viewer)] {
        assert_eq!(refusal(&keel, "POST", path, token).await, other, "{path}");
    }
    for token in [&presenter, &viewer] {
        for path in ["/api/live/sea", "/one2many?stream=sea"] {
            assert_eq!(refusal(&keel, "GET", path, token).await, other, "{path}");
        }
    }
    for (path, token) in [("/whip/tea", &viewer), ("/whep/tea", &presenter)] {
        assert_eq!(refusal(&keel, "POST", path, token).await, (403, "grant_missing".to_owned()), "{path}");
    }
    // A page is let in for one of the two, and then does only that.
    for (token, id) in [(&viewer, "presenter"), (&presenter, "viewer")] {
        let path = format!("/one2many?stream=tea&access_token={token}");
        let mut page = Browser::try_open(&keel, &path, &[]).await.expect("it opens");
        page.say(json!({"id": id, "sdpOffer": "v=0"})).await;
        let answer = page.hears().await;
        assert_eq!(
            (&answer["id"], &answer["message"]),
            (&json!(format!("{id}Response")), &json!("your token does not allow this"))
        );
    }
}

#[tokio::test]
async fn a_name_in_a_token_is_the_one_that_is_registered_and_told_to_the_page() {
    let keel = Keel::start(secret_config()).await;
    let path = |path: &str| format!("{path}?access_token={}", token(&json!({"call": true, "name": "Ann"})));
    assert_eq!(keel.get(&path("/api/config"), &[]).await.json()["name"], "Ann");
    let mut ann = Browser::try_open(&keel, &path("/call"), &[]).await.expect("it opens");
    for (name, response) in [("Ben", "rejected"), ("Ann", "accepted")] {
        ann.say(json!({"id": "register", "name": name})).await;
        assert!(ann.hears().await["response"].as_str().expect("words").starts_with(response), "{name}");
    }
}

#[tokio::test]
async fn a_connection_ends_with_its_token() {
    let keel = Keel::start(secret_config()).await;
    // Half a minute of leeway, less a second.
    let claims = json!({"exp": seconds_from_now(-29), "keel": {"room": true, "call": true}});
    let token = signed(&json!({"alg": "HS256"}), &claims, SECRET);
    for path in ["/groupcall", "/call"] {
        let path = format!("{path}?access_token={token}");
        if let Ok(mut browser) = Browser::try_open(&keel, &path, &[]).await {
            assert_eq!(browser.is_closed_with().await, 4003);
        }
    }
    assert_eq!(refusal(&keel, "GET", "/call", &token).await, (401, "token_expired".to_owned()));
}

/// A key set with one secret.
fn key_set(id: &str, secret: &str) -> String {
    json!({"keys": [{"kty": "oct", "kid": id, "k": URL_SAFE_NO_PAD.encode(secret)}]}).to_string()
}

fn named(id: &str, secret: &str) -> String {
    let claims = json!({"exp": seconds_from_now(60), "keel": {"admin": true}});
    signed(&json!({"alg": "HS256", "kid": id}), &claims, secret)
}

#[tokio::test]
async fn keys_change_without_a_restart() {
    const OTHER: &str = "another secret of more than thirty-two bytes";
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    std::fs::write(&file, key_set("old", SECRET)).expect("written");
    let source = KeySource::parse(&file.display().to_string()).expect("a file");
    source.check().expect("readable");
    let hour = Duration::from_secs(3600);
    let tokens = TokenConfig { keys: Some(source), reload_every: hour, ..TokenConfig::default() };
    let keel = Keel::start(Config { tokens, ..Config::default() }).await;
    let ask = async |token: String| {
        keel.get("/api/rooms", &[("authorization", &format!("Bearer {token}"))]).await.status
    };
    assert_eq!(ask(named("old", SECRET)).await, 200);

    std::fs::write(&file, key_set("new", OTHER)).expect("written");
    assert_eq!(ask(named("old", SECRET)).await, 200, "nobody has looked yet");
    assert_eq!(ask(named("new", OTHER)).await, 200, "a token with a new key has the file read");
    for (method, path, ..) in SURFACES {
        assert_eq!(
            refusal(&keel, method, path, &named("old", SECRET)).await,
            (401, "token_key_unknown".to_owned()),
            "{path}: the old key is gone, and strangers' keys do not have the file read each time"
        );
    }
    assert_eq!(keel.metric("keel_token_key_readings_total{result=\"read\"}").await, 1);
}

#[tokio::test]
async fn keys_stay_when_their_file_cannot_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    std::fs::write(&file, key_set("old", SECRET)).expect("written");
    let source = KeySource::parse(&file.display().to_string()).expect("a file");
    let often = Duration::from_millis(50);
    let tokens = TokenConfig { keys: Some(source.clone()), reload_every: often, ..TokenConfig::default() };
    let keel = Keel::start(Config { tokens, ..Config::default() }).await;
    std::fs::write(&file, "{").expect("written");
    let error = source.check().expect_err("no key set").to_string();
    assert!(error.contains("JSON Web Key Set"), "{error}");
    while keel.metric("keel_token_key_readings_total{result=\"failed\"}").await == 0 {
        tokio::task::yield_now().await;
    }
    let bearer = format!("Bearer {}", named("old", SECRET));
    assert_eq!(keel.get("/api/rooms", &[("authorization", &bearer)]).await.status, 200);
    assert_eq!(keel.metric("keel_token_keys").await, 1);
}
