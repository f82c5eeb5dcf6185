//! Every branch of the responder, and two agents over a lossy link in virtual time.

use super::stun::{Check, Incoming, Kind, Role};
use super::*;
use proptest::prelude::*;
use rtc_stun::attributes::{AttrType, RawAttribute};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, Message, MessageType, Setter, TransactionId};
use rtc_stun::textattrs::TextAttribute;

const KEEL: &str = "192.0.2.1:10000";
const PHONE: &str = "198.51.100.7:5000";
const PHONE_ON_LTE: &str = "203.0.113.9:6000";

fn address(text: &str) -> SocketAddr {
    text.parse().expect("a constant address")
}

fn agent(seed: u64, local: &str) -> IceAgent {
    let mut agent = IceAgent::new(&mut StdRng::seed_from_u64(seed)).expect("ring is built in");
    agent.check_from(vec![(address(local), 2_130_706_431)]);
    agent
}

fn crypto() -> Arc<dyn RTCCryptoProvider> {
    rtc_crypto::default_provider().expect("ring is built in")
}

/// A peer's check towards a lite agent.
struct PeerCheck {
    role: Role,
    priority: u32,
    nominates: bool,
}

const PLAIN: PeerCheck = PeerCheck { role: Role::Controlling(1), priority: 1000, nominates: false };
const NOMINATING: PeerCheck = PeerCheck { nominates: true, ..PLAIN };

impl PeerCheck {
    fn to(&self, agent: &IceAgent) -> Vec<u8> {
        let check = Check {
            transaction: TransactionId([7; 12]),
            username: format!("{}:peer", agent.local.ufrag),
            priority: self.priority,
            role: self.role,
            nominates: self.nominates,
            remote_password: &agent.local.password,
        };
        check.encode(crypto().crypto()).expect("a valid check")
    }
}

/// A message of these attributes with integrity and fingerprint, as `seal` would not make it.
fn crafted(agent: &IceAgent, kind: MessageType, attributes: Vec<Box<dyn Setter>>) -> Vec<u8> {
    let provider = crypto();
    let password = agent.local.password.as_bytes();
    let mut setters: Vec<Box<dyn Setter + '_>> = vec![Box::new(kind), Box::new(TransactionId([7; 12]))];
    setters.extend(attributes);
    setters.push(Box::new(MessageIntegrity::new_raw_integrity_with_provider(password, provider.crypto())));
    setters.push(Box::new(FINGERPRINT));
    let mut message = Message::new();
    message.build(&setters).expect("a valid message");
    message.raw
}

fn username(agent: &IceAgent) -> Box<dyn Setter> {
    let name = format!("{}:peer", agent.local.ufrag);
    Box::new(TextAttribute::new(rtc_stun::attributes::ATTR_USERNAME, name))
}

fn events(agent: &mut IceAgent) -> Vec<IceEvent> {
    std::iter::from_fn(|| agent.poll_event()).collect()
}

fn validated(remote: &str) -> IceEvent {
    IceEvent::Validated { local: address(KEEL).into(), remote: address(remote) }
}

fn check_from(agent: &mut IceAgent, now: Instant, remote: &str, check: &PeerCheck) {
    let datagram = check.to(agent);
    agent.handle_stun(now, address(KEEL), address(remote), &datagram).expect("a valid check");
}

