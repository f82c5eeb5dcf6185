//! Publishers whose frames are of layers, and what each of their frames needs.

use keel_media::codec::Codec;
use keel_media::rtp::{RtpTime, Ssrc};
use std::collections::{BTreeMap, VecDeque};

/// The id of the dependency descriptor on every wire here.
pub(super) const DESCRIPTOR_ID: u8 = 7;
/// Packets that were lost on their way and may still come; older ones never do.
const LOST_MAX: usize = 6;
/// Bytes at the end of every payload: camera, encoding, frame, place in the frame, packets of the frame.
const MARK: usize = 8;
/// By picture: its temporal layer, and how far back lies the picture that it is predicted from.
const THREE_TEMPORAL: &[(u8, u32)] = &[(0, 4), (2, 1), (1, 2), (2, 1)];
const TWO_TEMPORAL: &[(u8, u32)] = &[(0, 2), (1, 1)];

/// One frame: a camera, its encoding, and a count over all spatial layers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct FrameId {
    pub(super) camera: usize,
    pub(super) encoding: usize,
    pub(super) number: u32,
}

/// What a frame is.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// The frames that it is predicted from.
    pub(super) needs: Vec<FrameId>,
    /// It begins a picture that needs no other.
    pub(super) key: bool,
    pub(super) picture: u32,
    pub(super) temporal: u8,
}

/// A packet as it was made.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) frame: Option<FrameId>,
    pub(super) payload: Vec<u8>,
    /// Of AV1.
    pub(super) descriptor: Vec<u8>,
    pub(super) timestamp: RtpTime,
    pub(super) marker: bool,
}

/// One camera: what it sends in, and its encodings.
pub(super) struct Camera {
    pub(super) codec: Codec,
    pub(super) payload_type: u8,
    pub(super) encodings: Vec<Encoding>,
    place: usize,
    spatial_layers: u32,
}

pub(super) struct Encoding {
    pub(super) ssrc: Ssrc,
    pub(super) key_due: bool,
    pub(super) packets: BTreeMap<u64, Packet>,
    pub(super) lost: VecDeque<u64>,
    pub(super) frames: BTreeMap<u32, Frame>,
    /// By frame and place in it.
    pub(super) indexes: BTreeMap<(u32, u8), u64>,
    next: u64,
    timestamp: u32,
    picture: u32,
    /// The picture that began the present run of the pattern.
    key: u32,
    base: u8,
}

impl Camera {
    pub(super) fn new(place: usize, codec: Codec, encodings: usize) -> Self {
        let encoding = |encoding: usize| Encoding {
            ssrc: Ssrc::new(0xa00 + 0x100 * place as u32 + encoding as u32),
            key_due: true,
            packets: BTreeMap::new(),
            lost: VecDeque::new(),
            frames: BTreeMap::new(),
            indexes: BTreeMap::new(),
            // Close to the wraps, so that short plays cross them.
            next: 0xffe0 + encoding as u64,
            timestamp: u32::MAX - 9_000 * (encoding as u32 + 1),
            picture: 0,
            key: 0,
            base: 250,
        };
        Self {
            codec,
            payload_type: 96 + 2 * place as u8,
            encodings: (0..encodings).map(encoding).collect(),
            place,
            spatial_layers: if codec == Codec::Vp8 { 1 } else { 2 },
        }
    }

