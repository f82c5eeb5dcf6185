//! A WebRTC peer on the `webrtc` crate: a second, independent stack that Keel must get along with.
//!
//! It publishes synthetic VP8 and Opus, counts what it receives, and notes the RTCP that passes. A test
//! drives it as a browser's page would: offer, candidates, answer, then publish.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use keel_testkit::peer::{Peer, PeerOptions};
//! let mut alice = Peer::new(PeerOptions::default()).await?;
//! let mut bob = Peer::new(PeerOptions::default()).await?;
//! let answer = bob.answer(&alice.offer().await?).await?;
//! alice.take_answer(&answer).await?;
//! while let Some(candidate) = bob.next_candidate().await {
//!     alice.add_candidate(&candidate).await?;
//! }
//! alice.connected().await?;
//! alice.publish().await?;
//! bob.until("ten frames", |report| report.video.complete() >= 10).await?;
//! # Ok(()) }
//! ```

mod data;
mod engine;
mod pattern;
mod publish;
mod report;
mod tracks;
mod wire;

pub use data::{ChannelLog, PeerMessage};
pub use report::{Connection, PeerReport, SenderReport, StreamLog};
pub use tracks::AddedTrack;

use crate::source::VideoConfig;
use anyhow::{Context, Result, bail};
use engine::{AUDIO_LEVEL_URI, Codecs, build_connection};
use keel_media::IceCandidate;
use publish::{AudioTrack, VideoTrack};
use report::Shared;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_VP8};
use rtc::peer_connection::transport::RTCDtlsTransportState;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracks::Added;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::peer_connection::{PeerConnection, RTCIceCandidateInit, RTCSessionDescription};
use webrtc::rtp_transceiver::RtpSender;

/// How long [`Peer::until`] waits for what a healthy run shows within a second or two, on a machine that
/// is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Local candidates that wait to be read; there is one per bound address.
const CANDIDATES_MAX: usize = 64;

/// Whether and how a peer takes part in one kind of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// No m-line.
    None,
    /// Receives only.
    Receive,
    /// Sends and receives.
    Both,
}

/// What a peer negotiates to repair lost video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Nothing: neither `nack` nor RTX is offered.
    None,
    /// `nack` (RFC 4585 §6.2.1): the packet itself comes again.
    Nack,
    /// `nack` and RTX (RFC 4588).
    Rtx,
}

/// The video codec that a peer offers. Only VP8 is ever sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoCodec {
    /// VP8.
    Vp8,
    /// H.264, constrained baseline.
    H264,
}

/// Settings of a [`Peer`].
#[derive(Clone, Debug)]
pub struct PeerOptions {
    /// Decides SSRCs, first sequence numbers and first timestamps.
    pub seed: u64,
    /// Its part in audio.
    pub audio: Part,
    /// Its part in video.
    pub video: Part,
    /// The frames it sends; the first timestamp is added to the seed's.
    pub frames: VideoConfig,
    /// The video codec it offers.
    pub video_codec: VideoCodec,
    /// How lost video is repaired.
    pub repair: Repair,
    /// The address it binds to and announces.
    pub bind: IpAddr,
    /// The data channels it opens at once, by label.
    pub channels: Vec<String>,
}

impl Default for PeerOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            audio: Part::Both,
            video: Part::Both,
            frames: VideoConfig::default(),
            video_codec: VideoCodec::Vp8,
            repair: Repair::Rtx,
            bind: Ipv4Addr::LOCALHOST.into(),
            channels: Vec::new(),
        }
    }
}

/// One WebRTC peer. Its tasks end with it; [`Self::close`] also tells the other side.
pub struct Peer {
    connection: Arc<dyn PeerConnection>,
    shared: Arc<Shared>,
    candidates: mpsc::Receiver<IceCandidate>,
    video: Option<(Arc<dyn RtpSender>, VideoTrack)>,
    audio: Option<(Arc<dyn RtpSender>, AudioTrack)>,
    added: Vec<Added>,
    codecs: Codecs,
    repair: Repair,
    publishing: JoinSet<()>,
}

