//! Clients that mean harm: each is refused as the RFC says, counted, and a call in progress goes on.

use super::{ALICE, media};
use crate::client::Client;
use crate::count::DropReason;
use crate::credential::{Credentials, Issued};
use crate::rate::Rate;
use crate::stage::{MEDIA, Stage};
use crate::stun::{Ask, KeyKind, Method};
use std::net::SocketAddr;
use std::time::Duration;

const MALLORY: &str = "203.0.113.66:6666";

/// A call in progress, on a channel, and somebody who is to be kept from disturbing it.
struct Scene {
    stage: Stage,
    relayed: SocketAddr,
    alice: Client,
    mallory: Client,
    user: Issued,
    nonce: String,
}

impl Scene {
    fn new(change: impl FnOnce(&mut crate::TurnConfig)) -> Self {
        let mut stage = Stage::new(change);
        let (alice, mallory) = (stage.client(ALICE), stage.client(MALLORY));
        let (owner, user) = (stage.user("alice"), stage.user("mallory"));
        let (nonce, relayed) = stage.allocate(alice, &owner);
        let ask = Ask::bind(stage.transaction(), 0x4001, media());
        assert_eq!(stage.ask_as(alice, &owner, &nonce, ask).code, 0);
        let nonce = stage.nonce(mallory);
        Self { stage, relayed, alice, mallory, user, nonce }
    }

    /// Mallory asks with good credentials.
    fn code(&mut self, ask: Ask) -> u16 {
        self.stage.ask_as(self.mallory, &self.user, &self.nonce, ask).code
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.stage.server.snapshot().counts.dropped(reason)
    }

    /// The call still carries data both ways.
    fn goes_on(mut self) {
        let data = self.stage.deliver(self.alice, &[0x40, 1, 0, 1, b'x']).expect("up");
        assert_eq!((data.to, data.payload), (media(), &b"x"[..]));
        let relay = self.stage.relay(self.relayed.port());
        let back = self.stage.server.handle_peer(self.stage.now.steady, relay, media(), 3).expect("down");
        assert_eq!(back.client, self.alice);
    }
}

#[test]
fn forbidden_destinations_are_refused_in_every_form_of_asking() {
    let mut scene = Scene::new(|_| {});
    assert_eq!(scene.code(Ask::allocate([1; 12]).with(0x8000, &[2, 0, 0, 0])), 0);
    let forbidden = [
        "0.0.0.0:10000",
        "10.0.0.1:10000",
        "127.0.0.1:10000",
        "169.254.169.254:80",
        "192.168.1.1:10000",
        "224.0.0.1:10000",
        "255.255.255.255:10000",
        "8.8.8.8:53",
        "[::]:10000",
        "[::ffff:127.0.0.1]:10000",
        "[::ffff:192.168.1.5]:10000",
        "[::127.0.0.1]:10000",
        "[64:ff9b::7f00:1]:10000",
        "[2002:7f00:1::1]:10000",
        "[fe80::1]:10000",
        "[fd00:ec2::254]:80",
        "[ff02::1]:10000",
    ];
    for (place, peer) in forbidden.into_iter().enumerate() {
        let peer: SocketAddr = peer.parse().expect("an address with port");
        let id = scene.stage.transaction();
        assert_eq!(scene.code(Ask::new(Method::CreatePermission, id).peer(peer)), 403, "{peer}");
        let id = scene.stage.transaction();
        assert_eq!(scene.code(Ask::bind(id, 0x4000 + place as u16, peer)), 403, "{peer}");
        assert_eq!(scene.stage.deliver(scene.mallory, &Ask::send([2; 12], peer, b"x")), None, "{peer}");
    }
    assert_eq!(scene.dropped(DropReason::NoPermission), forbidden.len() as u64);
    scene.goes_on();
}