    /// Makes the next picture of one encoding in so many packets for each frame, and returns their numbers.
    pub(super) fn picture(&mut self, encoding: usize, key: bool, count: usize, elapsed: u32) -> Vec<u64> {
        let (place, spatial_layers, codec) = (self.place, self.spatial_layers, self.codec);
        let source = &mut self.encodings[encoding];
        let key = key | std::mem::take(&mut source.key_due);
        if key {
            source.key = source.picture;
        }
        let pattern = if codec == Codec::Vp8 { THREE_TEMPORAL } else { TWO_TEMPORAL };
        let at = ((source.picture - source.key) % pattern.len() as u32) as usize;
        let (temporal, back) = pattern[at];
        source.base = source.base.wrapping_add(u8::from(temporal == 0));
        // Frames are some ticks apart, as any encoder's are.
        source.timestamp = source.timestamp.wrapping_add(64).wrapping_add(elapsed);
        let mut numbers = Vec::new();
        for spatial in 0..spatial_layers {
            let id = |picture: u32, spatial: u32| FrameId {
                camera: place,
                encoding,
                number: picture * spatial_layers + spatial,
            };
            let frame = id(source.picture, spatial);
            // VP9 here predicts between spatial layers always, AV1 in keyframes only.
            let below = (spatial > 0 && (key || codec == Codec::Vp9)).then(|| id(source.picture, 0));
            let before = (!key).then(|| id(source.picture - back, spatial));
            let made = Frame {
                needs: below.into_iter().chain(before).collect(),
                key: key && spatial == 0,
                picture: source.picture,
                temporal,
            };
            source.frames.insert(frame.number, made);
            let layer = Layered {
                codec,
                key,
                spatial: spatial as u8,
                temporal,
                synced: at != 3,
                picture: (0x7ff0 + source.picture) as u16 & 0x7fff,
                base: source.base,
                frame_number: (0xfff0 + frame.number) as u16,
            };
            for part in 0..count {
                let (first, last) = (part == 0, part + 1 == count);
                let mut payload = layer.payload(first, last);
                payload.resize(payload.len() + 20 * (encoding + 1), encoding as u8);
                payload.extend([place as u8, encoding as u8]);
                payload.extend(frame.number.to_be_bytes());
                payload.extend([part as u8, count as u8]);
                let marker = last && spatial + 1 == spatial_layers;
                let index = source.make(Packet {
                    frame: Some(frame),
                    payload,
                    descriptor: layer.descriptor(first, last),
                    timestamp: RtpTime::new(source.timestamp),
                    marker,
                });
                source.indexes.insert((frame.number, part as u8), index);
                numbers.push(index);
            }
        }
        source.picture += 1;
        numbers
    }

    /// The packet as it comes off the wire, decrypted.
    pub(super) fn wire(&self, encoding: usize, index: u64) -> Option<Vec<u8>> {
        let source = &self.encodings[encoding];
        let packet = source.packets.get(&index)?;
        let extended = !packet.descriptor.is_empty();
        let padded = packet.payload.is_empty();
        let first = 0x80 | u8::from(padded) << 5 | u8::from(extended) << 4;
        let mut wire = vec![first, self.payload_type | u8::from(packet.marker) << 7];
        wire.extend((index as u16).to_be_bytes());
        wire.extend(packet.timestamp.wire().to_be_bytes());
        wire.extend(source.ssrc.wire().to_be_bytes());
        if extended {
            // RFC 8285 §4.3: the form for long values.
            let mut block = vec![DESCRIPTOR_ID, packet.descriptor.len() as u8];
            block.extend(&packet.descriptor);
            block.resize(block.len().next_multiple_of(4), 0);
            wire.extend([0x10, 0, 0, (block.len() / 4) as u8]);
            wire.extend(block);
        }
        wire.extend(if padded { &[0, 0, 0, 4] } else { packet.payload.as_slice() });
        Some(wire)
    }
}

impl Encoding {
    /// A probe: padding alone.
    pub(super) fn probe(&mut self) -> u64 {
        let timestamp = RtpTime::new(self.timestamp);
        self.make(Packet { frame: None, payload: vec![], descriptor: vec![], timestamp, marker: false })
    }

    pub(super) fn lose(&mut self, index: u64) {
        self.lost.push_back(index);
        if self.lost.len() > LOST_MAX {
            self.lost.pop_front();
        }
    }

    pub(super) fn newest(&self) -> u64 {
        self.next - 1
    }

    fn make(&mut self, packet: Packet) -> u64 {
        let index = self.next;
        self.next += 1;
        self.packets.insert(index, packet);
        index
    }
}

/// Whose payload this is: its frame, its place in it, and of how many.
pub(super) fn origin(payload: &[u8]) -> Option<(FrameId, u8)> {
    let [camera, encoding, number @ .., place, _] = payload.last_chunk::<MARK>()?;
    let number = u32::from_be_bytes(*number);
    Some((FrameId { camera: usize::from(*camera), encoding: usize::from(*encoding), number }, *place))
}

/// The numbers in a payload: picture id and TL0PICIDX; `None` of AV1.
pub(super) fn numbers(codec: Codec, payload: &[u8]) -> Option<(u16, u8)> {
    let (picture, base) = match codec {
        Codec::Vp8 => (payload.get(2..4)?, payload.get(4)?),
        Codec::Vp9 => (payload.get(1..3)?, payload.get(4)?),
        _ => return None,
    };
    Some((u16::from_be_bytes(picture.try_into().ok()?) & 0x7fff, *base))
}