impl Peer {
    /// A peer with its sockets open and nothing negotiated.
    ///
    /// # Errors
    /// When the `webrtc` crate refuses the settings or no socket can be opened.
    pub async fn new(options: PeerOptions) -> Result<Self> {
        let (candidate_sender, candidates) = mpsc::channel(CANDIDATES_MAX);
        let shared = Arc::new(Shared::new(candidate_sender));
        let codecs = Codecs::new(options.video_codec, options.repair);
        let connection = build_connection(&options, &codecs, &shared).await?;

        let audio = match options.audio {
            Part::None => None,
            Part::Receive => receive_only(&*connection, RtpCodecKind::Audio).await?,
            Part::Both => {
                let track = AudioTrack::new(options.seed, codecs.audio());
                let sender = connection.add_track(track.local() as Arc<dyn TrackLocal>).await?;
                Some((sender, track))
            }
        };
        let video = match options.video {
            Part::None => None,
            Part::Receive => receive_only(&*connection, RtpCodecKind::Video).await?,
            Part::Both => {
                let track = VideoTrack::new(options.seed, options.frames, options.repair, codecs.video());
                let sender = connection.add_track(track.local() as Arc<dyn TrackLocal>).await?;
                Some((sender, track))
            }
        };
        for label in &options.channels {
            data::open(&*connection, &shared, label).await?;
        }
        let (added, repair, publishing) = (Vec::new(), options.repair, JoinSet::new());
        Ok(Self { connection, shared, candidates, video, audio, added, codecs, repair, publishing })
    }

    /// Makes an offer and starts gathering; candidates follow by [`Self::next_candidate`].
    ///
    /// # Errors
    /// As the `webrtc` crate's.
    pub async fn offer(&self) -> Result<String> {
        let offer = self.connection.create_offer(None).await?;
        let sdp = offer.sdp.clone();
        self.connection.set_local_description(offer).await?;
        Ok(sdp)
    }

    /// Takes the other side's offer, answers it and starts gathering.
    ///
    /// # Errors
    /// As the `webrtc` crate's.
    pub async fn answer(&self, offer: &str) -> Result<String> {
        let offer = RTCSessionDescription::offer(offer.to_owned())?;
        self.connection.set_remote_description(offer).await?;
        let answer = self.connection.create_answer(None).await?;
        let sdp = answer.sdp.clone();
        self.connection.set_local_description(answer).await?;
        Ok(sdp)
    }

    /// Takes the answer to [`Self::offer`].
    ///
    /// # Errors
    /// As the `webrtc` crate's.
    pub async fn take_answer(&self, answer: &str) -> Result<()> {
        let answer = RTCSessionDescription::answer(answer.to_owned())?;
        Ok(self.connection.set_remote_description(answer).await?)
    }

    /// Takes a candidate of the other side. An empty one, the end of candidates, is accepted.
    ///
    /// # Errors
    /// Before the other side's description is set, or when the line does not parse.
    pub async fn add_candidate(&self, candidate: &IceCandidate) -> Result<()> {
        if candidate.candidate.is_empty() {
            return Ok(());
        }
        let init = RTCIceCandidateInit {
            candidate: candidate.candidate.clone(),
            sdp_mid: candidate.sdp_mid.clone(),
            sdp_mline_index: candidate.sdp_mline_index,
            ..RTCIceCandidateInit::default()
        };
        Ok(self.connection.add_ice_candidate(init).await?)
    }

    /// The next local candidate; `None` once gathering is done.
    pub async fn next_candidate(&mut self) -> Option<IceCandidate> {
        let candidate = self.candidates.recv().await?;
        (!candidate.candidate.is_empty()).then_some(candidate)
    }

    /// Waits until media can flow.
    ///
    /// # Errors
    /// When the connection fails or nothing happens within [`PATIENCE`].
    pub async fn connected(&self) -> Result<()> {
        let report = self.until("a connection", |report| report.connection != Connection::New).await?;
        match report.connection {
            Connection::Connected => Ok(()),
            state => bail!("the connection is {state:?}"),
        }
    }

    /// Starts sending, beginning with a keyframe.
    ///
    /// # Errors
    /// When nothing is negotiated to be sent.
    pub async fn publish(&mut self) -> Result<()> {
        self.shared.start_publishing();
        if let Some((sender, track)) = &self.video {
            let payload_type = negotiated_payload_type(&**sender, MIME_TYPE_VP8).await?;
            self.publishing.spawn(track.clone().run(payload_type, Arc::clone(&self.shared)));
        }
        if let Some((sender, track)) = &self.audio {
            let payload_type = negotiated_payload_type(&**sender, MIME_TYPE_OPUS).await?;
            let level_id = negotiated_extension(&**sender, AUDIO_LEVEL_URI).await?;
            self.publishing.spawn(track.clone().run(payload_type, level_id, Arc::clone(&self.shared)));
        }
        Ok(())
    }

