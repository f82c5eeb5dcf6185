//! A network that lets no UDP out, for peers that speak nothing else: a UDP socket on loopback, and a TCP connection
//! to the server for each peer that sends to it, framed as RFC 4571 §2 has it.
//!
//! The peer is told the tunnel's address as a UDP candidate ([`Tunnel::announce`]) in place of the server's TCP one.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

/// Peers that one tunnel serves; datagrams of further ones are dropped.
const PEERS_MAX: usize = 16;
/// Datagrams that wait for one connection; further ones are dropped.
const WAITING_MAX: usize = 1_024;
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// A running tunnel; it ends, with its connections, when dropped.
#[derive(Debug)]
pub struct Tunnel {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Tunnel {
    /// Starts a tunnel to the TCP port `target`.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        let front = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?);
        let address = front.local_addr()?;
        Ok(Self { address, task: tokio::spawn(run(front, target)) })
    }

    /// A UDP candidate of this end.
    #[must_use]
    pub fn announce(&self) -> String {
        let Self { address, .. } = self;
        format!("candidate:1 1 udp 2130706431 {} {} typ host", address.ip(), address.port())
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The tasks of connections end with this one, their set being dropped.
async fn run(front: Arc<UdpSocket>, target: SocketAddr) {
    let mut peers: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>> = HashMap::new();
    let mut tasks = JoinSet::new();
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let Ok((length, source)) = front.recv_from(&mut buffer).await else { continue };
        if !peers.contains_key(&source) && peers.len() < PEERS_MAX {
            let (sender, inbox) = mpsc::channel(WAITING_MAX);
            peers.insert(source, sender);
            tasks.spawn(carry(Arc::clone(&front), source, target, inbox));
        }
        if let Some(peer) = peers.get(&source) {
            let _ = peer.try_send(buffer.get(..length).unwrap_or_default().to_vec());
        }
    }
}

/// Until the connection ends.
async fn carry(
    front: Arc<UdpSocket>,
    peer: SocketAddr,
    target: SocketAddr,
    mut inbox: mpsc::Receiver<Vec<u8>>,
) -> io::Result<()> {
    let stream = TcpStream::connect(target).await?;
    stream.set_nodelay(true)?;
    let (from, mut to) = stream.into_split();
    let down = bring(from, front, peer);
    let up = async {
        while let Some(datagram) = inbox.recv().await {
            to.write_all(&framed(&datagram)).await?;
        }
        Ok(())
    };
    tokio::select! {
        ended = down => ended,
        ended = up => ended,
    }
}

async fn bring(mut from: OwnedReadHalf, front: Arc<UdpSocket>, peer: SocketAddr) -> io::Result<()> {
    let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let length = usize::from(from.read_u16().await?);
        let datagram = datagram.get_mut(..length).unwrap_or_default();
        from.read_exact(datagram).await?;
        front.send_to(datagram, peer).await?;
    }
}

/// A datagram behind its length.
#[must_use]
pub fn framed(datagram: &[u8]) -> Vec<u8> {
    [&(datagram.len() as u16).to_be_bytes(), datagram].concat()
}
