//! Audio levels on the packet path.

use super::parameters::{format, parameters};
use super::stage::{ALICE, BOB, Stage};
use crate::codec::Codec;
use crate::forward::{Loudness, TrackConfig};
use crate::id::TrackId;
use crate::pipeline::MediaKind;
use crate::rtp::{ExtSeq, Extension, RtpHeader};
use std::sync::Arc;

fn publish(stage: &mut Stage) -> TrackId {
    let parameters = parameters("0", vec![format(111, Codec::Opus)], &[(1, Extension::AudioLevel)]);
    let (kind, parameters) = (MediaKind::Audio, Arc::new(parameters));
    stage.forwarder.add_track(TrackConfig { session: ALICE, kind, parameters, encodings: 1 })
}

/// A packet with an extension block of one element (RFC 8285 §4.2), by its head and value.
fn send(stage: &mut Stage, track: TrackId, number: u8, element: [u8; 2]) {
    let mut packet = vec![0x90, 111, 0, number, 0, 0, 0, 0, 0, 0, 0, 9, 0xbe, 0xde, 0, 1];
    packet.extend(element);
    packet.extend([0, 0, 0x78]);
    let header = RtpHeader::parse(&packet).expect("a valid packet");
    let (source, index) = (stage.source(track), ExtSeq::new(number.into()));
    stage.forwarder.handle_rtp(source, index, &header, &packet, stage.now).expect("a fresh packet is taken");
    stage.settle();
}

// covers: RFC 6464 §3
#[test]
fn levels_are_summed_for_those_who_ask_whether_anybody_listens_or_not() {
    let mut stage = Stage::new(1);
    let track = publish(&mut stage);
    send(&mut stage, track, 1, [0x10, 0x80]);
    assert_eq!(stage.forwarder.take_level(track), None, "nobody had asked");
    send(&mut stage, track, 2, [0x10, 0x80 | 27]);
    send(&mut stage, track, 3, [0x10, 0x80 | 47]);
    assert_eq!(stage.forwarder.take_level(track), Some(Loudness::new(90)));
    assert_eq!(stage.forwarder.take_level(track), None, "none since");
    send(&mut stage, track, 4, [0x20, 0x80]);
    assert_eq!(stage.forwarder.take_level(track), None, "an extension that was not agreed on");
    send(&mut stage, track, 5, [0x10, 0x80]);
    stage.forwarder.stop_levels(track);
    assert_eq!(stage.forwarder.take_level(track), None);
    let video = stage.publish(BOB);
    assert_eq!(stage.forwarder.take_level(video), None, "video has none");
}
