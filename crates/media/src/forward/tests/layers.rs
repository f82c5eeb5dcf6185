//! Which layer each subscriber gets, and how its stream goes from one to another.

use super::camera::{Camera, Shown, decode};
use super::link::Link;
use super::publisher::Packet;
use super::stage::{ALICE, BOB, Received, Stage};
use crate::forward::LayerTarget;
use crate::forward::seed::Seed;
use crate::id::{SessionId, SinkId, TrackId};
use crate::rtp::rtcp::{Feedback, Report};
use crate::rtp::{NtpTime, RtpTime, SeqNo, Ssrc};
use std::ops::Range;
use std::time::Duration;

const FRAME: Duration = Duration::from_micros(33_333);
const RTX: Ssrc = Ssrc::new(0x2001);

/// Alice with three encodings, and Bob.
struct Call {
    stage: Stage,
    track: TrackId,
    bob: SinkId,
    camera: Camera,
    /// The encodings that send.
    sending: Range<usize>,
    /// The encodings that were asked for keyframes, in order.
    asked: Vec<Ssrc>,
}

fn target(spatial: u8, temporal: u8) -> LayerTarget {
    LayerTarget { spatial, temporal }
}

impl Call {
    fn new(seed: u64) -> Self {
        let mut stage = Stage::new(seed);
        let track = stage.publish_encodings(ALICE, 3);
        let bob = stage.subscribe(track, BOB, 0x2000);
        Self { stage, track, bob, camera: Camera::new(3), sending: 0..3, asked: Vec::new() }
    }

    /// So many frames of each encoding that sends.
    fn run(&mut self, frames: usize) {
        for _ in 0..frames {
            for place in 0..self.camera.encodings.len() {
                // One that does not send goes on in time.
                if !self.sending.contains(&place) {
                    self.camera.encodings[place].publisher.begin_frame();
                    continue;
                }
                for packet in self.camera.encodings[place].frame() {
                    self.send(place, &packet);
                }
                self.stage.settle();
            }
            self.serve();
            self.stage.advance(FRAME);
        }
    }

    fn send(&mut self, encoding: usize, packet: &Packet) {
        let source = self.stage.forwarder.source_of(self.track, encoding).expect("an encoding");
        // Repeated and useless packets are refused here; what matters is what leaves.
        let _ = self.stage.send_to(source, packet);
    }

    /// Lets the camera do what it is asked for; says what it was asked to send again.
    fn serve(&mut self) -> Vec<(Ssrc, SeqNo)> {
        let mut nacks = Vec::new();
        for report in self.stage.take_reports(ALICE) {
            match report {
                Report::Pli { media_ssrc } => {
                    self.asked.push(media_ssrc);
                    self.camera.handle_request(media_ssrc);
                }
                Report::Nack { media_ssrc, lost } => {
                    nacks.extend(lost.into_iter().map(|seq| (media_ssrc, seq)))
                }
                _ => {}
            }
        }
        nacks
    }

    fn aim(&mut self, spatial: u8, temporal: u8) {
        self.stage.forwarder.set_target(self.bob, target(spatial, temporal), self.stage.now);
        self.stage.settle();
        self.serve();
    }

    /// What Bob got of the stream itself.
    fn received(&self) -> Vec<Received> {
        let is_media = |packet: &&Received| packet.sink == self.bob && packet.header.ssrc != RTX;
        self.stage.received.iter().filter(is_media).cloned().collect()
    }

    /// Bob asks for the packets of the last second that he misses.
    fn ask_again(&mut self) {
        let got = self.whole();
        let recent = got.get(got.len().saturating_sub(150)..).unwrap_or_default();
        let missing: Vec<_> = recent
            .windows(2)
            .flat_map(|pair| {
                (1..pair[1].index.since(pair[0].index)).map(|back| pair[0].index.plus(back as u64).seq())
            })
            .collect();
        if !missing.is_empty() {
            self.stage.feedback(BOB, &Feedback::Nack { media_ssrc: Ssrc::new(0x2000), lost: missing });
        }
    }

