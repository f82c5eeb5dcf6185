//! What a server is told at its start.

use crate::client::Client;
use crate::credential::Credentials;
use crate::peer::PeerPolicy;
use crate::rate::Rate;
use crate::stun::Family;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Settings of a [`crate::Server`].
#[derive(Clone, Debug)]
pub struct TurnConfig {
    /// What clients are told that their credentials are for. Short: it is in every challenge.
    pub realm: String,
    /// Who may.
    pub credentials: Credentials,
    /// What relayed addresses are made of.
    pub relay: RelayAddresses,
    /// To whom.
    pub peers: PeerPolicy,
    /// How many, how much, how long.
    pub limits: TurnLimits,
}

/// What relayed addresses are made of.
#[derive(Clone, Debug)]
pub struct RelayAddresses {
    /// The addresses that clients are told, one of a family counts. Empty: the one that the client came to, or
    /// for the other family the first of `host`.
    pub external: Vec<IpAddr>,
    /// This machine's addresses.
    pub host: Vec<IpAddr>,
    /// The ports, drawn by lot: who knows one relayed address can guess no other.
    pub ports: RangeInclusive<u16>,
}

impl RelayAddresses {
    /// The address of this family for this client; `None` where there is none.
    pub(crate) fn address(&self, family: Family, client: &Client) -> Option<IpAddr> {
        let of_family = |ips: &[IpAddr]| ips.iter().copied().find(|ip| Family::of(*ip) == family);
        if !self.external.is_empty() {
            return of_family(&self.external);
        }
        let met = Some(client.local.ip()).filter(|ip| Family::of(*ip) == family && !ip.is_unspecified());
        met.or_else(|| of_family(&self.host))
    }
}

/// The bounds of a server.
#[derive(Clone, Copy, Debug)]
pub struct TurnLimits {
    /// Allocations at a time; further ones are refused with 508. Default 2000.
    pub allocations_max: usize,
    /// Of one user; further ones are refused with 486. Default 40: a browser makes one for each of its network
    /// interfaces, each way to reach the server and each peer connection.
    pub allocations_per_user_max: usize,
    /// From one address (IPv6: one /64); further ones are refused with 486. Default 400: an office behind one
    /// address must fit.
    pub allocations_per_address_max: usize,
    /// Peers that one allocation admits; further ones are refused with 508. Default 64.
    pub permissions_max: usize,
    /// Channels of one allocation; further ones are refused with 508. Default 64.
    pub channels_max: usize,
    /// What one allocation may carry, in bytes, each way; what is over is dropped. Default 3 MB a second (24
    /// Mbit/s) and 1.5 MB at once.
    pub bandwidth: Rate,
    /// Bytes by which answers over UDP before authentication may be longer than what they answer, for each
    /// address. What is over is not answered. Default 4 KiB a second, 32 KiB at once. A challenge is 112 bytes
    /// and a browser's first request 28 to 60, so none at all would let nobody in.
    pub unauthenticated: Rate,
    /// How long an allocation lasts at most without a refresh. Default one hour.
    pub lifetime_max: Duration,
    /// How long a nonce is valid. Default one hour.
    pub nonce_lifetime: Duration,
    /// TCP and TLS connections at a time; further ones are closed. Default 1024.
    pub connections_max: usize,
    /// From one address. Default 256.
    pub connections_per_address_max: usize,
}

impl Default for TurnLimits {
    fn default() -> Self {
        Self {
            allocations_max: 2_000,
            allocations_per_user_max: 40,
            allocations_per_address_max: 400,
            permissions_max: 64,
            channels_max: 64,
            bandwidth: Rate { per_second: 3_000_000, at_once: 1_500_000 },
            unauthenticated: Rate { per_second: 4_096, at_once: 32_768 },
            lifetime_max: Duration::from_hours(1),
            nonce_lifetime: Duration::from_hours(1),
            connections_max: 1_024,
            connections_per_address_max: 256,
        }
    }
}
