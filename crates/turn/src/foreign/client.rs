//! A client of somebody else's TURN server, sans I/O: one allocation, kept for as long as it is wanted, and made anew
//! when it is lost.
//!
//! Peers are permitted by their address as soon as they are named. What goes to one travels in Send indications until
//! a channel is bound for it (RFC 8656 §12).

use crate::stun::{
    Ask, CHANNEL_HEADER, ChannelData, Crypto, Key, KeyKind, Method, Reply, TransactionId, data_of,
};
use rand::rngs::StdRng;
use rand::{CryptoRng, RngExt, SeedableRng};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Peers' addresses that are permitted at the same time; the one longest unused gives way.
const PEERS_MAX: usize = 512;
/// Peers with a channel, at addresses and ports of theirs; further ones go without.
const CHANNELS_MAX: usize = 512;
/// RFC 8656 §12: the first channel number, and how many there are.
const CHANNEL_FIRST: u16 = 0x4000;
/// RFC 8489 §6.2.1: the first wait for an answer; each next one is twice as long.
const RTO: Duration = Duration::from_millis(500);
/// Requests before the server counts as silent, after 15.5 s.
const SENDINGS_MAX: u32 = 5;
/// What is asked for; servers may give another lifetime.
const LIFETIME_S: u32 = 600;
/// RFC 8656 §9: a permission lasts five minutes. Binding a channel again renews it, too.
const RENEWAL: Duration = Duration::from_secs(240);
/// A peer that nobody names and that sends nothing for so long is let go.
const IDLE_MAX: Duration = Duration::from_secs(600);
/// The wait after a failure doubles between these.
const RETRY_MIN: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_secs(300);
/// Challenges that one request may meet: a first one, and nonces that run out.
const CHALLENGES_MAX: u32 = 3;

/// User name and password at the server. Never shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Login {
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({}, hidden)", self.username)
    }
}

/// The addresses of an allocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Relayed {
    /// Where peers send to.
    pub(crate) address: SocketAddr,
    /// Where the server sees us.
    pub(crate) mapped: SocketAddr,
}

/// Why there is no allocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Loss {
    Silent,
    /// With the server's code.
    Refused(u16),
}

/// What became of the allocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RelayEvent {
    Ready(Relayed),
    Lost(Loss),
    /// It was given up, as asked.
    Closed,
}

pub(crate) struct RelayClient {
    login: Login,
    crypto: Crypto,
    rng: StdRng,
    challenge: Option<Challenge>,
    stage: Stage,
    failed: u32,
    pending: BTreeMap<TransactionId, Pending>,
    peers: BTreeMap<IpAddr, Permission>,
    channels: BTreeMap<SocketAddr, Channel>,
    by_number: BTreeMap<u16, SocketAddr>,
    /// How many channels were bound so far: a number is used again after all others.
    bound: u16,
    transmits: VecDeque<Vec<u8>>,
    events: VecDeque<RelayEvent>,
}

struct Challenge {
    realm: String,
    nonce: String,
    key: Key,
}

