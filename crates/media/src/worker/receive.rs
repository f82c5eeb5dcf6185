//! One datagram's way in: cheapest refusal first, every refusal counted.

use super::batch::Destination;
use super::demux::{Protocol, classify};
use super::socket::SocketId;
use super::{Seat, State};
use crate::capture::Way;
use crate::forward::DropReason;
use crate::id::SessionId;
use crate::rtp::rtcp::Feedback;
use crate::session::{self, Arrival, ice};
use std::net::SocketAddr;
use std::time::Instant;

impl State {
    /// Handles one datagram that this socket received.
    pub(super) fn handle_datagram(
        &mut self,
        now: Instant,
        socket: SocketId,
        remote: SocketAddr,
        datagram: &mut [u8],
    ) {
        self.counters.packets_in += 1;
        self.counters.bytes_in += datagram.len() as u64;
        let handled = match classify(datagram) {
            Some(Protocol::Rtp) => {
                let handled = self.handle_rtp(now, socket, remote, datagram);
                if self.sampler.picks() {
                    self.trace_packet(socket, remote, datagram, handled);
                }
                handled
            }
            Some(Protocol::Rtcp) => self.handle_rtcp(now, socket, remote, datagram),
            Some(Protocol::Stun) => self.handle_stun(now, socket, remote, datagram),
            Some(Protocol::Dtls) => self.handle_dtls(now, socket, remote, datagram),
            None => Err(DropReason::UnknownProtocol),
        };
        if let Err(reason) = handled {
            self.counters.drops.count(reason);
            tracing::trace!(?reason, %remote, "dropped");
        }
    }

    fn handle_rtp(
        &mut self,
        now: Instant,
        socket: SocketId,
        remote: SocketAddr,
        packet: &mut [u8],
    ) -> Result<(), DropReason> {
        let id = self.session_at(socket, remote)?;
        let seat = self.sessions.get_mut(id).ok_or(DropReason::UnknownAddress)?;
        let received = seat.session.receive_rtp(now, packet);
        if seat.session.has_events() {
            self.settle(now, id);
        }
        let (header, length, index, arrival) = received?;
        let plain = packet.get(..length).ok_or(DropReason::RtpMalformed)?;
        if let Some(Seat { session, tap: Some(tap), .. }) = self.sessions.get_mut(id) {
            tap.rtp(now, Way::In, session.pair(), plain);
        }
        match arrival {
            Arrival::Primary(source) => self.forwarder.handle_rtp(source, index, &header, plain, now),
            Arrival::Rtx(source) => self.forwarder.handle_rtx(source, &header, plain, now),
        }
    }

    fn handle_rtcp(
        &mut self,
        now: Instant,
        socket: SocketId,
        remote: SocketAddr,
        packet: &mut [u8],
    ) -> Result<(), DropReason> {
        let id = self.session_at(socket, remote)?;
        let seat = self.sessions.get_mut(id).ok_or(DropReason::UnknownAddress)?;
        let length = seat.session.receive_rtcp(now, packet)?;
        let plain = packet.get(..length).ok_or(DropReason::RtcpMalformed)?;
        if let Some(tap) = &mut seat.tap {
            tap.rtcp(now, Way::In, seat.session.pair(), plain);
        }
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
        socket: SocketId,
        remote: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), DropReason> {
        let (local, owner) = match socket {
            SocketId::Shared(index) => (self.outgoing.get(index).map(|shared| shared.local.into()), None),
            SocketId::Own(place) => {
                (self.own.socket(place).map(|own| own.local.into()), self.own.session(place))
            }
            SocketId::Stream(place) => {
                (self.streams.ends(place).map(|(local, _)| local), self.streams.session(place))
            }
        };
        let id = match (owner, ice::username_local_ufrag(datagram)) {
            (Some(owner), _) => owner,
            (None, Some(ufrag)) => match self.routes.by_ufrag(ufrag) {
                Some(id) => id,
                None if self.probe.as_ref().is_some_and(|probe| probe.is_named(ufrag)) => {
                    return self.answer_probe(socket, remote, datagram);
                }
                None => return Err(DropReason::StunUnknownUfrag),
            },
            (None, None) => {
                let SocketId::Shared(index) = socket else { return Err(DropReason::StunMalformed) };
                if self.discovery.asks(index, remote) {
                    return self.handle_server_answer(now, index, remote, datagram);
                }
                // An answer to a check of a full agent; integrity says whether it is.
                let slot = ice::answered_tag(datagram).ok_or(DropReason::StunMalformed)? as usize;
                self.sessions.id_at(slot).ok_or(DropReason::StunUnexpected)?
            }
        };
        let local = local.ok_or(DropReason::StunUnexpected)?;
        let seat = self.sessions.get_mut(id).ok_or(DropReason::StunUnknownUfrag)?;
        let result = seat.session.handle_stun(now, local, remote, datagram);
        self.settle(now, id);
        result
    }

    /// An operator's check of the installation: the answer leaves from where the question came to.
    fn answer_probe(
        &mut self,
        socket: SocketId,
        remote: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), DropReason> {
        let SocketId::Shared(index) = socket else { return Err(DropReason::StunUnexpected) };
        let (Some(probe), Some(out)) = (&self.probe, self.outgoing.get_mut(index)) else {
            return Err(DropReason::StunUnknownUfrag);
        };
        let answer = probe.answer(remote, datagram)?;
        out.queue.push(Destination { address: remote, dscp: None }, &answer);
        Ok(())
    }

    fn handle_dtls(
        &mut self,
        now: Instant,
        socket: SocketId,
        remote: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), DropReason> {
        let id = self.session_at(socket, remote)?;
        let seat = self.sessions.get_mut(id).ok_or(DropReason::UnknownAddress)?;
        let result = seat.session.handle_dtls(now, datagram);
        self.settle(now, id);
        result
    }

    /// The session that `remote` has proved to belong to, as seen from this socket.
    pub(super) fn session_at(&self, socket: SocketId, remote: SocketAddr) -> Result<SessionId, DropReason> {
        match socket {
            SocketId::Shared(_) => self.routes.by_address(remote),
            SocketId::Own(place) => self.own.session(place).filter(|id| {
                // The socket says whose datagram it would be, only a check that the peer is there.
                let local = self.own.socket(place).map(|own| own.local);
                let seat = self.sessions.get(*id).zip(local);
                seat.is_some_and(|(seat, local)| seat.session.ice.is_validated(local, remote))
            }),
            // Nobody's before a check has come on it.
            SocketId::Stream(place) => self.streams.session(place),
        }
        .ok_or(DropReason::UnknownAddress)
    }
}
