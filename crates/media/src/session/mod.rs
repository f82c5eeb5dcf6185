//! One peer's transport: ICE, DTLS and the keys of SRTP. The only folder that names webrtc-rs.
//!
//! A `Session` is sans-IO. Datagrams go in by protocol, with the time; what to send, what happened and
//! when to look again are polled. Nothing but an integrity-checked binding request lets an address in,
//! and nothing but a finished handshake makes keys.

pub mod dtls;
pub mod error;
pub mod ice;
pub mod rtcp;
pub mod sdp;
mod streams;

pub(crate) use dtls::Certificate;
pub(crate) use streams::{Arrival, Streams};

use crate::forward::DropReason;
use crate::pipeline::{DtlsState, IceState};
use crate::rtp::{ExtSeq, RtpHeader, Ssrc};
use crate::srtp::{DtlsRole, Profile, ReceiveContext, SendContext, SessionKeys};
use dtls::{DtlsEvent, DtlsTransport, KeyingMaterial};
use ice::{IceAgent, IceEvent, Transmit};
use rand::CryptoRng;
use sdp::{CandidateAddress, CandidateProtocol, RemoteCandidate, RemoteTransport, Trickled};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// One peer's transport.
pub(crate) struct Session {
    pub(crate) ice: IceAgent,
    dtls: DtlsTransport,
    dtls_state: DtlsState,
    certificate: Arc<Certificate>,
    pub(crate) streams: Streams,
    srtp: Option<Srtp>,
    events: VecDeque<SessionEvent>,
}

/// What happened to a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum SessionEvent {
    Ice(IceState),
    /// The remote address passed an integrity-checked binding request.
    AddressAdded {
        /// Our address that the request came to, or that our check left from.
        local: SocketAddr,
        remote: SocketAddr,
    },
    AddressRemoved(SocketAddr),
    PairSelected {
        local: SocketAddr,
        remote: SocketAddr,
    },
    Dtls(DtlsState),
    PeerClosed,
}

struct Srtp {
    profile: Profile,
    receive: ReceiveContext,
    send: SendContext,
}

impl Session {
    /// A session that knows nothing of its peer yet. It takes DTLS's server side, so that a peer which
    /// begins before its answer arrives is heard; [`Self::set_remote`] may change that.
    pub(crate) fn new(ice: IceAgent, certificate: Arc<Certificate>, rng: &mut impl CryptoRng) -> Self {
        Self {
            ice,
            dtls: DtlsTransport::new(certificate.clone(), DtlsRole::Server, rng),
            dtls_state: DtlsState::New,
            certificate,
            streams: Streams::default(),
            srtp: None,
            events: VecDeque::new(),
        }
    }

    /// Learns who the peer is.
    pub(crate) fn set_remote(
        &mut self,
        now: Instant,
        remote: &RemoteTransport,
        role: DtlsRole,
        rng: &mut impl CryptoRng,
    ) {
        if role == DtlsRole::Client {
            self.dtls = DtlsTransport::new(self.certificate.clone(), DtlsRole::Client, rng);
        }
        self.dtls.set_remote_fingerprints(now, remote.fingerprints.clone());
        if let Some(credentials) = &remote.ice {
            self.ice.set_remote(now, credentials.clone(), remote.ice_lite);
        }
        for candidate in &remote.candidates {
            self.add_address(now, candidate);
        }
        if self.ice.selected().is_some() {
            self.dtls.start(now);
        }
        self.advance(now);
    }

    /// Takes a trickled candidate. A lite agent has no use for it but where it acts as a full one.
    pub(crate) fn add_remote_candidate(&mut self, now: Instant, candidate: &Trickled) {
        if let Trickled::Candidate(candidate) = candidate {
            self.add_address(now, candidate);
        }
        self.advance(now);
    }

    /// Takes a STUN message that names this session, or comes from one of its addresses.
    pub(crate) fn handle_stun(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), DropReason> {
        let result = self.ice.handle_stun(now, local, remote, datagram);
        self.advance(now);
        result
    }

    /// Takes a DTLS datagram from a validated address.
    pub(crate) fn handle_dtls(&mut self, now: Instant, datagram: &[u8]) -> Result<(), DropReason> {
        let result = self.dtls.handle_datagram(now, datagram);
        self.advance(now);
        result
    }

    /// Decrypts an SRTP packet in place: the length of the plain packet, its index and its place.
    pub(crate) fn receive_rtp(
        &mut self,
        packet: &mut [u8],
    ) -> Result<(RtpHeader, usize, ExtSeq, Arrival), DropReason> {
        let srtp = self.srtp.as_mut().ok_or(DropReason::SrtpTooEarly)?;
        let header = RtpHeader::parse(packet).map_err(|_| DropReason::RtpMalformed)?;
        let (length, index) = srtp.receive.unprotect_rtp(packet, &header)?;
        let plain = packet.get(..length).ok_or(DropReason::RtpMalformed)?;
        let arrival = self.streams.resolve(&header, plain)?;
        Ok((header, length, index, arrival))
    }

