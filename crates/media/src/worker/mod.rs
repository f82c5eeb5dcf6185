//! One worker thread: its sockets, sessions, forwarding tables and timers.
//!
//! `Worker::run` waits, `tick` works; the two never mix. A tick is synchronous and reads no clock: the
//! datagrams of each socket, the commands, the timers, then one flush. Nothing here decides where media
//! goes; that is `forward`.

mod agreement;
pub mod batch;
mod bridge;
mod capture;
mod command;
mod connection;
mod control;
mod data;
mod demux;
mod discovery;
mod dynacast;
mod elements;
mod endpoint;
mod feeds;
mod flush;
mod full_agent;
mod gathering;
mod latency;
mod lines;
mod negotiation;
mod own_socket;
pub(crate) mod place;
mod receive;
mod relay;
mod relayed;
mod routing;
mod settings;
mod sharing;
mod socket;
mod speakers;
mod stats;
mod stream;
mod table;
mod timers;
mod trace;
mod wait;

pub(crate) use bridge::{BridgeEnd, FarEnd};
pub(crate) use command::{Command, LoadShare, Repeats, WorkerHandle};
pub(crate) use socket::SocketBuffers;

use crate::capture::Tap;
use crate::error::StartError;
use crate::forward::{DropCounters, DropReason, Forwarder, SpeakerWatch};
use crate::id::{ElementId, PipelineId, SessionId};
use crate::pipeline::graph::Graph;
use crate::pipeline::{
    AnnouncedAddress, Dscp, EndpointEvent, MediaConfig, PipelineEvent, RelayPath, TransportProtocol,
};
use crate::rtp::Ssrc;
use crate::rtp::rtcp::Feedback;
use crate::session::ice::discovery::Discovery;
use crate::session::ice::{Base, Probe, Transmit};
use crate::session::{Certificate, Session, SessionEvent};
use batch::{Destination, ReceiveBatch, Segmentation};
use command::{CommandInbox, Reservation};
use demux::Routes;
use endpoint::Endpoint;
use feeds::Feeds;
use flush::SendQueue;
use lines::Line;
use own_socket::OwnSockets;
use rand::SeedableRng;
use rand::rngs::StdRng;
use relay::{Abilities, Relays};
use socket::{MediaSocket, SocketId};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;
use stream::{StreamLimits, Streams};
use table::{Table, slot_of};
use timers::Timers;
use tokio::sync::mpsc;
use trace::PacketSampler;
use wait::{Descriptor, Ready, Waiter};

/// Commands taken per tick: a burst of them must not hold up media for longer than some milliseconds.
const COMMANDS_PER_TICK_MAX: usize = 32;

/// Messages of other workers and releases taken per tick: one takes a few microseconds.
const URGENT_PER_TICK_MAX: usize = 1_024;

/// Sessions whose timers are served per tick, for the same reason.
const TIMEOUTS_PER_TICK_MAX: usize = 256;

/// A worker before and while its thread runs.
pub(crate) struct Worker {
    sockets: Vec<MediaSocket>,
    waiter: Waiter,
    receive: ReceiveBatch,
    /// What one TCP connection has sent.
    scratch: Box<[u8]>,
    inbox: CommandInbox,
    state: State,
}

