//! Relayed candidates of Keel's own: addresses on a TURN server elsewhere.

use std::fmt;
use std::net::SocketAddr;

/// One of them; its `Display` form is the `candidate:…` line (RFC 8839 §5.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RelayedCandidate {
    number: u16,
    address: SocketAddr,
    mapped: SocketAddr,
}

impl RelayedCandidate {
    /// The candidate with this number among those of one endpoint, for a relayed address and the address that the TURN
    /// server sees us at.
    #[must_use]
    pub const fn new(number: u16, address: SocketAddr, mapped: SocketAddr) -> Self {
        Self { number, address, mapped }
    }
}

impl fmt::Display for RelayedCandidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, address, mapped } = self;
        // RFC 8445 §5.1.2.2: relayed candidates have the least type preference, 0.
        let priority = (u32::from(u16::MAX - number) << 8) + 255;
        let (ip, port, mapped_ip, mapped_port) = (address.ip(), address.port(), mapped.ip(), mapped.port());
        write!(
            f,
            "candidate:relay{number} 1 udp {priority} {ip} {port} typ relay raddr {mapped_ip} rport {mapped_port}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::sdp::{CandidateAddress, CandidateKind, RemoteCandidate, Trickled};

    #[test]
    fn a_relayed_candidate_reads_as_one() {
        let [relayed, mapped] = ["203.0.113.9:50000", "198.51.100.1:4000"]
            .map(|text| text.parse::<SocketAddr>().expect("an address"));
        let line = RelayedCandidate::new(1, relayed, mapped).to_string();
        assert_eq!(
            line,
            "candidate:relay1 1 udp 16776959 203.0.113.9 50000 typ relay raddr 198.51.100.1 rport 4000"
        );
        match RemoteCandidate::parse(&line) {
            Ok(Trickled::Candidate(read)) => {
                assert_eq!(
                    (read.kind, read.address),
                    (CandidateKind::Relayed, CandidateAddress::Ip(relayed))
                );
            }
            other => panic!("{other:?}"),
        }
    }
}
