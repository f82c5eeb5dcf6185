//! The control plane's side: handles on pipelines and endpoints that live on worker threads.
//!
//! A handle holds identifiers and a bounded command channel, never a lock. An operation is a message to
//! the worker and its answer; operations of one caller on one pipeline happen in the order they are
//! awaited.
//!
//! ```no_run
//! # async fn example(offer: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use keel_media::{EndpointOptions, MediaConfig, MediaKind, MediaServer};
//! let server = MediaServer::start(MediaConfig::default())?;
//! let (pipeline, mut events) = server.create_pipeline().await?;
//! let endpoint = pipeline.create_webrtc_endpoint(EndpointOptions::default()).await?;
//! endpoint.connect(&endpoint, MediaKind::Audio).await?;
//! endpoint.connect(&endpoint, MediaKind::Video).await?;
//! let answer = endpoint.process_offer(offer).await?;
//! endpoint.gather_candidates().await?;
//! while let Some(event) = events.recv().await {
//!     println!("{event:?}");
//! }
//! # Ok(()) }
//! ```

mod bridge;
mod config;
mod data;
mod dscp;
mod event;
mod flow;
pub(crate) mod graph;
mod kind;
mod pass_through;
mod peer_connection;
mod placement;
mod server;
mod stats;
mod subnet;
pub(crate) mod survey;

pub use bridge::{Bridge, PipelineAddress};
pub use config::{
    EndpointOptions, EndpointSettings, IceCandidate, MediaConfig, OfferDirection, OfferOptions, Placement,
    RelayPath,
};
pub use data::{DataChannelInfo, DataChannelOptions, DataChannelState, DataSharing};
pub use dscp::Dscp;
pub use event::{
    ConnectionState, DtlsState, EndpointEvent, IceState, PipelineEvent, PipelineEvents, TransportProtocol,
};
pub use flow::{ElementKind, Flow, GraphEdge, GraphElement, PipelineGraph};
pub use kind::{MediaKind, MediaType};
pub use pass_through::PassThrough;
pub(crate) use peer_connection::DeliveryChange;
pub use peer_connection::{
    AppliedAnswer, AppliedLine, AppliedOffer, ConnectionStats, IceRestart, LineOptions, LineSound, LineStats,
    PeerConnection, PeerConnectionOptions,
};
pub use server::{AnnouncedAddress, MediaServer};
pub use stats::{EndpointStats, MediaSnapshot, StreamStats, StreamTotals};
pub use subnet::{Subnet, SubnetError};
pub use survey::{ElementSurvey, PipelineSurvey};

use crate::error::{
    CandidateError, ConnectError, CreateError, DataChannelError, KeyframeError, NegotiationError,
};
use crate::forward::LayerTarget;
use crate::id::{ElementId, PipelineId};
use crate::session::ice::IceCredentials;
use crate::worker::{Command, Repeats, WorkerHandle};
use placement::Placer;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A pipeline: elements that may be connected with one another, whichever workers they live on. Dropping the handle
/// releases the pipeline and everything in it.
#[derive(Debug)]
pub struct Pipeline {
    id: PipelineId,
    /// The worker with its graph.
    home: WorkerHandle,
    placer: Placer,
    next_element: Arc<AtomicU64>,
}

/// One WebRTC peer as an element of a pipeline. Dropping the handle releases it.
#[derive(Debug)]
pub struct WebRtcEndpoint {
    id: ElementId,
    pipeline: PipelineId,
    /// The worker with the pipeline's graph.
    home: WorkerHandle,
    /// The worker that it lives on.
    worker: WorkerHandle,
}

impl Pipeline {
    fn new(id: PipelineId, home: WorkerHandle, placer: Placer, next_element: Arc<AtomicU64>) -> Self {
        Self { id, home, placer, next_element }
    }

    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> PipelineId {
        self.id
    }

    /// Adds an endpoint for one WebRTC peer. Its events arrive at the pipeline's receiver.
    ///
    /// # Errors
    /// [`CreateError::Full`] at the worker's session limit, or with 10,000 elements in the pipeline.
    pub async fn create_webrtc_endpoint(
        &self,
        options: EndpointOptions,
    ) -> Result<WebRtcEndpoint, CreateError> {
        let id = ElementId::new(self.next_element.fetch_add(1, Ordering::Relaxed));
        let (worker, handle) = self.placer.place();
        let share = handle.share();
        let (pipeline, home) = (self.id, self.home.clone());
        let endpoint = WebRtcEndpoint { id, pipeline, home, worker: handle.clone() };
        let repeats = Repeats::Once;
        self.home
            .call(|reply| Command::CreateEndpoint {
                pipeline,
                endpoint: id,
                worker,
                share,
                options,
                repeats,
                reply,
            })
            .await
            .ok_or(CreateError::Stopped)??;
        Ok(endpoint)
    }