    /// Decrypts an SRTCP packet in place and returns its plain length.
    pub(crate) fn receive_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, DropReason> {
        let srtp = self.srtp.as_mut().ok_or(DropReason::SrtpTooEarly)?;
        srtp.receive.unprotect_rtcp(packet)
    }

    /// Encrypts an outgoing RTP packet in place and returns its sealed length; `None` before keys exist.
    pub(crate) fn protect_rtp(
        &mut self,
        packet: &mut [u8],
        header_length: usize,
        plain_length: usize,
        ssrc: Ssrc,
        index: ExtSeq,
    ) -> Option<usize> {
        Some(self.srtp.as_mut()?.send.protect_rtp(packet, header_length, plain_length, ssrc, index))
    }

    /// Encrypts an outgoing RTCP packet in place; `None` before keys exist and after 2^31 packets.
    pub(crate) fn protect_rtcp(&mut self, packet: &mut Vec<u8>) -> Option<()> {
        self.srtp.as_mut()?.send.protect_rtcp(packet).ok()
    }

    /// The pair to send media on: none before DTLS is complete, and none while consent is lost.
    pub(crate) fn media_path(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.srtp.as_ref().and_then(|_| self.ice.selected())
    }

    pub(crate) fn dtls_state(&self) -> DtlsState {
        self.dtls_state
    }

    /// The protection profile in use, by its IANA name.
    pub(crate) fn srtp_profile(&self) -> Option<&'static str> {
        self.srtp.as_ref().map(|srtp| srtp.profile.name())
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.ice.handle_timeout(now);
        self.dtls.handle_timeout(now);
        self.advance(now);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        [self.ice.poll_timeout(), self.dtls.poll_timeout()].into_iter().flatten().min()
    }

    pub(crate) fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    /// The next datagram of ICE or DTLS. DTLS goes to the pair in use: the association knows no address,
    /// so a peer that moves keeps it.
    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        if let Some(transmit) = self.ice.poll_transmit() {
            return Some(transmit);
        }
        let (local, remote) = self.ice.selected()?;
        self.dtls.poll_transmit().map(|bytes| Transmit { local, remote, bytes })
    }

    /// Says goodbye: a DTLS close_notify waits in [`Self::poll_transmit`] afterwards.
    pub(crate) fn close(&mut self, now: Instant) {
        self.dtls.close(now);
    }

    fn add_address(&mut self, now: Instant, candidate: &RemoteCandidate) {
        // Names are never resolved and TCP is not served: the peer's checks reveal its address.
        if let (CandidateProtocol::Udp, CandidateAddress::Ip(address)) =
            (candidate.protocol, &candidate.address)
        {
            self.ice.add_remote_candidate(now, *address, candidate.priority);
        }
    }

    /// Carries events from one part to the next: a first valid check starts a DTLS client, a finished
    /// handshake makes the keys of SRTP.
    pub(crate) fn advance(&mut self, now: Instant) {
        while let Some(event) = self.ice.poll_event() {
            match event {
                IceEvent::StateChanged(state) => self.events.push_back(SessionEvent::Ice(state)),
                IceEvent::Validated { local, remote } => {
                    self.events.push_back(SessionEvent::AddressAdded { local, remote });
                }
                IceEvent::Dropped { remote } => self.events.push_back(SessionEvent::AddressRemoved(remote)),
                IceEvent::Selected { local, remote } => {
                    self.events.push_back(SessionEvent::PairSelected { local, remote });
                    self.dtls.start(now);
                }
            }
        }
        while let Some(event) = self.dtls.poll_event() {
            match event {
                DtlsEvent::StateChanged(state) => {
                    self.dtls_state = state;
                    self.events.push_back(SessionEvent::Dtls(state));
                }
                DtlsEvent::Keys(keys) => self.install(&keys),
                DtlsEvent::PeerClosed => self.events.push_back(SessionEvent::PeerClosed),
            }
        }
    }

    fn install(&mut self, material: &KeyingMaterial) {
        let profile =
            Profile::from_wire(material.profile).expect("only profiles that were offered are agreed");
        let keys = SessionKeys::from_keying_material(profile, material.role, &material.bytes)
            .expect("DTLS exports as many bytes as the profile takes");
        self.srtp = Some(Srtp { profile, receive: keys.receive_context(), send: keys.send_context() });
    }
}
