//! Webhooks to a receiver that is there, wrong, slow or down, and across a restart.

use crate::browser::Browser;
use crate::keel::{Keel, PATIENCE};
use keel_signaling::{Config, Store, TokenSecret, WebhookConfig, WebhookReceiver};
use ring::hmac;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const SECRET: &str = "a secret of more than thirty-two bytes";

/// An application's server.
struct Receiver {
    listener: TcpListener,
}

/// A delivery that waits for its answer.
struct Delivery {
    stream: TcpStream,
    signature: String,
    body: String,
}

impl Receiver {
    async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().expect("an address")).await
    }

    async fn at(address: SocketAddr) -> Self {
        Self { listener: TcpListener::bind(address).await.expect("a free port") }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("bound")
    }

    async fn next(&self) -> Delivery {
        let (mut stream, _) =
            timeout(PATIENCE, self.listener.accept()).await.expect("in time").expect("a connection");
        let mut bytes = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let field = |name: &str| {
                    let lines = head.lines().filter_map(|line| line.split_once(": "));
                    let value = lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
                    value.map(|(_, value)| value.to_owned()).expect("the field is there")
                };
                let length: usize = field("content-length").parse().expect("a number");
                if body.len() == length {
                    assert!(head.starts_with("POST /hooks?a=b HTTP/1.1\r\n"), "{head}");
                    assert_eq!(field("content-type"), "application/json");
                    let (signature, body) = (field("keel-signature"), body.to_owned());
                    return Delivery { stream, signature, body };
                }
            }
            assert_ne!(stream.read_buf(&mut bytes).await.expect("readable"), 0, "a whole request");
        }
    }

    /// The next event, accepted.
    async fn hears(&self) -> Value {
        let delivery = self.next().await;
        let event = delivery.event();
        delivery.answer(204).await;
        event
    }
}

impl Delivery {
    /// The event, if the signature is right.
    fn event(&self) -> Value {
        let (time, signature) = self.signature.split_once(",v1=").expect("two parts");
        let time = time.strip_prefix("t=").expect("a time");
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let tag = hmac::sign(&key, format!("{time}.{}", self.body).as_bytes());
        let expected: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(signature, expected);
        serde_json::from_str(&self.body).expect("JSON")
    }

