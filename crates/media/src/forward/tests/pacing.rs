//! Subscribers whose path carries less than they are sent.

use super::publisher::Publisher;
use super::stage::{ALICE, BOB, Stage, counted_video};
use super::viewer::Viewer;
use crate::forward::DropReason;
use crate::id::{SessionId, SinkId, TrackId};
use crate::rtp::rtcp::Report;
use crate::rtp::{Bitrate, Ssrc};
use std::time::Duration;

const STEP: Duration = Duration::from_millis(1);
const VIDEO: u32 = 0x2000;
const AUDIO: u32 = 0x2008;

/// Alice with camera and microphone, and those who watch her.
struct Call {
    stage: Stage,
    video: TrackId,
    audio: TrackId,
    camera: Publisher,
    voice: Publisher,
    viewers: Vec<Viewer>,
    millis: u64,
    /// Her camera answers requests for keyframes, rather than to send one each second.
    answers: bool,
    keyframe_asked: bool,
}

impl Call {
    fn new() -> Self {
        let mut stage = Stage::new(3);
        let (video, audio) = (stage.publish(ALICE), stage.publish_audio(ALICE));
        let mut camera = Publisher::new(0x1000, 500, 9);
        camera.ballast = 1_000;
        let voice = Publisher::of_voice(0x1100);
        let viewers = Vec::new();
        Self { stage, video, audio, camera, voice, viewers, millis: 0, answers: true, keyframe_asked: true }
    }

    fn join(&mut self, session: SessionId, width: u64) -> SinkId {
        let ssrc = VIDEO + 0x100 * (session.number() as u32 - BOB.number() as u32);
        let sink = self.stage.add_sink(session, ssrc, counted_video());
        self.stage.connect(self.video, sink);
        self.stage.subscribe_audio(self.audio, session, ssrc + 8);
        self.viewers.push(Viewer::new(session, Bitrate::bps(width)));
        sink
    }

    /// 30 pictures/s of `packets` packets of 1,000 bytes (240 kbit/s for each), and voice.
    fn run(&mut self, duration: Duration, packets: usize) {
        for _ in 0..duration.as_millis() {
            self.millis += 1;
            self.stage.advance(STEP);
            if self.millis.is_multiple_of(33) {
                let by_clock = !self.answers && self.millis.is_multiple_of(990);
                let key = std::mem::take(&mut self.keyframe_asked) || by_clock;
                let frame = self.camera.frame(if key { 3 * packets } else { packets }, key);
                self.stage.send_all(self.video, &frame);
            }
            if self.millis.is_multiple_of(20) {
                let voice = self.voice.voice();
                self.stage.send_all(self.audio, &[voice]);
            }
            let asks = |report: &Report| matches!(report, Report::Pli { .. });
            self.keyframe_asked |= self.answers & self.stage.take_reports(ALICE).iter().any(asks);
            for viewer in &mut self.viewers {
                viewer.step(&mut self.stage);
            }
        }
    }
}

fn viewer(number: u64) -> SessionId {
    SessionId::new(BOB.number() + number)
}

#[test]
fn a_path_that_is_too_narrow_delays_video_but_never_audio() {
    let mut call = Call::new();
    call.join(BOB, 3_000_000);
    call.run(Duration::from_secs(4), 4);
    let wide = &call.viewers[0];
    assert_eq!(wide.lost, 0, "a wide path loses nothing");
    assert_eq!(call.stage.forwarder.drops().get(DropReason::PathFull), 0, "and nothing is dropped for it");
    let said = call.voice.number;
    call.viewers[0].width = Bitrate::bps(600_000);
    call.viewers[0].queue_max = Duration::ZERO;
    call.run(Duration::from_secs(2), 4);
    // The fall is over: from here on nothing but what fits may be in the path.
    call.viewers[0].queue_max = Duration::ZERO;
    let lost = call.viewers[0].lost;
    call.run(Duration::from_secs(6), 4);
    let narrow = &call.viewers[0];
    assert!(call.stage.forwarder.drops().get(DropReason::PathFull) > 0, "960 kbit/s do not fit into 600");
    assert!(narrow.queue_max <= Duration::from_millis(250), "the path's queue: {:?}", narrow.queue_max);
    assert_eq!(narrow.lost, lost, "the path is not overrun any more");
    let heard: Vec<u32> = narrow.numbers(AUDIO).into_iter().filter(|number| *number > said + 100).collect();
    let all: Vec<u32> = (said + 101..).take(heard.len()).collect();
    assert_eq!(heard, all, "every word, in order");
    assert!(heard.len() > 280, "{} of 300", heard.len());
}