/// A payload without its numbers, which subscribers see rewritten.
pub(super) fn unnumbered(codec: Codec, payload: &[u8]) -> Vec<u8> {
    let mut payload = payload.to_vec();
    let places: &[usize] = match codec {
        Codec::Vp8 => &[2, 3, 4],
        Codec::Vp9 => &[1, 2, 4],
        _ => &[],
    };
    places.iter().for_each(|place| payload[*place] = 0);
    payload
}

/// One frame as its payload and its descriptor tell it.
struct Layered {
    codec: Codec,
    key: bool,
    spatial: u8,
    temporal: u8,
    /// It is predicted from the lowest temporal layer alone.
    synced: bool,
    picture: u16,
    base: u8,
    frame_number: u16,
}

impl Layered {
    fn payload(&self, first: bool, last: bool) -> Vec<u8> {
        let [high, low] = (self.picture | 0x8000).to_be_bytes();
        let (begins, ends) = (u8::from(first), u8::from(last));
        match self.codec {
            // RFC 7741 §4.2: X, S; I, L, T; the picture id; TL0PICIDX; TID and Y; the first byte of a frame.
            Codec::Vp8 => {
                let layer = self.temporal << 6 | u8::from(self.synced) << 5;
                vec![0x80 | begins << 4, 0xe0, high, low, self.base, layer, u8::from(!self.key)]
            }
            // RFC 9628 §4.2: I, P, L, B, E; the picture id; TID, U, SID, D; TL0PICIDX.
            Codec::Vp9 => {
                let flags = 0xa0 | u8::from(!self.key) << 6 | begins << 3 | ends << 2;
                let layer = self.temporal << 5 | 0x10 | self.spatial << 1 | u8::from(self.spatial > 0);
                vec![flags, high, low, layer, self.base]
            }
            // The AV1 aggregation header: N at the start of a keyframe.
            _ => vec![u8::from(self.key && first && self.spatial == 0) << 3 | 0x10, 0x32],
        }
    }

    fn descriptor(&self, first: bool, last: bool) -> Vec<u8> {
        if self.codec != Codec::Av1 {
            return Vec::new();
        }
        let template = match (self.spatial, self.temporal) {
            (spatial, 0) => 3 * spatial + u8::from(!self.key),
            (spatial, _) => 3 * spatial + 2,
        };
        let mut value = vec![u8::from(first) << 7 | u8::from(last) << 6 | template];
        value.extend(self.frame_number.to_be_bytes());
        if self.key && first && self.spatial == 0 {
            value.extend(structure());
        }
        value
    }
}

/// Two spatial layers and two temporal ones, the upper spatial layer predicted from the lower in keyframes only
/// (AV1 RTP §A.8.2): what follows the mandatory fields where the structure is attached.
fn structure() -> Vec<u8> {
    /// Spatial layers in turn: the distance that each template refers to, and what it is to the targets.
    const TEMPLATES: [(Option<u32>, [u32; 4]); 6] = [
        (None, [2, 2, 2, 2]),
        (Some(4), [2, 2, 0, 0]),
        (Some(2), [0, 1, 0, 0]),
        (Some(1), [0, 0, 2, 2]),
        (Some(4), [0, 0, 2, 2]),
        (Some(2), [0, 0, 0, 1]),
    ];
    let mut bits = Vec::new();
    let mut put = |value: u32, count: u32| bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    // The structure alone is attached; template ids count from zero; four targets.
    put(0b10000, 5);
    put(0, 6);
    put(3, 5);
    // The next template's layer: the same, one temporal up, one spatial up, or the end.
    [0, 1, 2, 0, 1, 3].into_iter().for_each(|step| put(step, 2));
    TEMPLATES.iter().flat_map(|(_, targets)| targets).for_each(|indication| put(*indication, 2));
    for (distance, _) in TEMPLATES {
        distance.into_iter().for_each(|distance| put(1 << 4 | (distance - 1), 5));
        put(0, 1);
    }
    // No chains (below five in two bits), no sizes.
    put(0, 2);
    put(0, 1);
    let byte = |bits: &[bool]| {
        bits.iter().enumerate().fold(0, |byte, (place, bit)| byte | u8::from(*bit) << (7 - place))
    };
    bits.chunks(8).map(byte).collect()
}
