//! One joined peer in a run: what it sends when, and what it counts.

use crate::feedback::FeedbackLog;
use crate::measure::Histogram;
use crate::packet::{self, Packet, Part};
use crate::peer::{BarePeer, Keys, audio_ssrc, video_ssrc};
use crate::signaling::Joined;
use crate::traffic::Traffic;
use keel_media::rtp::rtcp::Report;
use keel_media::rtp::{ExtSeq, ExtensionId, RtpHeader, Ssrc};
use keel_media::session::rtcp::build;
use keel_media::srtp::Profile;
use keel_media::worker::batch::{Segmentation, SendBatch};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A peer with its streams.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) peer: BarePeer,
    keys: Keys,
    /// Which peer of all.
    pub(crate) number: usize,
    /// Whose media it receives.
    pub(crate) hears: Vec<usize>,
    pub(crate) streams: Vec<OutgoingStream>,
    /// What it tells of its path, and the extension that it learns it from; `None` for one that tells nothing.
    feedback: Option<(FeedbackLog, ExtensionId)>,
    /// When its offer was sent, since 1970.
    offered: Duration,
    /// From its offer to its first packet of media.
    pub(crate) first_media_after: Option<Duration>,
    /// Packets of media received in this window.
    pub(crate) received: u64,
}

/// One stream that a peer sends.
#[derive(Debug)]
pub(crate) struct OutgoingStream {
    kind: Kind,
    ssrc: Ssrc,
    next: ExtSeq,
    /// Frames, or packets of audio, sent so far.
    units: u64,
    keyframe_wanted: bool,
    /// When the next one leaves.
    due: Instant,
    /// Packets sent in this window.
    pub(crate) sent: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Video,
    Audio,
}

/// What sampled packets told.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// From the publisher's send to the subscriber's kernel.
    pub(crate) latency: Histogram,
    /// The same for the last packets of frames: when a whole frame is there.
    pub(crate) frame: Histogram,
    /// Sampled packets that were not authentic, or not ours.
    pub(crate) corrupt: u64,
    /// Packets decrypted and verified.
    pub(crate) verified: u64,
}

impl Member {
    pub(crate) fn new(joined: Joined) -> Self {
        let Joined { peer, keys, number, media, hears, transport_number_id, offered } = joined;
        let of_peer = u32::try_from(number).unwrap_or_default();
        let stream = |kind, ssrc| OutgoingStream {
            kind,
            ssrc: Ssrc::new(ssrc),
            next: ExtSeq::new(1),
            units: 0,
            keyframe_wanted: true,
            due: Instant::now(),
            sent: 0,
        };
        let video = media.video.sends().then(|| stream(Kind::Video, video_ssrc(of_peer)));
        let audio = media.audio.sends().then(|| stream(Kind::Audio, audio_ssrc(of_peer)));
        Self {
            peer,
            keys,
            number,
            hears,
            feedback: transport_number_id.and_then(ExtensionId::new).map(|id| (FeedbackLog::default(), id)),
            streams: video.into_iter().chain(audio).collect(),
            offered: since_epoch(offered),
            first_media_after: None,
            received: 0,
        }
    }

    /// Sends what is due of all its streams by `now`, and notes how late each was.
    pub(crate) fn send_due(
        &mut self,
        now: Instant,
        traffic: &Traffic,
        batch: &mut SendBatch,
        lag: &mut Histogram,
    ) {
        for stream in &mut self.streams {
            let Some(every) = stream.every(traffic) else { continue };
            // A generator that cannot keep up sends what it can, and its lag shows.
            let mut at_once = 0;
            while stream.due <= now && at_once < UNITS_AT_ONCE_MAX {
                lag.record(now.saturating_duration_since(stream.due));
                stream.send(traffic, &mut self.keys, self.peer.server, batch);
                stream.due += every;
                at_once += 1;
            }
        }
        if !batch.is_empty() {
            // A browser's packets leave one by one; what the kernel does not take is lost and shows.
            batch.flush(self.peer.socket.as_fd());
        }
    }

    /// When it sends next; `None` for one that never does.
    pub(crate) fn due(&self, traffic: &Traffic) -> Option<Instant> {
        let streams = self.streams.iter().filter(|stream| stream.every(traffic).is_some());
        streams.map(|stream| stream.due).min()
    }

    /// Restarts its sending after `now`: what was not sent before is not made up for. The frames of many
    /// publishers lie apart by the golden ratio, which spreads any number of them evenly.
    pub(crate) fn resume(&mut self, now: Instant, traffic: &Traffic) {
        for stream in &mut self.streams {
            let phase = (self.number as f64 * 0.618_034).fract();
            stream.due = now + stream.every(traffic).unwrap_or_default().mul_f64(phase);
        }
    }

    /// Counts one datagram, and looks into one in sixteen.
    pub(crate) fn handle(
        &mut self,
        datagram: &mut [u8],
        received_at: Option<Duration>,
        samples: &mut Samples,
    ) {
        match datagram {
            // RFC 5761 §4: RTCP's packet types lie between those of RTP with and without the marker.
            [128..=191, 192..=223, ..] => self.handle_rtcp(datagram),
            [128..=191, second, third, fourth, ..] => {
                let (marker, number) = (*second & 0x80 != 0, u16::from_be_bytes([*third, *fourth]));
                self.received += 1;
                if self.first_media_after.is_none() {
                    self.first_media_after = received_at.map(|at| at.saturating_sub(self.offered));
                }
                if let (Some((log, id)), Some(at)) = (&mut self.feedback, received_at)
                    && let Some(number) = transport_number(datagram, *id)
                {
                    log.note(number, at);
                }
                if is_sampled(number) {
                    match self.verify(datagram) {
                        Some(sent) => {
                            samples.verified += 1;
                            if let Some(received_at) = received_at {
                                let latency = received_at.saturating_sub(sent);
                                samples.latency.record(latency);
                                if marker {
                                    samples.frame.record(latency);
                                }
                            }
                        }
                        None => samples.corrupt += 1,
                    }
                }
            }
            // A full agent asks for consent. What cannot be answered it asks again.
            [0..=3, ..] => drop(self.peer.answer_check(datagram)),
            _ => {}
        }
    }

