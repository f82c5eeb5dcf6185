//! Counts what arrives of synthetic media: which frames are whole, which are missing.

use crate::source::Mark;
use std::collections::BTreeMap;

/// Frames that may be incomplete at the same time; beyond it the oldest is given up.
const OPEN_FRAMES_MAX: usize = 1_024;
/// Numbers that a log remembers, more than nine hours of video; later ones are counted as corrupted.
const NUMBERS_MAX: u32 = 1 << 20;

/// The frames of one video stream as its receiver sees them.
#[derive(Clone, Debug, Default)]
pub struct FrameLog {
    /// RTP packets with a readable mark, copies included.
    pub packets: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Payloads that were changed on the way or that no source made.
    pub corrupted: u64,
    /// Frame number and RTP timestamp of the first packet.
    pub first_timestamp: Option<(u32, u32)>,
    complete: NumberSet,
    keyframes: NumberSet,
    open: BTreeMap<u32, OpenFrame>,
}

#[derive(Clone, Debug)]
struct OpenFrame {
    count: u16,
    arrived: Vec<u16>,
}

impl FrameLog {
    /// Takes one RTP payload.
    pub fn handle_payload(&mut self, timestamp: u32, payload: &[u8]) {
        let Some(Mark::Video { number, index, count, keyframe }) = Mark::read(payload) else {
            self.corrupted += 1;
            return;
        };
        if number >= NUMBERS_MAX || index >= count {
            self.corrupted += 1;
            return;
        }
        self.packets += 1;
        self.bytes += payload.len() as u64;
        self.first_timestamp.get_or_insert((number, timestamp));
        if self.complete.contains(number) {
            return;
        }
        let frame = self.open.entry(number).or_insert(OpenFrame { count, arrived: Vec::new() });
        if !frame.arrived.contains(&index) {
            frame.arrived.push(index);
        }
        if frame.arrived.len() == usize::from(frame.count) {
            self.open.remove(&number);
            self.complete.insert(number);
            if keyframe {
                self.keyframes.insert(number);
            }
        } else if self.open.len() > OPEN_FRAMES_MAX {
            self.open.pop_first();
        }
    }

    /// Frames of which every packet arrived unchanged.
    #[must_use]
    pub fn complete(&self) -> u32 {
        self.complete.len
    }

    /// Keyframes among [`Self::complete`].
    #[must_use]
    pub fn keyframes(&self) -> u32 {
        self.keyframes.len
    }

    /// Frames between the first and the last complete one that are not complete.
    #[must_use]
    pub fn missing(&self) -> u32 {
        self.complete.span() - self.complete.len
    }

    /// The number of the last complete frame.
    #[must_use]
    pub fn last_complete(&self) -> Option<u32> {
        self.complete.last
    }

    /// Complete frames of a stream that has had no keyframe yet: nothing of it can be shown.
    #[must_use]
    pub fn blind_frames(&self) -> u32 {
        if self.keyframes.len == 0 { self.complete.len } else { 0 }
    }

    /// Frames that a decoder could show: complete, and so are all others since some keyframe.
    #[must_use]
    pub fn decodable(&self) -> u32 {
        let (Some(first), Some(last)) = (self.complete.first, self.complete.last) else { return 0 };
        let mut decodable = 0;
        let mut decoding = false;
        for number in first..=last {
            decoding = self.complete.contains(number) && (decoding || self.keyframes.contains(number));
            decodable += u32::from(decoding);
        }
        decodable
    }
}

/// The packets of one audio stream as its receiver sees them.
#[derive(Clone, Debug, Default)]
pub struct AudioLog {
    /// Bytes of the payloads, copies included.
    pub bytes: u64,
    /// Payloads that were changed on the way or that no source made.
    pub corrupted: u64,
    /// Packet number and RTP timestamp of the first packet.
    pub first_timestamp: Option<(u32, u32)>,
    arrived: NumberSet,
}