/// Everything but the shared sockets and the inbox, so that a datagram can lie in its buffer while it is handled.
pub(super) struct State {
    index: usize,
    sessions: Table<Seat>,
    routes: Routes,
    timers: Timers,
    forwarder: Forwarder,
    graph: Graph,
    /// The pipelines whose home is here.
    pipelines: BTreeMap<PipelineId, Owner>,
    /// Their endpoints, wherever these live.
    members: BTreeMap<ElementId, Member>,
    /// The ends of bridges between pipelines.
    bridges: bridge::Bridges,
    /// The endpoints that live here.
    endpoints: BTreeMap<ElementId, Endpoint>,
    /// The lines of those that are peer connections.
    lines: BTreeMap<ElementId, Line>,
    /// When to look again at who wants which encoding of a line.
    watches: BTreeSet<(Instant, ElementId)>,
    /// Who feeds endpoints and lines.
    feeds: Feeds,
    relays: Relays,
    /// The endpoints whose latency is measured.
    latency_watched: BTreeSet<ElementId>,
    /// The connections here that share their data, by pipeline.
    sharers: BTreeMap<PipelineId, Vec<ElementId>>,
    /// The pipelines whose speakers are watched.
    speakers: BTreeMap<PipelineId, SpeakerWatch>,
    /// One per shared socket, in the order of the sockets.
    outgoing: Vec<Outgoing>,
    own: OwnSockets,
    streams: Streams,
    discovery: Discovery,
    /// The STUN servers of the configuration.
    stun_servers: Vec<SocketAddr>,
    /// The relayed addresses of the configuration, in front of sockets of ours.
    relay_paths: Vec<RelayPath>,
    /// Endpoints whose gathering waits for a STUN server's answer.
    gathering: BTreeSet<ElementId>,
    /// The host's addresses at the start, with their interfaces.
    interfaces: Vec<(String, IpAddr)>,
    /// Answers checks of the installation.
    probe: Option<Probe>,
    certificate: Arc<Certificate>,
    rng: StdRng,
    counters: Counters,
    /// What one RTCP packet says; here so that its memory is used again.
    feedback: Vec<Feedback>,
    sampler: PacketSampler,
    segmentation: Segmentation,
    /// From where departure times count.
    origin: Instant,
    stopped: Option<command::Reply<()>>,
    running: bool,
}

/// A session with whose it is.
struct Seat {
    session: Session,
    endpoint: ElementId,
    /// Who says what no stream of Keel's own says: reception reports and feedback.
    rtcp_ssrc: Ssrc,
    cname: Arc<str>,
    /// What every datagram to the peer carries.
    dscp: Option<Dscp>,
    /// Where media goes, kept from the session's selected pair.
    path: Option<Path>,
    /// The places of its own sockets; none where it uses the shared ones.
    own: Vec<usize>,
    _share: LoadShare,
    /// While an operator looks at its packets.
    tap: Option<Box<Tap>>,
}

/// Where a session's media goes, and how.
#[derive(Clone, Copy, Debug)]
struct Path {
    socket: SocketId,
    remote: SocketAddr,
    dscp: Option<Dscp>,
    segmentation: Segmentation,
}

/// A pipeline's owner: its place in the limits and where its events go.
#[derive(Debug)]
struct Owner {
    events: mpsc::Sender<PipelineEvent>,
    _place: Reservation,
}

/// An endpoint or line of a pipeline whose home is here.
#[derive(Debug)]
struct Member {
    /// Where it lives.
    worker: usize,
    abilities: Abilities,
    kind: MemberKind,
}

#[derive(Debug)]
enum MemberKind {
    /// An endpoint, or a peer connection with these lines.
    Whole { lines: BTreeSet<ElementId> },
    /// An end of a bridge.
    Bridge,
    /// A line, which Keel sends on or receives on.
    Line { connection: ElementId, is_sink: bool },
}

impl Member {
    /// Whether nothing comes from it.
    const fn is_sink(&self) -> bool {
        matches!(self.kind, MemberKind::Line { is_sink: true, .. })
    }
}

/// One shared socket's outgoing datagrams of this tick.
struct Outgoing {
    local: SocketAddr,
    announced: Vec<SocketAddr>,
    /// Peers may connect to the same port by TCP.
    has_tcp: bool,
    queue: SendQueue,
}

/// This worker's counters; plain numbers that a snapshot copies.
#[derive(Debug, Default)]
struct Counters {
    packets_in: u64,
    bytes_in: u64,
    packets_out: u64,
    bytes_out: u64,
    forwarded: u64,
    events_dropped: u64,
    drops: DropCounters,
}

