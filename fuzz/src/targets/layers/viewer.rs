//! One viewer's stream of layered video, and what it may contain. The model remembers everything and knows what
//! each frame needs; it knows nothing of layers' choice, of rings, queues or estimates.

use super::camera::{Camera, Frame, FrameId, numbers, unnumbered};
use keel_media::codec::Codec;
use keel_media::rtp::{ExtSeq, RtpTime, SeqNo};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// After this long without a recognisable keyframe a viewer gets what there is; so long a viewer keeps the picture
/// of a track that it has left.
const PATIENCE: Duration = Duration::from_secs(3);
/// What was planned may wait this long for its turn where the path is nearly full.
const WAITS_MAX: Duration = Duration::from_millis(1_100);

/// What of each encoding a forwarder took, by packet and by frame: when, counted over all.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) packets: BTreeMap<(usize, usize), BTreeMap<u64, u64>>,
    /// The first packet of each.
    pub(super) frames: BTreeMap<FrameId, u64>,
    pub(super) count: u64,
}

/// One stream.
#[derive(Debug)]
pub(super) struct Viewer {
    pub(super) wanted: Option<usize>,
    /// The camera before it, whose picture may go on for a while.
    before: Option<usize>,
    changed: Instant,
    /// Counts its connections.
    connections: u32,
    pub(super) paused: bool,
    /// The most temporal layers that its owner wants.
    pub(super) temporal: u8,
    /// Its subscriber has told that it gets something.
    pub(super) reported: bool,
    /// It goes on without a keyframe, for want of one.
    blind: bool,
    frames: BTreeSet<FrameId>,
    newest_frame: Option<FrameId>,
    newest_departure: Option<Instant>,
    /// By outgoing number.
    sent: BTreeMap<u64, Sent>,
    asked: BTreeSet<u16>,
    pub(super) repairs: usize,
}

/// What left under one number.
#[derive(Clone, Debug)]
struct Sent {
    /// `None` for an empty packet that fills the number.
    frame: Option<(FrameId, u8)>,
    /// Of which connection.
    connection: u32,
    index: u64,
    timestamp: RtpTime,
    payload: Vec<u8>,
    numbers: Option<(u16, u8)>,
    frame_number: Option<u16>,
}

/// A packet on its way to the viewer.
pub(super) struct Departed<'a> {
    pub(super) out: ExtSeq,
    pub(super) timestamp: RtpTime,
    pub(super) payload: &'a [u8],
    /// Of AV1.
    pub(super) frame_number: Option<u16>,
    /// Whose it is, and its number there.
    pub(super) origin: Option<(FrameId, u8, u64)>,
    pub(super) now: Instant,
}

