//! A UDP socket that reads and writes runs of datagrams at once.

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use tokio::io::Interest;

/// Runs of datagrams that are read in one call.
const RUNS: usize = 8;
/// The longest run that the kernel joins.
const RUN_BYTES_MAX: usize = 65_536;

/// A UDP socket. quinn-udp joins and segments runs where the kernel can, and sets the don't-fragment bit.
#[derive(Debug)]
pub(super) struct UdpPath {
    socket: tokio::net::UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
}

/// Room to read into: one for all sockets of the thread, since nothing is kept in it.
pub(super) struct Inbox {
    buffers: [Box<[u8]>; RUNS],
    metas: [RecvMeta; RUNS],
}

/// Datagrams of one sender, each of `stride` bytes but the last.
pub(super) struct Received<'a> {
    pub(super) from: SocketAddr,
    /// The address that it was sent to.
    pub(super) to: IpAddr,
    pub(super) stride: usize,
    pub(super) bytes: &'a [u8],
}

impl Default for Inbox {
    fn default() -> Self {
        let buffers = std::array::from_fn(|_| vec![0; RUN_BYTES_MAX].into_boxed_slice());
        Self { buffers, metas: [RecvMeta::default(); RUNS] }
    }
}

impl UdpPath {
    /// Takes over a bound socket.
    pub(super) fn new(socket: UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        Ok(Self { socket: tokio::net::UdpSocket::from_std(socket)?, state, local })
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Waits until something may have come.
    pub(super) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// What waits, up to the bound of one call; nothing when nothing does.
    pub(super) fn read<'a>(
        &self,
        inbox: &'a mut Inbox,
    ) -> io::Result<impl Iterator<Item = Received<'a>> + use<'a>> {
        let Inbox { buffers, metas } = inbox;
        let count = {
            let mut slices = buffers.each_mut().map(|buffer| IoSliceMut::new(buffer));
            let read = self.socket.try_io(Interest::READABLE, || {
                self.state.recv(UdpSockRef::from(&self.socket), &mut slices, metas)
            });
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                read => read?,
            }
        };
        let own = self.local.ip();
        Ok(buffers.iter().zip(metas.iter()).take(count).map(move |(buffer, meta)| Received {
            from: meta.addr,
            to: meta.dst_ip.unwrap_or(own),
            stride: meta.stride,
            bytes: buffer.get(..meta.len).unwrap_or_default(),
        }))
    }

    /// Sends datagrams of `segment` bytes each but the last.
    pub(super) fn send(
        &self,
        to: SocketAddr,
        from: Option<IpAddr>,
        segment: usize,
        bytes: &[u8],
    ) -> io::Result<()> {
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents: bytes,
            segment_size: (bytes.len() > segment).then_some(segment),
            src_ip: from,
        };
        // Nobody waits for room, so tokio need not know whether there is some: of a fresh socket it does not yet.
        self.state.try_send(UdpSockRef::from(&self.socket), &transmit)
    }

    /// How many datagrams may go at once.
    pub(super) fn segments_max(&self) -> usize {
        self.state.max_gso_segments()
    }
}
