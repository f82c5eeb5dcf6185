//! Synthetic media: VP8 frames and Opus packets that are valid on the outside and carry their number
//! inside, so that a receiver can tell which frames arrived whole and unchanged ([`crate::sink`]).
//!
//! Everything follows from the seed and the order of calls; nothing reads a clock. The pictures and
//! sounds are noise: a forwarder looks at headers only.

use bytes::{BufMut, Bytes, BytesMut};

/// Ticks per second of video's RTP clock (RFC 7741 §4.1).
pub const VIDEO_CLOCK: u32 = 90_000;
/// Ticks per second of Opus's RTP clock (RFC 7587 §4.1).
pub const AUDIO_CLOCK: u32 = 48_000;
/// Milliseconds in one synthetic Opus packet.
pub const AUDIO_PACKET_MS: u32 = 20;

/// What follows the number in every payload; see [`Mark`].
const CHECKSUM_BYTES: usize = 4;

/// One frame, cut into RTP payloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoFrame {
    /// Counts from 0.
    pub number: u32,
    /// Whether it can be decoded by itself.
    pub keyframe: bool,
    /// Its RTP timestamp.
    pub timestamp: u32,
    /// The payloads in order; the last one's packet carries the marker.
    pub payloads: Vec<Bytes>,
}

/// One Opus packet's worth of sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioPacket {
    /// Counts from 0.
    pub number: u32,
    /// Its RTP timestamp.
    pub timestamp: u32,
    /// The payload.
    pub payload: Bytes,
}

/// Settings of a [`VideoSource`].
#[derive(Clone, Copy, Debug)]
pub struct VideoConfig {
    /// Frames per second; also decides the step of the timestamps.
    pub frame_rate: u32,
    /// RTP packets per frame.
    pub packets_per_frame: u16,
    /// Bytes per RTP payload, at least [`VideoConfig::PAYLOAD_BYTES_MIN`].
    pub payload_bytes: usize,
    /// The first frame's RTP timestamp.
    pub first_timestamp: u32,
}

impl VideoConfig {
    /// The shortest payload that holds the headers and the mark.
    pub const PAYLOAD_BYTES_MIN: usize = 32;
}

impl Default for VideoConfig {
    fn default() -> Self {
        Self { frame_rate: 30, packets_per_frame: 3, payload_bytes: 700, first_timestamp: 0 }
    }
}

/// Makes VP8 frames.
#[derive(Clone, Debug)]
pub struct VideoSource {
    config: VideoConfig,
    next: u32,
}

impl VideoSource {
    /// A source before its first frame.
    #[must_use]
    pub fn new(config: VideoConfig) -> Self {
        Self { config, next: 0 }
    }

    /// The RTP timestamp of frame `number`.
    #[must_use]
    pub fn timestamp(config: &VideoConfig, number: u32) -> u32 {
        let step = VIDEO_CLOCK / config.frame_rate;
        config.first_timestamp.wrapping_add(number.wrapping_mul(step))
    }

    /// The next frame. The first one should be a keyframe: nothing before it can be decoded.
    pub fn next_frame(&mut self, keyframe: bool) -> VideoFrame {
        let number = self.next;
        self.next += 1;
        let count = self.config.packets_per_frame.max(1);
        let payloads = (0..count).map(|index| self.payload(number, keyframe, index, count)).collect();
        VideoFrame { number, keyframe, timestamp: Self::timestamp(&self.config, number), payloads }
    }

    fn payload(&self, number: u32, keyframe: bool, index: u16, count: u16) -> Bytes {
        let length = self.config.payload_bytes.max(VideoConfig::PAYLOAD_BYTES_MIN);
        let mut payload = BytesMut::with_capacity(length);
        let first = index == 0;
        // RFC 7741 §4.2: X and, where a partition starts, S; then I with a 15-bit picture id.
        payload.put_u8(if first { 0x90 } else { 0x80 });
        payload.put_u8(0x80);
        payload.put_u16(0x8000 | (number as u16 & 0x7fff));
        if first {
            put_vp8_header(&mut payload, keyframe, length);
        }
        let mark = Mark::Video { number, index, count, keyframe };
        put_noise(&mut payload, length - mark.length(), u64::from(number) << 16 | u64::from(index));
        mark.put(&mut payload, DESCRIPTOR_BYTES);
        payload.freeze()
    }
}

/// Makes Opus packets of [`AUDIO_PACKET_MS`].
#[derive(Clone, Debug)]
pub struct AudioSource {
    first_timestamp: u32,
    next: u32,
}

impl AudioSource {
    /// A source before its first packet.
    #[must_use]
    pub fn new(first_timestamp: u32) -> Self {
        Self { first_timestamp, next: 0 }
    }

    /// The RTP timestamp of packet `number` of a source that began at `first`.
    #[must_use]
    pub fn timestamp(first: u32, number: u32) -> u32 {
        first.wrapping_add(number.wrapping_mul(AUDIO_CLOCK / 1_000 * AUDIO_PACKET_MS))
    }

    /// The next packet.
    pub fn next_packet(&mut self) -> AudioPacket {
        let number = self.next;
        self.next += 1;
        let mut payload = BytesMut::with_capacity(80);
        // RFC 6716 §3.1: configuration 31 (CELT, full band, 20 ms), mono, one frame.
        payload.put_u8(31 << 3);
        put_noise(&mut payload, 72, u64::from(number));
        Mark::Audio { number }.put(&mut payload, 0);
        AudioPacket {
            number,
            timestamp: Self::timestamp(self.first_timestamp, number),
            payload: payload.freeze(),
        }
    }
}

