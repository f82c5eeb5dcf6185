//! What is no message, too big, too much, or silence.

use crate::browser::Browser;
use crate::keel::Keel;
use keel_signaling::{Config, Limits, Rate};
use serde_json::json;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn bad_frames_are_answered_and_the_connection_lives() {
    let keel = Keel::start(Config::default()).await;
    let mut browser = Browser::open(&keel).await;
    let long = json!({"id": "register", "name": "x".repeat(64 << 10)}).to_string();
    for (frame, message) in [
        (Message::text("hello"), "the message is not JSON"),
        (Message::text("{}"), "the message has no field `id` with a text"),
        (Message::text(r#"{"id":"dance"}"#), "there is no message with this `id`"),
        (
            Message::text(r#"{"id":"register","name":7}"#),
            "a field of `register` is missing or has the wrong type",
        ),
        (Message::binary(vec![1, 2, 3]), "messages are text, not binary"),
        (Message::text(r#"{"id":"stop"}"#), "register first"),
        (Message::text(long), "the message is longer than 65536 bytes"),
    ] {
        browser.send(frame).await;
        assert_eq!(browser.hears().await, json!({"id": "error", "message": message}));
    }
    browser.say(json!({"id": "register", "name": "ann"})).await;
    assert_eq!(browser.hears().await["response"], "accepted");
    assert_eq!(keel.metric("keel_signaling_errors_total{kind=\"not_json\"}").await, 1);
    assert_eq!(keel.metric("keel_signaling_errors_total{kind=\"too_long\"}").await, 1);
}

#[tokio::test]
async fn a_message_of_more_than_a_megabyte_closes_with_1009() {
    let keel = Keel::start(Config::default()).await;
    let mebibyte = 1 << 20;
    let mut browser = Browser::open(&keel).await;
    browser.send(Message::text("x".repeat(mebibyte))).await;
    assert_eq!(browser.hears().await["id"], "error", "a megabyte itself is only too long");
    browser.send(Message::text("x".repeat(mebibyte + 1))).await;
    assert_eq!(browser.is_closed_with().await, 1009);
    for length in [mebibyte + 1, 8 * mebibyte] {
        let mut browser = Browser::open(&keel).await;
        browser.push(Message::binary(vec![0; length])).await;
        assert_eq!(browser.is_closed_with().await, 1009, "{length}");
    }
}

#[tokio::test]
async fn who_floods_is_told_to_slow_down() {
    let messages_per_address = Rate { per_second: 1, at_once: 3 };
    let limits = Limits { messages_per_address, ..Limits::default() };
    let keel = Keel::start(Config { limits, ..Config::default() }).await;
    let (mut browser, _) = Browser::registered(&keel, "ann").await;
    for _ in 0..20 {
        browser.say(json!({"id": "watchOnline"})).await;
    }
    loop {
        let heard = browser.hears().await;
        if heard["id"] == "error" {
            assert_eq!(heard["message"], "too many messages: slow down");
            break;
        }
        assert_eq!(heard["id"], "online");
    }
}

#[tokio::test]
async fn a_connection_without_a_sign_of_life_is_closed_and_its_name_free() {
    let limits = Limits {
        ping_every: Duration::from_secs(3600),
        silence_max: Duration::from_millis(300),
        ..Limits::default()
    };
    let keel = Keel::start(Config { limits, ..Config::default() }).await;
    let (mut silent, _) = Browser::registered(&keel, "ann").await;
    assert_eq!(silent.is_closed_with().await, 1008);
    Browser::registered(&keel, "ann").await;
}

#[tokio::test]
async fn pings_keep_a_quiet_connection_alive() {
    let limits = Limits {
        ping_every: Duration::from_millis(50),
        silence_max: Duration::from_millis(1000),
        ..Limits::default()
    };
    let keel = Keel::start(Config { limits, ..Config::default() }).await;
    let (mut quiet, _) = Browser::registered(&keel, "ann").await;
    quiet.answers_pings(40).await;
    assert_eq!(keel.metric("keel_registered_users").await, 1, "twice the time that silence may take");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off_and_others_are_not() {
    let limits = Limits {
        outgoing_messages_max: 8,
        messages_per_address: Rate { per_second: 10_000, at_once: 10_000 },
        registrations_per_address: Rate { per_second: 10_000, at_once: 10_000 },
        ..Limits::default()
    };
    let keel = Keel::start(Config { limits, ..Config::default() }).await;
    let mut crowd = Vec::new();
    for number in 100..200 {
        crowd.push(Browser::registered(&keel, &format!("{number}{}", "\u{1f6a2}".repeat(61))).await);
    }
    // Answers of some 25 KB each: together more than the system's socket buffers hold.
    let mut deaf = Browser::open(&keel).await;
    for _ in 0..1_000 {
        deaf.say(json!({"id": "watchOnline"})).await;
    }
    assert_eq!(deaf.is_closed_with().await, 1008);
    let (first, _) = crowd.first_mut().expect("a hundred");
    first.say(json!({"id": "watchOnline"})).await;
    assert_eq!(first.hears().await["users"].as_array().map(Vec::len), Some(100));
}
