//! A picture that browsers can decode: Chromium's own test picture, recorded, over and over.

use crate::recording::Recording;
use anyhow::{Context, Result};
use bytes::Bytes;

/// The frames of a recording, the first of them a keyframe, as VP8 payloads (RFC 7741) that say nothing of
/// picture numbers and layers: so they can begin anew at any time.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    frames: Vec<Vec<Bytes>>,
}

/// RFC 7741 §4.2: the beginning of a VP8 partition.
const BEGINS_PARTITION: u8 = 0x10;

impl Pattern {
    /// Reads the recording.
    ///
    /// # Errors
    /// When its file is missing or is no VP8.
    pub(super) fn load() -> Result<Self> {
        let recording = Recording::load("vp8-temporal")?;
        let mut frames: Vec<Vec<Bytes>> = Vec::new();
        let mut timestamp = None;
        for packet in recording.packets_of(0) {
            let payload = plain(packet.payload()).context("a payload without its descriptor")?;
            if timestamp != Some(packet.header.timestamp) {
                timestamp = Some(packet.header.timestamp);
                frames.push(Vec::new());
            }
            frames.last_mut().context("just pushed")?.push(payload);
        }
        anyhow::ensure!(!frames.is_empty(), "an empty recording");
        Ok(Self { frames })
    }

    /// The payloads of a frame; after the last one comes the first again.
    pub(super) fn frame(&self, number: usize) -> &[Bytes] {
        self.frames.get(number % self.frames.len()).map_or(&[], Vec::as_slice)
    }

    /// Whether it is a keyframe.
    pub(super) fn is_keyframe(&self, number: usize) -> bool {
        number.is_multiple_of(self.frames.len())
    }
}

/// The payload with a descriptor that says only whether it begins the picture (RFC 7741 §4.2).
fn plain(payload: &[u8]) -> Option<Bytes> {
    let (&first, _) = payload.split_first()?;
    let mut length = 1;
    if first & 0x80 != 0 {
        let extension = *payload.get(1)?;
        length += 1;
        if extension & 0x80 != 0 {
            length += if payload.get(length)? & 0x80 != 0 { 2 } else { 1 };
        }
        length += usize::from(extension & 0x40 != 0) + usize::from(extension & 0x30 != 0);
    }
    let mut plain = vec![first & BEGINS_PARTITION];
    plain.extend_from_slice(payload.get(length..)?);
    Some(plain.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_frame_is_a_keyframe_of_vp8() {
        let pattern = Pattern::load().expect("the recording is there");
        assert!(pattern.frames.len() > 30, "more than a second");
        let first = pattern.frame(0).first().expect("a payload");
        // RFC 6386 §9.1: the lowest bit of a frame is clear in a keyframe.
        assert_eq!((first[0], first[1] & 1), (BEGINS_PARTITION, 0));
        assert_eq!(pattern.frame(pattern.frames.len()), pattern.frame(0), "over and over");
    }

    #[test]
    fn descriptors_of_every_length_are_taken_off() {
        for (payload, expected) in [
            (&[0x10, 1, 2][..], &[0x10, 1, 2][..]),
            (&[0x90, 0x80, 0x05, 1, 2], &[0x10, 1, 2]),
            (&[0x90, 0x80, 0x85, 0x01, 1, 2], &[0x10, 1, 2]),
            (&[0x80, 0xf0, 0x85, 0x01, 9, 8, 1, 2], &[0, 1, 2]),
        ] {
            assert_eq!(plain(payload).as_deref(), Some(expected), "{payload:?}");
        }
        assert_eq!((plain(&[]), plain(&[0x90, 0xf0, 0x85])), (None, None));
    }
}
