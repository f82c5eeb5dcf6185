//! How many, how big, how fast: every bound of the signaling server in one place.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// The bounds of the signaling server.
#[derive(Clone, Debug)]
pub struct Limits {
    /// WebSocket connections at a time; further ones are refused with status 503. Default 4096.
    pub connections_max: usize,
    /// WebSocket connections at a time from one address (IPv6: one /64); further ones are refused with
    /// status 429. Default 256: an office behind one address must fit.
    pub connections_per_address_max: usize,
    /// Registered users at a time; further registrations are rejected. Default 4096.
    pub users_online_max: usize,
    /// Messages that one address may send. What is over is answered with `error`. Default 500 a second,
    /// 2000 at once.
    pub messages_per_address: Rate,
    /// Registrations that one address may try; each may cost a password hash. What is over is rejected.
    /// Default 10 a second, 100 at once.
    pub registrations_per_address: Rate,
    /// Bytes of one message; a longer one is answered with `error`. Default 64 KiB.
    pub message_bytes_max: usize,
    /// Bytes of one message past which the connection is closed with code 1009. Default 1 MiB.
    pub message_bytes_fatal: usize,
    /// Messages that wait for one connection; a client that does not read them is disconnected.
    /// Default 256.
    pub outgoing_messages_max: usize,
    /// ICE candidates of one peer in one call; further ones are answered with `error`. Default 128.
    pub candidates_per_peer_max: usize,
    /// Names in one `online` message: the first ones in order. Default 500.
    pub online_names_max: usize,
    /// How long a callee may take to answer. Default 45 s.
    pub ring_max: Duration,
    /// How long the peers of an accepted call may take to connect, and how long a call outlives a lost
    /// connection of one of them. Default 30 s.
    pub media_gap_max: Duration,
    /// The interval of WebSocket pings. Default 10 s.
    pub ping_every: Duration,
    /// How long nothing, not even a pong, may come from a client before it counts as gone. Default 25 s.
    pub silence_max: Duration,
    /// How long one write to a client may take. Default 10 s.
    pub write_max: Duration,
    /// Those of rooms and of chat.
    pub rooms: RoomLimits,
    /// Those of livestreams.
    pub live: LiveLimits,
}

/// The bounds of livestreams.
#[derive(Clone, Debug)]
pub struct LiveLimits {
    /// Streams at a time, those that wait for their presenter too; further ones are refused. Default 1000.
    pub streams_max: usize,
    /// Viewers of one stream; further ones are refused. Default 5000.
    pub viewers_max: usize,
    /// How long viewers may wait for a stream to begin; zero: they are refused. Default 5 min.
    pub viewers_wait_max: Duration,
    /// How long viewers are kept for a presenter that vanished. Default 30 s.
    pub resume_max: Duration,
    /// Whether a new presenter takes the place of one that is there; otherwise it is refused. Default true:
    /// a presenter whose network broke comes back before the server has noticed.
    pub presenters_take_over: bool,
    /// How long the connection of a presenter or viewer may take to come up. Default 30 s.
    pub connect_max: Duration,
    /// Sessions that one address may begin. Default 50 a second, 500 at once: an audience may sit behind one
    /// address.
    pub sessions_per_address: Rate,
}

impl Default for LiveLimits {
    fn default() -> Self {
        Self {
            streams_max: 1000,
            viewers_max: 5000,
            viewers_wait_max: Duration::from_secs(300),
            resume_max: Duration::from_secs(30),
            presenters_take_over: true,
            connect_max: Duration::from_secs(30),
            sessions_per_address: Rate { per_second: 50, at_once: 500 },
        }
    }
}

/// The bounds of rooms, and of the chat in rooms and calls.
#[derive(Clone, Debug)]
pub struct RoomLimits {
    /// Rooms at a time, empty ones too; further ones are refused. Default 1000.
    pub rooms_max: usize,
    /// Participants of one room, 2 to 60; a room may be made smaller. Default 50.
    pub size_max: usize,
    /// How long a room that nobody is in is kept. Default 1 h.
    pub empty_max: Duration,
    /// How long a participant whose socket is lost keeps its place. Default 30 s.
    pub resume_max: Duration,
    /// Tracks that one participant may publish. Default 8.
    pub tracks_max: usize,
    /// Requests to make or join a room that one address may send. Default 10 a second, 100 at once.
    pub joins_per_address: Rate,
    /// Messages that one connection may send; what is over is refused. Default 50 a second, 300 at once: a
    /// page that shows itself and sends its candidates bursts.
    pub messages: Rate,
    /// Chat messages, reactions and typing notes that one connection may send together. Default 5 a second,
    /// 20 at once.
    pub chat: Rate,
    /// Characters of one chat message. Default 2000.
    pub chat_chars_max: usize,
    /// The least time between two changes of what a room is told of its connections. Default 2 s.
    pub quality_every: Duration,
}