    /// What Bob has of the stream with its repairs, in the order of its numbers.
    fn whole(&self) -> Vec<Received> {
        let mut whole = self.received();
        let newest = whole.iter().map(|packet| packet.index).max();
        for repair in self.stage.received.iter().filter(|packet| packet.header.ssrc == RTX) {
            let Some((number, payload)) = repair.payload().split_first_chunk::<2>() else { continue };
            let mut header = repair.header;
            header.seq = SeqNo::new(u16::from_be_bytes(*number));
            let index = header.seq.extend(newest.expect("it repairs something"));
            let mut bytes = repair.bytes[..repair.header.payload_start()].to_vec();
            bytes.extend(payload);
            whole.push(Received { index, header, bytes, ..repair.clone() });
        }
        whole.sort_by_key(|packet| packet.index);
        whole.dedup_by_key(|packet| packet.index);
        whole
    }

    fn current(&self) -> Option<(u8, u8)> {
        let current = self.stage.forwarder.layer_of(self.bob).expect("the sink exists").current;
        current.map(|layer| (layer.spatial, layer.temporal))
    }

    /// A sender report of each encoding, by one wall clock.
    fn report(&mut self, ntp: NtpTime) {
        for place in 0..self.camera.encodings.len() {
            let publisher = &self.camera.encodings[place].publisher;
            let (ssrc, rtp) = (publisher.ssrc, publisher.timestamp);
            let report = Feedback::SenderReport { ssrc, ntp, rtp, packets: 1, octets: 1 };
            self.stage.feedback(ALICE, &report);
        }
    }
}

#[test]
fn a_subscriber_goes_between_encodings_without_a_hole_and_each_time_one_keyframe_is_asked_for() {
    let mut call = Call::new(1);
    call.run(60);
    assert_eq!(call.current(), Some((2, 2)), "the best is the default");
    call.asked.clear();
    for (step, spatial) in [0, 2, 1, 0, 1].into_iter().enumerate() {
        call.aim(spatial, 9);
        call.run(2);
        assert_eq!(call.current(), Some((spatial, 2)));
        assert_eq!(call.asked.len(), step + 1, "{:?}", call.asked);
        assert_eq!(call.asked[step], Ssrc::new(0x1000 + 0x100 * u32::from(spatial)));
        call.run(28);
    }
    let frames = decode(&call.received(), true);
    assert!(frames.len() >= 200, "{} frames", frames.len());
    let last = frames.last().expect("some");
    assert_eq!(last.encoding, 1);
}

#[test]
fn temporal_layers_go_down_at_once_and_up_where_they_can_be_joined() {
    let mut call = Call::new(1);
    call.run(41);
    for (temporal, per_second) in [(0, 7), (2, 30), (1, 15), (2, 30)] {
        call.aim(2, temporal);
        call.run(8);
        let before = decode(&call.received(), true).len();
        call.run(30);
        let frames = decode(&call.received(), true);
        assert!(frames[before..].iter().all(|frame| frame.temporal <= temporal));
        assert!(
            (per_second..=per_second + 1).contains(&(frames.len() - before)),
            "{}",
            frames.len() - before
        );
    }
    assert_eq!(call.asked, [], "no keyframe is needed for it");
}

#[test]
fn the_least_encoding_is_waited_for_while_its_encoder_makes_up_for_a_keyframe() {
    let mut call = Call::new(1);
    call.aim(0, 9);
    call.run(60);
    call.asked.clear();
    call.sending = 1..3;
    call.run(90);
    let encoding = |call: &Call| call.current().map(|(encoding, _)| encoding);
    assert_eq!((encoding(&call), call.asked.as_slice()), (Some(0), [].as_slice()), "it is only late");
    call.run(60);
    assert_eq!(encoding(&call), Some(1), "it does not come any more");
}

