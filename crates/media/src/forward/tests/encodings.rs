//! A publisher that sends one video in several encodings: each is a source with losses of its own.

use super::publisher::{Packet, Publisher, video};
use super::stage::{ALICE, BOB, Stage};
use crate::forward::{DropReason, TrackConfig};
use crate::id::{SourceId, TrackId};
use crate::pipeline::MediaKind;
use crate::rtp::Ssrc;
use crate::rtp::rtcp::Report;
use std::time::Duration;

/// The SSRCs of the encodings, from the least to the best.
const SSRCS: [u32; 3] = [0x1000, 0x1100, 0x1200];

fn publish(stage: &mut Stage) -> (TrackId, [SourceId; 3]) {
    let config =
        TrackConfig { session: ALICE, kind: MediaKind::Video, parameters: video(), encodings: SSRCS.len() };
    let track = stage.forwarder.add_track(config);
    let source = |place| stage.forwarder.source_of(track, place).expect("one for each encoding");
    (track, [source(0), source(1), source(2)])
}

/// Hands a packet to the source that the session's demultiplexer found for it.
fn hand(stage: &mut Stage, source: SourceId, packet: &Packet) -> Result<(), DropReason> {
    let header = packet.header();
    if packet.is_rtx() {
        stage.forwarder.handle_rtx(source, &header, &packet.bytes, stage.now)
    } else {
        stage.forwarder.handle_rtp(source, packet.index, &header, &packet.bytes, stage.now)
    }
}

// covers: RFC 4588 §4
#[test]
fn what_each_encoding_lost_is_asked_for_and_repaired_on_its_own() {
    let mut stage = Stage::new(5);
    let (track, sources) = publish(&mut stage);
    stage.subscribe(track, BOB, 0x2000);
    let mut publishers = SSRCS.map(|ssrc| Publisher::new(ssrc, 500, 0));
    let mut lost = Vec::new();
    for frame in 0..20 {
        for (place, publisher) in publishers.iter_mut().enumerate() {
            for (number, packet) in publisher.frame(4, frame == 0).into_iter().enumerate() {
                // Each encoding loses another packet.
                if frame == 10 && number == place {
                    lost.push(packet);
                } else {
                    hand(&mut stage, sources[place], &packet).expect("a fresh packet is taken");
                }
            }
        }
        stage.settle();
        stage.advance(Duration::from_millis(33));
    }
    let asked: Vec<(Ssrc, Vec<u16>)> = stage
        .take_reports(ALICE)
        .into_iter()
        .filter_map(|report| match report {
            Report::Nack { media_ssrc, lost } => {
                Some((media_ssrc, lost.into_iter().map(|seq| seq.wire()).collect()))
            }
            _ => None,
        })
        .collect();
    for (place, packet) in lost.iter().enumerate() {
        let wanted = (Ssrc::new(SSRCS[place]), vec![packet.header().seq.wire()]);
        assert!(asked.contains(&wanted), "{wanted:x?} in {asked:x?}");
        let repair = publishers[place].retransmit(packet.header().seq).expect("it was sent");
        hand(&mut stage, sources[place], &repair).expect("the repair fits");
        assert_eq!(hand(&mut stage, sources[place], packet), Err(DropReason::Duplicate));
    }
    stage.settle();
    for source in sources {
        let stats = stage.forwarder.source_stats(source).expect("it sends");
        assert_eq!((stats.packets, stats.packets_lost, stats.retransmitted), (80, 0, 1));
        assert_eq!(stats.frames, 20);
    }
}

#[test]
fn a_retransmission_that_comes_before_its_stream_is_dropped() {
    let mut stage = Stage::new(6);
    let (_, sources) = publish(&mut stage);
    let mut publisher = Publisher::new(SSRCS[1], 500, 0);
    let packet = publisher.frame(1, true).remove(0);
    let repair = publisher.retransmit(packet.header().seq).expect("it was sent");
    assert_eq!(hand(&mut stage, sources[1], &repair), Err(DropReason::TooLate));
    hand(&mut stage, sources[1], &packet).expect("the stream begins");
    assert_eq!(hand(&mut stage, sources[1], &repair), Err(DropReason::Duplicate));
}

#[test]
fn a_publishers_pause_is_no_freeze_of_its_subscribers() {
    let mut stage = Stage::new(7);
    let track = stage.publish(ALICE);
    let sink = stage.subscribe(track, BOB, 0x2000);
    let mut publisher = Publisher::new(SSRCS[0], 500, 0);
    for frame in 0..60 {
        let pause = if frame == 30 { Duration::from_millis(1_500) } else { Duration::from_millis(33) };
        stage.advance(pause);
        stage.send_all(track, &publisher.frame(3, frame == 0));
    }
    let stats = stage.forwarder.sink_stats(sink).expect("the sink exists");
    assert_eq!((stats.frames, stats.freezes), (60, 0));
    let totals = stage.forwarder.totals();
    stage.forwarder.remove_sink(sink);
    stage.forwarder.remove_track(track);
    let after = stage.forwarder.totals();
    assert_eq!((after.incoming, after.outgoing), (totals.incoming, totals.outgoing), "they do not forget");
    assert_eq!((after.incoming.packets, after.outgoing.packets), (180, 180));
}

#[test]
fn encodings_that_were_listed_best_first_are_put_in_order() {
    let mut stage = Stage::new(8);
    let (track, [first, second, third]) = publish(&mut stage);
    let mut publishers = SSRCS.map(|ssrc| Publisher::new(ssrc, 500, 0));
    // Packets in each frame; the one in the middle begins late, as browsers begin with what they can afford.
    for frame in 0..300 {
        for (place, packets) in [45, 12, 3].into_iter().enumerate() {
            if place == 1 && frame < 150 {
                continue;
            }
            for packet in publishers[place].frame(packets, frame % 150 == 0) {
                hand(&mut stage, [first, second, third][place], &packet).expect("a fresh packet is taken");
            }
        }
        stage.settle();
        stage.advance(Duration::from_millis(33));
    }
    let order = &stage.forwarder.tracks.get(track.number()).expect("it is there").sources;
    assert_eq!(*order, [third, second, first]);
    assert_eq!(stage.forwarder.source_of(track, 0), Some(first), "who knows it by its place finds it there");
}
