//! What watchers get of a camera in three encodings, with the whole forwarding core between them and it: which
//! encoding, on paths that do not always carry the best, beside others' traffic, and beside watchers on better ones.

use crate::room::{Room, Seat};
use keel_media::rtp::Bitrate;
use keel_testkit::net::{Competing, LinkConfig, QueueLimit};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// From the least; in the tables they are called 0, 1 and 2.
const ENCODINGS: [Bitrate; 3] = [Bitrate::bps(150_000), Bitrate::bps(500_000), Bitrate::bps(1_500_000)];
const BEST: u8 = 2;
const CAPACITY: u64 = 3_000_000;
const FRAMES_PER_SECOND: usize = 30;
/// Issue 4: what a path of the old capacity takes to be used again.
const RECOVERY_MAX: Duration = Duration::from_secs(8);

/// One minute of a room, and what is asked of it.
pub(crate) struct Evening {
    name: &'static str,
    /// A row for each, but one for all that are alike.
    places: Vec<Place>,
    /// Seconds between which less than the best fits, where there is such a time.
    narrow: Option<(u64, u64)>,
    share: Share,
}

/// Whose the path is while it is narrow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Share {
    /// What is left of it stays so.
    Fixed,
    /// Others take what they can get, which may be all: then the picture is paused.
    Contested,
}

struct Place {
    name: &'static str,
    link: LinkConfig,
    count: usize,
    /// The best encoding that its path carries while it is not narrow.
    best: u8,
}

const SECONDS: u64 = 60;

impl Evening {
    fn of_one(name: &'static str, link: LinkConfig, narrow: Option<(u64, u64)>) -> Self {
        Self {
            name,
            places: vec![Place { name: "", link, count: 1, best: BEST }],
            narrow,
            share: Share::Fixed,
        }
    }

    fn run(&self, seed: u64) -> Room {
        let links: Vec<_> =
            self.places.iter().flat_map(|place| vec![place.link.clone(); place.count]).collect();
        let mut room = Room::new(seed, &ENCODINGS, &links);
        room.run(Duration::from_secs(SECONDS));
        room
    }
}

fn link() -> LinkConfig {
    LinkConfig {
        delay: Duration::from_millis(25),
        jitter: Duration::from_millis(2),
        rate: Some(CAPACITY),
        queue: QueueLimit::Time(Duration::from_millis(750)),
        ..LinkConfig::default()
    }
}

/// Capacity that falls to a sixth and comes back.
pub(crate) fn step() -> Evening {
    let at = Duration::from_secs;
    let schedule = vec![(at(20), Some(500_000)), (at(40), Some(CAPACITY))];
    let link = LinkConfig { schedule, ..link() };
    Evening::of_one("3 Mbit/s, 500 kbit/s from 20 s, 3 Mbit/s from 40 s", link, Some((20, 40)))
}

fn evenings() -> Vec<Evening> {
    let (from, until) = (Duration::from_secs(20), Duration::from_secs(40));
    let others = LinkConfig { competing: Competing::Constant { rate: 2_000_000, from, until }, ..link() };
    let download = LinkConfig {
        competing: Competing::Greedy { from, until },
        queue: QueueLimit::Time(Duration::from_millis(200)),
        ..link()
    };
    let slow = LinkConfig { rate: Some(400_000), ..link() };
    let ten = vec![
        Place { name: ": each of the nine", link: link(), count: 9, best: BEST },
        Place { name: ": the one", link: slow, count: 1, best: 0 },
    ];
    vec![
        Evening::of_one("3 Mbit/s", link(), None),
        step(),
        Evening::of_one("2 Mbit/s of others from 20 s to 40 s", others, Some((20, 40))),
        Evening {
            share: Share::Contested,
            ..Evening::of_one("a download from 20 s to 40 s, a queue of 200 ms", download, Some((20, 40)))
        },
        Evening { places: ten, ..Evening::of_one("nine with 3 Mbit/s, one with 400 kbit/s", link(), None) },
    ]
}