#[test]
fn an_encoding_that_falls_silent_is_left_for_the_next_lower_one_and_taken_again() {
    let mut call = Call::new(1);
    call.run(60);
    call.sending = 0..1;
    call.run(60);
    assert_eq!(call.current(), Some((0, 2)));
    let layers = call.stage.forwarder.layers(call.track);
    assert_eq!(layers.cost(target(2, 0)), None, "nothing comes on it");
    // 30 frames a second of one packet of 200 bytes.
    let rate = layers.cost(target(0, 2)).expect("it comes").as_bps();
    assert!((43_000..=53_000).contains(&rate), "{rate} bit/s");
    call.sending = 0..3;
    call.asked.clear();
    call.camera.encodings[1].keyframes = 0;
    for encoding in &mut call.camera.encodings[1..] {
        let ssrc = encoding.publisher.ssrc;
        assert_ne!(ssrc, Ssrc::new(0x1000));
    }
    for ssrc in [0x1100, 0x1200] {
        call.camera.handle_request(Ssrc::new(ssrc));
    }
    call.run(3);
    assert_eq!(call.current(), Some((2, 2)));
    assert_eq!(call.asked, [], "an encoding that comes back begins with a keyframe");
    decode(&call.received(), true);
}

#[test]
fn a_still_picture_is_no_silent_encoding() {
    let mut call = Call::new(1);
    call.run(60);
    call.asked.clear();
    for _ in 0..6 {
        call.stage.advance(Duration::from_millis(1_700));
        call.run(1);
    }
    assert_eq!((call.current(), &*call.asked), (Some((2, 2)), &[][..]));
}

#[test]
fn a_paused_subscriber_gets_nothing_and_goes_on_with_a_keyframe() {
    let mut call = Call::new(1);
    call.run(60);
    call.stage.forwarder.pause(call.bob);
    let before = call.received().len();
    call.run(60);
    assert_eq!((call.received().len(), call.current()), (before, None));
    assert!(call.stage.forwarder.layer_of(call.bob).expect("it exists").paused);
    call.stage.forwarder.resume(call.bob, call.stage.now);
    call.run(60);
    assert_eq!(call.current(), Some((2, 2)));
    let frames = decode(&call.received(), true);
    assert!(frames.len() >= 110, "{} frames", frames.len());
}

#[test]
fn what_was_sent_before_a_switch_is_repaired_after_it() {
    let mut call = Call::new(1);
    call.run(60);
    call.aim(2, 1);
    call.run(30);
    call.aim(0, 1);
    call.run(4);
    assert_eq!(call.current().map(|(spatial, _)| spatial), Some(0));
    let sent = call.received();
    let lost: Vec<_> = sent[sent.len() - 40..].iter().step_by(3).cloned().collect();
    let encodings: Vec<_> = lost.iter().map(|lost| Shown::of(lost).expect("media").encoding).collect();
    assert!(encodings.contains(&2) && encodings.contains(&0), "{encodings:?}");
    let numbers = lost.iter().map(|lost| lost.header.seq).collect();
    call.stage.feedback(BOB, &Feedback::Nack { media_ssrc: Ssrc::new(0x2000), lost: numbers });
    let repairs: Vec<_> = call.stage.received.iter().filter(|packet| packet.header.ssrc == RTX).collect();
    assert_eq!(repairs.len(), lost.len());
    for (repair, lost) in repairs.iter().zip(&lost) {
        assert_eq!(repair.payload()[..2], lost.header.seq.wire().to_be_bytes());
        assert_eq!(&repair.payload()[2..], lost.payload(), "the same picture id and all");
        assert_eq!(repair.header.timestamp, lost.header.timestamp);
        assert_eq!(repair.header.marker, lost.header.marker);
    }
}

// covers: DESIGN.md "still exact after layer and source switches"
#[test]
fn sender_reports_are_exact_across_switches_and_the_clock_stays_the_publishers() {
    let mut call = Call::new(1);
    call.run(60);
    let second = |number: u64| NtpTime::new(number << 32);
    call.report(second(100));
    let mut told = Vec::new();
    for step in 0..12u64 {
        call.aim((step % 3) as u8, 9);
        call.run(30);
        call.stage.outputs.clear();
        call.report(second(101 + step));
        let reports = call.stage.take_reports(BOB).into_iter();
        told.extend(reports.filter_map(|report| match report {
            Report::SenderReport { ntp, rtp, .. } => Some((ntp, rtp)),
            _ => None,
        }));
        // A frame that leaves now was captured when the report says.
        let last = decode(&call.received(), true).last().copied().expect("some");
        let newest = call.received().iter().map(|packet| packet.header.timestamp).fold(None, newest);
        assert_eq!(newest, told.last().map(|(_, rtp)| *rtp), "{last:?}");
    }
    assert_eq!(told.len(), 12);
    for pair in told.windows(2) {
        let ticks = pair[1].1.wrapping_since(pair[0].1);
        // A tick more or less where two encodings' pictures of one moment would have had one timestamp.
        assert!((89_998..=90_002).contains(&ticks), "{ticks} ticks in a second");
    }
    let all = told[11].1.wrapping_since(told[0].1);
    assert!((11 * 90_000 - 2..=11 * 90_000 + 2).contains(&all), "nothing adds up: {all}");
}

