//! What is counted, for operators: answers, drops with their reasons, and what was relayed.

use crate::client::Client;
use crate::refusal::ErrorCode;
use crate::stun::Method;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// Why something was dropped without an answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DropReason {
    /// It is no STUN message and no ChannelData, or a broken one.
    Malformed,
    /// A message that no client sends to a server, or of a method that is not served.
    NotForServers,
    /// An answer before authentication would have gone past its rate: a flood, or a forged sender.
    UnauthenticatedLimit,
    /// Data of a client that has no allocation.
    NoAllocation,
    /// Data on a channel that is not bound.
    NoChannel,
    /// Data for or of a peer without a permission.
    NoPermission,
    /// Data for or of a peer that is never relayed to.
    PeerForbidden,
    /// Data past the allocation's bandwidth.
    Bandwidth,
    /// Data of a peer that is too long for its framing.
    TooLong,
    /// The system, or a client's connection, took no more.
    SendBufferFull,
    /// A connection past the number that may be open.
    TooManyConnections,
}

impl DropReason {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::Malformed,
        Self::NotForServers,
        Self::UnauthenticatedLimit,
        Self::NoAllocation,
        Self::NoChannel,
        Self::NoPermission,
        Self::PeerForbidden,
        Self::Bandwidth,
        Self::TooLong,
        Self::SendBufferFull,
        Self::TooManyConnections,
    ];

    /// As in metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::NotForServers => "not_for_servers",
            Self::UnauthenticatedLimit => "unauthenticated_limit",
            Self::NoAllocation => "no_allocation",
            Self::NoChannel => "no_channel",
            Self::NoPermission => "no_permission",
            Self::PeerForbidden => "peer_forbidden",
            Self::Bandwidth => "bandwidth",
            Self::TooLong => "too_long",
            Self::SendBufferFull => "send_buffer_full",
            Self::TooManyConnections => "too_many_connections",
        }
    }
}

/// Packets, and bytes of their payload.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Traffic {
    /// How many.
    pub packets: u64,
    /// Their payload, without framing.
    pub bytes: u64,
}

impl Traffic {
    pub(crate) fn add(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }
}

/// Everything since the start.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    answers: BTreeMap<(Method, Option<ErrorCode>), u64>,
    drops: [u64; DropReason::ALL.len()],
    /// From clients to peers.
    pub to_peers: Traffic,
    /// From peers to clients.
    pub to_clients: Traffic,
}

impl Counts {
    /// Answers by method and code; successes have none. Those that never happened are left out.
    pub fn answers(&self) -> impl Iterator<Item = (Method, Option<ErrorCode>, u64)> {
        self.answers.iter().map(|((method, code), count)| (*method, *code, *count))
    }

    /// How often something was dropped for this reason.
    #[must_use]
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops.get(reason as usize).copied().unwrap_or_default()
    }

    pub(crate) fn answer(&mut self, method: Method, code: Option<ErrorCode>) {
        *self.answers.entry((method, code)).or_default() += 1;
    }

    pub(crate) fn drop(&mut self, reason: DropReason, count: u64) {
        if let Some(counter) = self.drops.get_mut(reason as usize) {
            *counter += count;
        }
    }
}

/// A server at one moment.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TurnSnapshot {
    /// Relayed addresses are given to so many clients.
    pub allocations: usize,
    /// TCP and TLS connections.
    pub connections: usize,
    /// Since the start.
    pub counts: Counts,
}

/// One allocation, for the administrator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AllocationView {
    /// Whose.
    pub client: Client,
    /// The pseudonym in its credentials.
    pub user: String,
    /// Its relayed addresses, one of each family at most.
    pub relayed: Vec<SocketAddr>,
    /// How long until it ends unless it is refreshed.
    pub expires_in: Duration,
    /// Peers that may send.
    pub permissions: usize,
    /// Peers with a channel.
    pub channels: usize,
    /// To peers.
    pub to_peers: Traffic,
    /// From peers.
    pub to_clients: Traffic,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_counter_and_a_label_of_its_own() {
        let mut counts = Counts::default();
        for (place, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
            counts.drop(reason, place as u64 + 1);
        }
        for (place, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(counts.dropped(reason), place as u64 + 1, "{}", reason.label());
        }
    }
}
