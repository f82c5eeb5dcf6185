//! Who gets in, on which path, and how many.

use super::application::Application;
use crate::keel::Keel;
use keel_signaling::{Config, Limits, OriginPolicy, Token};
use serde_json::json;

#[tokio::test]
async fn only_the_path_counts_and_another_is_told_after_the_upgrade() {
    let keel = Keel::start(Config::default()).await;
    for path in ["/kurento", "/kurento?", "/kurento?access_token=whatever&x=/y"] {
        let mut client = Application::try_open(&keel, path, &[]).await.expect("it opens");
        assert_eq!(client.result("ping", json!({})).await["value"], "pong", "{path}");
    }
    for path in ["/", "/kurento/", "/kurent", "/kurento/x", "/Kurento"] {
        let mut client = Application::try_open(&keel, path, &[]).await.expect("it opens");
        assert_eq!(client.is_closed_with().await, (1002, "Invalid path".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn an_access_token_opens_it() {
    let access_tokens = ["one", "two"].into_iter().filter_map(Token::new).collect();
    let keel = Keel::start(Config { access_tokens, ..Config::default() }).await;
    for (path, headers, refused) in [
        ("/kurento", vec![], Some(401)),
        ("/elsewhere", vec![], Some(401)),
        ("/kurento?access_token=three", vec![], Some(403)),
        ("/kurento?access_token=two", vec![], None),
        ("/kurento", vec![("authorization", "Bearer one")], None),
    ] {
        let opened = Application::try_open(&keel, path, &headers).await;
        assert_eq!(opened.err(), refused, "{path} {headers:?}");
    }
}

#[tokio::test]
async fn foreign_pages_and_rebound_names_are_refused() {
    let origins = OriginPolicy { loopback_only: true, ..OriginPolicy::default() };
    let keel = Keel::start(Config { origins, ..Config::default() }).await;
    let rebound = format!("rebound.example:{}", keel.kurento.port());
    for (headers, refused) in [
        (vec![("origin", "http://localhost:3000")], None),
        (vec![("origin", "https://evil.example")], Some(403)),
        (vec![("host", rebound.as_str())], Some(403)),
    ] {
        assert_eq!(Application::try_open(&keel, "/kurento", &headers).await.err(), refused, "{headers:?}");
    }
}

#[tokio::test]
async fn one_address_has_so_many_sockets_and_no_more() {
    let limits = Limits { connections_per_address_max: 2, ..Limits::default() };
    let keel = Keel::start(Config { limits, ..Config::default() }).await;
    let first = Application::open(&keel).await;
    let _second = Application::open(&keel).await;
    assert_eq!(Application::try_open(&keel, "/kurento", &[]).await.err(), Some(429));
    assert_eq!(keel.metric("keel_kurento_sockets").await, 2);
    first.close().await;
    // The place is free once the server has seen the close, which the closing handshake waited for.
    Application::try_open(&keel, "/kurento", &[]).await.map(drop).expect("a place is free");
}

/// The status with which the Kurento endpoint refuses this path, if it does.
pub(crate) async fn refused(keel: &Keel, path: &str) -> Option<u16> {
    Application::try_open(keel, path, &[]).await.err()
}