impl Default for RoomLimits {
    fn default() -> Self {
        Self {
            rooms_max: 1000,
            size_max: 50,
            empty_max: Duration::from_secs(3600),
            resume_max: Duration::from_secs(30),
            tracks_max: 8,
            joins_per_address: Rate { per_second: 10, at_once: 100 },
            messages: Rate { per_second: 50, at_once: 300 },
            chat: Rate { per_second: 5, at_once: 20 },
            chat_chars_max: 2000,
            quality_every: Duration::from_secs(2),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            connections_per_address_max: 256,
            users_online_max: 4096,
            messages_per_address: Rate { per_second: 500, at_once: 2000 },
            registrations_per_address: Rate { per_second: 10, at_once: 100 },
            message_bytes_max: 64 << 10,
            message_bytes_fatal: 1 << 20,
            outgoing_messages_max: 256,
            candidates_per_peer_max: 128,
            online_names_max: 500,
            ring_max: Duration::from_secs(45),
            media_gap_max: Duration::from_secs(30),
            ping_every: Duration::from_secs(10),
            silence_max: Duration::from_secs(25),
            write_max: Duration::from_secs(10),
            rooms: RoomLimits::default(),
            live: LiveLimits::default(),
        }
    }
}

/// A rate with a burst: a bucket of `at_once` tokens, refilled with `per_second`. Zero counts as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Tokens that come back each second.
    pub per_second: u32,
    /// Tokens in a full bucket.
    pub at_once: u32,
}

/// The token bucket of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    interval: Duration,
    ahead_max: Duration,
    full_at: Option<Instant>,
}

impl Bucket {
    pub(crate) fn new(rate: Rate) -> Self {
        let interval = Duration::from_secs(1) / rate.per_second.max(1);
        Self { interval, ahead_max: interval * (rate.at_once.max(1) - 1), full_at: None }
    }

    /// Takes a token; false when the bucket is empty.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.map_or(now, |full_at| full_at.max(now));
        if full_at - now > self.ahead_max {
            return false;
        }
        self.full_at = Some(full_at + self.interval);
        true
    }
}

/// One token bucket per address.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    /// The time one token takes to come back.
    interval: Duration,
    /// How far a bucket may run ahead of the clock: its tokens but one, as time.
    ahead_max: Duration,
    /// When each bucket will be full again. One that is full needs no entry.
    full_at_by_address: BTreeMap<AddressBlock, Instant>,
    addresses_max: usize,
}

/// Addresses that a limiter remembers. Past it only those are forgotten whose bucket is full again; if
/// there is none, unknown addresses are refused: that many busy addresses are an attack.
const ADDRESSES_MAX: usize = 65_536;

impl RateLimiter {
    pub(crate) fn new(rate: Rate) -> Self {
        let interval = Duration::from_secs(1) / rate.per_second.max(1);
        Self {
            interval,
            ahead_max: interval * (rate.at_once.max(1) - 1),
            full_at_by_address: BTreeMap::new(),
            addresses_max: ADDRESSES_MAX,
        }
    }

    /// Takes a token for `address`; false when its bucket is empty.
    pub(crate) fn take(&mut self, now: Instant, address: IpAddr) -> bool {
        let block = AddressBlock::of(address);
        let known = self.full_at_by_address.get(&block).copied();
        if known.is_none() && self.full_at_by_address.len() >= self.addresses_max {
            self.full_at_by_address.retain(|_, full_at| *full_at > now);
            if self.full_at_by_address.len() >= self.addresses_max {
                return false;
            }
        }
        let full_at = known.map_or(now, |full_at| full_at.max(now));
        if full_at - now > self.ahead_max {
            return false;
        }
        self.full_at_by_address.insert(block, full_at + self.interval);
        true
    }

    /// Takes a token for `address` that may not have come back yet: how long the caller has to wait for it.
    /// Each caller waits before it asks again, so debts are bounded by how many callers there are.
    pub(crate) fn reserve(&mut self, now: Instant, address: IpAddr) -> Duration {
        if self.take(now, address) {
            return Duration::ZERO;
        }
        match self.full_at_by_address.get_mut(&AddressBlock::of(address)) {
            Some(full_at) => {
                let wait = full_at.saturating_duration_since(now).saturating_sub(self.ahead_max);
                *full_at += self.interval;
                wait
            }
            None => CROWDED_WAIT,
        }
    }
}

/// What an address waits for each token that the limiter has no room to remember.
const CROWDED_WAIT: Duration = Duration::from_millis(100);

/// Connections by address, to bound those of one.
#[derive(Debug, Default)]
pub(crate) struct ConnectionCounts {
    all: usize,
    by_address: BTreeMap<AddressBlock, usize>,
}