/// Bytes of the payload descriptor that [`VideoSource`] writes. A forwarder may rewrite it (the picture
/// id), so the checksum does not cover it.
const DESCRIPTOR_BYTES: usize = 4;

/// What a payload says about itself at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A part of a video frame.
    Video {
        /// The frame's number.
        number: u32,
        /// The packet's place in the frame.
        index: u16,
        /// How many packets the frame has.
        count: u16,
        /// Whether the frame is a keyframe.
        keyframe: bool,
    },
    /// An audio packet.
    Audio {
        /// Its number.
        number: u32,
    },
}

impl Mark {
    const VIDEO: u8 = b'v';
    const AUDIO: u8 = b'a';

    /// Reads the mark at the end of `payload`; `None` when there is none or a byte was changed.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let (content, checksum) = payload.split_last_chunk::<CHECKSUM_BYTES>()?;
        let (kind, rest) = content.split_last()?;
        let (mark, skipped) = match *kind {
            Self::VIDEO => {
                let [n0, n1, n2, n3, i0, i1, c0, c1, keyframe] = *rest.last_chunk::<9>()?;
                let mark = Self::Video {
                    number: u32::from_be_bytes([n0, n1, n2, n3]),
                    index: u16::from_be_bytes([i0, i1]),
                    count: u16::from_be_bytes([c0, c1]),
                    keyframe: keyframe != 0,
                };
                (mark, DESCRIPTOR_BYTES)
            }
            Self::AUDIO => (Self::Audio { number: u32::from_be_bytes(*rest.last_chunk::<4>()?) }, 0),
            _ => return None,
        };
        (checksum_of(content.get(skipped..)?) == u32::from_be_bytes(*checksum)).then_some(mark)
    }

    const fn length(self) -> usize {
        match self {
            Self::Video { .. } => 10 + CHECKSUM_BYTES,
            Self::Audio { .. } => 5 + CHECKSUM_BYTES,
        }
    }

    fn put(self, payload: &mut BytesMut, unchecked: usize) {
        match self {
            Self::Video { number, index, count, keyframe } => {
                payload.put_u32(number);
                payload.put_u16(index);
                payload.put_u16(count);
                payload.put_u8(u8::from(keyframe));
                payload.put_u8(Self::VIDEO);
            }
            Self::Audio { number } => {
                payload.put_u32(number);
                payload.put_u8(Self::AUDIO);
            }
        }
        let checksum = checksum_of(payload.get(unchecked..).unwrap_or_default());
        payload.put_u32(checksum);
    }
}

/// The head of a VP8 frame (RFC 6386 §9.1), the part that forwarders and decoders look at.
fn put_vp8_header(payload: &mut BytesMut, keyframe: bool, partition_bytes: usize) {
    let size = partition_bytes as u32 & 0x7_ffff;
    let tag = size << 5 | 0x10 | u32::from(!keyframe);
    payload.put_slice(&tag.to_le_bytes()[..3]);
    if keyframe {
        payload.put_slice(&[0x9d, 0x01, 0x2a]);
        payload.put_u16_le(640);
        payload.put_u16_le(360);
    }
}

/// Fills `payload` up to `length` with bytes that follow from `seed`.
fn put_noise(payload: &mut BytesMut, length: usize, seed: u64) {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    while payload.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        payload.put_u8((state >> 56) as u8);
    }
}

/// FNV-1a, 32 bits.
fn checksum_of(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_in_every_packet_where_it_belongs() {
        let mut source =
            VideoSource::new(VideoConfig { first_timestamp: u32::MAX, ..VideoConfig::default() });
        let key = source.next_frame(true);
        let inter = source.next_frame(false);
        assert_eq!((key.timestamp, inter.timestamp), (u32::MAX, 2_999));
        for (index, payload) in key.payloads.iter().enumerate() {
            let expected = Mark::Video { number: 0, index: index as u16, count: 3, keyframe: true };
            assert_eq!(Mark::read(payload), Some(expected));
            assert_eq!(payload.len(), 700);
        }
        // RFC 7741 §4.2 and RFC 6386 §9.1: S on the first packet, then P = 0 and the start code.
        assert_eq!(key.payloads[0][0], 0x90);
        assert_eq!(key.payloads[0][4] & 1, 0);
        assert_eq!(key.payloads[0][7..10], [0x9d, 0x01, 0x2a]);
        assert_eq!(key.payloads[1][0], 0x80);
        assert_eq!(inter.payloads[0][4] & 1, 1);
    }

    #[test]
    fn a_changed_byte_is_noticed_but_a_rewritten_picture_id_is_not() {
        let payload = VideoSource::new(VideoConfig::default()).next_frame(true).payloads[0].clone();
        for place in 0..payload.len() {
            let mut changed = payload.to_vec();
            changed[place] ^= 0x40;
            let read = Mark::read(&changed);
            assert_eq!(read.is_some(), place < DESCRIPTOR_BYTES, "byte {place}");
        }
    }

    #[test]
    fn audio_counts_up_and_every_truncation_is_refused() {
        let mut source = AudioSource::new(100);
        let first = source.next_packet();
        let second = source.next_packet();
        assert_eq!((first.timestamp, second.timestamp), (100, 1_060));
        assert_eq!(Mark::read(&second.payload), Some(Mark::Audio { number: 1 }));
        for length in 0..second.payload.len() {
            assert_eq!(Mark::read(&second.payload[..length]), None);
        }
    }
}
