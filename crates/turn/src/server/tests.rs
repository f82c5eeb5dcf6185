//! Stories of clients that mean well, and, in `abuse.rs`, of those that do not.

mod abuse;

use crate::client::Transport;
use crate::peer::{OwnSocket, PeerPolicy};
use crate::stage::{MEDIA, Stage};
use crate::stun::{Ask, CHANNEL_HEADER, Family, KeyKind, Method, Reply};
use std::net::SocketAddr;
use std::time::Duration;

const ALICE: &str = "203.0.113.7:1000";

fn media() -> SocketAddr {
    MEDIA[0].announced
}

#[test]
fn a_client_learns_its_address_without_credentials() {
    let mut stage = Stage::new(|_| {});
    let client = stage.client(ALICE);
    let message = Ask::new(Method::Binding, *b"abcdefghijkl").unsigned();
    let reply = stage.ask(client, &message).expect("an answer");
    assert!(reply.is_success(Method::Binding));
    assert_eq!((reply.mapped, reply.transaction), (Some(client.remote), *b"abcdefghijkl"));
    assert_eq!(reply.attributes, [0x0020], "no fingerprint to who sends none");
}

#[test]
fn a_client_sends_and_receives_through_its_relayed_address() {
    let mut stage = Stage::new(|_| {});
    let (client, user) = (stage.client(ALICE), stage.user("alice"));
    let (nonce, relayed) = stage.allocate(client, &user);
    assert_eq!(relayed.ip(), client.local.ip(), "the address that the client came to");
    let relay = stage.relay(relayed.port());

    let send = Ask::send([1; 12], media(), b"hello");
    assert_eq!(stage.deliver(client, &send), None, "no permission yet");
    let ask = Ask::new(Method::CreatePermission, stage.transaction()).peer(media());
    assert_eq!(stage.ask_as(client, &user, &nonce, ask).code, 0);
    let data = stage.deliver(client, &send).expect("it is relayed");
    assert_eq!((data.relay, data.to, data.payload), (relay, media(), &b"hello"[..]));

    let back = stage.server.handle_peer(stage.now.steady, relay, media(), 5).expect("it is delivered");
    let message = [back.prefix(), b"world", &[0; 3][..back.padding()]].concat();
    let reply = Reply::parse(&message).expect("a Data indication");
    assert_eq!(
        (back.client, reply.peer, reply.data.as_deref()),
        (client, Some(media()), Some(&b"world"[..]))
    );

    let ask = Ask::bind(stage.transaction(), 0x4001, media());
    assert_eq!(stage.ask_as(client, &user, &nonce, ask).code, 0);
    let message = [&[0x40, 1, 0, 5], &b"hello"[..]].concat();
    assert_eq!(stage.deliver(client, &message).map(|data| data.payload), Some(&b"hello"[..]));
    let back = stage.server.handle_peer(stage.now.steady, relay, media(), 5).expect("it is delivered");
    assert_eq!(
        (back.prefix(), back.padding()),
        (&[0x40, 1, 0, 5][..], 0),
        "ChannelData, not padded over UDP"
    );
}

#[test]
fn over_a_stream_channel_data_is_padded() {
    let mut stage = Stage::new(|_| {});
    let mut client = stage.client(ALICE);
    client.transport = Transport::Tcp;
    let user = stage.user("alice");
    let (nonce, relayed) = stage.allocate(client, &user);
    let ask = Ask::bind(stage.transaction(), 0x4fff, media());
    assert_eq!(stage.ask_as(client, &user, &nonce, ask).code, 0);
    let relay = stage.relay(relayed.port());
    let back = stage.server.handle_peer(stage.now.steady, relay, media(), 5).expect("it is delivered");
    // covers: RFC 8656 §12.5
    assert_eq!((back.prefix().len(), back.padding()), (CHANNEL_HEADER, 3));
    stage.server.handle_disconnected(client);
    stage.settle();
    assert!(stage.relays.is_empty(), "the allocation ends with its stream");
}

