//! TCP connections of peers whose network lets no UDP out (RFC 6544, passive candidates), on the numbers of
//! the shared UDP ports.
//!
//! A connection is to a session what an address is on the shared sockets: the ufrag of its first check says
//! whose it is, and nothing but checks is taken before. It belongs to that session for good, and ends with it,
//! or with the other side. Until then it is a stranger's: it has [`PROOF_MAX`] and [`FRAMES_MAX`] to prove itself.

mod connection;
mod frame;
mod outbox;

pub(super) use connection::Connection;
use frame::Frames;

use super::socket::SocketId;
use super::wait::{Descriptor, Interest, Registrar};
use super::{Counters, State, Worker};
use crate::forward::DropReason;
use crate::id::SessionId;
use crate::pipeline::MediaConfig;
use crate::session::ice::Base;
use slab::Slab;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

/// How long a connection may take until its first valid check. Browsers need one round trip.
const PROOF_MAX: Duration = Duration::from_secs(10);
/// Frames that a connection may send before it has proved itself: a check, and some to repeat it.
const FRAMES_MAX: u8 = 4;
/// Connections accepted in one tick, so that a flood of them does not hold up media.
const ACCEPTS_MAX: usize = 32;
/// The pause after the system refused to accept, for want of descriptors as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// Bytes to read into: what was kept of a frame, and what comes.
pub(super) const BUFFER_BYTES: usize = connection::READ_BYTES + frame::HEADER + frame::FRAME_MAX;

/// How many connections a worker holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamLimits {
    /// In all; further ones are closed as soon as they are accepted, and counted.
    pub(super) connections_max: usize,
    /// From one address, which may be that of a whole company behind a NAT.
    pub(super) per_address_max: usize,
}

impl StreamLimits {
    pub(super) const fn of(config: &MediaConfig) -> Self {
        Self {
            connections_max: config.tcp_connections_per_worker_max,
            per_address_max: config.tcp_connections_per_address_max,
        }
    }
}

/// The connections of a worker.
pub(super) struct Streams {
    limits: StreamLimits,
    listeners: Vec<Listener>,
    connections: Slab<Connection>,
    /// By both ends; each listener's are told apart by our own.
    by_ends: HashMap<(SocketAddr, SocketAddr), usize>,
    per_address: HashMap<IpAddr, usize>,
    /// When those that have not proved themselves are closed.
    unproven: BTreeSet<(Instant, usize)>,
    /// Those with something to write in this tick.
    unwritten: Vec<usize>,
    registrar: Registrar,
    counts: StreamCounts,
}

/// What became of connections.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct StreamCounts {
    pub(super) accepted: u64,
    /// Beyond a limit.
    pub(super) refused: u64,
    /// Closed since they had not proved themselves.
    pub(super) expelled: u64,
}

struct Listener {
    socket: TcpListener,
    /// When to accept again, after the system refused.
    paused: Option<Instant>,
}

impl Streams {
    pub(super) fn new(
        limits: StreamLimits,
        listeners: impl IntoIterator<Item = TcpListener>,
        registrar: Registrar,
    ) -> io::Result<Self> {
        let listeners: Vec<_> =
            listeners.into_iter().map(|socket| Listener { socket, paused: None }).collect();
        for (index, listener) in listeners.iter().enumerate() {
            registrar.add(&listener.socket, Descriptor::Listener(index))?;
        }
        Ok(Self {
            limits,
            listeners,
            connections: Slab::new(),
            by_ends: HashMap::new(),
            per_address: HashMap::new(),
            unproven: BTreeSet::new(),
            unwritten: Vec::new(),
            registrar,
            counts: StreamCounts::default(),
        })
    }