impl Worker {
    /// Opens the worker's sockets. Nothing runs yet.
    pub(crate) fn new(
        index: usize,
        config: &MediaConfig,
        certificate: Arc<Certificate>,
    ) -> Result<(Self, WorkerHandle), StartError> {
        let mut sockets = socket::open(index, config)?;
        let (handle, inbox) = command::channel().map_err(StartError::Worker)?;
        let waiter = Waiter::new(inbox.wake_fd(), sockets.iter().map(|socket| &socket.socket))
            .map_err(StartError::Worker)?;
        let mut rng = match config.seed {
            Some(seed) => StdRng::seed_from_u64(seed.wrapping_add(index as u64)),
            None => StdRng::from_rng(&mut rand::rng()),
        };
        let outgoing = sockets.iter().map(Outgoing::new).collect();
        let listeners = sockets.iter_mut().filter_map(|socket| socket.listener.take());
        let streams = Streams::new(StreamLimits::of(config), listeners, waiter.registrar())
            .map_err(StartError::Worker)?;
        let state = State {
            index,
            sessions: Table::new(config.sessions_per_worker_max),
            routes: Routes::default(),
            timers: Timers::default(),
            forwarder: Forwarder::new(rand::Rng::next_u64(&mut rng)),
            graph: Graph::default(),
            pipelines: BTreeMap::new(),
            members: BTreeMap::new(),
            bridges: bridge::Bridges::default(),
            endpoints: BTreeMap::new(),
            lines: BTreeMap::new(),
            watches: BTreeSet::new(),
            feeds: Feeds::default(),
            relays: Relays::new(index),
            latency_watched: BTreeSet::new(),
            sharers: BTreeMap::new(),
            speakers: BTreeMap::new(),
            outgoing,
            own: OwnSockets::new(
                config.full_sessions_per_worker_max,
                config.socket_buffer_bytes,
                waiter.registrar(),
            ),
            streams,
            discovery: Discovery::new(&mut rng),
            stun_servers: Vec::new(),
            relay_paths: Vec::new(),
            gathering: BTreeSet::new(),
            interfaces: place::interfaces(),
            probe: config
                .probe
                .clone()
                .map(Probe::new)
                .transpose()
                .map_err(|error| StartError::Worker(io::Error::other(error)))?,
            certificate,
            rng,
            counters: Counters::default(),
            feedback: Vec::new(),
            sampler: PacketSampler::new(config.trace_packets_every),
            segmentation: if batch::gso_supported() { Segmentation::Offloaded } else { Segmentation::Single },
            origin: Instant::now(), // clock: any origin does
            stopped: None,
            running: true,
        };
        let scratch = vec![0; stream::BUFFER_BYTES].into_boxed_slice();
        Ok((Self { sockets, waiter, receive: ReceiveBatch::new(), scratch, inbox, state }, handle))
    }

    /// Learns all workers, itself included, in their order. Before it runs.
    pub(crate) fn meet(&mut self, workers: &Arc<[WorkerHandle]>) {
        self.state.relays.meet(workers);
    }

