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

mod config;
mod event;
pub(crate) mod graph;
mod server;
mod stats;

pub use config::{EndpointOptions, IceCandidate, MediaConfig, OfferOptions};
pub use event::{ConnectionState, DtlsState, EndpointEvent, IceState, PipelineEvent, PipelineEvents};
pub use server::MediaServer;
pub use stats::{EndpointStats, MediaSnapshot, StreamStats};

use crate::error::{CandidateError, ConnectError, CreateError, NegotiationError};
use crate::id::{EndpointId, PipelineId};
use crate::worker::{Command, WorkerHandle};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The kinds of media that are connected separately.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

impl MediaKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Audio, Self::Video];
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Audio => "audio",
            Self::Video => "video",
        })
    }
}

/// A pipeline: elements that may be connected with one another, all on one worker. Dropping the handle
/// releases the pipeline and everything in it.
#[derive(Debug)]
pub struct Pipeline {
    id: PipelineId,
    worker: WorkerHandle,
    next_endpoint: Arc<AtomicU64>,
}

/// One WebRTC peer as an element of a pipeline. Dropping the handle releases it.
#[derive(Debug)]
pub struct WebRtcEndpoint {
    id: EndpointId,
    pipeline: PipelineId,
    worker: WorkerHandle,
}

impl Pipeline {
    fn new(id: PipelineId, worker: WorkerHandle, next_endpoint: Arc<AtomicU64>) -> Self {
        Self { id, worker, next_endpoint }
    }

    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> PipelineId {
        self.id
    }

    /// Adds an endpoint for one WebRTC peer. Its events arrive at the pipeline's receiver.
    ///
    /// # Errors
    /// [`CreateError::Full`] at the worker's session limit.
    pub async fn create_webrtc_endpoint(
        &self,
        options: EndpointOptions,
    ) -> Result<WebRtcEndpoint, CreateError> {
        let id = EndpointId::new(self.next_endpoint.fetch_add(1, Ordering::Relaxed));
        let endpoint = WebRtcEndpoint { id, pipeline: self.id, worker: self.worker.clone() };
        self.worker
            .call(|reply| Command::CreateEndpoint { pipeline: self.id, endpoint: id, options, reply })
            .await
            .ok_or(CreateError::Stopped)??;
        Ok(endpoint)
    }

    /// Releases the pipeline with everything in it and waits until that is done. Peers that are
    /// connected are told by DTLS.
    pub async fn release(self) {
        self.worker.call(|reply| Command::ReleasePipeline { pipeline: self.id, reply: Some(reply) }).await;
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.worker.cast(Command::ReleasePipeline { pipeline: self.id, reply: None });
    }
}

impl WebRtcEndpoint {
    /// Its identifier, as in [`PipelineEvent::endpoint`].
    #[must_use]
    pub fn id(&self) -> EndpointId {
        self.id
    }

    /// Sends this endpoint's incoming media of `kind` to `sink`'s peer. May come before either is
    /// negotiated; `sink` may be this endpoint itself (loopback). A sink has one source per kind: an
    /// earlier one is disconnected.
    ///
    /// # Errors
    /// [`ConnectError::NoCommonCodec`] when both are negotiated and share no codec: nothing is
    /// connected then.
    pub async fn connect(&self, sink: &WebRtcEndpoint, kind: MediaKind) -> Result<(), ConnectError> {
        if sink.pipeline != self.pipeline {
            return Err(ConnectError::ForeignPipeline);
        }
        self.worker
            .call(|reply| Command::Connect { source: self.id, sink: sink.id, kind, reply })
            .await
            .ok_or(ConnectError::Stopped)?
    }

    /// Undoes [`Self::connect`]; not an error when they are not connected.
    ///
    /// # Errors
    /// When one of the two has been released.
    pub async fn disconnect(&self, sink: &WebRtcEndpoint, kind: MediaKind) -> Result<(), ConnectError> {
        self.worker
            .call(|reply| Command::Disconnect { source: self.id, sink: sink.id, kind, reply })
            .await
            .ok_or(ConnectError::Stopped)?
    }

    /// Takes the peer's offer without answering it yet. Where both sides of a call are known before
    /// either is answered, both offers are set first: then each answer can list what both accept.
    ///
    /// # Errors
    /// When the text is no usable offer, or the endpoint is already negotiated.
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
    /// [`NegotiationError::NoCommonCodec`] when a connection would have no codec for its kind.
    pub async fn create_answer(&self) -> Result<String, NegotiationError> {
        self.worker
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
    /// When the endpoint is already negotiated or has already offered.
    pub async fn generate_offer(&self, options: OfferOptions) -> Result<String, NegotiationError> {
        self.worker
            .call(|reply| Command::GenerateOffer { endpoint: self.id, options, reply })
            .await
            .ok_or(NegotiationError::Stopped)?
    }

    /// Takes the peer's answer to [`Self::generate_offer`].
    ///
    /// # Errors
    /// [`NegotiationError::NoOffer`] when none was generated; others as for offers.
    pub async fn process_answer(&self, answer: &str) -> Result<(), NegotiationError> {
        let answer = answer.to_owned();
        self.worker
            .call(|reply| Command::ProcessAnswer { endpoint: self.id, answer, reply })
            .await
            .ok_or(NegotiationError::Stopped)?
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
        self.worker.call(|reply| Command::ReleaseEndpoint { endpoint: self.id, reply: Some(reply) }).await;
    }
}

impl Drop for WebRtcEndpoint {
    fn drop(&mut self) {
        self.worker.cast(Command::ReleaseEndpoint { endpoint: self.id, reply: None });
    }
}
