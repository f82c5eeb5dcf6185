//! ICE candidates as text (RFC 8839 §5.1): the peer's are read, Keel's own host candidates written.

use crate::error::CandidateError;
use crate::pipeline::TransportProtocol;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A candidate line is at most this long; browsers stay below 300 bytes.
const LINE_MAX: usize = 1024;

/// What a peer trickles.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trickled {
    /// One more candidate.
    Candidate(RemoteCandidate),
    /// No more will come (RFC 8838 §13; browsers send an empty string).
    End,
}

/// A candidate of the peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemoteCandidate {
    /// 1 for RTP (and RTCP beside it), 2 for RTCP on a port of its own.
    pub component: u16,
    /// The transport protocol.
    pub protocol: CandidateProtocol,
    /// Its priority, 1 to 2^31 - 1 (RFC 8445 §5.1.2).
    pub priority: u32,
    /// Where it is.
    pub address: CandidateAddress,
    /// How the peer found it.
    pub kind: CandidateKind,
}

/// A candidate's transport protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CandidateProtocol {
    /// UDP.
    Udp,
    /// TCP (RFC 6544).
    Tcp(TcpRole),
}

/// Who opens the connection of a TCP candidate (RFC 6544 §4.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TcpRole {
    /// The candidate's owner.
    Active,
    /// The other side.
    Passive,
    /// Both at once.
    SimultaneousOpen,
}

/// Where a candidate is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CandidateAddress {
    /// An address.
    Ip(SocketAddr),
    /// A name in place of an address: an mDNS name that hides the peer's address (`….local`), or a DNS
    /// name. Never resolved: the peer's checks reveal the address.
    Name {
        /// At most 253 characters.
        name: String,
        /// The port, not 0.
        port: u16,
    },
}

/// How a candidate was found (RFC 8445 §5.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CandidateKind {
    /// An address of an interface.
    Host,
    /// Learnt from a STUN server.
    ServerReflexive,
    /// Learnt from a check.
    PeerReflexive,
    /// A TURN server's.
    Relayed,
}

impl RemoteCandidate {
    /// Reads `candidate:…`, with or without `a=` before it. Extension attributes that are not understood
    /// are passed over (RFC 8839 §5.1).
    ///
    /// # Errors
    /// [`CandidateError::Invalid`] for what is not a candidate line, or longer than 1024 bytes.
    pub fn parse(line: &str) -> Result<Trickled, CandidateError> {
        let line = line.trim();
        let line = line.strip_prefix("a=").unwrap_or(line);
        if line.is_empty() || line == "end-of-candidates" {
            return Ok(Trickled::End);
        }
        if line.len() > LINE_MAX {
            return Err(CandidateError::Invalid);
        }
        let fields = line.strip_prefix("candidate:").ok_or(CandidateError::Invalid)?;
        Self::from_fields(fields).map(Trickled::Candidate).ok_or(CandidateError::Invalid)
    }

    fn from_fields(fields: &str) -> Option<Self> {
        let mut fields = fields.split_ascii_whitespace();
        // RFC 8839 §5.1: a foundation of 1 to 32 characters; a lite agent has no use for it.
        fields.next().filter(|foundation| foundation.len() <= 32)?;
        let component = fields.next()?.parse().ok().filter(|number| (1..=256).contains(number))?;
        let protocol = fields.next()?;
        let priority = fields.next()?.parse().ok().filter(|number| (1..1 << 31).contains(number))?;
        let address = fields.next()?;
        let port = fields.next()?.parse().ok().filter(|port| *port != 0)?;
        if fields.next()? != "typ" {
            return None;
        }
        let kind = CandidateKind::parse(fields.next()?)?;
        let mut tcp_role = None;
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            if name == "tcptype" {
                tcp_role = Some(TcpRole::parse(value)?);
            }
        }
        let protocol = if protocol.eq_ignore_ascii_case("udp") {
            CandidateProtocol::Udp
        } else if protocol.eq_ignore_ascii_case("tcp") {
            // RFC 6544 §4.5: the attribute is part of every TCP candidate.
            CandidateProtocol::Tcp(tcp_role?)
        } else {
            return None;
        };
        Some(Self { component, protocol, priority, address: CandidateAddress::parse(address, port)?, kind })
    }
}

impl CandidateAddress {
    fn parse(text: &str, port: u16) -> Option<Self> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self::Ip(SocketAddr::new(address, port)));
        }
        let is_name = text.len() <= 253
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
        is_name.then(|| Self::Name { name: text.to_owned(), port })
    }
}

impl CandidateKind {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "host" => Some(Self::Host),
            "srflx" => Some(Self::ServerReflexive),
            "prflx" => Some(Self::PeerReflexive),
            "relay" => Some(Self::Relayed),
            _ => None,
        }
    }
}

