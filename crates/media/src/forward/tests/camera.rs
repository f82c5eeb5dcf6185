//! A synthetic simulcast camera, VP8 with three temporal layers in each encoding, and a viewer that knows which
//! frame needs which.

use super::publisher::{Packet, Publisher};
use super::stage::Received;
use crate::rtp::{SeqNo, Ssrc};
use std::collections::BTreeSet;

/// Temporal layers of successive frames, and how far back lies the frame that each needs.
const PATTERN: [(u8, u32); 4] = [(0, 4), (2, 1), (1, 2), (2, 1)];
/// Where a frame's own description begins, behind descriptor and payload header.
const BODY: usize = 7;

pub(super) struct Camera {
    pub(super) encodings: Vec<Encoding>,
}

pub(super) struct Encoding {
    pub(super) publisher: Publisher,
    number: u8,
    /// Of a frame.
    pub(super) packets: usize,
    /// Bytes of each payload.
    pub(super) bytes: usize,
    frame: u32,
    /// The frame that begins the present run of the pattern.
    key: u32,
    picture: u16,
    base: u8,
    key_due: bool,
    pub(super) keyframes: u32,
}

/// One packet as the viewer reads it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shown {
    pub(super) encoding: u8,
    pub(super) temporal: u8,
    pub(super) frame: u32,
    /// The frame that it is predicted from; none for a keyframe.
    pub(super) needs: Option<u32>,
    pub(super) picture: u16,
    pub(super) base: u8,
    place: u8,
    count: u8,
}

impl Camera {
    /// Encodings of unrelated clocks and numbers, close to their wraps.
    pub(super) fn new(encodings: usize) -> Self {
        let encoding = |place: usize| {
            let ssrc = 0x1000 + 0x100 * place as u32;
            let (first, timestamp) = (0xfff0 + 77 * place as u64, u32::MAX - 40_000 * (place as u32 + 1));
            Encoding {
                publisher: Publisher::new(ssrc, first, timestamp),
                number: place as u8,
                packets: place + 1,
                bytes: 200,
                frame: 0,
                key: 0,
                picture: 0x7ff0 - 300 * place as u16,
                base: 250 - 20 * place as u8,
                key_due: true,
                keyframes: 0,
            }
        };
        Self { encodings: (0..encodings).map(encoding).collect() }
    }

    /// Has the encoding with this SSRC send a keyframe next.
    pub(super) fn handle_request(&mut self, ssrc: Ssrc) {
        for encoding in &mut self.encodings {
            encoding.key_due |= encoding.publisher.ssrc == ssrc;
        }
    }

    pub(super) fn retransmit(&mut self, ssrc: Ssrc, lost: SeqNo) -> Option<(usize, Packet)> {
        let of_ssrc = |encoding: &&mut Encoding| encoding.publisher.ssrc == ssrc;
        let encoding = self.encodings.iter_mut().find(of_ssrc)?;
        Some((encoding.number.into(), encoding.publisher.retransmit(lost)?))
    }
}

impl Encoding {
    /// The packets of the next frame.
    pub(super) fn frame(&mut self) -> Vec<Packet> {
        let key = std::mem::take(&mut self.key_due);
        if key {
            self.key = self.frame;
            self.keyframes += 1;
        }
        let (temporal, back) = PATTERN[((self.frame - self.key) % 4) as usize];
        let needs = if key { u32::MAX } else { self.frame - back };
        let layer_sync = u8::from(needs == u32::MAX || (self.frame - self.key) % 4 != 3);
        self.base = self.base.wrapping_add(u8::from(temporal == 0));
        self.publisher.begin_frame();
        let packets = (0..self.packets).map(|place| {
            // RFC 7741 §4.2: X, S; I, L, T; a picture id of 15 bits; TL0PICIDX; TID and Y.
            let mut payload = vec![if place == 0 { 0x90 } else { 0x80 }, 0xe0];
            payload.extend((self.picture | 0x8000).to_be_bytes());
            payload.extend([self.base, temporal << 6 | layer_sync << 5, u8::from(!key)]);
            payload.push(self.number);
            payload.extend(self.frame.to_be_bytes());
            payload.extend(needs.to_be_bytes());
            payload.extend([place as u8, self.packets as u8]);
            payload.resize(self.bytes, self.number);
            self.publisher.packet(place + 1 == self.packets, &payload, 0)
        });
        let packets = packets.collect();
        self.frame += 1;
        self.picture = (self.picture + 1) & 0x7fff;
        packets
    }
}

