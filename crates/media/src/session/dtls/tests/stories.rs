//! What a session must come through.

use super::link::{Pair, Weather};
use super::{KeelParty, Party, RtcParty};
use crate::forward::DropReason;
use crate::pipeline::DtlsState;
use crate::session::dtls::record::{
    ALERT, APPLICATION_DATA, CERTIFICATE, CHANGE_CIPHER_SPEC, CLIENT_HELLO, HANDSHAKE, fragments, records,
    write_message, write_record,
};
use crate::session::dtls::{Certificate, DtlsRole, Fingerprint, HashFunction};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile::{
    self, Srtp_Aead_Aes_128_Gcm as GCM_128, Srtp_Aead_Aes_256_Gcm as GCM_256,
    Srtp_Aes128_Cm_Hmac_Sha1_32 as CM_32, Srtp_Aes128_Cm_Hmac_Sha1_80 as CM_80,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(35);

fn certificate() -> Arc<Certificate> {
    Arc::new(Certificate::generate().expect("the system has randomness"))
}

/// Keel as server on the left, a client of rtc-dtls on the right.
fn server_and_rtc_client(profiles: &[SrtpProtectionProfile], mtu: usize) -> Pair<KeelParty, RtcParty> {
    let now = Instant::now();
    let client = RtcParty::client(now, profiles, mtu);
    let mut server = KeelParty::new(&certificate(), DtlsRole::Server);
    server.transport.set_remote_fingerprints(now, vec![client.fingerprint.clone()]);
    Pair::new(now, 1, server, client)
}

/// Keel on both sides: server left, client right.
fn server_and_client(seed: u64) -> Pair<KeelParty, KeelParty> {
    let now = Instant::now();
    let (left, right) = (certificate(), certificate());
    let mut server = KeelParty::new(&left, DtlsRole::Server);
    server.transport.set_remote_fingerprints(now, vec![right.fingerprint().clone()]);
    let mut client = KeelParty::new(&right, DtlsRole::Client);
    client.transport.set_remote_fingerprints(now, vec![left.fingerprint().clone()]);
    client.transport.start(now);
    client.drain_events();
    Pair::new(now, seed, server, client)
}

#[track_caller]
fn assert_same_keys(pair: &Pair<KeelParty, KeelParty>, context: &str) {
    assert_eq!(pair.left.state, DtlsState::Connected, "{context}");
    assert_eq!(pair.right.state, DtlsState::Connected, "{context}");
    let ([server], [client]) = (&pair.left.keys[..], &pair.right.keys[..]) else {
        panic!("each side hands out its keys once, {context}");
    };
    assert_eq!((server.profile, &server.bytes), (client.profile, &client.bytes), "{context}");
    assert_eq!((server.role, client.role), (DtlsRole::Server, DtlsRole::Client), "{context}");
}

#[test]
fn the_server_chooses_the_best_common_profile_whatever_the_clients_order() {
    for (offered, chosen, iana, material) in [
        (&[CM_80, GCM_128, GCM_256][..], GCM_128, 7, 56),
        (&[GCM_256, CM_80], GCM_256, 8, 88),
        (&[CM_32, CM_80], CM_80, 1, 60),
        (&[CM_80], CM_80, 1, 60),
        (&[GCM_256], GCM_256, 8, 88),
    ] {
        let mut pair = server_and_rtc_client(offered, 1200);
        pair.run(PATIENCE);
        assert_eq!(pair.left.state, DtlsState::Connected, "{offered:?}");
        assert!(pair.right.is_complete, "{offered:?}");
        assert_eq!(pair.right.profile(), chosen);
        let keys = pair.left.keys.pop().expect("keys were handed out");
        assert_eq!((keys.profile, keys.bytes.len()), (iana, material));
        assert_eq!(keys.bytes, pair.right.exported(material));
    }
}

#[test]
fn a_client_with_no_profile_in_common_gets_an_alert_and_the_session_fails() {
    for offered in [&[CM_32][..], &[]] {
        let mut pair = server_and_rtc_client(offered, 1200);
        pair.run(PATIENCE);
        assert_eq!(pair.left.state, DtlsState::Failed, "{offered:?}");
        assert!(pair.right.has_failed, "{offered:?}");
        assert!(pair.left.keys.is_empty());
    }
}

#[test]
fn as_client_keel_offers_gcm_first() {
    for (accepted, chosen) in [(&[CM_80, GCM_128, GCM_256][..], 7), (&[CM_80], 1), (&[GCM_256], 8)] {
        let now = Instant::now();
        let server = RtcParty::server(accepted);
        let mut client = KeelParty::new(&certificate(), DtlsRole::Client);
        client.transport.set_remote_fingerprints(now, vec![server.fingerprint.clone()]);
        client.transport.start(now);
        let mut pair = Pair::new(now, 1, client, server);
        pair.run(PATIENCE);
        assert_eq!(pair.left.state, DtlsState::Connected, "{accepted:?}");
        let keys = pair.left.keys.pop().expect("keys were handed out");
        assert_eq!(keys.profile, chosen);
        assert_eq!(keys.bytes, pair.right.exported(keys.bytes.len()));
    }
}

#[test]
fn small_fragments_in_any_order_and_twice_make_a_handshake() {
    for seed in 0..20 {
        let mut pair = server_and_rtc_client(&[CM_80, GCM_128], 100);
        pair.weather = Weather { duplication: 0.3, jitter: Duration::from_millis(10), ..Weather::default() };
        pair.reseed(seed);
        pair.run(PATIENCE);
        assert_eq!(pair.left.state, DtlsState::Connected, "seed {seed}");
        assert_eq!(pair.left.keys.len(), 1, "seed {seed}");
    }
}

#[test]
fn a_bad_link_delays_the_handshake_but_does_not_end_it() {
    for seed in 0..40 {
        let mut pair = server_and_client(seed);
        pair.weather = Weather { loss: 0.25, duplication: 0.1, jitter: Duration::from_millis(30) };
        pair.run(PATIENCE);
        assert_same_keys(&pair, &format!("seed {seed}"));
    }
}

#[test]
fn any_single_lost_datagram_is_repeated() {
    // covers: RFC 6347 §4.2.4
    for lost in 0..6 {
        for from_server in [true, false] {
            let mut pair = server_and_client(7);
            let list = if from_server { &mut pair.lost_from_left } else { &mut pair.lost_from_right };
            list.push(lost);
            let start = pair.now;
            pair.run(PATIENCE);
            assert_same_keys(&pair, &format!("datagram {lost}, of the server: {from_server}"));
            assert!(pair.now - start < Duration::from_secs(1), "one repetition is enough");
        }
    }
}

#[test]
fn a_client_that_missed_the_first_flight_gets_it_again_when_it_repeats_its_hello() {
    // rtc-dtls alone stops for ever here: the repeated hello makes it forget its timer.
    let mut pair = server_and_rtc_client(&[GCM_128], 1200);
    let hello_verify_request = 0;
    pair.lost_from_left = vec![hello_verify_request + 1];
    pair.run(PATIENCE);
    assert_eq!(pair.left.state, DtlsState::Connected);
    assert!(pair.right.is_complete);
}

#[test]
fn browsers_hellos_are_answered_once_complete() {
    macro_rules! fixture {
        ($name:literal) => {
            &include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/dtls/", $name))[..]
        };
    }
    let browsers = [
        [fixture!("chromium156.first.0.bin"), fixture!("chromium156.first.1.bin")],
        [fixture!("firefox153.first.0.bin"), fixture!("firefox153.first.1.bin")],
    ];
    let now = Instant::now();
    for [first, second] in browsers {
        let any = Fingerprint::of(HashFunction::Sha256, b"any");
        for order in [[first, second], [second, first]] {
            let mut server = KeelParty::new(&certificate(), DtlsRole::Server);
            server.transport.set_remote_fingerprints(now, vec![any.clone()]);
            assert_eq!(server.transport.handle_datagram(now, order[0]), Ok(()));
            assert_eq!(server.transport.poll_transmit(), None, "half a hello is not answered");
            assert_eq!(server.transport.handle_datagram(now, order[1]), Ok(()));
            let answer = server.transport.poll_transmit().expect("a HelloVerifyRequest");
            assert!(answer.len() < first.len() + second.len());
            assert_eq!(server.transport.poll_transmit(), None);
        }
    }
}

#[test]
fn half_a_hello_is_forgotten_after_a_second() {
    let now = Instant::now();
    let mut server = KeelParty::new(&certificate(), DtlsRole::Server);
    let half = write_message(0, CLIENT_HELLO, 0, &[0; 64]);
    let mut half = half[..half.len() - 1].to_vec();
    // One byte short: shorten record and fragment accordingly.
    half[12] -= 1;
    half[24] -= 1;
    assert_eq!(server.transport.handle_datagram(now, &half), Ok(()));
    assert_eq!(server.poll_timeout(), Some(now + Duration::from_secs(1)));
    server.handle_timeout(now + Duration::from_secs(1));
    assert_eq!(server.poll_timeout(), None, "nothing is held any more");
}

#[test]
fn a_hello_that_precedes_the_answer_waits_for_the_fingerprint() {
    let now = Instant::now();
    let client = RtcParty::client(now, &[GCM_128], 1200);
    let fingerprint = client.fingerprint.clone();
    let mut pair = Pair::new(now, 1, KeelParty::new(&certificate(), DtlsRole::Server), client);
    pair.run(Duration::from_millis(500));
    assert_eq!(pair.left.state, DtlsState::New);
    pair.now += Duration::from_millis(500);
    pair.left.transport.set_remote_fingerprints(pair.now, vec![fingerprint]);
    pair.run(PATIENCE);
    assert_eq!(pair.left.state, DtlsState::Connected);
    assert!(pair.right.is_complete);
}

#[test]
fn a_peer_with_another_certificate_gets_no_keys() {
    let stranger = Fingerprint::of(HashFunction::Sha256, b"another certificate");
    let now = Instant::now();

    let client = RtcParty::client(now, &[GCM_128], 1200);
    let mut server = KeelParty::new(&certificate(), DtlsRole::Server);
    server.transport.set_remote_fingerprints(now, vec![stranger.clone()]);
    let mut pair = Pair::new(now, 1, server, client);
    pair.run(PATIENCE);
    assert_eq!((pair.left.state, pair.left.keys.len()), (DtlsState::Failed, 0));
    assert!(pair.right.has_failed && !pair.right.is_complete, "the peer is told by an alert");

    let server = RtcParty::server(&[GCM_128]);
    let mut client = KeelParty::new(&certificate(), DtlsRole::Client);
    client.transport.set_remote_fingerprints(now, vec![stranger]);
    client.transport.start(now);
    let mut pair = Pair::new(now, 1, client, server);
    pair.run(PATIENCE);
    assert_eq!((pair.left.state, pair.left.keys.len()), (DtlsState::Failed, 0));
    assert!(!pair.right.is_complete);
}

#[test]
fn one_matching_fingerprint_among_several_is_enough() {
    let now = Instant::now();
    let client = RtcParty::client(now, &[GCM_128], 1200);
    let mut server = KeelParty::new(&certificate(), DtlsRole::Server);
    let stranger = Fingerprint::of(HashFunction::Sha256, b"another certificate");
    server.transport.set_remote_fingerprints(now, vec![stranger, client.fingerprint.clone()]);
    let mut pair = Pair::new(now, 1, server, client);
    pair.run(PATIENCE);
    assert_eq!(pair.left.state, DtlsState::Connected);
}

/// A ClientHello that offers a profile, from somebody who cannot see our answers.
fn forged_hello(number: u16, random: u8, profile: u16, cookie: &[u8]) -> Vec<u8> {
    let mut body = vec![0xfe, 0xfd];
    body.extend_from_slice(&[random; 32]);
    body.push(0);
    body.push(u8::try_from(cookie.len()).expect("a short cookie"));
    body.extend_from_slice(cookie);
    body.extend_from_slice(&[0, 2, 0xc0, 0x2b, 1, 0]);
    let [high, low] = profile.to_be_bytes();
    body.extend_from_slice(&[0, 9, 0, 14, 0, 5, 0, 2, high, low, 0]);
    write_message(0, CLIENT_HELLO, number, &body)
}

#[test]
fn forged_hellos_before_during_and_after_the_handshake_change_nothing() {
    const NO_SUCH_PROFILE: u16 = 99;
    let forgeries = [
        forged_hello(0, 1, 7, &[]),
        forged_hello(0, 2, NO_SUCH_PROFILE, &[]),
        forged_hello(1, 1, 7, &[9; 20]),
        write_message(0, CLIENT_HELLO, 0, &[0; 300]),
    ];
    // The forger strikes first, and again each time some virtual milliseconds have passed.
    for step_ms in [1, 6, 11, 16, 21] {
        let mut pair = server_and_client(3);
        for forgery in &forgeries {
            pair.left.handle_datagram(pair.now, forgery);
        }
        for _ in 0..40 {
            pair.run(Duration::from_millis(step_ms));
            pair.now += Duration::from_millis(step_ms);
            for forgery in &forgeries {
                pair.left.handle_datagram(pair.now, forgery);
            }
        }
        pair.run(PATIENCE);
        assert_same_keys(&pair, &format!("every {step_ms} ms"));
    }
}

#[test]
fn plaintext_alerts_and_garbage_do_not_end_anything() {
    let fatal = write_record(ALERT, 5, &[2, 40]);
    let close = write_record(ALERT, 6, &[1, 0]);
    let cipher = write_record(CHANGE_CIPHER_SPEC, 7, &[1]);
    let certificate = write_message(8, CERTIFICATE, 900, &[0; 10]);
    let mut sealed = write_record(HANDSHAKE, 9, &[0x55; 60]);
    sealed[4] = 1;
    let mut pair = server_and_client(4);
    for _ in 0..30 {
        pair.run(Duration::from_millis(4));
        pair.now += Duration::from_millis(4);
        for garbage in [&fatal[..], &close, &cipher, &certificate, &sealed, &[22, 0xfe, 0xfd], b""] {
            pair.left.handle_datagram(pair.now, garbage);
            pair.right.handle_datagram(pair.now, garbage);
        }
    }
    pair.run(PATIENCE);
    assert_same_keys(&pair, "garbage");
    assert!(!pair.left.has_peer_closed && !pair.right.has_peer_closed);
    let dropped = pair.left.transport.handle_datagram(pair.now, &fatal);
    assert_eq!(dropped, Err(DropReason::DtlsUnexpected));
}

#[test]
fn a_lost_last_flight_is_sent_again_when_the_client_asks() {
    // covers: RFC 6347 §4.2.4
    let mut pair = server_and_client(5);
    let after_hello_verify_and_first_flight = 2;
    pair.lost_from_left =
        (after_hello_verify_and_first_flight..after_hello_verify_and_first_flight + 2).collect();
    pair.run(PATIENCE);
    assert_same_keys(&pair, "the last flight was lost twice");
}

#[test]
fn either_side_closes_and_the_other_is_told() {
    let mut pair = server_and_rtc_client(&[GCM_128], 1200);
    pair.run(PATIENCE);
    pair.right.close(pair.now);
    let notify = pair.right.poll_transmit().expect("a close_notify");
    assert_eq!(pair.left.transport.handle_datagram(pair.now, &notify), Ok(()));
    pair.left.drain_events();
    assert!(pair.left.has_peer_closed);
    assert_eq!(pair.left.state, DtlsState::Closed);

    let mut pair = server_and_rtc_client(&[GCM_128], 1200);
    pair.run(PATIENCE);
    pair.left.transport.close(pair.now);
    pair.left.drain_events();
    assert_eq!(pair.left.state, DtlsState::Closed);
    let notify = pair.left.poll_transmit().expect("a close_notify");
    pair.right.handle_datagram(pair.now, &notify);
    assert!(pair.right.has_peer_closed);
}

#[test]
fn a_handshake_that_gets_no_answer_fails_after_thirty_seconds() {
    let now = Instant::now();
    let mut client = KeelParty::new(&certificate(), DtlsRole::Client);
    client.transport.start(now);
    assert_eq!(client.poll_transmit(), None, "nothing starts before the fingerprint is known");
    client.transport.set_remote_fingerprints(now, vec![Fingerprint::of(HashFunction::Sha256, b"silent")]);
    client.transport.start(now);
    let mut sent = 0;
    while let Some(due) = client.poll_timeout() {
        while client.poll_transmit().is_some() {
            sent += 1;
        }
        client.handle_timeout(due);
        assert!(due <= now + Duration::from_secs(30));
    }
    assert_eq!(client.state, DtlsState::Failed);
    assert!((10..20).contains(&sent), "{sent} datagrams");
}

#[test]
fn nothing_that_a_stranger_sends_makes_the_server_hold_more_than_its_bound() {
    let now = Instant::now();
    let mut server = KeelParty::new(&certificate(), DtlsRole::Server);
    server.transport.set_remote_fingerprints(now, vec![Fingerprint::of(HashFunction::Sha256, b"x")]);
    let whole = write_message(0, CLIENT_HELLO, 0, &[0; 9000]);
    assert_eq!(server.transport.handle_datagram(now, &whole), Err(DropReason::DtlsUnexpected));
    let ahead = write_message(0, CLIENT_HELLO, 2, &[0; 10]);
    assert_eq!(server.transport.handle_datagram(now, &ahead), Err(DropReason::DtlsUnexpected));
    let other = write_message(0, CERTIFICATE, 0, &[0; 10]);
    assert_eq!(server.transport.handle_datagram(now, &other), Err(DropReason::DtlsUnexpected));
    // Each distinct hello costs an answer smaller than itself.
    for random in 0..50 {
        let hello = forged_hello(0, random, 7, &[]);
        assert_eq!(server.transport.handle_datagram(now, &hello), Ok(()));
        let answer: usize = std::iter::from_fn(|| server.poll_transmit()).map(|d| d.len()).sum();
        assert!((1..=hello.len()).contains(&answer));
    }
}

#[test]
fn the_clients_hello_on_the_wire_lists_gcm_first() {
    let mut pair = server_and_client(1);
    let hello = pair.right.poll_transmit().expect("a ClientHello");
    let record = records(&hello).next().expect("a record").expect("well formed");
    let fragment = fragments(record.body).next().expect("a fragment").expect("well formed");
    let hello = super::super::client_hello::ClientHello::parse(fragment.data).expect("our own hello");
    assert_eq!(hello.profiles().collect::<Vec<_>>(), [7, 8, 1]);
}

#[test]
fn application_data_passes_both_ways_and_only_once_and_only_whole() {
    let mut pair = server_and_client(6);
    pair.right.transport.send(pair.now, b"too early");
    pair.run(PATIENCE);
    assert_same_keys(&pair, "before data");
    assert!(pair.left.data.is_empty(), "what was sent before the handshake was complete went nowhere");

    pair.left.transport.send(pair.now, b"from the server");
    pair.right.transport.send(pair.now, b"from the client");
    let to_server = pair.right.poll_transmit().expect("one datagram for one message");
    let to_client = pair.left.poll_transmit().expect("one datagram for one message");
    let mut forged = to_server.clone();
    *forged.last_mut().expect("a record has bytes") ^= 1;
    let refused = pair.left.transport.handle_datagram(pair.now, &forged);
    assert_eq!(refused, Err(DropReason::DtlsMalformed), "a forged record is counted");
    pair.left.handle_datagram(pair.now, &to_server);
    pair.right.handle_datagram(pair.now, &to_client);
    let replayed = pair.left.transport.handle_datagram(pair.now, &to_server);
    assert_eq!(replayed, Err(DropReason::DtlsMalformed), "a record that came before is counted");
    pair.left.drain_events();
    assert_eq!(pair.left.data, [&b"from the client"[..]]);
    assert_eq!(pair.right.data, [&b"from the server"[..]]);
}

#[test]
fn application_data_without_keys_is_refused_in_every_phase() {
    let mut plain = write_record(APPLICATION_DATA, 1, b"not sealed");
    let mut pair = server_and_client(7);
    for _ in 0..20 {
        pair.run(Duration::from_millis(4));
        pair.now += Duration::from_millis(4);
        for epoch in [0, 1] {
            plain[4] = epoch;
            assert!(pair.left.transport.handle_datagram(pair.now, &plain).is_err());
        }
    }
    pair.run(PATIENCE);
    assert_same_keys(&pair, "plain data");
    for epoch in [0, 1] {
        plain[4] = epoch;
        assert!(pair.left.transport.handle_datagram(pair.now, &plain).is_err());
    }
    pair.left.drain_events();
    assert!(pair.left.data.is_empty());
}