impl TcpRole {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "active" => Some(Self::Active),
            "passive" => Some(Self::Passive),
            "so" => Some(Self::SimultaneousOpen),
            _ => None,
        }
    }
}

/// One of Keel's own host candidates; its `Display` form is the `candidate:…` line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostCandidate {
    foundation: usize,
    priority: u32,
    protocol: TransportProtocol,
    address: SocketAddr,
}

impl HostCandidate {
    /// The candidates for these UDP addresses, best first: global IPv6, global IPv4, private, link-local,
    /// loopback. Addresses keep their order within a class; repeated ones are left out.
    #[must_use]
    pub fn for_addresses(addresses: &[SocketAddr]) -> Vec<Self> {
        Self::in_order(addresses, TransportProtocol::Udp)
    }

    /// Likewise for addresses to which the peer may connect by TCP (RFC 6544 §4.5: passive ones). Each is worse
    /// than any UDP candidate.
    #[must_use]
    pub fn for_connections(addresses: &[SocketAddr]) -> Vec<Self> {
        Self::in_order(addresses, TransportProtocol::Tcp)
    }

    fn in_order(addresses: &[SocketAddr], protocol: TransportProtocol) -> Vec<Self> {
        let mut sorted: Vec<SocketAddr> = Vec::new();
        for address in addresses {
            if !sorted.contains(address) {
                sorted.push(*address);
            }
        }
        sorted.sort_by_key(|address| AddressClass::of(address.ip()));
        let mut hosts: Vec<IpAddr> = Vec::new();
        // RFC 8445 §5.1.2.1: local preferences differ between candidates, so 65536 of them, or 8192, suffice.
        let local_preferences = match protocol {
            TransportProtocol::Udp => 0..=u16::MAX,
            TransportProtocol::Tcp => PASSIVE_PREFERENCE..=PASSIVE_PREFERENCE + 0x1fff,
        };
        local_preferences
            .rev()
            .zip(sorted)
            .map(|(local_preference, address)| {
                // RFC 8445 §5.1.1.3: candidates of one type and base address share a foundation.
                let known = hosts.iter().position(|host| *host == address.ip());
                let foundation = known.unwrap_or_else(|| {
                    hosts.push(address.ip());
                    hosts.len() - 1
                });
                Self { foundation, priority: host_priority(protocol, local_preference), protocol, address }
            })
            .collect()
    }

    /// Where the peer can reach Keel.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// RFC 8445 §5.1.2.
    #[must_use]
    pub const fn priority(&self) -> u32 {
        self.priority
    }
}

impl fmt::Display for HostCandidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { foundation, priority, protocol, address } = self;
        let (ip, port) = (address.ip(), address.port());
        match protocol {
            TransportProtocol::Udp => {
                write!(f, "candidate:{foundation} 1 udp {priority} {ip} {port} typ host")
            }
            // RFC 8445 §5.1.1.3: another protocol has another foundation.
            TransportProtocol::Tcp => {
                write!(f, "candidate:tcp{foundation} 1 tcp {priority} {ip} {port} typ host tcptype passive")
            }
        }
    }
}

/// RFC 8445 §5.1.2.1: 2^24 times the type preference, 2^8 times the local preference, 256 less the
/// component; 126 is the recommended preference of host candidates (§5.1.2.2). RFC 6544 §4.2: those over TCP
/// have a lower one; 90 puts them below what was learnt from a check or a STUN server, over UDP.
const fn host_priority(protocol: TransportProtocol, local_preference: u16) -> u32 {
    let type_preference = match protocol {
        TransportProtocol::Udp => 126,
        TransportProtocol::Tcp => 90,
    };
    (type_preference << 24) + ((local_preference as u32) << 8) + 255
}

/// RFC 6544 §4.2: the upper three bits of the local preference say who connects; 4 is a passive candidate's.
const PASSIVE_PREFERENCE: u16 = 4 << 13;

/// How far an address reaches; nearer ones help fewer peers and come later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum AddressClass {
    GlobalV6,
    GlobalV4,
    Private,
    LinkLocal,
    Loopback,
}

