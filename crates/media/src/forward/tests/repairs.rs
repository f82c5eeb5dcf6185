//! Padding, late packets, and retransmissions to subscribers.

use super::parameters::{format, parameters};
use super::publisher::Publisher;
use super::stage::{ALICE, BOB, CAROL, OUT_RTX, OUT_VP8, Stage};
use crate::codec::Codec;
use crate::forward::DropReason;
use crate::rtp::rtcp::{Feedback, Report};
use crate::rtp::{SeqNo, Ssrc};
use std::sync::Arc;
use std::time::Duration;

fn nack(ssrc: u32, lost: SeqNo) -> Feedback {
    Feedback::Nack { media_ssrc: Ssrc::new(ssrc), lost: vec![lost] }
}

#[test]
fn a_subscriber_gets_its_own_numbers_and_extensions() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    stage.subscribe(track, BOB, 0x2000);
    let mut publisher = Publisher::new(0x1000, 500, 9);
    stage.send_all(track, &publisher.frame(2, true));
    let [first, last] = &stage.received[..] else { panic!("two packets for one subscriber") };
    assert_eq!(first.header.payload_type.wire(), OUT_VP8);
    assert_eq!(first.header.ssrc, Ssrc::new(0x2000));
    assert!(!first.header.marker && last.header.marker);
    assert!(last.index.follows(first.index));
    assert_eq!((first.number(0), last.number(0)), (Some(0), Some(1)));
    let extensions: Vec<_> =
        first.header.extensions(&first.bytes).map(|(id, value)| (id.number(), value.to_vec())).collect();
    assert_eq!(extensions, [(1, b"v".to_vec()), (2, vec![0, 0, 0]), (9, vec![2])]);
    assert_eq!(first.bytes.len(), last.bytes.len(), "equal sizes stay equal");
}

#[test]
fn probes_are_swallowed_and_late_ones_fill_their_slot() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    stage.subscribe(track, BOB, 0x2000);
    let mut publisher = Publisher::new(0x1000, 500, 9);
    stage.send_all(track, &publisher.frame(1, true));
    assert_eq!(stage.send(track, &publisher.probe()), Err(DropReason::PaddingOnly));
    stage.send_all(track, &publisher.frame(1, false));
    assert!(stage.received[1].index.follows(stage.received[0].index), "the probe's number is skipped");

    let late = publisher.probe();
    stage.send_all(track, &publisher.frame(1, false));
    assert_eq!(stage.received[2].index.since(stage.received[1].index), 2, "it might have been media");
    assert_eq!(stage.send(track, &late), Err(DropReason::PaddingOnly));
    let filler = &stage.received[3];
    assert!(filler.index.follows(stage.received[1].index));
    assert!(filler.payload().is_empty());
    assert_eq!(stage.send(track, &late), Err(DropReason::Duplicate));
}

// covers: RFC 4588 §4
#[test]
fn a_nack_is_answered_on_the_rtx_stream_with_the_subscribers_number() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    stage.subscribe(track, BOB, 0x2000);
    let mut publisher = Publisher::new(0x1000, 500, 9);
    stage.send_all(track, &publisher.frame(3, true));
    let lost = stage.received[1].clone();
    stage.received.clear();
    stage.feedback(BOB, &nack(0x2000, lost.header.seq));
    stage.feedback(BOB, &nack(0x2000, lost.header.seq));
    let [repair] = &stage.received[..] else { panic!("one answer within a round trip") };
    assert_eq!(repair.header.ssrc, Ssrc::new(0x2001));
    assert_eq!(repair.header.payload_type.wire(), OUT_RTX);
    assert_eq!(repair.header.timestamp, lost.header.timestamp);
    assert_eq!(repair.payload()[..2], lost.header.seq.wire().to_be_bytes());
    assert_eq!(&repair.payload()[2..], lost.payload());

    stage.advance(Duration::from_millis(150));
    stage.feedback(BOB, &nack(0x2000, lost.header.seq));
    assert_eq!(stage.received.len(), 2, "asked again after a round trip");
    assert!(stage.received[1].index.follows(stage.received[0].index), "the RTX stream counts alone");
    let stats = stage.forwarder.sink_stats(lost.sink).expect("the sink exists");
    assert_eq!((stats.nacked, stats.retransmitted, stats.packets), (3, 2, 3));
}