enum Stage {
    Resting { until: Instant },
    Allocating,
    Ready { refresh: Instant },
    Closing,
    Closed,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Want {
    Allocate,
    Refresh { lifetime_s: u32 },
    Permit(IpAddr),
    Bind(SocketAddr),
}

struct Pending {
    want: Want,
    message: Vec<u8>,
    sendings: u32,
    due: Instant,
    challenges: u32,
}

struct Permission {
    used: Instant,
    /// When to ask for it; it is asked for at once, and again and again.
    due: Instant,
}

struct Channel {
    number: u16,
    is_bound: bool,
    due: Instant,
}

impl RelayClient {
    pub(crate) fn new(login: Login, now: Instant, rng: &mut impl CryptoRng) -> Self {
        Self {
            login,
            crypto: Crypto::default(),
            rng: StdRng::from_seed(rng.random()),
            challenge: None,
            stage: Stage::Resting { until: now },
            failed: 0,
            pending: BTreeMap::new(),
            peers: BTreeMap::new(),
            channels: BTreeMap::new(),
            by_number: BTreeMap::new(),
            bound: 0,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Lets this peer send to us.
    pub(crate) fn permit(&mut self, now: Instant, peer: IpAddr) {
        if let Some(known) = self.peers.get_mut(&peer) {
            known.used = now;
            return;
        }
        if self.peers.len() >= PEERS_MAX
            && let Some(stalest) = self.peers.iter().min_by_key(|(_, known)| known.used).map(|(ip, _)| *ip)
        {
            self.peers.remove(&stalest);
        }
        self.peers.insert(peer, Permission { used: now, due: now });
        self.handle_timeout(now);
    }

    /// Takes a message of the server. What it carries of a peer's is returned with its place in the message.
    pub(crate) fn handle_message<'a>(
        &mut self,
        now: Instant,
        message: &'a [u8],
    ) -> Option<(SocketAddr, &'a [u8])> {
        let from_peer = match message.first()? {
            0x40..=0x7f => {
                let ChannelData { number, payload } = ChannelData::parse(message)?;
                (*self.by_number.get(&number)?, payload)
            }
            _ => match data_of(message) {
                Some(from_peer) => from_peer,
                None => {
                    self.handle_reply(now, message);
                    return None;
                }
            },
        };
        // Nobody else than whom we permitted can have sent it, unless the server invents it.
        self.peers.get_mut(&from_peer.0.ip())?.used = now;
        Some(from_peer)
    }

    /// Writes what carries a datagram to a peer into `message`; `false` while there is no allocation.
    pub(crate) fn wrap(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        payload: &[u8],
        message: &mut Vec<u8>,
    ) -> bool {
        let Stage::Ready { .. } = self.stage else { return false };
        let Ok(length) = u16::try_from(payload.len()) else { return false };
        message.clear();
        if let Some(channel) = self.channels.get(&peer).filter(|channel| channel.is_bound) {
            message.reserve(CHANNEL_HEADER + payload.len());
            message.extend_from_slice(&channel.number.to_be_bytes());
            message.extend_from_slice(&length.to_be_bytes());
            message.extend_from_slice(payload);
            return true;
        }
        self.bind(now, peer);
        *message = Ask::send(self.rng.random(), peer, payload);
        true
    }

    /// Gives the allocation up. [`RelayEvent::Closed`] follows with the server's answer, or its silence.
    pub(crate) fn close(&mut self, now: Instant) {
        self.pending.clear();
        if matches!(self.stage, Stage::Ready { .. }) {
            self.stage = Stage::Closing;
            self.ask(now, Want::Refresh { lifetime_s: 0 }, 0);
        } else {
            self.end();
        }
    }

    /// Does what is due by `now`.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.repeat(now);
        match self.stage {
            Stage::Resting { until } if until <= now => {
                self.stage = Stage::Allocating;
                self.ask(now, Want::Allocate, 0);
            }
            Stage::Ready { refresh } => {
                if refresh <= now {
                    self.stage = Stage::Ready { refresh: now + RENEWAL };
                    self.ask(now, Want::Refresh { lifetime_s: LIFETIME_S }, 0);
                }
                self.renew(now);
            }
            _ => {}
        }
    }

    /// When [`Self::handle_timeout`] is due next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let pending = self.pending.values().map(|pending| pending.due).min();
        let stage = match self.stage {
            Stage::Resting { until } => Some(until),
            Stage::Ready { refresh } => {
                let peers = self.peers.values().map(|known| known.due);
                let channels = self.channels.values().map(|channel| channel.due);
                peers.chain(channels).chain([refresh]).min()
            }
            Stage::Allocating | Stage::Closing | Stage::Closed => None,
        };
        [pending, stage].into_iter().flatten().min()
    }

