//! WHIP and WHEP over plain HTTP: each status code, with the word that says what to do.

use crate::browser::Browser;
use crate::keel::{Answer, Keel};
use keel_signaling::{Config, IceServer, Limits, LiveLimits, OriginPolicy, Rate, Token};
use serde_json::json;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

const SENDONLY: &str =
    include_str!("../../../media/tests/fixtures/chromium156-kurento-utils-sendonly.offer.sdp");
const RECVONLY: &str =
    include_str!("../../../media/tests/fixtures/chromium156-kurento-utils-recvonly.offer.sdp");
const SIMULCAST: &str = include_str!("../../../media/tests/fixtures/chromium156-simulcast-rids.offer.sdp");

const SDP: (&str, &str) = ("content-type", "application/sdp");
const FRAGMENT: (&str, &str) = ("content-type", "application/trickle-ice-sdpfrag");
const JSON: (&str, &str) = ("content-type", "application/json");
const CANDIDATE: &str =
    "m=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\n";
const RESTART: &str = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n";

fn live(live: LiveLimits) -> Config {
    Config { limits: Limits { live, ..Limits::default() }, ..Config::default() }
}

/// The refusal is a problem document (RFC 9457) with this status and code, and a sentence.
fn assert_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.json()["status"], status);
    assert!(answer.json()["detail"].as_str().is_some_and(|detail| detail.ends_with('.')), "{}", answer.body);
}

async fn publish(keel: &Keel) -> (String, String) {
    begin(keel, "/whip/tide", SENDONLY).await
}

/// A session's path and its entity tag.
async fn begin(keel: &Keel, path: &str, offer: &str) -> (String, String) {
    let answer = keel.send("POST", path, &[SDP], offer).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let field = |name| answer.header(name).expect(name).to_owned();
    (field("location"), field("etag"))
}

async fn end(keel: &Keel, session: &str) {
    assert_eq!(keel.send("DELETE", session, &[], "").await.status, 200);
}

/// Nothing is left of any session.
async fn assert_empty(keel: &Keel) {
    for name in ["keel_streams", "keel_sessions", "keel_endpoints", "keel_pipelines"] {
        keel.becomes(name, 0).await;
    }
}

// covers: RFC 9725 §4.2
#[tokio::test]
async fn an_offer_is_answered_with_a_session_of_its_own() {
    let ice_servers = vec![IceServer {
        urls: vec!["turn:turn.example?transport=udp".to_owned()],
        username: Some("keel".to_owned()),
        credential: Some("tide".to_owned()),
    }];
    let keel = Keel::start(Config { ice_servers, ..Config::default() }).await;
    for (path, offer, direction) in [
        ("/whip/tide", SENDONLY, "a=recvonly"),
        ("/whip/tide", SIMULCAST, "a=recvonly"),
        ("/whep/tide", RECVONLY, "a=sendonly"),
    ] {
        let answer = keel.send("POST", path, &[SDP, ("accept", "application/sdp")], offer).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/sdp"));
        assert_eq!(answer.header("accept-patch"), Some("application/trickle-ice-sdpfrag"));
        assert_eq!(
            answer.header("link"),
            Some(
                "<turn:turn.example?transport=udp>; rel=\"ice-server\"; username=\"keel\"; credential=\"tide\"; \
                 credential-type=\"password\""
            )
        );
        let location = answer.header("location").expect("a session");
        assert!(location.starts_with(path) && location.len() > path.len() + 32, "{location}");
        assert!(answer.header("etag").is_some_and(|tag| tag.starts_with('"') && tag.len() > 10));
        assert!(answer.body.contains(direction), "{}", answer.body);
        // RFC 9725 §4.3.2: all candidates are in the answer.
        assert!(answer.body.contains("\r\na=candidate:") && answer.body.contains("\r\na=end-of-candidates"));
        assert_eq!(keel.send("GET", location, &[], "").await.status, 204);
    }
    assert_eq!(keel.metric("keel_stream_sessions_total{role=\"presenter\",result=\"opened\"}").await, 2);
}