#[test]
fn a_check_is_answered_with_the_peers_own_address() {
    for remote in [PHONE, "[2001:db8::7]:5000"] {
        let now = Instant::now();
        let mut agent = agent(1, KEEL);
        let check = PLAIN.to(&agent);
        assert_eq!(username_local_ufrag(&check), Some(agent.local_credentials().ufrag.as_str()));
        assert_eq!(agent.handle_stun(now, address(KEEL), address(remote), &check), Ok(()));

        let answer = agent.poll_transmit().expect("an answer");
        assert_eq!((answer.local, answer.remote), (address(KEEL).into(), address(remote)));
        assert!(answer.bytes.len() <= check.len());
        let incoming = Incoming::parse(&answer.bytes).expect("a well-formed answer");
        assert_eq!((incoming.kind, incoming.transaction), (Kind::Success, TransactionId([7; 12])));
        assert!(incoming.is_authentic(&agent.local.password, crypto().crypto()));
        let mut message = Message::new();
        message.unmarshal_binary(&answer.bytes).expect("an independent parser reads it");
        let mut mapped = rtc_stun::xoraddr::XorMappedAddress::default();
        rtc_stun::message::Getter::get_from(&mut mapped, &message).expect("it has the address");
        assert_eq!(SocketAddr::new(mapped.ip, mapped.port), address(remote));

        assert!(agent.is_validated(address(KEEL), address(remote)));
        assert_eq!(agent.selected(), None, "nothing was nominated");
        assert_eq!(events(&mut agent), [validated(remote)]);
    }
}

#[test]
fn what_is_not_authentic_is_dropped_without_answer_or_effect() {
    let now = Instant::now();
    let mut agent = agent(1, KEEL);
    let stranger = self::agent(2, KEEL);
    let valid = NOMINATING.to(&agent);

    let mut wrong_password = stranger;
    wrong_password.local.ufrag.clone_from(&agent.local.ufrag);
    let wrong_password = NOMINATING.to(&wrong_password);
    let wrong_ufrag = NOMINATING.to(&self::agent(3, KEEL));
    let mut no_fingerprint = valid[..valid.len() - 8].to_vec();
    let length = u16::try_from(no_fingerprint.len() - 20).expect("a short message").to_be_bytes();
    no_fingerprint[2..4].copy_from_slice(&length);
    let mut damaged = valid.clone();
    damaged[30] ^= 1;
    let no_username = crafted(&agent, BINDING_REQUEST, vec![]);
    let allocate = MessageType::new(rtc_stun::message::METHOD_ALLOCATE, rtc_stun::message::CLASS_REQUEST);
    let other_method = crafted(&agent, allocate, vec![username(&agent)]);
    let response = crafted(&agent, rtc_stun::message::BINDING_SUCCESS, vec![]);
    let mut trailing = valid.clone();
    trailing.extend_from_slice(&[0; 4]);

    for (story, datagram, reason) in [
        ("wrong password", &wrong_password[..], DropReason::StunIntegrity),
        ("wrong fragment", &wrong_ufrag, DropReason::StunUnknownUfrag),
        ("no fingerprint", &no_fingerprint, DropReason::StunMalformed),
        ("damaged on the way", &damaged, DropReason::StunMalformed),
        ("no username", &no_username, DropReason::StunIntegrity),
        ("another method", &other_method, DropReason::StunUnexpected),
        ("an answer to nothing", &response, DropReason::StunUnexpected),
        ("bytes after the end", &trailing, DropReason::StunMalformed),
        ("cut short", &valid[..40], DropReason::StunMalformed),
        ("nothing", &[], DropReason::StunMalformed),
    ] {
        let result = agent.handle_stun(now, address(KEEL), address(PHONE), datagram);
        assert_eq!(result, Err(reason), "{story}");
        assert_eq!(agent.poll_transmit(), None, "{story}");
        assert_eq!(agent.poll_event(), None, "{story}");
        assert!(!agent.is_validated(address(KEEL), address(PHONE)), "{story}");
    }
}

#[test]
fn authentic_requests_that_cannot_be_served_get_an_error() {
    // covers: RFC 8445 §7.3.1.1
    let now = Instant::now();
    let mut agent = agent(1, KEEL);
    let unknown = RawAttribute { typ: AttrType(0x7abc), length: 0, value: vec![1, 2, 3, 4] };
    let with_unknown = crafted(&agent, BINDING_REQUEST, vec![username(&agent), Box::new(unknown)]);
    let without_priority = crafted(&agent, BINDING_REQUEST, vec![username(&agent)]);
    let both_controlled = PeerCheck { role: Role::Controlled(5), ..NOMINATING }.to(&agent);
    for (datagram, code) in [(with_unknown, 420), (without_priority, 400), (both_controlled, 487)] {
        assert_eq!(agent.handle_stun(now, address(KEEL), address(PHONE), &datagram), Ok(()));
        let answer = agent.poll_transmit().expect("an error");
        assert!(answer.bytes.len() <= datagram.len(), "{code}");
        assert_eq!(
            Incoming::parse(&answer.bytes).map(|incoming| incoming.kind).ok(),
            Some(Kind::Error(code))
        );
        assert!(!agent.is_validated(address(KEEL), address(PHONE)), "{code}");
        assert_eq!(agent.selected(), None, "{code}");
    }
}

