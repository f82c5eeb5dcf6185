//! Server-reflexive candidates of Keel's own: a socket's address as a STUN server sees it.

use std::fmt;
use std::net::SocketAddr;

/// RFC 8445 §5.1.2.2: the recommended preference of server-reflexive candidates.
const TYPE_PREFERENCE: u32 = 100;

/// One of them; its `Display` form is the `candidate:…` line (RFC 8839 §5.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReflexiveCandidate {
    number: u16,
    address: SocketAddr,
    base: SocketAddr,
}

impl ReflexiveCandidate {
    /// The candidates of these addresses with the sockets behind them, best first. Those that are host candidates
    /// as well are left out, and so are repeated ones (RFC 8445 §5.1.3).
    #[must_use]
    pub fn of(found: &[(SocketAddr, SocketAddr)], hosts: &[SocketAddr]) -> Vec<Self> {
        let mut candidates: Vec<Self> = Vec::new();
        for (address, base) in found {
            let is_known = candidates.iter().any(|known| known.address == *address);
            if is_known || hosts.contains(address) {
                continue;
            }
            let Ok(number) = u16::try_from(candidates.len()) else { break };
            candidates.push(Self { number, address: *address, base: *base });
        }
        candidates
    }
}

impl fmt::Display for ReflexiveCandidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, address, base } = self;
        // RFC 8445 §5.1.2.1: local preferences differ between candidates.
        let priority = (TYPE_PREFERENCE << 24) + (u32::from(u16::MAX - number) << 8) + 255;
        let (ip, port) = (address.ip(), address.port());
        let (base_ip, base_port) = (base.ip(), base.port());
        // RFC 8445 §5.1.1.3: candidates of different bases have different foundations.
        write!(
            f,
            "candidate:srflx{number} 1 udp {priority} {ip} {port} typ srflx raddr {base_ip} rport {base_port}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::sdp::{CandidateAddress, CandidateKind, RemoteCandidate, Trickled};

    // covers: RFC 8445 §5.1.3
    #[test]
    fn what_is_a_host_candidate_or_stands_there_already_is_left_out() {
        let [host, base, public, other] = ["192.0.2.7:1", "10.0.0.1:1", "203.0.113.9:1", "203.0.113.9:2"]
            .map(|text| text.parse::<SocketAddr>().expect("an address"));
        let found = [(host, host), (public, base), (public, host), (other, base)];
        let candidates = ReflexiveCandidate::of(&found, &[host]);
        let lines: Vec<String> = candidates.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "candidate:srflx0 1 udp 1694498815 203.0.113.9 1 typ srflx raddr 10.0.0.1 rport 1",
                "candidate:srflx1 1 udp 1694498559 203.0.113.9 2 typ srflx raddr 10.0.0.1 rport 1",
            ]
        );
        match RemoteCandidate::parse(&lines[0]) {
            Ok(Trickled::Candidate(read)) => {
                assert_eq!(
                    (read.kind, read.address),
                    (CandidateKind::ServerReflexive, CandidateAddress::Ip(public))
                );
            }
            other => panic!("{other:?}"),
        }
    }
}
