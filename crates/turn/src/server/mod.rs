//! The server as a machine: messages and time go in, answers and wishes for sockets come out. It has no socket,
//! no clock and no task; the same seed and the same input give the same output.
//!
//! `authenticate.rs` says who asks, `allocate.rs` gives out relayed addresses, `keep.rs` is what clients do with
//! them, `relay.rs` is the way of data.

mod allocate;
mod allocation;
mod authenticate;
mod keep;
mod relay;
#[cfg(test)]
mod tests;

pub use relay::{ToClient, ToPeer};

use crate::client::{AddressBlock, AllocationId, Client, RelayId, Transport};
use crate::config::TurnConfig;
use crate::count::{AllocationView, Counts, DropReason, TurnSnapshot};
use crate::nonce::Nonces;
use crate::peer::PeerPolicy;
use crate::rate::AddressLimiter;
use crate::refusal::ErrorCode;
use crate::stun::{Answer, Crypto, Family, Key, Malformed, Method, Request, SendIndication};
use allocation::{Slot, State};
use rand::rngs::StdRng;
use slab::Slab;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// When something happens: on the steady clock, which counts, and in seconds since 1970, for credentials.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The clock of lifetimes.
    pub steady: Instant,
    /// The clock of credentials.
    pub unix_s: u64,
}

/// What a server wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Send this message.
    Reply {
        /// To whom.
        client: Client,
        /// The whole message.
        message: Vec<u8>,
    },
    /// Open a UDP socket for a relayed address on this port, and tell [`Server::handle_relay_opened`] how it went.
    OpenRelay {
        /// Its name.
        relay: RelayId,
        /// IPv4 or IPv6.
        family: Family,
        /// The port on all addresses of the family.
        port: u16,
    },
    /// Close that socket.
    CloseRelay {
        /// Its name.
        relay: RelayId,
    },
}

/// A TURN server without its sockets.
pub struct Server {
    config: TurnConfig,
    crypto: Crypto,
    nonces: Nonces,
    random: StdRng,
    slots: Slab<Slot>,
    lives: u64,
    ids_by_client: HashMap<Client, AllocationId>,
    /// When each allocation ends.
    deadlines: BTreeSet<(Instant, AllocationId)>,
    allocations_by_user: BTreeMap<String, usize>,
    allocations_by_block: BTreeMap<AddressBlock, usize>,
    unauthenticated: AddressLimiter,
    counts: Counts,
    output: VecDeque<Output>,
}

/// How a request ends.
enum Outcome {
    /// With this answer, signed.
    Success(Answer),
    /// With this one, which was made before.
    Again(Vec<u8>),
    /// Not yet.
    Later,
}

impl Server {
    /// A server that begins now. `random` makes ports, nonces and transaction identifiers: seed it well.
    #[must_use]
    pub fn new(config: TurnConfig, now: Instant, mut random: StdRng) -> Self {
        Self {
            crypto: Crypto::default(),
            nonces: Nonces::new(&mut random, now, config.limits.nonce_lifetime),
            random,
            slots: Slab::new(),
            lives: 0,
            ids_by_client: HashMap::new(),
            deadlines: BTreeSet::new(),
            allocations_by_user: BTreeMap::new(),
            allocations_by_block: BTreeMap::new(),
            unauthenticated: AddressLimiter::new(config.limits.unauthenticated),
            counts: Counts::default(),
            output: VecDeque::new(),
            config,
        }
    }

