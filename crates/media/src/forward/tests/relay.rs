//! One track, two forwarders: the one that receives it and one that it is relayed to.

use super::publisher::Publisher;
use super::stage::{ALICE, BOB, CAROL, OUT_RTX, Stage};
use crate::forward::{DropReason, Output, RelayTo};
use crate::id::{RelayId, TrackId};
use crate::rtp::rtcp::{Feedback, Report};
use crate::rtp::{ExtSeq, NtpTime, Ssrc};
use std::time::Duration;

pub(super) const TO: RelayTo = RelayTo { worker: 1, relay: RelayId::new(7) };
const NTP: NtpTime = NtpTime::new(0x1122_3344_5566_7788);

/// A track at both, and the time at both the same.
pub(super) fn joined(near: &mut Stage, far: &mut Stage, track: TrackId) -> TrackId {
    far.now = near.now;
    let relayed = near.forwarder.begin_relay(track, TO, near.now).expect("the track exists");
    far.forwarder.add_relayed_track(relayed, far.now)
}

fn numbers(stage: &Stage) -> Vec<(ExtSeq, Option<u32>)> {
    stage.received.iter().map(|packet| (packet.index, packet.number(0))).collect()
}

#[test]
fn a_relayed_stream_keeps_its_holes_for_late_repairs_and_skips_probes() {
    let (mut near, mut far) = (Stage::new(1), Stage::new(2));
    let track = near.publish(ALICE);
    let mut publisher = Publisher::new(0x1000, 500, 9);
    near.send_all(track, &publisher.frame(3, false));
    let there = joined(&mut near, &mut far, track);
    far.subscribe(there, BOB, 0x2000);
    let [first, lost, last] = &publisher.frame(3, true)[..] else { panic!("three packets") };
    for packet in [first, last] {
        near.send_in_batch(track, packet).expect("a fresh packet is taken");
    }
    near.settle_with(&mut far, there);
    for stage in [&mut near, &mut far] {
        stage.advance(Duration::from_millis(10));
    }
    let repair = publisher.retransmit(lost.header().seq).expect("it was sent");
    near.send_in_batch(track, &repair).expect("a repair is taken");
    near.send_in_batch(track, &publisher.probe()).expect_err("a probe is swallowed");
    near.send_in_batch(track, &publisher.frame(1, false)[0]).expect("a fresh packet is taken");
    near.settle_with(&mut far, there);

    assert_eq!(near.received.len(), 0, "nobody is connected here");
    let got = numbers(&far);
    let begin = got[0].0;
    let expected = [(0, 3), (2, 5), (1, 4), (3, 6)].map(|(index, number)| (begin.plus(index), Some(number)));
    assert_eq!(got, expected, "what was before the relay is not missed");
    assert_eq!(near.take_reports(ALICE).iter().filter(|r| matches!(r, Report::Nack { .. })).count(), 1);
    assert!(!far.outputs.iter().any(|o| matches!(o, Output::Rtcp { session: ALICE, .. })), "not its to say");
}

#[test]
fn a_subscriber_s_nack_is_answered_from_the_ring_beside_it() {
    let (mut near, mut far) = (Stage::new(1), Stage::new(2));
    let track = near.publish(ALICE);
    let there = joined(&mut near, &mut far, track);
    far.subscribe(there, BOB, 0x2000);
    let mut publisher = Publisher::new(0x1000, 500, 9);
    for packet in publisher.frame(2, true) {
        near.send_in_batch(track, &packet).expect("a fresh packet is taken");
    }
    near.settle_with(&mut far, there);
    let lost = far.received[1].header.seq;
    far.feedback(BOB, &Feedback::Nack { media_ssrc: Ssrc::new(0x2000), lost: vec![lost] });
    let repair = far.received.last().expect("it was repeated");
    assert_eq!((repair.header.payload_type.wire(), repair.number(2)), (OUT_RTX, Some(1)));
    assert_eq!(far.forwarder.drops().get(DropReason::RepairMissing), 0);
}

// covers: RFC 3550 §6.4.1
#[test]
fn sender_reports_carry_the_publisher_s_clocks_over_exactly_also_to_whoever_comes_later() {
    let (mut near, mut far) = (Stage::new(1), Stage::new(2));
    let track = near.publish(ALICE);
    let mut publisher = Publisher::new(0x1000, 500, u32::MAX - 10_000);
    near.send_all(track, &publisher.frame(1, false));
    let report = |publisher: &Publisher| Feedback::SenderReport {
        ssrc: publisher.ssrc,
        ntp: NTP,
        rtp: publisher.timestamp,
        packets: 1,
        octets: 1,
    };
    near.forwarder.handle_feedback(ALICE, &report(&publisher), near.now);
    let there = joined(&mut near, &mut far, track);
    far.subscribe(there, BOB, 0x2000);
    let before = publisher.timestamp;
    near.send_in_batch(track, &publisher.frame(1, true)[0]).expect("a fresh packet is taken");
    near.settle_with(&mut far, there);
    let relation = |stage: &mut Stage, session| {
        let reports = stage.take_reports(session).into_iter();
        let found = reports.filter_map(|report| match report {
            Report::SenderReport { ntp, rtp, .. } => Some((ntp, rtp)),
            _ => None,
        });
        found.collect::<Vec<_>>()
    };
    let behind = publisher.timestamp.wrapping_since(before);
    let shown = far.received[0].header.timestamp;
    assert_eq!(relation(&mut far, BOB), [(NTP, shown.plus(behind.wrapping_neg()))], "known before");

    near.forwarder.handle_feedback(ALICE, &report(&publisher), near.now);
    near.settle_with(&mut far, there);
    assert_eq!(relation(&mut far, BOB), [(NTP, shown)], "and at once when it is said anew");
}

#[test]
fn wishes_for_a_keyframe_go_back_as_one_and_the_publisher_s_end_is_the_end_everywhere() {
    let (mut near, mut far) = (Stage::new(1), Stage::new(2));
    let track = near.publish(ALICE);
    let mut publisher = Publisher::new(0x1000, 500, 9);
    near.send_all(track, &publisher.frame(1, false));
    let there = joined(&mut near, &mut far, track);
    for (session, ssrc) in [(BOB, 0x2000), (CAROL, 0x3000)] {
        far.subscribe(there, session, ssrc);
        far.feedback(session, &Feedback::Pli { media_ssrc: Ssrc::new(ssrc) });
    }
    let wish = Output::RelayedKeyframeWish { track: there, encoding: 0 };
    assert_eq!(far.outputs.iter().filter(|output| **output == wish).count(), 1, "it flows already");
    near.forwarder.handle_keyframe_wish(track, 0, near.now);
    near.settle();
    assert!(matches!(near.take_reports(ALICE)[..], [Report::Pli { .. }]));
    near.send_in_batch(track, &publisher.frame(1, true)[0]).expect("a fresh packet is taken");
    near.settle_with(&mut far, there);
    far.advance(Duration::from_secs(1));
    assert_eq!(far.outputs.iter().filter(|output| **output == wish).count(), 1, "it was granted");

    let ended = |stage: &Stage, session| {
        let flow =
            |o: &&Output| matches!(o, Output::Flowing { session: s, flowing: false, .. } if *s == session);
        stage.outputs.iter().filter(flow).count()
    };
    near.forwarder.handle_feedback(ALICE, &Feedback::Bye { ssrcs: vec![publisher.ssrc] }, near.now);
    near.settle_with(&mut far, there);
    assert_eq!((ended(&near, ALICE), ended(&far, BOB), ended(&far, CAROL)), (1, 1, 1));
}
