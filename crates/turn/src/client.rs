//! Who a message is from, and what an allocation's relayed address is known by.

use crate::stun::Family;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// How a client reaches the server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Transport {
    /// Datagrams: a sender's address proves nothing.
    Udp,
    /// A stream.
    Tcp,
    /// A stream under TLS.
    Tls,
}

impl Transport {
    /// As in metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

/// A client, by what RFC 8656 §3 calls the 5-tuple. An allocation belongs to one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Client {
    /// How it comes.
    pub transport: Transport,
    /// Which of the server's sockets it came to; the caller's numbering.
    pub door: u16,
    /// The server's address that it uses.
    pub local: SocketAddr,
    /// Its own.
    pub remote: SocketAddr,
}

impl Client {
    /// All of it as bytes, to be hashed.
    pub(crate) fn identity(&self) -> [u8; 39] {
        let mut identity = [0; 39];
        let [kind, door_high, door_low, rest @ ..] = &mut identity;
        *kind = self.transport as u8;
        [*door_high, *door_low] = self.door.to_be_bytes();
        for (to, address) in rest.chunks_exact_mut(18).zip([self.local, self.remote]) {
            let ip = match address.ip() {
                IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                IpAddr::V6(ip) => ip,
            };
            let bytes = ip.octets().into_iter().chain(address.port().to_be_bytes());
            to.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
        }
        identity
    }
}

/// The addresses that count as one client's for quotas: an IPv4 address, or an IPv6 /64, of which a single
/// customer has all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct AddressBlock(IpAddr);

impl AddressBlock {
    pub(crate) fn of(ip: IpAddr) -> Self {
        Self(match ip.to_canonical() {
            IpAddr::V4(ip) => IpAddr::V4(ip),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        })
    }
}

/// A relayed address. Never used again within a server's life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RelayId {
    pub(crate) allocation: AllocationId,
    pub(crate) family: Family,
}

/// An allocation: its place, and which of those that had the place it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct AllocationId {
    pub(crate) slot: usize,
    pub(crate) life: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_customers_addresses_are_one_block() {
        let block = |text: &str| AddressBlock::of(text.parse().expect("an address"));
        assert_eq!(block("2001:db8:1:2:3::4"), block("2001:db8:1:2:ffff::1"));
        assert_ne!(block("2001:db8:1:2::1"), block("2001:db8:1:3::1"));
        assert_eq!(block("::ffff:192.0.2.1"), block("192.0.2.1"));
    }
}