fn newest(newest: Option<RtpTime>, timestamp: RtpTime) -> Option<RtpTime> {
    Some(newest.filter(|newest| !timestamp.is_after(*newest)).unwrap_or(timestamp))
}

#[test]
fn a_hundred_subscribers_with_different_targets_share_the_encodings() {
    let mut call = Call::new(1);
    let session = |number: u64| SessionId::new(1_000 + number);
    let sinks: Vec<_> =
        (0..100).map(|number| call.stage.subscribe(call.track, session(number), 0x9000)).collect();
    call.run(40);
    call.asked.clear();
    for (number, sink) in sinks.iter().enumerate() {
        let chosen = target((number % 3) as u8, (number / 3 % 3) as u8);
        call.stage.forwarder.set_target(*sink, chosen, call.stage.now);
    }
    call.stage.settle();
    call.run(60);
    call.asked.sort_by_key(|ssrc| ssrc.wire());
    assert_eq!(call.asked, [Ssrc::new(0x1000), Ssrc::new(0x1100)], "one keyframe for all who switch");
    for (number, sink) in sinks.iter().enumerate() {
        let current = call.stage.forwarder.layer_of(*sink).expect("it exists").current;
        let current = current.map(|layer| (layer.spatial, layer.temporal));
        assert_eq!(current, Some(((number % 3) as u8, (number / 3 % 3) as u8)));
        let packets = call.stage.received.iter().filter(|packet| packet.sink == *sink);
        decode(&packets.cloned().collect::<Vec<_>>(), true);
    }
}

/// Random targets while the publisher's path loses, delays and repeats packets, which are repaired.
fn bad_call(seed: u64) -> Call {
    let mut call = Call::new(seed);
    let mut chance = Seed::new(seed);
    let (mut up, mut down) = (Link::new(seed), Link::new(seed + 1));
    up.loss_percent = 4;
    up.duplicate_percent = 2;
    up.jitter = Duration::from_millis(12);
    for frame in 0..260 {
        // The last second is silent, for the repairs.
        for place in (0..3).filter(|_| frame < 230) {
            for packet in call.camera.encodings[place].frame() {
                up.send(call.stage.now, (place, packet));
            }
        }
        if frame < 200 && chance.number().is_multiple_of(12) {
            call.aim((chance.number() % 3) as u8, (chance.number() % 3) as u8);
        }
        call.ask_again();
        for _ in 0..4 {
            call.stage.advance(FRAME / 4);
            for (place, packet) in up.receive(call.stage.now) {
                call.send(place, &packet);
            }
            call.stage.settle();
            for nack in call.serve() {
                down.send(call.stage.now, nack);
            }
            for (ssrc, lost) in down.receive(call.stage.now) {
                if let Some(repair) = call.camera.retransmit(ssrc, lost) {
                    up.send(call.stage.now, repair);
                }
            }
        }
    }
    call
}

#[test]
fn random_switches_on_a_bad_path_leave_a_stream_that_decodes() {
    for seed in 0..12 {
        let call = bad_call(seed);
        let frames = decode(&call.whole(), false);
        assert!(frames.len() > 60, "seed {seed}: {} frames", frames.len());
        let encodings: std::collections::BTreeSet<_> = frames.iter().map(|frame| frame.encoding).collect();
        assert!(encodings.len() == 3, "seed {seed}: switches happened");
    }
    assert_eq!(bad_call(3).stage.fingerprint(), bad_call(3).stage.fingerprint());
}
