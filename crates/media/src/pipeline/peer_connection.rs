//! One peer with any number of tracks, negotiated again and again.

use super::{
    DataSharing, Dscp, EndpointOptions, EndpointSettings, EndpointStats, IceCandidate, MediaKind, StreamStats,
};
use crate::error::{CandidateError, KeyframeError, LineError, NegotiationError};
use crate::forward::{LayerTarget, Priority};
use crate::id::{ElementId, PipelineId};
use crate::rtp::Mid;
use crate::session::sdp::{LINES_MAX, LinesOffer};
use crate::worker::{Command, WorkerHandle};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Settings of one peer connection.
#[derive(Clone, Debug, Default)]
pub struct PeerConnectionOptions {
    /// Shows up in its log events; not secret (a participant's id, say).
    pub label: String,
    /// Whether the peer may open data channels, and offers made here have an m-line for them.
    pub data_channels: bool,
    /// The code point that every datagram to the peer carries; `None`: the system's default, 0.
    pub dscp: Option<Dscp>,
}

/// One WebRTC peer with one ICE and DTLS transport and any number of m-lines, up to [`LINES_MAX`].
///
/// Each m-line of audio or video is a *line*: an element of the pipeline, to be connected like an endpoint. One
/// side makes all offers, whoever makes the first: the peer of a connection that publishes
/// ([`Self::apply_offer`]), Keel on one that subscribes ([`Self::add_line`], [`Self::create_offer`]). The
/// connection itself is an element too, of data. Dropping the handle releases all of it.
#[derive(Debug)]
pub struct PeerConnection {
    id: ElementId,
    pipeline: PipelineId,
    /// The worker with the pipeline's graph.
    home: WorkerHandle,
    /// The worker that it lives on, with its lines.
    worker: WorkerHandle,
    next_element: Arc<AtomicU64>,
}

/// What a peer's offer came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppliedOffer {
    /// Keel's answer, for the peer.
    pub answer: String,
    /// The accepted m-lines of audio and video, in their order.
    pub lines: Vec<AppliedLine>,
    /// The lines that have ended with this offer; their elements are released.
    pub ended: Vec<ElementId>,
    /// The offer restarted ICE: candidates are to be gathered anew.
    pub restarted_ice: bool,
}

/// One m-line of a peer's offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppliedLine {
    /// Its element, the same for as long as the m-line is in use.
    pub element: ElementId,
    /// Its name.
    pub mid: Mid,
    /// Its kind.
    pub kind: MediaKind,
    /// Whether the peer sends on it at present.
    pub is_receiving: bool,
    /// Whether it began with this offer.
    pub is_new: bool,
}

/// A line to send to the peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LineOptions {
    /// What it carries.
    pub kind: MediaKind,
    /// Lines of one group are one media stream to the peer (RFC 8830), kept in step with one another: a
    /// participant's microphone and camera, say. Any number; another one for each stream.
    pub group: u64,
}

/// Whether an offer restarts ICE (RFC 8445 §9), as when a peer has changed its network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum IceRestart {
    /// The transport stays as it is.
    #[default]
    No,
    /// New credentials. Media goes on where it goes until the peer has found a way under them.
    Yes,
}

/// What a peer's answer came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppliedAnswer {
    /// The lines that the peer has rejected, each with the reason; they have ended, and their elements are
    /// released.
    pub refused: Vec<(ElementId, NegotiationError)>,
}

/// A peer connection's state and counters.
#[derive(Clone, Debug)]
pub struct ConnectionStats {
    /// Its transport, and the streams of all lines together.
    pub connection: EndpointStats,
    /// Its lines with streams, in the order of their m-lines.
    pub lines: Vec<LineStats>,
}

/// One line's counters.
#[derive(Clone, Debug)]
pub struct LineStats {
    /// Which.
    pub line: ElementId,
    /// The name of its m-line.
    pub mid: Mid,
    /// Its kind.
    pub kind: MediaKind,
    /// What the peer sends on it, one for each encoding that has had a packet.
    pub incoming: Vec<StreamStats>,
    /// What the peer is sent on it.
    pub outgoing: Option<StreamStats>,
    /// It gets nothing at present because the path to the peer does not carry it.
    pub starved: bool,
}

/// What is heard on a line that the peer sends audio on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LineSound {
    /// Somebody's voice: watched where the pipeline's speakers are ([`super::Pipeline::watch_speakers`]).
    #[default]
    Voice,
    /// Something else, a film's sound say: never a speaker.
    Other,
}

