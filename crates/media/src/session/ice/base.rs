//! What a check leaves from, and what it came to.

use crate::pipeline::TransportProtocol;
use std::net::SocketAddr;

/// The transport address that an agent sends from (RFC 8445 §4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Base {
    /// Its protocol. Of TCP each connection has a base of its own, with the remote address.
    pub protocol: TransportProtocol,
    /// Its address.
    pub address: SocketAddr,
}

impl Base {
    /// Our end of a TCP connection (RFC 6544).
    #[must_use]
    pub const fn tcp(address: SocketAddr) -> Self {
        Self { protocol: TransportProtocol::Tcp, address }
    }
}

impl From<SocketAddr> for Base {
    /// A UDP socket's.
    fn from(address: SocketAddr) -> Self {
        Self { protocol: TransportProtocol::Udp, address }
    }
}