#[test]
fn media_that_is_announced_elsewhere_is_reached_where_it_is() {
    let mut stage = Stage::new(|_| {});
    let (client, user) = (stage.client(ALICE), stage.user("alice"));
    let (nonce, relayed) = stage.allocate(client, &user);
    let behind_nat = MEDIA[1];
    let ask = Ask::bind(stage.transaction(), 0x4001, behind_nat.announced);
    assert_eq!(stage.ask_as(client, &user, &nonce, ask).code, 0);
    let data = stage.deliver(client, &[0x40, 1, 0, 0]).expect("it is relayed");
    assert_eq!(data.to, behind_nat.local);
    let relay = stage.relay(relayed.port());
    let back = stage
        .server
        .handle_peer(stage.now.steady, relay, behind_nat.local, 1)
        .expect("its answer comes back");
    assert_eq!(back.prefix(), [0x40, 1, 0, 1]);
}

#[test]
fn a_peer_with_two_names_answers_by_the_one_that_was_called() {
    let here: SocketAddr = "127.0.0.1:10000".parse().expect("an address");
    let names = ["198.41.0.9:10000", "198.41.0.10:10000"].map(|name| name.parse().expect("an address"));
    let sockets = names.map(|announced| OwnSocket { announced, local: here });
    let mut stage = Stage::new(|config| config.peers = PeerPolicy::media_only(sockets));
    let (client, user) = (stage.client(ALICE), stage.user("alice"));
    let (nonce, relayed) = stage.allocate(client, &user);
    let relay = stage.relay(relayed.port());
    let ask = Ask::new(Method::CreatePermission, stage.transaction()).peer(names[0]).peer(names[1]);
    assert_eq!(stage.ask_as(client, &user, &nonce, ask).code, 0);
    for name in [names[1], names[0], names[1]] {
        assert!(
            stage.deliver(client, &Ask::send([1; 12], name, b"hello")).is_some_and(|data| data.to == here)
        );
        let back = stage.server.handle_peer(stage.now.steady, relay, here, 4).expect("it is delivered");
        let message = [back.prefix(), b"back", &[0; 3][..back.padding()]].concat();
        assert_eq!(Reply::parse(&message).and_then(|reply| reply.peer), Some(name));
    }
}

#[test]
fn a_client_goes_on_when_media_is_announced_anew() {
    let mut stage = Stage::new(|_| {});
    let (client, user) = (stage.client(ALICE), stage.user("alice"));
    let (nonce, relayed) = stage.allocate(client, &user);
    let before = MEDIA[1];
    let ask = Ask::bind(stage.transaction(), 0x4001, before.announced);
    assert_eq!(stage.ask_as(client, &user, &nonce, ask).code, 0);

    let now = OwnSocket { announced: "198.41.0.77:10001".parse().expect("an address"), ..before };
    stage.server.handle_announced(PeerPolicy::media_only([now, before]), vec![now.announced.ip()]);
    let data = stage.deliver(client, &[0x40, 1, 0, 0]).expect("it is relayed");
    assert_eq!(data.to, before.local);
    let relay = stage.relay(relayed.port());
    let back = stage.server.handle_peer(stage.now.steady, relay, before.local, 1).expect("and back");
    assert_eq!(back.prefix(), [0x40, 1, 0, 1], "by the name that the client knows");

    let ask = Ask::bind(stage.transaction(), 0x4002, now.announced);
    assert_eq!(stage.ask_as(client, &user, &nonce, ask).code, 0, "the new one is admitted");
    let (_, relayed) = stage.allocate(stage.client("203.0.113.8:1000"), &user);
    assert_eq!(relayed.ip(), now.announced.ip(), "new clients are told the new address");
}

#[test]
fn an_allocate_that_comes_again_gets_the_same_answer() {
    // covers: RFC 8656 §7.2
    let mut stage = Stage::new(|_| {});
    let (client, user) = (stage.client(ALICE), stage.user("alice"));
    let nonce = stage.nonce(client);
    let first = stage.ask_as(client, &user, &nonce, Ask::allocate([3; 12]));
    let again = stage.ask_as(client, &user, &nonce, Ask::allocate([3; 12]));
    assert_eq!(first, again);
    assert_eq!(stage.ask_as(client, &user, &nonce, Ask::allocate([4; 12])).code, 437, "another request");
    assert_eq!(stage.relays.len(), 1);
}

