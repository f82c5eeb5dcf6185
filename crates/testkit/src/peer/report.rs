//! What a peer has seen, as values a test can compare.

use super::data::{ChannelLog, follow};
use crate::picture::PictureLog;
use crate::sink::{AudioLog, FrameLog};
use anyhow::Result;
use keel_media::IceCandidate;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use webrtc::data_channel::DataChannel;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnectionEventHandler, RTCIceGatheringState, RTCPeerConnectionIceEvent, RTCPeerConnectionState,
};

/// Sender reports that a peer remembers in each direction; later ones are not noted.
pub(super) const SENDER_REPORTS_MAX: usize = 256;

/// The state of a peer's connection, as far as tests ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connection {
    /// Not yet connected.
    #[default]
    New,
    /// Media can flow.
    Connected,
    /// ICE or DTLS failed.
    Failed,
    /// Closed, by either side.
    Closed,
}

/// The part of an RTCP sender report that ties the two clocks together (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport {
    /// Whose.
    pub ssrc: u32,
    /// Wall-clock time, 32.32 fixed point seconds since 1900.
    pub ntp_time: u64,
    /// The same instant on the stream's RTP clock.
    pub rtp_time: u32,
    /// Packets sent so far.
    pub packets: u32,
}

/// Everything a peer has sent and received so far.
#[derive(Clone, Debug, Default)]
pub struct PeerReport {
    /// Whether media can flow.
    pub connection: Connection,
    /// Video received.
    pub video: FrameLog,
    /// Audio received.
    pub audio: AudioLog,
    /// What was received on each SSRC, at most 256: where there are several streams of a kind, the two logs
    /// above say nothing.
    pub streams: BTreeMap<u32, StreamLog>,
    /// SSRC of the video received, once there was any.
    pub video_ssrc: Option<u32>,
    /// SSRC of the audio received, once there was any.
    pub audio_ssrc: Option<u32>,
    /// Frames sent.
    pub frames_sent: u32,
    /// Keyframes among them.
    pub keyframes_sent: u32,
    /// Audio packets sent.
    pub audio_sent: u32,
    /// Sender reports sent.
    pub reports_sent: Vec<SenderReport>,
    /// Sender reports received.
    pub reports_received: Vec<SenderReport>,
    /// Receiver reports received: blocks, one per stream.
    pub receptions_received: u64,
    /// PLI and FIR received.
    pub keyframe_requests_received: u64,
    /// Packets that the other side asked to be sent again.
    pub nacks_received: u64,
    /// Packets that this side asked for.
    pub nacks_sent: u64,
    /// Packets sent again, on the RTX stream or as they were.
    pub retransmissions_sent: u64,
    /// Packets received on an RTX stream (RFC 4588).
    pub rtx_received: u64,
    /// Transport-wide congestion control feedback received.
    pub transport_feedback_received: u64,
    /// REMB received.
    pub bitrate_estimates_received: u64,
    /// The last one, in bits per second.
    pub bitrate_estimate: Option<u64>,
    /// Data channels, by label.
    pub channels: BTreeMap<String, ChannelLog>,
}

/// What was received on one SSRC.
#[derive(Clone, Debug, Default)]
pub struct StreamLog {
    /// As video.
    pub video: FrameLog,
    /// As real video, whoever made it.
    pub pictures: PictureLog,
    /// As audio.
    pub audio: AudioLog,
}

/// Streams that a report tells apart.
const STREAMS_MAX: usize = 256;

impl PeerReport {
    /// What was received on this SSRC; nothing on those that were never there.
    #[must_use]
    pub fn stream(&self, ssrc: u32) -> StreamLog {
        self.streams.get(&ssrc).cloned().unwrap_or_default()
    }

    fn stream_mut(&mut self, ssrc: u32) -> Option<&mut StreamLog> {
        let known = self.streams.contains_key(&ssrc) || self.streams.len() < STREAMS_MAX;
        known.then(|| self.streams.entry(ssrc).or_default())
    }

