//! Requests for keyframes.

use super::parameters::{format, parameters};
use super::publisher::{Publisher, VP8};
use super::stage::{ALICE, BOB, CAROL, Stage};
use crate::codec::Codec;
use crate::rtp::rtcp::{Feedback, Report};
use crate::rtp::{Format, Ssrc};
use std::sync::Arc;
use std::time::Duration;

fn requests(stage: &mut Stage) -> Vec<Report> {
    let mut reports = stage.take_reports(ALICE);
    reports.retain(|report| matches!(report, Report::Pli { .. } | Report::Fir { .. }));
    reports
}

fn pli(ssrc: u32) -> Feedback {
    Feedback::Pli { media_ssrc: Ssrc::new(ssrc) }
}

#[test]
fn many_plis_are_one_request_until_the_keyframe_comes() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    stage.subscribe(track, BOB, 0x2000);
    stage.subscribe(track, CAROL, 0x3000);
    let mut publisher = Publisher::new(0x1000, 500, 0);
    stage.send_all(track, &publisher.frame(1, true));
    stage.feedback(BOB, &pli(0x2000));
    stage.advance(Duration::from_millis(99));
    stage.feedback(BOB, &pli(0x2000));
    assert_eq!(requests(&mut stage), [], "the keyframe that is on its way answers it");
    stage.advance(Duration::from_millis(1));
    let request = Report::Pli { media_ssrc: Ssrc::new(0x1000) };
    for _ in 0..10 {
        stage.feedback(BOB, &pli(0x2000));
        stage.feedback(CAROL, &pli(0x3000));
        stage.send_all(track, &publisher.frame(1, false));
        stage.advance(Duration::from_millis(10));
    }
    assert_eq!(requests(&mut stage), std::slice::from_ref(&request));
    stage.advance(Duration::from_millis(450));
    assert_eq!(requests(&mut stage), std::slice::from_ref(&request), "it went unanswered");
    stage.send_all(track, &publisher.frame(1, true));
    stage.advance(Duration::from_millis(1_500));
    assert_eq!(requests(&mut stage), [], "the keyframe ended it");
    stage.feedback(BOB, &Feedback::Fir { media_ssrc: Ssrc::new(0x2000), seq: 1 });
    assert_eq!(requests(&mut stage), [request], "a FIR becomes what the publisher knows");
    for _ in 0..300 {
        stage.send_all(track, &publisher.frame(1, false));
        stage.advance(Duration::from_millis(200));
    }
    assert_eq!(requests(&mut stage).len(), 9, "a publisher that never answers is left alone");
    stage.feedback(BOB, &pli(0x2000));
    stage.advance(Duration::from_secs(60));
    assert_eq!(requests(&mut stage).len(), 3, "one that has stopped sending is, too");
}

// covers: RFC 5104 §4.3.1.2
#[test]
fn a_publisher_without_pli_gets_fir_whose_number_moves_with_new_commands_only() {
    let mut stage = Stage::new(1);
    let vp8 = Format { pli: false, ..format(VP8, Codec::Vp8) };
    let track = stage.publish_with(ALICE, Arc::new(parameters("0", vec![vp8], &[])));
    stage.subscribe(track, BOB, 0x2000);
    let mut publisher = Publisher::new(0x1000, 500, 0);
    stage.send_all(track, &publisher.frame(1, true));
    stage.advance(Duration::from_millis(200));
    stage.feedback(BOB, &pli(0x2000));
    stage.advance(Duration::from_millis(600));
    stage.send_all(track, &publisher.frame(1, true));
    stage.advance(Duration::from_millis(600));
    stage.feedback(BOB, &pli(0x2000));
    let media_ssrc = Ssrc::new(0x1000);
    let expected = [1, 1, 2].map(|seq| Report::Fir { media_ssrc, seq });
    assert_eq!(requests(&mut stage), expected);
}
