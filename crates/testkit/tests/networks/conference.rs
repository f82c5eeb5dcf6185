//! A room of many: the whole forwarding core between some who show themselves and speak, in three encodings each,
//! and everybody else, each behind a link of its own.

use crate::camera::{Camera, FRAME, parameters};
use crate::microphone::{Ear, Microphone, SOUND, opus};
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

const STEP: Duration = Duration::from_millis(1);
/// Sessions of subscribers count from here, those of publishers from 1.
const SEATS_FROM: u64 = 100;
/// SSRCs of a subscriber: a picture and its retransmissions, then the voice, for each publisher.
const PICTURES_FROM: u32 = 0x2000;
const VOICES_FROM: u32 = 0x3000;

pub(crate) struct Conference {
    forwarder: Forwarder,
    speakers: Vec<Speaker>,
    pub(crate) seats: Vec<Attendee>,
    pub(crate) start: Instant,
    now: Instant,
}

/// Somebody who sends.
struct Speaker {
    session: SessionId,
    video: TrackId,
    audio: TrackId,
    cameras: Vec<Camera>,
    microphone: Microphone,
    frame_due: Instant,
    sound_due: Instant,
}

/// Somebody who receives all others.
pub(crate) struct Attendee {
    session: SessionId,
    pub(crate) joined: Instant,
    receiver: Receiver,
    /// By the place of who sends.
    pub(crate) pictures: Vec<(usize, Watcher)>,
    pub(crate) voices: Vec<(usize, Ear)>,
    link: Link,
    delay: Duration,
    feedback: VecDeque<(Instant, Feedback)>,
}

impl Conference {
    /// A room in which `speakers` send these encodings and a voice; nobody receives yet.
    pub(crate) fn new(seed: u64, speakers: usize, encodings: &[Bitrate]) -> Self {
        let start = Instant::now();
        let mut forwarder = Forwarder::new(seed);
        let speakers = (0..speakers as u32).map(|place| {
            let session = SessionId::new(1 + u64::from(place));
            let track = |kind, parameters, encodings| TrackConfig { session, kind, parameters, encodings };
            let video = forwarder.add_track(track(MediaKind::Video, parameters(96), encodings.len()));
            let audio = forwarder.add_track(track(MediaKind::Audio, opus(111), 1));
            let cameras = encodings.iter().zip(0..).map(|(rate, encoding)| Camera::new(encoding, *rate));
            Speaker {
                session,
                video,
                audio,
                cameras: cameras.collect(),
                microphone: Microphone::new(start),
                // Nobody's clock is another's.
                frame_due: start + Duration::from_millis(7) * place,
                sound_due: start + Duration::from_millis(3) * place,
            }
        });
        let speakers = speakers.collect();
        Self { forwarder, speakers, seats: Vec::new(), start, now: start }
    }

    /// Somebody begins to receive all who send, behind this link. The first ones to come are those who send.
    pub(crate) fn join(&mut self, seed: u64, link: &LinkConfig) {
        let place = self.seats.len();
        let session = SessionId::new(SEATS_FROM + place as u64);
        let speaker = Some(place).filter(|place| *place < self.speakers.len());
        let mut pictures = Vec::new();
        let mut voices = Vec::new();
        for (other, sends) in self.speakers.iter().enumerate().filter(|(other, _)| Some(*other) != speaker) {
            let ssrc = Ssrc::new(PICTURES_FROM + 2 * other as u32);
            let picture = SinkConfig {
                session,
                kind: MediaKind::Video,
                parameters: parameters(120),
                ssrc,
                rtx_ssrc: Some(Ssrc::new(ssrc.wire() + 1)),
                cname: "speaker".into(),
            };
            let voice = SinkConfig {
                kind: MediaKind::Audio,
                parameters: opus(109),
                ssrc: Ssrc::new(VOICES_FROM + other as u32),
                rtx_ssrc: None,
                ..picture.clone()
            };
            for (config, track) in [(picture, sends.video), (voice, sends.audio)] {
                let sink = self.forwarder.add_sink(config);
                assert!(self.forwarder.connect(track, sink, self.now), "both exist");
            }
            pictures.push((other, Watcher::new(ssrc, self.now)));
            voices.push((other, Ear::default()));
        }
        self.seats.push(Attendee {
            session,
            joined: self.now,
            receiver: Receiver::new(self.now),
            pictures,
            voices,
            link: Link::new(seed, link.clone()),
            delay: link.delay,
            feedback: VecDeque::new(),
        });
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// Lets the room live for a time.
    pub(crate) fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.send();
            self.receive();
            self.settle();
            self.now += STEP;
        }
    }

    fn send(&mut self) {
        let Self { forwarder, speakers, now, .. } = self;
        let mut send = |track, encoding, (index, packet): (ExtSeq, bytes::Bytes)| {
            let source = forwarder.source_of(track, encoding).expect("the track has it");
            let header = RtpHeader::parse(&packet).expect("a valid packet");
            forwarder.handle_rtp(source, index, &header, &packet, *now).expect("a fresh packet is taken");
        };
        for speaker in speakers {
            if *now >= speaker.frame_due {
                speaker.frame_due += FRAME;
                for (encoding, camera) in speaker.cameras.iter_mut().enumerate() {
                    camera.next_frame().into_iter().for_each(|packet| send(speaker.video, encoding, packet));
                }
            }
            if *now >= speaker.sound_due {
                speaker.sound_due += SOUND;
                send(speaker.audio, 0, speaker.microphone.next_packet(*now));
            }
        }
    }

    fn receive(&mut self) {
        let begun = self.start;
        for seat in &mut self.seats {
            seat.receive(begun, self.now);
            while let Some((_, feedback)) = seat.feedback.pop_front_if(|(at, _)| *at <= self.now) {
                self.forwarder.handle_feedback(seat.session, &feedback, self.now);
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
            seat.expect("packets go to subscribers alone").link.send(*now, bytes.into());
        });
        while let Some(output) = self.forwarder.poll_output() {
            let Output::Rtcp { session, report } = output else { continue };
            let (Report::Pli { media_ssrc } | Report::Fir { media_ssrc, .. }) = report else { continue };
            let asked = self.speakers.iter_mut().filter(|speaker| speaker.session == session);
            for camera in asked.flat_map(|speaker| &mut speaker.cameras) {
                camera.keyframe_wanted |= camera.ssrc == media_ssrc;
            }
        }
    }
}

impl Attendee {
    fn receive(&mut self, begun: Instant, now: Instant) {
        while let Some(packet) = self.link.poll(now) {
            let header = RtpHeader::parse(&packet).expect("Keel sends valid packets");
            self.receiver.note(&header, &packet, now);
            let ssrc = header.ssrc.wire();
            if let Some(place) = ssrc.checked_sub(VOICES_FROM) {
                let heard = self.voices.iter_mut().find(|(other, _)| *other == place as usize);
                let (_, ear) = heard.expect("a voice of this subscriber's");
                ear.hear(header.payload(&packet).unwrap_or_default(), begun, now);
            } else {
                let place = (ssrc - PICTURES_FROM) / 2;
                let seen = self.pictures.iter_mut().find(|(other, _)| *other == place as usize);
                let (_, watcher) = seen.expect("a picture of this subscriber's");
                watcher.receive(&header, &packet, now);
            }
        }
        let mut said: Vec<Feedback> =
            self.pictures.iter_mut().flat_map(|(_, watcher)| watcher.poll(now)).collect();
        said.extend(self.receiver.poll(now));
        let delay = self.delay;
        self.feedback.extend(said.into_iter().map(|said| (now + delay, said)));
    }
}
