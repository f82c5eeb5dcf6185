//! A publisher of simulcast VP8, in as many encodings as a test wants, each with its own keyframes.

use bytes::{BufMut, Bytes, BytesMut};
use keel_media::codec::{Codec, CodecParameters};
use keel_media::rtp::*;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const FRAME: Duration = Duration::from_micros(33_333);
const FRAME_TICKS: u32 = 3_000;
const PAYLOAD_BYTES: usize = 1_100;
/// RFC 7741 §4.2: X with a 15-bit picture id, then ten bytes of a keyframe's header, as long in other frames.
const DESCRIPTOR_BYTES: usize = 4;
const HEADER_BYTES: usize = 10;
/// A keyframe is this many times as long as another frame.
const KEYFRAME: usize = 4;

/// One encoding.
#[derive(Clone, Debug)]
pub(crate) struct Camera {
    pub(crate) ssrc: Ssrc,
    encoding: u8,
    frame_bytes: usize,
    pub(crate) keyframe_wanted: bool,
    frame: u32,
    pub(crate) next: ExtSeq,
}

/// What a payload says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mark {
    pub(crate) encoding: u8,
    pub(crate) frame: u32,
    pub(crate) place: u16,
    pub(crate) count: u16,
    pub(crate) keyframe: bool,
}

/// VP8 with RTX and everything that Keel uses; `number` is its payload type, RTX has the next.
pub(crate) fn parameters(number: u8) -> Arc<RtpParameters> {
    let vp8 = Format {
        payload_type: pt(number),
        codec: Codec::Vp8,
        parameters: CodecParameters::None,
        clock_rate: ClockRate::VIDEO,
        rtx: Some(pt(number + 1)),
        nack: true,
        pli: true,
        fir: true,
        transport_cc: true,
        remb: false,
    };
    with_transport_numbers(vp8)
}

fn pt(number: u8) -> PayloadType {
    PayloadType::new(number).expect("a dynamic payload type")
}

/// One format alone.
pub(crate) fn with_transport_numbers(format: Format) -> Arc<RtpParameters> {
    let mut extensions = ExtensionMap::default();
    let id = ExtensionId::new(TRANSPORT_NUMBER_ID).expect("a valid id");
    extensions.insert(id, Extension::TransportSequenceNumber);
    let mid = Mid::new("v").expect("a valid mid");
    Arc::new(RtpParameters { mid, formats: vec![format], direction: Direction::SendRecv, extensions })
}

pub(crate) const TRANSPORT_NUMBER_ID: u8 = 5;

impl Camera {
    pub(crate) fn new(encoding: u8, rate: Bitrate) -> Self {
        let frame_bytes = (rate.as_bps() as f64 / 8.0 * FRAME.as_secs_f64()) as usize;
        Self {
            ssrc: Ssrc::new(0x1000 + u32::from(encoding)),
            encoding,
            frame_bytes,
            keyframe_wanted: true,
            frame: 0,
            next: ExtSeq::new(500),
        }
    }

    /// The packets of the next frame, a keyframe if one was wanted.
    pub(crate) fn next_frame(&mut self) -> Vec<(ExtSeq, Bytes)> {
        let keyframe = std::mem::take(&mut self.keyframe_wanted);
        let bytes = self.frame_bytes * if keyframe { KEYFRAME } else { 1 };
        let count = bytes.div_ceil(PAYLOAD_BYTES).max(1) as u16;
        let frame = self.frame;
        self.frame += 1;
        let packets = (0..count).map(|place| {
            let mark = Mark { encoding: self.encoding, frame, place, count, keyframe };
            let index = self.next;
            self.next = index.next();
            (index, self.packet(mark, bytes / usize::from(count), index))
        });
        packets.collect()
    }

    fn packet(&self, mark: Mark, bytes: usize, index: ExtSeq) -> Bytes {
        let mut packet = BytesMut::new();
        let marker = if mark.place + 1 == mark.count { 0x80 } else { 0 };
        packet.put_u8(0x80);
        packet.put_u8(marker | 96);
        packet.put_u16(index.seq().wire());
        packet.put_u32(mark.frame.wrapping_mul(FRAME_TICKS));
        packet.put_u32(self.ssrc.wire());
        let start = packet.len();
        packet.put_u8(if mark.place == 0 { 0x90 } else { 0x80 });
        packet.put_u8(0x80);
        packet.put_u16(0x8000 | (mark.frame as u16 & 0x7fff));
        // RFC 7741 §4.3: the lowest bit tells what is no keyframe.
        packet.put_slice(&[u8::from(!mark.keyframe), 0, 0, 0x9d, 0x01, 0x2a, 64, 1, 240, 0]);
        packet.put_u8(mark.encoding);
        packet.put_u32(mark.frame);
        packet.put_u16(mark.place);
        packet.put_u16(mark.count);
        packet.put_u8(mark.keyframe.into());
        packet.resize((start + bytes).max(packet.len()), 0);
        packet.freeze()
    }
}

impl Mark {
    /// Reads it from a payload that Keel has forwarded.
    pub(crate) fn read(payload: &[u8]) -> Self {
        let [encoding, f3, f2, f1, f0, p1, p0, c1, c0, keyframe] = *payload
            .get(DESCRIPTOR_BYTES + HEADER_BYTES..)
            .and_then(|mark| mark.first_chunk())
            .expect("a payload of the camera");
        Self {
            encoding,
            frame: u32::from_be_bytes([f3, f2, f1, f0]),
            place: u16::from_be_bytes([p1, p0]),
            count: u16::from_be_bytes([c1, c0]),
            keyframe: keyframe == 1,
        }
    }
}
