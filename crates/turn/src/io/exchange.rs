//! Between sockets and machine: each batch that was read is handed in, and what comes out is sent.

use super::path::{Inbox, UdpPath};
use super::run::Run;
use super::stream::StreamQueue;
use crate::client::{AddressBlock, Client, RelayId, Transport};
use crate::count::{AllocationView, DropReason, TurnSnapshot};
use crate::peer::PeerPolicy;
use crate::server::{Moment, Output, Server, ToClient};
use crate::stun::Family;
use socket2::{Domain, Protocol, Socket, Type};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::task::JoinHandle;

/// Batches that one socket may have handled before the others get their turn.
const BATCHES_MAX: usize = 8;
/// What a relay socket asks for: bursts of media come in at once.
const RELAY_BUFFER: usize = 1 << 20;
/// Zeros behind data that is padded.
const PADDING: [u8; 3] = [0; 3];

/// The machine and its sockets. Only its thread has it, so nothing is borrowed while something waits.
pub(super) struct Exchange {
    server: RefCell<Server>,
    doors: Vec<Rc<UdpPath>>,
    relays: RefCell<BTreeMap<RelayId, RelaySocket>>,
    streams: RefCell<BTreeMap<Client, Rc<StreamQueue>>>,
    streams_by_block: RefCell<BTreeMap<AddressBlock, usize>>,
    inbox: RefCell<Inbox>,
    run: RefCell<Run>,
}

struct RelaySocket {
    path: Rc<UdpPath>,
    reader: JoinHandle<()>,
}

impl Drop for RelaySocket {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// A place among the connections. Free again when dropped, and then the client's allocation ends.
pub(super) struct Seat {
    exchange: Rc<Exchange>,
    client: Client,
}

impl Exchange {
    pub(super) fn new(server: Server, doors: Vec<UdpPath>) -> Self {
        Self {
            server: RefCell::new(server),
            doors: doors.into_iter().map(Rc::new).collect(),
            relays: RefCell::default(),
            streams: RefCell::default(),
            streams_by_block: RefCell::default(),
            inbox: RefCell::default(),
            run: RefCell::default(),
        }
    }

    pub(super) fn doors(&self) -> usize {
        self.doors.len()
    }

    pub(super) fn snapshot(&self) -> TurnSnapshot {
        TurnSnapshot { connections: self.streams.borrow().len(), ..self.server.borrow().snapshot() }
    }

    pub(super) fn allocations(&self, limit: usize) -> Vec<AllocationView> {
        self.server.borrow().allocations(moment().steady, limit)
    }

    pub(super) fn announce(&self, peers: PeerPolicy, external: Vec<IpAddr>) {
        self.server.borrow_mut().handle_announced(peers, external);
    }

    pub(super) fn expire(self: &Rc<Self>) {
        self.server.borrow_mut().handle_timeout(moment().steady);
        self.settle();
    }

    /// Messages of a client's stream, and what follows from them.
    pub(super) fn take_messages<'a>(
        self: &Rc<Self>,
        client: Client,
        messages: impl Iterator<Item = &'a [u8]>,
    ) {
        let now = moment();
        for message in messages {
            self.take(now, client, message);
        }
        self.finish();
    }

    /// A place for one more connection; `None`, counted, where there is none.
    pub(super) fn seat(self: &Rc<Self>, client: Client) -> Option<(Seat, Rc<StreamQueue>)> {
        let limits = self.server.borrow().limits();
        let mut by_block = self.streams_by_block.borrow_mut();
        let mut streams = self.streams.borrow_mut();
        let of_block = by_block.entry(AddressBlock::of(client.remote.ip())).or_default();
        if streams.len() >= limits.connections_max || *of_block >= limits.connections_per_address_max {
            if *of_block == 0 {
                by_block.remove(&AddressBlock::of(client.remote.ip()));
            }
            self.server.borrow_mut().count_dropped(DropReason::TooManyConnections, 1);
            return None;
        }
        *of_block += 1;
        let queue = Rc::new(StreamQueue::default());
        streams.insert(client, Rc::clone(&queue));
        Some((Seat { exchange: Rc::clone(self), client }, queue))
    }

    pub(super) fn has_allocation(&self, client: &Client) -> bool {
        self.server.borrow().has_allocation(client)
    }

    /// Reads what waits at a door once; whether there was anything.
    fn read_clients(self: &Rc<Self>, door: usize) -> io::Result<bool> {
        let Some(path) = self.doors.get(door) else { return Ok(false) };
        let mut inbox = self.inbox.borrow_mut();
        let mut received = path.read(&mut inbox)?.peekable();
        if received.peek().is_none() {
            return Ok(false);
        }
        let now = moment();
        for batch in received {
            let local = SocketAddr::new(batch.to, path.local().port());
            let door = super::door_number(door);
            let client = Client { transport: Transport::Udp, door, local, remote: batch.from };
            for message in batch.bytes.chunks(batch.stride.max(1)) {
                self.take(now, client, message);
            }
        }
        drop(inbox);
        self.finish();
        Ok(true)
    }

