//! What a media server, an endpoint and an offer can be told.

use super::{Dscp, Subnet};
use crate::codec::Codec;
use crate::rtp::Bitrate;
use crate::session::ice::IceCredentials;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::sync::{mpsc, watch};

/// Settings of a [`super::MediaServer`].
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// Worker threads; each has its own UDP port. Default: one per core.
    pub workers: usize,
    /// Which worker an endpoint lives on.
    pub placement: Placement,
    /// The addresses to bind media sockets to. Default: all, IPv4 and IPv6.
    pub bind: Vec<IpAddr>,
    /// The first worker's UDP port; the next worker has the next one. 0 lets the system choose each.
    pub port_base: u16,
    /// Whether peers may connect by TCP to the numbers of the UDP ports (RFC 6544).
    pub tcp: bool,
    /// TCP connections of one worker at most; further ones are closed at once.
    pub tcp_connections_per_worker_max: usize,
    /// Those of them that come from one address at most.
    pub tcp_connections_per_address_max: usize,
    /// The addresses that peers are told, instead of those of the interfaces.
    pub announce: Vec<IpAddr>,
    /// Whether loopback addresses are announced as well when `announce` is empty.
    pub announce_loopback: bool,
    /// When `announce` is empty and a wildcard is bound: the interfaces whose addresses are used. Empty: all.
    pub interfaces: Vec<String>,
    /// In the same case: networks whose addresses are not used.
    pub excluded: Vec<Subnet>,
    /// Who asks a media socket by a binding request with these is told where the request came from, so that an
    /// installation can be checked. The fragment needs a character that no session's has, as `-`. `None`:
    /// nobody.
    pub probe: Option<IceCredentials>,
    /// Sessions that one worker takes at most.
    pub sessions_per_worker_max: usize,
    /// Sessions of one worker that may act as a full ICE agent at the same time, which they do towards
    /// another server. Each has a socket of its own for every address of the worker.
    pub full_sessions_per_worker_max: usize,
    /// Pipelines in all at most.
    pub pipelines_max: usize,
    /// Bytes to ask for as socket receive and send buffers.
    pub socket_buffer_bytes: usize,
    /// One RTP packet in so many is told of in the log, at level `trace` and target `keel_media::packet`: its
    /// session, source, sinks and why it was dropped. 0: none.
    pub trace_packets_every: u32,
    /// Makes everything random that need not be secret repeatable, for tests.
    pub seed: Option<u64>,
}

/// Which worker a new endpoint of a pipeline lives on, for life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// That of its pipeline, as long as it carries no more than 16 sessions and pipelines above the least
    /// loaded one; that one otherwise. So a call or an ordinary room stays on one worker, and a large
    /// audience is spread evenly.
    #[default]
    Together,
    /// Each endpoint of a pipeline on the next worker: the two sides of a call are apart. For tests.
    Spread,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            placement: Placement::Together,
            bind: vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            port_base: 10_000,
            tcp: true,
            tcp_connections_per_worker_max: 2_000,
            tcp_connections_per_address_max: 256,
            announce: Vec::new(),
            announce_loopback: true,
            interfaces: Vec::new(),
            excluded: Vec::new(),
            probe: None,
            sessions_per_worker_max: 5_000,
            full_sessions_per_worker_max: 500,
            pipelines_max: 10_000,
            socket_buffer_bytes: 4 << 20,
            trace_packets_every: 0,
            seed: None,
        }
    }
}

/// Settings of one endpoint. Its DTLS certificate is no setting: all have an ECDSA P-256 one, which every
/// browser accepts (RFC 8827 §6.5).
#[derive(Clone, Debug, Default)]
pub struct EndpointOptions {
    /// Shows up in the endpoint's log events; not secret (a connection id, say).
    pub label: String,
    /// Whether the peer may open data channels, and an offer has an m-line for them.
    pub data_channels: bool,
    /// Which ways media goes in offers made here.
    pub offer_direction: OfferDirection,
    /// The code point that every datagram to the peer carries; `None`: the system's default, 0.
    pub dscp: Option<Dscp>,
}

