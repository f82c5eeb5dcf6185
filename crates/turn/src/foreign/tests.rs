//! The client against our own server, in virtual time.

use super::client::{Login, Loss, RelayClient, RelayEvent, Relayed};
use crate::client::Client;
use crate::server::Output;
use crate::stage::{MEDIA, Stage};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::net::SocketAddr;
use std::time::Duration;

const OURS: &str = "203.0.113.7:1000";

/// A client and the server that it speaks to, with what peers were sent.
struct Scene {
    stage: Stage,
    who: Client,
    relay: RelayClient,
    /// What reached a peer.
    sent: Vec<(SocketAddr, Vec<u8>)>,
    events: Vec<RelayEvent>,
}

impl Scene {
    fn new(password: Option<&str>) -> Self {
        let stage = Stage::new(|_| {});
        let (who, user) = (stage.client(OURS), stage.user("keel"));
        let password = password.map_or(user.password, str::to_owned);
        let login = Login { username: user.username, password };
        let relay = RelayClient::new(login, stage.now.steady, &mut StdRng::seed_from_u64(1));
        Self { stage, who, relay, sent: Vec::new(), events: Vec::new() }
    }

    /// Lets virtual time pass; every message arrives at once.
    fn run(&mut self, time: Duration) {
        let end = self.stage.now.steady + time;
        self.exchange();
        while let Some(due) = self.relay.poll_timeout().filter(|due| *due <= end) {
            let wait = due.saturating_duration_since(self.stage.now.steady);
            self.stage.pass(wait);
            self.relay.handle_timeout(due);
            self.exchange();
        }
        self.stage.pass(end.saturating_duration_since(self.stage.now.steady));
    }

    fn exchange(&mut self) {
        while let Some(message) = self.relay.poll_transmit() {
            self.deliver(&message);
        }
        self.events.extend(std::iter::from_fn(|| self.relay.poll_event()));
    }

    fn deliver(&mut self, message: &[u8]) {
        let (now, who) = (self.stage.now, self.who);
        if let Some(to_peer) = self.stage.server.handle_client(now, who, message) {
            self.sent.push((to_peer.to, to_peer.payload.to_vec()));
        }
        let mut answers = Vec::new();
        while let Some(output) = self.stage.server.poll_output() {
            match output {
                Output::Reply { message, .. } => answers.push(message),
                Output::OpenRelay { relay, port, .. } => {
                    self.stage.relays.insert(relay, port);
                    self.stage.server.handle_relay_opened(now.steady, relay, Some(port));
                }
                Output::CloseRelay { relay } => _ = self.stage.relays.remove(&relay),
            }
        }
        for answer in answers {
            assert_eq!(self.relay.handle_message(now.steady, &answer), None, "answers carry no data");
        }
    }

    fn send(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut message = Vec::new();
        assert!(
            self.relay.wrap(self.stage.now.steady, peer(), payload, &mut message),
            "there is an allocation"
        );
        self.deliver(&message);
        message
    }

    /// What the client makes of a datagram that a peer sends to the relayed address.
    fn receive(&mut self, relayed: SocketAddr, payload: &[u8]) -> Option<Vec<u8>> {
        let (now, relay) = (self.stage.now.steady, self.stage.relay(relayed.port()));
        let data = self.stage.server.handle_peer(now, relay, peer(), payload.len())?;
        let message = [data.prefix(), payload, &[0; 3][..data.padding()]].concat();
        let (from, got) = self.relay.handle_message(now, &message)?;
        assert_eq!(from, peer());
        Some(got.to_vec())
    }

    fn relayed(&self) -> Relayed {
        match self.events.last() {
            Some(RelayEvent::Ready(relayed)) => *relayed,
            other => panic!("no allocation: {other:?}"),
        }
    }
}

fn peer() -> SocketAddr {
    MEDIA[0].announced
}

#[test]
fn data_goes_both_ways_by_indications_and_then_by_a_channel() {
    let mut scene = Scene::new(None);
    scene.relay.permit(scene.stage.now.steady, peer().ip());
    scene.run(Duration::from_secs(1));
    let relayed = scene.relayed();
    assert_eq!(relayed.mapped, scene.who.remote);
    assert_eq!(scene.receive(relayed.address, b"hello").as_deref(), Some(&b"hello"[..]));

    let indication = scene.send(b"answer");
    scene.run(Duration::from_secs(1));
    let channel = scene.send(b"answer");
    assert!(channel.len() == 4 + 6 && indication.len() > channel.len(), "the channel is bound");
    assert_eq!(scene.sent, vec![(peer(), b"answer".to_vec()); 2]);
    assert_eq!(scene.receive(relayed.address, b"again").as_deref(), Some(&b"again"[..]));
}

#[test]
fn an_allocation_in_use_is_kept_for_hours_whatever_runs_out() {
    let mut scene = Scene::new(None);
    scene.relay.permit(scene.stage.now.steady, peer().ip());
    scene.run(Duration::from_secs(1));
    let relayed = scene.relayed();
    for round in 0..120 {
        scene.send(b"media");
        assert!(scene.receive(relayed.address, b"media").is_some(), "minute {round}");
        scene.run(Duration::from_secs(60));
    }
    assert_eq!(scene.sent.len(), 120, "permission and channel never lapsed");
    assert_eq!(scene.events.len(), 1, "nothing was lost: {:?}", scene.events);
}

#[test]
fn a_wrong_password_is_told_and_tried_less_and_less() {
    let mut scene = Scene::new(Some("wrong"));
    scene.run(Duration::from_secs(3600));
    assert!(scene.events.iter().all(|event| *event == RelayEvent::Lost(Loss::Refused(401))));
    assert!((10..=20).contains(&scene.events.len()), "{} tries in an hour", scene.events.len());
    assert!(!scene.relay.wrap(scene.stage.now.steady, peer(), b"x", &mut Vec::new()));
}

#[test]
fn what_is_given_up_is_gone_at_the_server() {
    let mut scene = Scene::new(None);
    scene.run(Duration::from_secs(1));
    scene.relayed();
    scene.relay.close(scene.stage.now.steady);
    scene.run(Duration::from_secs(1));
    assert_eq!(scene.events.last(), Some(&RelayEvent::Closed));
    assert_eq!(scene.stage.server.snapshot().allocations, 0);
    assert_eq!(scene.relay.poll_timeout(), None);
}

#[test]
fn who_was_not_permitted_and_answers_without_the_key_have_no_effect() {
    let mut scene = Scene::new(None);
    scene.run(Duration::from_secs(1));
    let relayed = scene.relayed();
    assert_eq!(scene.receive(relayed.address, b"stranger"), None);
    for noise in [&b""[..], &[0x40], &[0x40, 0, 0, 9, 1], &[0, 1, 0, 0], &[0xff; 40]] {
        assert_eq!(scene.relay.handle_message(scene.stage.now.steady, noise), None);
    }
    assert_eq!(scene.events.len(), 1);
}
