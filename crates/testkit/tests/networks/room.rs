//! The whole forwarding core between a camera and its watchers, each behind a link of its own.

use crate::camera::{Camera, FRAME, parameters};
use crate::receiver::Receiver;
use crate::watcher::Watcher;
use keel_media::MediaKind;
use keel_media::forward::{Forwarder, Output, SinkConfig, TrackConfig};
use keel_media::id::{SessionId, TrackId};
use keel_media::rtp::rtcp::{Feedback, Report};
use keel_media::rtp::*;
use keel_testkit::net::{Link, LinkConfig};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const PUBLISHER: SessionId = SessionId::new(1);
const STEP: Duration = Duration::from_millis(1);
const LONG_WAIT: Duration = Duration::from_millis(250);

pub(crate) struct Room {
    forwarder: Forwarder,
    track: TrackId,
    cameras: Vec<Camera>,
    pub(crate) seats: Vec<Seat>,
    pub(crate) start: Instant,
    now: Instant,
    frame_due: Instant,
    /// Keyframe requests that reached the camera.
    pub(crate) keyframe_requests: u32,
}

/// A watcher with its link.
pub(crate) struct Seat {
    session: SessionId,
    receiver: Receiver,
    pub(crate) watcher: Watcher,
    link: Link,
    delay: Duration,
    sent: VecDeque<(u64, Instant)>,
    number: u64,
    feedback: VecDeque<(Instant, Feedback)>,
    long_since: Option<Instant>,
    /// The longest wait before the link's bottleneck, and the longest stretch above 250 ms.
    pub(crate) wait_max: Duration,
    pub(crate) long_wait: Duration,
}

impl Room {
    /// A room with one camera of these encodings and a watcher behind each of the links.
    pub(crate) fn new(seed: u64, encodings: &[Bitrate], links: &[LinkConfig]) -> Self {
        let start = Instant::now();
        let mut forwarder = Forwarder::new(seed);
        let (kind, encodings_count) = (MediaKind::Video, encodings.len());
        let config =
            TrackConfig { session: PUBLISHER, kind, parameters: parameters(96), encodings: encodings_count };
        let track = forwarder.add_track(config);
        let cameras = encodings.iter().zip(0..).map(|(rate, encoding)| Camera::new(encoding, *rate));
        let mut room = Self {
            forwarder,
            track,
            cameras: cameras.collect(),
            seats: Vec::new(),
            start,
            now: start,
            frame_due: start,
            keyframe_requests: 0,
        };
        for (link, place) in links.iter().zip(0..) {
            room.join(seed + 1 + u64::from(place), link, place);
        }
        room
    }

    fn join(&mut self, seed: u64, link: &LinkConfig, place: u32) {
        let session = SessionId::new(2 + u64::from(place));
        let ssrc = Ssrc::new(0x2000 + 16 * place);
        let config = SinkConfig {
            session,
            kind: MediaKind::Video,
            parameters: parameters(120),
            ssrc,
            rtx_ssrc: Some(Ssrc::new(ssrc.wire() + 1)),
            cname: "camera".into(),
        };
        let sink = self.forwarder.add_sink(config);
        assert!(self.forwarder.connect(self.track, sink, self.now), "both exist");
        self.seats.push(Seat {
            session,
            receiver: Receiver::new(self.now),
            watcher: Watcher::new(ssrc, self.now),
            link: Link::new(seed, link.clone()),
            delay: link.delay,
            sent: VecDeque::new(),
            number: 0,
            feedback: VecDeque::new(),
            long_since: None,
            wait_max: Duration::ZERO,
            long_wait: Duration::ZERO,
        });
    }

    pub(crate) fn at(&self, seconds: u64) -> Instant {
        self.start + Duration::from_secs(seconds)
    }

    /// Lets the room live for a time.
    pub(crate) fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.step();
            self.now += STEP;
        }
    }

    fn step(&mut self) {
        if self.now >= self.frame_due {
            self.frame_due += FRAME;
            self.shoot();
        }
        for place in 0..self.seats.len() {
            let seat = &mut self.seats[place];
            seat.receive(self.now);
            while let Some((_, feedback)) = seat.feedback.pop_front_if(|(at, _)| *at <= self.now) {
                self.forwarder.handle_feedback(seat.session, &feedback, self.now);
            }
        }
        self.settle();
    }

    fn shoot(&mut self) {
        for (encoding, camera) in self.cameras.iter_mut().enumerate() {
            let source = self.forwarder.source_of(self.track, encoding).expect("the track has it");
            for (index, packet) in camera.next_frame() {
                let header = RtpHeader::parse(&packet).expect("a valid packet");
                let taken = self.forwarder.handle_rtp(source, index, &header, &packet, self.now);
                taken.expect("a fresh packet is taken");
            }
        }
    }

    /// What a worker does at the end of a tick.
    fn settle(&mut self) {
        let Self { forwarder, seats, now, start, .. } = self;
        let send_time = AbsSendTime::since_origin(*now - *start);
        if forwarder.poll_timeout().is_some_and(|due| due <= *now) {
            forwarder.handle_timeout(*now);
        }
        forwarder.fan_out(*now, send_time, |departure| {
            let mut bytes = vec![0; departure.packet_len()];
            departure.write(&mut bytes);
            let seat = seats.iter_mut().find(|seat| seat.session == departure.session);
            seat.expect("packets go to subscribers alone").send(bytes, *now);
        });
        while let Some(output) = self.forwarder.poll_output() {
            let Output::Rtcp { session: PUBLISHER, report } = output else { continue };
            let (Report::Pli { media_ssrc } | Report::Fir { media_ssrc, .. }) = report else { continue };
            self.keyframe_requests += 1;
            for camera in self.cameras.iter_mut().filter(|camera| camera.ssrc == media_ssrc) {
                camera.keyframe_wanted = true;
            }
        }
    }
}

impl Seat {
    fn send(&mut self, mut packet: Vec<u8>, now: Instant) {
        self.sent.push_back((self.number, now));
        packet.extend(self.number.to_be_bytes());
        self.number += 1;
        self.link.send(now, packet.into());
    }

    fn receive(&mut self, now: Instant) {
        while let Some(datagram) = self.link.poll(now) {
            let (packet, number) = datagram.split_last_chunk::<8>().expect("the number behind");
            let number = u64::from_be_bytes(*number);
            while self.sent.front().is_some_and(|(sent, _)| *sent < number) {
                self.sent.pop_front();
            }
            let sent = self.sent.front().map_or(now, |(_, at)| *at);
            self.note_wait((now - sent).saturating_sub(self.delay), now);
            let header = RtpHeader::parse(packet).expect("Keel sends valid packets");
            self.receiver.note(&header, packet, now);
            self.watcher.receive(&header, packet, now);
        }
        let delay = self.delay;
        let said = self.watcher.poll(now).into_iter().chain(self.receiver.poll(now));
        self.feedback.extend(said.map(|said| (now + delay, said)));
    }

    fn note_wait(&mut self, wait: Duration, now: Instant) {
        self.wait_max = self.wait_max.max(wait);
        if wait > LONG_WAIT {
            let since = *self.long_since.get_or_insert(now);
            self.long_wait = self.long_wait.max(now - since);
        } else {
            self.long_since = None;
        }
    }
}