/// Which ways media goes in an offer, seen from Keel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OfferDirection {
    /// Both.
    #[default]
    SendRecv,
    /// From Keel to the peer only.
    SendOnly,
    /// From the peer to Keel only.
    RecvOnly,
}

/// What of an endpoint can change while it lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSettings {
    /// The most audio that the peer may send: `b=AS` and `b=TIAS` lines in descriptions made from then on.
    pub audio_receive_max: Option<Bitrate>,
    /// The most video that the peer may send: those lines, and the cap of every bandwidth estimate (REMB).
    pub video_receive_max: Option<Bitrate>,
    /// No bandwidth estimate given to the peer goes below this.
    pub video_receive_min: Option<Bitrate>,
    /// The most video that the peer is sent. Where this peer is the only one to receive a source, that
    /// source is asked (REMB) to send no more.
    pub video_send_max: Option<Bitrate>,
    /// Below this the peer's own estimate (REMB) is not believed; `None`: below 100 kbit/s.
    pub video_send_min: Option<Bitrate>,
    /// Addresses to announce in place of the server's own of the same family. Counts from the next
    /// gathering.
    pub external: Vec<IpAddr>,
    /// Announce only addresses of these interfaces; empty: all. Configured announcements, which are of no
    /// interface, stay. Counts from the next gathering.
    pub interfaces: Vec<String>,
    /// Announce no TCP candidates. Counts from the next gathering.
    pub udp_only: bool,
    /// The STUN server to ask for the public addresses, in place of those of
    /// [`super::MediaServer::set_stun_servers`]. Counts from the next gathering.
    pub stun_server: Option<SocketAddr>,
    /// Relayed addresses to announce, in place of those of [`super::MediaServer::set_relays`]; those in front of other
    /// workers' sockets are passed over. Counts from the next gathering.
    pub relays: Vec<RelayPath>,
    /// The only video codec to negotiate; `None`: all that can be forwarded.
    pub video_codec: Option<Codec>,
    /// The only audio codec to negotiate; `None`: all that can be forwarded. Opus brings RED with it.
    pub audio_codec: Option<Codec>,
    /// Measure how long packets take from arrival to departure ([`super::EndpointStats::latency`]): one
    /// more reading of the clock in each round of the worker.
    pub latency_stats: bool,
}

/// A relayed address on a TURN server elsewhere, in front of a media socket. It is kept for as long as a clone of this is.
#[derive(Clone, Debug)]
pub struct RelayPath {
    /// The media socket: one of [`super::MediaServer::addresses`].
    pub target: SocketAddr,
    /// The relayed address, and the one that the TURN server sees us at; none while there is no allocation.
    pub relayed: watch::Receiver<Option<(SocketAddr, SocketAddr)>>,
    /// Takes the addresses of peers that are to be let through.
    pub permits: mpsc::Sender<IpAddr>,
}

impl PartialEq for RelayPath {
    fn eq(&self, other: &Self) -> bool {
        self.target == other.target && self.permits.same_channel(&other.permits)
    }
}

impl Eq for RelayPath {}

/// What [`super::WebRtcEndpoint::generate_offer`] offers.
#[derive(Clone, Copy, Debug)]
pub struct OfferOptions {
    /// An audio m-line.
    pub audio: bool,
    /// A video m-line.
    pub video: bool,
    /// How many encodings of its video the peer is asked to send (RFC 8853), up to
    /// [`crate::forward::ENCODINGS_MAX`]; 0 and 1 ask for an ordinary stream. The peer may send fewer.
    pub encodings: usize,
}

impl Default for OfferOptions {
    fn default() -> Self {
        Self { audio: true, video: true, encodings: 1 }
    }
}

/// A trickled candidate with its place, as browsers exchange them (W3C `RTCIceCandidateInit`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceCandidate {
    /// `candidate:...` (RFC 8839 §5.1), or empty for the end of candidates.
    pub candidate: String,
    /// The m-line's tag.
    pub sdp_mid: Option<String>,
    /// The m-line's index.
    pub sdp_mline_index: Option<u16>,
}
