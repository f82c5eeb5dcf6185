//! Which layers subscribers get by what their paths carry.

use super::camera::{Camera, Shown, decode_paced};
use super::publisher::Publisher;
use super::relay::joined;
use super::stage::{ALICE, BOB, Received, Stage, counted_video};
use super::viewer::Viewer;
use crate::forward::{LayerTarget, Output, Priority};
use crate::id::{SessionId, SinkId, TrackId};
use crate::rtp::rtcp::Report;
use crate::rtp::{Bitrate, BitrateLimits, Ssrc};
use std::time::Duration;

const STEP: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const AUDIO: u32 = 0x8000;
/// Packets of a frame and the bytes of each, for 150, 500 and 1,500 kbit/s at 30 frames/s.
const SIZES: [(usize, usize); 3] = [(1, 600), (2, 1_000), (6, 1_020)];

/// Alice with a microphone and cameras of three encodings, and those who watch her.
struct Call {
    stage: Stage,
    cameras: Vec<(TrackId, Camera)>,
    audio: TrackId,
    voice: Publisher,
    viewers: Vec<Watcher>,
    millis: u64,
}

struct Watcher {
    path: Viewer,
    sinks: Vec<SinkId>,
    /// The spatial layer that each sink had last, and how often each changed.
    shown: Vec<Option<u8>>,
    switches: Vec<usize>,
}

fn viewer(number: u64) -> SessionId {
    SessionId::new(BOB.number() + number)
}

/// The SSRC of a viewer's stream of one camera.
fn ssrc_of(session: SessionId, camera: usize) -> u32 {
    0x2000 + 0x100 * (session.number() - BOB.number()) as u32 + 0x10 * camera as u32
}

impl Call {
    fn new(cameras: usize) -> Self {
        let mut stage = Stage::new(3);
        let camera = |place: usize| {
            let mut camera = Camera::new(SIZES.len());
            for (encoding, (packets, bytes)) in camera.encodings.iter_mut().zip(SIZES) {
                (encoding.packets, encoding.bytes) = (packets, bytes);
                let ssrc = encoding.publisher.ssrc.wire() + 0x1_0000 * place as u32;
                encoding.publisher.ssrc = Ssrc::new(ssrc);
            }
            camera
        };
        let cameras: Vec<_> =
            (0..cameras).map(|place| (stage.publish_encodings(ALICE, SIZES.len()), camera(place))).collect();
        let audio = stage.publish_audio(ALICE);
        let voice = Publisher::of_voice(0x1_1100);
        Self { stage, cameras, audio, voice, viewers: Vec::new(), millis: 0 }
    }

    fn join(&mut self, session: SessionId, width: u64) -> usize {
        let mut sinks = Vec::new();
        for place in 0..self.cameras.len() {
            let sink = self.stage.add_sink(session, ssrc_of(session, place), counted_video());
            self.stage.connect(self.cameras[place].0, sink);
            sinks.push(sink);
        }
        self.stage.subscribe_audio(self.audio, session, AUDIO + session.number() as u32);
        self.viewers.push(Watcher {
            path: Viewer::new(session, Bitrate::bps(width)),
            shown: vec![None; sinks.len()],
            switches: vec![0; sinks.len()],
            sinks,
        });
        self.viewers.len() - 1
    }

    fn run(&mut self, duration: Duration) {
        for _ in 0..duration.as_millis() {
            self.millis += 1;
            self.stage.advance(STEP);
            if self.millis.is_multiple_of(33) {
                for (track, camera) in &mut self.cameras {
                    for (place, encoding) in camera.encodings.iter_mut().enumerate() {
                        let source = self.stage.forwarder.source_of(*track, place).expect("an encoding");
                        for packet in encoding.frame() {
                            self.stage.send_to(source, &packet).expect("a fresh packet is taken");
                        }
                    }
                }
                self.stage.settle();
            }
            if self.millis.is_multiple_of(20) {
                let voice = self.voice.voice();
                self.stage.send_all(self.audio, &[voice]);
            }
            for report in self.stage.take_reports(ALICE) {
                if let Report::Pli { media_ssrc } = report {
                    self.cameras.iter_mut().for_each(|(_, camera)| camera.handle_request(media_ssrc));
                }
            }
            for watcher in &mut self.viewers {
                watcher.path.step(&mut self.stage);
                for (place, sink) in watcher.sinks.iter().enumerate() {
                    let current = self.stage.forwarder.layer_of(*sink).expect("the sink exists").current;
                    let spatial = current.map(|layer| layer.spatial);
                    if spatial.is_some() && spatial != watcher.shown[place] {
                        watcher.switches[place] += usize::from(watcher.shown[place].is_some());
                        watcher.shown[place] = spatial;
                    }
                }
            }
        }
    }