#[tokio::test]
async fn requests_that_are_wrong_are_told_why_and_change_nothing() {
    let keel = Keel::start(Config::default()).await;
    let two_videos = {
        let video = SENDONLY.find("m=video").expect("video");
        format!("{SENDONLY}{}", SENDONLY[video..].replace("a=mid:1", "a=mid:2"))
    };
    let audio = ["opus/", "red/", "G722/", "PCMU/", "PCMA/"];
    let no_codec = audio.iter().fold(SENDONLY.to_owned(), |sdp, name| sdp.replace(name, "nothing/"));
    let broken = SENDONLY.replace("a=fingerprint:", "a=fingerprint-of:");
    let long = "v".repeat((64 << 10) + 1);
    for (path, headers, body, status, code) in [
        ("/whip/a%20b", vec![SDP], SENDONLY, 400, "stream_name_invalid"),
        ("/whip/tide", vec![SDP], "hello", 400, "offer_invalid"),
        ("/whip/tide", vec![SDP], "", 400, "offer_invalid"),
        ("/whip/tide", vec![SDP], &broken, 400, "offer_invalid"),
        ("/whip/tide", vec![], SENDONLY, 415, "media_type_unsupported"),
        ("/whip/tide", vec![JSON], SENDONLY, 415, "media_type_unsupported"),
        ("/whip/tide", vec![SDP, ("accept", "text/html")], SENDONLY, 406, "not_acceptable"),
        ("/whip/tide", vec![SDP], &two_videos, 406, "line_rejected"),
        ("/whip/tide", vec![SDP], &no_codec, 406, "no_common_codec"),
        ("/whip/tide", vec![SDP], RECVONLY, 422, "direction_wrong"),
        ("/whep/tide", vec![SDP], SENDONLY, 422, "direction_wrong"),
        ("/whip/tide", vec![SDP], &long, 413, "body_too_long"),
    ] {
        assert_refused(&keel.send("POST", path, &headers, body).await, status, code);
    }
    for (method, path) in [("PUT", "/whip/tide"), ("DELETE", "/whep/tide"), ("PATCH", "/whip/tide")] {
        let refused = keel.send(method, path, &[], "").await;
        assert_refused(&refused, 405, "method_not_allowed");
        assert!(refused.header("allow").is_some_and(|allowed| allowed.contains("POST")));
    }
    assert_refused(&keel.send("POST", "/whip/tide/1-x", &[SDP], "").await, 405, "method_not_allowed");
    assert_empty(&keel).await;
}