    fn take(&self, now: Moment, client: Client, message: &[u8]) {
        let data = self.server.borrow_mut().handle_client(now, client, message);
        if let Some(data) = data
            && let Some(relay) = self.relays.borrow().get(&data.relay)
        {
            self.run.borrow_mut().push(&relay.path, data.to, None, [data.payload, &[], &[]]);
        }
    }

    /// Reads what waits at a relayed address once; whether there was anything.
    fn read_peers(&self, relay: RelayId, path: &UdpPath) -> io::Result<bool> {
        let mut inbox = self.inbox.borrow_mut();
        let mut received = path.read(&mut inbox)?.peekable();
        if received.peek().is_none() {
            return Ok(false);
        }
        let now = moment().steady;
        for batch in received {
            for datagram in batch.bytes.chunks(batch.stride.max(1)) {
                let data = self.server.borrow_mut().handle_peer(now, relay, batch.from, datagram.len());
                if let Some(data) = data {
                    self.deliver(&data, datagram);
                }
            }
        }
        self.flush();
        Ok(true)
    }

    fn deliver(&self, data: &ToClient, payload: &[u8]) {
        let padding = PADDING.get(..data.padding()).unwrap_or_default();
        self.send(data.client, [data.prefix(), payload, padding]);
    }

    fn send(&self, client: Client, parts: [&[u8]; 3]) {
        if client.transport == Transport::Udp {
            if let Some(path) = self.doors.get(usize::from(client.door)) {
                self.run.borrow_mut().push(path, client.remote, Some(client.local.ip()), parts);
            }
        } else if let Some(stream) = self.streams.borrow().get(&client)
            && !stream.push(parts)
        {
            self.server.borrow_mut().count_dropped(DropReason::SendBufferFull, 1);
        }
    }

    /// Sends what waits, then does what the machine wants.
    fn finish(self: &Rc<Self>) {
        self.flush();
        self.settle();
    }

    fn flush(&self) {
        let mut run = self.run.borrow_mut();
        run.flush();
        let dropped = run.take_dropped();
        if dropped > 0 {
            self.server.borrow_mut().count_dropped(DropReason::SendBufferFull, dropped);
        }
    }

    fn settle(self: &Rc<Self>) {
        loop {
            let output = self.server.borrow_mut().poll_output();
            match output {
                None => break,
                Some(Output::Reply { client, message }) => self.send(client, [&message, &[], &[]]),
                Some(Output::OpenRelay { relay, family, port }) => {
                    let opened = self.open_relay(relay, family, port);
                    let port =
                        opened.inspect_err(|error| tracing::debug!(%error, port, "no relay socket")).ok();
                    self.server.borrow_mut().handle_relay_opened(moment().steady, relay, port);
                }
                Some(Output::CloseRelay { relay }) => _ = self.relays.borrow_mut().remove(&relay),
            }
        }
        self.flush();
    }

    /// Binds to every address of the family: what is sent to this server's own media leaves from the address next
    /// to it, whichever the client was told.
    fn open_relay(self: &Rc<Self>, relay: RelayId, family: Family, port: u16) -> io::Result<u16> {
        let (domain, address) = match family {
            Family::V4 => (Domain::IPV4, SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
            Family::V6 => (Domain::IPV6, SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))),
        };
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        if family == Family::V6 {
            socket.set_only_v6(true)?;
        }
        socket.set_recv_buffer_size(RELAY_BUFFER)?;
        socket.set_send_buffer_size(RELAY_BUFFER)?;
        socket.bind(&address.into())?;
        let path = Rc::new(UdpPath::new(socket.into())?);
        let port = path.local().port();
        let reader = tokio::task::spawn_local(read_relay(Rc::clone(self), relay, Rc::clone(&path)));
        self.relays.borrow_mut().insert(relay, RelaySocket { path, reader });
        Ok(port)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Self { exchange, client } = self;
        exchange.streams.borrow_mut().remove(client);
        let block = AddressBlock::of(client.remote.ip());
        let mut by_block = exchange.streams_by_block.borrow_mut();
        if let Some(count) = by_block.get_mut(&block) {
            *count -= 1;
            if *count == 0 {
                by_block.remove(&block);
            }
        }
        drop(by_block);
        exchange.server.borrow_mut().handle_disconnected(*client);
        exchange.settle();
    }
}

/// Serves one UDP socket that clients send to. Ends when it fails.
pub(super) async fn read_door(exchange: Rc<Exchange>, door: usize) {
    let Some(path) = exchange.doors.get(door).map(Rc::clone) else { return };
    while path.readable().await.is_ok() {
        for _ in 0..BATCHES_MAX {
            match exchange.read_clients(door) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    // An earlier datagram could not be delivered; the socket is well.
                    tracing::debug!(%error, "a TURN socket reports an error");
                    break;
                }
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Serves one relayed address until its socket is closed.
async fn read_relay(exchange: Rc<Exchange>, relay: RelayId, path: Rc<UdpPath>) {
    while path.readable().await.is_ok() {
        for _ in 0..BATCHES_MAX {
            match exchange.read_peers(relay, &path) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::debug!(%error, "a relay socket reports an error");
                    break;
                }
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Both clocks, read once for each batch.
fn moment() -> Moment {
    // clock: credentials end in calendar time
    let unix_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Moment { steady: Instant::now(), unix_s } // clock: lifetimes and rates
}