impl AudioLog {
    /// Takes one RTP payload.
    pub fn handle_payload(&mut self, timestamp: u32, payload: &[u8]) {
        match Mark::read(payload) {
            Some(Mark::Audio { number }) if number < NUMBERS_MAX => {
                self.bytes += payload.len() as u64;
                self.first_timestamp.get_or_insert((number, timestamp));
                self.arrived.insert(number);
            }
            _ => self.corrupted += 1,
        }
    }

    /// Packets that arrived unchanged, copies not counted.
    #[must_use]
    pub fn packets(&self) -> u32 {
        self.arrived.len
    }

    /// Packets that arrived from whomever: those of a browser carry no numbers of ours.
    #[must_use]
    pub fn heard(&self) -> u64 {
        u64::from(self.arrived.len) + self.corrupted
    }

    /// Packets between the first and the last that did not arrive.
    #[must_use]
    pub fn missing(&self) -> u32 {
        self.arrived.span() - self.arrived.len
    }
}

/// A set of numbers below [`NUMBERS_MAX`].
#[derive(Clone, Debug, Default)]
struct NumberSet {
    words: Vec<u64>,
    len: u32,
    first: Option<u32>,
    last: Option<u32>,
}

impl NumberSet {
    fn insert(&mut self, number: u32) {
        let word = number as usize / 64;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        let bit = 1 << (number % 64);
        if self.words[word] & bit == 0 {
            self.words[word] |= bit;
            self.len += 1;
            self.first = Some(self.first.map_or(number, |first| first.min(number)));
            self.last = Some(self.last.map_or(number, |last| last.max(number)));
        }
    }

    fn contains(&self, number: u32) -> bool {
        self.words.get(number as usize / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// How many numbers lie between the first and the last, both included.
    fn span(&self) -> u32 {
        self.first.zip(self.last).map_or(0, |(first, last)| last - first + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{AudioSource, VideoConfig, VideoFrame, VideoSource};

    fn frames(keyframes: &[bool]) -> Vec<VideoFrame> {
        let mut source = VideoSource::new(VideoConfig::default());
        keyframes.iter().map(|keyframe| source.next_frame(*keyframe)).collect()
    }

    #[test]
    fn a_frame_counts_once_all_its_packets_are_there_in_any_order() {
        let mut log = FrameLog::default();
        for frame in frames(&[true, false]) {
            for payload in frame.payloads.iter().rev().chain(&frame.payloads) {
                log.handle_payload(frame.timestamp, payload);
            }
        }
        assert_eq!((log.complete(), log.missing(), log.keyframes(), log.decodable()), (2, 0, 1, 2));
        assert_eq!(log.first_timestamp, Some((0, 0)));
        assert_eq!(log.packets, 12, "copies are packets too");
    }

    #[test]
    fn a_lost_packet_costs_its_frame_and_what_depends_on_it() {
        let mut log = FrameLog::default();
        for frame in frames(&[true, false, false, true, false]) {
            let kept = if frame.number == 1 { 2 } else { 3 };
            for payload in frame.payloads.iter().take(kept) {
                log.handle_payload(frame.timestamp, payload);
            }
        }
        assert_eq!((log.complete(), log.missing()), (4, 1));
        assert_eq!(log.decodable(), 3, "frame 2 is whole but what it refers to is not");
    }

    #[test]
    fn foreign_and_changed_payloads_are_corrupted_not_counted() {
        let mut frame_log = FrameLog::default();
        let mut audio_log = AudioLog::default();
        let audio = AudioSource::new(0).next_packet();
        frame_log.handle_payload(0, &audio.payload);
        frame_log.handle_payload(0, b"noise");
        audio_log.handle_payload(0, &audio.payload);
        audio_log.handle_payload(0, &audio.payload);
        audio_log.handle_payload(0, &audio.payload[1..]);
        assert_eq!((frame_log.packets, frame_log.corrupted), (0, 2));
        assert_eq!((audio_log.packets(), audio_log.missing(), audio_log.corrupted), (1, 0, 1));
    }
}
