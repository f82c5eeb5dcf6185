//! Snapshots for applications and operators.

use super::{DataChannelInfo, DtlsState, IceState, MediaKind};
use crate::codec::Layer;
use crate::forward::DropReason;
use crate::id::ElementId;
use crate::rtp::{Bitrate, Rid};
use std::net::SocketAddr;
use std::time::Duration;

/// One endpoint's state and counters.
#[derive(Clone, Debug)]
pub struct EndpointStats {
    /// The endpoint.
    pub endpoint: ElementId,
    /// ICE's state.
    pub ice: IceState,
    /// DTLS's state.
    pub dtls: DtlsState,
    /// The pair in use: Keel's address and the peer's.
    pub pair: Option<(SocketAddr, SocketAddr)>,
    /// The negotiated SRTP protection profile, by its IANA name.
    pub srtp_profile: Option<&'static str>,
    /// Streams that the peer sends.
    pub incoming: Vec<StreamStats>,
    /// Streams that the peer receives.
    pub outgoing: Vec<StreamStats>,
    /// What the path to the peer carries, all streams together, by Keel's own estimate or the peer's (REMB);
    /// `None` before any feedback.
    pub estimate: Option<Bitrate>,
    /// By kind, the average time from a packet's arrival at Keel to its departure for this peer, since
    /// [`super::EndpointSettings::latency_stats`] was switched on; what comes from another worker arrives when
    /// this endpoint's takes it. Empty while it is off.
    pub latency: Vec<(MediaKind, Duration)>,
    /// Data channels, open and closed ones.
    pub data_channels: Vec<DataChannelInfo>,
}

/// One stream's counters since it began.
#[derive(Clone, Debug)]
pub struct StreamStats {
    /// The kind.
    pub kind: MediaKind,
    /// The SSRC as this peer knows it.
    pub ssrc: u32,
    /// Media packets (retransmissions excluded).
    pub packets: u64,
    /// Payload bytes of those.
    pub bytes: u64,
    /// Incoming: packets that are missing by now, repaired ones not among them. Outgoing: as the peer
    /// reports; negative where duplicates came (RFC 3550 §6.4.1).
    pub packets_lost: i64,
    /// Interarrival jitter (RFC 3550 §6.4.1); outgoing: as the peer reports.
    pub jitter: Duration,
    /// Outgoing: round trip by the peer's reports, once known.
    pub round_trip: Option<Duration>,
    /// NACKs: sent for incoming, received for outgoing streams. Counted by packets asked for.
    pub nacked: u64,
    /// Retransmissions: received for incoming, sent for outgoing streams.
    pub retransmitted: u64,
    /// Picture loss indications (RFC 4585 §6.3.1): sent for incoming, received for outgoing streams.
    pub pli: u64,
    /// Full intra requests (RFC 5104 §4.3.1): sent for incoming, received for outgoing streams.
    pub fir: u64,
    /// The fraction of packets lost in 256ths (RFC 3550 §6.4.1), 0..=255: by the latest report that was sent
    /// for incoming, received for outgoing streams.
    pub fraction_lost: u8,
    /// Video: the latest bandwidth estimate (REMB) of all the peer's streams together, given to the peer for
    /// incoming, by the peer for outgoing streams.
    pub remb: Option<Bitrate>,
    /// Payload bits per second, over about the last second; `None` while nothing flows.
    pub bitrate: Option<Bitrate>,
    /// Video: frames whose last packet came or left.
    pub frames: u64,
    /// Incoming: the name of the simulcast encoding (RFC 8851), where it has one.
    pub rid: Option<Rid>,
    /// Outgoing video: the encoding or spatial layer, and the temporal layer, that the peer gets at present.
    pub layer: Option<Layer>,
    /// Outgoing video: how often no frame left for more than 150 ms and three times the usual distance while
    /// the peer's source had some. Counted when it is over.
    pub freezes: u64,
    /// How long those were together.
    pub frozen: Duration,
}

/// What the streams of one direction have counted together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamTotals {
    /// [`StreamStats::packets`].
    pub packets: u64,
    /// [`StreamStats::nacked`].
    pub nacked: u64,
    /// [`StreamStats::retransmitted`].
    pub retransmitted: u64,
    /// [`StreamStats::pli`] and [`StreamStats::fir`].
    pub keyframe_requests: u64,
    /// [`StreamStats::freezes`].
    pub freezes: u64,
    /// [`StreamStats::frozen`].
    pub frozen: Duration,
}

impl StreamTotals {
    /// Adds what others have counted.
    pub(crate) fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.nacked += other.nacked;
        self.retransmitted += other.retransmitted;
        self.keyframe_requests += other.keyframe_requests;
        self.freezes += other.freezes;
        self.frozen += other.frozen;
    }
}

/// Gauges and counters of the whole media server.
#[derive(Clone, Debug, Default)]
pub struct MediaSnapshot {
    /// Pipelines that exist.
    pub pipelines: u64,
    /// Endpoints that exist.
    pub endpoints: u64,
    /// Sessions that exist.
    pub sessions: u64,
    /// Sockets that sessions have to themselves, towards peers that are lite ICE agents.
    pub own_sockets: u64,
    /// Sessions that did not get any ([`crate::NegotiationError::NoSockets`]).
    pub own_sockets_refused: u64,
    /// TCP connections of peers.
    pub tcp_connections: u64,
    /// TCP connections that were accepted so far.
    pub tcp_accepted: u64,
    /// Those of them that were closed at once, since there were too many.
    pub tcp_refused: u64,
    /// Those of them that were closed since what they sent was no media connection's.
    pub tcp_expelled: u64,
    /// Media sockets whose public address a STUN server has told.
    pub stun_known: u64,
    /// Media sockets that ask a STUN server in vain.
    pub stun_failing: u64,
    /// How often a STUN server did not answer, or refused.
    pub stun_failures: u64,
    /// Datagrams received.
    pub packets_in: u64,
    /// Datagrams sent.
    pub packets_out: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// RTP packets forwarded, once per subscriber.
    pub forwarded: u64,
    /// Tracks that a worker has from another one, at this moment.
    pub relays: u64,
    /// RTP packets that a worker handed to another, once for each.
    pub relayed: u64,
    /// What all streams from peers have counted, also those that are gone.
    pub incoming: StreamTotals,
    /// Likewise of those to peers.
    pub outgoing: StreamTotals,
    /// Events that found their receiver's queue full.
    pub events_dropped: u64,
    /// What was dropped, by reason.
    pub drops: Vec<(DropReason, u64)>,
}
