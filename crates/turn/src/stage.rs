//! A server whose sockets are played, for its tests and the fuzz target: who asks, what is answered, which relay
//! sockets are open, and how many bytes went in and out before anybody was known.

use crate::client::{Client, RelayId, Transport};
use crate::config::{RelayAddresses, TurnConfig, TurnLimits};
use crate::credential::{Credentials, Issued};
use crate::peer::{OwnSocket, PeerPolicy};
use crate::server::{Moment, Output, Server, ToPeer};
#[cfg(test)]
use crate::stun::Ask;
use crate::stun::{Crypto, Family, Key, KeyKind, Reply};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Seconds since 1970 at which every stage begins.
const BEGIN_UNIX_S: u64 = 1_700_000_000;
const REALM: &str = "stage";

/// The media sockets of the stage: private addresses, as on a laptop, and one that is announced as another.
pub(crate) const MEDIA: [OwnSocket; 3] = [
    own(IpAddr::V4(Ipv4Addr::new(192, 168, 1, 5)), 10_000, IpAddr::V4(Ipv4Addr::new(192, 168, 1, 5))),
    own(IpAddr::V4(Ipv4Addr::new(198, 41, 0, 9)), 10_001, IpAddr::V4(Ipv4Addr::LOCALHOST)),
    own(IpAddr::V6(Ipv6Addr::LOCALHOST), 10_000, IpAddr::V6(Ipv6Addr::LOCALHOST)),
];

const fn own(announced: IpAddr, port: u16, local: IpAddr) -> OwnSocket {
    OwnSocket { announced: SocketAddr::new(announced, port), local: SocketAddr::new(local, port) }
}

/// The server and its surroundings.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) now: Moment,
    pub(crate) credentials: Credentials,
    /// Relay sockets that are open, with their ports.
    pub(crate) relays: BTreeMap<RelayId, u16>,
    /// Ports that other programs have.
    pub(crate) taken: BTreeSet<u16>,
    pub(crate) replies: Vec<(Client, Reply)>,
    pub(crate) crypto: Crypto,
    /// Bytes of all answers.
    pub(crate) bytes_out: usize,
    transactions: u64,
}

impl Stage {
    pub(crate) fn new(change: impl FnOnce(&mut TurnConfig)) -> Self {
        let credentials = Credentials::new(b"a-secret-of-the-stage", Duration::from_hours(1));
        let host = vec![IpAddr::V4(Ipv4Addr::new(192, 168, 1, 5)), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let mut config = TurnConfig {
            realm: REALM.into(),
            credentials: credentials.clone(),
            relay: RelayAddresses { external: Vec::new(), host, ports: 50_000..=50_999 },
            peers: PeerPolicy::media_only(MEDIA),
            limits: TurnLimits::default(),
        };
        change(&mut config);
        let steady = Instant::now(); // clock: only differences count
        Self {
            server: Server::new(config, steady, StdRng::seed_from_u64(7)),
            now: Moment { steady, unix_s: BEGIN_UNIX_S },
            credentials,
            relays: BTreeMap::new(),
            taken: BTreeSet::new(),
            replies: Vec::new(),
            crypto: Crypto::default(),
            bytes_out: 0,
            transactions: 0,
        }
    }

    /// A client over UDP from this address.
    pub(crate) fn client(&self, address: &str) -> Client {
        let remote: SocketAddr = address.parse().expect("an address with port");
        let local = if remote.is_ipv4() { "192.168.1.5:3478" } else { "[::1]:3478" };
        Client { transport: Transport::Udp, door: 0, local: local.parse().expect("an address"), remote }
    }

    pub(crate) fn user(&self, name: &str) -> Issued {
        self.credentials.issue(name, self.now.unix_s)
    }

    pub(crate) fn transaction(&mut self) -> [u8; 12] {
        self.transactions += 1;
        let mut transaction = [7; 12];
        transaction.iter_mut().zip(self.transactions.to_be_bytes()).for_each(|(to, byte)| *to = byte);
        transaction
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now.steady += time;
        self.now.unix_s += time.as_secs();
        self.server.handle_timeout(self.now.steady);
        self.settle();
    }

    /// Hands a message in; what is to be relayed.
    pub(crate) fn deliver<'a>(&mut self, client: Client, message: &'a [u8]) -> Option<ToPeer<'a>> {
        let data = self.server.handle_client(self.now, client, message);
        self.settle();
        data
    }

    /// Hands a message in; its answer, which must be the only one.
    pub(crate) fn ask(&mut self, client: Client, message: &[u8]) -> Option<Reply> {
        self.replies.clear();
        assert_eq!(self.deliver(client, message), None, "a request relays nothing");
        assert!(self.replies.len() <= 1, "one answer to one request");
        let (to, reply) = self.replies.pop()?;
        assert_eq!(to, client, "the answer goes to who asked");
        Some(reply)
    }

    /// The key of these credentials in its usual form.
    pub(crate) fn key(&self, user: &Issued, kind: KeyKind) -> Key {
        Key { bytes: self.crypto.md5_key(&user.username, REALM, &user.password), kind }
    }

    pub(crate) fn settle(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Reply { client, message } => {
                    self.bytes_out += message.len();
                    self.replies.push((client, Reply::parse(&message).expect("answers are STUN")));
                }
                Output::OpenRelay { relay, family, port } => {
                    assert!((50_000..=50_999).contains(&port), "port {port} is none of the range");
                    let is_free =
                        !self.taken.contains(&port) && !self.relays.values().any(|open| *open == port);
                    let opened = Some(port).filter(|_| is_free || family == Family::V6);
                    if opened.is_some() {
                        assert!(self.relays.insert(relay, port).is_none(), "a relay is opened once");
                    }
                    self.server.handle_relay_opened(self.now.steady, relay, opened);
                }
                Output::CloseRelay { relay } => {
                    assert!(self.relays.remove(&relay).is_some(), "a relay is closed once");
                }
            }
        }
    }
}

/// What well-behaved clients do.
#[cfg(test)]
impl Stage {
    /// A nonce for this client.
    pub(crate) fn nonce(&mut self, client: Client) -> String {
        let transaction = self.transaction();
        let reply = self.ask(client, &Ask::allocate(transaction).unsigned()).expect("a challenge");
        assert_eq!((reply.code, reply.realm.as_str()), (401, REALM));
        reply.nonce
    }

    /// The key that a client of RFC 8489 makes.
    pub(crate) fn strong_key(&self, user: &Issued) -> Key {
        let bytes = self.crypto.sha256_key(&user.username, REALM, &user.password);
        Key { bytes, kind: KeyKind::Sha256 }
    }

    /// Signs a request and hands it in.
    pub(crate) fn ask_as(&mut self, client: Client, user: &Issued, nonce: &str, ask: Ask) -> Reply {
        let key = self.key(user, KeyKind::Sha1);
        let message = ask.credentials(&user.username, REALM, nonce).signed(&self.crypto, &key);
        self.ask(client, &message).expect("an answer")
    }

    /// An allocation, with the nonce for what follows.
    pub(crate) fn allocate(&mut self, client: Client, user: &Issued) -> (String, SocketAddr) {
        let nonce = self.nonce(client);
        let ask = Ask::allocate(self.transaction());
        let reply = self.ask_as(client, user, &nonce, ask);
        assert_eq!(reply.code, 0, "an allocation");
        (nonce, *reply.relayed.first().expect("a relayed address"))
    }

    /// The relay of this port.
    pub(crate) fn relay(&self, port: u16) -> RelayId {
        let found = self.relays.iter().find(|(_, open)| **open == port);
        *found.expect("an open relay socket").0
    }
}