    /// The next message for the server.
    pub(crate) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.transmits.pop_front()
    }

    /// The next event.
    pub(crate) fn poll_event(&mut self) -> Option<RelayEvent> {
        self.events.pop_front()
    }

    fn bind(&mut self, now: Instant, peer: SocketAddr) {
        if self.channels.contains_key(&peer) || self.channels.len() >= CHANNELS_MAX {
            return;
        }
        // RFC 8656 §12: a number stays its peer's for ten minutes and five more after its end; there are 4096, of which
        // one in eight is in use at most.
        let number = CHANNEL_FIRST + self.bound % 4096;
        if self.by_number.contains_key(&number) {
            return;
        }
        self.bound = self.bound.wrapping_add(1);
        self.by_number.insert(number, peer);
        self.channels.insert(peer, Channel { number, is_bound: false, due: now + RENEWAL });
        self.ask(now, Want::Bind(peer), 0);
    }

    /// Permissions and channels that are due are asked for, those of peers long gone are let go.
    fn renew(&mut self, now: Instant) {
        self.peers.retain(|_, known| now.saturating_duration_since(known.used) < IDLE_MAX);
        let peers = &self.peers;
        self.channels.retain(|peer, _| peers.contains_key(&peer.ip()));
        let channels = &self.channels;
        self.by_number.retain(|_, peer| channels.contains_key(peer));
        let mut due: Vec<Want> = Vec::new();
        for (ip, known) in self.peers.iter_mut().filter(|(_, known)| known.due <= now) {
            known.due = now + RENEWAL;
            due.push(Want::Permit(*ip));
        }
        for (peer, channel) in self.channels.iter_mut().filter(|(_, channel)| channel.due <= now) {
            channel.due = now + RENEWAL;
            due.push(Want::Bind(*peer));
        }
        for want in due {
            self.ask(now, want, 0);
        }
    }

    fn ask(&mut self, now: Instant, want: Want, challenges: u32) {
        let transaction: TransactionId = self.rng.random();
        let ask = match want {
            Want::Allocate => Ask::allocate(transaction).lifetime(LIFETIME_S),
            Want::Refresh { lifetime_s } => Ask::new(Method::Refresh, transaction).lifetime(lifetime_s),
            // RFC 8656 §9.1: the port says nothing.
            Want::Permit(ip) => Ask::new(Method::CreatePermission, transaction).peer(SocketAddr::new(ip, 9)),
            Want::Bind(peer) => {
                let Some(channel) = self.channels.get(&peer) else { return };
                Ask::bind(transaction, channel.number, peer)
            }
        };
        let message = match &self.challenge {
            None => ask.unsigned(),
            Some(Challenge { realm, nonce, key }) => {
                ask.credentials(&self.login.username, realm, nonce).signed(&self.crypto, key)
            }
        };
        self.transmits.push_back(message.clone());
        let pending = Pending { want, message, sendings: 1, due: now + RTO, challenges };
        self.pending.insert(transaction, pending);
    }

    fn repeat(&mut self, now: Instant) {
        let mut silent = Vec::new();
        for (transaction, pending) in self.pending.iter_mut().filter(|(_, pending)| pending.due <= now) {
            if pending.sendings >= SENDINGS_MAX {
                silent.push(*transaction);
                continue;
            }
            pending.due = now + RTO * (1 << pending.sendings);
            pending.sendings += 1;
            self.transmits.push_back(pending.message.clone());
        }
        for transaction in silent {
            if let Some(pending) = self.pending.remove(&transaction) {
                self.fail(now, pending.want, Loss::Silent);
            }
        }
    }

    fn handle_reply(&mut self, now: Instant, message: &[u8]) {
        let Some(reply) = Reply::parse(message) else { return };
        let Some(pending) = self.pending.remove(&reply.transaction) else { return };
        match reply.code {
            401 | 438 if pending.challenges < CHALLENGES_MAX && !reply.nonce.is_empty() => {
                // A second 401 with a nonce that has not run out would say that the password is wrong.
                if reply.code == 401 && pending.challenges > 0 {
                    return self.fail(now, pending.want, Loss::Refused(401));
                }
                let realm = match &self.challenge {
                    Some(known) if reply.realm.is_empty() => known.realm.clone(),
                    _ => reply.realm,
                };
                let Login { username, password } = &self.login;
                let bytes = self.crypto.md5_key(username, &realm, password);
                let key = Key { bytes, kind: KeyKind::Sha1 };
                self.challenge = Some(Challenge { realm, nonce: reply.nonce, key });
                self.ask(now, pending.want, pending.challenges + 1);
            }
            0 => {
                let key = self.challenge.as_ref().map(|challenge| &challenge.key);
                if key.is_some_and(|key| !Reply::is_signed(message, &self.crypto, key)) {
                    // Not the server's: the true answer may still come.
                    self.pending.insert(reply.transaction, pending);
                    return;
                }
                self.succeed(now, pending.want, &reply);
            }
            code => self.fail(now, pending.want, Loss::Refused(code)),
        }
    }

    fn succeed(&mut self, now: Instant, want: Want, reply: &Reply) {
        let lifetime = Duration::from_secs(u64::from(reply.lifetime_s.unwrap_or(LIFETIME_S)).max(60));
        match want {
            Want::Allocate => match (reply.relayed.first(), reply.mapped) {
                (Some(address), Some(mapped)) => {
                    self.failed = 0;
                    self.stage = Stage::Ready { refresh: now + lifetime / 2 };
                    self.events.push_back(RelayEvent::Ready(Relayed { address: *address, mapped }));
                    self.peers.values_mut().for_each(|known| known.due = now);
                    self.renew(now);
                }
                _ => self.fail(now, want, Loss::Refused(0)),
            },
            Want::Refresh { lifetime_s: 0 } => self.end(),
            Want::Refresh { .. } => self.stage = Stage::Ready { refresh: now + lifetime / 2 },
            Want::Permit(_) => {}
            Want::Bind(peer) => {
                if let Some(channel) = self.channels.get_mut(&peer) {
                    channel.is_bound = true;
                }
            }
        }
    }

    fn fail(&mut self, now: Instant, want: Want, loss: Loss) {
        match want {
            Want::Permit(peer) => tracing::debug!(%peer, ?loss, "a TURN server permits a peer not"),
            Want::Bind(peer) => {
                // Send indications carry what goes there; a channel is tried again when it would be renewed.
                if let Some(channel) = self.channels.get_mut(&peer) {
                    channel.is_bound = false;
                }
            }
            Want::Refresh { lifetime_s: 0 } => self.end(),
            Want::Allocate | Want::Refresh { .. } => {
                let wait = RETRY_MAX.min(RETRY_MIN * (1 << self.failed.min(8)));
                self.failed = self.failed.saturating_add(1);
                self.stage = Stage::Resting { until: now + wait };
                self.challenge = None;
                self.pending.clear();
                self.channels.clear();
                self.by_number.clear();
                self.events.push_back(RelayEvent::Lost(loss));
            }
        }
    }

    fn end(&mut self) {
        self.stage = Stage::Closed;
        self.pending.clear();
        self.events.push_back(RelayEvent::Closed);
    }
}
