//! A subscriber's picture: asks for what it misses, and decodes what it can.

use crate::camera::{FRAME, Mark};
use keel_media::rtp::rtcp::Feedback;
use keel_media::rtp::*;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What a subscriber waits for a packet that is overtaken, and then between two requests.
const NACK_AFTER: Duration = Duration::from_millis(10);
const NACK_AGAIN: Duration = Duration::from_millis(70);
/// What is repaired later has no place in a conversation.
const DEADLINE: Duration = Duration::from_millis(500);
/// A picture that stands still so long makes a subscriber ask for a keyframe, and again after as long.
const STUCK: Duration = Duration::from_millis(1_000);

/// What a subscriber had of it all.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// When each was shown, with its encoding.
    pub(crate) shown: Vec<(Instant, u8)>,
    /// Packets that were missed, and of those the ones that had not come by the deadline.
    pub(crate) missed: u32,
    pub(crate) unrepaired: u32,
    pub(crate) keyframe_requests: u32,
}

#[derive(Debug)]
pub(crate) struct Watcher {
    ssrc: Ssrc,
    begun: Instant,
    highest: Option<ExtSeq>,
    missing: BTreeMap<ExtSeq, Missing>,
    /// The stream's first timestamp.
    origin: Option<RtpTime>,
    /// Frames that are not shown yet, by their time on the stream in ticks since `origin`.
    open: BTreeMap<i32, Open>,
    /// The frame shown last, and its time.
    last: Option<(i32, Mark)>,
    asked: Instant,
    pub(crate) seen: Seen,
}

#[derive(Debug)]
struct Missing {
    since: Instant,
    due: Instant,
}

#[derive(Debug)]
struct Open {
    mark: Mark,
    places: Vec<u16>,
}

impl Watcher {
    pub(crate) fn new(ssrc: Ssrc, now: Instant) -> Self {
        Self {
            ssrc,
            begun: now,
            highest: None,
            missing: BTreeMap::new(),
            origin: None,
            open: BTreeMap::new(),
            last: None,
            asked: now,
            seen: Seen::default(),
        }
    }

    /// Takes a packet of its stream or of its retransmissions.
    pub(crate) fn receive(&mut self, header: &RtpHeader, packet: &[u8], now: Instant) {
        let payload = header.payload(packet).unwrap_or_default();
        if header.ssrc == self.ssrc {
            self.note_number(header.seq, now);
            self.take(header.timestamp, payload, now);
        } else if let Some((original, payload)) = payload.split_first_chunk::<2>() {
            let original = SeqNo::new(u16::from_be_bytes(*original));
            if let Some(highest) = self.highest {
                self.missing.remove(&original.extend(highest));
            }
            if !payload.is_empty() {
                self.take(header.timestamp, payload, now);
            }
        }
    }

    /// What it has to say at `now`.
    pub(crate) fn poll(&mut self, now: Instant) -> Vec<Feedback> {
        let mut said = Vec::new();
        let mut lost = Vec::new();
        self.missing.retain(|number, missing| {
            if now >= missing.due {
                lost.push(number.seq());
                missing.due = now + NACK_AGAIN;
            }
            let is_late = now > missing.since + DEADLINE;
            self.seen.unrepaired += u32::from(is_late);
            !is_late
        });
        if !lost.is_empty() {
            said.push(Feedback::Nack { media_ssrc: self.ssrc, lost });
        }
        let shown = self.seen.shown.last().map_or(self.begun, |(at, _)| *at);
        if !self.open.is_empty() && now >= shown.max(self.asked) + STUCK {
            self.asked = now;
            self.seen.keyframe_requests += 1;
            said.push(Feedback::Pli { media_ssrc: self.ssrc });
        }
        said
    }

    fn note_number(&mut self, seq: SeqNo, now: Instant) {
        let number = seq.extend(self.highest.unwrap_or(ExtSeq::new(0x1_0000 + u64::from(seq.wire()))));
        let Some(highest) = self.highest else {
            self.highest = Some(number);
            return;
        };
        for missing in (highest.value() + 1..number.value()).map(ExtSeq::new) {
            self.seen.missed += 1;
            self.missing.insert(missing, Missing { since: now, due: now + NACK_AFTER });
        }
        self.highest = Some(highest.max(number));
        self.missing.remove(&number);
    }

    fn take(&mut self, timestamp: RtpTime, payload: &[u8], now: Instant) {
        if payload.is_empty() {
            return;
        }
        let mark = Mark::read(payload);
        let time = timestamp.wrapping_since(*self.origin.get_or_insert(timestamp)).cast_signed();
        if self.last.is_some_and(|(last, _)| time <= last) {
            return;
        }
        let open = self.open.entry(time).or_insert(Open { mark, places: Vec::new() });
        if !open.places.contains(&mark.place) {
            open.places.push(mark.place);
        }
        while let Some((time, mark)) = self.next_to_show() {
            self.open = self.open.split_off(&(time + 1));
            let before = self.last.replace((time, mark));
            // A picture that is there already in another encoding takes its place.
            if before.is_some_and(|(_, before)| before.frame == mark.frame) {
                self.seen.shown.pop();
            }
            self.seen.shown.push((now, mark.encoding));
        }
    }

    /// The next frame, if it is whole; else a whole keyframe after it.
    fn next_to_show(&self) -> Option<(i32, Mark)> {
        let whole = self.open.iter().filter(|(_, open)| open.places.len() == usize::from(open.mark.count));
        let mut whole = whole.map(|(time, open)| (*time, open.mark));
        let follows = |mark: Mark| {
            self.last.is_some_and(|(_, last)| (mark.frame, mark.encoding) == (last.frame + 1, last.encoding))
        };
        whole.find(|(_, mark)| mark.keyframe || follows(*mark))
    }
}

impl Seen {
    /// The encodings that were shown in turn, each with its first frame's time.
    pub(crate) fn encodings(&self) -> Vec<(Instant, u8)> {
        let mut encodings = self.shown.clone();
        encodings.dedup_by_key(|(_, encoding)| *encoding);
        encodings
    }

    /// The longest time between two frames shown one after the other, from `from` on.
    pub(crate) fn longest_still(&self, from: Instant, until: Instant) -> Duration {
        let shown = self.shown.iter().map(|(at, _)| *at).filter(|at| (from..until).contains(at));
        let mut before = from;
        let mut longest = Duration::ZERO;
        for at in shown.chain([until]) {
            longest = longest.max(at - before);
            before = at;
        }
        longest.saturating_sub(FRAME)
    }
}
