//! One peer's transport: ICE, DTLS, the keys of SRTP, data channels. The only folder that names webrtc-rs.
//!
//! A `Session` is sans-IO. Datagrams go in by protocol, with the time; what to send, what happened and
//! when to look again are polled. Nothing but an integrity-checked binding request lets an address in,
//! and nothing but a finished handshake makes keys.

pub mod dtls;
pub mod error;
pub mod ice;
mod liveness;
pub mod rtcp;
pub mod sctp;
pub mod sdp;
mod streams;

pub(crate) use dtls::Certificate;
pub(crate) use streams::{Arrival, Encodings, Streams};

use crate::error::DataChannelError;
use crate::forward::DropReason;
use crate::pipeline::{ConnectionState, DataChannelInfo, DataChannelOptions, DtlsState, IceState};
use crate::rtp::{ExtSeq, RtpHeader, Ssrc};
use crate::srtp::{DtlsRole, Profile, ReceiveContext, SendContext, SessionKeys};
use bytes::Bytes;
use dtls::{DtlsEvent, DtlsTransport, KeyingMaterial};
use ice::{Base, IceAgent, IceEvent, Transmit};
use liveness::{Liveness, Sign};
use rand::CryptoRng;
use sctp::{DataEvent, DataMessage, DataTransport};
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
    liveness: Liveness,
    data: Data,
    /// Our part in the DTLS that is up.
    role: Option<DtlsRole>,
    events: VecDeque<SessionEvent>,
}

/// Where a session's data channels stand.
enum Data {
    /// Not negotiated.
    None,
    /// Negotiated, for when DTLS is up.
    Wanted {
        message_bytes_max: usize,
    },
    Running(Box<DataTransport>),
}

