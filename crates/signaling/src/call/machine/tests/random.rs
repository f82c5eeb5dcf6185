//! Anything in any order: a few people who do whatever the die says. The bench checks after every step;
//! at the end everybody leaves and nothing may be left.

use super::bench::{Bench, candidate};
use super::*;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

const NAMES: [&str; 5] = ["ann", "ben", "cat", "dan", "eve"];
const STEPS: usize = 4_000;

#[test]
fn whatever_happens_every_call_ends_and_nothing_is_left() {
    let mut outcomes = BTreeSet::new();
    for seed in 0..8 {
        let play = Play::run(seed);
        assert_eq!(play, Play::run(seed), "seed {seed}: the same seed is the same play");
        outcomes.extend(play.outcomes);
    }
    let all_but_shutdown = [
        Outcome::Completed,
        Outcome::Declined,
        Outcome::Missed,
        Outcome::Cancelled,
        Outcome::CalleeLeft,
        Outcome::Failed,
        Outcome::Lost,
    ];
    assert!(outcomes.into_iter().eq(all_but_shutdown), "the plays reach every end");
}

/// What a play came to.
#[derive(Debug, PartialEq, Eq)]
struct Play {
    outcomes: Vec<Outcome>,
    media: Vec<String>,
}

impl Play {
    fn run(seed: u64) -> Self {
        let mut die = SmallRng::seed_from_u64(seed);
        let mut bench = Bench::with(Limits {
            registrations_per_address: crate::limits::Rate { per_second: 1000, at_once: 1000 },
            candidates_per_peer_max: 4,
            ..Limits::default()
        });
        let mut connections = Vec::new();
        for _ in 0..STEPS {
            step(&mut bench, &mut connections, &mut die);
        }
        for connection in connections {
            bench.disconnect(connection);
        }
        bench.assert_nothing_left();
        assert_eq!(bench.machine.registered_users(), 0);
        let calls = usize::try_from(bench.machine.calls_made).expect("small");
        let outcomes = bench.world.outcomes();
        assert_eq!(outcomes.len(), calls, "seed {seed}: every call ended, once");
        Self { outcomes, media: bench.world.media }
    }
}

fn step(bench: &mut Bench, connections: &mut Vec<ConnectionId>, die: &mut SmallRng) {
    let name = |die: &mut SmallRng| NAMES[die.random_range(0..NAMES.len())];
    if connections.len() < NAMES.len() {
        connections.push(bench.connect());
    }
    let place = die.random_range(0..connections.len());
    let who = connections[place];
    let own = bench.machine.connections.get(&who).and_then(|peer| peer.name.clone());
    let own = own.map_or_else(|| name(die).to_owned(), |own| own.to_string());
    // Mostly the newest call, sometimes one that is over.
    let call = bench.machine.calls_made.saturating_sub(die.random_range(1..4));
    let side = if die.random() { Side::Caller } else { Side::Callee };
    match die.random_range(0..20) {
        0 | 1 => bench.register(who, name(die), None),
        2 => {
            let other = connections[die.random_range(0..connections.len())];
            bench.register(who, name(die), Some(&bench::token_text(other)));
        }
        3..=5 => bench.call(who, &own, name(die)),
        // Whoever may be calling: at most one of these is.
        6..=8 => NAMES.into_iter().for_each(|caller| bench.accept(who, caller)),
        9 => bench.reject(who, name(die), None),
        10 => bench.message(who, ClientMessage::Stop),
        11 => bench.candidate(who, "c"),
        12 => {
            connections.swap_remove(place);
            bench.disconnect(who);
        }
        13 => bench.answered(call),
        14 => bench.media(call, MediaReport::Up(side)),
        15 => bench.media(call, MediaReport::Down(side)),
        16 => bench.media(call, MediaReport::Candidate { side, candidate: candidate("k") }),
        17 => match die.random_range(0..6) {
            0 => bench.media(call, MediaReport::Refused("refused".to_owned())),
            1 => bench.media(call, MediaReport::Failed("failed".to_owned())),
            2 => bench.media(call, MediaReport::Closed(side)),
            _ => bench.answered(call),
        },
        18 => match die.random_range(0..4) {
            0 => bench.message(who, ClientMessage::WatchOnline),
            1 => bench.message(who, ClientMessage::Chat { text: "hello".to_owned() }),
            2 => bench.message(who, ClientMessage::Typing { typing: true }),
            _ => bench.message(who, ClientMessage::History { before: None, count: Some(9) }),
        },
        _ => bench.pass(Duration::from_millis(die.random_range(0..20_000))),
    }
    // A connection that another replaced is gone; its socket's end comes later.
    connections.retain(|connection| bench.machine.connections.contains_key(connection));
}