    /// A message of a client: a datagram, or one message of a stream. What is to be relayed is returned; answers
    /// come from [`Self::poll_output`].
    pub fn handle_client<'a>(
        &mut self,
        now: Moment,
        client: Client,
        message: &'a [u8],
    ) -> Option<ToPeer<'a>> {
        match message.first() {
            // RFC 8656 §12: the first two bits tell the two apart, the rest is neither.
            Some(0x40..=0x7f) => return self.relay_channel_data(now.steady, client, message),
            Some(0x00..=0x3f) if SendIndication::is_meant(message) => {
                return self.relay_send_indication(now.steady, client, message);
            }
            Some(0x00..=0x3f) => match Request::parse(message) {
                Ok(request) => self.handle_request(now, client, &request, message.len()),
                Err(Malformed::NotStun) => self.counts.drop(DropReason::Malformed, 1),
                Err(Malformed::NotForServers) => self.counts.drop(DropReason::NotForServers, 1),
            },
            _ => self.counts.drop(DropReason::Malformed, 1),
        }
        None
    }

    /// Peers and external addresses are others from now on. Allocations keep their relayed addresses.
    pub fn handle_announced(&mut self, peers: PeerPolicy, external: Vec<IpAddr>) {
        self.config.peers = peers;
        self.config.relay.external = external;
    }

    /// A client's stream has ended, and its allocation with it (RFC 8656 §6).
    pub fn handle_disconnected(&mut self, client: Client) {
        if let Some(id) = self.ids_by_client.get(&client).copied() {
            self.release(id);
        }
    }

    /// Ends what has run out.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, id)) = self.deadlines.first().copied()
            && at <= now
        {
            self.release(id);
        }
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// What has been dropped outside of the machine.
    pub fn count_dropped(&mut self, reason: DropReason, count: u64) {
        self.counts.drop(reason, count);
    }

    /// Whether this client has a relayed address, or waits for one.
    #[must_use]
    pub fn has_allocation(&self, client: &Client) -> bool {
        self.ids_by_client.contains_key(client)
    }

    /// Its gauges and counters.
    #[must_use]
    pub fn snapshot(&self) -> TurnSnapshot {
        TurnSnapshot { allocations: self.slots.len(), connections: 0, counts: self.counts.clone() }
    }

    /// The bounds in force.
    #[must_use]
    pub fn limits(&self) -> crate::TurnLimits {
        self.config.limits
    }

    /// The first `limit` allocations, those first that end first.
    #[must_use]
    pub fn allocations(&self, now: Instant, limit: usize) -> Vec<AllocationView> {
        let slots = self.deadlines.iter().filter_map(|(_, id)| self.slots.get(id.slot));
        let views = slots.filter_map(|slot| {
            let State::Open(allocation) = &slot.state else { return None };
            let (permissions, channels) = allocation.peers(now);
            Some(AllocationView {
                client: slot.client,
                user: slot.user.clone(),
                relayed: allocation.relays.iter().map(|relay| relay.address).collect(),
                expires_in: slot.expires_at.saturating_duration_since(now),
                permissions,
                channels,
                to_peers: allocation.to_peers,
                to_clients: allocation.to_clients,
            })
        });
        views.take(limit).collect()
    }

    fn handle_request(&mut self, now: Moment, client: Client, request: &Request<'_>, length: usize) {
        if request.method == Method::Binding {
            self.answer_binding(now.steady, client, request, length);
            return;
        }
        let caller = match self.authenticate(now, client, request) {
            Ok(caller) => caller,
            Err(refusal) => return self.refuse_unauthenticated(now.steady, client, request, refusal, length),
        };
        let key = caller.key.clone();
        // RFC 8489 §6.3.1: what must be understood is looked at after authentication.
        let outcome = if !request.unknown.is_empty() {
            Err(ErrorCode::UnknownAttribute)
        } else if request.is_bad {
            Err(ErrorCode::BadRequest)
        } else {
            match request.method {
                Method::Allocate => self.allocate(now.steady, client, request, caller),
                Method::Refresh => self.refresh(now.steady, client, request, &caller),
                Method::CreatePermission => self.create_permission(now.steady, client, request, &caller),
                Method::ChannelBind => self.bind_channel(now.steady, client, request, &caller),
                Method::Binding | Method::Send | Method::Data => Ok(Outcome::Later),
            }
        };
        match outcome {
            Ok(Outcome::Success(answer)) => {
                self.counts.answer(request.method, None);
                let message = answer.finish(&self.crypto, Some(&key), request.has_fingerprint);
                self.output.push_back(Output::Reply { client, message });
            }
            Ok(Outcome::Again(message)) => self.output.push_back(Output::Reply { client, message }),
            Ok(Outcome::Later) => {}
            Err(code) => self.refuse(client, request, code, &key),
        }
    }

    /// An error whose receiver is known.
    fn refuse(&mut self, client: Client, request: &Request<'_>, code: ErrorCode, key: &Key) {
        self.counts.answer(request.method, Some(code));
        let mut answer = Answer::error(request.method, request.transaction, code);
        if code == ErrorCode::UnknownAttribute {
            answer.unknown_attributes(&request.unknown);
        }
        let message = answer.finish(&self.crypto, Some(key), request.has_fingerprint);
        self.output.push_back(Output::Reply { client, message });
    }

    fn answer_binding(&mut self, now: Instant, client: Client, request: &Request<'_>, length: usize) {
        let (code, answer) = if request.unknown.is_empty() {
            let mut answer = Answer::success(Method::Binding, request.transaction);
            answer.mapped_address(client.remote);
            (None, answer)
        } else {
            let code = ErrorCode::UnknownAttribute;
            let mut answer = Answer::error(Method::Binding, request.transaction, code);
            answer.unknown_attributes(&request.unknown);
            (Some(code), answer)
        };
        let message = answer.finish(&self.crypto, None, request.has_fingerprint);
        self.reply_unauthenticated(now, client, (Method::Binding, code), message, length);
    }

    /// Sends an answer to somebody who has proved nothing: over UDP the sender's address may be forged, so what
    /// answers are longer than what they answer is limited for each address.
    fn reply_unauthenticated(
        &mut self,
        now: Instant,
        client: Client,
        (method, code): (Method, Option<ErrorCode>),
        message: Vec<u8>,
        request_length: usize,
    ) {
        // Each answer costs something, so that a flood of long requests is not answered without end either.
        let excess = message.len().saturating_sub(request_length).max(ANSWER_COST) as u64;
        let block = AddressBlock::of(client.remote.ip());
        if client.transport == Transport::Udp && !self.unauthenticated.take(now, block, excess) {
            self.counts.drop(DropReason::UnauthenticatedLimit, 1);
            return;
        }
        self.counts.answer(method, code);
        self.output.push_back(Output::Reply { client, message });
    }

    /// Ends an allocation and everything of it.
    fn release(&mut self, id: AllocationId) {
        let is_current = self.slots.get(id.slot).is_some_and(|slot| slot.life == id.life);
        if !is_current {
            return;
        }
        let slot = self.slots.remove(id.slot);
        self.deadlines.remove(&(slot.expires_at, id));
        self.ids_by_client.remove(&slot.client);
        decrement(&mut self.allocations_by_user, &slot.user);
        decrement(&mut self.allocations_by_block, &slot.block);
        let families: Vec<Family> = match &slot.state {
            State::Opening(opening) => {
                let opened = opening.relays.iter().map(|relay| relay.family);
                opened.chain(opening.wanted.first().map(|(family, _)| *family)).collect()
            }
            State::Open(allocation) => allocation.relays.iter().map(|relay| relay.family).collect(),
        };
        for family in families {
            self.output.push_back(Output::CloseRelay { relay: RelayId { allocation: id, family } });
        }
    }

    /// Moves the end of an allocation.
    fn extend(&mut self, id: AllocationId, until: Instant) {
        if let Some(slot) = self.slots.get_mut(id.slot) {
            self.deadlines.remove(&(slot.expires_at, id));
            slot.expires_at = until;
            self.deadlines.insert((until, id));
        }
    }

    fn slot(&mut self, client: &Client) -> Option<(AllocationId, &mut Slot)> {
        let id = *self.ids_by_client.get(client)?;
        Some((id, self.slots.get_mut(id.slot)?))
    }

    /// Where data for this peer is sent; `None`, counted, where it must not be.
    fn route(&mut self, peer: SocketAddr) -> Option<SocketAddr> {
        let route = self.config.peers.route(peer);
        if route.is_none() {
            self.counts.drop(DropReason::PeerForbidden, 1);
        }
        route
    }
}

/// What an answer before authentication costs at least, in bytes.
const ANSWER_COST: usize = 16;

fn decrement<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
