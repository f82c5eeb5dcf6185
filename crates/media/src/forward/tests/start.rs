//! How subscribers begin: a picture within one round trip, and no storm for the publisher.

use super::parameters::{format, parameters};
use super::publisher::{FRAME_TICKS, Packet, Publisher};
use super::stage::{ALICE, BOB, CAROL, Received, Stage};
use crate::codec::Codec;
use crate::forward::{DropReason, Output, SinkConfig, TrackConfig};
use crate::id::{SessionId, TrackId};
use crate::pipeline::MediaKind;
use crate::rtp::rtcp::{Feedback, ReceptionReport, Report};
use crate::rtp::{ExtSeq, RtpHeader, Ssrc};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const FRAME_TIME: Duration = Duration::from_millis(33);

/// A publisher with a subscriber from the beginning, and which payloads begin keyframes.
struct Show {
    stage: Stage,
    track: TrackId,
    publisher: Publisher,
    keyframes: BTreeSet<u32>,
}

impl Show {
    fn new() -> Self {
        let mut stage = Stage::new(1);
        let track = stage.publish(ALICE);
        stage.subscribe(track, BOB, 0x2000);
        Self { stage, track, publisher: Publisher::new(0x1000, 0xfff0, 9), keyframes: BTreeSet::new() }
    }

    fn make(&mut self, packets: usize, key: bool) -> Vec<Packet> {
        if key {
            self.keyframes.insert(self.publisher.number);
        }
        self.publisher.frame(packets, key)
    }

    /// Sends a frame and lets its time pass.
    fn frame(&mut self, packets: usize, key: bool) {
        let frame = self.make(packets, key);
        self.stage.send_all(self.track, &frame);
        self.stage.advance(FRAME_TIME);
    }

    fn frames(&mut self, count: usize, packets: usize) {
        for _ in 0..count {
            self.frame(packets, false);
        }
    }

    fn join(&mut self, session: SessionId) {
        self.stage.received.clear();
        self.stage.subscribe(self.track, session, 0x3000);
    }

    fn requests(&mut self) -> usize {
        let asked = |report: &Report| matches!(report, Report::Pli { .. });
        self.stage.take_reports(ALICE).iter().filter(|report| asked(report)).count()
    }

    fn received_by(&self, session: SessionId) -> Vec<&Received> {
        self.stage.received.iter().filter(|packet| packet.session == session).collect()
    }

    /// What a subscriber's decoder makes of what it got: numbers without a hole, a keyframe first, and each
    /// frame after the one that it is predicted from. Returns the payloads' numbers.
    fn decoded_by(&self, session: SessionId) -> Vec<u32> {
        let received = self.received_by(session);
        assert!(
            received.windows(2).all(|pair| pair[1].index.follows(pair[0].index)),
            "no hole in the numbers"
        );
        let numbers: Vec<_> = received.iter().map(|packet| packet.number(0).expect("media")).collect();
        assert!(numbers.first().is_some_and(|first| self.keyframes.contains(first)), "{numbers:?}");
        for pair in numbers.windows(2) {
            let goes_on = pair[1] == pair[0] + 1;
            assert!(goes_on || self.keyframes.contains(&pair[1]), "undecodable after {pair:?}");
        }
        for pair in received.windows(2) {
            let (before, after) = (pair[0].header.timestamp, pair[1].header.timestamp);
            assert!(after == before || after.is_after(before), "the clock goes forward");
            assert_eq!(after != before, pair[0].header.marker, "one timestamp for each frame");
        }
        numbers
    }
}

