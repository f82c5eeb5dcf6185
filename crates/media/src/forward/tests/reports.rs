//! Sender and reception reports, round trips, and feedback on the transport.

use super::parameters::{format, parameters};
use super::publisher::{FRAME_TICKS, Publisher, VP8};
use super::stage::{ALICE, BOB, CAROL, Stage};
use crate::codec::Codec;
use crate::forward::DropReason;
use crate::id::SessionId;
use crate::rtp::rtcp::{Feedback, ReceptionReport, Report};
use crate::rtp::{Bitrate, Format, NtpTime, RtpTime, Ssrc};
use std::sync::Arc;
use std::time::Duration;

const NTP: NtpTime = NtpTime::new(0x1122_3344_5566_7788);

fn sender_report(publisher: &Publisher) -> Feedback {
    let (ssrc, rtp) = (publisher.ssrc, publisher.timestamp);
    Feedback::SenderReport { ssrc, ntp: NTP, rtp, packets: 9_999, octets: 9_999 }
}

fn sender_reports(stage: &mut Stage, session: SessionId) -> Vec<(NtpTime, RtpTime, u32, u32)> {
    let reports = stage.take_reports(session).into_iter();
    reports
        .filter_map(|report| match report {
            Report::SenderReport { ntp, rtp, packets, octets, cname, .. } => {
                assert_eq!(&*cname, "alice");
                Some((ntp, rtp, packets, octets))
            }
            _ => None,
        })
        .collect()
}

// covers: RFC 3550 §6.4.1
#[test]
fn a_sender_report_reaches_each_subscriber_on_its_own_clock() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    stage.subscribe(track, BOB, 0x2000);
    let mut publisher = Publisher::new(0x1000, 500, u32::MAX);
    stage.send_all(track, &publisher.frame(2, true));
    let shown = stage.received[0].header.timestamp;
    stage.outputs.clear();
    stage.feedback(ALICE, &sender_report(&publisher));
    assert_eq!(sender_reports(&mut stage, BOB), [(NTP, shown, 2, 12)], "the sink's own counts");

    stage.subscribe(track, CAROL, 0x3000);
    let late = stage.received.last().expect("media flowed");
    assert_eq!(late.session, CAROL);
    let relation = late.header.timestamp;
    assert_eq!(sender_reports(&mut stage, CAROL), [(NTP, relation, 1, 6)], "with the first packet");
    stage.send_all(track, &publisher.frame(1, false));
    let live = stage.received.last().expect("media flowed").header.timestamp;
    assert_eq!(live.wrapping_since(relation), FRAME_TICKS, "which is live's");
}

#[test]
fn the_round_trip_comes_from_the_subscribers_report() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    let sink = stage.subscribe(track, BOB, 0x2000);
    let mut publisher = Publisher::new(0x1000, 500, 0);
    stage.send_all(track, &publisher.frame(1, true));
    stage.feedback(ALICE, &sender_report(&publisher));
    stage.advance(Duration::from_millis(530));
    let report = ReceptionReport {
        ssrc: Ssrc::new(0x2000),
        fraction_lost: 7,
        lost: -3,
        highest: 0,
        jitter: 900,
        last_sr: NTP.middle(),
        delay_since_sr: 32_768,
    };
    stage.feedback(BOB, &Feedback::Reception(report));
    for _ in 0..2 {
        stage.feedback(BOB, &Feedback::Pli { media_ssrc: Ssrc::new(0x2000) });
    }
    stage.feedback(BOB, &Feedback::Fir { media_ssrc: Ssrc::new(0x2000), seq: 1 });
    let stats = stage.forwarder.sink_stats(sink).expect("the sink exists");
    assert_eq!((stats.pli, stats.fir, stats.fraction_lost), (2, 1, 7));
    let asked = stage.forwarder.track_stats(track).next().expect("it sends");
    assert_eq!((asked.pli, asked.fir), (1, 0), "three wishes are one request, which the publisher knows");
    assert_eq!(stats.round_trip, Some(Duration::from_millis(30)));
    assert_eq!((stats.packets_lost, stats.jitter), (-3, Duration::from_millis(10)));
}