#[test]
fn other_ports_of_medias_address_are_refused() {
    let mut scene = Scene::new(|_| {});
    assert_eq!(scene.code(Ask::allocate([1; 12])), 0);
    let other = SocketAddr::new(media().ip(), 22);
    assert_eq!(scene.code(Ask::bind([2; 12], 0x4002, other)), 403);
    // A permission names the address alone, so each port is looked at when data comes.
    assert_eq!(scene.code(Ask::new(Method::CreatePermission, [3; 12]).peer(other)), 0);
    assert_eq!(scene.stage.deliver(scene.mallory, &Ask::send([4; 12], other, b"x")), None);
    assert!(scene.stage.deliver(scene.mallory, &Ask::send([5; 12], media(), b"x")).is_some());
    let relay = scene.stage.relay(scene.relayed.port());
    let now = scene.stage.now.steady;
    assert_eq!(
        scene.stage.server.handle_peer(now, relay, other, 4),
        None,
        "nor does anything come from there"
    );
    assert_eq!(scene.dropped(DropReason::PeerForbidden), 2);
    scene.goes_on();
}

#[test]
fn a_permission_list_with_one_forbidden_peer_admits_none() {
    let mut scene = Scene::new(|_| {});
    assert_eq!(scene.code(Ask::allocate([1; 12])), 0);
    let bad: SocketAddr = "10.0.0.1:1".parse().expect("an address");
    assert_eq!(scene.code(Ask::new(Method::CreatePermission, [2; 12]).peer(media()).peer(bad)), 403);
    assert_eq!(scene.stage.deliver(scene.mallory, &Ask::send([3; 12], media(), b"x")), None);
    scene.goes_on();
}

#[test]
fn a_flood_of_allocations_ends_at_the_users_quota() {
    let mut scene = Scene::new(|config| config.limits.allocations_per_user_max = 5);
    let mut refused = 0;
    for port in 0..50 {
        let client = scene.stage.client(&format!("203.0.113.66:{}", 7_000 + port));
        let nonce = scene.stage.nonce(client);
        let ask = Ask::allocate(scene.stage.transaction());
        let reply = scene.stage.ask_as(client, &scene.user.clone(), &nonce, ask);
        refused += u32::from(reply.code == 486);
        scene.stage.pass(Duration::from_millis(100));
    }
    assert_eq!((refused, scene.stage.relays.len()), (45, 6));
    scene.goes_on();
}

#[test]
fn many_users_from_one_address_end_at_the_addresss_quota() {
    let mut scene = Scene::new(|config| {
        config.limits.allocations_per_address_max = 5;
        config.limits.allocations_max = 8;
    });
    let mut codes = Vec::new();
    for number in 0..16 {
        let address = format!("203.0.113.{}:7000", 66 + number / 8);
        let mut client = scene.stage.client(&address);
        client.remote.set_port(7_000 + number);
        let user = scene.stage.user(&format!("mallory {number}"));
        let nonce = scene.stage.nonce(client);
        let ask = Ask::allocate(scene.stage.transaction());
        codes.push(scene.stage.ask_as(client, &user, &nonce, ask).code);
    }
    let count = |code| codes.iter().filter(|found| **found == code).count();
    assert_eq!((count(0), count(486), count(508)), (7, 3, 6), "then at the server's: {codes:?}");
    scene.goes_on();
}

#[test]
fn channels_and_permissions_end_at_their_bounds() {
    let open = |config: &mut crate::TurnConfig| {
        let networks = vec!["0.0.0.0/0".parse().expect("a network")];
        config.peers = crate::PeerPolicy::media_only(MEDIA).open_to(networks, [], 50_000..=50_999);
        (config.limits.permissions_max, config.limits.channels_max) = (10, 5);
    };
    let mut scene = Scene::new(open);
    assert_eq!(scene.code(Ask::allocate([1; 12])), 0);
    let peer = |number: u16| SocketAddr::new([8, 8, 8, number as u8].into(), 1_000 + number);
    for number in 0..20 {
        let id = scene.stage.transaction();
        let code = scene.code(Ask::bind(id, 0x4100 + number, peer(number)));
        assert_eq!(code, if number < 5 { 0 } else { 508 }, "channel {number}");
    }
    for number in 5..30 {
        let id = scene.stage.transaction();
        let code = scene.code(Ask::new(Method::CreatePermission, id).peer(peer(number)));
        assert_eq!(code, if number < 10 { 0 } else { 508 }, "permission {number}");
    }
    let many =
        (30..60).fold(Ask::new(Method::CreatePermission, [9; 12]), |ask, number| ask.peer(peer(number)));
    assert_eq!(scene.code(many), 508);
    scene.goes_on();
}

