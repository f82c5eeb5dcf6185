//! Which peers are relayed to: this server's own media sockets, each by its exact address, and what the
//! configuration opens of the public internet. Never anything else, in whatever form it is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use thiserror::Error;

/// A media socket of this server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct OwnSocket {
    /// The address that peers are told.
    pub announced: SocketAddr,
    /// Where it is reached from this machine, which is elsewhere behind NAT and in a container.
    pub local: SocketAddr,
}

/// The peers that may be relayed to.
#[derive(Clone, Debug, Default)]
pub struct PeerPolicy {
    local_by_announced: BTreeMap<SocketAddr, SocketAddr>,
    /// Those that came first stand first.
    announced_by_local: BTreeMap<SocketAddr, Vec<SocketAddr>>,
    own_ips: BTreeSet<IpAddr>,
    open: Vec<Network>,
    /// This machine's addresses, of which nothing but media and relayed addresses is ever opened.
    host: BTreeSet<IpAddr>,
    relay_ports: Option<RangeInclusive<u16>>,
}

impl PeerPolicy {
    /// Only this server's own media sockets. One that peers are told several addresses of stands there several
    /// times, the address that counts most first.
    #[must_use]
    pub fn media_only(sockets: impl IntoIterator<Item = OwnSocket>) -> Self {
        let mut policy = Self::default();
        for OwnSocket { announced, local } in sockets {
            policy.local_by_announced.insert(announced, local);
            policy.announced_by_local.entry(local).or_default().push(announced);
            policy.own_ips.insert(announced.ip());
        }
        policy
    }

    /// Also public addresses in `networks`. Of `host`, this machine's own addresses, only relayed addresses,
    /// whose ports are in `relay_ports`.
    #[must_use]
    pub fn open_to(
        mut self,
        networks: Vec<Network>,
        host: impl IntoIterator<Item = IpAddr>,
        relay_ports: RangeInclusive<u16>,
    ) -> Self {
        self.open = networks;
        self.host = host.into_iter().collect();
        self.relay_ports = Some(relay_ports);
        self
    }

    /// Where data for this peer is sent; `None` where it must not be.
    pub(crate) fn route(&self, peer: SocketAddr) -> Option<SocketAddr> {
        let own = self.local_by_announced.get(&peer).copied();
        own.or_else(|| self.is_open(peer).then_some(peer))
    }

    /// The names by which clients may know who sends from here: one at least.
    pub(crate) fn names<'a>(&'a self, from: &'a SocketAddr) -> &'a [SocketAddr] {
        self.announced_by_local.get(from).map_or(std::slice::from_ref(from), Vec::as_slice)
    }

    /// Whether some port of this address may be relayed to, which is all that a permission names.
    pub(crate) fn admits(&self, ip: IpAddr) -> bool {
        self.own_ips.contains(&ip) || self.is_open_ip(ip)
    }

    fn is_open(&self, peer: SocketAddr) -> bool {
        let is_host = self.host.contains(&peer.ip());
        let is_relay = self.relay_ports.as_ref().is_some_and(|ports| ports.contains(&peer.port()));
        peer.port() != 0 && self.is_open_ip(peer.ip()) && (!is_host || is_relay)
    }

    fn is_open_ip(&self, ip: IpAddr) -> bool {
        !is_forbidden(ip) && self.open.iter().any(|network| network.contains(ip))
    }
}

/// The cloud's own service of Azure machines, which looks like a public address; those of others are link-local
/// or private.
const AZURE_METADATA: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// Addresses that are never opened: whatever is not a unicast address of the public internet, and all forms
/// in which an IPv6 address stands for an IPv4 one.
fn is_forbidden(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            ip == AZURE_METADATA || V4_FORBIDDEN.iter().any(|(net, bits)| in_v4(ip, *net, *bits))
        }
        // RFC 4291 §2.4: of IPv6 only 2000::/3 is assigned for global unicast.
        IpAddr::V6(ip) => {
            !in_v6(ip, Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3)
                || V6_FORBIDDEN.iter().any(|(net, bits)| in_v6(ip, *net, *bits))
        }
    }
}