#[test]
fn a_phone_that_changes_networks_keeps_its_call() {
    let now = Instant::now();
    let mut agent = agent(1, KEEL);
    check_from(&mut agent, now, PHONE, &NOMINATING);
    let on_wifi = IceEvent::Selected { local: address(KEEL).into(), remote: address(PHONE) };
    assert_eq!(
        events(&mut agent),
        [
            validated(PHONE),
            IceEvent::StateChanged(IceState::Checking),
            on_wifi,
            IceEvent::StateChanged(IceState::Connected)
        ]
    );

    let later = now + Duration::from_secs(3);
    let worse = PeerCheck { priority: 10, ..NOMINATING };
    check_from(&mut agent, later, PHONE_ON_LTE, &worse);
    assert_eq!(agent.selected(), Some((address(KEEL).into(), address(PHONE_ON_LTE))));

    let back = later + Duration::from_secs(20);
    check_from(&mut agent, back, PHONE, &NOMINATING);
    assert_eq!(agent.selected(), Some((address(KEEL).into(), address(PHONE))));
}

#[test]
fn a_peer_whose_nat_gives_it_another_address_is_followed_when_the_old_one_is_silent() {
    let now = Instant::now();
    let mut agent = agent(1, KEEL);
    check_from(&mut agent, now, PHONE, &NOMINATING);
    let at = |seconds| now + Duration::from_secs(seconds);
    check_from(&mut agent, at(4), PHONE_ON_LTE, &PLAIN);
    assert_eq!(
        agent.selected(),
        Some((address(KEEL).into(), address(PHONE))),
        "the old pair may still be alive"
    );
    check_from(&mut agent, at(5), PHONE, &PLAIN);
    check_from(&mut agent, at(12), PHONE_ON_LTE, &PLAIN);
    assert_eq!(
        agent.selected(),
        Some((address(KEEL).into(), address(PHONE))),
        "it is: seven seconds are no silence"
    );
    check_from(&mut agent, at(14), PHONE_ON_LTE, &PLAIN);
    assert_eq!(agent.selected(), Some((address(KEEL).into(), address(PHONE_ON_LTE))));

    agent.handle_timeout(at(44));
    assert_eq!((agent.state(), agent.selected()), (IceState::Disconnected, None));
    check_from(&mut agent, at(50), PHONE, &PLAIN);
    assert_eq!(
        agent.selected(),
        Some((address(KEEL).into(), address(PHONE))),
        "lost consent ends wherever the peer is"
    );
}

#[test]
fn of_pairs_nominated_together_the_better_stays_however_often_both_are_checked() {
    let start = Instant::now();
    let mut agent = agent(1, KEEL);
    let worse = PeerCheck { priority: 10, ..NOMINATING };
    check_from(&mut agent, start, PHONE_ON_LTE, &worse);
    check_from(&mut agent, start + Duration::from_millis(200), PHONE, &NOMINATING);
    events(&mut agent);
    for round in 0..10 {
        let now = start + Duration::from_millis(2500 * round);
        check_from(&mut agent, now + Duration::from_millis(1700), PHONE_ON_LTE, &worse);
        check_from(&mut agent, now + Duration::from_millis(2700), PHONE, &NOMINATING);
        assert_eq!(agent.selected(), Some((address(KEEL).into(), address(PHONE))), "round {round}");
    }
    assert_eq!(events(&mut agent), [], "never switched");
}