#[test]
fn what_cannot_be_repaired_is_counted_and_not_sent() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    stage.subscribe(track, BOB, 0x2000);
    let plain = Arc::new(parameters("v", vec![format(OUT_VP8, Codec::Vp8)], &[]));
    let without_rtx = stage.add_sink(CAROL, 0x3000, plain);
    stage.connect(track, without_rtx);
    let mut publisher = Publisher::new(0x1000, 500, 9);
    stage.send_all(track, &publisher.frame(1, true));
    let to = |session| {
        let found = stage.received.iter().find(|packet| packet.session == session);
        found.map(|packet| packet.header.seq).expect("media flowed")
    };
    let (bob, carol) = (to(BOB), to(CAROL));
    stage.received.clear();
    stage.feedback(CAROL, &nack(0x3000, carol));
    stage.feedback(BOB, &nack(0x2000, SeqNo::new(bob.wire().wrapping_add(1))));
    stage.feedback(CAROL, &nack(0x2000, bob));
    stage.send_all(track, &publisher.frame(1, true));
    stage.received.clear();
    stage.advance(Duration::from_secs(4));
    stage.feedback(BOB, &nack(0x2000, bob));
    assert!(stage.received.is_empty(), "only the newest keyframe outlives the ring");
    assert_eq!(stage.forwarder.drops().get(DropReason::RepairMissing), 3, "a foreign stream is not one");
}

#[test]
fn a_request_does_not_survive_a_change_of_source() {
    let mut stage = Stage::new(1);
    let (alice, carol) = (stage.publish(ALICE), stage.publish(CAROL));
    let sink = stage.subscribe(alice, BOB, 0x2000);
    for (track, ssrc) in [(alice, 0x1000), (carol, 0x7000)] {
        stage.send_all(track, &Publisher::new(ssrc, 500, 9).frame(1, true));
    }
    let lost = stage.received[0].header.seq;
    stage.forwarder.handle_feedback(BOB, &nack(0x2000, lost), stage.now);
    stage.disconnect(sink);
    stage.connect(carol, sink);
    stage.received.clear();
    stage.send_all(carol, &Publisher::new(0x7000, 501, 9).frame(1, true));
    let lost = stage.received[0].clone();
    stage.feedback(BOB, &nack(0x2000, lost.header.seq));
    let [_, repair] = &stage.received[..] else { panic!("a packet and its repair, nothing else") };
    assert_eq!(repair.header.ssrc, Ssrc::new(0x2001));
    assert_eq!(repair.payload()[..2], lost.header.seq.wire().to_be_bytes());
}

#[test]
fn losses_are_asked_for_and_their_repairs_fit() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    stage.subscribe(track, BOB, 0x2000);
    let mut publisher = Publisher::new(0x1000, 0xfffe, 9);
    let frame = publisher.frame(6, true);
    stage.send(track, &frame[0]).expect("fresh");
    stage.send_all(track, &frame[2..]);
    let nacks: Vec<_> = stage
        .take_reports(ALICE)
        .into_iter()
        .filter_map(|report| match report {
            Report::Nack { lost, .. } => Some(lost),
            _ => None,
        })
        .collect();
    assert_eq!(nacks, [vec![SeqNo::new(0xffff)]]);
    let repair = publisher.retransmit(SeqNo::new(0xffff)).expect("it was sent");
    stage.send(track, &repair).expect("it fills the gap");
    let repaired = stage.received.last().expect("media flowed");
    assert!(repaired.index.follows(stage.received[0].index));
    assert_eq!(repaired.number(0), Some(1));
    assert_eq!(stage.send(track, &frame[1]), Err(DropReason::Duplicate), "the original came after all");
    stage.advance(Duration::from_secs(1));
    let asked_again = stage.take_reports(ALICE).into_iter().any(|r| matches!(r, Report::Nack { .. }));
    assert!(!asked_again);
}