    /// The data channels of this label; nothing has happened on those that were never there.
    #[must_use]
    pub fn channel(&self, label: &str) -> ChannelLog {
        self.channels.get(label).cloned().unwrap_or_default()
    }

    /// Sender reports among `reports` for the stream `ssrc`.
    pub fn of_stream(reports: &[SenderReport], ssrc: u32) -> impl Iterator<Item = SenderReport> {
        reports.iter().copied().filter(move |report| report.ssrc == ssrc)
    }
}

impl fmt::Display for PeerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?}; sent {} frames ({} key), {} audio packets, {} again; received {} frames ({} missing, {} key), \
             {} audio packets ({} missing), {} by rtx, {} keyframe requests, {} nacked; asked for {}",
            self.connection,
            self.frames_sent,
            self.keyframes_sent,
            self.audio_sent,
            self.retransmissions_sent,
            self.video.complete(),
            self.video.missing(),
            self.video.keyframes(),
            self.audio.packets(),
            self.audio.missing(),
            self.rtx_received,
            self.keyframe_requests_received,
            self.nacks_received,
            self.nacks_sent,
        )
    }
}

/// What the peer, its interceptor and its event handler share.
pub(super) struct Shared {
    pub(super) report: watch::Sender<PeerReport>,
    /// The SSRCs of the videos that were asked for one, cleared by those that send.
    keyframes_wanted: Mutex<BTreeSet<u32>>,
    publishing_stopped: AtomicBool,
    /// Of the audio that is sent, in -dBov.
    audio_level: AtomicU8,
    candidates: mpsc::Sender<IceCandidate>,
    received: Mutex<Received>,
    /// The latest data channel of each label.
    pub(super) channels: Mutex<BTreeMap<String, Arc<dyn DataChannel>>>,
}

/// Tracks of the other side and the tasks that read them; the tasks end with the peer.
#[derive(Default)]
struct Received {
    tracks: Vec<Arc<dyn TrackRemote>>,
    readers: JoinSet<()>,
}

/// RFC 6464 §3: the lowest level, -127 dBov.
pub(super) const SILENCE: u8 = 127;
/// Complete frames without a keyframe before them after which one is asked for: half a second.
const BLIND_FRAMES_MAX: u32 = 15;

impl Shared {
    pub(super) fn new(candidates: mpsc::Sender<IceCandidate>) -> Self {
        Self {
            report: watch::Sender::new(PeerReport::default()),
            keyframes_wanted: Mutex::default(),
            publishing_stopped: AtomicBool::new(false),
            audio_level: AtomicU8::new(SILENCE),
            candidates,
            received: Mutex::default(),
            channels: Mutex::default(),
        }
    }

    /// Runs a reader until it or the peer ends.
    pub(super) fn read(&self, reader: impl Future<Output = ()> + Send + 'static) {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).readers.spawn(reader);
    }

    pub(super) fn want_keyframe(&self, ssrc: u32) {
        self.keyframes_wanted.lock().unwrap_or_else(PoisonError::into_inner).insert(ssrc);
    }

    /// Whether a keyframe is wanted since the last time this was asked.
    pub(super) fn take_keyframe_wanted(&self, ssrc: u32) -> bool {
        self.keyframes_wanted.lock().unwrap_or_else(PoisonError::into_inner).remove(&ssrc)
    }

    pub(super) fn start_publishing(&self) {
        self.publishing_stopped.store(false, Ordering::Relaxed);
    }

    pub(super) fn stop_publishing(&self) {
        self.publishing_stopped.store(true, Ordering::Relaxed);
    }

    pub(super) fn publishing_stopped(&self) -> bool {
        self.publishing_stopped.load(Ordering::Relaxed)
    }

    pub(super) fn set_audio_level(&self, level: u8) {
        self.audio_level.store(level.min(SILENCE), Ordering::Relaxed);
    }

    pub(super) fn audio_level(&self) -> u8 {
        self.audio_level.load(Ordering::Relaxed)
    }