/// RFC 6890 and the registry of special-purpose addresses that it began.
const V4_FORBIDDEN: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // The metadata services of most clouds, too.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast, then what is reserved, broadcast included.
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Within 2000::/3. What is outside (IPv4-mapped and -compatible, NAT64, unique local, link-local, multicast) is
/// forbidden anyway.
const V6_FORBIDDEN: [(Ipv6Addr, u32); 4] = [
    // Protocols, Teredo among them, which wraps IPv4.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4, which wraps IPv4.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

fn in_v4(ip: Ipv4Addr, network: Ipv4Addr, bits: u32) -> bool {
    let shift = 32 - bits.min(32);
    ip.to_bits().checked_shr(shift).unwrap_or(0) == network.to_bits().checked_shr(shift).unwrap_or(0)
}

fn in_v6(ip: Ipv6Addr, network: Ipv6Addr, bits: u32) -> bool {
    let shift = 128 - bits.min(128);
    ip.to_bits().checked_shr(shift).unwrap_or(0) == network.to_bits().checked_shr(shift).unwrap_or(0)
}

/// A network in CIDR notation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    ip: IpAddr,
    bits: u32,
}

/// Why a text is no network that can be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum NetworkError {
    /// It is no address, slash and number of bits.
    #[error("is no network; write it as 198.41.0.0/16 or 2a00::/12, or one address without a slash")]
    Syntax,
    /// The address has bits behind the prefix.
    #[error("has bits behind its prefix; write the network's first address")]
    HostBits,
    /// Nothing in it is ever relayed to.
    #[error("is private or special; such addresses are never relayed to")]
    Forbidden,
}

impl Network {
    fn contains(&self, ip: IpAddr) -> bool {
        match (ip, self.ip) {
            (IpAddr::V4(ip), IpAddr::V4(network)) => in_v4(ip, network, self.bits),
            (IpAddr::V6(ip), IpAddr::V6(network)) => in_v6(ip, network, self.bits),
            _ => false,
        }
    }

    /// Whether all of it is forbidden: its first address is, by a range at least as wide.
    fn is_forbidden(&self) -> bool {
        let within = |bits: u32| bits <= self.bits;
        match self.ip {
            IpAddr::V4(ip) => V4_FORBIDDEN.iter().any(|(net, bits)| within(*bits) && in_v4(ip, *net, *bits)),
            IpAddr::V6(ip) => {
                let is_global = self.bits < 3 || in_v6(ip, Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
                !is_global || V6_FORBIDDEN.iter().any(|(net, bits)| within(*bits) && in_v6(ip, *net, *bits))
            }
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let ip: IpAddr = address.parse().map_err(|_| NetworkError::Syntax)?;
        let width = if ip.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), |bits| bits.parse().map_err(|_| NetworkError::Syntax))?;
        if bits > width {
            return Err(NetworkError::Syntax);
        }
        let has_host_bits = match ip {
            IpAddr::V4(ip) => ip.to_bits().checked_shl(bits).unwrap_or(0) != 0,
            IpAddr::V6(ip) => ip.to_bits().checked_shl(bits).unwrap_or(0) != 0,
        };
        let network = Self { ip, bits };
        match (has_host_bits, network.is_forbidden()) {
            (true, _) => Err(NetworkError::HostBits),
            (false, true) => Err(NetworkError::Forbidden),
            (false, false) => Ok(network),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address with port")
    }

    fn networks(texts: &[&str]) -> Vec<Network> {
        texts.iter().map(|text| text.parse().expect("a network")).collect()
    }

    fn open() -> PeerPolicy {
        let own = OwnSocket { announced: address("192.168.1.5:10000"), local: address("192.168.1.5:10000") };
        let host = ["192.168.1.5", "8.8.4.4"].map(|ip| ip.parse().expect("an address"));
        PeerPolicy::media_only([own]).open_to(networks(&["0.0.0.0/0", "::/0"]), host, 49_152..=65_535)
    }

    #[test]
    fn every_special_address_is_forbidden_in_every_encoding() {
        let policy = open();
        for ip in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "168.63.129.16",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:0:127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "100::1",
            "2001::1",
            "2001:0:7f00:1::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:a9fe:a9fe::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "ff0e::1",
        ] {
            let ip: IpAddr = ip.parse().expect("an address");
            assert!(!policy.admits(ip), "{ip} is admitted");
            assert_eq!(policy.route(SocketAddr::new(ip, 9)), None, "{ip} is relayed to");
        }
    }