#[test]
fn one_slow_viewer_changes_nothing_for_nine_fast_ones() {
    let nine = |slow: bool| {
        let mut call = Call::new();
        // A keyframe that the slow one asked for would come to all.
        call.answers = false;
        for number in 0..9 {
            call.join(viewer(number), 20_000_000);
        }
        if slow {
            call.join(viewer(9), 300_000);
        }
        call.run(Duration::from_secs(4), 4);
        let dropped = call.stage.forwarder.drops().get(DropReason::PathFull);
        assert_eq!(dropped > 0, slow, "{dropped} dropped");
        let to_nine = call.stage.received.into_iter().filter(|packet| packet.session != viewer(9));
        to_nine.map(|packet| (packet.session, packet.index, packet.bytes)).collect::<Vec<_>>()
    };
    let (alone, beside) = (nine(false), nine(true));
    assert!(alone.len() > 9 * 480, "{} packets", alone.len());
    assert!(alone == beside, "not a byte differs, and not the order");
}

#[test]
fn a_viewer_whose_path_is_too_narrow_for_any_picture_keeps_its_sound_and_gets_the_picture_back() {
    let mut call = Call::new();
    let sink = call.join(BOB, 3_000_000);
    call.join(viewer(1), 20_000_000);
    call.run(Duration::from_secs(4), 4);
    assert!(!call.stage.forwarder.is_starved(sink));
    call.viewers[0].width = Bitrate::bps(200_000);
    call.run(Duration::from_secs(6), 4);
    assert!(call.stage.forwarder.is_starved(sink), "960 kbit/s do not fit into 200");
    let (said, shown) = (call.voice.number, call.viewers[0].numbers(VIDEO).len());
    call.run(Duration::from_secs(3), 4);
    assert_eq!(call.viewers[0].numbers(VIDEO).len(), shown, "no picture");
    let heard: Vec<u32> = call.viewers[0].numbers(AUDIO).into_iter().filter(|word| *word > said).collect();
    assert_eq!(heard, (said + 1..).take(heard.len()).collect::<Vec<_>>(), "every word");
    assert!(heard.len() > 140, "{} of 150", heard.len());
    call.viewers[0].width = Bitrate::bps(3_000_000);
    call.run(Duration::from_secs(8), 4);
    assert!(!call.stage.forwarder.is_starved(sink), "its path is wide again");
    let arrived = call.viewers[0].arrived.iter().filter(|(_, packet)| packet.header.ssrc == Ssrc::new(VIDEO));
    let (_, first) = arrived.clone().nth(shown).expect("video came back");
    assert_eq!(first.payload()[1] & 1, 0, "with a keyframe");
    assert!(arrived.count() > shown + 100, "and goes on");
}

#[test]
fn numbers_close_over_nothing_but_what_was_counted() {
    let mut call = Call::new();
    call.join(BOB, 400_000);
    call.run(Duration::from_secs(10), 4);
    let sent: Vec<_> =
        call.stage.received.iter().filter(|packet| packet.header.ssrc == Ssrc::new(VIDEO)).collect();
    let first_to_last = sent.iter().map(|packet| packet.index.value());
    let (first, last) = (first_to_last.clone().min(), first_to_last.max());
    let planned = last.expect("video was sent") + 1 - first.expect("video was sent");
    let dropped = call.stage.forwarder.drops().get(DropReason::PathFull);
    assert!(dropped > 0);
    assert!(planned <= sent.len() as u64 + dropped, "{planned}, {} left, {dropped} dropped", sent.len());
    assert!(sent.windows(2).all(|pair| pair[0].index < pair[1].index), "in order, each once");
}
