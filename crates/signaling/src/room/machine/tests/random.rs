//! Anything in any order: a few people who do whatever the die says, with media and a store that take their
//! time. The bench checks after every step; at the end everything that is on its way arrives, and then
//! everybody leaves and nothing may be left.

use super::bench::{Bench, candidate};
use crate::limits::{Limits, Rate, RoomLimits};
use crate::room::effect::{MediaReport, Sample};
use crate::room::id::{ParticipantId, TrackId};
use crate::room::message::Leg;
use crate::socket::{ConnectionId, Departure};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const NAMES: [&str; 6] = ["ann", "ben", "cat", "dan", "eve", "fay"];
const ROOMS: [&str; 2] = ["tide", "ebb"];
/// One of them takes nobody.
const STREAMS: [&str; 3] = ["sea", "ann", "bad"];
const STEPS: usize = 3_000;
/// The request number of answers to offers.
const ANSWER: u64 = 7;

#[test]
fn whatever_happens_everybody_gets_what_is_theirs_and_nothing_is_left() {
    let mut heard = BTreeMap::new();
    for seed in 0..8 {
        let said = play(seed);
        assert_eq!(said, play(seed), "seed {seed}: the same seed is the same play");
        for (id, count) in said {
            *heard.entry(id).or_insert(0) += count;
        }
    }
    for id in [
        "joined",
        "published",
        "offer",
        "chatMessage",
        "chatHistory",
        "receiveVideoAnswer",
        "participantAway",
        "participantBack",
        "participantLeft",
        "removed",
        "roomEnded",
        "streamShown",
        "broadcastEnded",
        "error",
    ] {
        assert!(heard.contains_key(id), "the plays reach no {id}: {heard:?}");
    }
}

/// Somebody at a keyboard: what its page remembers.
#[derive(Default)]
struct Page {
    resume_token: Option<Value>,
    room: Option<String>,
    participant: Option<String>,
    moderator_token: Option<Value>,
    offer: Option<Value>,
    /// The offer to which it gave an answer that nobody can take: it may give another.
    refused: Option<Value>,
    tracks: Vec<String>,
}

/// Plays one seed; how often which message was said.
fn play(seed: u64) -> BTreeMap<String, usize> {
    let mut die = SmallRng::seed_from_u64(seed);
    let generous = Rate { per_second: 100_000, at_once: 100_000 };
    let rooms = RoomLimits {
        size_max: 5,
        messages: generous,
        chat: generous,
        joins_per_address: generous,
        empty_max: Duration::from_secs(60),
        ..RoomLimits::default()
    };
    let mut bench = Bench::with(Limits { rooms, candidates_per_peer_max: 4, ..Limits::default() });
    bench.world.is_slow = true;
    let mut pages: BTreeMap<ConnectionId, Page> = BTreeMap::new();
    let mut lost: Vec<Page> = Vec::new();
    let mut said = BTreeMap::new();
    for _ in 0..STEPS {
        step(&mut bench, &mut pages, &mut lost, &mut die);
        listen(&mut bench, &mut pages, &mut said);
    }
    // Those that are away do not come back; all that is on its way arrives, and every offer is answered.
    bench.pass(Duration::from_secs(31));
    loop {
        while bench.work(die.random_range(0..4)) {}
        listen(&mut bench, &mut pages, &mut said);
        let open: Vec<(ConnectionId, Value)> = pages
            .iter_mut()
            .filter_map(|(connection, page)| Some((*connection, page.offer.take()?)))
            .collect();
        if open.is_empty() {
            break;
        }
        for (connection, version) in open {
            bench.say(connection, json!({"id": "answer", "version": version, "sdpAnswer": ""}));
        }
    }
    bench.assert_settled();
    let connections: Vec<ConnectionId> = pages.keys().copied().collect();
    for connection in connections {
        bench.disconnect(connection, Departure::GoneAway);
    }
    bench.pass(Duration::from_secs(100));
    bench.assert_nothing_left();
    said
}