    #[test]
    fn public_addresses_are_closed_until_they_are_opened() {
        let own = OwnSocket { announced: address("198.41.0.9:10000"), local: address("127.0.0.1:10000") };
        let closed = PeerPolicy::media_only([own]);
        for peer in ["8.8.8.8:9", "[2606:4700::1111]:9"].map(address) {
            assert_eq!(closed.route(peer), None);
            assert_eq!(open().route(peer), Some(peer));
            assert_eq!(open().route(SocketAddr::new(peer.ip(), 0)), None, "port 0");
        }
        let one = PeerPolicy::default().open_to(networks(&["8.8.8.0/24"]), [], 49_152..=65_535);
        assert!(one.admits(address("8.8.8.8:9").ip()) && !one.admits(address("8.8.9.8:9").ip()));
    }

    #[test]
    fn own_media_is_reached_by_its_exact_address_alone() {
        let policy = open();
        let media = address("192.168.1.5:10000");
        assert_eq!(policy.route(media), Some(media));
        assert!(policy.admits(media.ip()));
        for other in
            ["192.168.1.5:10001", "192.168.1.5:22", "192.168.1.6:10000", "[::ffff:192.168.1.5]:10000"]
        {
            assert_eq!(policy.route(address(other)), None, "{other}");
        }
    }

    #[test]
    fn of_this_machine_only_relayed_addresses_are_opened() {
        let policy = open();
        assert_eq!(policy.route(address("8.8.4.4:53")), None, "a service of this machine");
        assert_eq!(policy.route(address("8.8.4.4:50000")), Some(address("8.8.4.4:50000")));
    }

    #[test]
    fn an_announced_address_is_reached_where_it_really_is() {
        let own = OwnSocket { announced: address("198.41.0.9:10000"), local: address("127.0.0.1:10000") };
        let policy = PeerPolicy::media_only([own]);
        assert_eq!(policy.route(own.announced), Some(own.local));
        assert_eq!(policy.names(&own.local), [own.announced]);
        assert_eq!(policy.route(own.local), None, "what nobody was told is nobody's business");
    }

    #[test]
    fn networks_that_open_nothing_are_refused() {
        for (text, error) in [
            ("here", NetworkError::Syntax),
            ("8.8.8.0/33", NetworkError::Syntax),
            ("8.8.8.0/", NetworkError::Syntax),
            ("8.8.8.8/24", NetworkError::HostBits),
            ("10.1.0.0/16", NetworkError::Forbidden),
            ("127.0.0.1", NetworkError::Forbidden),
            ("fd00::/8", NetworkError::Forbidden),
            ("::ffff:0:0/96", NetworkError::Forbidden),
        ] {
            assert_eq!(text.parse::<Network>(), Err(error), "{text}");
        }
        for text in ["0.0.0.0/0", "::/0", "8.8.8.8", "2606:4700::/32"] {
            text.parse::<Network>().expect("a network of the internet");
        }
        assert_eq!("8.8.8.8".parse::<Network>().expect("one address").to_string(), "8.8.8.8/32");
    }
}
