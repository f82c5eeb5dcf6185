//! A publisher changes its SSRC, and a subscriber its source.

use super::publisher::{FRAME_TICKS, Publisher};
use super::stage::{ALICE, BOB, CAROL, Received, Stage};
use crate::forward::{DropReason, Output};
use crate::rtp::rtcp::{Feedback, Report};
use crate::rtp::{NtpTime, RtpTime};
use std::time::Duration;

const FRAME_TIME: Duration = Duration::from_millis(33);

fn sender_report(publisher: &Publisher, ntp: u64) -> Feedback {
    Feedback::SenderReport {
        ssrc: publisher.ssrc,
        ntp: NtpTime::new(ntp),
        rtp: publisher.timestamp,
        packets: 1,
        octets: 1,
    }
}

fn mapped(stage: &mut Stage) -> Vec<(NtpTime, RtpTime)> {
    let reports = stage.take_reports(BOB).into_iter();
    reports
        .filter_map(|report| match report {
            Report::SenderReport { ntp, rtp, .. } => Some((ntp, rtp)),
            _ => None,
        })
        .collect()
}

fn assert_goes_on(before: &Received, after: &Received) {
    assert!(after.index.follows(before.index), "no hole and no repetition in the numbers");
    assert!(after.header.timestamp.is_after(before.header.timestamp), "the clock goes forward");
}

// covers: DESIGN.md "Sender reports carry the publisher's NTP/RTP relation over"
#[test]
fn a_new_ssrc_of_the_publisher_goes_on_where_the_old_one_ended() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    stage.subscribe(track, BOB, 0x2000);
    let mut old = Publisher::new(0x1000, 700, 1_000_000);
    let straggler = {
        stage.send_all(track, &old.frame(1, true));
        let frame = old.frame(3, false);
        stage.send(track, &frame[0]).expect("fresh");
        stage.send(track, &frame[2]).expect("fresh");
        frame[1].clone()
    };
    let beyond = old.frame(1, false);
    let before = stage.received.last().expect("media flowed").clone();

    stage.advance(FRAME_TIME);
    let mut new = Publisher::new(0x7000, 40_000, 5);
    stage.send_all(track, &new.frame(1, true));
    let after = stage.received.last().expect("media flowed").clone();
    assert_goes_on(&before, &after);
    let ticks = after.header.timestamp.wrapping_since(before.header.timestamp);
    assert!((2_900..=3_100).contains(&ticks), "by the time that passed, {ticks}");

    stage.send(track, &straggler).expect("a late packet of the old SSRC still fits");
    let late = stage.received.last().expect("media flowed");
    assert_eq!((before.index.since(late.index), late.number(0)), (1, Some(2)));
    assert_eq!(late.header.timestamp, before.header.timestamp);
    assert_eq!(stage.send(track, &beyond[0]), Err(DropReason::TooLate), "beyond its end it does not");

    stage.outputs.clear();
    stage.feedback(ALICE, &sender_report(&old, 77 << 32));
    assert_eq!(mapped(&mut stage), [], "the old SSRC's clock is over");
    stage.feedback(ALICE, &sender_report(&new, 78 << 32));
    assert_eq!(mapped(&mut stage), [(NtpTime::new(78 << 32), after.header.timestamp)]);
}

#[test]
fn packets_from_before_a_new_ssrc_began_do_not_fill_the_old_ones_holes() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    stage.subscribe(track, BOB, 0x2000);
    let mut old = Publisher::new(0x1000, 700, 9);
    let frame = old.frame(3, true);
    stage.send(track, &frame[0]).expect("fresh");
    stage.send(track, &frame[2]).expect("fresh");
    let mut new = Publisher::new(0x7000, 40_000, 5);
    let frame = new.frame(3, true);
    stage.send(track, &frame[2]).expect("fresh");
    let sent = stage.received.len();
    assert_eq!(stage.send(track, &frame[1]), Err(DropReason::TooLate));
    let repair = new.retransmit(frame[1].index.seq()).expect("it was sent");
    assert_eq!(stage.send(track, &repair), Err(DropReason::TooLate));
    assert_eq!(stage.received.len(), sent);
}

