//! A call over a bad path: loss, reordering, duplication, probes, and every counter at its wrap.

use super::link::Link;
use super::publisher::{FRAME_TICKS, Publisher};
use super::stage::{ALICE, BOB, CAROL, Stage};
use crate::id::SessionId;
use crate::rtp::RtpTime;
use crate::rtp::rtcp::Report;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const FRAMES: u32 = 300;
const JOINS_AT: u32 = 120;
const FRAME_TIME: Duration = Duration::from_millis(33);

/// Ten seconds from a publisher behind a bad path; Carol joins after four.
fn bad_call(seed: u64) -> Stage {
    let mut stage = Stage::new(seed);
    let track = stage.publish(ALICE);
    stage.subscribe(track, BOB, 0x2000);
    let mut publisher = Publisher::new(0x1000, 0xffff - 100, u32::MAX - 50 * FRAME_TICKS);
    let mut keyframe = true;
    let (mut up, mut down) = (Link::new(seed), Link::new(seed + 1));
    up.loss_percent = 8;
    up.duplicate_percent = 3;
    up.jitter = Duration::from_millis(25);
    down.loss_percent = 8;
    for frame in 0..FRAMES + 60 {
        if frame == JOINS_AT {
            stage.subscribe(track, CAROL, 0x3000);
        }
        // The last two seconds are silent, for the repairs; one packet before them shows all losses.
        if frame < FRAMES {
            for packet in publisher.frame(3, std::mem::take(&mut keyframe)) {
                up.send(stage.now, packet);
            }
            if frame % 7 == 3 {
                up.send(stage.now, publisher.probe());
            }
        }
        for _ in 0..11 {
            stage.advance(FRAME_TIME / 11);
            for packet in up.receive(stage.now) {
                // Duplicates and probes are refused here; what matters is what leaves.
                let _ = stage.send_in_batch(track, &packet);
            }
            stage.settle();
            for report in stage.take_reports(ALICE) {
                match report {
                    Report::Nack { lost, .. } => down.send(stage.now, lost),
                    Report::Pli { .. } => keyframe = true,
                    _ => {}
                }
            }
            for lost in down.receive(stage.now).into_iter().flatten() {
                if let Some(repair) = publisher.retransmit(lost) {
                    up.send(stage.now, repair);
                }
            }
        }
    }
    stage
}

/// A stream begins with a keyframe and has every packet from then on. Once a first picture or replay has been
/// shown, timestamps are one offset from frame times.
fn check_stream(stage: &Stage, session: SessionId, first_frame: u32) {
    let mut numbers = BTreeMap::new();
    let mut offsets = BTreeMap::new();
    for packet in stage.received.iter().filter(|packet| packet.session == session) {
        assert!(numbers.insert(packet.index, packet.number(0)).is_none());
        let Some(number) = packet.number(0) else { continue };
        let sent = RtpTime::new(u32::MAX - 50 * FRAME_TICKS).plus((number / 3 + 1) * FRAME_TICKS);
        offsets.insert(number, packet.header.timestamp.wrapping_since(sent));
    }
    let (first, last) = (numbers.keys().next(), numbers.keys().next_back());
    let (first, last) = first.copied().zip(last.copied()).expect("media flowed");
    let media: Vec<u32> = numbers.values().copied().flatten().collect();
    let live = media.windows(2).position(|pair| pair[1] != pair[0] + 1).map_or(0, |place| place + 1);
    assert!(live == 0 || live == 3, "what comes before the stream is one picture, not {live} packets");
    let media = &media[live..];
    assert!(media.windows(2).all(|pair| pair[1] == pair[0] + 1), "every packet, in order, once");
    assert!(media[0] <= (first_frame + 12) * 3, "from the join on, {media:?}");
    assert!(media[0] + media.len() as u32 >= FRAMES * 3 - 3, "to the end, bar a lost tail");
    assert_eq!(last.since(first) as usize + 1, numbers.len(), "no hole is left in the numbers");
    let offsets: BTreeSet<_> = offsets.range(media[0]..).map(|(_, offset)| *offset).collect();
    assert_eq!(offsets.len(), 1, "one offset for all timestamps of what is live");
}

// covers: DESIGN.md "Outgoing sequence numbers skip only what was withheld on purpose"
#[test]
fn every_subscriber_gets_a_whole_stream_from_a_bad_path() {
    for seed in 0..4 {
        let stage = bad_call(seed);
        check_stream(&stage, BOB, 0);
        check_stream(&stage, CAROL, JOINS_AT);
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let first = bad_call(11);
    assert!(first.received.len() > 1_000, "media flowed");
    assert_eq!(first.fingerprint(), bad_call(11).fingerprint());
    assert_ne!(first.fingerprint(), bad_call(12).fingerprint());
}