    pub(super) async fn request_keyframe(&self) -> Result<()> {
        let tracks = self.received.lock().unwrap_or_else(PoisonError::into_inner).tracks.clone();
        for track in tracks {
            if track.kind().await == RtpCodecKind::Video {
                let media_ssrc = track.ssrcs().await.first().copied().unwrap_or_default();
                let media_ssrc = self.report.borrow().video_ssrc.unwrap_or(media_ssrc);
                track
                    .write_rtcp(vec![Box::new(PictureLossIndication { sender_ssrc: 0, media_ssrc })])
                    .await?;
            }
        }
        Ok(())
    }
}

/// The `webrtc` crate's callbacks. It holds the shared state weakly: the connection owns the handler, and
/// a reader task owns its track, so a strong reference would keep both alive after the peer is gone.
pub(super) struct Handler(pub(super) std::sync::Weak<Shared>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        let (Some(shared), Ok(init)) = (self.0.upgrade(), event.candidate.to_json()) else { return };
        let candidate = IceCandidate {
            candidate: init.candidate,
            sdp_mid: init.sdp_mid,
            sdp_mline_index: init.sdp_mline_index,
        };
        // A full queue means nobody reads candidates: the test put them into the description.
        let _ = shared.candidates.try_send(candidate);
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if let (Some(shared), RTCIceGatheringState::Complete) = (self.0.upgrade(), state) {
            let end = IceCandidate { candidate: String::new(), sdp_mid: None, sdp_mline_index: None };
            let _ = shared.candidates.try_send(end);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let Some(shared) = self.0.upgrade() else { return };
        let connection = match state {
            RTCPeerConnectionState::Connected => Connection::Connected,
            RTCPeerConnectionState::Failed => Connection::Failed,
            RTCPeerConnectionState::Closed => Connection::Closed,
            _ => return,
        };
        shared.report.send_modify(|report| report.connection = connection);
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        if let (Some(shared), Ok(label)) = (self.0.upgrade(), channel.label().await) {
            follow(&shared, label, channel);
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let Some(shared) = self.0.upgrade() else { return };
        let reader = read_track(Arc::clone(&track), track.kind().await, self.0.clone());
        let mut received = shared.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.tracks.push(track);
        received.readers.spawn(reader);
    }
}

async fn read_track(track: Arc<dyn TrackRemote>, kind: RtpCodecKind, shared: std::sync::Weak<Shared>) {
    let mut blind_frames_asked = 0;
    while let Some(event) = track.poll().await {
        let Some(shared) = shared.upgrade() else { return };
        let TrackRemoteEvent::OnRtpPacket(packet) = event else { continue };
        let (timestamp, ssrc) = (packet.header.timestamp, packet.header.ssrc);
        let (number, marker) = (packet.header.sequence_number, packet.header.marker);
        let mut blind_frames = 0;
        shared.report.send_modify(|report| match kind {
            RtpCodecKind::Video => {
                report.video_ssrc = Some(ssrc);
                report.video.handle_payload(timestamp, &packet.payload);
                if let Some(stream) = report.stream_mut(ssrc) {
                    stream.video.handle_payload(timestamp, &packet.payload);
                    stream.pictures.handle_packet(number, marker, &packet.payload);
                    blind_frames = if stream.video.packets > 0 {
                        stream.video.blind_frames()
                    } else {
                        stream.pictures.blind()
                    };
                }
            }
            _ => {
                report.audio_ssrc = Some(ssrc);
                report.audio.handle_payload(timestamp, &packet.payload);
                if let Some(stream) = report.stream_mut(ssrc) {
                    stream.audio.handle_payload(timestamp, &packet.payload);
                }
            }
        });
        // The crate may lose the first packets of a stream while it sets up the track. A receiver that goes
        // on without anything to show asks for a keyframe, as browsers do.
        if blind_frames >= blind_frames_asked + BLIND_FRAMES_MAX {
            blind_frames_asked = blind_frames;
            // One that cannot be sent any more is not needed either.
            let request = PictureLossIndication { sender_ssrc: 0, media_ssrc: ssrc };
            let _ = track.write_rtcp(vec![Box::new(request)]).await;
        }
    }
}
