//! Start, health and end of the real binary.

use crate::binary::{Server, keel, run};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

fn is_well(server: &Server, arguments: &[&str]) -> bool {
    let output = keel(server.dir(), &["--health-check", &server.url]).args(arguments).output();
    output.expect("the check runs").status.success()
}

#[test]
fn it_starts_says_where_to_go_and_ends_on_sigterm() {
    let server = Server::start(&[]);
    assert!(server.url.starts_with("http://localhost:"), "{}", server.report);
    let data_dir = server.dir().canonicalize().expect("a directory").join("keel-data");
    assert!(server.report.contains(&data_dir.display().to_string()), "{}", server.report);
    assert!(data_dir.join("keel.redb").exists(), "the store is in the data directory");
    assert!(is_well(&server, &[]));

    let url = server.url.clone();
    assert!(server.end(Signal::TERM).success());
    assert!(!run(&["--health-check", &url], &[]).status.success(), "nobody answers any more");
}

#[test]
fn it_ends_on_ctrl_c() {
    assert!(Server::start(&[]).end(Signal::INT).success());
}

#[test]
fn two_starts_on_one_data_directory_do_not_mix() {
    let server = Server::start(&[]);
    let reason = Server::start_in(server.dir(), &[]).err().expect("a refusal");
    assert!(reason.contains("data_dir"), "{reason}");
    assert!(is_well(&server, &[]), "the first goes on");
}

#[test]
fn a_port_in_use_is_explained() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = holder.local_addr().expect("an address").port().to_string();
    let elsewhere =
        ["--http-addresses=127.0.0.1", "--kurento-addresses=127.0.0.1", "--media-port=0", "--turn-port=0"];
    let output = run(&[&elsewhere[..], &["--kurento-port=0", "--http-port", &port]].concat(), &[]);
    let reason = String::from_utf8(output.stderr).expect("text");
    assert!(!output.status.success());
    assert!(reason.contains(&format!("127.0.0.1:{port}")) && reason.contains("--http-port"), "{reason}");
}

#[test]
fn a_kurento_port_in_use_is_explained() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = holder.local_addr().expect("an address").port().to_string();
    let elsewhere =
        ["--http-addresses=127.0.0.1", "--kurento-addresses=127.0.0.1", "--media-port=0", "--turn-port=0"];
    let output = run(&[&elsewhere[..], &["--http-port=0", "--kurento-port", &port]].concat(), &[]);
    let reason = String::from_utf8(output.stderr).expect("text");
    assert!(!output.status.success());
    assert!(reason.contains("--kurento-port") && reason.contains("--kurento=false"), "{reason}");
}

#[test]
fn the_report_says_where_the_kurento_protocol_is() {
    let plain = Server::start(&[]);
    assert!(plain.report.contains("  kurento  ws://localhost:"), "{}", plain.report);
    assert!(!plain.report.contains("wss://"), "{}", plain.report);
    let secured = Server::start(&["--tls-self-signed"]);
    assert!(secured.report.contains("  kurento  wss://localhost:"), "{}", secured.report);
    let without = Server::start(&["--kurento=false"]);
    assert!(!without.report.contains("kurento"), "{}", without.report);
}

#[test]
fn self_signed_https_is_checked_against_its_own_certificate() {
    let server = Server::start(&["--tls-self-signed"]);
    assert!(server.url.starts_with("https://localhost:"), "{}", server.report);
    assert!(is_well(&server, &["--tls-self-signed"]), "the check trusts exactly this certificate");

    let other = Server::start(&["--tls-self-signed"]);
    let impostor = keel(server.dir(), &["--tls-self-signed", "--health-check", &other.url]).output();
    assert!(!impostor.expect("the check runs").status.success(), "another server's certificate is refused");
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut server = Server::start(&["--shutdown-deadline-s=600"]);
    // A request that never ends keeps the orderly end waiting.
    let authority = server.url.trim_start_matches("http://localhost").trim_matches(['/', ':']).to_owned();
    let mut client = TcpStream::connect(format!("127.0.0.1:{authority}")).expect("it listens");
    client.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    let mut first = [0; 1];
    client.read_exact(&mut first).expect("an answer: the connection is established");
    client.write_all(b"GET /healthz HTTP/1.1\r\nHost: ").expect("sent");

    server.signal(Signal::TERM);
    server.wait_for_log("ending all calls");
    assert!(!server.end(Signal::TERM).success(), "an end that was cut short is no success");
}