// covers: RFC 9725 §4.3.1
#[tokio::test]
async fn a_session_is_changed_by_who_knows_its_url_and_its_state() {
    let keel = Keel::start(Config::default()).await;
    let (presenter, tag) = publish(&keel).await;
    let (viewer, _) = begin(&keel, "/whep/tide", RECVONLY).await;
    let patch =
        async |headers: &[(&str, &str)], body: &str| keel.send("PATCH", &presenter, headers, body).await;

    let trickled = patch(&[FRAGMENT, ("if-match", &tag)], CANDIDATE).await;
    assert_eq!((trickled.status, trickled.header("etag"), trickled.body.as_str()), (204, None, ""));
    assert_refused(&patch(&[FRAGMENT], CANDIDATE).await, 428, "if_match_missing");
    assert_refused(&patch(&[FRAGMENT, ("if-match", "\"0\"")], CANDIDATE).await, 412, "if_match_failed");
    assert_refused(&patch(&[FRAGMENT, ("if-match", "0")], CANDIDATE).await, 400, "if_match_invalid");
    assert_refused(&patch(&[FRAGMENT, ("if-match", &tag)], "hello").await, 400, "fragment_invalid");
    assert_refused(&patch(&[SDP, ("if-match", &tag)], CANDIDATE).await, 415, "media_type_unsupported");
    let many = CANDIDATE.repeat(129);
    assert_refused(&patch(&[FRAGMENT, ("if-match", &tag)], &many).await, 400, "fragment_invalid");
    let long = CANDIDATE.repeat(2_000);
    assert_refused(&patch(&[FRAGMENT, ("if-match", &tag)], &long).await, 413, "body_too_long");

    let restarted = patch(&[FRAGMENT, ("if-match", "*")], RESTART).await;
    assert_eq!(restarted.status, 200, "{}", restarted.body);
    assert_eq!(restarted.header("content-type"), Some("application/trickle-ice-sdpfrag"));
    let fresh = restarted.header("etag").expect("a new tag").to_owned();
    assert_ne!(fresh, tag);
    assert!(restarted.body.contains("a=ice-ufrag:") && restarted.body.contains("a=candidate:"));
    assert_refused(&patch(&[FRAGMENT, ("if-match", &tag)], CANDIDATE).await, 412, "if_match_failed");
    assert_eq!(patch(&[FRAGMENT, ("if-match", &fresh)], CANDIDATE).await.status, 204);

    let layer =
        async |session: &str, body: &str| keel.send("POST", &format!("{session}/layer"), &[JSON], body).await;
    assert_eq!(layer(&viewer, "{\"spatial\":0}").await.status, 204);
    assert_eq!(layer(&viewer, "{}").await.status, 204);
    for bad in ["", "[]", "{\"spatial\":-1}", "{\"spatial\":256}", "{\"quality\":1}"] {
        assert_refused(&layer(&viewer, bad).await, 400, "layer_invalid");
    }
    let as_viewer = presenter.replace("/whip/", "/whep/");
    assert_refused(&layer(&as_viewer, "{}").await, 422, "not_a_viewer");

    // Another stream's path, another secret, another number: nothing there.
    let (_, key) = presenter.rsplit_once('/').expect("a key");
    let forged = format!("/whip/tide/{}", key.replace(|c: char| c.is_ascii_hexdigit(), "1"));
    for path in [&format!("/whip/ebb/{key}"), "/whip/tide/nothing", "/whip/tide/1-", &forged] {
        assert_refused(&keel.send("DELETE", path, &[], "").await, 404, "session_unknown");
    }
    end(&keel, &viewer).await;
    end(&keel, &presenter).await;
    assert_refused(&keel.send("DELETE", &presenter, &[], "").await, 404, "session_unknown");
    assert_refused(&patch(&[FRAGMENT, ("if-match", "*")], RESTART).await, 404, "session_unknown");
    assert_empty(&keel).await;
}

#[tokio::test]
async fn viewers_of_what_has_not_begun_are_told_when_to_come_back_where_they_may_not_wait() {
    let limits = LiveLimits { viewers_wait_max: Duration::ZERO, ..LiveLimits::default() };
    let admin_token = Token::new("the administrator's");
    let keel = Keel::start(Config { admin_token, ..live(limits) }).await;
    let watch = async || keel.send("POST", "/whep/tide", &[SDP], RECVONLY).await;
    let refused = watch().await;
    assert_refused(&refused, 404, "stream_unknown");
    assert_eq!(refused.header("retry-after"), Some("5"));
    let admin = ("authorization", "Bearer the administrator's");
    assert_eq!(keel.send("PUT", "/api/streams/tide", &[admin], "").await.status, 201);
    assert_refused(&keel.send("PUT", "/api/streams/tide", &[admin], "").await, 409, "stream_exists");
    let refused = watch().await;
    assert_refused(&refused, 409, "stream_not_live");
    assert_eq!(refused.header("retry-after"), Some("5"));
    let list = keel.get("/api/streams", &[admin]).await.json();
    assert_eq!(list["streams"][0]["name"], "tide");
    assert_eq!(list["streams"][0]["state"], "waiting");
    assert_refused(&keel.get("/api/streams", &[]).await, 401, "admin_token_missing");
    assert_eq!(keel.send("DELETE", "/api/streams/tide", &[admin], "").await.status, 204);
    assert_refused(&keel.get("/api/streams/tide", &[admin]).await, 404, "stream_unknown");
    assert_empty(&keel).await;
}

