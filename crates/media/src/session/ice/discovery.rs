//! Which address the world sees a socket of ours at: STUN servers are asked (RFC 8489 §2), again and again, since a
//! NAT may choose another one, and forgets one that is not used.
//!
//! Sans I/O. An answer counts only from the server that was asked, to the socket that asked, with the transaction
//! that it was asked by: 96 random bits that nobody off the path can know.

use super::stun::{self, Mapped};
use crate::forward::DropReason;
use rand::rngs::StdRng;
use rand::{CryptoRng, RngExt, SeedableRng};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Servers that are asked at the same time; further ones are not asked. A deployment has one or two, an
/// application of Kurento may name its own.
pub const SERVERS_MAX: usize = 16;
/// RFC 8489 §6.2.1: the first wait for an answer; each next one is twice as long.
const RTO: Duration = Duration::from_millis(500);
/// Requests before a server counts as silent, after 3.5 s. RFC 8489 proposes 7, more than half a minute: who waits
/// for candidates would rather do without.
const SENDINGS_MAX: u32 = 3;
/// How often an address is asked for again. RFC 8445 §11 keeps a NAT's mapping alive every 15 s.
const RECHECK: Duration = Duration::from_secs(15);
/// How long a server that failed is left alone at most; the wait doubles up to it.
const RETRY_MAX: Duration = Duration::from_secs(300);

/// A request to send from the socket with this index.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// The index, as given to [`Discovery::ask`].
    pub socket: usize,
    /// To this server.
    pub server: SocketAddr,
    /// The STUN message.
    pub bytes: Vec<u8>,
}

/// What a socket has learnt from a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finding {
    /// The answer is awaited, for the first time.
    Pending,
    /// The address that the server sees.
    Reflexive(SocketAddr),
    /// The server is silent, or refuses.
    Failed,
}

/// Something to be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Learnt {
    /// The socket.
    pub socket: usize,
    /// The server.
    pub server: SocketAddr,
    /// What changed.
    pub finding: Finding,
}

/// What the sockets of one worker know of themselves.
#[derive(Debug)]
pub struct Discovery {
    probes: BTreeMap<(SocketAddr, usize), Probe>,
    questions: VecDeque<Question>,
    /// Bounded by what one input can cause; the caller drains after each.
    news: VecDeque<Learnt>,
    rng: StdRng,
    failures: u64,
}

/// One socket and one server.
#[derive(Debug)]
struct Probe {
    finding: Finding,
    stage: Stage,
    /// Failures in a row.
    failed: u32,
}

#[derive(Debug)]
enum Stage {
    Asking { transaction: [u8; 12], sendings: u32, due: Instant },
    Resting { until: Instant },
}

impl Discovery {
    /// Nobody is asked yet.
    #[must_use]
    pub fn new(rng: &mut impl CryptoRng) -> Self {
        let rng = StdRng::from_seed(rng.random());
        Self { probes: BTreeMap::new(), questions: VecDeque::new(), news: VecDeque::new(), rng, failures: 0 }
    }

    /// Has a socket ask a server, from now on until [`Self::keep`] lets it go. One that is being asked, or was,
    /// is not asked more often for that. Past [`SERVERS_MAX`] servers nothing happens.
    pub fn ask(&mut self, now: Instant, socket: usize, server: SocketAddr) {
        let is_new = !self.probes.keys().any(|(known, _)| *known == server);
        if is_new && self.servers() >= SERVERS_MAX {
            return;
        }
        let probe = Probe { finding: Finding::Pending, stage: Stage::Resting { until: now }, failed: 0 };
        self.probes.entry((server, socket)).or_insert(probe);
        self.handle_timeout(now);
    }

    /// Whether a socket asks this server.
    #[must_use]
    pub fn asks(&self, socket: usize, server: SocketAddr) -> bool {
        self.probes.contains_key(&(server, socket))
    }

    /// Asks only these servers from now on.
    pub fn keep(&mut self, is_wanted: impl Fn(SocketAddr) -> bool) {
        self.probes.retain(|(server, _), _| is_wanted(*server));
    }

