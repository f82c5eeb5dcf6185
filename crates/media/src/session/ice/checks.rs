//! The checks of a full agent, needed towards an ICE-lite peer (RFC 8445 §6.1.4, §7.2, §8).

use rand::RngExt;
use rand::rngs::StdRng;
use rtc_stun::message::TransactionId;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// RFC 8445 §6.1.2.5: the recommended limit; further candidates are ignored.
const PAIRS_MAX: usize = 100;
/// RFC 8445 §14.2: the pace at which new checks start.
const PACE: Duration = Duration::from_millis(50);
/// RFC 8445 §14.3: the least time before a check is repeated.
const RTO_MIN: Duration = Duration::from_millis(500);
/// Requests sent for one check. RFC 8489 §6.2.1 lets this be chosen and proposes 7: with intervals that
/// double up to 16 s, too slow for media on a bad link. A check with a new transaction follows instead.
const SENDINGS_MAX: u32 = 4;
/// A failed pair is tried again: a lite peer may have been created after us and never checks by itself.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// RFC 7675 §5.1: consent checks come every 5 s, give or take 20 %.
const CONSENT_INTERVAL: Duration = Duration::from_secs(5);

/// A pair of addresses and where its check stands.
#[derive(Debug)]
struct Pair {
    local: SocketAddr,
    remote: SocketAddr,
    priority: u64,
    state: PairState,
}

#[derive(Debug)]
enum PairState {
    /// A check may start from this time on.
    Waiting(Instant),
    InProgress(Transaction),
    Succeeded,
}

/// One check under way.
#[derive(Debug)]
struct Transaction {
    id: TransactionId,
    nominates: bool,
    sendings: u32,
    rto: Duration,
    due: Instant,
}

/// A check to be sent now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing {
    pub(super) id: TransactionId,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) nominates: bool,
}

/// A check that the peer answered with success.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    pub(super) remote: SocketAddr,
    pub(super) nominated: bool,
}

/// Every pair of a session, best first, and the consent checks of the selected one.
#[derive(Debug)]
pub(super) struct Checklist {
    /// What our transactions begin with.
    tag: Option<u32>,
    pairs: Vec<Pair>,
    next_start: Instant,
    consent: Option<Consent>,
}

#[derive(Debug)]
struct Consent {
    local: SocketAddr,
    remote: SocketAddr,
    due: Instant,
    /// The latest requests, newest first: an answer may take longer than the interval.
    sent: [Option<TransactionId>; 6],
}

impl Checklist {
    /// An empty one. On a socket that sessions share, `tag` tells whose check an answer is to: it makes the first
    /// 32 of a transaction's 96 bits, all of which are random without it.
    pub(super) fn new(now: Instant, tag: Option<u32>) -> Self {
        Self { tag, pairs: Vec::new(), next_start: now, consent: None }
    }

    /// What [`Self::new`] was given.
    pub(super) const fn tag(&self) -> Option<u32> {
        self.tag
    }

    /// Pairs a remote candidate with each local address of its family. At [`PAIRS_MAX`] it is ignored.
    pub(super) fn add(
        &mut self,
        now: Instant,
        locals: &[(SocketAddr, u32)],
        remote: SocketAddr,
        priority: u32,
    ) {
        for (local, local_priority) in locals {
            let is_known = self.pairs.iter().any(|pair| (pair.local, pair.remote) == (*local, remote));
            // Nothing leaves loopback for the world, or the other way round.
            let is_far =
                !local.ip().is_unspecified() && local.ip().is_loopback() != remote.ip().is_loopback();
            let is_other = local.is_ipv4() != remote.is_ipv4();
            if is_known || is_far || is_other || self.pairs.len() >= PAIRS_MAX {
                continue;
            }
            let priority = pair_priority(*local_priority, priority);
            let state = PairState::Waiting(now);
            self.pairs.push(Pair { local: *local, remote, priority, state });
        }
        self.pairs.sort_by_key(|pair| std::cmp::Reverse(pair.priority));
    }

    /// The next check to send, if one is due: a repetition, a consent check, the nomination of the best
    /// pair that succeeded, or a new check. Called until it returns `None`.
    pub(super) fn poll(&mut self, now: Instant, may_nominate: bool, rng: &mut StdRng) -> Option<Outgoing> {
        self.poll_repetition(now)
            .or_else(|| self.poll_consent(now, may_nominate, rng))
            .or_else(|| self.poll_nomination(now, may_nominate, rng))
            .or_else(|| self.poll_start(now, rng))
    }

