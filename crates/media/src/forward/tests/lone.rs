//! A stream that a path carries is not paused, whatever is believed of the path at first.

use super::publisher::Publisher;
use super::stage::{ALICE, BOB, Stage, counted_video};
use super::viewer::Viewer;
use crate::forward::{DropReason, SinkConfig};
use crate::id::{SinkId, TrackId};
use crate::pipeline::MediaKind;
use crate::rtp::rtcp::Report;
use crate::rtp::{Bitrate, Ssrc};
use std::time::Duration;

const STEP: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const VIDEO: u32 = 0x2000;

/// Alice, whose camera does not heed what it may send, and Bob alone.
struct Call {
    stage: Stage,
    track: TrackId,
    camera: Publisher,
    packets: usize,
    sink: SinkId,
    viewer: Viewer,
    millis: u64,
    key: bool,
    /// So long Bob had no picture because of his path.
    starved: Duration,
}

impl Call {
    /// 30 pictures/s of `packets` packets; with `repairs` there is a stream to repeat them on.
    fn new(packets: usize, bytes: usize, repairs: bool) -> Self {
        let mut stage = Stage::new(3);
        let track = stage.publish(ALICE);
        let mut camera = Publisher::new(0x1000, 500, 9);
        camera.ballast = bytes - 6;
        let sink = stage.forwarder.add_sink(SinkConfig {
            session: BOB,
            kind: MediaKind::Video,
            parameters: counted_video(),
            ssrc: Ssrc::new(VIDEO),
            rtx_ssrc: repairs.then(|| Ssrc::new(VIDEO + 1)),
            cname: "alice".into(),
        });
        stage.connect(track, sink);
        let viewer = Viewer::new(BOB, Bitrate::bps(5_000_000));
        let starved = Duration::ZERO;
        Self { stage, track, camera, packets, sink, viewer, millis: 0, key: true, starved }
    }

    fn run(&mut self, duration: Duration) {
        for _ in 0..duration.as_millis() {
            self.millis += 1;
            self.stage.advance(STEP);
            if self.millis.is_multiple_of(33) {
                let frame = self.camera.frame(self.packets, std::mem::take(&mut self.key));
                self.stage.send_all(self.track, &frame);
            }
            let asks = |report: &Report| matches!(report, Report::Pli { .. });
            self.key |= self.stage.take_reports(ALICE).iter().any(asks);
            self.viewer.step(&mut self.stage);
            if self.stage.forwarder.is_starved(self.sink) {
                self.starved += STEP;
            }
        }
    }

    fn dropped(&self) -> u64 {
        self.stage.forwarder.drops().get(DropReason::PathFull)
    }

    fn shown(&self) -> usize {
        self.viewer.numbers(VIDEO).len()
    }
}

#[test]
fn a_stream_a_little_above_what_is_assumed_of_a_wide_path_is_never_paused() {
    for deaf in [false, true] {
        let mut call = Call::new(2, 1_070, true);
        call.viewer.is_deaf_to_repairs = deaf;
        call.run(20 * SECOND);
        assert_eq!(call.starved, Duration::ZERO, "probes are lost: {deaf}");
        assert_eq!(call.dropped(), 0, "probes are lost: {deaf}");
        assert!(
            call.shown() + 4 >= call.camera.number as usize,
            "{} of {}",
            call.shown(),
            call.camera.number
        );
    }
}

#[test]
fn a_stream_far_above_what_is_assumed_of_a_wide_path_is_let_through_without_probes() {
    for (repairs, deaf) in [(false, false), (true, true)] {
        let mut call = Call::new(9, 1_070, repairs);
        call.viewer.is_deaf_to_repairs = deaf;
        call.run(10 * SECOND);
        assert_eq!(call.starved, Duration::ZERO, "2.3 Mbit/s fit: with RTX {repairs}");
        let (before, made, dropped) = (call.shown(), call.camera.number, call.dropped());
        call.run(10 * SECOND);
        let (shown, made) = (call.shown() - before, (call.camera.number - made) as usize);
        assert_eq!(call.dropped(), dropped);
        assert!(shown + 20 >= made, "with RTX {repairs}: {shown} of {made}");
    }
}

#[test]
fn what_a_narrow_path_paused_comes_back_when_it_is_wide_also_without_probes() {
    for (repairs, deaf) in [(true, false), (false, false), (true, true)] {
        let mut call = Call::new(4, 1_070, repairs);
        call.viewer.is_deaf_to_repairs = deaf;
        call.run(8 * SECOND);
        assert_eq!(call.starved, Duration::ZERO, "1 Mbit/s fits");
        call.viewer.width = Bitrate::bps(150_000);
        call.run(20 * SECOND);
        assert!(call.starved >= 10 * SECOND, "with RTX {repairs}, deaf {deaf}: {:?}", call.starved);
        call.viewer.width = Bitrate::bps(5_000_000);
        call.run(35 * SECOND);
        assert!(!call.stage.forwarder.is_starved(call.sink), "with RTX {repairs}, deaf {deaf}");
        let (before, starved) = (call.shown(), call.starved);
        call.run(10 * SECOND);
        assert_eq!(call.starved, starved);
        assert!(call.shown() > before + 1_000, "with RTX {repairs}, deaf {deaf}");
    }
}
