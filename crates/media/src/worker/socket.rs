//! A worker's media sockets: opening them, and which addresses peers are told.

use super::place::{Place, plan};
use crate::error::StartError;
use crate::pipeline::MediaConfig;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

/// Times that a port is looked for that is free for both protocols.
const ATTEMPTS_MAX: u32 = 16;
/// Connections that wait to be accepted, which is looked for in every tick.
const BACKLOG: i32 = 256;

/// Which of a worker's sockets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SocketId {
    /// One that all its sessions share, by index.
    Shared(usize),
    /// One that a single session has, by place.
    Own(usize),
    /// A TCP connection, by place.
    Stream(usize),
}

/// One media socket with the addresses by which peers reach it.
#[derive(Debug)]
pub(super) struct MediaSocket {
    pub(super) socket: UdpSocket,
    pub(super) local: SocketAddr,
    pub(super) announced: Vec<SocketAddr>,
    pub(super) buffers: SocketBuffers,
    /// Where TCP connections come to the same port number; taken over by the worker's streams.
    pub(super) listener: Option<TcpListener>,
}

/// What the system granted to receive into and to send from, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SocketBuffers {
    pub(crate) receive: usize,
    pub(crate) send: usize,
}

impl SocketBuffers {
    /// The smaller of each.
    pub(crate) fn least(self, other: Self) -> Self {
        Self { receive: self.receive.min(other.receive), send: self.send.min(other.send) }
    }
}

/// Opens the sockets of the worker `index`.
pub(super) fn open(index: usize, config: &MediaConfig) -> Result<Vec<MediaSocket>, StartError> {
    let mut sockets: Vec<MediaSocket> = Vec::new();
    for Place { address, announced } in plan(index, config) {
        match open_shared(address, &announced, config) {
            Ok(socket) => sockets.push(socket),
            // A host without IPv6 is no reason not to start; asking for a wildcard asks for what there is.
            Err(StartError::Bind { source, .. })
                if address.ip().is_unspecified() && lacks_family(&source) => {}
            Err(error) => return Err(error),
        }
    }
    if sockets.iter().all(|socket| socket.announced.is_empty()) {
        return Err(StartError::NoAddress);
    }
    Ok(sockets)
}

fn open_shared(
    address: SocketAddr,
    announced: &[IpAddr],
    config: &MediaConfig,
) -> Result<MediaSocket, StartError> {
    let mut attempts_left = ATTEMPTS_MAX;
    loop {
        let opened = open_one(address, announced.iter().copied(), config.socket_buffer_bytes);
        let socket = opened.map_err(|source| StartError::Bind { address, source })?;
        if !config.tcp {
            return Ok(socket);
        }
        match listen(socket.local) {
            Ok(listener) => return Ok(MediaSocket { listener: Some(listener), ..socket }),
            // The system chose a port that is free for UDP; for TCP it need not be.
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse && address.port() == 0 && attempts_left > 0 =>
            {
                attempts_left -= 1;
            }
            Err(source) => return Err(StartError::BindTcp { address: socket.local, source }),
        }
    }
}

/// Opens a port to TCP connections.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    // Connections of a process before this one may linger; they do not keep the port.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Opens one socket with these buffers; it is announced at its own port.
pub(super) fn open_one(
    address: SocketAddr,
    announced: impl Iterator<Item = IpAddr>,
    buffer_bytes: usize,
) -> io::Result<MediaSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    // The default (208 KiB) is where packets are lost first. The system may grant less.
    socket.set_recv_buffer_size(buffer_bytes)?;
    socket.set_send_buffer_size(buffer_bytes)?;
    socket.bind(&address.into())?;
    // Linux reports twice the usable size.
    let buffers =
        SocketBuffers { receive: socket.recv_buffer_size()? / 2, send: socket.send_buffer_size()? / 2 };
    let socket: UdpSocket = socket.into();
    let local = socket.local_addr()?;
    let announced = announced.map(|ip| SocketAddr::new(ip, local.port())).collect();
    Ok(MediaSocket { socket, local, announced, buffers, listener: None })
}

fn lacks_family(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn config() -> MediaConfig {
        MediaConfig { port_base: 0, socket_buffer_bytes: 64 << 10, ..MediaConfig::default() }
    }

    #[test]
    fn a_wildcard_becomes_one_socket_per_address() {
        let sockets = open(0, &config()).expect("a host has at least a loopback address");
        assert!(sockets.iter().any(|socket| socket.local.ip() == Ipv4Addr::LOCALHOST));
        for socket in &sockets {
            assert_eq!(socket.announced, [socket.local]);
            assert!(!socket.local.ip().is_unspecified());
        }
    }

    #[test]
    fn configured_announcements_replace_the_hosts_addresses() {
        let public: IpAddr = Ipv4Addr::new(203, 0, 113, 7).into();
        let sockets =
            open(0, &MediaConfig { announce: vec![public], ..config() }).expect("wildcards can be bound");
        let announced: Vec<_> = sockets.iter().flat_map(|socket| &socket.announced).collect();
        assert_eq!(announced.len(), 1);
        assert_eq!(announced[0].ip(), public);
        assert_ne!(announced[0].port(), 0);
    }

    #[test]
    fn what_the_system_grants_is_known_for_both_directions() {
        let sockets = open(0, &config()).expect("a host has at least a loopback address");
        for socket in &sockets {
            assert_eq!(socket.buffers, SocketBuffers { receive: 64 << 10, send: 64 << 10 });
        }
    }

    // covers: RFC 6544 §5.1
    #[test]
    fn tcp_has_the_number_of_the_udp_port() {
        for socket in open(0, &config()).expect("a host has at least a loopback address") {
            let listener = socket.listener.expect("TCP is on by default");
            assert_eq!(listener.local_addr().expect("it is bound"), socket.local);
        }
        let sockets = open(0, &MediaConfig { tcp: false, ..config() }).expect("UDP alone");
        assert!(sockets.iter().all(|socket| socket.listener.is_none()));
    }

    #[test]
    fn a_tcp_port_in_use_is_named() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = taken.local_addr().expect("it is bound");
        let config = MediaConfig { bind: vec![address.ip()], port_base: address.port(), ..config() };
        match open(0, &config) {
            Err(StartError::BindTcp { address: named, .. }) => assert_eq!(named, address),
            other => panic!("expected a bind error, got {other:?}"),
        }
        open(0, &MediaConfig { tcp: false, ..config }).expect("UDP is free");
    }

    #[test]
    fn a_port_in_use_is_named() {
        let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = taken.local_addr().expect("it is bound");
        let config = MediaConfig { bind: vec![address.ip()], port_base: address.port(), ..config() };
        match open(0, &config) {
            Err(StartError::Bind { address: named, .. }) => assert_eq!(named, address),
            other => panic!("expected a bind error, got {other:?}"),
        }
    }
}
