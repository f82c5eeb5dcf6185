//! The sending half of a peer: synthetic media, paced in real time.

use super::Repair;
use super::pattern::Pattern;
use super::report::{SILENCE, Shared};
use crate::source::{AUDIO_PACKET_MS, AudioSource, VideoConfig, VideoSource};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RTCRtpRtxParameters, RtpCodecKind,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

/// Both tracks of a peer belong to one stream, as a camera with a microphone does.
const STREAM: &str = "keel-testkit";

/// A video track with the frames to be sent on it.
#[derive(Clone)]
pub(super) struct VideoTrack {
    local: Arc<TrackLocalStaticRTP>,
    config: VideoConfig,
    ssrc: u32,
    first_seq: u16,
    /// What is shown in place of synthetic frames.
    pattern: Option<Arc<Pattern>>,
}

impl VideoTrack {
    pub(super) fn new(seed: u64, mut config: VideoConfig, repair: Repair, codec: &RTCRtpCodec) -> Self {
        let mut rng = StdRng::seed_from_u64(seed ^ u64::from(b'v'));
        let ssrc = rng.random();
        let rtx = (repair == Repair::Rtx).then(|| RTCRtpRtxParameters { ssrc: rng.random() });
        config.first_timestamp = config.first_timestamp.wrapping_add(rng.random());
        let local = Arc::new(local_track(RtpCodecKind::Video, ssrc, rtx, codec));
        Self { local, config, ssrc, first_seq: rng.random(), pattern: None }
    }

    /// Shows a picture that browsers can decode.
    pub(super) fn showing(mut self, pattern: Pattern) -> Self {
        self.pattern = Some(Arc::new(pattern));
        self
    }

    pub(super) fn local(&self) -> Arc<TrackLocalStaticRTP> {
        Arc::clone(&self.local)
    }

    pub(super) const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub(super) fn timestamp(&self, number: u32) -> u32 {
        VideoSource::timestamp(&self.config, number)
    }

    /// Sends until told to stop or the connection is gone. The first frame is a keyframe, and so is the
    /// one after each request.
    pub(super) async fn run(self, payload_type: u8, shared: Arc<Shared>) {
        let mut source = VideoSource::new(self.config);
        let mut shown = 0;
        let mut seq = self.first_seq;
        let mut ticks = interval(Duration::from_secs(1) / self.config.frame_rate);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        shared.want_keyframe(self.ssrc);
        while !shared.publishing_stopped() {
            ticks.tick().await;
            let keyframe_wanted = shared.take_keyframe_wanted(self.ssrc);
            let mut frame = source.next_frame(keyframe_wanted);
            if let Some(pattern) = &self.pattern {
                shown = if keyframe_wanted { 0 } else { shown };
                frame.keyframe = pattern.is_keyframe(shown);
                frame.payloads = pattern.frame(shown).to_vec();
                shown += 1;
            }
            let last = frame.payloads.len() - 1;
            for (index, payload) in frame.payloads.into_iter().enumerate() {
                let marker = index == last;
                let packet = packet(payload_type, marker, seq, frame.timestamp, self.ssrc, payload);
                seq = seq.wrapping_add(1);
                if self.local.write_rtp(packet).await.is_err() {
                    return;
                }
            }
            shared.report.send_modify(|report| {
                report.frames_sent += 1;
                report.keyframes_sent += u32::from(frame.keyframe);
            });
        }
    }
}

/// An audio track with the packets to be sent on it.
#[derive(Clone)]
pub(super) struct AudioTrack {
    local: Arc<TrackLocalStaticRTP>,
    first_timestamp: u32,
    ssrc: u32,
    first_seq: u16,
}

impl AudioTrack {
    pub(super) fn new(seed: u64, codec: &RTCRtpCodec) -> Self {
        let mut rng = StdRng::seed_from_u64(seed ^ u64::from(b'a'));
        let ssrc = rng.random();
        let local = Arc::new(local_track(RtpCodecKind::Audio, ssrc, None, codec));
        Self { local, first_timestamp: rng.random(), ssrc, first_seq: rng.random() }
    }

    pub(super) fn local(&self) -> Arc<TrackLocalStaticRTP> {
        Arc::clone(&self.local)
    }

    pub(super) const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub(super) fn timestamp(&self, number: u32) -> u32 {
        AudioSource::timestamp(self.first_timestamp, number)
    }

    /// Sends until told to stop or the connection is gone.
    pub(super) async fn run(self, payload_type: u8, level_id: Option<u8>, shared: Arc<Shared>) {
        let mut source = AudioSource::new(self.first_timestamp);
        let mut seq = self.first_seq;
        let mut ticks = interval(Duration::from_millis(u64::from(AUDIO_PACKET_MS)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !shared.publishing_stopped() {
            ticks.tick().await;
            let audio = source.next_packet();
            // RFC 3551 §4.1: the marker begins a talk spurt.
            let marker = audio.number == 0;
            let mut packet = packet(payload_type, marker, seq, audio.timestamp, self.ssrc, audio.payload);
            seq = seq.wrapping_add(1);
            let level = shared.audio_level();
            // RFC 6464 §3: the voice flag, then the level.
            let voice = if level < SILENCE { 0x80 } else { 0 };
            let told = level_id.map(|id| packet.header.set_extension(id, Bytes::from(vec![voice | level])));
            if told.is_some_and(|told| told.is_err()) || self.local.write_rtp(packet).await.is_err() {
                return;
            }
            shared.report.send_modify(|report| report.audio_sent += 1);
        }
    }
}

fn local_track(
    kind: RtpCodecKind,
    ssrc: u32,
    rtx: Option<RTCRtpRtxParameters>,
    codec: &RTCRtpCodec,
) -> TrackLocalStaticRTP {
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            ssrc: Some(ssrc),
            rtx,
            ..RTCRtpCodingParameters::default()
        },
        codec: codec.clone(),
        ..RTCRtpEncodingParameters::default()
    };
    let id = format!("{STREAM}-{kind}-{ssrc}");
    TrackLocalStaticRTP::new(MediaStreamTrack::new(STREAM.to_owned(), id.clone(), id, kind, vec![encoding]))
}

fn packet(
    payload_type: u8,
    marker: bool,
    seq: u16,
    timestamp: u32,
    ssrc: u32,
    payload: Bytes,
) -> rtp::Packet {
    rtp::Packet {
        header: rtp::header::Header {
            version: 2,
            marker,
            payload_type,
            sequence_number: seq,
            timestamp,
            ssrc,
            ..rtp::header::Header::default()
        },
        payload,
    }
}