#[tokio::test]
async fn an_administrator_makes_streams_sees_who_is_in_them_and_ends_them() {
    let admin_token = Token::new("the administrator's");
    let keel = Keel::start(Config { admin_token, ..Config::default() }).await;
    let admin = ("authorization", "Bearer the administrator's");
    let get = async |path: &str| keel.get(path, &[admin]).await.json();
    for stream in ["tide", "ebb", "flow"] {
        assert_eq!(keel.send("PUT", &format!("/api/streams/{stream}"), &[admin], "").await.status, 201);
    }
    let page = get("/api/streams?limit=2").await;
    assert_eq!((&page["streams"][0]["name"], &page["next"]), (&json!("ebb"), &json!("flow")));
    let page = get("/api/streams?limit=2&after=flow").await;
    assert_eq!((&page["streams"][0]["name"], &page["next"]), (&json!("tide"), &json!(null)));
    let empty = json!({"name": "tide", "state": "waiting", "viewers": 0, "tracks": []});
    assert_eq!(get("/api/streams/tide").await, empty);

    let (presenter, _) = publish(&keel).await;
    let (viewer, _) = begin(&keel, "/whep/tide", RECVONLY).await;
    let seen = get("/api/streams/tide").await;
    let pipelines = get("/api/pipelines").await;
    assert_eq!(seen["media"]["id"], pipelines["pipelines"][0]["id"], "{seen}");
    let labels = seen["media"]["elements"]
        .as_array()
        .expect("elements")
        .iter()
        .filter_map(|element| element["label"].as_str());
    assert!(labels.into_iter().any(|label| label.starts_with("presenter ")), "{seen}");
    assert!(get("/api/live/tide").await["media"].is_null(), "that is for the administrator");

    assert_eq!(keel.send("DELETE", "/api/streams/tide", &[admin], "").await.status, 204);
    for session in [&presenter, &viewer] {
        assert_refused(&keel.send("DELETE", session, &[], "").await, 404, "session_unknown");
    }
    for stream in ["ebb", "flow"] {
        assert_eq!(keel.send("DELETE", &format!("/api/streams/{stream}"), &[admin], "").await.status, 204);
    }
    assert_empty(&keel).await;
}

