//! `permessage-deflate` on the wire (RFC 7692), with frames made by hand: the clients in the tree speak none.

use crate::keel::{Keel, PATIENCE};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use keel_signaling::{Config, KurentoConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// As `ws` 0.7.2 offers it, the library below every kurento-client for Node.
const OFFER: &str = "permessage-deflate; client_max_window_bits";

struct Peer {
    stream: TcpStream,
    /// The server's answer to the upgrade.
    head: String,
}

impl Peer {
    async fn open(keel: &Keel, extensions: &str) -> Self {
        let mut stream = TcpStream::connect(keel.kurento).await.expect("it listens");
        let request = format!(
            "GET /kurento HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MTMtMTc5NTMzMDUzMjI0NA==\r\n\
             Sec-WebSocket-Extensions: {extensions}\r\n\r\n",
            keel.kurento
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("a head"));
        }
        Self { stream, head: String::from_utf8(head).expect("text").to_ascii_lowercase() }
    }

    /// Sends a text, compressed.
    async fn say(&mut self, text: &str) {
        let mut payload = Vec::with_capacity(text.len() + 1024);
        Compress::new(Compression::best(), false)
            .compress_vec(text.as_bytes(), &mut payload, FlushCompress::Sync)
            .expect("it compresses");
        payload.truncate(payload.len() - 4);
        let mut frame = vec![0xc1, 0x80 | 127];
        frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        // A mask of zeros changes nothing.
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(&payload);
        self.stream.write_all(&frame).await.expect("sent");
    }

    /// The first byte and the payload of the next frame.
    async fn frame(&mut self) -> (u8, Vec<u8>) {
        let read = async {
            let first = self.stream.read_u8().await?;
            let length = match self.stream.read_u8().await? {
                126 => u64::from(self.stream.read_u16().await?),
                127 => self.stream.read_u64().await?,
                length => u64::from(length),
            };
            let mut payload = vec![0; length as usize];
            self.stream.read_exact(&mut payload).await?;
            std::io::Result::Ok((first, payload))
        };
        timeout(PATIENCE, read).await.expect("the server says something in time").expect("a frame")
    }

    /// The next message, and whether it was compressed.
    async fn hears(&mut self) -> (Value, bool) {
        let (first, mut payload) = self.frame().await;
        let is_compressed = first == 0xc1;
        if is_compressed {
            payload.extend_from_slice(&[0, 0, 0xff, 0xff]);
            let mut text = Vec::with_capacity(1 << 20);
            Decompress::new(false)
                .decompress_vec(&payload, &mut text, FlushDecompress::Sync)
                .expect("it decompresses");
            payload = text;
        } else {
            assert_eq!(first, 0x81);
        }
        (serde_json::from_slice(&payload).expect("JSON"), is_compressed)
    }
}

fn request(id: u64, method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
}

#[tokio::test]
async fn messages_are_compressed_where_it_was_agreed() {
    let keel = Keel::start(Config::default()).await;
    let mut peer = Peer::open(&keel, OFFER).await;
    assert!(peer.head.contains("\r\nsec-websocket-extensions: permessage-deflate;"), "{}", peer.head);
    peer.say(&request(0, "create", json!({"type": "MediaPipeline"}))).await;
    let (created, is_compressed) = peer.hears().await;
    let pipeline = created["result"]["value"].as_str().expect("an id").to_owned();
    assert!(!is_compressed, "short answers stay as they are");
    let name = "a long name ".repeat(10_000);
    let set = json!({"object": pipeline, "operation": "setName", "operationParams": {"name": name}});
    peer.say(&request(1, "invoke", set)).await;
    assert_eq!(peer.hears().await.0["result"]["value"], Value::Null);
    peer.say(&request(2, "invoke", json!({"object": pipeline, "operation": "getName"}))).await;
    let (named, is_compressed) = peer.hears().await;
    assert!(is_compressed && named["result"]["value"] == name.as_str());
}

#[tokio::test]
async fn a_bomb_closes_its_socket_with_1009() {
    let keel = Keel::start(Config::default()).await;
    let mut peer = Peer::open(&keel, OFFER).await;
    peer.say(&" ".repeat((4 << 20) + 1)).await;
    let (first, payload) = peer.frame().await;
    assert_eq!((first, &payload[..2]), (0x88, &1009_u16.to_be_bytes()[..]));
}

#[tokio::test]
async fn compression_can_be_declined_by_either_side() {
    let kurento = KurentoConfig { compression: false, ..KurentoConfig::default() };
    let without = Keel::start(Config { kurento, ..Config::default() }).await;
    let with = Keel::start(Config::default()).await;
    for (keel, offer) in [(&without, OFFER), (&with, "permessage-deflate; server_max_window_bits=9")] {
        let mut peer = Peer::open(keel, offer).await;
        assert!(peer.head.starts_with("http/1.1 101") && !peer.head.contains("extensions"), "{}", peer.head);
        peer.say(&request(0, "ping", json!({}))).await;
        let (first, payload) = peer.frame().await;
        assert_eq!(
            (first, &payload[..2]),
            (0x88, &1002_u16.to_be_bytes()[..]),
            "a frame that was not agreed"
        );
    }
}