    /// The addresses of its sockets.
    pub(crate) fn local_addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.sockets.iter().map(|socket| socket.local)
    }

    /// What peers are told, and the socket behind it.
    pub(crate) fn announced_addresses(&self) -> impl Iterator<Item = AnnouncedAddress> + '_ {
        self.sockets.iter().flat_map(|socket| {
            let local = socket.local;
            socket.announced.iter().map(move |announced| AnnouncedAddress { announced: *announced, local })
        })
    }

    /// The socket that a relay can stand in front of: of IPv4 and no loopback one, where there is such.
    pub(crate) fn relay_target(&self) -> Option<SocketAddr> {
        let by_fitness = |local: &SocketAddr| (!local.is_ipv4(), local.ip().is_loopback());
        self.local_addresses().min_by_key(by_fitness)
    }

    /// The smallest buffers that the system granted its sockets; `None` where it has none.
    pub(crate) fn buffers(&self) -> Option<SocketBuffers> {
        self.sockets.iter().map(|socket| socket.buffers).reduce(SocketBuffers::least)
    }

    /// Runs until it is told to stop.
    pub(crate) fn run(mut self) {
        let span = tracing::info_span!("worker", index = self.state.index);
        let _entered = span.enter();
        let mut timeout = None;
        while self.state.running {
            let ready = self.waiter.wait(timeout);
            let now = Instant::now(); // clock: the one reading of a tick
            let busy = self.tick(now, ready);
            timeout = if busy { Some(now) } else { self.state.next_timeout() };
        }
        if let Some(reply) = self.state.stopped.take() {
            // The caller may have stopped waiting.
            let _ = reply.send(());
        }
    }

    /// One round of work: datagrams, commands, timers, flush. Says whether there is more to do at once.
    fn tick(&mut self, now: Instant, ready: Ready) -> bool {
        let mut full = false;
        for index in (0..self.sockets.len()).filter(|index| ready.contains(*index)) {
            full |= self.receive_from(now, SocketId::Shared(index));
        }
        while let Some(descriptor) = self.waiter.take_ready() {
            match descriptor {
                Descriptor::Own(place) => full |= self.receive_from(now, SocketId::Own(place)),
                Descriptor::Listener(index) => self.state.streams.accept(now, index),
                Descriptor::Stream(place) => self.serve_stream(now, place),
            }
        }
        if ready.woken {
            self.inbox.clear_wake();
        }
        self.state.relays.note_arrived();
        let mut urgent = 0;
        while urgent < URGENT_PER_TICK_MAX
            && let Some(command) = self.inbox.take_urgent()
        {
            urgent += 1;
            self.execute(now, command);
        }
        let mut commands = 0;
        while commands < COMMANDS_PER_TICK_MAX
            && let Some(command) = self.inbox.take()
        {
            commands += 1;
            self.execute(now, command);
        }
        // Relayed packets come after the messages that were sent before them.
        full |= urgent == URGENT_PER_TICK_MAX || self.state.take_relayed(now);
        self.state.handle_timeouts(now);
        self.state.flush(now, &self.sockets);
        self.state.relays.wake();
        self.state.measure_latency(now);
        full || commands == COMMANDS_PER_TICK_MAX
    }

    /// Carries out one command. Descriptions come from peers too: a panic over one fails that command only,
    /// whose caller is told that the server stopped answering.
    fn execute(&mut self, now: Instant, command: Command) {
        let state = &mut self.state;
        if catch_unwind(AssertUnwindSafe(|| state.execute(now, command))).is_err() {
            tracing::error!("a panic ended a command");
        }
    }

    /// Handles what waits in one socket, one batch of it. Says whether more may be waiting.
    fn receive_from(&mut self, now: Instant, id: SocketId) -> bool {
        let socket = match id {
            SocketId::Shared(index) => self.sockets.get(index),
            SocketId::Own(place) => self.state.own.socket(place),
            SocketId::Stream(_) => None,
        };
        let Some(socket) = socket else { return false };
        // An error on a UDP socket (an ICMP answer to something sent) concerns no datagram to read.
        let received = self.receive.receive(socket.socket.as_fd()).unwrap_or_default();
        self.state.counters.drops.add(DropReason::TooLong, received.truncated as u64);
        for datagram in self.receive.datagrams() {
            self.state.take_datagram(now, id, datagram.source, datagram.bytes);
        }
        received.datagrams + received.truncated == ReceiveBatch::DATAGRAMS_MAX
    }
}

impl Outgoing {
    fn new(socket: &MediaSocket) -> Self {
        Self {
            local: socket.local,
            announced: socket.announced.clone(),
            has_tcp: socket.listener.is_some(),
            queue: SendQueue::new(),
        }
    }
}

impl State {
    /// Handles a datagram. A panic over one peer's ends that peer's session only.
    fn take_datagram(&mut self, now: Instant, id: SocketId, remote: SocketAddr, bytes: &mut [u8]) {
        if catch_unwind(AssertUnwindSafe(|| self.handle_datagram(now, id, remote, bytes))).is_err() {
            self.abandon(now, id, remote);
        }
    }

    /// Ends the session that a datagram belonged to after a panic in its handling.
    fn abandon(&mut self, now: Instant, socket: SocketId, remote: SocketAddr) {
        let Ok(session) = self.session_at(socket, remote) else { return };
        let Some(seat) = self.sessions.get(session) else { return };
        let endpoint = seat.endpoint;
        tracing::error!(%session, %endpoint, "a panic ended this session");
        self.emit(endpoint, EndpointEvent::Failed("internal error"));
        self.close_session(now, session);
    }