// covers: issue 4 "A complete replay younger than one second is sent paced, its timestamps compressed to live"
#[test]
fn a_new_subscriber_sees_a_young_keyframe_and_all_since_at_once() {
    let mut show = Show::new();
    show.frame(4, true);
    show.frames(10, 2);
    assert_eq!(show.requests(), 0);
    show.join(CAROL);
    assert_eq!(show.decoded_by(CAROL), (0..24).collect::<Vec<_>>(), "without waiting for anything");
    let replay = show.received_by(CAROL);
    let (first, last) = (replay[0].header.timestamp, replay[23].header.timestamp);
    assert!(last.wrapping_since(first) < FRAME_TICKS / 2, "ten frames within half of one");
    show.frames(1, 2);
    assert_eq!(show.decoded_by(CAROL).len(), 26);
    let live = show.received_by(CAROL)[24].header.timestamp;
    assert_eq!(live.wrapping_since(last), FRAME_TICKS, "and then at the stream's own pace");
    assert_eq!(show.requests(), 0, "the publisher knows nothing of it");
}

#[test]
fn a_long_replay_leaves_in_bursts_and_live_packets_keep_their_place_behind_it() {
    let mut show = Show::new();
    show.frame(60, true);
    show.frames(20, 10);
    show.join(CAROL);
    let mut sent = vec![show.received_by(CAROL).len()];
    for _ in 0..12 {
        let frame = show.make(3, false);
        show.stage.send_all(show.track, &frame);
        show.stage.advance(Duration::from_millis(5));
        sent.push(show.received_by(CAROL).len());
    }
    assert!(sent.windows(2).all(|pair| pair[1] - pair[0] <= 32 + 3), "{sent:?}");
    assert_eq!((sent[0], sent[1]), (32, 64));
    assert_eq!(show.decoded_by(CAROL), (0..60 + 200 + 36).collect::<Vec<_>>());
}

// covers: issue 4 "an older keyframe is shown alone while one new one is requested"
#[test]
fn an_older_keyframe_is_shown_alone_until_the_one_that_is_asked_for_comes() {
    let mut show = Show::new();
    show.frame(70, true);
    show.frames(200, 2);
    show.join(CAROL);
    assert_eq!(show.requests(), 1);
    show.frames(3, 2);
    assert_eq!(show.decoded_by(CAROL), (0..70).collect::<Vec<_>>(), "what goes on from it is long gone");
    let late = show.make(2, false);
    show.stage.send(show.track, &late[1]).expect("fresh");
    let key = show.publisher.number;
    show.frame(5, true);
    show.stage.send(show.track, &late[0]).expect("it fills a hole");
    show.frames(2, 2);
    let expected: Vec<_> = (0..70).chain(key..key + 9).collect();
    assert_eq!(show.decoded_by(CAROL), expected, "of what came between nothing, late or not");
    assert_eq!(show.requests(), 0);
}

#[test]
fn padding_leaves_no_hole_in_a_replay() {
    let mut show = Show::new();
    show.frame(2, true);
    let probe = show.publisher.probe();
    assert_eq!(show.stage.send(show.track, &probe), Err(DropReason::PaddingOnly));
    show.frames(1, 1);
    show.join(CAROL);
    assert_eq!(show.decoded_by(CAROL), [0, 1, 2]);
    let late = show.make(1, false);
    show.frames(1, 1);
    show.stage.send_all(show.track, &late);
    assert_eq!(show.received_by(CAROL).len(), 5, "what is lost keeps its number");
}

#[test]
fn a_hole_since_the_keyframe_means_the_picture_alone() {
    let mut show = Show::new();
    show.frame(4, true);
    let frame = show.make(3, false);
    show.stage.send(show.track, &frame[0]).expect("fresh");
    show.stage.send(show.track, &frame[2]).expect("fresh");
    show.join(CAROL);
    assert_eq!((show.decoded_by(CAROL), show.requests()), (vec![0, 1, 2, 3], 1));
}

#[test]
fn a_keyframe_that_is_just_arriving_is_waited_for_not_asked_for() {
    let mut show = Show::new();
    let frame = show.make(4, true);
    show.stage.send(show.track, &frame[0]).expect("fresh");
    show.stage.send(show.track, &frame[2]).expect("fresh");
    show.join(CAROL);
    show.stage.send(show.track, &frame[1]).expect("late");
    show.stage.send(show.track, &frame[3]).expect("fresh");
    assert_eq!((show.decoded_by(CAROL), show.requests()), (vec![0, 1, 2, 3], 0));
}

