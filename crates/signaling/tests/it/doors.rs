//! Who gets in: origins, tokens, limits of connections; and what the page's files look like.

use crate::browser::Browser;
use crate::keel::Keel;
use keel_media::{CaptureLimits, EndpointOptions, MediaType};
use keel_signaling::{Config, IceServer, Limits, OriginPolicy, Token};
use serde_json::json;

#[tokio::test]
async fn foreign_pages_are_refused_and_own_ones_are_not() {
    let origins = OriginPolicy { allowed: vec!["https://app.example".to_owned()], loopback_only: false };
    let keel = Keel::start(Config { origins, ..Config::default() }).await;
    let own = format!("http://{}", keel.address);
    for (origin, refused) in [
        (own.as_str(), None),
        ("https://app.example", None),
        ("https://evil.example", Some(403)),
        ("null", Some(403)),
        ("http://localhost:3000", Some(403)),
    ] {
        let opened = Browser::try_open(&keel, "/call", &[("origin", origin)]).await;
        assert_eq!(opened.err(), refused, "{origin}");
        let answer = keel.get("/api/config", &[("origin", origin)]).await;
        assert_eq!(answer.status, refused.unwrap_or(200), "{origin}");
    }
    let allowed = keel.get("/api/config", &[("origin", "https://app.example")]).await;
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://app.example"));
    let refused = keel.get("/api/config", &[("origin", "https://evil.example")]).await;
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    assert_eq!(refused.json()["code"], "origin_refused");
}

#[tokio::test]
async fn loopback_pages_pass_in_open_loopback_mode() {
    let origins = OriginPolicy { loopback_only: true, ..OriginPolicy::default() };
    let keel = Keel::start(Config { origins, ..Config::default() }).await;
    let opened = Browser::try_open(&keel, "/call", &[("origin", "http://localhost:3000")]).await;
    assert_eq!(opened.err(), None);
    let foreign = Browser::try_open(&keel, "/call", &[("origin", "https://evil.example")]).await;
    assert_eq!(foreign.err(), Some(403));
}

#[tokio::test]
async fn a_rebound_name_is_refused_in_open_loopback_mode() {
    let origins = OriginPolicy { loopback_only: true, ..OriginPolicy::default() };
    let keel = Keel::start(Config { origins, ..Config::default() }).await;
    let port = keel.address.port();
    let rebound = format!("rebound.example:{port}");
    let origin = format!("http://{rebound}");
    let headers = [("host", rebound.as_str()), ("origin", origin.as_str())];
    assert_eq!(Browser::try_open(&keel, "/call", &headers).await.err(), Some(403));
    for path in ["/", "/api/config", "/metrics"] {
        // A page's request to its own server carries no origin.
        let refused = keel.get(path, &headers[..1]).await;
        assert_eq!((refused.status, refused.json()["code"].clone()), (403, json!("host_refused")), "{path}");
    }
    let named = format!("localhost:{port}");
    assert_eq!(keel.get("/api/config", &[("host", named.as_str())]).await.status, 200);
}

#[tokio::test]
async fn an_access_token_opens_the_call_and_the_configuration() {
    let ice_servers = vec![IceServer {
        urls: vec!["turn:turn.example".to_owned()],
        username: Some("keel".to_owned()),
        credential: Some("tide".to_owned()),
    }];
    let access_tokens = ["one", "two"].into_iter().filter_map(Token::new).collect();
    let keel = Keel::start(Config { ice_servers, access_tokens, ..Config::default() }).await;
    for (path, headers, refused) in [
        ("", vec![], Some(401)),
        ("?access_token=three", vec![], Some(403)),
        ("?access_token=two", vec![], None),
        ("", vec![("authorization", "Bearer one")], None),
        ("", vec![("authorization", "Basic one")], Some(401)),
    ] {
        let opened = Browser::try_open(&keel, &format!("/call{path}"), &headers).await;
        assert_eq!(opened.err(), refused, "{path} {headers:?}");
        let answer = keel.get(&format!("/api/config{path}"), &headers).await;
        assert_eq!(answer.status, refused.unwrap_or(200), "{path} {headers:?}");
    }
    let answer = keel.get("/api/config?access_token=one", &[]).await.json();
    assert_eq!(
        answer["iceServers"],
        json!([{"urls": ["turn:turn.example"], "username": "keel", "credential": "tide"}])
    );
    let missing = keel.get("/api/config", &[]).await;
    assert_eq!(missing.header("www-authenticate"), Some("Bearer"));
    assert!(missing.json()["detail"].as_str().expect("words").contains("access_token"));
}

