//! A voice and who hears it: Opus of 20 ms, numbered and timed.

use crate::camera::with_transport_numbers;
use bytes::{BufMut, Bytes, BytesMut};
use keel_media::codec::{Codec, CodecParameters};
use keel_media::rtp::*;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) const SOUND: Duration = Duration::from_millis(20);
const SOUND_TICKS: u32 = 960;
/// 32 kbit/s.
const PAYLOAD_BYTES: usize = 80;
/// RFC 6716 §3.1: one frame of 20 ms, wideband hybrid.
const OPUS_FRAME: u8 = 0x78;
/// Of its sender.
const SSRC: Ssrc = Ssrc::new(0x5000);

/// Sends a packet every [`SOUND`].
#[derive(Debug)]
pub(crate) struct Microphone {
    begun: Instant,
    pub(crate) sent: u32,
}

/// What one subscriber had of one voice.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    /// Packets, copies not counted: the stream comes in order.
    pub(crate) heard: u32,
    first: Option<u32>,
    last: Option<u32>,
    /// The longest that a packet was under way.
    pub(crate) delay_max: Duration,
}

/// Opus, without retransmission.
pub(crate) fn opus(number: u8) -> Arc<RtpParameters> {
    with_transport_numbers(Format {
        payload_type: PayloadType::new(number).expect("a dynamic payload type"),
        codec: Codec::Opus,
        parameters: CodecParameters::None,
        clock_rate: ClockRate::OPUS,
        rtx: None,
        nack: false,
        pli: false,
        fir: false,
        transport_cc: true,
        remb: false,
    })
}

impl Microphone {
    pub(crate) fn new(now: Instant) -> Self {
        Self { begun: now, sent: 0 }
    }

    /// The next packet, with its index.
    pub(crate) fn next_packet(&mut self, now: Instant) -> (ExtSeq, Bytes) {
        let number = self.sent;
        self.sent += 1;
        let index = ExtSeq::new(500 + u64::from(number));
        let mut packet = BytesMut::new();
        packet.put_slice(&[0x80, 111]);
        packet.put_u16(index.seq().wire());
        packet.put_u32(number.wrapping_mul(SOUND_TICKS));
        packet.put_u32(SSRC.wire());
        let start = packet.len();
        packet.put_u8(OPUS_FRAME);
        packet.put_u32(number);
        packet.put_u64((now - self.begun).as_nanos() as u64);
        packet.resize(start + PAYLOAD_BYTES, 0);
        (index, packet.freeze())
    }
}

impl Ear {
    /// Takes a payload that was sent by a microphone that began at `begun`.
    pub(crate) fn hear(&mut self, payload: &[u8], begun: Instant, now: Instant) {
        let Some([_, n3, n2, n1, n0, sent @ ..]) = payload.first_chunk::<13>() else { return };
        let number = u32::from_be_bytes([*n3, *n2, *n1, *n0]);
        if self.last.is_some_and(|last| number <= last) {
            return;
        }
        self.first.get_or_insert(number);
        self.last = Some(number);
        self.heard += 1;
        let sent = begun + Duration::from_nanos(u64::from_be_bytes(*sent));
        self.delay_max = self.delay_max.max(now - sent);
    }

    /// Packets between the first and the last that did not come.
    pub(crate) fn lost(&self) -> u32 {
        self.first.zip(self.last).map_or(0, |(first, last)| last + 1 - first - self.heard)
    }
}
