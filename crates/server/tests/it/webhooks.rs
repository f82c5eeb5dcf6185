//! Webhooks of a `keel` that is killed before it could deliver them.

use crate::binary::Server;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// Only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

fn ask(server: &Server, request: &str) -> String {
    let port = server.url.trim_start_matches("http://localhost:").trim_end_matches('/');
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream.write_all(request.as_bytes()).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// The body of the next delivery, which is accepted.
fn hear(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().expect("a delivery");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&heard).into_owned();
        // The body is one JSON object and comes last.
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.ends_with('}')
        {
            assert!(head.contains("keel-signature: t="), "{head}");
            stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").expect("it listens");
            return body.to_owned();
        }
        let length = stream.read(&mut buffer).expect("a request");
        assert_ne!(length, 0, "a whole request");
        heard.extend_from_slice(&buffer[..length]);
    }
}

#[test]
fn a_killed_keel_delivers_after_its_next_start() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address: SocketAddr = holder.local_addr().expect("an address");
    drop(holder);
    let url = format!("--webhook-urls=http://{address}/hooks");
    let settings =
        [url.as_str(), "--webhook-secret=0123456789abcdef0123456789abcdef", "--admin-token=0123456789abcdef"];
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start_in(dir.path(), &settings).expect("keel starts");
    let body = "{\"room\": \"tide\"}";
    let made = ask(
        &server,
        &format!(
            "POST /api/rooms HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Authorization: Bearer 0123456789abcdef\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    );
    assert!(made.starts_with("HTTP/1.1 201 "), "{made}");
    // Counted as waiting once it is on the disk.
    let metrics = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    while !ask(&server, metrics).contains("keel_webhooks_pending 1") {
        thread::yield_now();
    }
    drop(server);

    let listener = TcpListener::bind(address).expect("still free");
    let server = Server::start_in(dir.path(), &settings).expect("keel starts again");
    let heard = hear(&listener);
    assert!(heard.contains("\"event\":\"roomStarted\"") && heard.contains("\"room\":\"tide\""), "{heard}");
    while !ask(&server, metrics).contains("keel_webhooks_pending 0") {
        thread::yield_now();
    }
}
