//! One allocation's sockets: one towards the TURN server, and for each peer one towards the media socket.

use super::ForeignServer;
use super::client::{RelayClient, RelayEvent};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

/// Peers with a socket at the same time; datagrams of further ones are dropped. A peer has one for each of its
/// addresses.
const PEERS_MAX: usize = 256;
/// How long a peer's socket is kept without a datagram from it; peers check every few seconds.
const IDLE_MAX: Duration = Duration::from_secs(120);
/// How often idle ones are looked for.
const SWEEP: Duration = Duration::from_secs(30);
/// Datagrams from the media socket that may wait; further ones are dropped, as by a full socket.
const WAITING_MAX: usize = 1_024;
const DATAGRAM_BYTES_MAX: usize = 65_535;

pub(super) struct Path {
    client: RelayClient,
    server: UdpSocket,
    server_address: SocketAddr,
    target: SocketAddr,
    teller: watch::Sender<Option<(SocketAddr, SocketAddr)>>,
    permitted: mpsc::Receiver<IpAddr>,
    peers: HashMap<SocketAddr, Peer>,
    readers: JoinSet<()>,
    sender: mpsc::Sender<(SocketAddr, Vec<u8>)>,
    to_peers: mpsc::Receiver<(SocketAddr, Vec<u8>)>,
}

struct Peer {
    socket: Arc<UdpSocket>,
    heard: Instant,
    reader: AbortHandle,
}

/// What to do next.
enum Turn {
    FromServer(usize),
    ToPeer(SocketAddr, Vec<u8>),
    Permit(Option<IpAddr>),
    Due,
    Sweep,
}

impl Path {
    pub(super) async fn open(
        server: &ForeignServer,
        target: SocketAddr,
        teller: watch::Sender<Option<(SocketAddr, SocketAddr)>>,
        permitted: mpsc::Receiver<IpAddr>,
    ) -> io::Result<Self> {
        let unspecified: IpAddr = if server.address.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        let socket = UdpSocket::bind((unspecified, 0)).await?;
        // Nothing is taken from anybody else.
        socket.connect(server.address).await?;
        let now = Instant::now(); // clock: the beginning of an allocation
        let client = RelayClient::new(server.login.clone(), now, &mut StdRng::from_rng(&mut rand::rng()));
        let (sender, to_peers) = mpsc::channel(WAITING_MAX);
        Ok(Self {
            client,
            server: socket,
            server_address: server.address,
            target,
            teller,
            permitted,
            peers: HashMap::new(),
            readers: JoinSet::new(),
            sender,
            to_peers,
        })
    }

    /// Until nobody wants the relay any more, and the server has been told.
    pub(super) async fn run(mut self) {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        let mut message = Vec::new();
        let mut sweeps = tokio::time::interval(SWEEP);
        let mut is_wanted = true;
        loop {
            let due = self.client.poll_timeout();
            let turn = tokio::select! {
                // An error is an ICMP answer to something sent: the client repeats what gets no answer.
                read = self.server.recv(&mut buffer) => Turn::FromServer(read.unwrap_or(0)),
                Some((peer, datagram)) = self.to_peers.recv() => Turn::ToPeer(peer, datagram),
                permit = self.permitted.recv(), if is_wanted => Turn::Permit(permit),
                () = until(due) => Turn::Due,
                _ = sweeps.tick() => Turn::Sweep,
                Some(_) = self.readers.join_next() => continue,
            };
            let now = Instant::now(); // clock: the one reading of a turn
            match turn {
                Turn::FromServer(length) => {
                    let received = buffer.get(..length).unwrap_or_default();
                    if let Some((peer, payload)) = self.client.handle_message(now, received) {
                        self.hand_over(now, peer, payload).await;
                    }
                }
                Turn::ToPeer(peer, datagram) => {
                    if self.client.wrap(now, peer, &datagram, &mut message) {
                        // A full or failing socket loses a datagram, as the network might.
                        let _ = self.server.try_send(&message);
                    }
                }
                Turn::Permit(Some(peer)) => self.client.permit(now, peer),
                Turn::Permit(None) => {
                    is_wanted = false;
                    self.client.close(now);
                }
                Turn::Due => self.client.handle_timeout(now),
                Turn::Sweep => self.sweep(now),
            }
            if self.settle() {
                return;
            }
        }
    }

    /// Sends and tells what there is. Says whether it is over.
    fn settle(&mut self) -> bool {
        while let Some(message) = self.client.poll_transmit() {
            // It is repeated where no answer comes.
            let _ = self.server.try_send(&message);
        }
        let server = self.server_address;
        while let Some(event) = self.client.poll_event() {
            match event {
                RelayEvent::Ready(relayed) => {
                    tracing::info!(%server, relayed = %relayed.address, "a relayed address on a TURN server");
                    self.teller.send_replace(Some((relayed.address, relayed.mapped)));
                }
                RelayEvent::Lost(loss) => {
                    tracing::warn!(%server, ?loss, "no relayed address: the TURN server is silent or refuses");
                    self.teller.send_replace(None);
                }
                RelayEvent::Closed => return true,
            }
        }
        false
    }

    /// Gives the media socket a peer's datagram, from the socket that stands for the peer.
    async fn hand_over(&mut self, now: Instant, peer: SocketAddr, payload: &[u8]) {
        if !self.peers.contains_key(&peer) {
            if self.peers.len() >= PEERS_MAX {
                return;
            }
            let Ok(socket) = self.stand_in().await else { return };
            let socket = Arc::new(socket);
            let reader = self.readers.spawn(read(Arc::clone(&socket), peer, self.sender.clone()));
            self.peers.insert(peer, Peer { socket, heard: now, reader });
        }
        if let Some(known) = self.peers.get_mut(&peer) {
            known.heard = now;
            // A full socket loses a datagram, as the network might.
            let _ = known.socket.try_send(payload);
        }
    }

    async fn stand_in(&self) -> io::Result<UdpSocket> {
        let target = match self.target.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let socket = UdpSocket::bind((target, 0)).await?;
        socket.connect((target, self.target.port())).await?;
        Ok(socket)
    }

    fn sweep(&mut self, now: Instant) {
        self.peers.retain(|_, peer| {
            let is_alive = now.saturating_duration_since(peer.heard) < IDLE_MAX;
            if !is_alive {
                peer.reader.abort();
            }
            is_alive
        });
    }
}

async fn read(socket: Arc<UdpSocket>, peer: SocketAddr, sender: mpsc::Sender<(SocketAddr, Vec<u8>)>) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        // An error is an ICMP answer to something sent.
        let Ok(length) = socket.recv(&mut buffer).await else { continue };
        let datagram = buffer.get(..length).unwrap_or_default().to_vec();
        if let Err(mpsc::error::TrySendError::Closed(_)) = sender.try_send((peer, datagram)) {
            return;
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
