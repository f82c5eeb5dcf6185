//! Sockets that serve one session each.
//!
//! On the shared sockets a peer's address tells whose a datagram is. A session that acts as a full ICE
//! agent has a lite agent for a peer, a server: many sessions may have that same server, at one address, and
//! it may be this very worker. So such a session gets sockets of its own, one for each shared one, and its
//! datagrams are known by the socket. A lite peer learns them from the checks (RFC 8445 §7.3.1.3).

use super::flush::SendQueue;
use super::socket::{self, MediaSocket};
use super::wait::Registrar;
use super::{Counters, Outgoing, State};
use crate::error::NegotiationError;
use crate::id::{ElementId, SessionId};
use crate::session::sdp::{HostCandidate, RemoteTransport};
use slab::Slab;
use std::io;
use std::net::SocketAddr;

/// The own sockets of all sessions of a worker.
///
/// At most `sessions_max` sessions have some; a further one is refused and counted.
pub(super) struct OwnSockets {
    sockets: Slab<OwnSocket>,
    sessions: usize,
    sessions_max: usize,
    buffer_bytes: usize,
    registrar: Registrar,
    /// What waits to be sent, all of it from one socket: a queue has some 300 KiB, too much for each.
    queue: SendQueue,
    /// That socket's place.
    sender: usize,
    /// Peers that turned out not to take segmented runs.
    unsegmented: Vec<(SessionId, SocketAddr)>,
    refused: u64,
}

struct OwnSocket {
    session: SessionId,
    socket: MediaSocket,
}

impl OwnSockets {
    pub(super) fn new(sessions_max: usize, buffer_bytes: usize, registrar: Registrar) -> Self {
        Self {
            sockets: Slab::new(),
            sessions: 0,
            sessions_max,
            buffer_bytes,
            registrar,
            queue: SendQueue::new(),
            sender: 0,
            unsegmented: Vec::new(),
            refused: 0,
        }
    }

    /// Opens a socket beside each shared one, for this session alone, and returns their places. A shared
    /// one whose address the host has lost since is passed over.
    pub(super) fn open(
        &mut self,
        session: SessionId,
        shared: &[Outgoing],
    ) -> Result<Vec<usize>, NegotiationError> {
        let opened = if self.sessions < self.sessions_max {
            self.try_open(session, shared)
        } else {
            Err(io::ErrorKind::QuotaExceeded.into())
        };
        match opened {
            Ok(places) => {
                self.sessions += 1;
                Ok(places)
            }
            Err(error) => {
                self.refused += 1;
                tracing::debug!(%session, %error, "no sockets for a session whose peer is a lite ICE agent");
                Err(NegotiationError::NoSockets)
            }
        }
    }

    fn try_open(&mut self, session: SessionId, shared: &[Outgoing]) -> io::Result<Vec<usize>> {
        let mut places = Vec::new();
        for beside in shared {
            let announced = beside.announced.iter().map(SocketAddr::ip);
            let opened =
                socket::open_one(SocketAddr::new(beside.local.ip(), 0), announced, self.buffer_bytes)
                    .and_then(|socket| {
                        let place = self.sockets.vacant_key();
                        self.registrar.add(&socket.socket, place)?;
                        self.sockets.insert(OwnSocket { session, socket });
                        Ok(place)
                    });
            match opened {
                Ok(place) => places.push(place),
                Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {}
                Err(error) => {
                    self.remove(&places);
                    return Err(error);
                }
            }
        }
        if places.is_empty() { Err(io::ErrorKind::AddrNotAvailable.into()) } else { Ok(places) }
    }

    /// Sends what waits in a session's sockets and closes them.
    pub(super) fn close(&mut self, places: &[usize], counters: &mut Counters) {
        if places.is_empty() {
            return;
        }
        self.flush(counters);
        self.remove(places);
        self.sessions -= 1;
    }

    fn remove(&mut self, places: &[usize]) {
        for place in places {
            self.sockets.try_remove(*place);
        }
    }

    /// Where this socket's datagrams wait. What waits in another one is sent first: those of a session come
    /// together, so there is one system call for each.
    pub(super) fn queue(
        &mut self,
        place: usize,
        counters: &mut Counters,
    ) -> Option<(&mut SendQueue, &MediaSocket)> {
        if self.sender != place {
            self.flush(counters);
            self.sender = place;
        }
        let own = self.sockets.get(place)?;
        Some((&mut self.queue, &own.socket))
    }

    /// Sends what waits.
    pub(super) fn flush(&mut self, counters: &mut Counters) {
        if self.queue.is_empty() {
            return;
        }
        let Some(own) = self.sockets.get(self.sender) else { return };
        self.queue.flush(&own.socket, counters);
        self.unsegmented.extend(self.queue.take_unsegmented().map(|remote| (own.session, remote)));
    }

    /// Peers that turned out not to take segmented runs since this was asked last.
    pub(super) fn take_unsegmented(&mut self) -> impl Iterator<Item = (SessionId, SocketAddr)> + '_ {
        self.unsegmented.drain(..)
    }

    /// The socket at a place; a session that ended in this tick has taken its sockets with it.
    pub(super) fn socket(&self, place: usize) -> Option<&MediaSocket> {
        self.sockets.get(place).map(|own| &own.socket)
    }

    /// Whose socket it is.
    pub(super) fn session(&self, place: usize) -> Option<SessionId> {
        self.sockets.get(place).map(|own| own.session)
    }

    /// How many are open.
    pub(super) fn len(&self) -> usize {
        self.sockets.len()
    }

    /// How many sessions were refused.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }
}

impl State {
    /// Gives a session whose peer is lite the sockets that its checks leave from.
    ///
    /// # Errors
    /// [`NegotiationError::NoSockets`] at the limit, or when the system refuses; nothing is open then.
    pub(super) fn prepare_checks(
        &mut self,
        endpoint: ElementId,
        remote: &RemoteTransport,
    ) -> Result<(), NegotiationError> {
        // RFC 8445 §6.1.1: a lite peer leaves the checks to us.
        if !remote.ice_lite || remote.ice.is_none() {
            return Ok(());
        }
        let Self { endpoints, sessions, own, outgoing, .. } = self;
        let session = endpoints.get(&endpoint).ok_or(NegotiationError::Released)?.session;
        let seat = sessions.get_mut(session).ok_or(NegotiationError::Released)?;
        seat.own = own.open(session, outgoing)?;
        let addresses: Vec<_> =
            seat.own.iter().filter_map(|place| own.socket(*place)).map(|socket| socket.local).collect();
        let candidates = HostCandidate::for_addresses(&addresses);
        let checked_from = candidates.iter().map(|host| (host.address(), host.priority())).collect();
        seat.session.ice.check_from(checked_from);
        Ok(())
    }
}
