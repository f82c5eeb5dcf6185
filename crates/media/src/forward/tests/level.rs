//! Packets of nearly equal sizes leave with equal ones.

use super::publisher::Publisher;
use super::stage::{ALICE, BOB, OUT_RTX, Stage};
use crate::rtp::Ssrc;
use crate::rtp::rtcp::Feedback;

/// The lengths with which the packets of one frame leave, and the payloads' own.
fn leaving(stage: &Stage) -> Vec<(usize, usize)> {
    stage.received.iter().map(|packet| (packet.bytes.len(), packet.payload().len())).collect()
}

#[test]
fn a_frame_as_chromium_cuts_it_leaves_in_equal_packets_with_the_payloads_it_came_with() {
    for (lengths, run) in [
        ([855, 856, 856], true),
        ([1000, 1010, 1020], false),
        ([1020, 1020, 700], false),
        ([700, 717, 717], false),
    ] {
        let mut stage = Stage::new(1);
        let track = stage.publish(ALICE);
        stage.subscribe(track, BOB, 0x2000);
        let mut publisher = Publisher::new(0x1000, 500, 9);
        stage.send_all(track, &publisher.frame(1, true));
        stage.received.clear();
        stage.send_all(track, &publisher.frame_of(&lengths));
        let left = leaving(&stage);
        let payloads: Vec<usize> = left.iter().map(|(_, payload)| *payload).collect();
        assert_eq!(payloads, lengths, "padding is not payload");
        let equal = left.iter().all(|(length, _)| *length == left[0].0);
        assert_eq!(equal, run, "{left:?}");
        for (packet, (_, payload)) in stage.received.iter().zip(&left) {
            let padding = packet.bytes.len() - packet.header.payload_start() - payload;
            // covers: RFC 3550 §5.1
            assert_eq!(packet.header.padded, padding > 0);
            assert!(padding <= 16, "{padding}");
        }
    }
}

#[test]
fn a_repair_of_a_padded_packet_is_not_padded() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    stage.subscribe(track, BOB, 0x2000);
    let mut publisher = Publisher::new(0x1000, 500, 9);
    stage.send_all(track, &publisher.frame(1, true));
    stage.received.clear();
    stage.send_all(track, &publisher.frame_of(&[100, 101]));
    let lost = stage.received[0].clone();
    assert!(lost.header.padded);
    stage.received.clear();
    let nack = Feedback::Nack { media_ssrc: Ssrc::new(0x2000), lost: vec![lost.header.seq] };
    stage.feedback(BOB, &nack);
    let repair = &stage.received[0];
    assert_eq!((repair.header.payload_type.wire(), repair.header.padded), (OUT_RTX, false));
    assert_eq!(repair.payload()[2..], *lost.payload());
}
