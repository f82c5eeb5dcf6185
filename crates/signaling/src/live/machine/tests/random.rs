//! Anything in any order: a few clients and pages that do whatever the die says, with media that takes its time.
//! The bench checks after every step; at the end all go and nothing may be left.

use super::bench::{Bench, Known, name, open};
use crate::limits::{LiveLimits, Rate};
use crate::live::ask::{Ask, Condition, Reply};
use crate::live::effect::MediaReport;
use crate::live::event::StreamNews;
use crate::live::id::Ticket;
use crate::live::offer::Role;
use crate::live::sdpfrag::Fragment;
use crate::socket::ConnectionId;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const STREAMS: [&str; 2] = ["tide", "ebb"];
const STEPS: usize = 3_000;

#[test]
fn whatever_happens_every_question_is_answered_and_nothing_is_left() {
    let mut seen = BTreeMap::new();
    for seed in 0..8 {
        let play = play(seed);
        assert_eq!(play, self::play(seed), "seed {seed}: the same seed is the same play");
        for (what, count) in play {
            *seen.entry(what).or_insert(0) += count;
        }
    }
    for what in ["opened", "restarted", "refused", "started", "ended", "viewers", "page told", "timed out"] {
        assert!(seen.contains_key(what), "the plays reach no {what}: {seen:?}");
    }
}

#[derive(Default)]
struct Clients {
    asked: BTreeSet<Ticket>,
    known: Vec<(&'static str, Known)>,
    pages: Vec<ConnectionId>,
    arrived: u64,
}

fn play(seed: u64) -> BTreeMap<&'static str, usize> {
    let mut die = SmallRng::seed_from_u64(seed);
    let generous = Rate { per_second: 100_000, at_once: 100_000 };
    let mut bench = Bench::with(LiveLimits {
        streams_max: 2,
        viewers_max: 3,
        sessions_per_address: generous,
        presenters_take_over: !seed.is_multiple_of(3),
        viewers_wait_max: Duration::from_secs(if seed.is_multiple_of(4) { 0 } else { 20 }),
        ..LiveLimits::default()
    });
    bench.is_slow = true;
    let mut clients = Clients::default();
    let mut seen = BTreeMap::new();
    for _ in 0..STEPS {
        step(&mut bench, &mut clients, &mut die);
        listen(&mut bench, &mut clients, &mut seen);
    }
    while bench.work(die.random_range(0..4)) {}
    for page in std::mem::take(&mut clients.pages) {
        bench.leave(page);
    }
    for stream in STREAMS {
        clients.asked.insert(bench.ask(Ask::End(name(stream))));
    }
    listen(&mut bench, &mut clients, &mut seen);
    assert!(clients.asked.is_empty(), "seed {seed}: questions without an answer: {:?}", clients.asked);
    bench.assert_nothing_left();
    seen
}

fn listen(bench: &mut Bench, clients: &mut Clients, seen: &mut BTreeMap<&'static str, usize>) {
    let mut note = |what| *seen.entry(what).or_insert(0) += 1;
    for (ticket, answer) in std::mem::take(&mut bench.answers) {
        assert!(clients.asked.remove(&ticket), "an answer to a question");
        match answer {
            Ok(Reply::Opened { key, tag, .. }) => {
                note("opened");
                // Which stream it is for only its own URL says; a wrong one is refused.
                clients.known.push((STREAMS[usize::from(tag.0 % 2 == 0)], Known { key, tag }));
            }
            Ok(Reply::Restarted { .. }) => note("restarted"),
            Ok(_) => {}
            Err(_) => note("refused"),
        }
    }
    for (_, news) in bench.news.drain(..) {
        note(match news {
            StreamNews::Started => "started",
            StreamNews::Ended { .. } => "ended",
            StreamNews::Viewers(_) => "viewers",
        });
    }
    for page in &clients.pages {
        for _ in bench.heard(*page) {
            note("page told");
        }
    }
    let before = bench.machine.sessions.len();
    bench.pass(Duration::ZERO);
    if bench.machine.sessions.len() < before {
        note("timed out");
    }
}