    /// What is shown of each camera to one viewer, `None` while it gets nothing.
    fn shown(&self, viewer: usize) -> Vec<Option<u8>> {
        let spatial = |sink: &SinkId| {
            Some(self.stage.forwarder.layer_of(*sink).expect("the sink exists").current?.spatial)
        };
        self.viewers[viewer].sinks.iter().map(spatial).collect()
    }

    /// The frames of one camera that left for a viewer, checked to be a stream that decodes.
    fn frames(&self, viewer: usize, camera: usize) -> Vec<Shown> {
        let ssrc = Ssrc::new(ssrc_of(self.viewers[viewer].path.session, camera));
        let sent = self.stage.received.iter().filter(|packet| packet.header.ssrc == ssrc);
        decode_paced(&sent.cloned().collect::<Vec<Received>>())
    }

    /// All that was said has been heard, from the first word to the last of some moments ago.
    fn check_audio(&self, viewer: usize) {
        let path = &self.viewers[viewer].path;
        let heard = path.numbers(AUDIO + path.session.number() as u32);
        assert_eq!(heard, (0..).take(heard.len()).collect::<Vec<_>>(), "every word, in order");
        assert!(heard.len() + 20 > self.voice.number as usize, "{} words", heard.len());
    }
}

#[test]
fn each_viewer_gets_the_encoding_that_its_path_carries_and_keeps_it() {
    let mut call = Call::new(1);
    for (number, width) in [250_000, 800_000, 3_000_000].into_iter().enumerate() {
        call.join(viewer(number as u64), width);
    }
    call.run(8 * SECOND);
    let shown: Vec<_> = (0..3).flat_map(|viewer| call.shown(viewer)).collect();
    assert_eq!(shown, [Some(0), Some(1), Some(2)]);
    let switches = |call: &Call| call.viewers.iter().map(|viewer| viewer.switches[0]).collect::<Vec<_>>();
    let before = switches(&call);
    assert!(before.iter().all(|switches| *switches <= 2), "{before:?}");
    call.run(30 * SECOND);
    assert_eq!(switches(&call), before, "nobody's picture changes any more");
    for viewer in 0..3 {
        call.check_audio(viewer);
        let seconds = call.frames(viewer, 0).len() / 30;
        assert!(seconds >= 36, "viewer {viewer}: {seconds} s of pictures");
    }
}

#[test]
fn the_layer_follows_a_path_that_narrows_and_widens_again() {
    let mut call = Call::new(1);
    let bob = call.join(BOB, 3_000_000);
    call.run(8 * SECOND);
    assert_eq!(call.shown(bob), [Some(2)]);
    call.viewers[bob].path.width = Bitrate::bps(500_000);
    call.run(2 * SECOND);
    assert_eq!(call.shown(bob), [Some(0)], "500 kbit/s and the voice do not fit");
    let sink = call.viewers[bob].sinks[0];
    for _ in 0..10 {
        call.run(SECOND);
        assert!(!call.stage.forwarder.is_starved(sink), "it is never paused");
        assert_eq!(call.shown(bob), [Some(0)]);
    }
    call.viewers[bob].path.width = Bitrate::bps(3_000_000);
    call.run(10 * SECOND);
    assert_eq!(call.shown(bob), [Some(2)], "it comes back");
    assert!(call.viewers[bob].switches[0] <= 6, "{} switches", call.viewers[bob].switches[0]);
    let frames = call.frames(bob, 0);
    assert!(frames.len() > 800, "{} frames in 30 s", frames.len());
}

#[test]
fn two_cameras_share_a_path_by_weight() {
    let mut call = Call::new(2);
    let bob = call.join(BOB, 2_300_000);
    let weighty = call.viewers[bob].sinks[1];
    call.stage.forwarder.set_priority(weighty, Priority { weight: 8 });
    call.run(15 * SECOND);
    // Twice 1,500 kbit/s do not fit; what is left is enough for 150 and, with luck, for 500.
    let shown = call.shown(bob);
    assert!(shown[0] < Some(2) && shown[1] == Some(2), "{shown:?}");
    let light = call.viewers[bob].sinks[0];
    call.stage.forwarder.set_priority(weighty, Priority::default());
    call.stage.forwarder.set_priority(light, Priority { weight: 8 });
    call.run(10 * SECOND);
    let shown = call.shown(bob);
    assert!(shown[0] == Some(2) && shown[1] < Some(2), "{shown:?}");
    call.check_audio(bob);
    for camera in 0..2 {
        call.frames(bob, camera);
    }
}