    async fn answer(mut self, status: u16) {
        let answer = format!("HTTP/1.1 {status} Because\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        self.stream.write_all(answer.as_bytes()).await.expect("it listens");
    }
}

fn config(address: SocketAddr) -> Config {
    let receiver = WebhookReceiver::parse(&format!("http://{address}/hooks?a=b")).expect("a URL");
    let webhooks = WebhookConfig {
        receivers: vec![receiver],
        secret: TokenSecret::new(SECRET),
        answer_max: Duration::from_millis(300),
    };
    Config { webhooks, ..Config::default() }
}

async fn joins(keel: &Keel, room: &str, name: &str) -> Browser {
    let mut browser = Browser::try_open(keel, "/groupcall", &[]).await.expect("it opens");
    browser.say(json!({"id": "join", "room": room, "name": name})).await;
    assert_eq!(browser.hears().await["id"], "joined");
    browser
}

async fn until(keel: &Keel, metric: &str, least: u64) {
    let reached = async {
        while keel.metric(metric).await < least {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, reached).await.expect("in time");
}

const FAILED: &str = "keel_webhook_deliveries_total{result=\"failed\"}";
const DELIVERED: &str = "keel_webhook_deliveries_total{result=\"delivered\"}";

#[tokio::test]
async fn a_rooms_life_is_told_in_order() {
    let receiver = Receiver::start().await;
    let keel = Keel::start(config(receiver.address())).await;
    let mut ann = joins(&keel, "tide", "ann").await;
    let started = receiver.hears().await;
    assert_eq!((&started["event"], &started["room"]), (&json!("roomStarted"), &json!("tide")));
    let joined = receiver.hears().await;
    assert_eq!((&joined["event"], &joined["name"]), (&json!("joined"), &json!("ann")));
    assert_eq!(joined["moderator"], true);
    ann.say(json!({"id": "moderate", "action": "end"})).await;
    assert_eq!(ann.hears().await["id"], "roomEnded");
    let left = receiver.hears().await;
    assert_eq!((&left["event"], &left["reason"]), (&json!("left"), &json!("roomEnded")));
    assert_eq!(left["participant"], joined["participant"]);
    assert_eq!(receiver.hears().await["event"], "roomEnded");
    until(&keel, DELIVERED, 4).await;
    assert_eq!(keel.metric("keel_webhooks_pending").await, 0);
}

#[tokio::test]
async fn a_stream_is_told_from_its_beginning_to_its_end() {
    let receiver = Receiver::start().await;
    let keel = Keel::start(config(receiver.address())).await;
    let mut ann = joins(&keel, "tide", "ann").await;
    assert_eq!(receiver.hears().await["event"], "roomStarted");
    assert_eq!(receiver.hears().await["event"], "joined");
    ann.say(json!({"id": "broadcast", "stream": "sea", "request": 1})).await;
    assert_eq!(ann.hears().await["id"], "done");
    let started = receiver.hears().await;
    assert_eq!((&started["event"], &started["stream"]), (&json!("streamStarted"), &json!("sea")));
    ann.say(json!({"id": "endBroadcast", "request": 2})).await;
    assert_eq!(ann.hears().await["id"], "done");
    let ended = receiver.hears().await;
    assert_eq!((&ended["event"], &ended["reason"]), (&json!("streamEnded"), &json!("stopped")), "{ended}");
    assert!(ended["durationMs"].is_u64());
    keel.becomes("keel_streams", 0).await;
}

#[tokio::test]
async fn a_call_is_told_from_its_ring_to_its_end() {
    let receiver = Receiver::start().await;
    let keel = Keel::start(config(receiver.address())).await;
    let (mut ann, _) = Browser::registered(&keel, "ann").await;
    let (mut ben, _) = Browser::registered(&keel, "ben").await;
    ann.say(json!({"id": "call", "from": "ann", "to": "ben", "sdpOffer": "v=0"})).await;
    assert_eq!(ben.hears().await["id"], "incomingCall");
    let started = receiver.hears().await;
    assert_eq!(
        (&started["event"], &started["from"], &started["to"]),
        (&json!("callStarted"), &json!("ann"), &json!("ben"))
    );
    ben.say(json!({"id": "incomingCallResponse", "from": "ann", "callResponse": "reject"})).await;
    assert_eq!(ann.hears().await["id"], "callResponse");
    let ended = receiver.hears().await;
    assert_eq!((&ended["event"], &ended["outcome"]), (&json!("callEnded"), &json!("declined")), "{ended}");
    assert_eq!((&ended["call"], &ended["answered"]), (&started["call"], &Value::Null));
}

#[tokio::test]
async fn what_is_refused_or_not_answered_comes_again_and_nothing_overtakes_it() {
    let receiver = Receiver::start().await;
    let keel = Keel::start(config(receiver.address())).await;
    let _ann = joins(&keel, "tide", "ann").await;
    let refused = receiver.next().await;
    let first = refused.event();
    refused.answer(500).await;
    // The second try is not answered at all.
    let slow = receiver.next().await;
    assert_eq!(slow.event()["id"], first["id"], "the same event again");
    until(&keel, FAILED, 2).await;
    drop(slow);
    assert_eq!(receiver.hears().await["id"], first["id"]);
    assert_eq!(receiver.hears().await["event"], "joined");
    // Another room did not have to wait for that one's bad luck.
    let _ben = joins(&keel, "ebb", "ben").await;
    assert_eq!(receiver.hears().await["room"], "ebb");
}

#[tokio::test]
async fn a_receiver_that_was_down_hears_it_when_it_is_back() {
    let receiver = Receiver::start().await;
    let address = receiver.address();
    drop(receiver);
    let keel = Keel::start(config(address)).await;
    let _ann = joins(&keel, "tide", "ann").await;
    until(&keel, FAILED, 1).await;
    assert_eq!(keel.metric("keel_webhooks_pending").await, 2);
    let receiver = Receiver::at(address).await;
    assert_eq!(receiver.hears().await["event"], "roomStarted");
    assert_eq!(receiver.hears().await["event"], "joined");
    until(&keel, DELIVERED, 2).await;
    assert_eq!(keel.metric("keel_webhooks_pending").await, 0);
}

#[tokio::test]
async fn what_one_process_did_not_deliver_the_next_one_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keel.redb");
    let receiver = Receiver::start().await;
    let address = receiver.address();
    drop(receiver);
    let keel = Keel::with_store(config(address), Store::open(&path).expect("a file")).await;
    let _ann = joins(&keel, "tide", "ann").await;
    until(&keel, FAILED, 1).await;
    keel.state.shutdown(PATIENCE).await;
    drop(keel);

    let receiver = Receiver::at(address).await;
    let keel = Keel::with_store(config(address), Store::open(&path).expect("the same file")).await;
    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.push(receiver.hears().await["event"].as_str().expect("a word").to_owned());
    }
    assert_eq!(heard, ["roomStarted", "joined", "left", "roomEnded"], "the shutdown's own events, too");
    until(&keel, DELIVERED, 4).await;
    keel.state.shutdown(PATIENCE).await;
    drop(keel);

    // Told once, they are forgotten; for a receiver that is gone nothing is kept either.
    let keel = Keel::with_store(config(address), Store::open(&path).expect("the same file")).await;
    let _ben = joins(&keel, "ebb", "ben").await;
    assert_eq!(receiver.hears().await["room"], "ebb");
}