    /// Takes a datagram that came to a socket from `remote`.
    ///
    /// # Errors
    /// [`DropReason::StunMalformed`], and [`DropReason::StunUnexpected`] for what nobody asked for.
    pub fn handle_answer(
        &mut self,
        now: Instant,
        socket: usize,
        remote: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), DropReason> {
        let (answered, mapped) = stun::mapped_address(datagram).ok_or(DropReason::StunMalformed)?;
        let probe = self.probes.get_mut(&(remote, socket)).ok_or(DropReason::StunUnexpected)?;
        match probe.stage {
            Stage::Asking { transaction, .. } if transaction == answered => {}
            _ => return Err(DropReason::StunUnexpected),
        }
        match mapped {
            Mapped::Address(address) => {
                probe.stage = Stage::Resting { until: now + RECHECK };
                probe.failed = 0;
                if probe.finding != Finding::Reflexive(address) {
                    probe.finding = Finding::Reflexive(address);
                    self.news.push_back(Learnt { socket, server: remote, finding: probe.finding });
                }
            }
            Mapped::Refused(code) => {
                tracing::debug!(server = %remote, code, "a STUN server refuses");
                self.fail(now, remote, socket);
            }
        }
        Ok(())
    }

    /// Does what is due by `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let mut silent = Vec::new();
        for ((server, socket), probe) in &mut self.probes {
            let (transaction, sendings) = match probe.stage {
                Stage::Resting { until } if until <= now => (self.rng.random(), 1),
                Stage::Asking { sendings, due, .. } if due <= now && sendings >= SENDINGS_MAX => {
                    silent.push((*server, *socket));
                    continue;
                }
                Stage::Asking { transaction, sendings, due } if due <= now => (transaction, sendings + 1),
                _ => continue,
            };
            let due = now + RTO * (1 << (sendings - 1));
            probe.stage = Stage::Asking { transaction, sendings, due };
            let bytes = stun::binding_request(transaction);
            self.questions.push_back(Question { socket: *socket, server: *server, bytes });
        }
        for (server, socket) in silent {
            self.fail(now, server, socket);
        }
    }

    /// When [`Self::handle_timeout`] is due next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = self.probes.values().map(|probe| match probe.stage {
            Stage::Asking { due, .. } => due,
            Stage::Resting { until } => until,
        });
        due.min()
    }

    /// The next request to send.
    pub fn poll_question(&mut self) -> Option<Question> {
        self.questions.pop_front()
    }

    /// What has become known since the last call, or changed.
    pub fn poll_news(&mut self) -> Option<Learnt> {
        self.news.pop_front()
    }

    /// What the sockets know from a server, in the order of their indices.
    pub fn findings(&self, server: SocketAddr) -> impl Iterator<Item = (usize, Finding)> + '_ {
        let of_it = self.probes.range((server, 0)..=(server, usize::MAX));
        of_it.map(|((_, socket), probe)| (*socket, probe.finding))
    }

    /// How many sockets know an address, and how many ask in vain.
    #[must_use]
    pub fn totals(&self) -> (usize, usize) {
        let count = |is_it: fn(&Finding) -> bool| self.probes.values().filter(|p| is_it(&p.finding)).count();
        (count(|f| matches!(f, Finding::Reflexive(_))), count(|f| *f == Finding::Failed))
    }

    /// How often a server did not answer, or refused.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures
    }

    fn servers(&self) -> usize {
        let mut last = None;
        self.probes.keys().filter(|(server, _)| last.replace(*server) != Some(*server)).count()
    }

    /// What was known is known no more: the NAT has forgotten it by the time that a server is silent so long.
    fn fail(&mut self, now: Instant, server: SocketAddr, socket: usize) {
        let Some(probe) = self.probes.get_mut(&(server, socket)) else { return };
        self.failures += 1;
        let wait = RETRY_MAX.min(RECHECK * (1 << probe.failed.min(8)));
        probe.failed = probe.failed.saturating_add(1);
        probe.stage = Stage::Resting { until: now + wait };
        if probe.finding != Finding::Failed {
            probe.finding = Finding::Failed;
            self.news.push_back(Learnt { socket, server, finding: Finding::Failed });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOCKET: usize = 3;

    fn server() -> SocketAddr {
        "198.51.100.1:3478".parse().expect("an address")
    }

    fn outside() -> SocketAddr {
        "203.0.113.9:40000".parse().expect("an address")
    }

    fn asking(now: Instant) -> (Discovery, Question) {
        let mut discovery = Discovery::new(&mut StdRng::seed_from_u64(1));
        discovery.ask(now, SOCKET, server());
        let question = discovery.poll_question().expect("a question");
        assert_eq!((question.socket, question.server), (SOCKET, server()));
        (discovery, question)
    }

    fn transaction(question: &Question) -> [u8; 12] {
        question.bytes[8..20].try_into().expect("a STUN header")
    }

    fn news(discovery: &mut Discovery) -> Vec<Finding> {
        std::iter::from_fn(|| discovery.poll_news()).map(|learnt| learnt.finding).collect()
    }

    #[test]
    fn an_answer_tells_the_address_and_it_is_asked_for_again() {
        let now = Instant::now(); // clock: any time does
        let (mut discovery, question) = asking(now);
        let answer = stun::mapped(transaction(&question), outside());
        assert_eq!(discovery.handle_answer(now, SOCKET, server(), &answer), Ok(()));
        assert_eq!(news(&mut discovery), [Finding::Reflexive(outside())]);
        assert_eq!(discovery.poll_timeout(), Some(now + RECHECK));

        discovery.handle_timeout(now + RECHECK);
        let again = discovery.poll_question().expect("it is asked for again");
        assert_ne!(transaction(&again), transaction(&question));
        let moved = "203.0.113.9:50000".parse().expect("an address");
        let answer = stun::mapped(transaction(&again), moved);
        assert_eq!(discovery.handle_answer(now + RECHECK, SOCKET, server(), &answer), Ok(()));
        assert_eq!(news(&mut discovery), [Finding::Reflexive(moved)]);
        assert_eq!(discovery.totals(), (1, 0));
    }

    #[test]
    fn an_answer_counts_from_whom_was_asked_by_what_it_was_asked() {
        let now = Instant::now(); // clock: any time does
        let (mut discovery, question) = asking(now);
        let answer = stun::mapped(transaction(&question), outside());
        let other: SocketAddr = "198.51.100.1:3479".parse().expect("an address");
        let forged = stun::mapped([7; 12], outside());
        for (story, socket, from, datagram, reason) in [
            ("another server", SOCKET, other, &answer[..], DropReason::StunUnexpected),
            ("another socket", SOCKET + 1, server(), &answer, DropReason::StunUnexpected),
            ("another transaction", SOCKET, server(), &forged, DropReason::StunUnexpected),
            ("cut short", SOCKET, server(), &answer[..24], DropReason::StunMalformed),
            ("no STUN", SOCKET, server(), b"hello", DropReason::StunMalformed),
        ] {
            assert_eq!(discovery.handle_answer(now, socket, from, datagram), Err(reason), "{story}");
        }
        assert_eq!(news(&mut discovery), []);
        assert_eq!(discovery.handle_answer(now, SOCKET, server(), &answer), Ok(()));
        let again = discovery.handle_answer(now, SOCKET, server(), &answer);
        assert_eq!(again, Err(DropReason::StunUnexpected), "it is answered");
    }

    #[test]
    fn a_silent_server_is_asked_less_and_less_and_heard_when_it_comes_back() {
        let mut now = Instant::now(); // clock: any time does
        let (mut discovery, _) = asking(now);
        let mut asked = Vec::new();
        let start = now;
        while now < start + Duration::from_secs(3600) {
            now = discovery.poll_timeout().expect("it never gives up");
            discovery.handle_timeout(now);
            asked.extend(discovery.poll_question().map(|question| (now, question)));
        }
        assert_eq!(news(&mut discovery), [Finding::Failed], "told once");
        assert!((30..=60).contains(&asked.len()), "{} requests in an hour", asked.len());
        let (at, last) = asked.last().expect("some");
        let answer = stun::mapped(transaction(last), outside());
        assert_eq!(discovery.handle_answer(*at, SOCKET, server(), &answer), Ok(()));
        assert_eq!(news(&mut discovery), [Finding::Reflexive(outside())]);
    }

    #[test]
    fn servers_have_a_bound_and_are_let_go() {
        let now = Instant::now(); // clock: any time does
        let mut discovery = Discovery::new(&mut StdRng::seed_from_u64(1));
        let servers = (1..=40).map(|port| SocketAddr::new(server().ip(), port));
        for server in servers.clone() {
            for socket in 0..2 {
                discovery.ask(now, socket, server);
            }
        }
        let asked = std::iter::from_fn(|| discovery.poll_question()).count();
        assert_eq!(asked, 2 * SERVERS_MAX);
        discovery.keep(|server| server.port() == 1);
        assert_eq!(discovery.findings(SocketAddr::new(server().ip(), 1)).count(), 2);
        assert_eq!(discovery.findings(SocketAddr::new(server().ip(), 2)).count(), 0);
    }
}
