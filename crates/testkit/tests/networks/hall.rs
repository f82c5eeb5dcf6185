//! Twenty in a room, four of them with cameras and microphones, on paths as people have them: what each group of
//! them notices.

use crate::conference::{Attendee, Conference};
use keel_media::rtp::Bitrate;
use keel_testkit::net::{LinkConfig, Loss, QueueLimit};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// From the least; in the table they are called 0, 1 and 2.
const ENCODINGS: [Bitrate; 3] = [Bitrate::bps(100_000), Bitrate::bps(300_000), Bitrate::bps(900_000)];
const BEST: u8 = 2;
const SPEAKERS: usize = 4;
const SECONDS: u64 = 20;
/// When the late ones come.
const LATE: u64 = 10;
/// What is on the screen at the end.
const AT_THE_END: Duration = Duration::from_secs(2);

/// Some who have the same path.
struct Group {
    name: &'static str,
    link: LinkConfig,
    count: usize,
    path: Path,
    is_late: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Path {
    /// Carries everything.
    Good,
    /// Carries everything and loses some of it.
    Lossy,
    /// Carries all voices and small pictures.
    Narrow,
    /// Carries all voices, and not one picture of each.
    Scant,
}

fn link(rate: u64) -> LinkConfig {
    LinkConfig {
        delay: Duration::from_millis(25),
        jitter: Duration::from_millis(2),
        rate: Some(rate),
        queue: QueueLimit::Time(Duration::from_millis(750)),
        ..LinkConfig::default()
    }
}

/// In the order in which they come: those who send first.
fn groups() -> [Group; 6] {
    let lossy = LinkConfig { loss: Loss::Random(0.03), ..link(8_000_000) };
    let group = |name, link, count, path| Group { name, link, count, path, is_late: false };
    [
        group("four who send, 8 Mbit/s", link(8_000_000), SPEAKERS, Path::Good),
        group("seven with 8 Mbit/s", link(8_000_000), 7, Path::Good),
        group("three with 3 % loss", lossy, 3, Path::Lossy),
        group("three with 800 kbit/s", link(800_000), 3, Path::Narrow),
        group("one with 350 kbit/s", link(350_000), 1, Path::Scant),
        Group { is_late: true, ..group("two who come after 10 s, 8 Mbit/s", link(8_000_000), 2, Path::Good) },
    ]
}

fn evening(seed: u64) -> Conference {
    let mut room = Conference::new(seed, SPEAKERS, &ENCODINGS);
    let mut seeds = seed + 1..;
    for group in groups() {
        if group.is_late {
            room.run(Duration::from_secs(LATE));
        }
        for seed in seeds.by_ref().take(group.count) {
            room.join(seed, &group.link);
        }
    }
    room.run(Duration::from_secs(SECONDS - LATE));
    room
}

/// The table, and assertions for each row.
pub(crate) fn table(seed: u64) -> String {
    let mut text = String::from(
        "\n| who | pictures at the end | least frames of a picture | longest still | voices lost | longest under way |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    let room = evening(seed);
    let mut seats = room.seats.iter();
    for group in groups() {
        let alike: Vec<Notes> = seats.by_ref().take(group.count).map(|seat| Notes::of(&room, seat)).collect();
        let all = || alike.iter();
        // Of several on equal paths the one with the longest wait for a voice stands for all pictures.
        let worst = all().max_by_key(|notes| notes.voice_delay).expect("a group has somebody");
        let shown: Vec<String> = worst
            .at_the_end
            .iter()
            .map(|shown| shown.map_or("-".to_owned(), |shown| shown.to_string()))
            .collect();
        let row = format!(
            "| {} | {} | {} of {} | {} ms | {} | {} ms |",
            group.name,
            shown.join(" "),
            all().map(|notes| notes.frames_min).min().unwrap_or(0),
            worst.frames_possible,
            all().map(|notes| notes.still_max.as_millis()).max().unwrap_or(0),
            all().map(|notes| notes.voices_lost).max().unwrap_or(0),
            all().map(|notes| notes.voice_delay.as_millis()).max().unwrap_or(0),
        );
        for notes in &alike {
            notes.check(group.path, &row);
        }
        writeln!(text, "{row}").expect("a text grows");
    }
    text
}

/// What one of them noticed.
struct Notes {
    /// The encoding of each picture; `None` for one that stands still.
    at_the_end: Vec<Option<u8>>,
    frames_min: usize,
    frames_possible: u64,
    still_max: Duration,
    unrepaired: u32,
    keyframe_requests: u32,
    voices: usize,
    voices_heard: u32,
    voices_lost: u32,
    voice_delay: Duration,
}

impl Notes {
    fn of(room: &Conference, seat: &Attendee) -> Self {
        let end = room.now();
        let seen = || seat.pictures.iter().map(|(_, watcher)| &watcher.seen);
        let last = |shown: &Vec<(Instant, u8)>| {
            shown.last().filter(|(at, _)| *at >= end - AT_THE_END).map(|(_, encoding)| *encoding)
        };
        Self {
            at_the_end: seen().map(|seen| last(&seen.shown)).collect(),
            frames_min: seen().map(|seen| seen.shown.len()).min().unwrap_or(0),
            frames_possible: 30 * (end - seat.joined).as_secs(),
            still_max: seen().map(|seen| seen.longest_still(seat.joined, end)).max().unwrap_or_default(),
            unrepaired: seen().map(|seen| seen.unrepaired).sum(),
            keyframe_requests: seen().map(|seen| seen.keyframe_requests).sum(),
            voices: seat.voices.len(),
            voices_heard: seat.voices.iter().map(|(_, ear)| ear.heard).min().unwrap_or(0),
            voices_lost: seat.voices.iter().map(|(_, ear)| ear.lost()).sum(),
            voice_delay: seat.voices.iter().map(|(_, ear)| ear.delay_max).max().unwrap_or_default(),
        }
    }

    fn check(&self, path: Path, row: &str) {
        let seconds = self.frames_possible / 30;
        let spoken = 50 * seconds as u32;
        assert!(self.voices_heard + self.voices_lost >= spoken - 50, "voices go on to the end: {row}");
        let lost_max = if path == Path::Lossy { spoken * self.voices as u32 / 20 } else { 0 };
        assert!(self.voices_lost <= lost_max, "only what the path itself loses of a voice is lost: {row}");
        // What is left out when a picture is paused is not repaired either.
        assert!(self.unrepaired == 0 || path == Path::Scant, "what is lost of a picture is repaired: {row}");
        let bound = Duration::from_millis(if matches!(path, Path::Good | Path::Lossy) { 150 } else { 600 });
        assert!(self.voice_delay < bound, "a voice waits for no picture: {row}");
        match path {
            Path::Good | Path::Lossy => {
                assert!(
                    self.at_the_end.iter().all(|shown| *shown == Some(BEST)),
                    "all come in the best: {row}"
                );
                assert!(self.frames_min as u64 >= self.frames_possible - 30, "nobody misses a second: {row}");
                let still = Duration::from_millis(if path == Path::Good { 250 } else { 500 });
                assert!(self.still_max < still, "no picture stands still: {row}");
                assert_eq!(self.keyframe_requests, 0, "{row}");
            }
            Path::Narrow => {
                assert!(self.at_the_end.iter().all(Option::is_some), "all come: {row}");
                assert!(
                    self.at_the_end.iter().any(|shown| *shown < Some(BEST)),
                    "as small as they must: {row}"
                );
            }
            Path::Scant => {
                assert!(self.at_the_end.iter().any(Option::is_none), "one at least is left out: {row}");
            }
        }
    }
}