#[test]
fn the_owner_s_target_bounds_what_the_path_could_carry() {
    let mut call = Call::new(1);
    let bob = call.join(BOB, 3_000_000);
    let sink = call.viewers[bob].sinks[0];
    let target = |spatial| LayerTarget { spatial, ..LayerTarget::BEST };
    call.stage.forwarder.set_target(sink, target(1), call.stage.now);
    call.run(8 * SECOND);
    assert_eq!(call.shown(bob), [Some(1)]);
    call.stage.forwarder.pause(sink);
    call.run(2 * SECOND);
    assert_eq!(call.shown(bob), [None], "a pause of the owner's is not ended by a wide path");
    call.stage.forwarder.resume(sink, call.stage.now);
    call.run(2 * SECOND);
    assert_eq!(call.shown(bob), [Some(1)]);
    call.stage.forwarder.set_target(sink, LayerTarget::BEST, call.stage.now);
    call.run(6 * SECOND);
    assert_eq!(call.shown(bob), [Some(2)]);
    call.viewers[bob].path.width = Bitrate::bps(300_000);
    call.run(4 * SECOND);
    assert_eq!(call.shown(bob), [Some(0)], "the target is the most, not the least");
}

#[test]
fn what_its_owner_takes_back_comes_back_as_soon_as_it_may() {
    let mut call = Call::new(1);
    let bob = call.join(BOB, 5_000_000);
    call.run(8 * SECOND);
    let sink = call.viewers[bob].sinks[0];
    for round in 0..5 {
        assert_eq!(call.shown(bob), [Some(2)], "round {round}");
        let limits = BitrateLimits { min: None, max: Some(Bitrate::bps(300_000)) };
        call.stage.forwarder.limit_sink(sink, limits);
        call.run(SECOND);
        assert_eq!(call.shown(bob), [Some(0)], "round {round}");
        call.stage.forwarder.limit_sink(sink, BitrateLimits::default());
        call.run(2 * SECOND);
    }
    assert_eq!(call.shown(bob), [Some(2)]);
}

#[test]
fn who_says_nothing_of_its_path_begins_low_and_then_gets_what_its_owner_wants() {
    let mut call = Call::new(1);
    call.run(2 * SECOND);
    // No path, so no feedback.
    let sink = call.stage.add_sink(BOB, ssrc_of(BOB, 0), counted_video());
    call.stage.connect(call.cameras[0].0, sink);
    let current = |call: &Call| {
        let layer = call.stage.forwarder.layer_of(sink).expect("the sink exists").current;
        layer.map(|layer| layer.spatial)
    };
    call.run(2 * SECOND);
    assert_eq!(current(&call), Some(0), "500 kbit/s are assumed of its path");
    call.run(2 * SECOND);
    assert_eq!(current(&call), Some(2));
}

/// The camera has been on for so long when somebody at another forwarder begins to watch.
fn watch_from_afar(before: Duration) {
    let (mut call, mut far) = (Call::new(1), Stage::new(5));
    call.run(before);
    let track = call.cameras[0].0;
    let there = joined(&mut call.stage, &mut far, track);
    let sink = far.add_sink(BOB, ssrc_of(BOB, 0), counted_video());
    far.connect(there, sink);
    let mut path = Viewer::new(BOB, Bitrate::bps(800_000));
    for millis in 1..12_000_u64 {
        call.stage.advance(STEP);
        far.advance(STEP);
        if millis.is_multiple_of(33) {
            let camera = &mut call.cameras[0].1;
            for (place, encoding) in camera.encodings.iter_mut().enumerate() {
                let source = call.stage.forwarder.source_of(track, place).expect("an encoding");
                for packet in encoding.frame() {
                    call.stage.send_to(source, &packet).expect("a fresh packet is taken");
                }
            }
        }
        call.stage.settle_with(&mut far, there);
        let wishes = std::mem::take(&mut far.outputs).into_iter().filter_map(|output| match output {
            Output::RelayedKeyframeWish { encoding, .. } => Some(encoding),
            _ => None,
        });
        for encoding in wishes {
            let ssrc = call.cameras[0].1.encodings[encoding].publisher.ssrc;
            call.cameras[0].1.handle_request(ssrc);
        }
        path.step(&mut far);
    }
    let layer = far.forwarder.layer_of(sink).expect("the sink exists").current.expect("it flows");
    assert_eq!(layer.spatial, 1);
    let stats = far.forwarder.sink_stats(sink).expect("the sink exists");
    assert!(stats.bitrate > Some(Bitrate::bps(300_000)), "{:?}", stats.bitrate);
}

#[test]
fn a_viewer_at_another_forwarder_gets_the_encoding_that_its_path_carries() {
    watch_from_afar(Duration::ZERO);
}

#[test]
fn a_viewer_who_comes_late_to_another_forwarder_gets_it_too() {
    watch_from_afar(2 * SECOND);
}