#[test]
fn what_a_replay_sent_is_repaired_like_anything_else() {
    for (deltas, lost) in [(5, 3), (5, 6), (300, 2)] {
        let mut show = Show::new();
        show.frame(4, true);
        show.frames(deltas, 1);
        show.join(CAROL);
        let lost = show.received_by(CAROL).get(lost).copied().expect("it was sent").clone();
        show.stage.received.clear();
        let nack = Feedback::Nack { media_ssrc: Ssrc::new(0x3000), lost: vec![lost.header.seq] };
        show.stage.feedback(CAROL, &nack);
        let [repair] = show.received_by(CAROL)[..] else { panic!("one answer, after {deltas} deltas") };
        assert_eq!(repair.header.timestamp, lost.header.timestamp);
        assert_eq!(repair.payload()[..2], lost.header.seq.wire().to_be_bytes());
        assert_eq!(&repair.payload()[2..], lost.payload());
    }
}

// covers: issue 4 "500 joins in one second: at most 2 requests upstream"
#[test]
fn a_storm_of_joins_never_reaches_the_publisher() {
    const JOINS: u64 = 500;
    let mut show = Show::new();
    show.frame(40, true);
    show.frames(100, 3);
    assert_eq!(show.requests(), 0);
    show.stage.received.clear();
    let (mut asked, mut answer) = (0, None);
    for tick in 0..JOINS + 200 {
        if tick < JOINS {
            let session = SessionId::new(100 + tick);
            show.stage.subscribe(show.track, session, 0x10_0000 + tick as u32 * 2);
        }
        let requests = show.requests();
        if tick < JOINS {
            asked += requests;
        }
        if requests > 0 {
            // A round trip and an encoder's time.
            answer = Some(tick + 60);
        }
        if tick % 17 == 0 {
            let key = answer.take_if(|due| *due <= tick).is_some();
            let frame = show.make(if key { 40 } else { 3 }, key);
            show.stage.send_all(show.track, &frame);
        }
        show.stage.advance(Duration::from_millis(2));
    }
    assert!((1..=2).contains(&asked), "{asked} requests");
    let newest = show.publisher.number - 1;
    for tick in 0..JOINS {
        let numbers = show.decoded_by(SessionId::new(100 + tick));
        assert_eq!(numbers.last(), Some(&newest), "{tick} got all that it needs, to the end");
    }
}

#[test]
fn nothing_goes_over_from_one_stream_of_the_publisher_to_the_next() {
    let mut show = Show::new();
    show.frame(4, true);
    let mut other = Publisher::new(0x7000, 9, 1 << 31);
    show.stage.send_all(show.track, &other.frame(2, false));
    show.join(CAROL);
    assert_eq!(show.received_by(CAROL).len(), 0, "its deltas do not go on from the old keyframe");
    show.stage.send_all(show.track, &other.frame(2, true));
    assert_eq!(show.received_by(CAROL).len(), 2);
}

#[test]
fn a_source_that_has_ceased_shows_no_last_picture() {
    let mut show = Show::new();
    show.frame(4, true);
    show.stage.advance(Duration::from_secs(3));
    show.join(CAROL);
    assert_eq!((show.received_by(CAROL).len(), show.requests()), (0, 0));
    show.frame(1, false);
    assert_eq!((show.received_by(CAROL).len(), show.requests()), (0, 1), "it has come back");
    show.frame(2, true);
    assert_eq!(show.decoded_by(CAROL), [5, 6]);
}

#[test]
fn a_source_whose_keyframes_nobody_recognises_is_forwarded_after_a_while() {
    let mut stage = Stage::new(1);
    let track = stage.publish(ALICE);
    stage.subscribe(track, BOB, 0x2000);
    let mut publisher = Publisher::new(0x1000, 500, 9);
    for _ in 0..120 {
        stage.send_all(track, &publisher.frame(1, false));
        stage.advance(FRAME_TIME);
    }
    let waited = 120 - stage.received.len() as u64;
    assert!((90..=93).contains(&waited), "three seconds, {waited} frames");
    assert!(stage.received.windows(2).all(|pair| pair[1].index.follows(pair[0].index)));
}

