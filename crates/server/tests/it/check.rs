//! `keel check`, on installations that are well and on those that are not.

use crate::binary::{Server, keel};
use rcgen::{CertificateParams, KeyPair};
use rustix::process::Signal;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::time::SystemTime;
use time::{Duration, OffsetDateTime};

/// Says what the check printed, and whether it ended well.
fn check(dir: &Path, arguments: &[&str]) -> (bool, String) {
    let output = keel(dir, arguments).arg("check").output().expect("keel runs");
    (output.status.success(), String::from_utf8(output.stdout).expect("text"))
}

/// Everything on one address of loopback, which no other test has.
fn at(address: &str) -> Vec<String> {
    let mut flags: Vec<String> = ["http", "kurento", "media", "turn"]
        .iter()
        .map(|section| format!("--{section}-addresses={address}"))
        .collect();
    let ports = [
        "--http-port=18080",
        "--kurento-port=18888",
        "--media-port=20000",
        "--turn-port=13478",
        "--workers=2",
    ];
    flags.extend(ports.map(str::to_owned));
    flags
}

fn words(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}

/// A certificate that begins and ends so many days from now, and the flags that serve it.
fn certificate(dir: &Path, name: &str, days: [i64; 2]) -> [String; 3] {
    let key = KeyPair::generate().expect("a key");
    let mut parameters = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    let now = OffsetDateTime::from(SystemTime::now());
    parameters.not_before = now + Duration::days(days[0]);
    parameters.not_after = now + Duration::days(days[1]);
    let made = parameters.self_signed(&key).expect("a certificate");
    std::fs::write(dir.join("certificate.pem"), made.pem()).expect("written");
    std::fs::write(dir.join("key.pem"), key.serialize_pem()).expect("written");
    [
        "--tls-certificate=certificate.pem".to_owned(),
        "--tls-key=key.pem".to_owned(),
        "--turn-host=media.example.org".to_owned(),
    ]
}

#[test]
fn a_good_installation_is_tested_without_a_running_server() {
    let dir = tempfile::tempdir().expect("a directory");
    let flags = at("127.77.0.1");
    let (is_well, text) = check(dir.path(), &words(&flags));
    assert!(is_well, "{text}");
    for line in [
        "ok    server    none runs: one was started for this check",
        "ok    http      http://127.77.0.1:18080/ answers",
        "ok    kurento   TCP 127.77.0.1:18888 answers",
        "ok    media     UDP 127.77.0.1:20000 answers",
        "ok    media     UDP 127.77.0.1:20001 answers",
        "ok    turn      UDP 127.77.0.1:13478 answers, and relays to UDP 127.77.0.1:20000",
        "ok    turn      TCP 127.77.0.1:13478 answers, and relays to UDP 127.77.0.1:20000",
        "Nothing is wrong",
    ] {
        assert!(text.contains(line), "{line:?} is missing:\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "no colours: {text}");
    assert!(check(dir.path(), &words(&flags)).0, "it leaves nothing behind that is in the way");
}

#[test]
fn a_running_server_is_asked_and_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut flags = at("127.77.0.2");
    flags.extend(
        ["--tls-self-signed", "--turn-tls-port=15349", "--kurento-tls-port=18433"].map(str::to_owned),
    );
    let server = Server::start_as(dir.path(), &words(&flags)).expect("it starts");
    let (is_well, text) = check(dir.path(), &words(&flags));
    assert!(is_well, "{text}");
    for line in [
        "ok    server    runs, and is asked",
        "ok    http      https://127.77.0.2:18080/ answers",
        "ok    media     UDP 127.77.0.2:20001 answers",
        "ok    turn      TLS 127.77.0.2:15349 answers, and relays to UDP 127.77.0.2:20000",
        "ok    turn      HTTPS 127.77.0.2:18080 answers, and relays to UDP 127.77.0.2:20000",
        "look  TLS       the certificate is self-signed",
    ] {
        assert!(text.contains(line), "{line:?} is missing:\n{text}");
    }

    // With other data it has another secret, and nothing can be asked.
    let elsewhere = tempfile::tempdir().expect("a directory");
    let (is_well, text) = check(elsewhere.path(), &words(&flags));
    assert!(!is_well && text.contains("FAIL"), "{text}");
    assert!(server.end(Signal::TERM).success());
}

#[test]
fn every_taken_port_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let flags = at("127.77.0.3");
    let _http = TcpListener::bind("127.77.0.3:18080").expect("a free port");
    let _media = UdpSocket::bind("127.77.0.3:20001").expect("a free port");
    let (is_well, text) = check(dir.path(), &words(&flags));
    assert!(!is_well, "{text}");
    assert!(text.contains("FAIL  http      cannot listen on 127.77.0.3:18080: http.port"), "{text}");
    assert!(text.contains("FAIL  media     cannot open the media socket 127.77.0.3:20001"), "{text}");
    assert!(text.contains("to do: stop the program that has the port"), "{text}");
    assert!(text.contains("2 to fix"), "{text}");
}

#[test]
fn an_announced_address_where_nobody_answers_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut flags = at("127.77.0.4");
    // RFC 5737 §3: an address of documentation belongs to no machine.
    flags.push("--announce=192.0.2.1".to_owned());
    let (is_well, text) = check(dir.path(), &words(&flags));
    assert!(!is_well, "{text}");
    assert!(text.contains("ok    media     UDP 127.77.0.4:20000 answers"), "{text}");
    for port in ["20000", "20001"] {
        let line = format!("FAIL  announced peers are told UDP 192.0.2.1:{port}, but there: ");
        assert!(text.contains(&line), "{text}");
    }
    assert!(text.contains("set media.announce"), "{text}");
    assert!(text.contains("relays to UDP 192.0.2.1:20000"), "relayed media needs no hairpin: {text}");
}

#[test]
fn a_name_that_stands_for_no_address_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut flags = at("127.77.0.5");
    flags.push("--announce=no-such-host.invalid".to_owned());
    let (is_well, text) = check(dir.path(), &words(&flags));
    assert!(!is_well && text.contains("media.announce: cannot look up no-such-host.invalid"), "{text}");
}

#[test]
fn a_certificate_must_be_valid_now_and_for_the_name_that_peers_are_told() {
    for (place, (name, days, is_well, told)) in [
        ("media.example.org", [-1, 90], true, "ok    TLS       certificate.pem until "),
        ("media.example.org", [-1, 3], true, "look  TLS       certificate.pem ends "),
        ("media.example.org", [-90, -1], false, "FAIL  TLS       certificate.pem ended "),
        ("media.example.org", [1, 90], false, "FAIL  TLS       certificate.pem begins "),
        (
            "www.example.org",
            [-1, 90],
            false,
            "FAIL  TLS       peers are told turns:media.example.org, but the certificate is for www.example.org",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let dir = tempfile::tempdir().expect("a directory");
        let mut flags = at(&format!("127.77.1.{}", place + 1));
        flags.extend(certificate(dir.path(), name, days));
        flags.push("--turn-tls-port=15349".to_owned());
        let (found, text) = check(dir.path(), &words(&flags));
        assert!(text.contains(told), "{told:?} is missing:\n{text}");
        assert_eq!(found, is_well, "{text}");
    }
}

#[test]
fn settings_that_contradict_each_other_are_told_as_at_a_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let output = keel(dir.path(), &["check", "--http-addresses=0.0.0.0"]).output().expect("keel runs");
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(text.contains("http.addresses: 0.0.0.0 can be reached from other machines"), "{text}");
}