// covers: RFC 8445 §9
#[test]
fn over_a_restart_the_old_pair_carries_media_until_one_is_nominated_under_the_new_credentials() {
    let now = Instant::now(); // clock: an origin, never compared with the present
    let mut agent = agent(1, KEEL);
    check_from(&mut agent, now, PHONE, &NOMINATING);
    let (old_check, old_plain) = (NOMINATING.to(&agent), PLAIN.to(&agent));
    let old_ufrag = agent.local_credentials().ufrag.clone();
    events(&mut agent);
    agent.restart(IceCredentials::random(&mut StdRng::seed_from_u64(9)));
    let fresh = agent.local_credentials().ufrag.clone();
    assert_eq!(agent.ufrags().collect::<Vec<_>>(), [&old_ufrag, &fresh]);
    assert_eq!(agent.selected(), Some((address(KEEL).into(), address(PHONE))));

    // Consent under the old ones is renewed, but they choose no pair any more.
    let check = |agent: &mut IceAgent, seconds, remote, bytes: &[u8]| {
        let at = now + Duration::from_secs(seconds);
        agent.handle_stun(at, address(KEEL), address(remote), bytes)
    };
    check(&mut agent, 20, PHONE, &old_plain).expect("they are still known");
    check(&mut agent, 21, PHONE_ON_LTE, &old_check).expect("they are still known");
    assert_eq!(agent.poll_timeout(), Some(now + Duration::from_secs(50)));
    assert_eq!(agent.selected(), Some((address(KEEL).into(), address(PHONE))));
    events(&mut agent);

    // Within a second of the pair before and with a lower priority, and yet it is the one.
    let worse = PeerCheck { priority: 10, ..NOMINATING }.to(&agent);
    check(&mut agent, 21, PHONE_ON_LTE, &worse).expect("the new credentials");
    assert_eq!(agent.selected(), Some((address(KEEL).into(), address(PHONE_ON_LTE))));
    let retired = IceEvent::Retired { ufrag: old_ufrag };
    assert!(events(&mut agent).contains(&retired));
    let refused = check(&mut agent, 22, PHONE, &old_check);
    assert_eq!(refused, Err(DropReason::StunUnknownUfrag));
    assert_eq!(agent.ufrags().collect::<Vec<_>>(), [&fresh]);
}

#[test]
fn of_restarts_before_any_has_succeeded_the_credentials_in_use_and_the_newest_are_known() {
    let now = Instant::now(); // clock: an origin, never compared with the present
    let mut agent = agent(1, KEEL);
    check_from(&mut agent, now, PHONE, &NOMINATING);
    let in_use = agent.local_credentials().ufrag.clone();
    events(&mut agent);
    let mut rng = StdRng::seed_from_u64(9);
    agent.restart(IceCredentials::random(&mut rng));
    let given_up = agent.local_credentials().ufrag.clone();
    agent.restart(IceCredentials::random(&mut rng));
    let newest = agent.local_credentials().ufrag.clone();
    assert_eq!(events(&mut agent), [IceEvent::Retired { ufrag: given_up }]);
    assert_eq!(agent.ufrags().collect::<Vec<_>>(), [&in_use, &newest]);
    check_from(&mut agent, now + Duration::from_secs(1), PHONE, &NOMINATING);
    assert_eq!(events(&mut agent), [IceEvent::Retired { ufrag: in_use }], "the pair has stayed");
}