    fn handle_timeouts(&mut self, now: Instant) {
        for _ in 0..TIMEOUTS_PER_TICK_MAX {
            let Some(slot) = self.timers.take_due(now) else { break };
            let Some(id) = self.sessions.id_at(slot) else { continue };
            if let Some(seat) = self.sessions.get_mut(id) {
                seat.session.handle_timeout(now);
            }
            self.settle(now, id);
        }
        if self.forwarder.poll_timeout().is_some_and(|at| at <= now) {
            self.forwarder.handle_timeout(now);
        }
        self.streams.handle_timeout(now, &mut self.counters);
        self.look_at_servers(now);
        self.look_at_speakers(now);
        self.look_at_encodings(now);
    }

    fn next_timeout(&self) -> Option<Instant> {
        let speakers = self.speakers.values().map(SpeakerWatch::poll_timeout).min();
        let encodings = self.watches.first().map(|(due, _)| *due);
        let (streams, servers) = (self.streams.poll_timeout(), self.discovery.poll_timeout());
        let due = [self.timers.next(), self.forwarder.poll_timeout(), streams, servers, speakers, encodings];
        due.into_iter().flatten().min()
    }

    /// After anything happened in a session: its datagrams go out, its events up, its timer is set.
    fn settle(&mut self, now: Instant, id: SessionId) {
        let Self { sessions, outgoing, own, streams, counters, .. } = self;
        let Some(seat) = sessions.get_mut(id) else { return };
        while let Some(transmit) = seat.session.poll_transmit() {
            let Transmit { local, remote, bytes } = transmit;
            let queue = match socket_at((local, remote), outgoing, own, streams, &seat.own) {
                Some(SocketId::Shared(index)) => outgoing.get_mut(index).map(|out| &mut out.queue),
                Some(SocketId::Own(place)) => own.queue(place, counters).map(|(queue, _)| queue),
                Some(SocketId::Stream(place)) => {
                    if let Some(connection) = streams.queue(place) {
                        connection.push(&bytes, counters);
                    }
                    continue;
                }
                None => {
                    // A connection may have ended meanwhile.
                    let is_stream = local.protocol == TransportProtocol::Tcp;
                    debug_assert!(is_stream, "a session sends from a socket that received for it");
                    continue;
                }
            };
            if let Some(queue) = queue {
                queue.push(Destination { address: remote, dscp: seat.dscp }, &bytes);
            }
        }
        self.timers.set(slot_of(id), seat.session.poll_timeout());
        let mut reached = Vec::new();
        while let Some(event) = self.sessions.get_mut(id).and_then(|seat| seat.session.poll_event()) {
            self.handle_session_event(now, id, event, &mut reached);
        }
        self.settle_path(now, id);
        // Their events were taken when they happened, so this goes no deeper.
        for session in reached {
            self.settle(now, session);
        }
    }

    /// Media follows the session's selected pair.
    fn settle_path(&mut self, now: Instant, id: SessionId) {
        let Self { sessions, outgoing, own, streams, .. } = self;
        let Some(seat) = sessions.get_mut(id) else { return };
        let pair = seat.session.media_path().and_then(|(local, remote)| {
            Some((socket_at((local, remote), outgoing, own, streams, &seat.own)?, remote))
        });
        // A path that stays keeps what was learnt of it.
        if seat.path.map(|path| (path.socket, path.remote)) == pair {
            return;
        }
        let segmentation = self.segmentation;
        let came_up = seat.path.is_none();
        let dscp = seat.dscp;
        seat.path = pair.map(|(socket, remote)| Path { socket, remote, dscp, segmentation });
        let endpoint = self.endpoints.get(&seat.endpoint).filter(|_| came_up);
        for sink in endpoint.into_iter().flat_map(Endpoint::sinks) {
            self.forwarder.begin(sink, now);
        }
    }