/// Which bound a new connection would break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooManyConnections {
    InAll,
    FromAddress,
}

impl ConnectionCounts {
    pub(crate) fn add(&mut self, limits: &Limits, address: IpAddr) -> Result<(), TooManyConnections> {
        if self.all >= limits.connections_max {
            return Err(TooManyConnections::InAll);
        }
        let count = self.by_address.entry(AddressBlock::of(address)).or_default();
        if *count >= limits.connections_per_address_max {
            return Err(TooManyConnections::FromAddress);
        }
        *count += 1;
        self.all += 1;
        Ok(())
    }

    pub(crate) fn remove(&mut self, address: IpAddr) {
        let block = AddressBlock::of(address);
        if let Some(count) = self.by_address.get_mut(&block) {
            self.all -= 1;
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&block);
            }
        }
    }

    pub(crate) fn all(&self) -> usize {
        self.all
    }
}

/// What one subscriber line has: an IPv4 address, or the /64 of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct AddressBlock(IpAddr);

impl AddressBlock {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.into()),
            IpAddr::V6(address) => Self(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut limiter = RateLimiter::new(Rate { per_second: 2, at_once: 3 });
        let start = Instant::now();
        let ours = address("192.0.2.1");
        assert_eq!((0..5).filter(|_| limiter.take(start, ours)).count(), 3);
        assert!(limiter.take(start, address("192.0.2.2")), "another address has its own bucket");
        let later = start + Duration::from_secs(1);
        assert_eq!((0..5).filter(|_| limiter.take(later, ours)).count(), 2);
    }

    #[test]
    fn a_connections_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::new(Rate { per_second: 2, at_once: 3 });
        let start = Instant::now();
        assert_eq!((0..5).filter(|_| bucket.take(start)).count(), 3);
        let later = start + Duration::from_secs(1);
        assert_eq!((0..5).filter(|_| bucket.take(later)).count(), 2);
    }

    #[test]
    fn who_reserves_waits_at_the_rate() {
        let mut limiter = RateLimiter::new(Rate { per_second: 10, at_once: 2 });
        let (now, ours) = (Instant::now(), address("192.0.2.1"));
        let waits: Vec<u128> = (0..5).map(|_| limiter.reserve(now, ours).as_millis()).collect();
        assert_eq!(waits, [0, 0, 100, 200, 300]);
        assert_eq!(limiter.reserve(now, address("192.0.2.2")), Duration::ZERO);
        assert_eq!(limiter.reserve(now + Duration::from_secs(9), ours), Duration::ZERO);
    }

    #[test]
    fn one_ipv6_line_is_one_address() {
        let mut limiter = RateLimiter::new(Rate { per_second: 1, at_once: 1 });
        let now = Instant::now();
        assert!(limiter.take(now, address("2001:db8:0:1::1")));
        assert!(!limiter.take(now, address("2001:db8:0:1:ffff::2")));
        assert!(limiter.take(now, address("2001:db8:0:2::1")));
        assert!(limiter.take(now, address("192.0.2.1")));
        assert!(!limiter.take(now, address("::ffff:192.0.2.1")), "a mapped address is the IPv4 one");
    }

    #[test]
    fn a_full_table_forgets_idle_addresses_and_refuses_new_ones_otherwise() {
        let mut limiter = RateLimiter::new(Rate { per_second: 1, at_once: 1 });
        limiter.addresses_max = 2;
        let now = Instant::now();
        assert!(limiter.take(now, address("192.0.2.1")) && limiter.take(now, address("192.0.2.2")));
        assert!(!limiter.take(now, address("192.0.2.3")));
        assert!(limiter.take(now + Duration::from_secs(2), address("192.0.2.3")));
        assert_eq!(limiter.full_at_by_address.len(), 1);
    }

    #[test]
    fn connections_are_bounded_in_all_and_by_address() {
        let limits = Limits { connections_max: 3, connections_per_address_max: 2, ..Limits::default() };
        let mut counts = ConnectionCounts::default();
        let (one, two) = (address("192.0.2.1"), address("192.0.2.2"));
        assert_eq!(counts.add(&limits, one), Ok(()));
        assert_eq!(counts.add(&limits, one), Ok(()));
        assert_eq!(counts.add(&limits, one), Err(TooManyConnections::FromAddress));
        assert_eq!(counts.add(&limits, two), Ok(()));
        assert_eq!(counts.add(&limits, two), Err(TooManyConnections::InAll));
        counts.remove(one);
        assert_eq!(counts.add(&limits, two), Ok(()));
        for gone in [one, two, two] {
            counts.remove(gone);
        }
        assert!(counts.all() == 0 && counts.by_address.is_empty());
    }
}
