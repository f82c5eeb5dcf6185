//! Limits on what publishers may send: of their owners, and of their only subscriber.

use super::parameters::{format, parameters, pt};
use super::publisher::{Publisher, RTX, VP8, video};
use super::relay::{TO, joined};
use super::stage::{ALICE, BOB, CAROL, Stage};
use crate::codec::Codec;
use crate::forward::{Demand, Output};
use crate::id::TrackId;
use crate::rtp::rtcp::{Feedback, Report};
use crate::rtp::{Bitrate, BitrateLimits, Extension, Format, RtpParameters};
use std::sync::Arc;
use std::time::Duration;

const FRAME: Duration = Duration::from_millis(33);

/// What Chromium and Keel agree on: transport-wide feedback, and REMB beside it.
fn chromium() -> Arc<RtpParameters> {
    let vp8 = Format { rtx: Some(pt(RTX)), remb: true, ..format(VP8, Codec::Vp8) };
    Arc::new(parameters("0", vec![vp8], &[(5, Extension::TransportSequenceNumber)]))
}

fn at_most(kbps: u64) -> BitrateLimits {
    BitrateLimits { min: None, max: Some(Bitrate::bps(kbps * 1_000)) }
}

fn at_least(kbps: u64) -> BitrateLimits {
    BitrateLimits { min: Some(Bitrate::bps(kbps * 1_000)), max: None }
}

fn remb(kbps: u64) -> Feedback {
    Feedback::Remb { bitrate: Bitrate::bps(kbps * 1_000) }
}

/// The caps in kbit/s that alice was told while she sent for a second and a half, without repetitions.
fn told(stage: &mut Stage, track: TrackId, publisher: &mut Publisher) -> Vec<u64> {
    for _ in 0..45 {
        stage.send_all(track, &publisher.frame(1, false));
        stage.advance(FRAME);
    }
    let reports = stage.take_reports(ALICE).into_iter();
    let mut caps: Vec<u64> = reports
        .filter_map(|report| match report {
            Report::Remb { bitrate, .. } => Some(bitrate.as_bps() / 1_000),
            _ => None,
        })
        .collect();
    caps.dedup();
    caps
}

#[test]
fn the_owners_maximum_reaches_a_publisher_that_estimates_by_itself() {
    let mut stage = Stage::new(1);
    let track = stage.publish_with(ALICE, chromium());
    let mut publisher = Publisher::new(0x1000, 500, 0);
    assert_eq!(told(&mut stage, track, &mut publisher), [0; 0], "without a limit its estimate is its own");
    stage.forwarder.limit_track(track, at_most(300));
    assert_eq!(told(&mut stage, track, &mut publisher), [300]);
    let given = stage.forwarder.track_stats(track).next().expect("it sends").remb;
    assert_eq!(given, Some(Bitrate::bps(300_000)));
    stage.forwarder.limit_track(track, BitrateLimits::default());
    assert_eq!(told(&mut stage, track, &mut publisher), [1_000_000], "the limit is taken back");
}

#[test]
fn a_publisher_that_did_not_agree_on_remb_is_sent_none() {
    let mut stage = Stage::new(1);
    let track = stage.publish_with(ALICE, video());
    stage.forwarder.limit_track(track, at_most(300));
    assert_eq!(told(&mut stage, track, &mut Publisher::new(0x1000, 500, 0)), [0; 0]);
}

#[test]
fn the_only_subscriber_limits_its_source_and_two_do_not() {
    let mut stage = Stage::new(1);
    let track = stage.publish_with(ALICE, chromium());
    let mut publisher = Publisher::new(0x1000, 500, 0);
    stage.forwarder.limit_track(track, at_most(2_000));
    let bob = stage.subscribe(track, BOB, 0x2000);
    stage.forwarder.limit_sink(bob, at_most(500));
    assert_eq!(told(&mut stage, track, &mut publisher), [500]);
    let carol = stage.subscribe(track, CAROL, 0x3000);
    assert_eq!(told(&mut stage, track, &mut publisher), [2_000], "the weakest does not decide for all");
    stage.disconnect(bob);
    stage.forwarder.limit_sink(carol, at_most(700));
    assert_eq!(told(&mut stage, track, &mut publisher), [700]);
    stage.disconnect(carol);
    assert_eq!(told(&mut stage, track, &mut publisher), [2_000]);
}

