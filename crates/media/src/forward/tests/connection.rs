//! Who is connected to whom: beginnings, ends, and nothing left behind.

use super::parameters::{format, parameters};
use super::publisher::{Publisher, VP8};
use super::stage::{ALICE, BOB, CAROL, Stage};
use crate::codec::Codec;
use crate::forward::{DropReason, FlowingStream, Output};
use crate::id::SessionId;
use crate::pipeline::MediaKind;
use crate::rtp::rtcp::Feedback;
use std::sync::Arc;
use std::time::Duration;

/// The flow events so far: whose, incoming, flowing.
fn flows(stage: &mut Stage) -> Vec<(SessionId, bool, bool)> {
    let taken = std::mem::take(&mut stage.outputs).into_iter();
    taken
        .filter_map(|output| match output {
            Output::Flowing { session, kind: MediaKind::Video, stream, flowing } => {
                Some((session, matches!(stream, FlowingStream::Incoming(_)), flowing))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn flow_begins_with_media_and_ends_with_silence_bye_or_disconnection() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    let sink = stage.subscribe(track, BOB, 0x2000);
    let mut publisher = Publisher::new(0x1000, 500, 0);
    assert_eq!(flows(&mut stage), []);
    for _ in 0..100 {
        stage.send_all(track, &publisher.frame(1, true));
        stage.advance(Duration::from_millis(33));
    }
    assert_eq!(flows(&mut stage), [(ALICE, true, true), (BOB, false, true)]);
    stage.advance(Duration::from_millis(1_900));
    assert_eq!(flows(&mut stage), []);
    stage.advance(Duration::from_millis(200));
    let ended = [(ALICE, true, false), (BOB, false, false)];
    assert_eq!(flows(&mut stage), ended);

    stage.send_all(track, &publisher.frame(1, true));
    assert_eq!(flows(&mut stage), [(ALICE, true, true), (BOB, false, true)]);
    stage.feedback(ALICE, &Feedback::Bye { ssrcs: vec![publisher.ssrc] });
    assert_eq!(flows(&mut stage), ended);

    stage.send_all(track, &publisher.frame(1, true));
    stage.outputs.clear();
    stage.disconnect(sink);
    assert_eq!(flows(&mut stage), [(BOB, false, false)]);
    stage.received.clear();
    stage.send_all(track, &publisher.frame(1, true));
    assert!(stage.received.is_empty());
}

#[test]
fn a_missing_codec_is_told_once_and_never_silence() {
    let mut stage = Stage::new(1);
    let formats = vec![format(VP8, Codec::Vp8), format(98, Codec::Vp9)];
    let track = stage.publish_with(ALICE, Arc::new(parameters("0", formats, &[])));
    let none = Arc::new(parameters("v", vec![format(100, Codec::H264)], &[]));
    let other = Arc::new(parameters("v", vec![format(101, Codec::Vp9)], &[]));
    let (none, other) = (stage.add_sink(BOB, 0x2000, none), stage.add_sink(CAROL, 0x3000, other));
    let told = |sink, session| Output::NoCommonCodec { sink, session, kind: MediaKind::Video };
    stage.connect(track, none);
    stage.connect(track, other);
    assert_eq!(stage.outputs, [told(none, BOB)], "told when it is connected");
    stage.outputs.clear();
    let mut publisher = Publisher::new(0x1000, 500, 0);
    stage.send_all(track, &publisher.frame(2, true));
    stage.send_all(track, &publisher.frame(2, true));
    assert!(stage.received.is_empty());
    assert_eq!(stage.forwarder.drops().get(DropReason::NoCommonCodec), 8);
    assert_eq!(stage.outputs.iter().filter(|output| **output == told(other, CAROL)).count(), 1);
    assert_eq!(flows(&mut stage), [(ALICE, true, true)], "nothing flows to either");
}

#[test]
fn a_format_that_comes_and_goes_leaves_no_hole_and_its_absence_is_told() {
    let mut stage = Stage::new(1);
    let formats = vec![format(VP8, Codec::Vp8), format(98, Codec::Vp9)];
    let track = stage.publish_with(ALICE, Arc::new(parameters("0", formats, &[])));
    stage.subscribe(track, BOB, 0x2000);
    let mut publisher = Publisher::new(0x1000, 500, 0);
    stage.send_all(track, &publisher.frame(1, true));
    for _ in 0..100 {
        for mut packet in publisher.frame(1, true) {
            packet.bytes[1] = 0x80 | 98;
            stage.send(track, &packet).expect("fresh");
        }
        stage.advance(Duration::from_millis(33));
    }
    let expected = [(ALICE, true, true), (BOB, false, true), (BOB, false, false)];
    assert_eq!(flows(&mut stage), expected, "it comes in but does not go out");
    stage.send_all(track, &publisher.frame(1, true));
    let [before, after] = &stage.received[..] else { panic!("two packets of VP8") };
    assert!(after.index.follows(before.index));
    assert_eq!(flows(&mut stage), [(BOB, false, true)]);
}

#[test]
fn released_streams_leave_nothing_behind() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    let sink = stage.subscribe(track, BOB, 0x2000);
    let looped = stage.subscribe(track, ALICE, 0x4000);
    let mut publisher = Publisher::new(0x1000, 500, 0);
    let frame = publisher.frame(4, true);
    stage.send(track, &frame[0]).expect("fresh");
    stage.send_in_batch(track, &frame[3]).expect("fresh");
    let source = stage.source(track);
    stage.forwarder.remove_sink(looped);
    stage.forwarder.remove_track(track);
    stage.received.clear();
    stage.settle();
    assert!(stage.received.is_empty(), "what waited went with its source");
    let late =
        stage.forwarder.handle_rtp(source, frame[1].index, &frame[1].header(), &frame[1].bytes, stage.now);
    assert_eq!(late, Err(DropReason::RtpUnknownStream));
    assert_eq!(stage.forwarder.source_of(track, 0), None);
    assert_eq!(stage.forwarder.poll_timeout(), None);
    assert!(!stage.forwarder.connect(track, sink, stage.now));
    stage.forwarder.remove_sink(sink);
    assert_eq!(stage.forwarder.sources.len() + stage.forwarder.sinks.len(), 0);
    assert_eq!(
        stage.forwarder.tracks.len() + stage.forwarder.peers.len() + stage.forwarder.peers_by_session.len(),
        0
    );
    assert_ne!(stage.publish(ALICE), track, "identifiers are not used again");
}

#[test]
fn a_batch_beyond_the_bound_is_refused_and_asked_for_again() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    stage.subscribe(track, BOB, 0x2000);
    let mut publisher = Publisher::new(0x1000, 500, 0);
    let refused = publisher
        .frame(300, true)
        .iter()
        .filter(|packet| stage.send_in_batch(track, packet) == Err(DropReason::Overrun))
        .count();
    stage.settle();
    assert_eq!((refused, stage.received.len()), (44, 256));
}