    /// Adds a peer with any number of tracks. Its events arrive at the pipeline's receiver, those of its lines
    /// under their own identifiers.
    ///
    /// # Errors
    /// [`CreateError::Full`] at the worker's session limit, or with 10,000 elements in the pipeline.
    pub async fn create_peer_connection(
        &self,
        options: PeerConnectionOptions,
    ) -> Result<PeerConnection, CreateError> {
        let id = ElementId::new(self.next_element.fetch_add(1, Ordering::Relaxed));
        let (worker, handle) = self.placer.place();
        let share = handle.share();
        let (pipeline, home, next_element) = (self.id, self.home.clone(), self.next_element.clone());
        let connection = PeerConnection::new(id, pipeline, home, handle.clone(), next_element);
        let (options, repeats) = (options.into(), Repeats::Always);
        self.home
            .call(|reply| Command::CreateEndpoint {
                pipeline,
                endpoint: id,
                worker,
                share,
                options,
                repeats,
                reply,
            })
            .await
            .ok_or(CreateError::Stopped)??;
        Ok(connection)
    }

    /// Adds an element that passes on what it is sent: a place in the graph to connect through.
    ///
    /// # Errors
    /// [`CreateError::Full`] with 10,000 elements in the pipeline or 131,072 on its worker.
    pub async fn create_pass_through(&self) -> Result<PassThrough, CreateError> {
        let id = ElementId::new(self.next_element.fetch_add(1, Ordering::Relaxed));
        let element = PassThrough::new(id, self.home.clone());
        self.home
            .call(|reply| Command::CreatePassThrough { pipeline: self.id, element: id, reply })
            .await
            .ok_or(CreateError::Stopped)??;
        Ok(element)
    }

    /// Sends what comes out of `source` of this type to `sink`, both elements of this pipeline. May come
    /// before either is negotiated; the two may be the same endpoint (loopback). A sink has one source per
    /// type: an earlier one is disconnected. Connecting a connected pair again does not touch its media.
    ///
    /// # Errors
    /// [`ConnectError::NoCommonCodec`] when endpoints that are negotiated would be joined without a codec
    /// in common, directly or through elements that pass media on: nothing is connected then. [`ConnectError::Cycle`] when only elements that pass media on
    /// would feed one another.
    pub async fn connect(
        &self,
        source: ElementId,
        sink: ElementId,
        media: MediaType,
    ) -> Result<(), ConnectError> {
        self.home
            .call(|reply| Command::Connect { source, sink, media, reply })
            .await
            .ok_or(ConnectError::Stopped)?
    }

    /// Undoes [`Self::connect`]; not an error when they are not connected.
    ///
    /// # Errors
    /// When one of the two has been released.
    pub async fn disconnect(
        &self,
        source: ElementId,
        sink: ElementId,
        media: MediaType,
    ) -> Result<(), ConnectError> {
        self.home
            .call(|reply| Command::Disconnect { source, sink, media, reply })
            .await
            .ok_or(ConnectError::Stopped)?
    }

    /// Whether media of this type passes an element; `None` once it is released.
    pub async fn flow(&self, element: ElementId, media: MediaType) -> Option<Flow> {
        self.home.call(|reply| Command::Flow { element, media, reply }).await?
    }

    /// Its elements and connections, and what flows; `None` once it is released.
    pub async fn graph(&self) -> Option<PipelineGraph> {
        let outline = self.home.call(|reply| Command::Outline { pipeline: self.id, reply }).await??;
        survey::complete(self.placer.workers(), vec![outline]).await.pop().map(PipelineGraph::from)
    }

    /// Watches who speaks, by the audio levels that the peers' packets tell (RFC 6464), and tells changes as
    /// [`EndpointEvent::DominantSpeaker`] and, of the `loudest` loudest, as [`EndpointEvent::Loudest`]. Peers
    /// that tell no levels count as silent. Zero ends it.
    pub async fn watch_speakers(&self, loudest: usize) {
        self.home.call(|reply| Command::WatchSpeakers { pipeline: self.id, loudest, reply }).await;
    }

