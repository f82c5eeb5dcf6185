//! One datagram's way in: cheapest refusal first, every refusal counted.

use super::State;
use super::demux::{Protocol, classify};
use crate::forward::DropReason;
use crate::id::SessionId;
use crate::rtp::rtcp::Feedback;
use crate::session::{self, Arrival, ice};
use std::net::SocketAddr;
use std::time::Instant;

impl State {
    /// Handles one datagram. `socket` is the index of the socket that received it.
    pub(super) fn handle_datagram(
        &mut self,
        now: Instant,
        socket: usize,
        remote: SocketAddr,
        datagram: &mut [u8],
    ) {
        self.counters.packets_in += 1;
        self.counters.bytes_in += datagram.len() as u64;
        let handled = match classify(datagram) {
            Some(Protocol::Rtp) => self.handle_rtp(now, remote, datagram),
            Some(Protocol::Rtcp) => self.handle_rtcp(now, remote, datagram),
            Some(Protocol::Stun) => self.handle_stun(now, socket, remote, datagram),
            Some(Protocol::Dtls) => self.handle_dtls(now, remote, datagram),
            None => Err(DropReason::UnknownProtocol),
        };
        if let Err(reason) = handled {
            self.counters.drops.count(reason);
            tracing::trace!(?reason, %remote, "dropped");
        }
    }

    fn handle_rtp(&mut self, now: Instant, remote: SocketAddr, packet: &mut [u8]) -> Result<(), DropReason> {
        let id = self.session_at(remote)?;
        let seat = self.sessions.get_mut(id).ok_or(DropReason::UnknownAddress)?;
        let received = seat.session.receive_rtp(now, packet);
        if seat.session.has_events() {
            self.settle(now, id);
        }
        let (header, length, index, arrival) = received?;
        let plain = packet.get(..length).ok_or(DropReason::RtpMalformed)?;
        match arrival {
            Arrival::Primary(track) => self.forwarder.handle_rtp(track, index, &header, plain, now),
            Arrival::Rtx(track) => self.forwarder.handle_rtx(track, &header, plain, now),
        }
    }

    fn handle_rtcp(&mut self, now: Instant, remote: SocketAddr, packet: &mut [u8]) -> Result<(), DropReason> {
        let id = self.session_at(remote)?;
        let seat = self.sessions.get_mut(id).ok_or(DropReason::UnknownAddress)?;
        let length = seat.session.receive_rtcp(now, packet)?;
        let plain = packet.get(..length).ok_or(DropReason::RtcpMalformed)?;
        self.feedback.clear();
        let read = session::rtcp::parse(plain, &mut self.feedback);
        for feedback in &self.feedback {
            self.forwarder.handle_feedback(id, feedback, now);
        }
        let said_bye = self.feedback.iter().any(|feedback| matches!(feedback, Feedback::Bye { .. }));
        if said_bye && !self.forwarder.receives_from(id) {
            seat.session.end_streams();
        }
        if seat.session.has_events() {
            self.settle(now, id);
        }
        read
    }

    fn handle_stun(
        &mut self,
        now: Instant,
        socket: usize,
        remote: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), DropReason> {
        // A request names its session; a response comes from where a check went.
        let id = match ice::username_local_ufrag(datagram) {
            Some(ufrag) => self.routes.by_ufrag(ufrag).ok_or(DropReason::StunUnknownUfrag)?,
            // Only answers come without a name; from an address that nobody has, it is none of those either.
            None => self.routes.by_address(remote).ok_or(DropReason::StunMalformed)?,
        };
        let local =
            self.outgoing.get(socket).map(|outgoing| outgoing.local).ok_or(DropReason::StunUnexpected)?;
        let seat = self.sessions.get_mut(id).ok_or(DropReason::StunUnknownUfrag)?;
        let result = seat.session.handle_stun(now, local, remote, datagram);
        self.settle(now, id);
        result
    }

    fn handle_dtls(&mut self, now: Instant, remote: SocketAddr, datagram: &[u8]) -> Result<(), DropReason> {
        let id = self.session_at(remote)?;
        let seat = self.sessions.get_mut(id).ok_or(DropReason::UnknownAddress)?;
        let result = seat.session.handle_dtls(now, datagram);
        self.settle(now, id);
        result
    }

    /// The session that `remote` has proved to belong to.
    fn session_at(&self, remote: SocketAddr) -> Result<SessionId, DropReason> {
        self.routes.by_address(remote).ok_or(DropReason::UnknownAddress)
    }
}