#[test]
fn channels_are_bound_once_and_in_their_range() {
    let mut scene = Scene::new(|_| {});
    assert_eq!(scene.code(Ask::allocate([1; 12])), 0);
    assert_eq!(scene.code(Ask::bind([2; 12], 0x4001, media())), 0);
    assert_eq!(scene.code(Ask::bind([3; 12], 0x4001, media())), 0, "refreshed");
    assert_eq!(scene.code(Ask::bind([4; 12], 0x4002, media())), 400, "another number for the peer");
    assert_eq!(
        scene.code(Ask::bind([5; 12], 0x4001, MEDIA[1].announced)),
        400,
        "another peer for the number"
    );
    for number in [0x0000, 0x3fff, 0x7fff, 0x8000, 0xffff] {
        assert_eq!(scene.code(Ask::bind([6; 12], number, MEDIA[1].announced)), 400, "{number:x}");
    }
    assert_eq!(scene.code(Ask::bind([7; 12], 0x4003, MEDIA[2].announced)), 443);
    scene.goes_on();
}

#[test]
fn spoofed_senders_are_answered_less_than_they_send() {
    let allowance = Rate { per_second: 1_000, at_once: 4_000 };
    let mut scene = Scene::new(|config| config.limits.unauthenticated = allowance);
    let victim = scene.stage.client("198.51.100.1:53");
    for message in [Ask::new(Method::Binding, [1; 12]).unsigned(), Ask::allocate([1; 12]).unsigned()] {
        let (before, mut sent) = (scene.stage.bytes_out, 0);
        for _ in 0..10_000 {
            scene.stage.deliver(victim, &message);
            sent += message.len();
        }
        let answered = scene.stage.bytes_out - before;
        assert!(answered < sent / 10, "{answered} bytes for {sent}");
    }
    assert!(scene.dropped(DropReason::UnauthenticatedLimit) > 19_000);
    // Whoever is not of that address is served as before.
    let another = scene.stage.client("198.51.100.2:9");
    assert!(scene.stage.ask(another, &Ask::new(Method::Binding, [2; 12]).unsigned()).is_some());
    scene.goes_on();
}

#[test]
fn a_forged_sender_cannot_use_what_another_was_given() {
    let mut scene = Scene::new(|_| {});
    // Mallory has seen Alice's nonce and user name, and even her password.
    let (alice, owner) = (scene.alice, scene.stage.user("alice"));
    let hers = scene.stage.nonce(alice);
    let ask = Ask::new(Method::Refresh, [1; 12]).lifetime(0);
    let reply = scene.stage.ask_as(scene.mallory, &owner, &hers, ask);
    assert_eq!(reply.code, 438, "a nonce is its client's");
    let ask = Ask::new(Method::Refresh, [2; 12]).lifetime(0);
    assert_eq!(scene.code(ask), 437, "and an allocation, too");
    // From Alice's own address, but as another user.
    let user = scene.user.clone();
    let ask = Ask::new(Method::Refresh, [3; 12]).lifetime(0);
    assert_eq!(scene.stage.ask_as(alice, &user, &hers, ask).code, 441);
    // Data needs no credentials, but an allocation of its sender.
    assert_eq!(scene.stage.deliver(scene.mallory, &[0x40, 1, 0, 1, b'x']), None);
    assert_eq!(scene.dropped(DropReason::NoAllocation), 1);
    scene.goes_on();
}

#[test]
fn replayed_requests_end_with_their_nonce() {
    let mut scene = Scene::new(|config| config.limits.nonce_lifetime = Duration::from_secs(60));
    assert_eq!(scene.code(Ask::allocate([1; 12])), 0);
    scene.stage.pass(Duration::from_secs(61));
    let reply =
        scene.stage.ask_as(scene.mallory, &scene.user, &scene.nonce, Ask::new(Method::Refresh, [2; 12]));
    assert_eq!(reply.code, 438);
    assert!(!reply.nonce.is_empty() && reply.nonce != scene.nonce, "with a new one");
    scene.nonce = reply.nonce;
    assert_eq!(scene.code(Ask::new(Method::Refresh, [3; 12])), 0);
}