    /// Releases the pipeline with everything in it and waits until that is done. Peers that are
    /// connected are told by DTLS.
    pub async fn release(self) {
        self.home.call(|reply| Command::ReleasePipeline { pipeline: self.id, reply: Some(reply) }).await;
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.home.cast(Command::ReleasePipeline { pipeline: self.id, reply: None });
    }
}

impl WebRtcEndpoint {
    /// Its identifier, as in [`PipelineEvent::endpoint`].
    #[must_use]
    pub fn id(&self) -> ElementId {
        self.id
    }

    /// Sends this endpoint's incoming media to `sink`'s peer: [`Pipeline::connect`] for two endpoints.
    ///
    /// # Errors
    /// As there, and [`ConnectError::ForeignPipeline`].
    pub async fn connect(
        &self,
        sink: &WebRtcEndpoint,
        media: impl Into<MediaType>,
    ) -> Result<(), ConnectError> {
        if sink.pipeline != self.pipeline {
            return Err(ConnectError::ForeignPipeline);
        }
        let media = media.into();
        self.home
            .call(|reply| Command::Connect { source: self.id, sink: sink.id, media, reply })
            .await
            .ok_or(ConnectError::Stopped)?
    }

    /// Undoes [`Self::connect`]; not an error when they are not connected.
    ///
    /// # Errors
    /// When one of the two has been released.
    pub async fn disconnect(
        &self,
        sink: &WebRtcEndpoint,
        media: impl Into<MediaType>,
    ) -> Result<(), ConnectError> {
        let media = media.into();
        self.home
            .call(|reply| Command::Disconnect { source: self.id, sink: sink.id, media, reply })
            .await
            .ok_or(ConnectError::Stopped)?
    }

    /// Replaces the endpoint's settings. What concerns descriptions counts for those made from now on,
    /// the rest at once.
    pub async fn configure(&self, settings: EndpointSettings) {
        self.worker.call(|reply| Command::Configure { endpoint: self.id, settings, reply }).await;
    }

    /// Asks the peer for a keyframe of its video.
    ///
    /// # Errors
    /// [`KeyframeError::NoVideo`] when the peer sends no video to anybody.
    pub async fn request_keyframe(&self) -> Result<(), KeyframeError> {
        self.worker
            .call(|reply| Command::RequestKeyframe { endpoint: self.id, reply })
            .await
            .ok_or(KeyframeError::Stopped)?
    }

    /// Opens a data channel to the peer and returns its SCTP stream; [`EndpointEvent::DataChannelOpened`]
    /// tells when the peer has agreed.
    ///
    /// # Errors
    /// [`DataChannelError::NotNegotiated`] when the session has no data channels, or is not up yet.
    pub async fn create_data_channel(&self, options: DataChannelOptions) -> Result<u16, DataChannelError> {
        self.worker
            .call(|reply| Command::CreateDataChannel { endpoint: self.id, options, reply })
            .await
            .ok_or(DataChannelError::Stopped)?
    }

    /// Closes the data channel on this SCTP stream; not an error when there is none.
    ///
    /// # Errors
    /// [`DataChannelError::NotNegotiated`] when the session has no data channels.
    pub async fn close_data_channel(&self, stream: u16) -> Result<(), DataChannelError> {
        self.worker
            .call(|reply| Command::CloseDataChannel { endpoint: self.id, stream, reply })
            .await
            .ok_or(DataChannelError::Stopped)?
    }

    /// Takes the peer's offer without answering it yet; one that waits for its answer is replaced. Where both sides of a call are known before
    /// either is answered, both offers are set first: then each answer can list what both accept.
    ///
    /// # Errors
    /// When the text is no usable offer, or [`NegotiationError::AlreadyNegotiated`].
    pub async fn set_remote_offer(&self, offer: &str) -> Result<(), NegotiationError> {
        let offer = offer.to_owned();
        self.worker
            .call(|reply| Command::SetRemoteOffer { endpoint: self.id, offer, reply })
            .await
            .ok_or(NegotiationError::Stopped)?
    }