#[test]
fn nothing_of_the_old_ssrc_is_asked_for_repaired_or_reported_after_the_change() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    stage.subscribe(track, BOB, 0x2000);
    // The old stream's numbers are those of the new one's hole.
    let (mut old, mut new) = (Publisher::new(0x1000, 40_000, 9), Publisher::new(0x7000, 40_000, 5));
    let frame = old.frame(4, true);
    stage.send(track, &frame[0]).expect("fresh");
    stage.send(track, &frame[2]).expect("fresh");
    let repair = old.retransmit(frame[0].index.seq()).expect("it was sent");
    assert_eq!(stage.send(track, &repair), Err(DropReason::Duplicate));
    stage.feedback(ALICE, &sender_report(&old, 77 << 32));

    let frame = new.frame(3, true);
    stage.send(track, &frame[0]).expect("fresh");
    stage.send(track, &frame[2]).expect("fresh");
    let sent = stage.received.len();
    let stray = old.retransmit(frame[1].index.seq()).expect("it was sent");
    assert_eq!(stage.send(track, &stray), Err(DropReason::TooLate), "another stream's packet");
    assert_eq!(stage.received.len(), sent);

    stage.subscribe(track, CAROL, 0x3000);
    stage.send_all(track, &new.frame(1, true));
    assert!(
        !stage.take_reports(CAROL).iter().any(|report| matches!(report, Report::SenderReport { .. })),
        "the old clock says nothing of the new stream"
    );
    stage.outputs.clear();
    // Long enough for what was asked for before the change to be due again.
    stage.advance(Duration::from_millis(250));
    let nacks: Vec<_> = stage
        .take_reports(ALICE)
        .into_iter()
        .filter_map(|report| match report {
            Report::Nack { lost, .. } => Some(lost),
            _ => None,
        })
        .flatten()
        .collect();
    assert!(!nacks.is_empty(), "the new stream's loss is asked for");
    assert!(nacks.iter().all(|lost| *lost == frame[1].index.seq()), "the old one's is not: {nacks:?}");
}

#[test]
fn a_repair_far_ahead_of_its_stream_is_refused() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    stage.subscribe(track, BOB, 0x2000);
    let mut publisher = Publisher::new(0x1000, 700, 9);
    let frame = publisher.frame(400, true);
    stage.send(track, &frame[0]).expect("fresh");
    let near = publisher.retransmit(frame[200].index.seq()).expect("it was sent");
    let far = publisher.retransmit(frame[399].index.seq()).expect("it was sent");
    assert_eq!(stage.send(track, &far), Err(DropReason::TooLate));
    assert_eq!(stage.send(track, &near), Ok(()), "the tail of a burst may be repaired first");
}

#[test]
fn a_new_ssrc_that_begins_without_a_keyframe_is_asked_for_one() {
    for (begins_with_key, expected) in [(true, 0), (false, 1)] {
        let mut stage = Stage::new(1);
        let track = stage.publish(ALICE);
        stage.subscribe(track, BOB, 0x2000);
        stage.send_all(track, &Publisher::new(0x1000, 700, 9).frame(1, true));
        stage.send_all(track, &Publisher::new(0x7000, 40_000, 5).frame(1, begins_with_key));
        let reports = stage.take_reports(ALICE);
        let requests = reports.iter().filter(|report| matches!(report, Report::Pli { .. })).count();
        assert_eq!(requests, expected);
    }
}

#[test]
fn a_first_stream_whose_keyframe_was_lost_is_asked_for_one() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    stage.subscribe(track, BOB, 0x2000);
    let mut publisher = Publisher::new(0x1000, 700, 9);
    let lost = publisher.frame(1, true);
    stage.send_all(track, &publisher.frame(1, false));
    let asked = |reports: Vec<Report>| reports.iter().any(|report| matches!(report, Report::Pli { .. }));
    assert!(asked(stage.take_reports(ALICE)), "nobody could decode what follows {:?}", lost[0].index);
}

