//! Where media sockets are opened, and which addresses peers are told of each.

use super::wait::SOCKETS_MAX;
use crate::pipeline::MediaConfig;
use std::net::{IpAddr, SocketAddr};

/// A socket that is to be opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// What it is bound to.
    pub(crate) address: SocketAddr,
    /// What peers are told, each with the socket's port.
    pub(crate) announced: Vec<IpAddr>,
}

/// The sockets of the worker `index`.
///
/// A wildcard bind without configured announcements becomes one socket for each unicast address of the
/// host: a reply then always leaves from the address that the peer sent to, which a wildcard socket on a
/// host with several addresses does not promise.
pub(crate) fn plan(index: usize, config: &MediaConfig) -> Vec<Place> {
    let port = if config.port_base == 0 { 0 } else { config.port_base + index as u16 };
    let mut places: Vec<Place> = Vec::new();
    for bind in &config.bind {
        if bind.is_unspecified() && config.announce.is_empty() {
            for ip in host_addresses(config, &interfaces()).into_iter().filter(|ip| same_family(ip, bind)) {
                if !places.iter().any(|place| place.address.ip() == ip) {
                    places.push(Place { address: SocketAddr::new(ip, port), announced: vec![ip] });
                }
            }
            continue;
        }
        let announced =
            if config.announce.is_empty() { vec![*bind] } else { of_family(&config.announce, bind) };
        places.push(Place { address: SocketAddr::new(*bind, port), announced });
    }
    places.truncate(SOCKETS_MAX);
    places
}

/// Those of these addresses that have the same family as `ip`.
pub(super) fn of_family(addresses: &[IpAddr], ip: &IpAddr) -> Vec<IpAddr> {
    addresses.iter().copied().filter(|address| same_family(address, ip)).collect()
}

/// The host's addresses with the names of their interfaces.
pub(crate) fn interfaces() -> Vec<(String, IpAddr)> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.into_iter().map(|interface| (interface.name.clone(), interface.ip())).collect()
}

/// The host's unicast addresses that a peer could reach: no link-local ones (they need a zone that SDP
/// cannot carry), none that the configuration leaves out, loopback last.
fn host_addresses(config: &MediaConfig, interfaces: &[(String, IpAddr)]) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = interfaces
        .iter()
        .filter(|(name, _)| config.interfaces.is_empty() || config.interfaces.contains(name))
        .map(|(_, ip)| *ip)
        .filter(|ip| config.announce_loopback || !ip.is_loopback())
        .filter(|ip| !config.excluded.iter().any(|subnet| subnet.contains(*ip)))
        .filter(|ip| match ip {
            IpAddr::V4(v4) => !v4.is_link_local() && !v4.is_unspecified(),
            IpAddr::V6(v6) => !v6.is_unicast_link_local() && !v6.is_unspecified(),
        })
        .collect();
    addresses.sort_by_key(|ip| (ip.is_loopback(), *ip));
    addresses.dedup();
    addresses
}

fn same_family(a: &IpAddr, b: &IpAddr) -> bool {
    a.is_ipv4() == b.is_ipv4()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn host() -> Vec<(String, IpAddr)> {
        [
            ("lo", "127.0.0.1"),
            ("lo", "::1"),
            ("eth0", "10.0.0.1"),
            ("eth0", "2001:db8::1"),
            ("eth0", "fe80::1"),
            ("docker0", "172.17.0.1"),
        ]
        .map(|(name, address)| (name.to_owned(), ip(address)))
        .into()
    }

    fn chosen(change: impl FnOnce(&mut MediaConfig)) -> Vec<String> {
        let mut config = MediaConfig::default();
        change(&mut config);
        host_addresses(&config, &host()).iter().map(IpAddr::to_string).collect()
    }

    #[test]
    fn every_address_is_told_that_a_peer_could_reach() {
        assert_eq!(chosen(|_| {}), ["10.0.0.1", "172.17.0.1", "2001:db8::1", "127.0.0.1", "::1"]);
        assert_eq!(
            chosen(|config| config.announce_loopback = false),
            ["10.0.0.1", "172.17.0.1", "2001:db8::1"]
        );
    }

    #[test]
    fn interfaces_and_networks_narrow_them() {
        assert_eq!(chosen(|config| config.interfaces = vec!["eth0".into()]), ["10.0.0.1", "2001:db8::1"]);
        let excluded =
            |networks: &[&str]| networks.iter().map(|text| text.parse().expect("a network")).collect();
        assert_eq!(
            chosen(|config| config.excluded = excluded(&["172.16.0.0/12", "::/0"])),
            ["10.0.0.1", "127.0.0.1"]
        );
        assert!(chosen(|config| config.interfaces = vec!["wlan7".into()]).is_empty());
    }

    #[test]
    fn announcements_are_told_of_the_sockets_of_their_family() {
        let config = MediaConfig {
            port_base: 10_000,
            announce: vec![ip("203.0.113.7"), ip("2001:db8::7"), ip("203.0.113.8")],
            ..MediaConfig::default()
        };
        let place = |address: &str, announced: &[&str]| Place {
            address: SocketAddr::new(ip(address), 10_001),
            announced: announced.iter().map(|text| ip(text)).collect(),
        };
        assert_eq!(
            plan(1, &config),
            [place("0.0.0.0", &["203.0.113.7", "203.0.113.8"]), place("::", &["2001:db8::7"])]
        );
    }
}