#[test]
fn an_allocation_lasts_as_long_as_it_is_refreshed() {
    let mut stage = Stage::new(|_| {});
    let (client, user) = (stage.client(ALICE), stage.user("alice"));
    let (nonce, _) = stage.allocate(client, &user);
    let refresh = |stage: &mut Stage, seconds| {
        let ask = Ask::new(Method::Refresh, stage.transaction()).lifetime(seconds);
        stage.ask_as(client, &user, &nonce, ask)
    };
    stage.pass(Duration::from_secs(599));
    assert_eq!(refresh(&mut stage, 10).lifetime_s, Some(600), "no less than the RFC's");
    stage.pass(Duration::from_secs(599));
    assert_eq!(refresh(&mut stage, 100_000).lifetime_s, Some(3_600), "no more than configured");
    stage.pass(Duration::from_secs(2_000));
    assert_eq!(stage.relays.len(), 1);
    assert_eq!(refresh(&mut stage, 0).lifetime_s, Some(0));
    assert!(stage.relays.is_empty(), "given up at once");
    assert_eq!(refresh(&mut stage, 0).code, 437);

    stage.allocate(client, &user);
    stage.pass(Duration::from_secs(600));
    assert!(stage.relays.is_empty() && stage.server.snapshot().allocations == 0, "run out");
    assert_eq!(stage.server.poll_timeout(), None);
}

#[test]
fn permissions_and_channels_run_out() {
    let mut stage = Stage::new(|_| {});
    let (client, user) = (stage.client(ALICE), stage.user("alice"));
    let (nonce, relayed) = stage.allocate(client, &user);
    let relay = stage.relay(relayed.port());
    let refresh = Ask::new(Method::Refresh, stage.transaction()).lifetime(3_600);
    stage.ask_as(client, &user, &nonce, refresh);
    let ask = Ask::bind(stage.transaction(), 0x4001, media());
    assert_eq!(stage.ask_as(client, &user, &nonce, ask).code, 0);
    stage.pass(Duration::from_secs(301));
    // covers: RFC 8656 §9: five minutes, whatever a channel lasts
    assert_eq!(stage.server.handle_peer(stage.now.steady, relay, media(), 5), None);
    assert!(stage.deliver(client, &[0x40, 1, 0, 0]).is_some(), "the channel lasts ten");
    stage.pass(Duration::from_secs(300));
    assert_eq!(stage.deliver(client, &[0x40, 1, 0, 0]), None);
}

#[test]
fn both_families_are_given_where_both_are_there() {
    let mut stage = Stage::new(|_| {});
    let (client, user) = (stage.client(ALICE), stage.user("alice"));
    let nonce = stage.nonce(client);
    // covers: RFC 8656 §7.2: ADDITIONAL-ADDRESS-FAMILY
    let ask = Ask::allocate(stage.transaction()).with(0x8000, &[2, 0, 0, 0]);
    let reply = stage.ask_as(client, &user, &nonce, ask);
    let families: Vec<Family> = reply.relayed.iter().map(|address| Family::of(address.ip())).collect();
    assert_eq!((reply.code, families), (0, vec![Family::V4, Family::V6]));
    assert_eq!(stage.relays.len(), 2);
    let one = Ask::new(Method::Refresh, stage.transaction()).lifetime(0).with(0x0017, &[1, 0, 0, 0]);
    assert_eq!(stage.ask_as(client, &user, &nonce, one).code, 0);
    assert_eq!(stage.relays.len(), 1, "one of two is given up");
    let ask = Ask::new(Method::CreatePermission, stage.transaction()).peer(media());
    assert_eq!(stage.ask_as(client, &user, &nonce, ask).code, 443, "IPv4 is gone");
    let ask = Ask::new(Method::CreatePermission, stage.transaction()).peer(MEDIA[2].announced);
    assert_eq!(stage.ask_as(client, &user, &nonce, ask).code, 0);
}