fn step(bench: &mut Bench, clients: &mut Clients, die: &mut SmallRng) {
    let stream = STREAMS[die.random_range(0..2)];
    let role = if die.random_bool(0.4) { Role::Presenter } else { Role::Viewer };
    match die.random_range(0..14) {
        0 | 1 => {
            let note = if die.random_bool(0.1) { "refuse" } else { "" };
            clients.asked.insert(bench.ask(open(role, stream, note)));
        }
        2 | 3 => {
            if let Some((stream, known)) = pick(&clients.known, die).cloned() {
                let text = match die.random_range(0..3) {
                    0 => "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n".to_owned(),
                    _ => {
                        let ufrag = ["efgh", "ijkl", "fail"][die.random_range(0..3)];
                        format!("a=ice-ufrag:{ufrag}\r\na=ice-pwd:0123456789012345678901\r\n")
                    }
                };
                let fragment = Fragment::parse(&text).expect("a fragment");
                let condition = match die.random_range(0..4) {
                    0 => Condition::Missing,
                    1 => Condition::OneOf(vec![known.tag.to_string()]),
                    _ => Condition::Any,
                };
                let key = known.key;
                let ask = Ask::Patch { stream: name(stream), key, condition, fragment };
                clients.asked.insert(bench.ask(ask));
            }
        }
        4 => {
            if let Some((stream, known)) = pick(&clients.known, die).cloned() {
                clients.asked.insert(bench.ask(Ask::Close { stream: name(stream), key: known.key }));
            }
        }
        5 => {
            clients.arrived += 1;
            if clients.pages.len() < 4 {
                let page = bench.arrive(clients.arrived, die.random_bool(0.8));
                clients.pages.push(page);
            }
        }
        6 => {
            if !clients.pages.is_empty() && die.random_bool(0.3) {
                let page = clients.pages.swap_remove(die.random_range(0..clients.pages.len()));
                bench.leave(page);
                bench.heard(page);
            }
        }
        7 | 8 => {
            if let Some(page) = pick(&clients.pages, die).copied() {
                let offer = r"v=0\r\na=ice-ufrag:abcd\r\nm=video 9 X 96\r\na=sendrecv\r\n";
                let text = match die.random_range(0..4) {
                    0 => r#"{"id":"stop"}"#.to_owned(),
                    1 => r#"{"id":"onIceCandidate","candidate":{"candidate":"x"}}"#.to_owned(),
                    2 => format!(r#"{{"id":"presenter","sdpOffer":"{offer}"}}"#),
                    _ => format!(r#"{{"id":"viewer","sdpOffer":"{offer}"}}"#),
                };
                bench.say(page, &text);
            }
        }
        9 => {
            let sessions: Vec<_> = bench.machine.sessions.keys().copied().collect();
            if let Some(session) = pick(&sessions, die).copied()
                && !bench.media.is_empty()
                && die.random_bool(0.3)
            {
                bench.report(MediaReport::Gone(session));
            }
        }
        10 => {
            let ask = match die.random_range(0..4) {
                0 => Ask::List { after: Some(name(stream)), count: 1 },
                1 => Ask::Create(name(stream)),
                2 => Ask::End(name(stream)),
                _ => Ask::Inspect(name(stream)),
            };
            if !matches!(ask, Ask::End(_)) || die.random_bool(0.1) {
                clients.asked.insert(bench.ask(ask));
            }
        }
        11 => bench.connects = die.random_bool(0.8),
        12 => bench.pass(Duration::from_millis(die.random_range(0..8_000))),
        _ => {
            for _ in 0..die.random_range(0..6) {
                bench.work(die.random_range(0..4));
            }
        }
    }
}

fn pick<'a, T>(items: &'a [T], die: &mut SmallRng) -> Option<&'a T> {
    if items.is_empty() { None } else { items.get(die.random_range(0..items.len())) }
}
