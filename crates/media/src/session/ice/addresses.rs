//! The peer's addresses that have passed an integrity check.

use std::net::SocketAddr;
use std::time::Instant;

/// Addresses of one peer. Phones with two networks and both IP versions have about four; NAT rebinding
/// adds some over time.
pub(super) const ADDRESSES_MAX: usize = 16;

/// One pair of addresses on which the peer proved that it knows our password.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validated {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) checked: Instant,
    pub(super) nominated: Option<Instant>,
}

/// What a check changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    None,
    Added,
    /// Added in the place of the stalest.
    Displaced(SocketAddr),
}

/// At most [`ADDRESSES_MAX`]; beyond it a new one displaces the stalest that is not in use.
#[derive(Debug, Default)]
pub(super) struct Addresses(Vec<Validated>);

impl Addresses {
    /// Notes a valid check; `in_use` is the selected remote address, which is never displaced.
    pub(super) fn note(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        in_use: Option<SocketAddr>,
    ) -> Change {
        if let Some(known) = self.find_mut(remote) {
            known.checked = now;
            known.local = local;
            return Change::None;
        }
        let mut change = Change::Added;
        if self.0.len() >= ADDRESSES_MAX {
            let candidates = self.0.iter().enumerate().filter(|(_, known)| Some(known.remote) != in_use);
            if let Some(place) = candidates.min_by_key(|(_, known)| known.checked).map(|(place, _)| place) {
                change = Change::Displaced(self.0.remove(place).remote);
            }
        }
        self.0.push(Validated { local, remote, checked: now, nominated: None });
        change
    }

    pub(super) fn find(&self, remote: SocketAddr) -> Option<&Validated> {
        self.0.iter().find(|known| known.remote == remote)
    }

    pub(super) fn find_mut(&mut self, remote: SocketAddr) -> Option<&mut Validated> {
        self.0.iter_mut().find(|known| known.remote == remote)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Validated> {
        self.0.iter()
    }
}