    /// Answers the offer that was set. The answer lists only codecs that every connected endpoint whose
    /// abilities are known accepts too, in one order (DESIGN.md, "Codec agreement").
    ///
    /// # Errors
    /// [`NegotiationError::NoCommonCodec`] when a connection would have no codec for its kind;
    /// [`NegotiationError::NoSockets`] where the peer is a lite ICE agent. After either it may be tried again.
    pub async fn create_answer(&self) -> Result<String, NegotiationError> {
        self.home
            .call(|reply| Command::CreateAnswer { endpoint: self.id, reply })
            .await
            .ok_or(NegotiationError::Stopped)?
    }

    /// [`Self::set_remote_offer`] and [`Self::create_answer`] in one.
    ///
    /// # Errors
    /// As those two.
    pub async fn process_offer(&self, offer: &str) -> Result<String, NegotiationError> {
        self.set_remote_offer(offer).await?;
        self.create_answer().await
    }

    /// Makes an offer to the peer.
    ///
    /// # Errors
    /// [`NegotiationError::AlreadyNegotiated`], also when it has already offered.
    pub async fn generate_offer(&self, options: OfferOptions) -> Result<String, NegotiationError> {
        self.home
            .call(|reply| Command::GenerateOffer { endpoint: self.id, options, reply })
            .await
            .ok_or(NegotiationError::Stopped)?
    }

    /// Takes the peer's answer to [`Self::generate_offer`].
    ///
    /// # Errors
    /// [`NegotiationError::NoOffer`] when none was generated, [`NegotiationError::AnswerAlreadyProcessed`] the
    /// second time, [`NegotiationError::NoSockets`] where the peer is a lite ICE agent; others as for offers.
    pub async fn process_answer(&self, answer: &str) -> Result<(), NegotiationError> {
        let answer = answer.to_owned();
        self.worker
            .call(|reply| Command::ProcessAnswer { endpoint: self.id, answer, reply })
            .await
            .ok_or(NegotiationError::Stopped)?
    }

    /// Keel's description as the peer was given it: its offer, or its answer. `None` before there is one.
    /// Candidates are not in it, they are trickled.
    pub async fn local_description(&self) -> Option<String> {
        self.worker.call(|reply| Command::LocalDescription { endpoint: self.id, reply }).await?
    }

    /// The peer's description as it was given: its offer, also before it is answered, or its answer. `None`
    /// before there is one.
    pub async fn remote_description(&self) -> Option<String> {
        self.worker.call(|reply| Command::RemoteDescription { endpoint: self.id, reply }).await?
    }

    /// Restarts ICE for a peer that has done so, by its new credentials; returns those of Keel. Media goes on
    /// where it goes until the peer has nominated a pair under them. Candidates are to be gathered anew.
    ///
    /// # Errors
    /// [`NegotiationError::NoOffer`] before the endpoint is negotiated.
    pub async fn restart_ice(&self, remote: IceCredentials) -> Result<IceCredentials, NegotiationError> {
        self.worker
            .call(|reply| Command::RestartIce { endpoint: self.id, remote, reply })
            .await
            .ok_or(NegotiationError::Stopped)?
    }

    /// Sets the most that the peer is to get of its video; all at first. It holds for what the endpoint is
    /// connected to later, too.
    pub async fn set_target(&self, target: LayerTarget) {
        let change = DeliveryChange::Target(target);
        self.worker.call(|reply| Command::Deliver { line: self.id, change, reply }).await;
    }

    /// Starts reporting local candidates as [`EndpointEvent::CandidateFound`], ended by
    /// [`EndpointEvent::GatheringDone`].
    ///
    /// # Errors
    /// When the endpoint has been released or has no description yet.
    pub async fn gather_candidates(&self) -> Result<(), NegotiationError> {
        self.worker
            .call(|reply| Command::GatherCandidates { endpoint: self.id, reply })
            .await
            .ok_or(NegotiationError::Stopped)?
    }

    /// Adds a candidate of the peer; may come before the offer (it is kept). An empty candidate means the
    /// end of candidates; mDNS names are never an error.
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
    pub async fn stats(&self) -> Option<EndpointStats> {
        self.worker.call(|reply| Command::EndpointStats { endpoint: self.id, reply }).await?
    }

    /// Releases the endpoint and waits until that is done.
    pub async fn release(self) {
        self.home.call(|reply| Command::ReleaseElement { element: self.id, reply: Some(reply) }).await;
    }
}

impl Drop for WebRtcEndpoint {
    fn drop(&mut self) {
        if !self.home.cast(Command::ReleaseElement { element: self.id, reply: None }) {
            self.worker.cast(Command::ReleaseElement { element: self.id, reply: None });
        }
    }
}
