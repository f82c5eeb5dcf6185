//! The first subscriber at another forwarder begins as one beside the publisher does.

use super::publisher::{Packet, Publisher};
use super::relay::joined;
use super::stage::{ALICE, BOB, CAROL, Stage, counted_video};
use super::viewer::Viewer;
use crate::forward::{Output, Priority};
use crate::id::TrackId;
use crate::rtp::rtcp::Report;
use crate::rtp::{Bitrate, Ssrc};
use std::time::Duration;

const FRAME_TIME: Duration = Duration::from_millis(33);

/// Alice at one forwarder, whom nobody watches yet, and another forwarder.
struct Houses {
    near: Stage,
    far: Stage,
    track: TrackId,
    publisher: Publisher,
}

impl Houses {
    fn new() -> Self {
        let (mut near, far) = (Stage::new(1), Stage::new(2));
        let track = near.publish(ALICE);
        Self { near, far, track, publisher: Publisher::new(0x1000, 0xfff0, 9) }
    }

    fn frames(&mut self, count: usize, packets: usize, key: bool) {
        for _ in 0..count {
            let frame = self.publisher.frame(packets, key);
            self.near.send_all(self.track, &frame);
            self.near.advance(FRAME_TIME);
        }
    }

    /// Bob joins at the other forwarder, which has nothing of Alice so far.
    fn join(&mut self) -> TrackId {
        let there = joined(&mut self.near, &mut self.far, self.track);
        self.far.subscribe(there, BOB, 0x2000);
        there
    }

    /// Sends packets that reach both forwarders.
    fn send(&mut self, there: TrackId, packets: &[Packet]) {
        for packet in packets {
            self.near.send_in_batch(self.track, packet).expect("a fresh packet is taken");
        }
        self.near.settle_with(&mut self.far, there);
    }

    /// What Bob got: its numbers without a hole.
    fn seen(&self) -> Vec<u32> {
        let received = &self.far.received;
        assert!(received.windows(2).all(|pair| pair[1].index.follows(pair[0].index)), "no hole");
        received.iter().filter_map(|packet| packet.number(0)).collect()
    }

    /// Keyframes that the other forwarder wishes.
    fn wishes(&self) -> usize {
        let wish = |output: &&Output| matches!(output, Output::RelayedKeyframeWish { .. });
        self.far.outputs.iter().filter(wish).count()
    }
}

// covers: issue 4 "a new subscriber shows a picture within one round trip"
#[test]
fn a_young_keyframe_and_all_since_go_along_and_nobody_is_asked() {
    let mut houses = Houses::new();
    houses.frames(1, 4, true);
    houses.frames(10, 2, false);
    let there = houses.join();
    assert_eq!(houses.seen(), (0..24).collect::<Vec<_>>(), "at once");
    let frame = houses.publisher.frame(2, false);
    houses.send(there, &frame);
    assert_eq!(houses.seen(), (0..26).collect::<Vec<_>>(), "and live goes on from it");
    houses.far.advance(Duration::from_millis(1_500));
    assert_eq!(houses.wishes(), 0);
    houses.far.received.clear();
    houses.far.subscribe(there, CAROL, 0x3000);
    assert_eq!((houses.seen().len(), houses.wishes()), (4, 1), "a second later the picture alone");
}

#[test]
fn an_older_keyframe_goes_along_alone_and_one_new_one_is_asked_for() {
    let mut houses = Houses::new();
    houses.frames(1, 40, true);
    houses.frames(100, 3, false);
    let there = houses.join();
    houses.far.advance(Duration::from_millis(40));
    assert_eq!((houses.seen(), houses.wishes()), ((0..40).collect(), 1));
    let frame = houses.publisher.frame(3, false);
    houses.send(there, &frame);
    assert_eq!(houses.seen().len(), 40, "what goes on from it is long gone");
    let key = houses.publisher.number;
    let frame = houses.publisher.frame(5, true);
    houses.send(there, &frame);
    assert_eq!(houses.seen(), (0..40).chain(key..key + 5).collect::<Vec<_>>());
    assert_eq!(houses.wishes(), 1);
}

