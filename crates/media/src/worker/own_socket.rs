//! Sockets that serve one session each.
//!
//! On the shared sockets a peer's address tells whose a datagram is. A session that acts as a full ICE
//! agent has a lite agent for a peer, a server: many sessions may have that same server, at one address, and
//! it may be this very worker. So such a session gets sockets of its own, one for each shared one, and its
//! datagrams are known by the socket. A lite peer learns them from the checks (RFC 8445 §7.3.1.3).

use super::flush::SendQueue;
use super::socket::{self, MediaSocket};
use super::wait::{Descriptor, Registrar};
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
                        self.registrar.add(&socket.socket, Descriptor::Own(place))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::DropReason;
    use crate::id::PipelineId;
    use crate::pipeline::{EndpointOptions, IceState, MediaConfig, OfferOptions, PipelineEvent};
    use crate::session::Certificate;
    use crate::session::sdp::{Peers, RemoteCandidate};
    use crate::worker::command::Repeats;
    use crate::worker::socket::SocketId;
    use crate::worker::wait::Ready;
    use crate::worker::{Worker, WorkerHandle};
    use std::net::{Ipv4Addr, UdpSocket};
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::time::Instant;
    use tokio::sync::{mpsc, oneshot};

    /// Rounds of a worker that suffice for a handshake between two of its endpoints.
    const TICKS_MAX: usize = 500;
    const OFFERER: ElementId = ElementId::new(1);
    const ANSWERER: ElementId = ElementId::new(2);

    /// A worker without a thread, with two endpoints that were negotiated with each other.
    struct Pair {
        worker: Worker,
        _handle: WorkerHandle,
        _events: mpsc::Receiver<PipelineEvent>,
    }

    impl Pair {
        fn new(config: MediaConfig) -> Self {
            let config = MediaConfig {
                bind: vec![Ipv4Addr::LOCALHOST.into()],
                port_base: 0,
                seed: Some(1),
                socket_buffer_bytes: 64 << 10,
                ..config
            };
            let certificate = Arc::new(Certificate::generate().expect("a certificate"));
            let (mut worker, handle) = Worker::new(0, &config, certificate).expect("loopback has room");
            let place = handle.reserve(&Arc::new(AtomicUsize::new(0)), 1).expect("the first pipeline");
            let (sender, events) = mpsc::channel(64);
            let state = &mut worker.state;
            state.create_pipeline(PipelineId::new(1), place, sender);
            for id in [OFFERER, ANSWERER] {
                let (share, (reply, mut created)) = (handle.share(), oneshot::channel());
                let new = (EndpointOptions::default(), Repeats::Once);
                state.create_endpoint(PipelineId::new(1), id, 0, share, new, reply);
                created.try_recv().expect("it is answered at once").expect("room for two sessions");
            }
            let now = Instant::now(); // clock: the worker has no thread to read it
            let offer = state.generate_offer(now, OFFERER, OfferOptions::default(), &Peers::default());
            let offer = offer.expect("an offer");
            let now = Instant::now(); // clock: when nothing has happened yet
            state.set_remote_offer(now, ANSWERER, &offer).expect("Keel understands itself");
            Self { worker, _handle: handle, _events: events }
        }

        fn answer(&mut self) -> Result<(), NegotiationError> {
            let now = Instant::now(); // clock: the worker has no thread to read it
            let state = &mut self.worker.state;
            let answer = state.create_answer(now, ANSWERER, &Peers::default())?;
            state.process_answer(now, OFFERER, &answer)?;
            let shared = self.shared();
            let candidate = format!("candidate:0 1 udp 1 {} {} typ host", shared.ip(), shared.port());
            let candidate = RemoteCandidate::parse(&candidate).expect("a candidate");
            let session = self.session(ANSWERER);
            let state = &mut self.worker.state;
            let seat = state.sessions.get_mut(session).expect("it lives");
            seat.session.add_remote_candidate(now, &candidate);
            state.settle(now, session);
            Ok(())
        }

        fn connect(&mut self) {
            let mut ready = Ready::default();
            for _ in 0..TICKS_MAX {
                let now = Instant::now(); // clock: the worker has no thread to read it
                self.worker.tick(now, ready);
                if [OFFERER, ANSWERER].into_iter().all(|id| self.is_up(id)) {
                    return;
                }
                ready = self.worker.waiter.wait(Some(self.worker.state.next_timeout().unwrap_or(now)));
            }
            panic!("the two did not connect within {TICKS_MAX} rounds");
        }

        fn is_up(&self, endpoint: ElementId) -> bool {
            let seat = self.worker.state.sessions.get(self.session(endpoint)).expect("it lives");
            seat.session.ice.state() == IceState::Connected && seat.path.is_some()
        }

        fn session(&self, endpoint: ElementId) -> SessionId {
            self.worker.state.endpoints.get(&endpoint).expect("it lives").session
        }

        fn shared(&self) -> SocketAddr {
            self.worker.local_addresses().next().expect("one address")
        }

        fn own_place(&self) -> usize {
            let seat = self.worker.state.sessions.get(self.session(ANSWERER)).expect("it lives");
            *seat.own.first().expect("the answerer is the full agent")
        }

        fn drops(&self, reason: DropReason) -> u64 {
            self.worker.state.counters.drops.get(reason)
        }
    }

    #[test]
    fn the_socket_tells_two_endpoints_of_one_worker_apart() {
        let mut pair = Pair::new(MediaConfig::default());
        pair.answer().expect("room for a socket");
        pair.connect();
        let (shared, place) = (pair.shared(), pair.own_place());
        let state = &pair.worker.state;
        let own = state.own.socket(place).expect("it is open").local;
        // Each is the other's peer, and the shared address leads to nobody but by the own socket.
        assert_eq!(state.session_at(SocketId::Shared(0), own), Ok(pair.session(OFFERER)));
        assert_eq!(state.session_at(SocketId::Own(place), shared), Ok(pair.session(ANSWERER)));
        assert_eq!(state.session_at(SocketId::Shared(0), shared), Err(DropReason::UnknownAddress));
    }

    #[test]
    fn an_own_socket_takes_nothing_from_an_address_that_did_not_pass_a_check() {
        let mut pair = Pair::new(MediaConfig::default());
        pair.answer().expect("room for a socket");
        let place = pair.own_place();
        let now = Instant::now(); // clock: the worker has no thread to read it
        let stranger: SocketAddr = (Ipv4Addr::LOCALHOST, 9).into();
        // Before any check even the true peer is a stranger.
        for remote in [stranger, pair.shared()] {
            for mut datagram in [vec![0x80, 96], vec![0x81, 201], vec![22, 254]] {
                let before = pair.drops(DropReason::UnknownAddress);
                pair.worker.state.handle_datagram(now, SocketId::Own(place), remote, &mut datagram);
                assert_eq!(pair.drops(DropReason::UnknownAddress), before + 1, "{datagram:?} {remote}");
            }
        }
        pair.connect();
        let before = pair.drops(DropReason::UnknownAddress);
        pair.worker.state.handle_datagram(now, SocketId::Own(place), stranger, &mut [0x80, 96]);
        assert_eq!(pair.drops(DropReason::UnknownAddress), before + 1);
    }

    #[test]
    fn own_sockets_close_with_their_session() {
        let mut pair = Pair::new(MediaConfig::default());
        pair.answer().expect("room for a socket");
        pair.connect();
        let own = pair.worker.state.own.socket(pair.own_place()).expect("it is open").local;
        assert!(UdpSocket::bind(own).is_err(), "it is in use");
        let now = Instant::now(); // clock: the worker has no thread to read it
        pair.worker.state.release_element(now, ANSWERER, None);
        assert_eq!((pair.worker.state.own.len(), pair.worker.state.own.sessions), (0, 0));
        UdpSocket::bind(own).expect("the port is free again");
    }

    #[test]
    fn at_the_limit_a_session_is_refused_and_nothing_stays_open() {
        let mut pair = Pair::new(MediaConfig { full_sessions_per_worker_max: 0, ..MediaConfig::default() });
        assert_eq!(pair.answer(), Err(NegotiationError::NoSockets));
        let own = &pair.worker.state.own;
        assert_eq!((own.len(), own.refused()), (0, 1));
    }
}