#[test]
fn a_subscribers_estimate_is_recorded_and_believed_within_its_limits() {
    let mut stage = Stage::new(1);
    let track = stage.publish_with(ALICE, chromium());
    let mut publisher = Publisher::new(0x1000, 500, 0);
    let bob = stage.subscribe(track, BOB, 0x2000);
    stage.feedback(BOB, &remb(900));
    let stats = stage.forwarder.sink_stats(bob).expect("the sink exists");
    assert_eq!(stats.remb, Some(Bitrate::bps(900_000)));
    assert_eq!(told(&mut stage, track, &mut publisher), [900]);
    stage.feedback(BOB, &remb(0));
    assert_eq!(told(&mut stage, track, &mut publisher), [100], "zero would end the stream for good");
    stage.forwarder.limit_sink(bob, at_least(250));
    assert_eq!(told(&mut stage, track, &mut publisher), [250]);
    stage.forwarder.limit_track(track, at_least(400));
    assert_eq!(told(&mut stage, track, &mut publisher), [400]);
    stage.forwarder.limit_track(track, BitrateLimits { max: at_most(200).max, ..at_least(400) });
    assert_eq!(told(&mut stage, track, &mut publisher), [200], "the maximum holds always");
}

#[test]
fn a_flood_of_estimates_is_a_few_messages() {
    let mut stage = Stage::new(1);
    let track = stage.publish_with(ALICE, chromium());
    stage.subscribe(track, BOB, 0x2000);
    stage.send_all(track, &Publisher::new(0x1000, 500, 0).frame(1, true));
    for place in 0..1_000 {
        stage.feedback(BOB, &remb(1_000 + place));
        stage.advance(Duration::from_millis(1));
    }
    let reports = stage.take_reports(ALICE);
    let sent = reports.iter().filter(|report| matches!(report, Report::Remb { .. })).count();
    assert!((5..=11).contains(&sent), "{sent} in a second");
}

#[test]
fn the_floor_lifts_keels_own_estimate() {
    let mut stage = Stage::new(1);
    let vp8 = Format { transport_cc: false, remb: true, ..format(VP8, Codec::Vp8) };
    let track = stage.publish_with(ALICE, Arc::new(parameters("0", vec![vp8], &[])));
    stage.forwarder.limit_track(track, at_least(3_000));
    assert_eq!(told(&mut stage, track, &mut Publisher::new(0x1000, 500, 0)), [3_000]);
}

#[test]
fn the_only_subscriber_s_limit_holds_for_the_publisher_also_from_another_forwarder() {
    let (mut near, mut far) = (Stage::new(1), Stage::new(2));
    let track = near.publish_with(ALICE, chromium());
    let there = joined(&mut near, &mut far, track);
    let bob = far.subscribe(there, BOB, 0x2000);
    far.forwarder.limit_sink(bob, at_most(400));
    far.settle();
    let demands = far.outputs.iter().filter_map(|output| match output {
        Output::RelayedDemand { demand, .. } => Some(*demand),
        _ => None,
    });
    let demand = demands.collect::<Vec<_>>().pop().expect("it has changed");
    assert_eq!(demand, Demand { sinks: 1, ceiling: Some(Bitrate::bps(400_000)), wanted: demand.wanted });
    near.forwarder.handle_demand(track, TO, demand);
    let mut publisher = Publisher::new(0x1000, 500, 0);
    assert_eq!(told(&mut near, track, &mut publisher), [400]);
    near.subscribe(track, CAROL, 0x3000);
    assert_eq!(told(&mut near, track, &mut publisher), [1_000_000], "the weakest does not decide for two");
}