    /// When [`Self::poll`] has something to send next.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let is_selected = self.consent.is_some();
        let pairs = self.pairs.iter().filter_map(|pair| match &pair.state {
            PairState::Waiting(from) => (!is_selected).then(|| (*from).max(self.next_start)),
            PairState::InProgress(transaction) => Some(transaction.due),
            PairState::Succeeded => None,
        });
        pairs.chain(self.consent.as_ref().map(|consent| consent.due)).min()
    }

    /// Finds the check that a success answers.
    pub(super) fn handle_success(
        &mut self,
        id: TransactionId,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Option<Answered> {
        if let Some(consent) = &self.consent
            && consent.sent.contains(&Some(id))
        {
            let is_same = (consent.local, consent.remote) == (local, remote);
            return is_same.then_some(Answered { remote, nominated: true });
        }
        let pair = self.find(id)?;
        // RFC 8445 §7.2.5.2.1: the answer must come from where the check went.
        if (pair.local, pair.remote) != (local, remote) {
            return None;
        }
        let PairState::InProgress(transaction) = std::mem::replace(&mut pair.state, PairState::Succeeded)
        else {
            return None;
        };
        Some(Answered { remote, nominated: transaction.nominates })
    }

    /// The peer answered with an error: the pair is tried again, at once after a role conflict.
    pub(super) fn handle_error(&mut self, now: Instant, id: TransactionId, is_role_conflict: bool) -> bool {
        let Some(pair) = self.find(id) else { return false };
        let wait = if is_role_conflict { Duration::ZERO } else { RETRY_AFTER };
        pair.state = PairState::Waiting(now + wait);
        true
    }

    /// This pair is in use from now on; its consent is asked for again and again.
    pub(super) fn select(&mut self, now: Instant, local: SocketAddr, remote: SocketAddr, rng: &mut StdRng) {
        let is_same =
            self.consent.as_ref().is_some_and(|known| (known.local, known.remote) == (local, remote));
        if !is_same {
            self.consent = Some(Consent { local, remote, due: now + consent_interval(rng), sent: [None; 6] });
        }
    }

    /// Consent is lost: every pair is checked anew.
    pub(super) fn restart(&mut self, now: Instant) {
        self.consent = None;
        for pair in &mut self.pairs {
            pair.state = PairState::Waiting(now);
        }
    }

    fn find(&mut self, id: TransactionId) -> Option<&mut Pair> {
        self.pairs.iter_mut().find(|pair| match &pair.state {
            PairState::InProgress(transaction) => transaction.id == id,
            _ => false,
        })
    }

    fn poll_repetition(&mut self, now: Instant) -> Option<Outgoing> {
        for pair in &mut self.pairs {
            let PairState::InProgress(transaction) = &mut pair.state else { continue };
            if now < transaction.due {
                continue;
            }
            if transaction.sendings >= SENDINGS_MAX {
                pair.state = PairState::Waiting(now + RETRY_AFTER);
                continue;
            }
            transaction.sendings += 1;
            // RFC 8489 §6.2.1: intervals double.
            transaction.due = now + transaction.rto * (1 << (transaction.sendings - 1));
            let Transaction { id, nominates, .. } = *transaction;
            return Some(Outgoing { id, local: pair.local, remote: pair.remote, nominates });
        }
        None
    }

    fn poll_consent(&mut self, now: Instant, nominates: bool, rng: &mut StdRng) -> Option<Outgoing> {
        let consent = self.consent.as_mut().filter(|consent| consent.due <= now)?;
        consent.due = now + consent_interval(rng);
        // RFC 7675 §5.1: each consent check is a new transaction and never repeated.
        let id = transaction_id(self.tag, rng);
        consent.sent.rotate_right(1);
        if let Some(newest) = consent.sent.first_mut() {
            *newest = Some(id);
        }
        Some(Outgoing { id, local: consent.local, remote: consent.remote, nominates })
    }

    fn poll_nomination(&mut self, now: Instant, may_nominate: bool, rng: &mut StdRng) -> Option<Outgoing> {
        let is_nominating = self.pairs.iter().any(|pair| match &pair.state {
            PairState::InProgress(transaction) => transaction.nominates,
            _ => false,
        });
        if !may_nominate || is_nominating || self.consent.is_some() {
            return None;
        }
        // RFC 8445 §8.1.1: the controlling agent picks a valid pair; the list is in order of priority.
        let best = self.pairs.iter_mut().find(|pair| matches!(pair.state, PairState::Succeeded))?;
        Some(start(now, best, transaction_id(self.tag, rng), true, RTO_MIN))
    }

    fn poll_start(&mut self, now: Instant, rng: &mut StdRng) -> Option<Outgoing> {
        if now < self.next_start || self.consent.is_some() {
            return None;
        }
        // RFC 8445 §14.3: the more checks are under way, the longer each may take.
        let unfinished = self.pairs.iter().filter(|pair| !matches!(pair.state, PairState::Succeeded)).count();
        let rto = RTO_MIN.max(PACE * u32::try_from(unfinished).unwrap_or(u32::MAX));
        let pair = self.pairs.iter_mut().find(|pair| match pair.state {
            PairState::Waiting(from) => from <= now,
            _ => false,
        })?;
        self.next_start = now + PACE;
        Some(start(now, pair, transaction_id(self.tag, rng), false, rto))
    }
}

/// RFC 8445 §7.2.2 deviation: of a tagged one 64 bits are random. Answers carry MESSAGE-INTEGRITY, so that a guess
/// would not help.
fn transaction_id(tag: Option<u32>, rng: &mut StdRng) -> TransactionId {
    let mut id: [u8; 12] = rng.random();
    if let (Some(tag), Some(start)) = (tag, id.first_chunk_mut::<4>()) {
        *start = tag.to_be_bytes();
    }
    TransactionId(id)
}

fn start(now: Instant, pair: &mut Pair, id: TransactionId, nominates: bool, rto: Duration) -> Outgoing {
    pair.state = PairState::InProgress(Transaction { id, nominates, sendings: 1, rto, due: now + rto });
    Outgoing { id, local: pair.local, remote: pair.remote, nominates }
}

fn consent_interval(rng: &mut StdRng) -> Duration {
    CONSENT_INTERVAL.mul_f64(rng.random_range(0.8..1.2))
}

/// RFC 8445 §6.1.2.3, with ours as the controlling side.
fn pair_priority(local: u32, remote: u32) -> u64 {
    let (local, remote) = (u64::from(local), u64::from(remote));
    (local.min(remote) << 32) + 2 * local.max(remote) + u64::from(local > remote)
}