/// A change of how a line's media is sent or taken.
#[derive(Clone, Copy, Debug)]
pub(crate) enum DeliveryChange {
    Target(LayerTarget),
    Priority(Priority),
    Paused(bool),
    Sound(LineSound),
}

impl PeerConnection {
    pub(super) fn new(
        id: ElementId,
        pipeline: PipelineId,
        home: WorkerHandle,
        worker: WorkerHandle,
        next_element: Arc<AtomicU64>,
    ) -> Self {
        Self { id, pipeline, home, worker, next_element }
    }

    /// Its identifier, as in [`super::PipelineEvent::endpoint`] for what concerns its transport.
    #[must_use]
    pub fn id(&self) -> ElementId {
        self.id
    }

    /// The pipeline that it is part of.
    #[must_use]
    pub fn pipeline(&self) -> PipelineId {
        self.pipeline
    }

    /// Takes an offer of the peer, the first or a further one, and answers it: VP8 and Opus first, then what
    /// else it offers. Every m-line of audio and video is accepted to receive on; new m-lines stand behind
    /// those that were there, or in the place of rejected ones. An offer with other ICE credentials than
    /// before restarts ICE.
    ///
    /// # Errors
    /// [`NegotiationError::OtherSideOffers`] where Keel makes the offers, [`NegotiationError::Invalid`] for
    /// what is no usable offer after the ones before, [`NegotiationError::NoCommonCodec`] for an m-line without
    /// a usable format. Nothing has changed then.
    pub async fn apply_offer(&self, offer: &str) -> Result<AppliedOffer, NegotiationError> {
        let offer = offer.to_owned();
        // As many names as one offer can need; those that it does not are never used.
        let fresh = self.next_element.fetch_add(LINES_MAX as u64, Ordering::Relaxed);
        self.worker
            .call(|reply| Command::ApplyOffer { connection: self.id, offer, fresh, reply })
            .await
            .ok_or(NegotiationError::Stopped)?
    }

    /// Adds a line to send on: in an m-line of that kind which no line uses any more, or in a new one. It is
    /// part of the next offer, and sends once that is answered. It may be connected at once, and should be
    /// before the offer, which then offers its source's codec alone.
    ///
    /// # Errors
    /// [`LineError::PeerOffers`] where the peer makes the offers, [`LineError::Full`] with [`LINES_MAX`]
    /// m-lines in use.
    pub async fn add_line(&self, options: LineOptions) -> Result<ElementId, LineError> {
        let line = ElementId::new(self.next_element.fetch_add(1, Ordering::Relaxed));
        self.home
            .call(|reply| Command::AddLine { connection: self.id, line, options, reply })
            .await
            .ok_or(LineError::Stopped)??;
        Ok(line)
    }

    /// Ends a line at once; the next offer tells the peer. Nothing happens when it is not there.
    pub async fn remove_line(&self, line: ElementId) {
        self.home.call(|reply| Command::RemoveLine { connection: self.id, line, reply }).await;
    }

    /// Offers the peer data channels, from the next offer on, and shares its messages: each goes to every other
    /// connection of the pipeline that shares its own, on whatever worker, and none by the pipeline's connections.
    /// A peer that does not take what it is sent loses it, as ever (`messages_dropped`).
    ///
    /// # Errors
    /// [`LineError::PeerOffers`] where the peer makes the offers, [`LineError::Full`] with [`LINES_MAX`]
    /// m-lines in use.
    pub async fn share_data(&self, sharing: DataSharing) -> Result<(), LineError> {
        let pipeline = self.pipeline;
        self.worker
            .call(|reply| Command::ShareData { connection: self.id, pipeline, sharing, reply })
            .await
            .ok_or(LineError::Stopped)?
    }

    /// Makes an offer of all lines there are. `sdp` goes to the peer, `lines` says which line has which m-line.
    ///
    /// # Errors
    /// [`NegotiationError::OfferOutstanding`] while an earlier one waits for its answer,
    /// [`NegotiationError::OtherSideOffers`] where the peer makes the offers, [`NegotiationError::Invalid`]
    /// before the first line is added.
    pub async fn create_offer(&self, restart: IceRestart) -> Result<LinesOffer, NegotiationError> {
        self.home
            .call(|reply| Command::CreateOffer { connection: self.id, restart, reply })
            .await
            .ok_or(NegotiationError::Stopped)?
    }