/// The table, and assertions for each row.
pub(crate) fn table(seed: u64) -> String {
    let mut text = String::from(
        "\n| network | encodings shown | frames shown | longest still | longest wait | above 250 ms for | best again after |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for evening in evenings() {
        let room = evening.run(seed);
        let mut seats = room.seats.iter();
        for place in &evening.places {
            let alike: Vec<_> = seats.by_ref().take(place.count).collect();
            let rows: Vec<_> = alike.iter().map(|seat| evening.row(&room, place, seat)).collect();
            for (row, seat) in rows.iter().zip(&alike) {
                evening.check(&room, place, seat, row);
            }
            // Of several on equal paths the one with the longest wait stands for all.
            let worst = rows.iter().zip(&alike).max_by_key(|(_, seat)| seat.wait_max);
            let (row, _) = worst.expect("a place has a seat");
            writeln!(text, "{row}").expect("a text grows");
        }
    }
    text
}

impl Evening {
    fn row(&self, room: &Room, place: &Place, seat: &Seat) -> String {
        let seen = &seat.watcher.seen;
        let shown = |(at, encoding): &(Instant, u8)| {
            format!("{encoding} from {:.1} s", (*at - room.start).as_secs_f64())
        };
        let path: Vec<_> = seen.encodings().iter().map(shown).collect();
        let recovered = self.recovery(room, seat);
        let recovered = recovered.map_or(String::new(), |after| format!("{:.1} s", after.as_secs_f64()));
        format!(
            "| {}{} | {} | {} of {} | {} ms | {} ms | {} ms | {recovered} |",
            self.name,
            place.name,
            path.join(", "),
            seen.shown.len(),
            FRAMES_PER_SECOND * SECONDS as usize,
            seen.longest_still(room.at(0), room.at(SECONDS)).as_millis(),
            seat.wait_max.as_millis(),
            seat.long_wait.as_millis(),
        )
    }

    /// How long after the end of the narrow time the best encoding is shown again; zero if it never was not.
    fn recovery(&self, room: &Room, seat: &Seat) -> Option<Duration> {
        let (_, end) = self.narrow?;
        let best = |(at, encoding): &&(Instant, u8)| *at >= room.at(end) && *encoding == BEST;
        seat.watcher.seen.shown.iter().find(best).map(|(at, _)| *at - room.at(end))
    }

    /// No queue above 250 ms for longer than a second, the best within eight seconds, nothing ever missing.
    fn check(&self, room: &Room, place: &Place, seat: &Seat, row: &str) {
        let seen = &seat.watcher.seen;
        assert!(seat.long_wait <= Duration::from_secs(1), "too long a queue: {row}");
        if self.share == Share::Fixed {
            assert_eq!((seen.unrepaired, seen.keyframe_requests), (0, 0), "{row}");
            let all = FRAMES_PER_SECOND * SECONDS as usize;
            assert!(seen.shown.len() >= all - FRAMES_PER_SECOND / 2, "{row}");
            let still = seen.longest_still(room.at(0), room.at(SECONDS));
            assert!(still < Duration::from_millis(250), "{row}");
        }
        let last = seen.shown.last().map(|(_, encoding)| *encoding);
        assert_eq!(last, Some(place.best), "what the path carries: {row}");
        if let Some((begin, end)) = self.narrow {
            // To try what does not fit now and then is how a path that is wide again is noticed.
            let narrow = room.at(begin + 5)..room.at(end);
            let shown: Vec<_> = seen.shown.iter().filter(|(at, _)| narrow.contains(at)).collect();
            let tries = shown.iter().filter(|(_, encoding)| *encoding == BEST).count();
            assert!(
                !shown.is_empty() && 5 * tries < shown.len(),
                "{tries} of {} too good: {row}",
                shown.len()
            );
            let recovery = self.recovery(room, seat);
            assert!(recovery.is_some_and(|after| after <= RECOVERY_MAX), "too slow: {row}");
        }
    }

    /// [`Self::check`] with another seed.
    pub(crate) fn check_with(&self, seed: u64) {
        let room = self.run(seed);
        let mut seats = room.seats.iter();
        for place in &self.places {
            for seat in seats.by_ref().take(place.count) {
                self.check(&room, place, seat, &format!("seed {seed}: {}", self.row(&room, place, seat)));
            }
        }
    }
}
