//! The link model in real time: a UDP proxy on loopback, to put any peer, a browser too, behind a bad
//! network.
//!
//! The peer is told the proxy's address instead of the server's ([`Proxy::announce`]). Each peer that
//! sends to the proxy gets a socket of its own towards the target, so that the target can tell them
//! apart, and a [`Link`] for each direction.

use crate::net::{Link, LinkConfig, LinkCounters, Loss};
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

/// Peers that one proxy serves; datagrams of further ones are dropped.
pub const PEERS_MAX: usize = 16;
/// Datagrams that wait for one peer's task; further ones are dropped, as a full socket would.
const WAITING_MAX: usize = 4_096;
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// A running proxy; it ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    target: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// What a proxy does in each direction.
#[derive(Clone, Debug, Default)]
pub struct ProxyConfig {
    /// Decides every loss; each peer's links have seeds derived from it in the order of their arrival.
    pub seed: u64,
    /// From the peers to the target.
    pub up: LinkConfig,
    /// From the target to the peers.
    pub down: LinkConfig,
}

#[derive(Debug, Default)]
struct Shared {
    counters: Mutex<BTreeMap<SocketAddr, (LinkCounters, LinkCounters)>>,
    injections: Mutex<Vec<mpsc::Sender<Input>>>,
}

/// What a peer's task is told.
#[derive(Debug)]
enum Input {
    /// The peer sent this.
    Datagram(Bytes),
    /// Send this to the target as if the peer had, past the link.
    Inject(Bytes),
    /// Make the link from the target to the peer another one.
    Change(Change),
}

/// What may change while a proxy runs, on the way from the target to the peers where nothing else is said.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// The bottleneck's rate in bits per second, also for what waits before it; `None` for no bottleneck.
    Rate(Option<u64>),
    /// Which datagrams are lost.
    Loss(Loss),
    /// Nothing passes any more.
    Cut,
    /// The end of a cut.
    Mend,
    /// From now on the target sees each peer at another address, as after a change of network or of a NAT's mind. What
    /// it sends to the old one is lost.
    Move,
}

impl Proxy {
    /// Starts a proxy in front of `target` on a free loopback port.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub async fn start(target: SocketAddr, config: ProxyConfig) -> io::Result<Self> {
        let front = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?);
        let address = front.local_addr()?;
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn(run(front, target, config, Arc::clone(&shared)));
        Ok(Self { address, target, shared, task })
    }

    /// Where peers send to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `text` (a session description or a candidate) with the proxy's address wherever the target's
    /// stands as a candidate's.
    #[must_use]
    pub fn announce(&self, text: &str) -> String {
        let place = |address: SocketAddr| format!(" {} {} typ", address.ip(), address.port());
        text.replace(&place(self.target), &place(self.address))
    }

    /// Sends `datagram` to the target from every peer's address, without loss: what somebody who can
    /// forge the peer's address would do.
    pub async fn inject(&self, datagram: &[u8]) {
        let senders = self.shared.injections.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for sender in senders {
            // The task has ended only if its socket failed; then there is no address to forge.
            let _ = sender.send(Input::Inject(Bytes::copy_from_slice(datagram))).await;
        }
    }

    /// Changes the way to all peers that have sent something so far.
    pub async fn change(&self, change: Change) {
        let senders = self.shared.injections.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for sender in senders {
            // The task has ended only if its socket failed; then nothing passes to it anyway.
            let _ = sender.send(Input::Change(change)).await;
        }
    }

    /// What happened on the way up and on the way down, over all peers.
    #[must_use]
    pub fn counters(&self) -> (LinkCounters, LinkCounters) {
        let counters = self.shared.counters.lock().unwrap_or_else(PoisonError::into_inner);
        counters.values().fold(Default::default(), |(up, down), peer| (sum(up, peer.0), sum(down, peer.1)))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn sum(a: LinkCounters, b: LinkCounters) -> LinkCounters {
    LinkCounters {
        sent: a.sent + b.sent,
        delivered: a.delivered + b.delivered,
        lost: a.lost + b.lost,
        cut: a.cut + b.cut,
        queue_full: a.queue_full + b.queue_full,
        too_long: a.too_long + b.too_long,
        duplicated: a.duplicated + b.duplicated,
        reordered: a.reordered + b.reordered,
    }
}

/// Gives every datagram to its peer's task; the tasks end with this one, their set being dropped.
async fn run(front: Arc<UdpSocket>, target: SocketAddr, config: ProxyConfig, shared: Arc<Shared>) {
    let mut peers: HashMap<SocketAddr, mpsc::Sender<Input>> = HashMap::new();
    let mut tasks = JoinSet::new();
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let Ok((length, source)) = front.recv_from(&mut buffer).await else { continue };
        if !peers.contains_key(&source) {
            if peers.len() >= PEERS_MAX {
                continue;
            }
            let seed = config.seed.wrapping_add(2 * peers.len() as u64);
            let Ok(back) = connect(target).await else { continue };
            let (sender, inbox) = mpsc::channel(WAITING_MAX);
            shared.injections.lock().unwrap_or_else(PoisonError::into_inner).push(sender.clone());
            peers.insert(source, sender);
            let peer = Peer {
                source,
                target,
                front: Arc::clone(&front),
                back,
                up: Link::new(seed, config.up.clone()),
                down: Link::new(seed.wrapping_add(1), config.down.clone()),
                shared: Arc::clone(&shared),
            };
            tasks.spawn(peer.run(inbox));
        }
        if let Some(peer) = peers.get(&source) {
            let datagram = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
            let _ = peer.try_send(Input::Datagram(datagram));
        }
    }
}