#[test]
fn consent_is_lost_after_thirty_seconds_and_a_check_revives_it() {
    // covers: RFC 7675 §5.1
    let now = Instant::now();
    let mut agent = agent(1, KEEL);
    check_from(&mut agent, now, PHONE, &NOMINATING);
    check_from(&mut agent, now + Duration::from_secs(10), PHONE, &PLAIN);
    events(&mut agent);
    let expiry = agent.poll_timeout().expect("consent expires");
    assert_eq!(expiry, now + Duration::from_secs(40));
    agent.handle_timeout(expiry - Duration::from_millis(1));
    assert_eq!(events(&mut agent), []);
    agent.handle_timeout(expiry);
    assert_eq!(events(&mut agent), [IceEvent::StateChanged(IceState::Disconnected)]);
    assert_eq!(agent.selected(), None, "sending stops");
    assert_eq!(agent.poll_timeout(), None);
    assert!(agent.is_validated(address(KEEL), address(PHONE)));

    check_from(&mut agent, expiry + Duration::from_secs(5), PHONE, &PLAIN);
    assert_eq!(events(&mut agent), [IceEvent::StateChanged(IceState::Connected)]);
    assert_eq!(agent.selected(), Some((address(KEEL).into(), address(PHONE))));
}

#[test]
fn at_most_sixteen_addresses_are_remembered_and_the_one_in_use_stays() {
    let start = Instant::now();
    let mut agent = agent(1, KEEL);
    check_from(&mut agent, start, PHONE, &NOMINATING);
    for port in 1..=15u64 {
        let remote = format!("203.0.113.1:{port}");
        check_from(&mut agent, start + Duration::from_millis(port), &remote, &PLAIN);
    }
    assert_eq!(agent.validated().count(), 16);
    events(&mut agent);
    check_from(&mut agent, start + Duration::from_secs(1), PHONE_ON_LTE, &PLAIN);
    let stalest = address("203.0.113.1:1");
    assert_eq!(
        events(&mut agent),
        [IceEvent::Dropped { local: address(KEEL).into(), remote: stalest }, validated(PHONE_ON_LTE)]
    );
    assert!(!agent.is_validated(address(KEEL), stalest) && agent.is_validated(address(KEEL), address(PHONE)));
    assert_eq!(agent.validated().count(), 16);
}

#[test]
fn a_closed_agent_answers_nothing() {
    let now = Instant::now();
    let mut agent = agent(1, KEEL);
    let check = NOMINATING.to(&agent);
    agent.close();
    let result = agent.handle_stun(now, address(KEEL), address(PHONE), &check);
    assert_eq!(result, Err(DropReason::StunUnexpected));
    assert_eq!(agent.poll_transmit(), None);
    assert_eq!(events(&mut agent), [IceEvent::StateChanged(IceState::Closed)]);
}

#[test]
fn credentials_are_long_enough_and_follow_from_the_seed() {
    let (one, again, other) = (agent(1, KEEL), agent(1, KEEL), agent(2, KEEL));
    assert_eq!(one.local_credentials(), again.local_credentials());
    assert_ne!(one.local_credentials().ufrag, other.local_credentials().ufrag);
    assert!(one.local.ufrag.len() >= 4 && one.local.password.len() >= 22);
}

/// Two agents and a link that loses datagrams by seed.
struct Pair {
    agents: [IceAgent; 2],
    addresses: [SocketAddr; 2],
    now: Instant,
    loss: f64,
    rng: StdRng,
}

impl Pair {
    /// Each is told that the other is lite or not.
    fn new(seed: u64, is_lite: [bool; 2]) -> Self {
        let mut pair = Self::unacquainted(seed);
        pair.introduce(is_lite, [true, true], None);
        pair
    }

    /// Two that know nothing of each other.
    fn unacquainted(seed: u64) -> Self {
        let addresses = [address(KEEL), address("192.0.2.2:10000")];
        let now = Instant::now();
        let agents = [agent(seed, KEEL), agent(seed + 1000, "192.0.2.2:10000")];
        Self { agents, addresses, now, loss: 0.0, rng: StdRng::seed_from_u64(seed) }
    }

    /// Each hears whether the other is lite, and its candidate or not; `full`: who of two full agents is controlling.
    fn introduce(&mut self, is_lite: [bool; 2], knows_candidate: [bool; 2], full: Option<[bool; 2]>) {
        let Self { agents, addresses, now, .. } = self;
        let credentials = agents.each_ref().map(|agent| agent.local_credentials().clone());
        for (place, other) in [(0, 1), (1, 0)] {
            if let Some(is_controlling) = full {
                agents[place].act_full(*now, is_controlling[place], 7);
            }
            if knows_candidate[place] {
                agents[place].add_remote_candidate(*now, addresses[other], 2_130_706_431);
            }
            agents[place].set_remote(*now, credentials[other].clone(), is_lite[other]);
        }
    }

