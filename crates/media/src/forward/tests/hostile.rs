//! Whatever authenticated peers send, the core neither panics nor breaks its promises.

use super::publisher::video;
use super::stage::{ALICE, BOB, Stage};
use crate::rtp::rtcp::{Feedback, ReceptionReport};
use crate::rtp::{ExtSeq, NtpTime, RtpHeader, RtpTime, SeqNo, Ssrc};
use proptest::prelude::*;
use std::time::Duration;

#[derive(Clone, Debug)]
enum Move {
    Rtp { index: u64, bytes: Vec<u8> },
    Rtx { bytes: Vec<u8> },
    Feedback { from_publisher: bool, feedback: Feedback },
    Wait { millis: u64 },
}

/// A packet that parses more often than not: few SSRCs, the negotiated payload types, any payload.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![4 => Just(0x80u8), 4 => Just(0x90), 1 => Just(0xb0), 1 => any::<u8>()];
    let payload_type = prop_oneof![4 => Just(96u8), 4 => Just(97), 1 => any::<u8>()];
    let rest = proptest::collection::vec(any::<u8>(), 0..60);
    let seq = prop_oneof![0u16..20, 65_500u16..=65_535, any::<u16>()];
    (first, payload_type, seq, any::<u32>(), 0u32..3, rest).prop_map(
        |(first, payload_type, seq, timestamp, ssrc, rest)| {
            let mut bytes = vec![first, payload_type];
            bytes.extend(seq.to_be_bytes());
            bytes.extend(timestamp.to_be_bytes());
            bytes.extend(ssrc.to_be_bytes());
            if first & 0x10 != 0 {
                bytes.extend([0xbe, 0xde, 0, 1, 0x51]);
            }
            bytes.extend(rest);
            bytes
        },
    )
}

fn feedback() -> impl Strategy<Value = Feedback> {
    let ssrc = prop_oneof![Just(0x2000u32), 0u32..3].prop_map(Ssrc::new);
    let numbers = proptest::collection::vec(any::<u16>().prop_map(SeqNo::new), 0..40);
    (ssrc, numbers, any::<u64>(), any::<u32>(), 0u8..6).prop_map(
        |(ssrc, lost, long, word, kind)| match kind {
            0 => Feedback::SenderReport {
                ssrc,
                ntp: NtpTime::new(long),
                rtp: RtpTime::new(word),
                packets: word,
                octets: word,
            },
            1 => Feedback::Reception(ReceptionReport {
                ssrc,
                fraction_lost: word as u8,
                lost: word as i32,
                highest: word,
                jitter: word,
                last_sr: (long >> 16) as u32,
                delay_since_sr: word,
            }),
            2 => Feedback::Nack { media_ssrc: ssrc, lost },
            3 => Feedback::Pli { media_ssrc: ssrc },
            4 => Feedback::Fir { media_ssrc: ssrc, seq: word as u8 },
            _ => Feedback::Bye { ssrcs: vec![ssrc] },
        },
    )
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let index = prop_oneof![0u64..40, 65_500u64..65_600, 0..1u64 << 48];
    let one = prop_oneof![
        6 => (index, bytes()).prop_map(|(index, bytes)| Move::Rtp { index, bytes }),
        3 => bytes().prop_map(|bytes| Move::Rtx { bytes }),
        2 => (any::<bool>(), feedback())
            .prop_map(|(from_publisher, feedback)| Move::Feedback { from_publisher, feedback }),
        1 => (0u64..3_000).prop_map(|millis| Move::Wait { millis }),
    ];
    proptest::collection::vec(one, 1..80)
}

proptest! {
    #[test]
    fn random_packets_and_feedback_break_nothing(moves in moves()) {
        let mut stage = Stage::new(3);
        let track = stage.publish_with(ALICE, video());
        let source = stage.source(track);
        stage.subscribe(track, BOB, 0x2000);
        for step in moves {
            // The stage checks after each step that nothing is sealed twice and that timers move on.
            match step {
                Move::Rtp { index, bytes } => {
                    if let Ok(header) = RtpHeader::parse(&bytes) {
                        let index = ExtSeq::new(index);
                        let _ = stage.forwarder.handle_rtp(source, index, &header, &bytes, stage.now);
                    }
                }
                Move::Rtx { bytes } => {
                    if let Ok(header) = RtpHeader::parse(&bytes) {
                        let _ = stage.forwarder.handle_rtx(source, &header, &bytes, stage.now);
                    }
                }
                Move::Feedback { from_publisher, feedback } => {
                    stage.feedback(if from_publisher { ALICE } else { BOB }, &feedback);
                }
                Move::Wait { millis } => stage.advance(Duration::from_millis(millis)),
            }
            stage.settle();
        }
    }
}