#[tokio::test]
async fn a_page_of_the_one_to_many_call_is_told_what_is_wrong_and_its_socket_lives() {
    let keel = Keel::start(Config::default()).await;
    let mut page = Browser::try_open(&keel, "/one2many", &[]).await.expect("it opens");
    for (text, words) in [
        ("hello", "the message is not JSON"),
        ("[]", "the message has no field `id` with a text"),
        (r#"{"id":"dance"}"#, "there is no message with this `id`"),
        (r#"{"id":"viewer"}"#, "a field of `viewer` is missing or has the wrong type"),
    ] {
        page.send(Message::text(text)).await;
        assert_eq!(page.hears().await, json!({"id": "error", "message": words}));
    }
    for (id, offer) in
        [("presenter", "v=0"), ("presenter", RECVONLY), ("viewer", SENDONLY), ("viewer", RECVONLY)]
    {
        page.say(json!({"id": id, "sdpOffer": offer})).await;
        let answer = page.hears().await;
        assert_eq!(
            (&answer["id"], &answer["response"]),
            (&json!(format!("{id}Response")), &json!("rejected"))
        );
    }
    page.say(json!({"id": "stop"})).await;
    page.say(json!({"id": "presenter", "sdpOffer": SENDONLY})).await;
    assert_eq!(page.hears().await["response"], "accepted");
    for (path, status) in [("/one2many?stream=a%20b", 400), ("/one2many?stream=", 400)] {
        assert_eq!(Browser::try_open(&keel, path, &[]).await.err(), Some(status), "{path}");
    }
    page.goes_away().await;
    assert_empty(&keel).await;
}

#[tokio::test]
async fn what_is_taken_or_full_is_said() {
    let limits = LiveLimits {
        presenters_take_over: false,
        streams_max: 1,
        viewers_max: 1,
        sessions_per_address: Rate { per_second: 1, at_once: 8 },
        ..LiveLimits::default()
    };
    let keel = Keel::start(live(limits)).await;
    let (presenter, _) = publish(&keel).await;
    let (viewer, _) = begin(&keel, "/whep/tide", RECVONLY).await;
    assert_refused(&keel.send("POST", "/whip/tide", &[SDP], SENDONLY).await, 409, "stream_taken");
    let full = keel.send("POST", "/whep/tide", &[SDP], RECVONLY).await;
    assert_refused(&full, 503, "too_many_viewers");
    assert!(full.header("retry-after").is_some());
    assert_refused(&keel.send("POST", "/whip/ebb", &[SDP], SENDONLY).await, 503, "too_many_streams");
    let mut last = keel.send("POST", "/whip/ebb", &[SDP], SENDONLY).await;
    for _ in 0..6 {
        last = keel.send("POST", "/whip/ebb", &[SDP], SENDONLY).await;
    }
    assert_refused(&last, 429, "too_fast");
    end(&keel, &viewer).await;
    end(&keel, &presenter).await;
    assert_empty(&keel).await;
}

#[tokio::test]
async fn a_token_is_asked_for_and_then_pages_of_any_origin_may() {
    let access_tokens = Token::new("a visitor's").into_iter().collect();
    let keel = Keel::start(Config { access_tokens, ..Config::default() }).await;
    let foreign = ("origin", "https://studio.example");
    let missing = keel.send("POST", "/whip/tide", &[SDP, foreign], SENDONLY).await;
    assert_refused(&missing, 401, "access_token_missing");
    assert_eq!(missing.header("www-authenticate"), Some("Bearer"));
    assert_eq!(missing.header("access-control-allow-origin"), Some("*"), "the page may read why");
    let wrong = [SDP, foreign, ("authorization", "Bearer another")];
    assert_refused(&keel.send("POST", "/whip/tide", &wrong, SENDONLY).await, 403, "access_token_wrong");
    let right = [SDP, foreign, ("authorization", "Bearer a visitor's")];
    let answer = keel.send("POST", "/whip/tide", &right, SENDONLY).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert!(answer.header("access-control-expose-headers").is_some_and(|names| names.contains("Location")));
    assert!(answer.header("access-control-allow-credentials").is_none(), "no cookies");
    let session = answer.header("location").expect("a session").to_owned();

    let preflight = [foreign, ("access-control-request-method", "POST")];
    for (path, field, accepted) in [
        ("/whip/tide", "accept-post", "application/sdp"),
        ("/whep/tide", "accept-post", "application/sdp"),
        (session.as_str(), "accept-patch", "application/trickle-ice-sdpfrag"),
        (&format!("{session}/layer").replace("whip", "whep"), "accept-post", "application/json"),
    ] {
        let answer = keel.send("OPTIONS", path, &preflight, "").await;
        assert_eq!((answer.status, answer.header(field)), (200, Some(accepted)), "{path}");
        let allowed = answer.header("access-control-allow-headers").expect("headers");
        assert!(["Authorization", "Content-Type", "If-Match"].iter().all(|name| allowed.contains(name)));
        assert!(answer.header("access-control-allow-methods").is_some_and(|m| m.contains("PATCH")));
    }
    let ended = keel.send("DELETE", &session, &[foreign], "").await;
    assert_eq!(ended.status, 200, "who knows its URL needs no token");
    assert_empty(&keel).await;
}

#[tokio::test]
async fn without_tokens_pages_of_other_origins_may_not() {
    let allowed = vec!["https://app.example".to_owned()];
    let origins = OriginPolicy { allowed, loopback_only: true };
    let keel = Keel::start(Config { origins, ..Config::default() }).await;
    for (origin, status) in
        [("https://evil.example", 403), ("https://app.example", 201), ("http://localhost:3000", 201)]
    {
        let answer = keel.send("POST", "/whip/tide", &[SDP, ("origin", origin)], SENDONLY).await;
        assert_eq!(answer.status, status, "{origin}: {}", answer.body);
        if status == 201 {
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        }
    }
    let rebound = keel.send("POST", "/whip/tide", &[SDP, ("host", "rebound.example")], SENDONLY).await;
    assert_refused(&rebound, 403, "host_refused");
}

#[tokio::test]
async fn a_client_that_goes_away_before_its_answer_leaves_nothing() {
    let keel = Keel::start(Config::default()).await;
    let request = format!(
        "POST /whip/tide HTTP/1.1\r\nHost: {}\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SENDONLY}",
        keel.address,
        SENDONLY.len()
    );
    for _ in 0..5 {
        let mut stream = std::net::TcpStream::connect(keel.address).expect("connects");
        std::io::Write::write_all(&mut stream, request.as_bytes()).expect("writes");
        drop(stream);
    }
    // Those whose answer found nobody have ended; an answer that was on its way when the client went is the
    // one of a session that nobody connects to, and goes with the stream.
    keel.state.shutdown(Duration::from_secs(10)).await;
    assert_empty(&keel).await;
}