    /// Takes the peer's answer to the latest offer.
    ///
    /// # Errors
    /// [`NegotiationError::NoOffer`] when none waits for one; [`NegotiationError::Invalid`] and others for
    /// what does not answer it, which then still waits.
    pub async fn apply_answer(&self, answer: &str) -> Result<AppliedAnswer, NegotiationError> {
        let answer = answer.to_owned();
        self.worker
            .call(|reply| Command::ApplyAnswer { connection: self.id, answer, reply })
            .await
            .ok_or(NegotiationError::Stopped)?
    }

    /// Sets the most that the peer is to get of a line's video; all at first. It holds for what the line is
    /// connected to later, too.
    pub async fn set_target(&self, line: ElementId, target: LayerTarget) {
        self.deliver(line, DeliveryChange::Target(target)).await;
    }

    /// Says how important a line's video is beside the others of this peer; all are equal at first.
    pub async fn set_priority(&self, line: ElementId, priority: Priority) {
        self.deliver(line, DeliveryChange::Priority(priority)).await;
    }

    /// Sends nothing on a line until [`Self::resume`].
    pub async fn pause(&self, line: ElementId) {
        self.deliver(line, DeliveryChange::Paused(true)).await;
    }

    /// Ends a pause: video begins with a keyframe.
    pub async fn resume(&self, line: ElementId) {
        self.deliver(line, DeliveryChange::Paused(false)).await;
    }

    /// Says what the peer sends on a line of audio; a voice at first.
    pub async fn set_sound(&self, line: ElementId, sound: LineSound) {
        self.deliver(line, DeliveryChange::Sound(sound)).await;
    }

    /// Asks the peer for a keyframe of the video on a line.
    ///
    /// # Errors
    /// [`KeyframeError::NoVideo`] when the peer sends no video on it to anybody.
    pub async fn request_keyframe(&self, line: ElementId) -> Result<(), KeyframeError> {
        self.worker
            .call(|reply| Command::RequestKeyframe { endpoint: line, reply })
            .await
            .ok_or(KeyframeError::Stopped)?
    }

    /// Replaces its settings; limits are of each line. What concerns descriptions counts for those made from
    /// now on, the rest at once.
    pub async fn configure(&self, settings: EndpointSettings) {
        self.worker.call(|reply| Command::Configure { endpoint: self.id, settings, reply }).await;
    }

    /// Starts reporting local candidates as [`super::EndpointEvent::CandidateFound`], once until ICE is
    /// restarted.
    ///
    /// # Errors
    /// When it has been released or has no description yet.
    pub async fn gather_candidates(&self) -> Result<(), NegotiationError> {
        self.worker
            .call(|reply| Command::GatherCandidates { endpoint: self.id, reply })
            .await
            .ok_or(NegotiationError::Stopped)?
    }

    /// Adds a candidate of the peer; may come before its description. An empty one means the end of
    /// candidates; mDNS names are never an error.
    ///
    /// # Errors
    /// [`CandidateError::Invalid`] for what is not a candidate line.
    pub async fn add_ice_candidate(&self, candidate: IceCandidate) -> Result<(), CandidateError> {
        self.worker
            .call(|reply| Command::AddIceCandidate { endpoint: self.id, candidate, reply })
            .await
            .ok_or(CandidateError::Stopped)?
    }

    /// A snapshot of its state and counters; `None` once released.
    pub async fn stats(&self) -> Option<ConnectionStats> {
        self.worker.call(|reply| Command::ConnectionStats { connection: self.id, reply }).await?
    }

    /// Releases it with all its lines and waits until that is done.
    pub async fn release(self) {
        self.home.call(|reply| Command::ReleaseElement { element: self.id, reply: Some(reply) }).await;
    }

    async fn deliver(&self, line: ElementId, change: DeliveryChange) {
        self.worker.call(|reply| Command::Deliver { line, change, reply }).await;
    }
}

impl From<PeerConnectionOptions> for EndpointOptions {
    fn from(options: PeerConnectionOptions) -> Self {
        let PeerConnectionOptions { label, data_channels, dscp } = options;
        Self { label, data_channels, dscp, ..Self::default() }
    }
}

impl Drop for PeerConnection {
    fn drop(&mut self) {
        if !self.home.cast(Command::ReleaseElement { element: self.id, reply: None }) {
            self.worker.cast(Command::ReleaseElement { element: self.id, reply: None });
        }
    }
}