    /// Accepts what waits at a listener, as far as the limits go.
    pub(super) fn accept(&mut self, now: Instant, index: usize) {
        for _ in 0..ACCEPTS_MAX {
            let Some(listener) = self.listeners.get_mut(index) else { return };
            match listener.socket.accept() {
                Ok((socket, remote)) => {
                    self.counts.accepted += 1;
                    if self.open(now, socket, remote).is_none() {
                        self.counts.refused += 1;
                    }
                }
                // It ended before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a media connection");
                    listener.paused = Some(now + ACCEPT_PAUSE);
                    self.listen(index, Interest::Nothing);
                    return;
                }
            }
        }
    }

    fn open(&mut self, now: Instant, socket: std::net::TcpStream, remote: SocketAddr) -> Option<()> {
        let from_there = self.per_address.get(&remote.ip()).copied().unwrap_or_default();
        if self.connections.len() >= self.limits.connections_max || from_there >= self.limits.per_address_max
        {
            return None;
        }
        // What fails here has ended already, or the system is out of something.
        let connection = Connection::new(socket, remote, now + PROOF_MAX).ok()?;
        let place = self.connections.vacant_key();
        self.registrar.add(connection.socket(), Descriptor::Stream(place)).ok()?;
        self.by_ends.insert(connection.ends(), place);
        *self.per_address.entry(remote.ip()).or_default() += 1;
        self.unproven.insert((now + PROOF_MAX, place));
        self.connections.insert(connection);
        Some(())
    }

    /// The connection with these two ends.
    pub(super) fn place(&self, local: SocketAddr, remote: SocketAddr) -> Option<usize> {
        self.by_ends.get(&(local, remote)).copied()
    }

    /// Whose connection it is; nobody's before it has proved itself.
    pub(super) fn session(&self, place: usize) -> Option<SessionId> {
        self.connections.get(place)?.session
    }

    /// Our end of it, and the other one.
    pub(super) fn ends(&self, place: usize) -> Option<(Base, SocketAddr)> {
        let (local, remote) = self.connections.get(place)?.ends();
        Some((Base::tcp(local), remote))
    }

    /// The connection at a place, to be read, or written to by [`Self::queue`].
    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Connection> {
        self.connections.get_mut(place)
    }

    /// A valid check came on it: it is this session's for good.
    pub(super) fn prove(&mut self, place: usize, session: SessionId) {
        if let Some(connection) = self.connections.get_mut(place)
            && connection.session.is_none()
        {
            connection.session = Some(session);
            self.unproven.remove(&(connection.deadline, place));
        }
    }

    /// Notes a frame of a connection; `false` when it has not proved itself in time.
    fn is_welcome(&mut self, place: usize) -> bool {
        let Some(connection) = self.connections.get_mut(place) else { return false };
        connection.frames = connection.frames.saturating_add(1);
        connection.session.is_some() || connection.frames < FRAMES_MAX
    }

    /// The connection, to put something into its outbox.
    pub(super) fn queue(&mut self, place: usize) -> Option<&mut Connection> {
        let connection = self.connections.get_mut(place)?;
        if !std::mem::replace(&mut connection.is_unwritten, true) {
            self.unwritten.push(place);
        }
        Some(connection)
    }

    /// Writes what waits, as far as the connections take it. What they do not take waits for them.
    pub(super) fn flush(&mut self, counters: &mut Counters) {
        while let Some(place) = self.unwritten.pop() {
            self.write(place, counters);
        }
    }

    /// Writes what waits for one connection, which has room again.
    pub(super) fn write(&mut self, place: usize, counters: &mut Counters) {
        let Some(connection) = self.connections.get_mut(place) else { return };
        connection.is_unwritten = false;
        connection.write(counters);
        let wanted = if connection.has_waiting() { Interest::Both } else { Interest::Read };
        if std::mem::replace(&mut connection.interest, wanted) != wanted {
            // It would fail only for a descriptor that is not registered.
            let _ = self.registrar.change(connection.socket(), Descriptor::Stream(place), wanted);
        }
    }

    /// Closes a connection, with what waits written as far as it goes at once.
    pub(super) fn close(&mut self, place: usize, counters: &mut Counters) {
        let Some(mut connection) = self.connections.try_remove(place) else { return };
        connection.write(counters);
        let (local, remote) = connection.ends();
        self.by_ends.remove(&(local, remote));
        self.unproven.remove(&(connection.deadline, place));
        if let Some(count) = self.per_address.get_mut(&remote.ip()) {
            *count -= 1;
            if *count == 0 {
                self.per_address.remove(&remote.ip());
            }
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let paused = self.listeners.iter().filter_map(|listener| listener.paused);
        paused.chain(self.unproven.first().map(|(due, _)| *due)).min()
    }

    /// Closes those that have not proved themselves in time, and accepts again after a pause.
    pub(super) fn handle_timeout(&mut self, now: Instant, counters: &mut Counters) {
        while let Some((_, place)) = self.unproven.first().copied().filter(|(due, _)| *due <= now) {
            self.counts.expelled += 1;
            self.close(place, counters);
        }
        for index in 0..self.listeners.len() {
            let Some(listener) = self.listeners.get_mut(index) else { return };
            if listener.paused.take_if(|until| *until <= now).is_some() {
                self.listen(index, Interest::Read);
            }
        }
    }

    fn listen(&self, index: usize, interest: Interest) {
        if let Some(listener) = self.listeners.get(index) {
            // It would fail only for a descriptor that is not registered.
            let _ = self.registrar.change(&listener.socket, Descriptor::Listener(index), interest);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.connections.len()
    }

    pub(super) fn counts(&self) -> StreamCounts {
        self.counts
    }
}

impl Worker {
    /// Handles what one connection has for us: room for what waits, frames, its end.
    pub(super) fn serve_stream(&mut self, now: Instant, place: usize) {
        let state = &mut self.state;
        state.streams.write(place, &mut state.counters);
        let Some(read) = state.streams.get_mut(place).map(|connection| connection.read(&mut self.scratch))
        else {
            return;
        };
        let Some((_, remote)) = state.streams.ends(place) else { return };
        let mut frames = Frames::new(self.scratch.get_mut(..read.filled).unwrap_or_default());
        for frame in &mut frames {
            self.state.take_datagram(now, SocketId::Stream(place), remote, frame);
            if !self.state.streams.is_welcome(place) {
                return self.state.expel(now, place);
            }
        }
        let is_too_long = frames.is_too_long();
        if let Some(connection) = self.state.streams.get_mut(place) {
            connection.keep(frames.rest());
        }
        if is_too_long {
            self.state.counters.drops.count(DropReason::TooLong);
            self.state.expel(now, place);
        } else if read.is_over {
            self.state.end_stream(now, place);
        }
    }
}

impl State {
    /// Closes a connection that does not behave.
    fn expel(&mut self, now: Instant, place: usize) {
        if self.streams.ends(place).is_some() {
            self.streams.counts.expelled += 1;
            self.end_stream(now, place);
        }
    }

    /// Closes a connection and tells its session.
    fn end_stream(&mut self, now: Instant, place: usize) {
        let Some((local, remote)) = self.streams.ends(place) else { return };
        let session = self.streams.session(place);
        self.streams.close(place, &mut self.counters);
        if let Some(id) = session
            && let Some(seat) = self.sessions.get_mut(id)
        {
            seat.session.handle_end(now, local, remote);
            self.settle(now, id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::wait::{Ready, Waiter};
    use rustix::event::{EventfdFlags, eventfd};
    use std::io::Read;
    use std::net::{Ipv4Addr, TcpStream};

    const SESSION: SessionId = SessionId::new(1);

    struct Scene {
        streams: Streams,
        address: SocketAddr,
        counters: Counters,
        _waiter: Waiter,
    }

    impl Scene {
        fn new(connections_max: usize, per_address_max: usize) -> Self {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            listener.set_nonblocking(true).expect("a listener");
            let address = listener.local_addr().expect("it is bound");
            let wake = eventfd(0, EventfdFlags::NONBLOCK).expect("an eventfd");
            let waiter = Waiter::new(&wake, std::iter::empty()).expect("a descriptor to wait for");
            let limits = StreamLimits { connections_max, per_address_max };
            let streams =
                Streams::new(limits, [listener], waiter.registrar()).expect("a listener to wait for");
            Self { streams, address, counters: Counters::default(), _waiter: waiter }
        }

        /// A connection, accepted as far as the limits let it be.
        fn connect(&mut self, now: Instant) -> TcpStream {
            let client = TcpStream::connect(self.address).expect("somebody listens");
            self.streams.accept(now, 0);
            client
        }
    }

    fn is_closed(client: &mut TcpStream) -> bool {
        client.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        client.read(&mut [0; 1]).expect("an end, not silence") == 0
    }

    #[test]
    fn what_has_not_proved_itself_is_closed_in_time() {
        let now = Instant::now(); // clock: any time does
        let mut scene = Scene::new(10, 10);
        let mut lazy = scene.connect(now);
        let proven = scene.connect(now);
        let local = proven.peer_addr().expect("it is connected");
        let place = scene.streams.place(local, proven.local_addr().expect("it is connected"));
        scene.streams.prove(place.expect("it was accepted"), SESSION);
        assert_eq!(scene.streams.poll_timeout(), Some(now + PROOF_MAX));

        scene.streams.handle_timeout(now + PROOF_MAX, &mut scene.counters);
        assert!(is_closed(&mut lazy));
        assert_eq!((scene.streams.len(), scene.streams.counts().expelled), (1, 1));
        assert_eq!(scene.streams.poll_timeout(), None, "nobody is left who has to prove anything");
    }

    #[test]
    fn connections_past_a_limit_are_closed_and_counted() {
        let now = Instant::now(); // clock: any time does
        for limits in [(2, 10), (10, 2)] {
            let mut scene = Scene::new(limits.0, limits.1);
            let _held = [scene.connect(now), scene.connect(now)];
            let mut third = scene.connect(now);
            assert!(is_closed(&mut third), "{limits:?}");
            let counts = scene.streams.counts();
            assert_eq!((scene.streams.len(), counts.accepted, counts.refused), (2, 3, 1), "{limits:?}");

            scene.streams.close(0, &mut scene.counters);
            let _fourth = scene.connect(now);
            assert_eq!(scene.streams.len(), 2, "the place is free again: {limits:?}");
        }
    }

    #[test]
    fn a_stranger_has_few_frames_and_a_peer_has_as_many_as_it_likes() {
        let now = Instant::now(); // clock: any time does
        let mut scene = Scene::new(10, 10);
        let _clients = [scene.connect(now), scene.connect(now)];
        scene.streams.prove(1, SESSION);
        let welcome = |streams: &mut Streams, place| (0..10).filter(|_| streams.is_welcome(place)).count();
        assert_eq!(welcome(&mut scene.streams, 0), usize::from(FRAMES_MAX) - 1);
        assert_eq!(welcome(&mut scene.streams, 1), 10);
    }

    #[test]
    fn a_connection_with_something_to_read_is_told() {
        use std::io::Write;
        let now = Instant::now(); // clock: a time that has passed when it is waited for
        let mut scene = Scene::new(10, 10);
        let mut client = TcpStream::connect(scene.address).expect("somebody listens");
        assert_eq!(scene._waiter.wait(Some(now + PROOF_MAX)), Ready::default());
        assert_eq!(scene._waiter.take_ready(), Some(Descriptor::Listener(0)));
        scene.streams.accept(now, 0);
        client.write_all(&[0, 1, 9]).expect("a connection");
        scene._waiter.wait(Some(now + PROOF_MAX));
        assert_eq!(scene._waiter.take_ready(), Some(Descriptor::Stream(0)));
    }
}
