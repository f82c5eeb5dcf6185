//! One SCTP association on rtc-sctp. The only file that talks to it.

use super::guard::{Admission, Guard, STREAMS_MAX};
use crate::forward::DropReason;
use crate::srtp::DtlsRole;
use bytes::Bytes;
use rtc_sctp::{
    AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier as Kind, ReliabilityType, ServerConfig, StreamEvent, TimerConfig,
    TransportConfig,
};
use rtc_shared::TransportProtocol;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Instant;

/// Datagrams of DTLS stay within 1200 bytes: with the widest cipher suite that rtc-dtls offers (AES-CBC,
/// 13 bytes of header, 16 of vector, 20 of hash and up to 16 of padding) an SCTP packet may have 1135.
const PACKET_BYTES_MAX: u32 = 1132;
/// Bytes of incomplete messages that wait for the rest; twice the longest message, so that it fits behind
/// another that lacks a part.
const RECEIVE_BUFFER_BYTES: u32 = 512 * 1024;
/// The association has no address of its own; DTLS finds the way.
const PEER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 9));

pub(super) struct Association {
    endpoint: Endpoint,
    role: DtlsRole,
    guard: Guard,
    state: State,
    /// What answered the peer's INIT, for when it repeats it.
    init_ack: Vec<Bytes>,
    /// At most what SCTP may have in flight, which is never more than what was written to it.
    outgoing: VecDeque<Bytes>,
}

enum State {
    /// Server: the peer begins.
    Waiting,
    Begun(Box<rtc_sctp::Association>),
    Up(Box<rtc_sctp::Association>),
    /// For good: a peer that wants to begin again needs a new session.
    Over,
}

/// What an association tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum News {
    Up,
    Over,
    /// Whole messages wait on the stream.
    Readable(u16),
    /// Both directions of the stream are closed.
    Closed(u16),
    /// So many bytes written to the stream are delivered or given up.
    Released(u16, usize),
}

impl Association {
    /// The DTLS client begins (RFC 8832 §6 ties streams to that role, and one side is enough).
    pub(super) fn new(now: Instant, role: DtlsRole, message_bytes_max: usize) -> Self {
        let mut config = EndpointConfig::new();
        config.max_payload_size(rtc_sctp::max_payload_size_for_mtu(PACKET_BYTES_MAX));
        let transport = TransportConfig::default()
            .with_max_receive_buffer_size(RECEIVE_BUFFER_BYTES)
            .with_max_message_size(u32::try_from(message_bytes_max).unwrap_or(u32::MAX))
            .with_max_num_inbound_streams(STREAMS_MAX)
            .with_max_num_outbound_streams(STREAMS_MAX)
            // An association lasts as long as its session, whatever consent does meanwhile.
            .with_timer_config(TimerConfig {
                max_t1_init_retrans: usize::MAX,
                max_t1_cookie_retrans: usize::MAX,
                max_t3_rtx_retrans: usize::MAX,
                max_reconfig_retrans: usize::MAX,
                ..TimerConfig::default()
            });
        let server = (role == DtlsRole::Server).then(|| Arc::new(ServerConfig::new(transport.clone())));
        let local = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
        let mut endpoint = Endpoint::new(local, TransportProtocol::UDP, Arc::new(config), server);
        let state = match role {
            DtlsRole::Server => State::Waiting,
            DtlsRole::Client => match endpoint.connect(now, ClientConfig::new(transport), PEER) {
                Ok((_, association)) => State::Begun(Box::new(association)),
                Err(_) => State::Over,
            },
        };
        let guard = Guard::new(role);
        Self { endpoint, role, guard, state, init_ack: Vec::new(), outgoing: VecDeque::new() }
    }