/// What happened to a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum SessionEvent {
    Ice(IceState),
    /// The remote address passed an integrity-checked binding request.
    AddressAdded {
        /// Our base that the request came to, or that our check left from.
        local: Base,
        remote: SocketAddr,
    },
    AddressRemoved {
        local: Base,
        remote: SocketAddr,
    },
    /// No check names this fragment of ours any more: a restart of ICE has succeeded.
    UfragRetired(String),
    PairSelected {
        local: Base,
        remote: SocketAddr,
    },
    Dtls(DtlsState),
    /// Authenticated packets of media began to come, or no longer do.
    Media(ConnectionState),
    Data(DataEvent),
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
            liveness: Liveness::default(),
            data: Data::None,
            role: None,
            events: VecDeque::new(),
        }
    }

    /// The peer may have data channels, at once or when DTLS is up. To be called once.
    pub(crate) fn allow_data(&mut self, now: Instant, message_bytes_max: usize) {
        self.data = match self.role {
            Some(role) => Data::Running(Box::new(DataTransport::new(now, role, message_bytes_max))),
            None => Data::Wanted { message_bytes_max },
        };
        self.advance(now);
    }

    /// Opens a data channel.
    pub(crate) fn open_data_channel(
        &mut self,
        now: Instant,
        options: DataChannelOptions,
    ) -> Result<u16, DataChannelError> {
        let Data::Running(data) = &mut self.data else { return Err(DataChannelError::NotNegotiated) };
        let opened = data.open(now, options);
        self.advance(now);
        opened
    }

    /// Closes a data channel, if it is there.
    pub(crate) fn close_data_channel(&mut self, now: Instant, stream: u16) -> Result<(), DataChannelError> {
        match &mut self.data {
            Data::None => return Err(DataChannelError::NotNegotiated),
            Data::Wanted { .. } => {}
            Data::Running(data) => data.close_channel(now, stream),
        }
        self.advance(now);
        Ok(())
    }

    /// Sends the peer a message that came from a channel like this one.
    pub(crate) fn deliver_data(
        &mut self,
        now: Instant,
        like: &DataChannelOptions,
        message: &DataMessage,
    ) -> Result<(), DropReason> {
        let Data::Running(data) = &mut self.data else { return Err(DropReason::DataUndeliverable) };
        let delivered = data.deliver(now, like, message);
        self.advance(now);
        delivered
    }

    /// Every data channel, closed ones first.
    pub(crate) fn data_channels(&self) -> Vec<DataChannelInfo> {
        match &self.data {
            Data::Running(data) => data.channels(),
            Data::None | Data::Wanted { .. } => Vec::new(),
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

    /// Learns what a later description says of the peer: other credentials after a restart of ICE, candidates.
    /// DTLS goes on.
    pub(crate) fn renew_remote(&mut self, now: Instant, remote: &RemoteTransport) {
        if let Some(credentials) = &remote.ice {
            self.ice.restart_remote(now, credentials.clone());
        }
        for candidate in &remote.candidates {
            self.add_address(now, candidate);
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
        local: Base,
        remote: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), DropReason> {
        let result = self.ice.handle_stun(now, local, remote, datagram);
        self.advance(now);
        result
    }

    /// A TCP connection with the peer has ended.
    pub(crate) fn handle_end(&mut self, now: Instant, local: Base, remote: SocketAddr) {
        self.ice.handle_end(now, local, remote);
        self.advance(now);
    }

    /// The addresses of the pair in use.
    pub(crate) fn pair(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.ice.selected().map(|(local, remote)| (local.address, remote))
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
        now: Instant,
        packet: &mut [u8],
    ) -> Result<(RtpHeader, usize, ExtSeq, Arrival), DropReason> {
        let srtp = self.srtp.as_mut().ok_or(DropReason::SrtpTooEarly)?;
        let header = RtpHeader::parse(packet).map_err(|_| DropReason::RtpMalformed)?;
        let (length, index) = srtp.receive.unprotect_rtp(packet, &header)?;
        self.events.extend(self.liveness.note(Sign::Rtp, now).map(SessionEvent::Media));
        let plain = packet.get(..length).ok_or(DropReason::RtpMalformed)?;
        let arrival = self.streams.resolve(&header, plain)?;
        Ok((header, length, index, arrival))
    }

    /// Decrypts an SRTCP packet in place and returns its plain length.
    pub(crate) fn receive_rtcp(&mut self, now: Instant, packet: &mut [u8]) -> Result<usize, DropReason> {
        let srtp = self.srtp.as_mut().ok_or(DropReason::SrtpTooEarly)?;
        let length = srtp.receive.unprotect_rtcp(packet)?;
        self.events.extend(self.liveness.note(Sign::Rtcp, now).map(SessionEvent::Media));
        Ok(length)
    }

    /// The peer ended all the streams that it sent.
    pub(crate) fn end_streams(&mut self) {
        self.events.extend(self.liveness.end_streams().map(SessionEvent::Media));
    }

    /// Learns that video was negotiated.
    pub(crate) const fn expect_video(&mut self) {
        self.liveness.expect_video();
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
    pub(crate) fn media_path(&self) -> Option<(Base, SocketAddr)> {
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
        self.events.extend(self.liveness.handle_timeout(now).map(SessionEvent::Media));
        if let Data::Running(data) = &mut self.data {
            data.handle_timeout(now);
        }
        self.advance(now);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let (timer, burst) = match &self.data {
            // Without a way to the peer nothing leaves, so nobody need wake for it.
            Data::Running(data) => {
                (data.poll_timeout(), data.next_burst().filter(|_| self.ice.selected().is_some()))
            }
            Data::None | Data::Wanted { .. } => (None, None),
        };
        let due =
            [self.ice.poll_timeout(), self.dtls.poll_timeout(), self.liveness.poll_timeout(), timer, burst];
        due.into_iter().flatten().min()
    }

    /// Whether [`Self::poll_event`] has something.
    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
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

    /// Says goodbye: an SCTP ABORT and a DTLS close_notify wait in [`Self::poll_transmit`] afterwards.
    pub(crate) fn close(&mut self, now: Instant) {
        if let Data::Running(data) = &mut self.data {
            data.close(now);
        }
        self.advance(now);
        self.dtls.close(now);
        self.advance(now);
    }

    fn add_address(&mut self, now: Instant, candidate: &RemoteCandidate) {
        // Names are never resolved, and over TCP it is the peer that connects: its checks reveal its address.
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
                IceEvent::StateChanged(state) => {
                    self.events.push_back(SessionEvent::Ice(state));
                    if state == IceState::Disconnected {
                        self.events.extend(self.liveness.lose_consent().map(SessionEvent::Media));
                    }
                }
                IceEvent::Validated { local, remote } => {
                    self.events.push_back(SessionEvent::AddressAdded { local, remote });
                }
                IceEvent::Retired { ufrag } => self.events.push_back(SessionEvent::UfragRetired(ufrag)),
                IceEvent::Dropped { local, remote } => {
                    self.events.push_back(SessionEvent::AddressRemoved { local, remote });
                }
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
                    if matches!(state, DtlsState::Closed | DtlsState::Failed) {
                        self.end_transport(now);
                    }
                }
                DtlsEvent::Keys(keys) => {
                    self.install(&keys);
                    self.role = Some(keys.role);
                    if let Data::Wanted { message_bytes_max } = self.data {
                        let data = DataTransport::new(now, keys.role, message_bytes_max);
                        self.data = Data::Running(Box::new(data));
                    }
                }
                DtlsEvent::Data(packet) => self.handle_data(now, &packet),
                DtlsEvent::PeerClosed => self.events.push_back(SessionEvent::PeerClosed),
            }
        }
        self.advance_data(now);
    }

    /// Without DTLS there is nobody left to talk to: no media leaves or is taken any more.
    fn end_transport(&mut self, now: Instant) {
        self.srtp = None;
        self.role = None;
        self.events.extend(self.liveness.close().map(SessionEvent::Media));
        if let Data::Running(data) = &mut self.data {
            data.close(now);
        }
    }

    fn handle_data(&mut self, now: Instant, packet: &Bytes) {
        let handled = match &mut self.data {
            Data::Running(data) => data.handle_packet(now, packet),
            Data::None | Data::Wanted { .. } => Err(DropReason::SctpRefused),
        };
        if let Err(reason) = handled {
            self.events.push_back(SessionEvent::Data(DataEvent::Dropped(reason)));
        }
    }

    /// SCTP's packets go to DTLS, once there is a way to the peer; its events go up.
    fn advance_data(&mut self, now: Instant) {
        let Data::Running(data) = &mut self.data else { return };
        while let Some(event) = data.poll_event() {
            self.events.push_back(SessionEvent::Data(event));
        }
        if self.ice.selected().is_some() {
            while let Some(packet) = data.poll_transmit(now) {
                self.dtls.send(now, &packet);
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
