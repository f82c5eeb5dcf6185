//! Keel's media core: terminates WebRTC peers and forwards their audio and video without decoding.
//!
//! It knows packets, sessions and pipelines. It does not know JSON, WebSockets or users: that is
//! `keel-signaling`. Start reading at [`MediaServer`] for the interface, at `worker/mod.rs` for the
//! life of a packet.

pub mod capture;
pub mod codec;
pub mod error;
pub mod forward;
pub mod id;
pub mod pipeline;
pub mod rtp;
pub mod session;
pub mod srtp;
pub mod worker;

pub use capture::{Capture, CaptureLimits};
pub use error::{
    CandidateError, CaptureError, ConnectError, CreateError, DataChannelError, KeyframeError, LineError,
    NegotiationError, StartError,
};
pub use forward::{LayerTarget, Priority};
pub use pipeline::{
    AnnouncedAddress, AppliedAnswer, AppliedLine, AppliedOffer, Bridge, ConnectionState, ConnectionStats,
    DataChannelInfo, DataChannelOptions, DataChannelState, DataSharing, Dscp, DtlsState, ElementKind,
    ElementSurvey, EndpointEvent, EndpointOptions, EndpointSettings, EndpointStats, Flow, GraphEdge,
    GraphElement, IceCandidate, IceRestart, IceState, LineOptions, LineSound, LineStats, MediaConfig,
    MediaKind, MediaServer, MediaSnapshot, MediaType, OfferDirection, OfferOptions, PassThrough,
    PeerConnection, PeerConnectionOptions, Pipeline, PipelineAddress, PipelineEvent, PipelineEvents,
    PipelineGraph, PipelineSurvey, Placement, RelayPath, StreamStats, StreamTotals, Subnet, SubnetError,
    TransportProtocol, WebRtcEndpoint,
};
pub use session::ice::IceCredentials;
pub use session::sdp::{LINES_MAX, LinesOffer};