async fn connect(target: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    socket.connect(target).await?;
    Ok(socket)
}

struct Peer {
    source: SocketAddr,
    target: SocketAddr,
    front: Arc<UdpSocket>,
    back: UdpSocket,
    up: Link,
    down: Link,
    shared: Arc<Shared>,
}

impl Peer {
    async fn run(mut self, mut inbox: mpsc::Receiver<Input>) {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            let wake_at = [self.up.poll_timeout(), self.down.poll_timeout()].into_iter().flatten().min();
            tokio::select! {
                input = inbox.recv() => match input {
                    Some(Input::Datagram(datagram)) => self.up.send(Instant::now(), datagram),
                    Some(Input::Inject(datagram)) => {
                        let _ = self.back.send(&datagram).await;
                    }
                    Some(Input::Change(change)) => self.change(change).await,
                    None => return,
                },
                // An error here is the target's port being closed; it may open again.
                Ok(length) = self.back.recv(&mut buffer) => {
                    let datagram = buffer.get(..length).unwrap_or_default();
                    self.down.send(Instant::now(), Bytes::copy_from_slice(datagram));
                }
                () = sleep_until(wake_at) => {}
            }
            self.deliver().await;
        }
    }

    async fn change(&mut self, change: Change) {
        match change {
            Change::Rate(rate) => self.down.set_rate(Instant::now(), rate),
            Change::Loss(loss) => self.down.set_loss(loss),
            Change::Cut => self.down.cut(),
            Change::Mend => self.down.mend(),
            Change::Move => {
                // Without a free port it stays where it is, and the story fails for it.
                if let Ok(elsewhere) = connect(self.target).await {
                    self.back = elsewhere;
                }
            }
        }
    }

    async fn deliver(&mut self) {
        let now = Instant::now();
        while let Some(datagram) = self.up.poll(now) {
            let _ = self.back.send(&datagram).await;
        }
        while let Some(datagram) = self.down.poll(now) {
            let _ = self.front.send_to(&datagram, self.source).await;
        }
        let counters = (self.up.counters(), self.down.counters());
        self.shared.counters.lock().unwrap_or_else(PoisonError::into_inner).insert(self.source, counters);
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn two_peers_reach_the_target_and_get_their_own_answers() {
        let target = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a loopback port is free");
        let address = target.local_addr().expect("a bound socket has an address");
        let delay = Duration::from_millis(5);
        let config = ProxyConfig {
            up: LinkConfig { delay, ..LinkConfig::default() },
            down: LinkConfig { duplicate: 1.0, ..LinkConfig::default() },
            ..ProxyConfig::default()
        };
        let proxy = Proxy::start(address, config).await.expect("the proxy starts");

        for name in ["first", "second"] {
            let peer = connect(proxy.address()).await.expect("a loopback port is free");
            peer.send(name.as_bytes()).await.expect("loopback accepts datagrams");
            let mut buffer = [0; 64];
            let (length, from) = target.recv_from(&mut buffer).await.expect("the datagram arrives");
            assert_eq!(&buffer[..length], name.as_bytes());
            target.send_to(&buffer[..length], from).await.expect("loopback accepts datagrams");
            for _ in 0..2 {
                let length = peer.recv(&mut buffer).await.expect("the answer arrives, and its copy");
                assert_eq!(&buffer[..length], name.as_bytes());
            }
        }
        let (up, down) = proxy.counters();
        assert_eq!((up.delivered, down.sent, down.delivered), (2, 2, 4));
    }

    #[tokio::test]
    async fn the_way_down_changes_while_it_is_used() {
        let target = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a loopback port is free");
        let address = target.local_addr().expect("a bound socket has an address");
        let proxy = Proxy::start(address, ProxyConfig::default()).await.expect("the proxy starts");
        let peer = connect(proxy.address()).await.expect("a loopback port is free");
        peer.send(b"hello").await.expect("loopback accepts datagrams");
        let mut buffer = [0; 64];
        let (_, from) = target.recv_from(&mut buffer).await.expect("the datagram arrives");
        proxy.change(Change::Cut).await;
        peer.send(b"again").await.expect("loopback accepts datagrams");
        target.recv_from(&mut buffer).await.expect("the way up is as it was, and behind the change");
        target.send_to(b"lost", from).await.expect("loopback accepts datagrams");
        while proxy.counters().1.cut == 0 {
            tokio::task::yield_now().await;
        }
        proxy.change(Change::Mend).await;
        peer.send(b"again").await.expect("loopback accepts datagrams");
        target.recv_from(&mut buffer).await.expect("the way up is as it was, and behind the change");
        target.send_to(b"kept", from).await.expect("loopback accepts datagrams");
        let length = peer.recv(&mut buffer).await.expect("the answer arrives");
        assert_eq!(&buffer[..length], b"kept");
    }

    #[tokio::test]
    async fn a_candidate_is_announced_at_the_proxy() {
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, 10_000));
        let proxy = Proxy::start(target, ProxyConfig::default()).await.expect("the proxy starts");
        let line = "candidate:1 1 udp 2130706431 127.0.0.1 10000 typ host";
        let port = proxy.address().port();
        assert_eq!(proxy.announce(line), format!("candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host"));
    }
}
