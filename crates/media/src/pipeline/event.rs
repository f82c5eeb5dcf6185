//! What a pipeline tells its owner.

use super::{IceCandidate, MediaKind};
use crate::id::ElementId;
use crate::rtp::Rid;
use std::net::SocketAddr;
use tokio::sync::mpsc;

/// An endpoint's event.
#[derive(Clone, Debug, PartialEq)]
pub struct PipelineEvent {
    /// Whose: the endpoint's or the peer connection's. Of a line what concerns its media alone:
    /// [`EndpointEvent::MediaFlowingIn`], [`EndpointEvent::MediaFlowingOut`], [`EndpointEvent::NoCommonCodec`],
    /// [`EndpointEvent::WantedEncodings`], [`EndpointEvent::DominantSpeaker`], [`EndpointEvent::Loudest`].
    pub endpoint: ElementId,
    /// What happened.
    pub event: EndpointEvent,
}

/// What carries a session's datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportProtocol {
    /// UDP.
    Udp,
    /// TCP, framed (RFC 6544, RFC 4571): for peers whose network lets no UDP out.
    Tcp,
}

/// What can happen to an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub enum EndpointEvent {
    /// A local candidate for the peer.
    CandidateFound(IceCandidate),
    /// No more candidates will come.
    GatheringDone,
    /// ICE changed its state. For a healthy endpoint: `Checking` once the peer's description is known, or its
    /// first check has come; [`Self::PairSelected`]; `Connected`; then, as the network has it, `Disconnected`
    /// and `Connected` in turn; `Closed` as the endpoint's last event. Candidates and
    /// [`Self::GatheringDone`] come when they are asked for, in between.
    Ice(IceState),
    /// A pair of addresses is in use, first or anew: before `Connected`, and again whenever it changes.
    PairSelected {
        /// What carries datagrams between the two.
        protocol: TransportProtocol,
        /// Keel's address.
        local: SocketAddr,
        /// The peer's.
        remote: SocketAddr,
    },
    /// DTLS changed its state.
    Dtls(DtlsState),
    /// Media can flow (both ICE and DTLS are up), or no longer can.
    Connection(ConnectionState),
    /// The peer's first authenticated RTP or RTCP packet arrived; or no more come: it ended all its streams
    /// (BYE), closed DTLS, lost consent, or was silent for 4 s (15 s where only audio was negotiated,
    /// whose receivers report no more often than every 7.5 s).
    Media(ConnectionState),
    /// A data channel is open.
    DataChannelOpened {
        /// Its SCTP stream.
        stream: u16,
    },
    /// A data channel is closed.
    DataChannelClosed {
        /// Its SCTP stream.
        stream: u16,
    },
    /// Media of this kind began to arrive from the peer, or none has come for 2 s.
    MediaFlowingIn {
        /// The kind.
        kind: MediaKind,
        /// Began or ceased.
        flowing: bool,
    },
    /// Media of this kind began to leave for the peer, or none has left for 2 s or its source was taken away.
    MediaFlowingOut {
        /// The kind.
        kind: MediaKind,
        /// Began or ceased.
        flowing: bool,
    },
    /// The peer began to be the pipeline's dominant speaker, in place of who was before; or it ceased to
    /// speak and for three seconds nobody did. Only where `Pipeline::watch_speakers` asked for it.
    DominantSpeaker {
        /// Began or ceased.
        speaking: bool,
    },
    /// The peer is among the loudest speakers of its pipeline now, or no longer is. Only where
    /// `Pipeline::watch_speakers` asked for it.
    Loudest {
        /// Joined or left them.
        joined: bool,
    },
    /// Of a line of a peer connection that video arrives on: other encodings than before are wanted by those
    /// who receive it, on whatever worker. What is not wanted any more is told when it has not been for two
    /// seconds, what is wanted again at once; the publisher may stop sending the others.
    WantedEncodings {
        /// Each encoding with its name, in the order of the description, and whether it is wanted. Without
        /// simulcast there is one without a name.
        wanted: Vec<(Option<Rid>, bool)>,
    },
    /// Of an end of a bridge: it or the other one has been released, so nothing comes through any more. Where both were,
    /// it may be told twice.
    BridgeEnded,
    /// The peer closed its connection.
    PeerClosed,
    /// A connection cannot carry media: its source sends a codec that this peer does not accept.
    NoCommonCodec(MediaKind),
    /// The session failed for a reason of its own; it stays until it is released.
    Failed(&'static str),
}

/// The state of ICE (W3C `RTCIceTransportState`, as far as Keel has them).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IceState {
    /// Nothing happened yet.
    New,
    /// The peer's credentials are known; no valid check yet.
    Checking,
    /// A pair was nominated.
    Connected,
    /// Consent was lost: no valid check for 30 s (RFC 7675 §5.1). A new check revives it.
    Disconnected,
    /// Released.
    Closed,
}

/// The state of DTLS (W3C `RTCDtlsTransportState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtlsState {
    /// Nothing happened yet.
    New,
    /// A handshake is under way.
    Connecting,
    /// Keys are agreed.
    Connected,
    /// The handshake failed; a fingerprint that does not match is one reason.
    Failed,
    /// Closed by either side.
    Closed,
}

/// Whether media can flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// Not, or no longer.
    Disconnected,
    /// Yes.
    Connected,
}

/// Receives the events of one pipeline in order. At most 4096 wait; past that the worker, which never
/// waits, drops further ones and counts them in [`super::MediaSnapshot::events_dropped`].
#[derive(Debug)]
pub struct PipelineEvents(pub(crate) mpsc::Receiver<PipelineEvent>);

impl PipelineEvents {
    /// The next event; `None` once the pipeline is released and all events were taken.
    pub async fn recv(&mut self) -> Option<PipelineEvent> {
        self.0.recv().await
    }
}