#[test]
fn a_publisher_is_reported_on_every_second_while_it_sends() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    let mut publisher = Publisher::new(0x1000, 500, 0);
    for frame in 0..300 {
        let packets = publisher.frame(2, frame == 0);
        stage.send(track, &packets[0]).expect("fresh");
        if frame % 10 != 0 {
            stage.send(track, &packets[1]).expect("fresh");
        }
        if frame == 150 {
            stage.feedback(ALICE, &sender_report(&publisher));
        }
        stage.advance(Duration::from_millis(33));
    }
    let blocks: Vec<_> = stage
        .take_reports(ALICE)
        .into_iter()
        .filter_map(|report| match report {
            Report::Reception(block) => Some(block),
            _ => None,
        })
        .collect();
    assert!((7..=15).contains(&blocks.len()), "{} reports in ten seconds", blocks.len());
    let last = blocks.last().expect("some");
    assert_eq!((last.ssrc, last.last_sr), (Ssrc::new(0x1000), NTP.middle()));
    assert!((8..=18).contains(&last.fraction_lost), "5 % in 256ths, {}", last.fraction_lost);
    assert!((25..=30).contains(&last.lost), "{}", last.lost);
    let stats = stage.forwarder.track_stats(track).next().expect("it sends");
    assert_eq!(stats.fraction_lost, last.fraction_lost);
    stage.advance(Duration::from_secs(10));
    let after = stage.take_reports(ALICE);
    assert!(after.iter().filter(|report| matches!(report, Report::Reception(_))).count() <= 1);
}

#[test]
fn transport_feedback_counts_probes_and_retransmissions_too() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    let mut publisher = Publisher::new(0x1000, 500, 0);
    let frame = publisher.frame(1, true);
    stage.send_all(track, &frame);
    assert_eq!(stage.send(track, &publisher.probe()), Err(DropReason::PaddingOnly));
    let repair = publisher.retransmit(frame[0].index.seq()).expect("it was sent");
    assert_eq!(stage.send(track, &repair), Err(DropReason::Duplicate));
    stage.advance(Duration::from_millis(60));
    let arrivals: Vec<_> = stage
        .take_reports(ALICE)
        .into_iter()
        .filter_map(|report| match report {
            Report::TransportFeedback(feedback) => Some((feedback.base, feedback.arrivals)),
            _ => None,
        })
        .collect();
    assert_eq!(arrivals, [(0xfff0, vec![Some(0), Some(0), Some(0)])]);
}

#[test]
fn a_publisher_that_knows_only_remb_gets_a_cap_above_what_it_sends() {
    let mut stage = Stage::new(1);
    let vp8 = Format { transport_cc: false, remb: true, ..format(VP8, Codec::Vp8) };
    let track = stage.publish_with(ALICE, Arc::new(parameters("0", vec![vp8], &[])));
    let mut publisher = Publisher::new(0x1000, 500, 0);
    for _ in 0..60 {
        stage.send_all(track, &publisher.frame(2, false));
        stage.advance(Duration::from_millis(33));
    }
    let caps: Vec<_> = stage
        .take_reports(ALICE)
        .into_iter()
        .filter_map(|report| match report {
            Report::Remb { bitrate, ssrcs } => Some((bitrate, ssrcs)),
            Report::TransportFeedback(_) => panic!("it was not negotiated"),
            _ => None,
        })
        .collect();
    assert_eq!(caps, [(Bitrate::bps(1_000_000), vec![Ssrc::new(0x1000)])]);
}

#[test]
fn what_is_sent_over_the_last_second_is_known_while_it_is_sent() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    let sink = stage.subscribe(track, BOB, 0x2000);
    let mut publisher = Publisher::new(0x1000, 500, 0);
    for frame in 0..200 {
        stage.send_all(track, &publisher.frame(10, frame == 0));
        stage.advance(Duration::from_millis(20));
    }
    // 10 packets of 6 bytes, 50 times a second.
    let rate = stage.forwarder.sink_stats(sink).expect("the sink exists").bitrate;
    let rate = rate.expect("four seconds have passed").as_bps();
    assert!((23_000..=25_000).contains(&rate), "{rate} bit/s");
    stage.advance(Duration::from_secs(5));
    assert_eq!(stage.forwarder.sink_stats(sink).expect("the sink exists").bitrate, None);
}