    /// Carries out what a session tells. Sessions that were given something to send join `reached`.
    fn handle_session_event(
        &mut self,
        now: Instant,
        id: SessionId,
        event: SessionEvent,
        reached: &mut Vec<SessionId>,
    ) {
        let Some(endpoint) = self.sessions.get(id).map(|seat| seat.endpoint) else { return };
        match event {
            SessionEvent::AddressAdded { local, remote } => self.add_address(id, local, remote),
            SessionEvent::AddressRemoved { local, remote } => self.remove_address(id, local, remote),
            SessionEvent::UfragRetired(ufrag) => self.routes.remove_ufrag(&ufrag, id),
            SessionEvent::Ice(state) => {
                self.emit(endpoint, EndpointEvent::Ice(state));
                self.report_connection(id, endpoint);
            }
            SessionEvent::Dtls(state) => {
                self.emit(endpoint, EndpointEvent::Dtls(state));
                self.report_connection(id, endpoint);
            }
            SessionEvent::PairSelected { local, remote } => {
                let Base { protocol, address: local } = local;
                self.emit(endpoint, EndpointEvent::PairSelected { protocol, local, remote });
            }
            SessionEvent::Media(state) => self.emit(endpoint, EndpointEvent::Media(state)),
            SessionEvent::Data(event) => self.handle_data_event(now, endpoint, event, reached),
            SessionEvent::PeerClosed => self.emit(endpoint, EndpointEvent::PeerClosed),
        }
    }

    /// Lets an address that has proved it lead to a session.
    fn add_address(&mut self, id: SessionId, local: Base, remote: SocketAddr) {
        match local.protocol {
            // An own socket tells whose a datagram is; the address may be another session's peer's too.
            TransportProtocol::Udp => {
                if self.outgoing.iter().any(|shared| shared.local == local.address) {
                    self.routes.add_address(remote, id);
                }
            }
            TransportProtocol::Tcp => {
                let Some(place) = self.streams.place(local.address, remote) else { return };
                self.streams.prove(place, id);
                if let Some(dscp) = self.sessions.get(id).and_then(|seat| seat.dscp)
                    && let Some(connection) = self.streams.get_mut(place)
                {
                    connection.mark(dscp);
                }
            }
        }
    }

    /// Undoes [`Self::add_address`]. A connection leads nowhere else, so it ends.
    fn remove_address(&mut self, id: SessionId, local: Base, remote: SocketAddr) {
        match local.protocol {
            TransportProtocol::Udp => self.routes.remove_address(remote, id),
            TransportProtocol::Tcp => {
                if let Some(place) = self.streams.place(local.address, remote) {
                    self.streams.close(place, &mut self.counters);
                }
            }
        }
    }

    /// Tells an endpoint's owner when media can flow, or no longer can.
    fn report_connection(&mut self, id: SessionId, endpoint: ElementId) {
        use crate::pipeline::ConnectionState::{Connected, Disconnected};
        let connected = self.sessions.get(id).is_some_and(|seat| seat.session.media_path().is_some());
        let Some(known) = self.endpoints.get_mut(&endpoint) else { return };
        if known.connected != connected {
            known.connected = connected;
            let state = if connected { Connected } else { Disconnected };
            self.emit(endpoint, EndpointEvent::Connection(state));
        }
    }

    /// Sends an event to the pipeline's owner; a full queue drops it and counts.
    fn emit(&mut self, endpoint: ElementId, event: EndpointEvent) {
        let Some(known) = self.owner_of(endpoint) else { return };
        tracing::debug!(%endpoint, ?event, "endpoint");
        if let Err(mpsc::error::TrySendError::Full(_)) =
            known.events.try_send(PipelineEvent { endpoint, event })
        {
            self.counters.events_dropped += 1;
        }
    }
}

/// What a pair's datagrams leave by: a connection, or a socket among the shared ones and those at `places`.
fn socket_at(
    (local, remote): (Base, SocketAddr),
    shared: &[Outgoing],
    own: &OwnSockets,
    streams: &Streams,
    places: &[usize],
) -> Option<SocketId> {
    if local.protocol == TransportProtocol::Tcp {
        return streams.place(local.address, remote).map(SocketId::Stream);
    }
    let local = local.address;
    let at_place = |place: &usize| own.socket(*place).is_some_and(|socket| socket.local == local);
    let shared = shared.iter().position(|shared| shared.local == local).map(SocketId::Shared);
    shared.or_else(|| places.iter().copied().find(at_place).map(SocketId::Own))
}