#[test]
fn a_missing_second_family_is_told_beside_the_first() {
    let mut stage = Stage::new(|config| config.relay.host.retain(std::net::IpAddr::is_ipv4));
    let (client, user) = (stage.client(ALICE), stage.user("alice"));
    let nonce = stage.nonce(client);
    let ask = Ask::allocate(stage.transaction()).with(0x8000, &[2, 0, 0, 0]);
    let reply = stage.ask_as(client, &user, &nonce, ask);
    assert_eq!((reply.code, reply.relayed.len()), (0, 1));
    assert!(reply.attributes.contains(&0x8001), "ADDRESS-ERROR-CODE");
    stage.server.handle_disconnected(client);
    let ask = Ask::allocate(stage.transaction()).with(0x0017, &[2, 0, 0, 0]);
    assert_eq!(stage.ask_as(client, &user, &nonce, ask).code, 440, "alone it is the request that fails");
}

#[test]
fn a_client_of_ipv6_may_ask_for_ipv4_and_gets_it_unasked() {
    let mut stage = Stage::new(|_| {});
    let (client, user) = (stage.client("[2001:db8::7]:1000"), stage.user("alice"));
    let (_, relayed) = stage.allocate(client, &user);
    // covers: RFC 8656 §7.2: without REQUESTED-ADDRESS-FAMILY it is IPv4
    assert!(relayed.is_ipv4());
}

#[test]
fn even_ports_are_even_and_pairs_are_refused() {
    let mut stage = Stage::new(|_| {});
    let (client, user) = (stage.client(ALICE), stage.user("alice"));
    let nonce = stage.nonce(client);
    for _ in 0..20 {
        let ask = Ask::allocate(stage.transaction()).with(0x0018, &[0]);
        let reply = stage.ask_as(client, &user, &nonce, ask);
        assert_eq!(reply.relayed.first().map(|address| address.port() % 2), Some(0));
        stage.server.handle_disconnected(client);
    }
    for (kind, value) in [(0x0018, &[0x80][..]), (0x0022, &[1; 8])] {
        let ask = Ask::allocate(stage.transaction()).with(kind, value);
        assert_eq!(stage.ask_as(client, &user, &nonce, ask).code, 508);
    }
}

#[test]
fn taken_ports_are_passed_over_until_none_is_found() {
    let mut stage = Stage::new(|_| {});
    let (client, user) = (stage.client(ALICE), stage.user("alice"));
    stage.taken = (50_000..=50_999).step_by(2).collect();
    let (nonce, relayed) = stage.allocate(client, &user);
    assert_eq!(relayed.port() % 2, 1);
    stage.server.handle_disconnected(client);
    stage.settle();
    stage.taken = (50_000..=50_999).collect();
    let ask = Ask::allocate(stage.transaction());
    assert_eq!(stage.ask_as(client, &user, &nonce, ask).code, 508);
    assert_eq!(stage.server.snapshot().allocations, 0, "nothing is left of it");
}

#[test]
fn clients_of_the_newer_rfc_prove_themselves_with_sha_256() {
    // covers: RFC 8489 §9.2.4
    let mut stage = Stage::new(|_| {});
    let (client, user) = (stage.client(ALICE), stage.user("alice"));
    let transaction = stage.transaction();
    let challenge = stage.ask(client, &Ask::allocate(transaction).unsigned()).expect("a challenge");
    assert!(challenge.nonce.starts_with("obMatJos2"), "it says what is offered");
    let list = challenge.algorithms.clone();
    let key = stage.strong_key(&user);
    let named = |ask: Ask| ask.credentials(&user.username, "stage", &challenge.nonce);
    let ask = named(Ask::allocate([5; 12])).algorithm(2, &list).signed(&stage.crypto, &key);
    let reply = stage.ask(client, &ask).expect("an answer");
    assert!(reply.is_success(Method::Allocate));
    assert!(reply.attributes.contains(&0x001c), "answered in kind");

    // Somebody on the way took the stronger algorithm off the list.
    let ask = named(Ask::new(Method::Refresh, [6; 12])).algorithm(1, &[0, 1, 0, 0]);
    let weak = stage.key(&user, KeyKind::Sha256);
    let message = ask.signed(&stage.crypto, &weak);
    assert_eq!(stage.ask(client, &message).expect("an answer").code, 400);
}
