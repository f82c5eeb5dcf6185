//! The packets of a load: what a browser's look like to a server, with a stamp that tells when they left.

use crate::peer::{AUDIO_PAYLOAD_TYPE, VIDEO_PAYLOAD_TYPE};
use keel_media::rtp::{ExtSeq, RtpHeader, Ssrc};
use std::time::Duration;

/// Bytes of the RTP header: no extensions.
pub(crate) const HEADER_LENGTH: usize = RtpHeader::FIXED_LENGTH;

/// Where the stamp begins in a payload: behind what a VP8 keyframe begins with.
const STAMP_START: usize = 16;
const STAMP_END: usize = STAMP_START + 16;
/// Marks a payload that carries a stamp, against a server that sends something else.
const MAGIC: [u8; 8] = *b"keelload";

/// The least payload: one with a stamp.
pub const PAYLOAD_MIN: usize = STAMP_END;
/// The most, so that a sealed packet fits the networks of the internet.
pub const PAYLOAD_MAX: usize = 1400;

/// What a packet is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// A packet of a video frame.
    Video {
        /// It begins the frame.
        first: bool,
        /// It ends the frame.
        last: bool,
        /// The frame is a keyframe.
        keyframe: bool,
        /// The frame's picture number.
        picture: u16,
    },
    /// A packet of audio.
    Audio,
}

/// A packet to write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Packet {
    pub(crate) part: Part,
    pub(crate) index: ExtSeq,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: Ssrc,
    /// Payload bytes, at least [`PAYLOAD_MIN`].
    pub(crate) payload: usize,
    /// When it leaves, since 1970.
    pub(crate) sent: Duration,
}

impl Packet {
    /// Writes the packet to the start of `out` and returns its length.
    pub(crate) fn write(&self, out: &mut [u8]) -> usize {
        let (payload_type, marker) = match self.part {
            Part::Video { last, .. } => (VIDEO_PAYLOAD_TYPE, last),
            Part::Audio => (AUDIO_PAYLOAD_TYPE, false),
        };
        out[..2].copy_from_slice(&[0x80, payload_type | if marker { 0x80 } else { 0 }]);
        out[2..4].copy_from_slice(&self.index.seq().wire().to_be_bytes());
        out[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        out[8..12].copy_from_slice(&self.ssrc.wire().to_be_bytes());
        let payload = &mut out[HEADER_LENGTH..HEADER_LENGTH + self.payload];
        payload.fill(0x5a);
        self.write_codec(payload);
        payload[STAMP_START..STAMP_START + 8].copy_from_slice(&MAGIC);
        let nanoseconds = u64::try_from(self.sent.as_nanos()).unwrap_or(u64::MAX);
        payload[STAMP_START + 8..STAMP_END].copy_from_slice(&nanoseconds.to_be_bytes());
        HEADER_LENGTH + self.payload
    }

    /// What the codec's payload begins with.
    fn write_codec(&self, payload: &mut [u8]) {
        let Part::Video { first, keyframe, picture, .. } = self.part else {
            // RFC 6716 §3.1: one frame of 20 ms, wideband hybrid.
            payload[0] = 0x78;
            return;
        };
        // RFC 7741 §4.2: extended, start of partition 0; the extension has a 15-bit picture id.
        payload[0] = if first { 0x90 } else { 0x80 };
        payload[1] = 0x80;
        payload[2..4].copy_from_slice(&(0x8000 | picture).to_be_bytes());
        if first {
            // RFC 6386 §9.1: the lowest bit is 0 for a keyframe, which tells its size.
            payload[4..7].copy_from_slice(&[if keyframe { 0x10 } else { 0x11 }, 0, 0]);
            if keyframe {
                payload[7..10].copy_from_slice(&[0x9d, 0x01, 0x2a]);
                payload[10..14].copy_from_slice(&[0x80, 0x02, 0xe0, 0x01]);
            }
        }
    }
}

/// When a payload left its publisher, since 1970; `None` when it is none of ours.
pub(crate) fn sent(payload: &[u8]) -> Option<Duration> {
    let (magic, nanoseconds) = payload.get(STAMP_START..STAMP_END)?.split_at(MAGIC.len());
    let nanoseconds: [u8; 8] = nanoseconds.try_into().ok()?;
    (magic == MAGIC).then(|| Duration::from_nanos(u64::from_be_bytes(nanoseconds)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use keel_media::codec::Codec;

    fn packet(part: Part) -> Packet {
        let sent = Duration::new(1_700_000_000, 7);
        Packet { part, index: ExtSeq::new(65_537), timestamp: 9, ssrc: Ssrc::new(3), payload: 100, sent }
    }

    #[test]
    fn a_packet_parses_as_rtp_and_tells_when_it_was_sent() {
        let mut out = [0; 200];
        let part = Part::Video { first: true, last: true, keyframe: true, picture: 5 };
        let length = packet(part).write(&mut out);
        let header = RtpHeader::parse(&out[..length]).expect("an RTP packet");
        assert_eq!((header.payload_type.wire(), header.marker), (VIDEO_PAYLOAD_TYPE, true));
        assert_eq!((header.seq.wire(), header.timestamp.wire(), header.ssrc.wire()), (1, 9, 3));
        assert_eq!(sent(&out[HEADER_LENGTH..length]), Some(Duration::new(1_700_000_000, 7)));
        assert_eq!(sent(&[0; 100]), None);
        assert_eq!(sent(&out[HEADER_LENGTH..HEADER_LENGTH + STAMP_END - 1]), None);
    }

    #[test]
    fn keel_sees_a_keyframe_only_where_one_begins() {
        let mut out = [0; 200];
        for (first, keyframe, expected) in [(true, true, true), (false, true, false), (true, false, false)] {
            let part = Part::Video { first, last: false, keyframe, picture: 0x7fff };
            let length = packet(part).write(&mut out);
            assert_eq!(Codec::Vp8.begins_keyframe(&out[HEADER_LENGTH..length]), expected);
        }
    }
}