impl Viewer {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            wanted: None,
            before: None,
            changed: now,
            connections: 0,
            paused: false,
            temporal: u8::MAX,
            reported: false,
            blind: false,
            frames: BTreeSet::new(),
            newest_frame: None,
            newest_departure: None,
            sent: BTreeMap::new(),
            asked: BTreeSet::new(),
            repairs: 0,
        }
    }

    /// It is to have this camera from now on, or none.
    pub(super) fn want(&mut self, camera: Option<usize>, now: Instant) {
        self.before = self.wanted;
        self.connections += 1;
        (self.wanted, self.changed) = (camera, now);
        if camera.is_none() {
            self.forget();
        }
    }

    pub(super) fn pause(&mut self, paused: bool, now: Instant) {
        self.paused = paused;
        (self.before, self.changed) = (None, now);
        self.forget();
    }

    /// Its transport has come up: what left before was lost, unless it has told otherwise.
    pub(super) fn begin(&mut self, now: Instant) {
        if !self.reported {
            self.changed = now;
            self.forget();
        }
    }

    /// What it had is of no use for what comes.
    fn forget(&mut self) {
        self.frames.clear();
    }

    pub(super) fn ask(&mut self, lost: &[SeqNo]) {
        self.asked.extend(lost.iter().map(|number| number.wire()));
    }

    /// How many packets of the stream it got.
    #[cfg(test)]
    pub(super) fn received(&self) -> usize {
        self.sent.len()
    }

    pub(super) fn newest_sent(&self) -> SeqNo {
        self.sent.last_key_value().map_or(SeqNo::new(0), |(out, _)| ExtSeq::new(*out).seq())
    }

    pub(super) const fn newest_frame(&self) -> Option<FrameId> {
        self.newest_frame
    }

    /// A packet of the stream itself left.
    pub(super) fn departed(&mut self, cameras: &[Camera], taken: &Taken, packet: &Departed<'_>, paced: bool) {
        let out = packet.out.value();
        let now = packet.now;
        assert!(!self.paused, "a packet for one that is paused");
        assert!(self.wanted.is_some(), "a packet for one that is not subscribed");
        let mut sent = Sent {
            frame: None,
            connection: self.connections,
            index: 0,
            timestamp: packet.timestamp,
            payload: packet.payload.to_vec(),
            numbers: None,
            frame_number: packet.frame_number,
        };
        if let Some((frame, place, index)) = packet.origin {
            let camera = &cameras[frame.camera];
            let made = &camera.encodings[frame.encoding].frames[&frame.number];
            self.check_camera(frame, now, paced);
            self.check_needs((frame, index), made, taken, now);
            let is_new = self.newest_frame.is_none_or(|newest| {
                (newest.camera, newest.encoding) != (frame.camera, frame.encoding)
                    || camera.encodings[frame.encoding].frames[&newest.number].picture < made.picture
            });
            if is_new && !paced && self.sent.last_key_value().is_none_or(|(newest, _)| *newest < out) {
                assert!(made.temporal <= self.temporal, "{frame:?} is above the target");
            }
            if is_new || self.newest_frame.is_some_and(|newest| newest.number < frame.number) {
                self.newest_frame = Some(frame);
            }
            self.frames.insert(frame);
            (sent.frame, sent.index) = (Some((frame, place)), index);
            sent.numbers = numbers(camera.codec, packet.payload);
            self.newest_departure = Some(now);
        } else {
            assert!(packet.payload.is_empty(), "a payload that nobody made");
        }
        assert!(!self.sent.contains_key(&out), "{out} left twice");
        if !self.blind {
            self.check_neighbours(cameras, out, &sent);
        }
        self.sent.insert(out, sent);
    }

    /// A retransmission left: as the packet left that it repeats.
    pub(super) fn repaired(&mut self, codec: Codec, original: SeqNo, packet: &Departed<'_>, probes: bool) {
        assert!(probes || self.asked.contains(&original.wire()), "nobody asked for {original:?}");
        self.repairs += 1;
        let newest = self.sent.last_key_value().map_or(0, |(out, _)| *out);
        let out = original.extend(ExtSeq::new(newest)).value();
        // What had been lost on the publisher's way may first come as a repair.
        let Some(sent) = self.sent.get(&out).filter(|sent| sent.frame.is_some()) else { return };
        assert_eq!(unnumbered(codec, &sent.payload), unnumbered(codec, packet.payload), "another packet");
        assert_eq!((&*sent.payload, sent.timestamp), (packet.payload, packet.timestamp), "as it left");
        assert_eq!(sent.frame_number, packet.frame_number, "as it left");
    }

    fn check_camera(&self, frame: FrameId, now: Instant, paced: bool) {
        if self.wanted == Some(frame.camera) {
            return;
        }
        let patience = if paced { PATIENCE + WAITS_MAX } else { PATIENCE };
        let since = now.duration_since(self.changed);
        // Of one that was left before its first frame, that frame may have been planned already.
        let was_planned = paced && self.before == Some(frame.camera) && since <= WAITS_MAX;
        let lingers = was_planned || self.newest_frame.is_some_and(|newest| newest.camera == frame.camera);
        let is_recent = since <= patience;
        assert!(
            lingers && is_recent && self.before.is_some(),
            "{frame:?} is of another than {:?}",
            self.wanted
        );
    }

    /// Every frame that it is predicted from has left, as far as it came.
    fn check_needs(&mut self, (frame, index): (FrameId, u64), made: &Frame, taken: &Taken, now: Instant) {
        // All packets of one frame have one fate.
        if self.frames.contains(&frame) {
            return;
        }
        if made.key {
            self.blind = false;
        }
        // What came after it was not there to be sent before it; what went along with a relay, always.
        let came = came(taken, frame, index);
        let lacks = |needed: &&FrameId| {
            taken.frames.get(needed).is_some_and(|first| *first < came) && !self.frames.contains(needed)
        };
        let lacking = made.needs.iter().find(lacks);
        let silent = self.newest_departure.is_none_or(|newest| now.duration_since(newest) >= PATIENCE);
        let changes = self.newest_frame.is_none_or(|newest| newest.camera != frame.camera);
        let waited = now.duration_since(self.changed) >= PATIENCE;
        self.blind |= !made.key && waited && (silent || changes);
        assert!(self.blind || lacking.is_none(), "{frame:?} left without {lacking:?}");
    }

    fn check_neighbours(&self, cameras: &[Camera], out: u64, sent: &Sent) {
        let before = self.sent.range(..out).next_back();
        let after = self.sent.range(out + 1..).next();
        if let Some((before_out, before)) = before {
            Self::check_pair(cameras, (*before_out, before), (out, sent));
        }
        if let Some((after_out, after)) = after {
            Self::check_pair(cameras, (out, sent), (*after_out, after));
        }
    }

    /// Two packets that follow one another, as far as it is known at present.
    fn check_pair(cameras: &[Camera], (out, sent): (u64, &Sent), (next_out, next): (u64, &Sent)) {
        let (Some((frame, place)), Some((next_frame, next_place))) = (sent.frame, next.frame) else { return };
        let made = |frame: FrameId| &cameras[frame.camera].encodings[frame.encoding].frames[&frame.number];
        let (made, next_made) = (made(frame), made(next_frame));
        let of_one = (frame.camera, frame.encoding) == (next_frame.camera, next_frame.encoding);
        let one_picture = of_one && made.picture == next_made.picture;
        let goes_on = (frame.number, place) < (next_frame.number, next_place);
        let is_same = sent.timestamp == next.timestamp;
        assert!(
            is_same || next.timestamp.is_after(sent.timestamp),
            "{frame:?} then {next_frame:?} goes back"
        );
        assert!(!is_same || one_picture, "{frame:?} and {next_frame:?} have one time");
        assert!(is_same || !(one_picture && goes_on), "{frame:?} has two times");
        if next_out != out + 1 {
            return;
        }
        if one_picture && goes_on {
            assert_eq!(sent.numbers, next.numbers, "{frame:?} in one picture");
            return;
        }
        // The pictures between a still one and the next keyframe are counted.
        if of_one && next_made.key {
            return;
        }
        let codec = cameras[frame.camera].codec;
        let one_codec = codec == cameras[next_frame.camera].codec;
        if let (Some((picture, base)), Some((next_picture, next_base)), true) =
            (sent.numbers, next.numbers, one_codec)
        {
            let (step, base_step) =
                (next_picture.wrapping_sub(picture) & 0x7fff, next_base.wrapping_sub(base));
            let expected = match codec {
                Codec::Vp9 if of_one => (next_made.picture.wrapping_sub(made.picture)) as u16 & 0x7fff,
                _ => 1,
            };
            assert_eq!(step, expected, "the picture ids of {frame:?} and {next_frame:?}");
            if codec == Codec::Vp8 {
                assert_eq!(base_step, u8::from(next_made.temporal == 0), "{frame:?} and {next_frame:?}");
            }
        }
        if let (Some(number), Some(next_number)) = (sent.frame_number, next.frame_number)
            && of_one
        {
            let step = next_frame.number.wrapping_sub(frame.number) as u16;
            assert_eq!(next_number.wrapping_sub(number), step, "the numbers of {frame:?} and {next_frame:?}");
        }
    }

    /// At the end: its numbers have holes only for what was lost on the publisher's way, or dropped for it.
    pub(super) fn finish(&self, cameras: &[Camera], taken: &Taken, dropped: u64) {
        let numbered: Vec<_> = self.sent.iter().collect();
        for pair in numbered.windows(2) {
            let [(out, sent), (next_out, next)] = pair else { continue };
            let hole = *next_out - *out - 1;
            let lost = match (sent.frame, next.frame) {
                (Some((frame, _)), Some((next_frame, _)))
                    if (frame.camera, frame.encoding) == (next_frame.camera, next_frame.encoding)
                        && sent.connection == next.connection
                        && sent.index < next.index =>
                {
                    lost_between(
                        taken,
                        frame,
                        (sent.index + 1, next.index),
                        came(taken, next_frame, next.index),
                    )
                }
                // What came after the viewer left it was of no use.
                (Some((frame, _)), Some((next_frame, _))) => {
                    let newest = cameras[frame.camera].encodings[frame.encoding].newest();
                    let until = came(taken, next_frame, next.index);
                    lost_between(taken, frame, (sent.index + 1, newest + 1), until)
                }
                _ => hole,
            };
            assert!(hole <= lost + dropped || self.blind, "{hole} numbers are missing after {out}: {sent:?}");
        }
    }
}

/// How many of these packets never came, or only after `until`.
fn lost_between(taken: &Taken, frame: FrameId, (from, to): (u64, u64), until: u64) -> u64 {
    let came = taken.packets.get(&(frame.camera, frame.encoding));
    let in_time = |index: &u64| came.and_then(|came| came.get(index)).is_some_and(|at| *at < until);
    (from..to).filter(|index| !in_time(index)).count() as u64
}

/// When a packet came; zero for one that went along with a relay.
fn came(taken: &Taken, frame: FrameId, index: u64) -> u64 {
    let of_source = taken.packets.get(&(frame.camera, frame.encoding));
    of_source.and_then(|came| came.get(&index)).copied().unwrap_or_default()
}