impl AddressClass {
    fn of(address: IpAddr) -> Self {
        if address.is_loopback() {
            return Self::Loopback;
        }
        match address {
            IpAddr::V4(address) if address.is_link_local() => Self::LinkLocal,
            IpAddr::V4(address) if address.is_private() => Self::Private,
            IpAddr::V4(_) => Self::GlobalV4,
            IpAddr::V6(address) if address.is_unicast_link_local() => Self::LinkLocal,
            IpAddr::V6(address) if address.is_unique_local() => Self::Private,
            IpAddr::V6(_) => Self::GlobalV6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> RemoteCandidate {
        match RemoteCandidate::parse(line) {
            Ok(Trickled::Candidate(candidate)) => candidate,
            other => panic!("{line} gave {other:?}"),
        }
    }

    #[test]
    fn reads_what_browsers_trickle() {
        let candidate = parse(
            "candidate:2 1 udp 2122260223 192.0.2.7 50123 typ host generation 0 ufrag ZcS+ network-id 1 network-cost 10",
        );
        assert_eq!(candidate.address, CandidateAddress::Ip("192.0.2.7:50123".parse().expect("an address")));
        assert_eq!((candidate.priority, candidate.kind), (2_122_260_223, CandidateKind::Host));

        let hidden =
            parse("a=candidate:1 1 UDP 2113937151 6bc7f7a4-6a2c-4b5d-9d55-9f0e3d4c2b1a.local 51234 typ host");
        assert!(
            matches!(hidden.address, CandidateAddress::Name { ref name, port: 51234 } if name.ends_with(".local"))
        );

        let tcp = parse("candidate:1 1 TCP 2105524479 2001:db8::7 9 typ host tcptype active");
        assert_eq!(tcp.protocol, CandidateProtocol::Tcp(TcpRole::Active));

        let relayed =
            parse("candidate:3 1 udp 41885439 198.51.100.1 3478 typ relay raddr 192.0.2.7 rport 50123");
        assert_eq!(relayed.kind, CandidateKind::Relayed);
    }

    #[test]
    fn an_empty_candidate_ends_the_trickle() {
        for line in ["", "  ", "a=end-of-candidates"] {
            assert_eq!(RemoteCandidate::parse(line), Ok(Trickled::End), "{line:?}");
        }
    }

    #[test]
    fn refuses_what_is_no_candidate() {
        let long = format!("candidate:1 1 udp 1 {} 9 typ host", "a".repeat(2000));
        for line in [
            "candidate:",
            "candidate:1 1 udp 1 192.0.2.7 9",
            "candidate:1 0 udp 1 192.0.2.7 9 typ host",
            "candidate:1 1 udp 0 192.0.2.7 9 typ host",
            "candidate:1 1 udp 4294967295 192.0.2.7 9 typ host",
            "candidate:1 1 udp 1 192.0.2.7 65536 typ host",
            "candidate:1 1 udp 1 192.0.2.7 0 typ host",
            "candidate:1 1 sctp 1 192.0.2.7 9 typ host",
            "candidate:1 1 tcp 1 192.0.2.7 9 typ host",
            "candidate:1 1 udp 1 192.0.2.7 9 typ guess",
            "candidate:1 1 udp 1 not/a/name 9 typ host",
            "m=audio",
            &long,
        ] {
            assert_eq!(RemoteCandidate::parse(line), Err(CandidateError::Invalid), "{line:?}");
        }
    }

    // covers: RFC 6544 §4.2, §4.5
    #[test]
    fn own_tcp_candidates_are_passive_and_worse_than_udp() {
        let addresses =
            ["192.0.2.7:1", "127.0.0.1:1", "192.0.2.8:1"].map(|text| text.parse().expect("an address"));
        let candidates = HostCandidate::for_connections(&addresses);
        let worst_of_udp = HostCandidate::for_addresses(&addresses).last().map(HostCandidate::priority);
        let lines: Vec<String> = candidates.iter().map(ToString::to_string).collect();
        assert_eq!(lines[0], "candidate:tcp0 1 tcp 1520435199 192.0.2.7 1 typ host tcptype passive");
        assert_eq!(candidates.len(), 3);
        for candidate in &candidates {
            let read = parse(&candidate.to_string());
            assert_eq!(read.protocol, CandidateProtocol::Tcp(TcpRole::Passive));
            assert_eq!(read.address, CandidateAddress::Ip(candidate.address()));
            assert!(Some(candidate.priority()) < worst_of_udp);
        }
    }

    // covers: RFC 8445 §5.1.2.1
    #[test]
    fn own_candidates_prefer_what_reaches_furthest() {
        let addresses = [
            "127.0.0.1:1",
            "10.0.0.1:1",
            "[::1]:1",
            "192.0.2.7:1",
            "[fe80::1]:1",
            "[2001:db8::1]:1",
            "192.0.2.7:1",
        ]
        .map(|text| text.parse().expect("an address"));
        let candidates = HostCandidate::for_addresses(&addresses);
        let order: Vec<String> = candidates.iter().map(|candidate| candidate.address().to_string()).collect();
        assert_eq!(
            order,
            ["[2001:db8::1]:1", "192.0.2.7:1", "10.0.0.1:1", "[fe80::1]:1", "127.0.0.1:1", "[::1]:1"]
        );
        assert!(candidates.is_sorted_by(|a, b| a.priority() > b.priority()));
        assert_eq!(candidates[0].to_string(), "candidate:0 1 udp 2130706431 2001:db8::1 1 typ host");
        for candidate in &candidates {
            let read = parse(&candidate.to_string());
            assert_eq!(read.address, CandidateAddress::Ip(candidate.address()));
            assert_eq!(read.priority, candidate.priority());
        }
    }
}