    /// From now on its audio packets say that they are so loud, in -dBov: 0 the loudest, 127 silence, which they
    /// say at first (RFC 6464 §3). What they carry is noise all the same. Below silence is silence.
    pub fn speak(&self, level: u8) {
        self.shared.set_audio_level(level);
    }

    /// Stops sending after the frame that is being sent; the report then says how many there were.
    pub async fn stop_publishing(&mut self) -> PeerReport {
        self.shared.stop_publishing();
        while self.publishing.join_next().await.is_some() {}
        self.report()
    }

    /// What happened so far.
    #[must_use]
    pub fn report(&self) -> PeerReport {
        self.shared.report.borrow().clone()
    }

    /// What happens, as it happens.
    #[must_use]
    pub fn reports(&self) -> watch::Receiver<PeerReport> {
        self.shared.report.subscribe()
    }

    /// Waits until the report satisfies `enough`, and returns it.
    ///
    /// # Errors
    /// When that does not happen within [`PATIENCE`]; the message holds `what` and the report.
    pub async fn until(&self, what: &str, enough: impl Fn(&PeerReport) -> bool) -> Result<PeerReport> {
        let mut reports = self.reports();
        match tokio::time::timeout(PATIENCE, reports.wait_for(enough)).await {
            Ok(report) => Ok(report.context("the peer is gone")?.clone()),
            Err(_) => bail!("no {what} within {PATIENCE:?}: {}", self.report()),
        }
    }

    /// Asks the other side for a keyframe (RFC 4585 §6.3.1) for every video track received.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn request_keyframe(&self) -> Result<()> {
        self.shared.request_keyframe().await
    }

    /// Waits until the other side has said goodbye (a DTLS close_notify, RFC 5246 §7.2.1). The `webrtc`
    /// crate has a state for that but no event, so the state is asked for again and again.
    ///
    /// # Errors
    /// When it does not happen within [`PATIENCE`], or the peer sends nothing and so has no transport.
    pub async fn dismissed(&self) -> Result<()> {
        let senders = self.connection.get_senders().await;
        let sender = senders.first().context("a peer that sends nothing")?;
        let transport = sender.transport().await?.context("a peer without a transport")?;
        let mut looks = tokio::time::interval(Duration::from_millis(10));
        let closed = async {
            while transport.state().await? != RTCDtlsTransportState::Closed {
                looks.tick().await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, closed).await.context("the other side did not say goodbye")?
    }

    /// The RTP timestamp with which this peer sends frame `number`.
    #[must_use]
    pub fn video_timestamp(&self, number: u32) -> Option<u32> {
        self.video.as_ref().map(|(_, track)| track.timestamp(number))
    }

    /// The RTP timestamp with which this peer sends audio packet `number`.
    #[must_use]
    pub fn audio_timestamp(&self, number: u32) -> Option<u32> {
        self.audio.as_ref().map(|(_, track)| track.timestamp(number))
    }

    /// Ends the connection and tells the other side.
    ///
    /// # Errors
    /// As the `webrtc` crate's.
    pub async fn close(mut self) -> Result<()> {
        self.publishing.shutdown().await;
        Ok(self.connection.close().await?)
    }
}

async fn receive_only<T>(
    connection: &dyn PeerConnection,
    kind: RtpCodecKind,
) -> Result<Option<(Arc<dyn RtpSender>, T)>> {
    let init = RTCRtpTransceiverInit {
        direction: RTCRtpTransceiverDirection::Recvonly,
        streams: vec![],
        send_encodings: vec![],
    };
    connection.add_transceiver_from_kind(kind, Some(init)).await?;
    Ok(None)
}

/// The number that the two sides agreed on for `mime_type`.
async fn negotiated_payload_type(sender: &dyn RtpSender, mime_type: &str) -> Result<u8> {
    let parameters = sender.get_parameters().await?;
    let codec = parameters
        .rtp_parameters
        .codecs
        .iter()
        .find(|codec| codec.rtp_codec.mime_type.eq_ignore_ascii_case(mime_type))
        .with_context(|| format!("{mime_type} was not agreed on"))?;
    Ok(codec.payload_type)
}

/// The number that the two sides agreed on for a header extension; `None` where they did not.
async fn negotiated_extension(sender: &dyn RtpSender, uri: &str) -> Result<Option<u8>> {
    let parameters = sender.get_parameters().await?;
    let agreed = parameters.rtp_parameters.header_extensions.iter().find(|extension| extension.uri == uri);
    Ok(agreed.map(|extension| u8::try_from(extension.id)).transpose()?)
}