#[tokio::test]
async fn the_lists_are_for_the_administrator() {
    let keel = Keel::start(Config::default()).await;
    let closed = keel.get("/api/users", &[("authorization", "Bearer x")]).await;
    assert_eq!((closed.status, closed.json()["code"].clone()), (403, json!("admin_closed")));

    let config = Config { admin_token: Token::new("root"), ..Config::default() };
    let keel = Keel::start(config).await;
    for (path, headers, status) in [
        ("/api/users", vec![], 401),
        ("/api/calls", vec![("authorization", "Bearer toor")], 403),
        ("/api/calls", vec![("authorization", "Bearer root")], 200),
        ("/api/users?limit=501", vec![("authorization", "Bearer root")], 400),
        ("/api/users?limit=x", vec![("authorization", "Bearer root")], 400),
        ("/api/calls?after=x", vec![("authorization", "Bearer root")], 400),
        ("/api/users?access_token=root", vec![], 401),
        ("/api/rooms", vec![], 401),
        ("/api/rooms", vec![("authorization", "Bearer toor")], 403),
        ("/api/rooms?after=%07", vec![("authorization", "Bearer root")], 400),
        ("/api/rooms?limit=0", vec![("authorization", "Bearer root")], 400),
        ("/api/streams", vec![], 401),
        ("/api/streams", vec![("authorization", "Bearer toor")], 403),
        ("/api/pipelines", vec![], 401),
        ("/api/pipelines", vec![("authorization", "Bearer toor")], 403),
        ("/api/pipelines?after=x", vec![("authorization", "Bearer root")], 400),
        ("/api/pipelines?limit=0", vec![("authorization", "Bearer root")], 400),
    ] {
        assert_eq!(keel.get(path, &headers).await.status, status, "{path} {headers:?}");
    }
    for name in ["ann", "ben", "eve"] {
        Browser::registered(&keel, name).await;
    }
    let first = keel.get("/api/users?limit=2", &[("authorization", "Bearer root")]).await.json();
    let names: Vec<_> = first["users"].as_array().expect("a list").iter().map(|user| &user["name"]).collect();
    assert_eq!((names, &first["next"]), (vec![&json!("ann"), &json!("ben")], &json!("ben")));
    let rest = keel.get("/api/users?limit=2&after=ben", &[("authorization", "Bearer root")]).await.json();
    assert_eq!(rest["users"][0]["name"], "eve");
    assert!(rest.get("next").is_none(), "the last page has no next");
}