impl Shown {
    /// What a packet of media says; `None` of an empty one.
    pub(super) fn of(packet: &Received) -> Option<Self> {
        let payload = packet.payload();
        let (descriptor, body) = payload.split_at_checked(BODY)?;
        let number =
            |at: usize| body.get(at..at + 4).map(|bytes| u32::from_be_bytes(bytes.try_into().expect("4")));
        Some(Self {
            encoding: *body.first()?,
            temporal: descriptor[5] >> 6,
            frame: number(1)?,
            needs: number(5).filter(|needs| *needs != u32::MAX),
            picture: u16::from_be_bytes([descriptor[2], descriptor[3]]) & 0x7fff,
            base: descriptor[4],
            place: *body.get(9)?,
            count: *body.get(10)?,
        })
    }
}

/// Decodes by the rules what one subscriber got, in the order of its numbers, and checks that it is a stream:
/// no hole in the numbers, whole frames one after the other, each with what it needs, only a frame before a
/// keyframe cut short; picture ids without a hole where `contiguous`. Returns the frames.
pub(super) fn decode(packets: &[Received], contiguous: bool) -> Vec<Shown> {
    let mut packets: Vec<&Received> = packets.iter().collect();
    packets.sort_by_key(|packet| packet.index);
    for (place, pair) in packets.windows(2).enumerate() {
        // What of a withheld frame is repaired after a switch has no place any more.
        let encodings = packets[place..].iter().take(60).filter_map(|packet| Shown::of(packet));
        let switches = encodings.map(|shown| shown.encoding).collect::<BTreeSet<_>>().len() > 1;
        let whole = pair[1].index.follows(pair[0].index);
        assert!(whole || switches && !contiguous, "a hole before {:?}", pair[1].index);
    }
    decode_frames(packets, contiguous)
}

/// [`decode`] of a stream to a narrow path, of which parts were left out before keyframes.
pub(super) fn decode_paced(packets: &[Received]) -> Vec<Shown> {
    let mut packets: Vec<&Received> = packets.iter().collect();
    packets.sort_by_key(|packet| packet.index);
    for pair in packets.windows(2).filter(|pair| !pair[1].index.follows(pair[0].index)) {
        let next = Shown::of(pair[1]).expect("media");
        assert!(next.needs.is_none() && next.place == 0, "a hole before {next:?}");
    }
    decode_frames(packets, false)
}

fn decode_frames(mut packets: Vec<&Received>, contiguous: bool) -> Vec<Shown> {
    packets.retain(|packet| !packet.payload().is_empty());
    let (mut decoded, mut frames): (BTreeSet<(u8, u32)>, Vec<Shown>) = Default::default();
    let mut rest = packets.as_slice();
    let (mut newest, mut before): (_, Option<Shown>) = (None, None);
    while let Some(first) = rest.first() {
        let shown = Shown::of(first).expect("media");
        let same = |packet: &&&Received| packet.header.timestamp == first.header.timestamp;
        let length = rest.iter().take_while(same).count();
        let (frame, after) = rest.split_at(length);
        rest = after;
        assert!(
            newest.is_none_or(|newest| first.header.timestamp.is_after(newest)),
            "the clock goes forward"
        );
        newest = Some(first.header.timestamp);
        for (place, packet) in frame.iter().enumerate() {
            let this = Shown::of(packet).expect("media");
            assert_eq!(
                this,
                Shown { place: place as u8, ..shown },
                "one frame under one timestamp, in order"
            );
            assert_eq!(packet.header.marker, this.place + 1 == this.count, "the marker ends it");
        }
        if length < usize::from(shown.count) {
            let next = after.first().map(|next| Shown::of(next).expect("media"));
            assert!(next.is_none_or(|next| next.needs.is_none()), "{shown:?} is cut before {next:?}");
            before = Some(shown);
            continue;
        }
        let has = |needs| decoded.contains(&(shown.encoding, needs));
        assert!(shown.needs.is_none_or(has), "{shown:?} cannot be decoded");
        if let Some(before) = before {
            let step = shown.picture.wrapping_sub(before.picture) & 0x7fff;
            assert!(
                if contiguous { step == 1 } else { (1..200).contains(&step) },
                "{before:?} then {shown:?}"
            );
            let bases = shown.base.wrapping_sub(before.base);
            assert!(bases == u8::from(shown.temporal == 0) || !contiguous, "{before:?} then {shown:?}");
        }
        before = Some(shown);
        decoded.insert((shown.encoding, shown.frame));
        frames.push(shown);
    }
    frames
}