    /// Lets virtual time pass; datagrams arrive at once or never.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.exchange();
            let next = self.agents.iter().filter_map(IceAgent::poll_timeout).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            for agent in &mut self.agents {
                agent.handle_timeout(self.now);
            }
        }
        self.now = end;
    }

    fn exchange(&mut self) {
        loop {
            let sent: Vec<_> = [0, 1]
                .into_iter()
                .flat_map(|place| {
                    std::iter::from_fn(|| self.agents[place].poll_transmit())
                        .map(|transmit| (1 - place, transmit))
                        .collect::<Vec<_>>()
                })
                .collect();
            if sent.is_empty() {
                return;
            }
            for (to, Transmit { local, remote, bytes }) in sent {
                if remote == self.addresses[to] && !self.rng.random_bool(self.loss) {
                    // An agent may refuse what is late; how the story ends is what counts.
                    let _ = self.agents[to].handle_stun(self.now, remote, local.address, &bytes);
                }
            }
        }
    }
}

#[test]
fn a_lite_peer_is_checked_nominated_and_kept_alive() {
    let mut pair = Pair::new(1, [false, true]);
    pair.run(Duration::from_secs(2));
    for (agent, other) in pair.agents.iter().zip([pair.addresses[1], pair.addresses[0]]) {
        assert_eq!(agent.state(), IceState::Connected);
        assert!(agent.is_validated(address(KEEL), other));
        assert_eq!(agent.selected().map(|(_, remote)| remote), Some(other));
    }
    pair.run(Duration::from_secs(300));
    assert_eq!(pair.agents.each_ref().map(IceAgent::state), [IceState::Connected; 2]);
}

#[test]
fn two_keel_endpoints_check_each_other() {
    // Both descriptions say a=ice-lite, so both act as full agents and claim to be controlling.
    for seed in 0..20 {
        let mut pair = Pair::new(seed, [true, true]);
        pair.run(Duration::from_secs(8));
        assert_eq!(pair.agents.each_ref().map(IceAgent::state), [IceState::Connected; 2], "seed {seed}");
        pair.run(Duration::from_secs(120));
        assert_eq!(pair.agents.each_ref().map(IceAgent::state), [IceState::Connected; 2], "seed {seed}");
    }
}

// covers: RFC 8445 §6.1.1, §7.3.1.4
#[test]
fn two_full_agents_connect_and_the_offerer_chooses() {
    for seed in 0..20 {
        for knows_candidates in [[true, true], [true, false], [false, true]] {
            let mut pair = Pair::unacquainted(seed);
            pair.loss = 0.2;
            pair.introduce([false, false], knows_candidates, Some([true, false]));
            pair.run(Duration::from_secs(20));
            let states = pair.agents.each_ref().map(IceAgent::state);
            assert_eq!(states, [IceState::Connected; 2], "seed {seed}, {knows_candidates:?}");
            assert_eq!(pair.agents[0].selected().map(|(_, remote)| remote), Some(pair.addresses[1]));
            assert_eq!(pair.agents[1].selected().map(|(_, remote)| remote), Some(pair.addresses[0]));
        }
    }
}

#[test]
fn an_answer_names_whose_check_it_is_to() {
    let mut pair = Pair::unacquainted(5);
    pair.introduce([false, false], [true, false], Some([true, false]));
    let check = pair.agents[0].poll_transmit().expect("the offerer checks");
    assert_eq!(answered_tag(&check.bytes), None, "it is no answer");
    let local = check.remote;
    pair.agents[1].handle_stun(pair.now, local, check.local.address, &check.bytes).expect("a valid check");
    let answer = pair.agents[1].poll_transmit().expect("an answer");
    assert_eq!(answered_tag(&answer.bytes), Some(7));
}

