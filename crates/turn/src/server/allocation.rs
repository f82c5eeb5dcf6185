//! One client's relayed addresses, and which peers may use them.

use crate::client::{AddressBlock, Client};
use crate::count::Traffic;
use crate::rate::Bucket;
use crate::refusal::ErrorCode;
use crate::stun::{Family, Key, TransactionId};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// RFC 8656 §9: how long a permission lasts.
const PERMISSION: Duration = Duration::from_secs(300);
/// RFC 8656 §12: how long a channel lasts.
const CHANNEL: Duration = Duration::from_secs(600);

/// Peers whose place differs from their name that one client's last names are known of; of further ones the first
/// name is taken that it admits.
const PLACES_MAX: usize = 64;

/// A place in the table of allocations.
pub(super) struct Slot {
    pub(super) life: u64,
    pub(super) client: Client,
    pub(super) user: String,
    pub(super) block: AddressBlock,
    /// As in the table of deadlines.
    pub(super) expires_at: Instant,
    pub(super) state: State,
}

pub(super) enum State {
    /// Its sockets are being opened.
    Opening(Box<Opening>),
    Open(Box<Allocation>),
}

/// What the answer to an Allocate waits for.
pub(super) struct Opening {
    pub(super) username: String,
    pub(super) transaction: TransactionId,
    pub(super) key: Key,
    pub(super) has_fingerprint: bool,
    pub(super) lifetime_s: u32,
    pub(super) is_even: bool,
    /// What is being opened, and what after it. The first decides over the request, the second is a bonus.
    pub(super) wanted: Vec<(Family, IpAddr)>,
    /// Ports that may still be tried for it.
    pub(super) tries_left: u32,
    pub(super) relays: Vec<Relay>,
    pub(super) refused: Option<(Family, ErrorCode)>,
}

/// A relayed address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relay {
    pub(super) family: Family,
    pub(super) address: SocketAddr,
}

/// What has been granted.
pub(super) struct Allocation {
    pub(super) username: String,
    /// Of the Allocate, and its answer: it may come again.
    pub(super) transaction: TransactionId,
    pub(super) answer: Vec<u8>,
    pub(super) relays: Vec<Relay>,
    pub(super) up: Bucket,
    pub(super) down: Bucket,
    pub(super) to_peers: Traffic,
    pub(super) to_clients: Traffic,
    permissions: Vec<Permission>,
    channels: Vec<Channel>,
    /// Where the client last sent to, and by which name: one for each place, at most [`PLACES_MAX`].
    sent: Vec<(SocketAddr, SocketAddr)>,
}

#[derive(Clone, Copy)]
struct Permission {
    ip: IpAddr,
    until: Instant,
}

/// A peer with a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    pub(super) number: u16,
    /// As the client names it.
    pub(super) peer: SocketAddr,
    /// Where it is.
    pub(super) route: SocketAddr,
    until: Instant,
}

impl Allocation {
    pub(super) fn new(now: Instant, opening: &Opening, answer: Vec<u8>) -> Self {
        Self {
            username: opening.username.clone(),
            transaction: opening.transaction,
            answer,
            relays: opening.relays.clone(),
            up: Bucket::new(now),
            down: Bucket::new(now),
            to_peers: Traffic::default(),
            to_clients: Traffic::default(),
            permissions: Vec::new(),
            channels: Vec::new(),
            sent: Vec::with_capacity(PLACES_MAX),
        }
    }

    pub(super) fn has_family(&self, family: Family) -> bool {
        self.relays.iter().any(|relay| relay.family == family)
    }

    /// Admits these addresses, all or none (RFC 8656 §10.2).
    pub(super) fn permit(&mut self, now: Instant, ips: &[IpAddr], count_max: usize) -> Result<(), ErrorCode> {
        self.permissions.retain(|permission| permission.until > now);
        let is_known = |ip: &IpAddr, known: &[Permission]| known.iter().any(|entry| entry.ip == *ip);
        let mut fresh: Vec<IpAddr> =
            ips.iter().copied().filter(|ip| !is_known(ip, &self.permissions)).collect();
        fresh.sort_unstable();
        fresh.dedup();
        if self.permissions.len() + fresh.len() > count_max {
            return Err(ErrorCode::InsufficientCapacity);
        }
        let until = now + PERMISSION;
        for permission in self.permissions.iter_mut().filter(|permission| ips.contains(&permission.ip)) {
            permission.until = until;
        }
        self.permissions.extend(fresh.into_iter().map(|ip| Permission { ip, until }));
        Ok(())
    }

    pub(super) fn is_permitted(&self, now: Instant, ip: IpAddr) -> bool {
        self.permissions.iter().any(|permission| permission.ip == ip && permission.until > now)
    }

    /// Gives `peer` this number, or keeps it for it, and admits the peer.
    pub(super) fn bind(
        &mut self,
        now: Instant,
        (number, peer, route): (u16, SocketAddr, SocketAddr),
        (channels_max, permissions_max): (usize, usize),
    ) -> Result<(), ErrorCode> {
        self.channels.retain(|channel| channel.until > now);
        let place = self.channels.iter().position(|channel| channel.number == number || channel.peer == peer);
        match place.and_then(|place| self.channels.get(place)) {
            // RFC 8656 §12.2: neither another peer for the number, nor another number for the peer.
            Some(known) if known.number != number || known.peer != peer => return Err(ErrorCode::BadRequest),
            None if self.channels.len() >= channels_max => return Err(ErrorCode::InsufficientCapacity),
            _ => {}
        }
        self.permit(now, &[peer.ip()], permissions_max)?;
        let channel = Channel { number, peer, route, until: now + CHANNEL };
        match place.and_then(|place| self.channels.get_mut(place)) {
            Some(known) => *known = channel,
            None => self.channels.push(channel),
        }
        Ok(())
    }

    /// The channel of this number.
    pub(super) fn channel(&self, now: Instant, number: u16) -> Option<Channel> {
        self.channels.iter().find(|channel| channel.number == number && channel.until > now).copied()
    }

    /// The channel of this peer.
    pub(super) fn channel_of(&self, now: Instant, peer: SocketAddr) -> Option<Channel> {
        self.channels.iter().find(|channel| channel.peer == peer && channel.until > now).copied()
    }

    /// The client has sent to the peer that it calls `peer` and that is at `route`.
    pub(super) fn note_sent(&mut self, peer: SocketAddr, route: SocketAddr) {
        if let Some((_, name)) = self.sent.iter_mut().find(|(place, _)| *place == route) {
            *name = peer;
        } else if peer != route && self.sent.len() < PLACES_MAX {
            // Where both are the same, nothing need be remembered.
            self.sent.push((route, peer));
        }
    }

    /// Which of its `names` this client knows the peer at `from` by: the one that it last sent to, else the first
    /// that it admits. `None`: it admits none.
    pub(super) fn peer_at(&self, now: Instant, from: SocketAddr, names: &[SocketAddr]) -> Option<SocketAddr> {
        let last = self.sent.iter().find(|(place, _)| *place == from).map(|(_, name)| *name);
        let mut known = last.filter(|name| names.contains(name)).into_iter().chain(names.iter().copied());
        known.find(|name| self.is_permitted(now, name.ip()))
    }

    /// How many peers are admitted, and how many have a channel.
    pub(super) fn peers(&self, now: Instant) -> (usize, usize) {
        (
            self.permissions.iter().filter(|permission| permission.until > now).count(),
            self.channels.iter().filter(|channel| channel.until > now).count(),
        )
    }
}