#[tokio::test]
async fn the_administrator_sees_what_is_connected() {
    let keel = Keel::start(Config { admin_token: Token::new("root"), ..Config::default() }).await;
    let admin = [("authorization", "Bearer root")];
    assert_eq!(keel.get("/api/pipelines", &admin).await.json(), json!({"pipelines": []}));

    let (first, _events) = keel.media.create_pipeline().await.expect("room for a pipeline");
    let options = EndpointOptions { label: "presenter".into(), ..EndpointOptions::default() };
    let presenter = first.create_webrtc_endpoint(options).await.expect("room for an endpoint");
    let screen = first.create_pass_through().await.expect("room for an element");
    first.connect(presenter.id(), screen.id(), MediaType::Video).await.expect("one pipeline");
    let (second, _events) = keel.media.create_pipeline().await.expect("room for a pipeline");

    let all = keel.get("/api/pipelines", &admin).await.json();
    let elements = &all["pipelines"][0]["elements"];
    assert_eq!(
        (&elements[0]["label"], &elements[0]["endpoint"]["ice"]),
        (&json!("presenter"), &json!("new"))
    );
    assert_eq!((&elements[1]["kind"], elements[1].get("endpoint")), (&json!("pass_through"), None));
    let connections = json!([{
        "source": presenter.id().number(), "sink": screen.id().number(), "media": "video",
        "flowing": false, "packets": 0, "bytes": 0,
    }]);
    assert_eq!(all["pipelines"][0]["connections"], connections);

    let page = keel.get("/api/pipelines?limit=1", &admin).await.json();
    assert_eq!(page["pipelines"][0]["id"], first.id().number());
    let next = page["next"].as_str().expect("the page is full");
    let rest = keel.get(&format!("/api/pipelines?after={next}"), &admin).await.json();
    assert_eq!(rest["pipelines"][0]["id"], second.id().number());
    assert_eq!(rest["pipelines"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn the_administrator_captures_an_endpoints_packets() {
    let keel = Keel::start(Config { admin_token: Token::new("root"), ..Config::default() }).await;
    let (pipeline, _events) = keel.media.create_pipeline().await.expect("room for a pipeline");
    let endpoint = pipeline.create_webrtc_endpoint(EndpointOptions::default()).await.expect("room");
    let path = format!("/api/captures?endpoint={}&seconds=0", endpoint.id().number());
    let admin = ("authorization", "Bearer root");
    for (method, path, headers, status) in [
        ("POST", path.as_str(), vec![], 401),
        ("POST", &path, vec![("authorization", "Bearer toor")], 403),
        ("POST", &path, vec![admin, ("origin", "https://evil.example")], 403),
        ("GET", &path, vec![admin], 405),
        ("POST", "/api/captures", vec![admin], 400),
        ("POST", "/api/captures?endpoint=x", vec![admin], 400),
        ("POST", "/api/captures?endpoint=999999", vec![admin], 404),
    ] {
        assert_eq!(keel.ask(method, path, &headers).await.status, status, "{method} {path} {headers:?}");
    }
    // No time at all: a file without packets. It leaves nothing behind, so it can be had again.
    for _ in 0..2 {
        let file = keel.ask("POST", &path, &[admin]).await;
        assert_eq!((file.status, file.header("content-type")), (200, Some("application/vnd.tcpdump.pcap")));
        assert!(
            file.body.starts_with("18\r\n") && file.body.ends_with("0\r\n\r\n"),
            "24 bytes: {:?}",
            file.body
        );
    }
    let running = keel.media.capture(endpoint.id(), CaptureLimits::default()).await.expect("none under way");
    let busy = keel.ask("POST", &path, &[admin]).await;
    assert_eq!((busy.status, busy.json()["code"].clone()), (409, json!("capture_busy")));
    drop(running);
    assert_eq!(keel.ask("POST", &path, &[admin]).await.status, 200);
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_no_more() {
    let limits = Limits { connections_per_address_max: 2, ..Limits::default() };
    let keel = Keel::start(Config { limits, ..Config::default() }).await;
    let (_ann, _) = Browser::registered(&keel, "ann").await;
    let (ben, _) = Browser::registered(&keel, "ben").await;
    assert_eq!(keel.metric("keel_connections").await, 2);
    assert_eq!(Browser::try_open(&keel, "/call", &[]).await.err(), Some(429));
    ben.close().await;
    // The place is free when the closing handshake is over, of which the server sees the end last.
    while keel.metric("keel_connections").await == 2 {
        tokio::task::yield_now().await;
    }
    Browser::registered(&keel, "ben").await;
}

#[tokio::test]
async fn the_pages_are_served_under_a_strict_policy() {
    let keel = Keel::start(Config::default()).await;
    let page = keel.get("/", &[]).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(page.body.contains("<script") && page.body.contains("</html>"));
    let tag = page.header("etag").expect("a tag").to_owned();
    let again = keel.get("/", &[("if-none-match", &tag)]).await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    assert_eq!(keel.get("/index.html", &[]).await.header("etag"), Some(tag.as_str()));

    for path in ["/call.html", "/room.html", "/admin", "/client/index.js", "/client/index.d.ts"] {
        assert_eq!(keel.get(path, &[]).await.status, 200, "{path}");
    }

    for path in ["/nothing.js", "/../Cargo.toml", "/%2e%2e/Cargo.toml", "/api/", "/api/nothing"] {
        let missing = keel.get(path, &[]).await;
        assert_eq!(missing.status, 404, "{path}");
        assert_eq!(missing.json()["code"], "not_found");
    }
    let plain = keel.get("/call", &[]).await;
    assert_eq!((plain.status, plain.header("upgrade")), (426, Some("websocket")));
}
