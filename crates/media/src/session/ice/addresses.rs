//! The peer's addresses that have passed an integrity check.

use super::Base;
use crate::pipeline::TransportProtocol;
use std::net::SocketAddr;
use std::time::Instant;

/// Addresses of one peer. Phones with two networks and both IP versions have about four; NAT rebinding
/// adds some over time.
pub(super) const ADDRESSES_MAX: usize = 16;

/// One pair of addresses on which the peer proved that it knows our password.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validated {
    pub(super) local: Base,
    pub(super) remote: SocketAddr,
    pub(super) checked: Instant,
    pub(super) nominated: Option<Instant>,
}

impl Validated {
    /// Over UDP the remote address says who it is, whichever socket of ours it sends to. A TCP connection has
    /// two ends, and another one of the same peer has proved nothing.
    fn is_at(&self, local: Base, remote: SocketAddr) -> bool {
        let is_same = match local.protocol {
            TransportProtocol::Udp => self.local.protocol == local.protocol,
            TransportProtocol::Tcp => self.local == local,
        };
        is_same && self.remote == remote
    }
}

/// What a check changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    None,
    Added,
    /// Added in the place of the stalest.
    Displaced(Base, SocketAddr),
}

/// At most [`ADDRESSES_MAX`]; beyond it a new one displaces the stalest that is not in use.
#[derive(Debug, Default)]
pub(super) struct Addresses(Vec<Validated>);

impl Addresses {
    /// Notes a valid check; `in_use` is the selected pair, which is never displaced.
    pub(super) fn note(
        &mut self,
        now: Instant,
        local: Base,
        remote: SocketAddr,
        in_use: Option<(Base, SocketAddr)>,
    ) -> Change {
        if let Some(known) = self.find_mut(local, remote) {
            known.checked = now;
            known.local = local;
            return Change::None;
        }
        let mut change = Change::Added;
        if self.0.len() >= ADDRESSES_MAX {
            let is_free =
                |known: &Validated| !in_use.is_some_and(|(local, remote)| known.is_at(local, remote));
            let candidates = self.0.iter().enumerate().filter(|(_, known)| is_free(known));
            if let Some(place) = candidates.min_by_key(|(_, known)| known.checked).map(|(place, _)| place) {
                let stale = self.0.remove(place);
                change = Change::Displaced(stale.local, stale.remote);
            }
        }
        self.0.push(Validated { local, remote, checked: now, nominated: None });
        change
    }

    /// Forgets what was seen there.
    pub(super) fn remove(&mut self, local: Base, remote: SocketAddr) {
        self.0.retain(|known| !known.is_at(local, remote));
    }

    pub(super) fn find(&self, local: Base, remote: SocketAddr) -> Option<&Validated> {
        self.0.iter().find(|known| known.is_at(local, remote))
    }

    pub(super) fn find_mut(&mut self, local: Base, remote: SocketAddr) -> Option<&mut Validated> {
        self.0.iter_mut().find(|known| known.is_at(local, remote))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Validated> {
        self.0.iter()
    }
}
