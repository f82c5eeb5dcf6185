//! Redundancy in the payloads of audio passes through; forward error correction of video goes nowhere.

use super::parameters::{format, parameters};
use super::publisher::{Packet, Publisher, video};
use super::stage::{ALICE, BOB, Stage};
use crate::codec::Codec;
use crate::forward::{DropReason, SinkConfig, TrackConfig};
use crate::id::TrackId;
use crate::pipeline::MediaKind;
use crate::rtp::{ExtSeq, RtpParameters, Ssrc};
use std::sync::Arc;

/// Opus with redundancy (RFC 2198) around it, under a subscriber's or a publisher's number for the latter.
fn audio(red: u8) -> Arc<RtpParameters> {
    Arc::new(parameters("0", vec![format(111, Codec::Opus), format(red, Codec::Red)], &[]))
}

fn publish_audio(stage: &mut Stage) -> TrackId {
    let kind = MediaKind::Audio;
    let config = TrackConfig { session: ALICE, kind, parameters: audio(63), encodings: 1 };
    let track = stage.forwarder.add_track(config);
    let sink = stage.forwarder.add_sink(SinkConfig {
        session: BOB,
        kind,
        parameters: audio(101),
        ssrc: Ssrc::new(0x2000),
        rtx_ssrc: None,
        cname: "alice".into(),
    });
    stage.connect(track, sink);
    track
}

fn packet(payload_type: u8, number: u16, payload: &[u8]) -> Packet {
    let [high, low] = number.to_be_bytes();
    let mut bytes = vec![0x80, payload_type, high, low, 0, 0, high, low, 0, 0, 0x10, 0];
    bytes.extend(payload);
    Packet { index: ExtSeq::new(number.into()), bytes }
}

// covers: RFC 2198 §3
#[test]
fn redundant_audio_and_opus_fec_pass_byte_for_byte() {
    let mut stage = Stage::new(1);
    let track = publish_audio(&mut stage);
    // One redundant block of three bytes, 20 ms old (960 ticks), then the present one. What is inside a block
    // is Opus, whose own redundancy no header tells of.
    let red = [0x80 | 111, 0x0f, 0x00, 0x03, 111, 1, 2, 3, 4, 5, 6, 7];
    let opus = [0x78, 0xff, 0xee, 0xdd];
    stage.send_all(track, &[packet(63, 1, &red), packet(111, 2, &opus)]);
    let [first, second] = &stage.received[..] else { panic!("two packets") };
    assert_eq!((first.header.payload_type.wire(), first.payload()), (101, &red[..]));
    assert_eq!((second.header.payload_type.wire(), second.payload()), (111, &opus[..]));
}

#[test]
fn error_correction_that_was_not_negotiated_is_dropped_with_its_reason() {
    // The numbers that Chromium has for RED and ULPFEC of video; Keel agrees to neither.
    const RED: u8 = 116;
    const ULPFEC: u8 = 117;
    assert!(
        [RED, ULPFEC]
            .iter()
            .all(|number| { video().formats.iter().all(|format| format.payload_type.wire() != *number) })
    );
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    stage.subscribe(track, BOB, 0x2000);
    let mut publisher = Publisher::new(0x1000, 500, 9);
    stage.send_all(track, &publisher.frame(1, true));
    for number in [RED, ULPFEC] {
        let mut packet = publisher.frame(1, false).remove(0);
        packet.bytes[1] = packet.bytes[1] & 0x80 | number;
        assert_eq!(stage.send(track, &packet), Err(DropReason::RtpUnknownPayloadType));
    }
    assert_eq!(stage.received.len(), 1);
    stage.send_all(track, &publisher.frame(1, false));
    assert_eq!(stage.received.len(), 2, "media goes on");
}
