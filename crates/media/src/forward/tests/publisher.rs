//! A synthetic publisher of VP8 whose payloads carry a number, so that a test can tell packets apart.

use super::parameters::{format, parameters, pt};
use crate::codec::Codec;
use crate::rtp::{ExtSeq, Extension, Format, RtpHeader, RtpParameters, RtpTime, SeqNo, Ssrc};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) const VP8: u8 = 96;
pub(super) const RTX: u8 = 97;
pub(super) const OPUS: u8 = 111;
const TRANSPORT_NUMBER_ID: u8 = 5;
/// Ticks of 90 kHz between frames: 30 frames/s.
pub(super) const FRAME_TICKS: u32 = 3_000;
/// Ticks of 48 kHz between audio packets: 20 ms.
const VOICE_TICKS: u32 = 960;

/// What comes off the wire, decrypted.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) index: ExtSeq,
    pub(super) bytes: Vec<u8>,
}

pub(super) struct Publisher {
    pub(super) ssrc: Ssrc,
    pub(super) rtx_ssrc: Ssrc,
    pub(super) next: ExtSeq,
    pub(super) timestamp: RtpTime,
    /// The number of the next payload.
    pub(super) number: u32,
    /// Bytes at the end of each video payload.
    pub(super) ballast: usize,
    payload_type: u8,
    rtx_next: u16,
    transport_next: u16,
    sent: BTreeMap<u16, Packet>,
}

impl Packet {
    pub(super) fn header(&self) -> RtpHeader {
        RtpHeader::parse(&self.bytes).expect("the publisher writes valid packets")
    }

    pub(super) fn is_rtx(&self) -> bool {
        self.header().payload_type == pt(RTX)
    }
}

/// VP8 with RTX, NACK and transport-wide feedback.
pub(super) fn video() -> Arc<RtpParameters> {
    let vp8 = Format { rtx: Some(pt(RTX)), ..format(VP8, Codec::Vp8) };
    let extensions = [
        (TRANSPORT_NUMBER_ID, Extension::TransportSequenceNumber),
        (3, Extension::VideoOrientation),
        (4, Extension::Mid),
    ];
    Arc::new(parameters("0", vec![vp8], &extensions))
}

/// Opus with transport-wide feedback.
pub(super) fn audio() -> Arc<RtpParameters> {
    let extensions = [(TRANSPORT_NUMBER_ID, Extension::TransportSequenceNumber), (4, Extension::Mid)];
    Arc::new(parameters("1", vec![format(OPUS, Codec::Opus)], &extensions))
}

impl Publisher {
    pub(super) fn new(ssrc: u32, first: u64, timestamp: u32) -> Self {
        Self {
            ssrc: Ssrc::new(ssrc),
            rtx_ssrc: Ssrc::new(ssrc + 1),
            next: ExtSeq::new(first),
            timestamp: RtpTime::new(timestamp),
            number: 0,
            ballast: 0,
            payload_type: VP8,
            rtx_next: 9,
            transport_next: 0xfff0,
            sent: BTreeMap::new(),
        }
    }

    /// A publisher of Opus.
    pub(super) fn of_voice(ssrc: u32) -> Self {
        Self { payload_type: OPUS, ..Self::new(ssrc, 500, 0) }
    }

    /// 20 ms of voice: 32 kbit/s of payload.
    pub(super) fn voice(&mut self) -> Packet {
        self.timestamp = self.timestamp.plus(VOICE_TICKS);
        let mut payload = vec![0; 80];
        payload[2..6].copy_from_slice(&self.number.to_be_bytes());
        self.number += 1;
        self.packet(false, &payload, 0)
    }

    /// Lets the time of one frame pass.
    pub(super) fn begin_frame(&mut self) {
        self.timestamp = self.timestamp.plus(FRAME_TICKS);
    }

    /// The packets of one frame.
    pub(super) fn frame(&mut self, packets: usize, key: bool) -> Vec<Packet> {
        self.begin_frame();
        (0..packets)
            .map(|place| {
                let mut payload = vec![if place == 0 { 0x10 } else { 0 }, u8::from(!key)];
                payload.extend(self.number.to_be_bytes());
                payload.resize(payload.len() + self.ballast, 0x5a);
                self.number += 1;
                self.packet(place + 1 == packets, &payload, 0)
            })
            .collect()
    }

    /// A frame whose packets have payloads of these lengths, at least six bytes.
    pub(super) fn frame_of(&mut self, lengths: &[usize]) -> Vec<Packet> {
        self.timestamp = self.timestamp.plus(FRAME_TICKS);
        (1..=lengths.len())
            .zip(lengths)
            .map(|(place, length)| {
                let mut payload = vec![if place == 1 { 0x10 } else { 0 }, 0];
                payload.extend(self.number.to_be_bytes());
                payload.resize(*length, 7);
                self.number += 1;
                self.packet(place == lengths.len(), &payload, 0)
            })
            .collect()
    }

    /// A bandwidth probe: nothing but padding.
    pub(super) fn probe(&mut self) -> Packet {
        self.packet(false, &[], 200)
    }

    /// The answer to a NACK; `None` for what was never sent.
    pub(super) fn retransmit(&mut self, lost: SeqNo) -> Option<Packet> {
        let original = self.sent.get(&lost.wire())?.clone();
        let header = original.header();
        let mut bytes = self.head(header.marker, RTX, self.rtx_next, header.timestamp, self.rtx_ssrc, false);
        bytes.extend(lost.wire().to_be_bytes());
        bytes.extend(header.payload(&original.bytes).expect("the publisher pads correctly"));
        self.rtx_next = self.rtx_next.wrapping_add(1);
        Some(Packet { index: ExtSeq::new(u64::from(self.rtx_next)), bytes })
    }

    pub(super) fn packet(&mut self, marker: bool, payload: &[u8], padding: u8) -> Packet {
        let index = self.next;
        self.next = index.next();
        let mut bytes =
            self.head(marker, self.payload_type, index.seq().wire(), self.timestamp, self.ssrc, padding > 0);
        bytes.extend(payload);
        bytes.extend(std::iter::repeat_n(padding, padding.into()));
        let packet = Packet { index, bytes };
        self.sent.insert(index.seq().wire(), packet.clone());
        packet
    }

    fn head(
        &mut self,
        marker: bool,
        payload_type: u8,
        seq: u16,
        timestamp: RtpTime,
        ssrc: Ssrc,
        padded: bool,
    ) -> Vec<u8> {
        let mut bytes = vec![0x90 | u8::from(padded) << 5, payload_type | u8::from(marker) << 7];
        bytes.extend(seq.to_be_bytes());
        bytes.extend(timestamp.wire().to_be_bytes());
        bytes.extend(ssrc.wire().to_be_bytes());
        let [high, low] = self.transport_next.to_be_bytes();
        self.transport_next = self.transport_next.wrapping_add(1);
        // The transport-wide number and the orientation (id 3, one byte).
        bytes.extend([0xbe, 0xde, 0, 2, TRANSPORT_NUMBER_ID << 4 | 1, high, low, 0x30, 2, 0, 0, 0]);
        bytes
    }
}