    pub(super) fn handle_packet(&mut self, now: Instant, packet: &Bytes) -> Result<(), DropReason> {
        if matches!(self.state, State::Over) {
            return Err(DropReason::SctpRefused);
        }
        let packet = match self.guard.admit(packet)? {
            Admission::Packet(packet) => packet,
            Admission::RepeatedInit => {
                // Once it is up nobody waits for the answer any more.
                if matches!(self.state, State::Begun(_)) {
                    self.outgoing.extend(self.init_ack.iter().cloned());
                }
                return Ok(());
            }
            Admission::Needless => return Ok(()),
        };
        let handled: Option<(AssociationHandle, DatagramEvent)> =
            self.endpoint.handle(now, PEER, None, packet);
        match (handled, &mut self.state) {
            (Some((_, DatagramEvent::NewAssociation(association))), State::Waiting) => {
                self.state = State::Begun(Box::new(association));
                self.collect(now);
                self.init_ack = self.outgoing.iter().cloned().collect();
                Ok(())
            }
            (Some((_, DatagramEvent::AssociationEvent(event))), State::Begun(sctp) | State::Up(sctp)) => {
                sctp.handle_event(event);
                Ok(())
            }
            _ => Err(DropReason::SctpRefused),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(sctp) = self.sctp_mut() {
            sctp.handle_timeout(now);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Begun(sctp) | State::Up(sctp) => sctp.poll_timeout(),
            State::Waiting | State::Over => None,
        }
    }

    pub(super) fn poll_news(&mut self) -> Option<News> {
        while let Some(event) = self.sctp_mut().and_then(rtc_sctp::Association::poll) {
            match event {
                Event::Connected => {
                    self.state = match std::mem::replace(&mut self.state, State::Over) {
                        State::Begun(sctp) => State::Up(sctp),
                        other => other,
                    };
                    return Some(News::Up);
                }
                Event::HandshakeFailed { .. } => return Some(self.end()),
                Event::AssociationLost { id, .. } => {
                    self.guard.revive(id);
                    return Some(News::Closed(id));
                }
                Event::Stream(StreamEvent::Opened { .. }) => {
                    // Streams are known by what arrives on them; this list only grows.
                    while self.sctp_mut().is_some_and(|sctp| sctp.accept_stream().is_some()) {}
                }
                Event::Stream(StreamEvent::Readable { id }) => return Some(News::Readable(id)),
                Event::Stream(StreamEvent::BufferedAmountReleased { id, n_bytes }) => {
                    return Some(News::Released(id, n_bytes));
                }
                _ => {}
            }
        }
        // A server's association counts as closed also before the handshake is complete.
        let is_over = match &self.state {
            State::Begun(sctp) => self.role == DtlsRole::Client && sctp.is_closed(),
            State::Up(sctp) => sctp.is_closed(),
            State::Waiting | State::Over => false,
        };
        is_over.then(|| self.end())
    }

    pub(super) fn poll_transmit(&mut self, now: Instant) -> Option<Bytes> {
        if self.outgoing.is_empty() {
            self.collect(now);
        }
        self.outgoing.pop_front()
    }

    /// Whether packets wait that were made already.
    pub(super) fn has_outgoing(&self) -> bool {
        !self.outgoing.is_empty()
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    /// The lowest free stream of Keel's half.
    pub(super) fn free_stream(&mut self) -> Option<u16> {
        let first = match self.role {
            // RFC 8832 §6: the DTLS client uses the even ones, the server the odd ones.
            DtlsRole::Client => 0,
            DtlsRole::Server => 1,
        };
        let State::Up(sctp) = &mut self.state else { return None };
        let agreed = sctp.negotiated_max_streams()?.min(STREAMS_MAX);
        (first..agreed).step_by(2).find(|stream| sctp.stream(*stream).is_err())
    }

    /// Opens a stream of Keel's half, reliable and ordered until [`Self::set_reliability`].
    pub(super) fn open(&mut self, stream: u16) -> bool {
        let State::Up(sctp) = &mut self.state else { return false };
        sctp.open_stream(stream, Kind::Binary).is_ok()
    }

    pub(super) fn set_reliability(
        &mut self,
        stream: u16,
        (unordered, kind, limit): (bool, ReliabilityType, u32),
    ) {
        if let Some(Ok(mut stream)) = self.sctp_mut().map(|sctp| sctp.stream(stream)) {
            // It fails where the stream does not exist, and it does.
            let _ = stream.set_reliability_params(unordered, kind, limit);
        }
    }

    /// The next whole message of a stream with its label, if it is not longer than `bytes_max`: `Err` for
    /// one that is.
    pub(super) fn read(
        &mut self,
        stream: u16,
        bytes_max: usize,
    ) -> Option<Result<(Kind, Bytes), DropReason>> {
        let chunks = self.sctp_mut()?.stream(stream).ok()?.read_sctp().ok()??;
        let payload = chunks.to_payload(bytes_max).map_err(|_| DropReason::SctpRefused);
        Some(payload.map(|payload| (chunks.ppi, payload.freeze())))
    }

    /// Queues a message; says whether the stream takes it.
    pub(super) fn write(&mut self, now: Instant, stream: u16, kind: Kind, payload: &Bytes) -> bool {
        let State::Up(sctp) = &mut self.state else { return false };
        sctp.stream(stream).is_ok_and(|mut stream| stream.write_chunk_with_ppi(now, payload, kind).is_ok())
    }

    /// Closes a stream after what was written to it (RFC 8831 §6.7).
    pub(super) fn close_stream(&mut self, now: Instant, stream: u16) {
        if let State::Up(sctp) = &mut self.state
            && sctp.stream(stream).is_ok_and(|mut stream| stream.close(now).is_ok())
        {
            self.guard.retire(stream);
        }
    }

    /// Ends the association without a word more than that; the peer is told.
    pub(super) fn abort(&mut self, now: Instant) {
        if let Some(sctp) = self.sctp_mut() {
            // It fails where there is no association any more.
            let _ = sctp.abort();
            self.collect(now);
        }
        self.state = State::Over;
    }

    fn end(&mut self) -> News {
        self.state = State::Over;
        News::Over
    }

    fn sctp_mut(&mut self) -> Option<&mut rtc_sctp::Association> {
        match &mut self.state {
            State::Begun(sctp) | State::Up(sctp) => Some(sctp),
            State::Waiting | State::Over => None,
        }
    }

    fn collect(&mut self, now: Instant) {
        let (State::Begun(sctp) | State::Up(sctp)) = &mut self.state else { return };
        while let Some(transmit) = sctp.poll_transmit(now) {
            let Payload::RawEncode(packets) = transmit.message else { continue };
            for packet in packets {
                self.guard.observe(&packet);
                self.outgoing.push_back(packet);
            }
        }
    }
}