#[test]
fn a_replay_beyond_its_bound_is_the_picture_alone() {
    let mut houses = Houses::new();
    houses.frames(1, 10, true);
    houses.frames(20, 60, false);
    houses.join();
    assert_eq!((houses.seen(), houses.wishes()), ((0..10).collect(), 1), "1,210 packets");
}

#[test]
fn what_came_in_the_same_batch_or_late_is_there_once() {
    let mut houses = Houses::new();
    houses.near.subscribe(houses.track, CAROL, 0x3000);
    houses.frames(1, 2, true);
    let frame = houses.publisher.frame(4, false);
    for place in [0, 3] {
        houses.near.send_in_batch(houses.track, &frame[place]).expect("a fresh packet is taken");
    }
    let there = houses.join();
    // What arrived in the batch goes on its own way; what the publisher's way lost comes later.
    houses.send(there, &frame[2..3]);
    houses.send(there, &frame[1..2]);
    let mut numbers: Vec<_> =
        houses.far.received.iter().map(|packet| (packet.index, packet.number(0).expect("media"))).collect();
    numbers.sort_unstable();
    assert!(numbers.windows(2).all(|pair| pair[1].0.follows(pair[0].0)), "{numbers:?}");
    assert_eq!(numbers.iter().map(|(_, number)| *number).collect::<Vec<_>>(), (0..6).collect::<Vec<_>>());
    assert_eq!(houses.wishes(), 0);
}

#[test]
fn nothing_goes_along_from_before_the_publisher_changed_its_stream() {
    let mut houses = Houses::new();
    houses.frames(1, 4, true);
    houses.publisher = Publisher::new(0x7000, 9, 1 << 31);
    houses.frames(1, 2, false);
    houses.join();
    assert_eq!((houses.seen().len(), houses.wishes()), (0, 1));
}

#[test]
fn a_track_whose_relay_begins_while_it_flows_has_its_cost_known_there() {
    let mut houses = Houses::new();
    houses.publisher.ballast = 1_000;
    houses.frames(1, 12, true);
    houses.frames(60, 4, false);
    let audio = houses.near.publish_audio(ALICE);
    let mut voice = Publisher::of_voice(0x1100);
    houses.near.send_all(audio, &[voice.voice()]);
    let (there, said) = {
        let Houses { near, far, track, .. } = &mut houses;
        (joined(near, far, *track), joined(near, far, audio))
    };
    let sink = houses.far.add_sink(BOB, 0x2000, counted_video());
    houses.far.connect(there, sink);
    let heard = houses.far.subscribe_audio(said, BOB, 0x2008);
    houses.far.forwarder.set_priority(sink, Priority { weight: 2 });
    let mut path = Viewer::new(BOB, Bitrate::bps(300_000));
    let mut key = false;
    for millis in 1..8_000_u64 {
        houses.near.advance(Duration::from_millis(1));
        houses.far.advance(Duration::from_millis(1));
        if millis.is_multiple_of(33) {
            let frame = houses.publisher.frame(4, std::mem::take(&mut key));
            houses.send(there, &frame);
        }
        if millis.is_multiple_of(20) {
            houses.near.send_in_batch(audio, &voice.voice()).expect("a fresh packet is taken");
            houses.near.settle_with(&mut houses.far, said);
        }
        key |= houses.wishes() > 0;
        houses.far.outputs.clear();
        houses.near.outputs.clear();
        path.step(&mut houses.far);
    }
    let rate = houses.far.forwarder.layers(there).rate(0, 0).as_bps();
    assert!((900_000..1_050_000).contains(&rate), "{rate} bit/s");
    let voice = houses.far.forwarder.sink_stats(heard).expect("it exists").bitrate.expect("it flows");
    assert!((28_000..36_000).contains(&voice.as_bps()), "{voice:?}");
    assert!(houses.far.forwarder.is_starved(sink), "960 kbit/s do not fit into 300");
    let last = path.arrived.last().expect("something arrived");
    assert_eq!(last.1.header.ssrc, Ssrc::new(0x2008), "its sound goes on");
    let told = |output: &Output| matches!(output, Output::Rtcp { report: Report::Reception(_), .. });
    assert!(!houses.far.outputs.iter().any(told), "a relayed stream is not reported on");
}