#[test]
fn expired_and_wrong_credentials_open_nothing() {
    let mut scene = Scene::new(|_| {});
    let foreign = Credentials::new(b"the-secret-of-another-server", Duration::from_hours(1));
    let unix_s = scene.stage.now.unix_s;
    let expired = scene.stage.credentials.issue("mallory", unix_s - 3_600);
    let mut forged = scene.user.clone();
    forged.username = format!("9{}", forged.username);
    let nameless = Issued { username: "mallory".into(), password: "guess".into() };
    for user in [expired, foreign.issue("mallory", unix_s), forged, nameless] {
        let nonce = scene.nonce.clone();
        let id = scene.stage.transaction();
        let reply = scene.stage.ask_as(scene.mallory, &user, &nonce, Ask::allocate(id));
        assert_eq!(reply.code, 401, "{user:?}");
        assert!(!reply.attributes.contains(&0x0008), "an answer to nobody is not signed");
    }
    // What was granted in time is kept.
    assert_eq!(scene.code(Ask::allocate([1; 12])), 0);
    scene.stage.pass(Duration::from_secs(599));
    assert_eq!(scene.code(Ask::new(Method::Refresh, [2; 12]).lifetime(3_600)), 0);
    scene.stage.pass(Duration::from_secs(3_300));
    scene.nonce = scene.stage.nonce(scene.mallory);
    assert_eq!(scene.code(Ask::new(Method::Refresh, [3; 12])), 0, "after the credentials' end");
}

#[test]
fn incomplete_contradictory_and_unknown_requests_get_their_errors() {
    let mut scene = Scene::new(|_| {});
    let key = scene.stage.key(&scene.user, KeyKind::Sha1);
    let lone = Ask::allocate([1; 12]).signed(&scene.stage.crypto, &key);
    assert_eq!(scene.stage.ask(scene.mallory, &lone).map(|reply| reply.code), Some(400), "no user name");
    let unknown = Ask::new(Method::Binding, [1; 12]).with(0x7abc, b"what").unsigned();
    assert_eq!(scene.stage.ask(scene.mallory, &unknown).map(|reply| reply.code), Some(420));
    for (code, ask) in [
        (400, Ask::new(Method::Allocate, [2; 12])),
        (442, Ask::new(Method::Allocate, [3; 12]).with(0x0019, &[6, 0, 0, 0])),
        (400, Ask::new(Method::Allocate, [4; 12]).with(0x0019, &[17])),
        (440, Ask::allocate([5; 12]).with(0x0017, &[3, 0, 0, 0])),
        (400, Ask::allocate([6; 12]).with(0x0017, &[1, 0, 0, 0]).with(0x8000, &[2, 0, 0, 0])),
        (400, Ask::allocate([7; 12]).with(0x8000, &[1, 0, 0, 0])),
        (400, Ask::allocate([8; 12]).with(0x0018, &[0x80]).with(0x8000, &[2, 0, 0, 0])),
        (400, Ask::allocate([9; 12]).with(0x0022, &[0; 8]).with(0x0018, &[0])),
        (420, Ask::allocate([10; 12]).with(0x7abc, b"what")),
        (437, Ask::new(Method::CreatePermission, [11; 12]).peer(media())),
        (437, Ask::bind([12; 12], 0x4001, media())),
        (437, Ask::new(Method::Refresh, [13; 12])),
    ] {
        assert_eq!(scene.code(ask), code);
    }
    assert_eq!(scene.code(Ask::allocate([14; 12]).with(0x001a, &[])), 0, "DONT-FRAGMENT is served");
    assert_eq!(scene.code(Ask::new(Method::CreatePermission, [15; 12])), 400, "no peer");
    scene.goes_on();
}