#[test]
fn checks_get_through_a_link_that_loses_a_third() {
    for seed in 0..30 {
        for is_lite in [[false, true], [true, true]] {
            let mut pair = Pair::new(seed, is_lite);
            pair.loss = 0.33;
            // Asked for each second: six consent checks in a row are lost now and then on such a link,
            // and then RFC 7675 wants the connection to count as lost for a while.
            let connects = (0..40).any(|_| {
                pair.run(Duration::from_secs(1));
                pair.agents.iter().all(|agent| agent.state() == IceState::Connected)
            });
            assert!(connects, "seed {seed}, lite {is_lite:?}");
        }
    }
}

#[test]
fn a_silent_lite_peer_loses_consent_and_is_found_again() {
    let mut pair = Pair::new(3, [false, true]);
    pair.run(Duration::from_secs(2));
    pair.loss = 1.0;
    pair.run(Duration::from_secs(40));
    assert_eq!(pair.agents.each_ref().map(IceAgent::state), [IceState::Disconnected; 2]);
    assert_eq!(pair.agents[0].selected(), None);
    pair.loss = 0.0;
    pair.run(Duration::from_secs(60));
    assert_eq!(pair.agents.each_ref().map(IceAgent::state), [IceState::Connected; 2]);
}

#[test]
fn a_forged_answer_does_not_validate_an_address() {
    let mut pair = Pair::new(4, [false, true]);
    let check = pair.agents[0].poll_transmit().expect("a check");
    let id = Incoming::parse(&check.bytes).expect("well formed").transaction;
    let provider = crypto();
    let forged = stun::success(id, check.local.address, "not the password of the peer", provider.crypto());
    let forged = forged.expect("a valid message");
    let (agent, now) = (&mut pair.agents[0], pair.now);
    let result = agent.handle_stun(now, check.local, check.remote, &forged);
    assert_eq!(result, Err(DropReason::StunIntegrity));
    assert!(!agent.is_validated(address(KEEL), check.remote));
    assert_eq!(agent.state(), IceState::Checking);
}

#[test]
fn remote_candidates_and_their_checks_are_bounded_and_paced() {
    let now = Instant::now();
    let mut agent = agent(1, KEEL);
    for port in 1..=300 {
        agent.add_remote_candidate(now, SocketAddr::new(address(PHONE).ip(), port), 1);
    }
    let credentials = IceCredentials { ufrag: "peer".to_owned(), password: "p".repeat(22) };
    agent.set_remote(now, credentials, true);
    let mut targets = std::collections::BTreeSet::new();
    let mut started = 0;
    while let Some(next) = agent.poll_timeout().filter(|next| *next < now + Duration::from_secs(10)) {
        let sent: Vec<_> = std::iter::from_fn(|| agent.poll_transmit()).collect();
        started += sent.iter().filter(|transmit| targets.insert(transmit.remote)).count();
        agent.handle_timeout(next);
        assert!(started <= 1 + usize::try_from((next - now).as_millis() / 50).expect("a small number"));
    }
    assert_eq!(targets.len(), 100);
}

proptest! {
    #[test]
    fn no_datagram_harms_the_agent(
        place in 0usize..120,
        value: u8,
        length in 0usize..200,
        noise in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let now = Instant::now();
        let mut agent = agent(1, KEEL);
        let mut damaged = NOMINATING.to(&agent);
        if let Some(byte) = damaged.get_mut(place) {
            *byte ^= value | 1;
        }
        damaged.truncate(length);
        for datagram in [damaged, noise] {
            let _ = username_local_ufrag(&datagram);
            let result = agent.handle_stun(now, address(KEEL), address(PHONE), &datagram);
            // The only damage that may pass is none: the place lay beyond the check's end.
            if result.is_err() {
                prop_assert!(agent.poll_transmit().is_none());
            } else {
                prop_assert!(place >= datagram.len());
                prop_assert!(agent.poll_transmit().is_some());
            }
        }
    }
}