    /// Sends the feedback that is due.
    pub(crate) fn send_feedback(&mut self) {
        let Some((log, _)) = &mut self.feedback else { return };
        let ssrc = Ssrc::new(video_ssrc(u32::try_from(self.number).unwrap_or_default()));
        let due = log.take_due(since_epoch(SystemTime::now()), ssrc);
        if due.is_empty() {
            return;
        }
        let reports: Vec<Report> = due.into_iter().map(Report::TransportFeedback).collect();
        for mut packet in build(ssrc, "bare", &reports) {
            // Feedback that is lost is followed by more.
            if self.keys.send.protect_rtcp(&mut packet).is_ok() {
                drop(self.peer.socket.send_to(&packet, self.peer.server));
            }
        }
    }

    /// When the packet left its publisher, if it is authentic and ours.
    fn verify(&mut self, datagram: &mut [u8]) -> Option<Duration> {
        let header = RtpHeader::parse(datagram).ok()?;
        let (length, _) = self.keys.receive.unprotect_rtp(datagram, &header).ok()?;
        packet::sent(datagram.get(header.payload_start()..length)?)
    }

    /// Takes notice of requests for a keyframe.
    fn handle_rtcp(&mut self, datagram: &mut [u8]) {
        if self.streams.is_empty() {
            return;
        }
        let Ok(length) = self.keys.receive.unprotect_rtcp(datagram) else { return };
        let mut rest = datagram.get(..length).unwrap_or_default();
        while let [first, kind, length @ ..] = rest
            && let [high, low, ..] = length
        {
            // RFC 4585 §6.3.1 and RFC 5104 §4.3.1: payload-specific feedback of the formats 1 and 4.
            if *kind == 206 && matches!(first & 0x1f, 1 | 4) {
                for stream in &mut self.streams {
                    stream.keyframe_wanted = true;
                }
            }
            let bytes = 4 * (usize::from(u16::from_be_bytes([*high, *low])) + 1);
            rest = rest.get(bytes..).unwrap_or_default();
        }
    }
}

/// The transport-wide number of a packet, which stands in its header's extensions.
fn transport_number(datagram: &[u8], id: ExtensionId) -> Option<u16> {
    let header = RtpHeader::parse(datagram).ok()?;
    let value = header.extension(datagram, id)?;
    value.first_chunk().copied().map(u16::from_be_bytes)
}

/// A generator that was held up for longer gives up on the difference: it is void anyway.
const UNITS_AT_ONCE_MAX: u32 = 64;

/// One in sixteen, at no fixed distance, so that each place in a frame has its turn.
const fn is_sampled(sequence: u16) -> bool {
    (sequence as u32).wrapping_mul(0x9e37_79b1) >> 28 == 0
}

impl OutgoingStream {
    fn every(&self, traffic: &Traffic) -> Option<Duration> {
        match self.kind {
            Kind::Video => traffic.frame_every(),
            Kind::Audio => traffic.audio_every().map(|(_, every)| every),
        }
    }

    /// Writes and seals one frame, or one packet of audio.
    fn send(&mut self, traffic: &Traffic, keys: &mut Keys, to: SocketAddr, batch: &mut SendBatch) {
        let audio = traffic.audio_every().map(|(payload, _)| [payload]);
        let (sizes, ticks) = match self.kind {
            Kind::Video => (traffic.frame(self.units), 90_000.0),
            Kind::Audio => (audio.as_ref().map_or(&[][..], |sizes| sizes), 48_000.0),
        };
        let every = self.every(traffic).unwrap_or_default();
        // RTP's clock wraps as it should.
        let timestamp = (self.units as f64 * every.as_secs_f64() * ticks) as u64 as u32;
        let sent = since_epoch(SystemTime::now());
        let keyframe = self.kind == Kind::Video && std::mem::take(&mut self.keyframe_wanted);
        for (place, payload) in sizes.iter().enumerate() {
            let part = match self.kind {
                Kind::Audio => Part::Audio,
                Kind::Video => Part::Video {
                    first: place == 0,
                    last: place + 1 == sizes.len(),
                    keyframe,
                    picture: self.units as u16 & 0x7fff,
                },
            };
            let packet =
                Packet { part, index: self.next, timestamp, ssrc: self.ssrc, payload: *payload, sent };
            let room = packet::HEADER_LENGTH + payload + Profile::TAG_LENGTH_MAX;
            // At most 64 packets a frame and 64 frames at once: beyond the batch they are lost, and show.
            let Some(place) = batch.reserve(to.into(), Segmentation::Single, room) else { break };
            let plain = packet.write(place);
            let sealed = keys.send.protect_rtp(place, packet::HEADER_LENGTH, plain, self.ssrc, self.next);
            batch.commit(sealed);
            self.next = self.next.next();
            self.sent += 1;
        }
        self.units += 1;
    }
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}