#[test]
fn truncated_and_oversized_attributes_are_bad_requests() {
    let mut scene = Scene::new(|_| {});
    assert_eq!(scene.code(Ask::allocate([1; 12])), 0);
    for value in
        [&[][..], &[0, 1], &[0, 1, 1, 1, 1, 1, 1], &[0, 2, 1, 1, 1, 1, 1, 1], &[0, 9, 1, 1, 1, 1, 1, 1]]
    {
        let id = scene.stage.transaction();
        assert_eq!(scene.code(Ask::new(Method::CreatePermission, id).with(0x0012, value)), 400, "{value:?}");
    }
    let id = scene.stage.transaction();
    assert_eq!(scene.code(Ask::new(Method::Refresh, id).with(0x000d, &[0; 5])), 400);
    // A user name longer than the RFC allows cannot be authentic.
    let nonce = scene.nonce.clone();
    let id = scene.stage.transaction();
    let long = Issued { username: format!("9999999999:{}", "x".repeat(600)), password: "x".into() };
    assert_eq!(scene.stage.ask_as(scene.mallory, &long, &nonce, Ask::allocate(id)).code, 400);
    scene.goes_on();
}

#[test]
fn what_is_no_message_is_dropped_and_counted() {
    let mut scene = Scene::new(|_| {});
    let whole = Ask::new(Method::Binding, [1; 12]).with(0x8022, b"keel").unsigned();
    let mut broken: Vec<Vec<u8>> = (0..whole.len()).map(|length| whole[..length].to_vec()).collect();
    broken.push([&whole[..], b"rest"].concat());
    broken
        .push(whole.iter().enumerate().map(|(place, byte)| if place == 23 { 0xff } else { *byte }).collect());
    broken.push(vec![0x40, 1, 0xff, 0xff, 1]);
    broken.push(vec![0x80; 40]);
    let huge = Ask::new(Method::Binding, [1; 12]).with(0x8022, &[0; 4_000]).unsigned();
    broken.push(huge);
    for message in &broken {
        assert_eq!(scene.stage.ask(scene.mallory, message), None);
    }
    assert_eq!(scene.dropped(DropReason::Malformed), broken.len() as u64);
    // Answers and indications are for clients: a server that answered them could be made to talk to itself.
    let answer = [&[0x01, 0x01], &whole[2..]].concat();
    let indication = [&[0x00, 0x11], &whole[2..]].concat();
    for message in [answer, indication] {
        assert_eq!(scene.stage.ask(scene.mallory, &message), None);
    }
    assert_eq!(scene.dropped(DropReason::NotForServers), 2);
    scene.goes_on();
}

#[test]
fn a_flipped_bit_anywhere_undoes_a_request() {
    let mut scene = Scene::new(|_| {});
    let key = scene.stage.key(&scene.user, KeyKind::Sha1);
    let ask = Ask::allocate([1; 12]).credentials(&scene.user.username, "stage", &scene.nonce);
    let whole = ask.signed(&scene.stage.crypto, &key);
    // But for the fingerprint, which proves nothing to anybody.
    for place in 0..whole.len() - 8 {
        let mut forged = whole.clone();
        forged[place] ^= 1;
        scene.stage.deliver(scene.mallory, &forged);
        assert_eq!(scene.stage.relays.len(), 1, "byte {place}");
    }
    scene.goes_on();
}

#[test]
fn one_allocations_bandwidth_is_bounded_both_ways() {
    let rate = Rate { per_second: 10_000, at_once: 5_000 };
    let mut scene = Scene::new(|config| config.limits.bandwidth = rate);
    let message = [&[0x40, 1, 0x03, 0xe8][..], &[0; 1_000]].concat();
    let relay = scene.stage.relay(scene.relayed.port());
    let (mut up, mut down) = (0, 0);
    for _ in 0..100 {
        up += u32::from(scene.stage.deliver(scene.alice, &message).is_some());
        let now = scene.stage.now.steady;
        down += u32::from(scene.stage.server.handle_peer(now, relay, media(), 1_000).is_some());
        scene.stage.pass(Duration::from_millis(10));
    }
    assert!((14..=15).contains(&up) && (14..=15).contains(&down), "{up} up, {down} down in a second");
    assert_eq!(scene.dropped(DropReason::Bandwidth), u64::from(200 - up - down));
    scene.stage.pass(Duration::from_secs(1));
    scene.goes_on();
}