#[test]
fn one_whose_transport_comes_up_begins_anew() {
    let mut show = Show::new();
    show.frame(4, true);
    show.join(CAROL);
    show.frames(5, 1);
    let before = show.stage.received.last().expect("media flowed").clone();
    let sink = show.received_by(CAROL)[0].sink;
    show.stage.received.clear();
    show.stage.forwarder.begin(sink, show.stage.now);
    show.stage.settle();
    assert_eq!(show.decoded_by(CAROL), (0..9).collect::<Vec<_>>());
    let first = show.stage.received.first().expect("media flowed");
    assert!(first.index > before.index && first.header.timestamp.is_after(before.header.timestamp));
    assert_eq!(show.requests(), 0);
}

#[test]
fn one_whose_transport_comes_back_is_shown_nothing_twice() {
    let mut show = Show::new();
    show.frame(4, true);
    show.join(CAROL);
    let report = ReceptionReport {
        ssrc: Ssrc::new(0x3000),
        fraction_lost: 0,
        lost: 0,
        highest: 0,
        jitter: 0,
        last_sr: 0,
        delay_since_sr: 0,
    };
    show.stage.feedback(CAROL, &Feedback::Reception(report));
    let sink = show.received_by(CAROL)[0].sink;
    show.stage.received.clear();
    show.stage.forwarder.begin(sink, show.stage.now);
    show.stage.settle();
    assert_eq!((show.received_by(CAROL).len(), show.requests()), (0, 1));
}

#[test]
fn one_who_leaves_in_the_middle_of_a_replay_leaves_nothing_behind() {
    let mut show = Show::new();
    show.frame(200, true);
    show.join(CAROL);
    let sink = show.received_by(CAROL)[0].sink;
    show.stage.disconnect(sink);
    show.stage.advance(Duration::from_secs(1));
    assert_eq!(show.received_by(CAROL).len(), 32);
    show.stage.connect(show.track, sink);
    show.stage.forwarder.remove_sink(sink);
    show.stage.advance(Duration::from_secs(1));
    assert_eq!(show.received_by(CAROL).len(), 64);
}

#[test]
fn audio_is_not_replayed() {
    let mut stage = Stage::new(1);
    let opus = Arc::new(parameters("0", vec![format(111, Codec::Opus)], &[]));
    let kind = MediaKind::Audio;
    let track = stage.forwarder.add_track(TrackConfig {
        session: ALICE,
        kind,
        parameters: opus.clone(),
        encodings: 1,
    });
    let mut numbers = BTreeMap::new();
    for place in 0..10u64 {
        if place == 5 {
            let config = SinkConfig {
                session: BOB,
                kind,
                parameters: opus.clone(),
                ssrc: Ssrc::new(0x2000),
                rtx_ssrc: None,
                cname: "alice".into(),
            };
            let sink = stage.forwarder.add_sink(config);
            stage.connect(track, sink);
        }
        let packet = [0x80, 111, 0, place as u8, 0, 0, 0, 0, 0, 0, 0, 9, place as u8];
        let header = RtpHeader::parse(&packet).expect("a valid packet");
        let source = stage.source(track);
        let taken = stage.forwarder.handle_rtp(source, ExtSeq::new(place), &header, &packet, stage.now);
        taken.expect("a fresh packet is taken");
        stage.settle();
        numbers.insert(place, stage.received.len());
    }
    assert_eq!(numbers.into_values().collect::<Vec<_>>(), [0, 0, 0, 0, 0, 1, 2, 3, 4, 5]);
    let told = |output: &&Output| matches!(output, Output::Rtcp { report: Report::Pli { .. }, .. });
    assert_eq!(stage.outputs.iter().find(told), None);
}