#[test]
fn a_stream_that_was_replaced_comes_back_only_after_silence() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    stage.subscribe(track, BOB, 0x2000);
    let (mut one, mut other) = (Publisher::new(0x1000, 700, 9), Publisher::new(0x7000, 40_000, 5));
    stage.send_all(track, &one.frame(1, true));
    stage.send_all(track, &other.frame(1, true));
    assert_eq!(stage.send(track, &one.frame(1, true)[0]), Err(DropReason::TooLate));
    stage.advance(Duration::from_secs(1));
    let before = stage.received.last().expect("media flowed").clone();
    stage.send_all(track, &one.frame(1, true));
    assert_goes_on(&before, stage.received.last().expect("media flowed"));
}

#[test]
fn a_subscriber_that_changes_its_source_sees_one_stream() {
    let mut stage = Stage::new(1);
    let (alice, carol) = (stage.publish(ALICE), stage.publish(CAROL));
    let sink = stage.subscribe(alice, BOB, 0x2000);
    let (mut first, mut second) = (Publisher::new(0x1000, 700, 9), Publisher::new(0x7000, 9, 1 << 31));
    stage.send_all(alice, &first.frame(2, true));
    stage.send_all(carol, &second.frame(2, true));
    stage.outputs.clear();
    stage.advance(Duration::from_millis(1_500));
    stage.send_all(alice, &first.frame(1, false));
    stage.send_all(carol, &second.frame(1, false));
    let before = stage.received.last().expect("media flowed").clone();
    stage.advance(FRAME_TIME);
    stage.connect(carol, sink);
    stage.send_all(alice, &first.frame(1, false));
    let kept = stage.received.last().expect("media flowed").clone();
    assert_goes_on(&before, &kept);
    assert_eq!(kept.number(0), Some(3), "the old picture goes on until the new one's keyframe");
    let before = kept;
    assert!(
        stage.take_reports(CAROL).iter().any(|report| matches!(report, Report::Pli { .. })),
        "the new source is asked for a keyframe"
    );
    let told = |output: &Output| matches!(output, Output::Flowing { session, .. } if *session == BOB);
    assert!(!stage.outputs.iter().any(told), "media flows on, so nobody is told that it stopped");
    stage.feedback(CAROL, &sender_report(&second, 5 << 32));
    stage.send_all(carol, &second.frame(1, true));
    let after = stage.received.last().expect("media flowed").clone();
    assert_goes_on(&before, &after);
    let one_frame_earlier = RtpTime::new(after.header.timestamp.wire().wrapping_sub(FRAME_TICKS));
    assert_eq!(mapped(&mut stage), [(NtpTime::new(5 << 32), one_frame_earlier)], "with the first packet");
}

#[test]
fn who_waited_too_long_for_another_source_comes_back_with_a_keyframe() {
    let mut stage = Stage::new(1);
    let (alice, carol) = (stage.publish(ALICE), stage.publish(CAROL));
    let sink = stage.subscribe(alice, BOB, 0x2000);
    let (mut first, mut second) = (Publisher::new(0x1000, 700, 9), Publisher::new(0x7000, 9, 1 << 31));
    stage.send_all(alice, &first.frame(2, true));
    stage.send_all(carol, &second.frame(2, true));
    stage.advance(Duration::from_millis(1_500));
    stage.send_all(alice, &first.frame(1, false));
    stage.send_all(carol, &second.frame(1, false));
    stage.connect(carol, sink);
    // Carol falls silent, and Alice goes on.
    for _ in 0..120 {
        stage.advance(FRAME_TIME);
        stage.send_all(alice, &first.frame(1, false));
    }
    let before = stage.received.last().expect("media flowed").clone();
    assert!(stage.received.len() < 100, "after three seconds nothing of hers is shown any more");
    stage.take_reports(ALICE);
    stage.connect(alice, sink);
    stage.send_all(alice, &first.frame(1, false));
    assert_eq!(stage.received.last().map(|last| last.index), Some(before.index), "it has missed some");
    let asked = stage.take_reports(ALICE).iter().any(|report| matches!(report, Report::Pli { .. }));
    assert!(asked, "so Alice is asked for a keyframe");
    let key = first.number;
    stage.send_all(alice, &first.frame(1, true));
    let after = stage.received.last().expect("media flowed");
    assert_goes_on(&before, after);
    assert_eq!(after.number(0), Some(key));
}