/// Pages note what they hear.
fn listen(bench: &mut Bench, pages: &mut BTreeMap<ConnectionId, Page>, said: &mut BTreeMap<String, usize>) {
    for (connection, _) in bench.world.closed.drain(..) {
        pages.remove(&connection);
    }
    for (connection, page) in pages {
        for message in bench.heard(*connection) {
            let id = message["id"].as_str().expect("a name").to_owned();
            match id.as_str() {
                "joined" => {
                    page.resume_token = Some(message["resumeToken"].clone());
                    page.participant = message["participant"].as_str().map(str::to_owned);
                    page.room = message["room"].as_str().map(str::to_owned);
                    if let Some(token) = message.get("moderatorToken") {
                        page.moderator_token = Some(token.clone());
                    }
                }
                "offer" => page.offer = Some(message["version"].clone()),
                "published" => {
                    let tracks = message["tracks"].as_array().expect("a list").iter();
                    page.tracks =
                        tracks.map(|line| line["track"].as_str().expect("a text").to_owned()).collect();
                }
                "error" if message["request"] == ANSWER => {
                    page.offer = page.refused.take().or(page.offer.take())
                }
                "left" | "removed" | "roomEnded" => *page = Page::default(),
                _ => {}
            }
            *said.entry(id).or_default() += 1;
        }
    }
}

