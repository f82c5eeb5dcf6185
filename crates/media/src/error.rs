//! Errors of the control interface, one small enum per operation family. What the network does wrong is
//! no error: it is dropped and counted under a [`crate::forward::DropReason`].

use crate::pipeline::MediaKind;
use std::io;
use std::net::SocketAddr;

/// Why a media server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No worker was asked for.
    #[error("at least one worker is needed")]
    NoWorkers,
    /// The ports from the base upwards do not suffice for the workers.
    #[error("{workers} workers need the UDP ports {base} to {base} + {workers} - 1, which go past 65535")]
    PortRange {
        /// The first port.
        base: u16,
        /// The number of workers.
        workers: usize,
    },
    /// A media socket could not be opened.
    #[error("cannot open the media socket {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's word on it.
        source: io::Error,
    },
    /// A media port is free for UDP, but not for TCP.
    #[error("cannot open {address} for media over TCP: {source}; another port, or no TCP, would do")]
    BindTcp {
        /// The address.
        address: SocketAddr,
        /// The system's word on it.
        source: io::Error,
    },
    /// No address to announce was configured or found.
    #[error("no address to announce to peers was found; configure one")]
    NoAddress,
    /// A worker's thread could not be started, or the system refused something it needs.
    #[error("cannot start a media worker: {0}")]
    Worker(io::Error),
    /// The DTLS certificate could not be made.
    #[error("cannot make the DTLS certificate: {0}")]
    Certificate(String),
}

/// Why a pipeline or an element was not created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CreateError {
    /// The limit of pipelines, of sessions per worker, or of elements per pipeline or worker is reached.
    #[error("the media server is full")]
    Full,
    /// The pipeline has been released.
    #[error("the pipeline has been released")]
    Released,
    /// The media server has stopped.
    #[error("the media server has stopped")]
    Stopped,
}

/// Why two elements were not connected or disconnected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// One of the two has been released.
    #[error("the element has been released")]
    Released,
    /// They belong to different pipelines.
    #[error("the elements do not share a pipeline")]
    ForeignPipeline,
    /// Elements that only pass media on would feed one another in a circle.
    #[error("the elements would feed one another in a circle")]
    Cycle,
    /// Both are negotiated and no codec is accepted by both. The connection is not made.
    #[error("the two sides have no {0} codec in common")]
    NoCommonCodec(MediaKind),
    /// The media server has stopped.
    #[error("the media server has stopped")]
    Stopped,
}

/// Why an offer or answer was not made or not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NegotiationError {
    /// The text is not SDP, or not SDP that a WebRTC peer sends.
    #[error("the session description is not valid: {0}")]
    Invalid(&'static str),
    /// The text is longer than any peer's description may be.
    #[error("the session description is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The sides (this peer's and those of the elements connected to it) have no codec in common.
    #[error("the two sides have no {0} codec in common")]
    NoCommonCodec(MediaKind),
    /// An offer was asked for or came a second time.
    #[error("the endpoint is already negotiated")]
    AlreadyNegotiated,
    /// The answer to the endpoint's offer came a second time.
    #[error("the answer has already been processed")]
    AnswerAlreadyProcessed,
    /// An answer came without an offer, or an answer was asked for without one.
    #[error("there is no offer to answer")]
    NoOffer,
    /// An offer of Keel waits for its answer: there is one at a time.
    #[error("an offer waits for its answer")]
    OfferOutstanding,
    /// On this peer connection the other side makes the offers (RFC 8829 §4.1.8.2 calls it glare): Keel where
    /// it has lines to send, else the peer.
    #[error("the other side makes the offers on this connection")]
    OtherSideOffers,
    /// More lines than [`crate::session::sdp::LINES_MAX`], or than one session has SSRCs for.
    #[error("more lines than a peer connection may have")]
    TooManyLines,
    /// The peer is a lite ICE agent, so the session needs sockets of its own: there are too many such
    /// sessions ([`crate::MediaConfig::full_sessions_per_worker_max`]), or the system refused. Nothing has
    /// changed; it may be tried again.
    #[error("no sockets for a peer that is a lite ICE agent")]
    NoSockets,
    /// The endpoint has been released.
    #[error("the endpoint has been released")]
    Released,
    /// The media server has stopped.
    #[error("the media server has stopped")]
    Stopped,
}

/// Why a line was not added to a peer connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The connection has as many lines as it may have ([`crate::session::sdp::LINES_MAX`]), or the pipeline
    /// or its worker as many elements.
    #[error("the peer connection has as many lines as it may have")]
    Full,
    /// The peer makes the offers on this connection: its lines are those that it offers.
    #[error("the peer makes the offers on this connection")]
    PeerOffers,
    /// The connection has been released.
    #[error("the peer connection has been released")]
    Released,
    /// The media server has stopped.
    #[error("the media server has stopped")]
    Stopped,
}

/// Why a remote ICE candidate was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CandidateError {
    /// Not an `a=candidate` line (RFC 8839 §5.1).
    #[error("the candidate is not valid")]
    Invalid,
    /// More candidates than any peer has.
    #[error("too many candidates")]
    TooMany,
    /// The endpoint has been released.
    #[error("the endpoint has been released")]
    Released,
    /// The media server has stopped.
    #[error("the media server has stopped")]
    Stopped,
}

/// Why a data channel was not opened or closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DataChannelError {
    /// The session has no data channels, or is not up yet.
    #[error("data channels are not negotiated")]
    NotNegotiated,
    /// A life time and a number of retransmissions exclude each other (RFC 8832 §5.1).
    #[error("a life time and a number of retransmissions exclude each other")]
    TwoLimits,
    /// The label or protocol is longer than 65,535 bytes, or all streams are taken.
    #[error("the data channel is beyond a limit")]
    Limit,
    /// The endpoint has been released.
    #[error("the endpoint has been released")]
    Released,
    /// The media server has stopped.
    #[error("the media server has stopped")]
    Stopped,
}

/// Why no keyframe was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyframeError {
    /// The peer sends no video that anybody receives.
    #[error("the peer sends no video that anybody receives")]
    NoVideo,
    /// The endpoint has been released.
    #[error("the endpoint has been released")]
    Released,
    /// The media server has stopped.
    #[error("the media server has stopped")]
    Stopped,
}

/// Why a capture did not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// No endpoint has this identifier, or it has been released.
    #[error("there is no such endpoint")]
    UnknownEndpoint,
    /// The endpoint is being captured, or [`crate::capture::CAPTURES_MAX`] others are.
    #[error("as many captures as allowed are under way")]
    Busy,
    /// The media server has stopped.
    #[error("the media server has stopped")]
    Stopped,
}