fn step(
    bench: &mut Bench,
    pages: &mut BTreeMap<ConnectionId, Page>,
    lost: &mut Vec<Page>,
    die: &mut SmallRng,
) {
    if pages.len() < NAMES.len() {
        pages.insert(bench.connect(), Page::default());
    }
    let place = die.random_range(0..pages.len());
    let (who, page) = pages.iter_mut().nth(place).map(|(who, page)| (*who, page)).expect("within");
    let room = ROOMS[die.random_range(0..ROOMS.len())];
    let name = NAMES[die.random_range(0..NAMES.len())];
    let any_participant = format!("p{}", die.random_range(1..200));
    let own_track = page.tracks.first().cloned().unwrap_or_else(|| "t1".to_owned());
    match die.random_range(0..34) {
        0..=2 => {
            bench.say(who, json!({"id": "join", "room": room, "name": name, "token": page.moderator_token}))
        }
        3 => bench.say(who, json!({"id": "joinRoom", "room": room, "name": name})),
        4..=6 => {
            let sources = ["microphone", "camera", "screen", "screenAudio"];
            let mut tracks = Vec::new();
            for source in sources {
                if die.random() {
                    tracks.push(json!({"mid": source, "source": source, "muted": die.random::<bool>()}));
                }
            }
            let offer = if die.random_range(0..10) == 0 { "bad" } else { "v=0" };
            bench.say(who, json!({"id": "publish", "sdpOffer": offer, "tracks": tracks}));
        }
        7..=9 => {
            if let Some(version) = page.offer.take() {
                let answer = if die.random_range(0..8) == 0 { "bad" } else { "v=0" };
                bench.say(
                    who,
                    json!({"id": "answer", "request": ANSWER, "version": version, "sdpAnswer": answer}),
                );
                page.refused = (answer == "bad").then_some(version);
            }
        }
        10 => {
            let tracks: Vec<Value> = (0..die.random_range(0..8))
                .map(|_| json!({"track": format!("t{}", die.random_range(1..400)), "width": 320, "height": die.random_range(0..9000), "priority": die.random_range(0..40)}))
                .collect();
            bench.say(who, json!({"id": "view", "tracks": tracks, "lastN": die.random_range(0..4)}));
        }
        11 => bench.say(who, json!({"id": "mute", "track": own_track, "muted": die.random::<bool>()})),
        12 => bench.say(who, json!({"id": "chat", "text": "hello"})),
        13 => bench.say(who, json!({"id": "history", "before": 1_000_000, "count": 3})),
        14 => bench.say(who, json!({"id": if die.random() { "restartIce" } else { "openData" }})),
        15 => bench.say(who, candidate(if die.random() { Leg::Publish } else { Leg::Subscribe })),
        16 => {
            // Mostly somebody who may.
            let own = page.participant.clone().unwrap_or_else(|| any_participant.clone());
            let may = pages.iter().find(|(_, page)| page.moderator_token.is_some()).map(|(may, _)| *may);
            let who = may.filter(|_| die.random_range(0..4) > 0).unwrap_or(who);
            let message = match die.random_range(0..14) {
                0..=2 => json!({"id": "moderate", "action": "remove", "participant": own, "reason": "noise"}),
                3 => json!({"id": "moderate", "action": "remove", "participant": any_participant}),
                4 | 5 => json!({"id": "moderate", "action": "promote", "participant": own}),
                6 | 7 => json!({"id": "moderate", "action": "muteAll"}),
                8 => json!({"id": "moderate", "action": "lock", "locked": true}),
                9 | 10 => json!({"id": "moderate", "action": "lock", "locked": false}),
                11 | 12 => json!({"id": "moderate", "action": "mute", "track": own_track}),
                _ => json!({"id": "moderate", "action": "end"}),
            };
            bench.say(who, message);
        }
        17 | 18 => bench.say(who, json!({"id": "receiveVideoFrom", "sender": name, "sdpOffer": "v=0"})),
        19 => {
            if let Some(page) = pages.remove(&who) {
                lost.push(page);
                let how = if die.random_range(0..4) == 0 { Departure::GoneAway } else { Departure::Lost };
                bench.disconnect(who, how);
            }
        }
        20 => {
            if let Some(earlier) = lost.pop()
                && let (Some(token), Some(room)) = (earlier.resume_token, earlier.room)
            {
                let fresh = die.random_range(0..3) == 0;
                bench.say(
                    who,
                    json!({"id": "join", "room": room, "name": name, "resumeToken": token, "fresh": fresh}),
                );
            }
        }
        21 => bench.say(who, json!({"id": if die.random() { "leave" } else { "leaveRoom" }})),
        22 => bench.pass(Duration::from_millis(die.random_range(0..20_000))),
        23 => {
            let participant = ParticipantId::parse(&any_participant).expect("valid");
            let track = TrackId::parse(&format!("t{}", die.random_range(1..400))).expect("valid");
            let report = match die.random_range(0..5) {
                0 => MediaReport::Dominant(Some(participant)),
                1 => MediaReport::Loudest(vec![participant]),
                2 => MediaReport::Encodings { track, active: vec!["q".to_owned()] },
                3 => MediaReport::LeftOut { participant, tracks: vec![track] },
                _ => MediaReport::Sample {
                    participant,
                    sample: Sample { loss: die.random(), ..Sample::default() },
                },
            };
            if !bench.world.media.is_empty() {
                bench.media(report);
            }
        }
        24 | 25 => {
            let stream = STREAMS[die.random_range(0..STREAMS.len())];
            let may = pages.iter().find(|(_, page)| page.moderator_token.is_some()).map(|(may, _)| *may);
            bench.say(may.unwrap_or(who), json!({"id": "showStream", "stream": stream}));
        }
        26 => {
            let stream = STREAMS[die.random_range(0..STREAMS.len())];
            let message = match die.random_range(0..3) {
                0 => json!({"id": "endBroadcast"}),
                _ => json!({"id": "broadcast", "stream": stream}),
            };
            bench.say(who, message);
        }
        27 => {
            let open = bench.world.media.values().next_back().map(|media| media.bridges.keys().copied());
            let bridges: Vec<_> = open.into_iter().flatten().collect();
            if !bridges.is_empty() {
                bench.media(MediaReport::BridgeEnded { bridge: bridges[die.random_range(0..bridges.len())] });
            }
        }
        _ => {
            bench.work(die.random_range(0..4));
        }
    }
}
