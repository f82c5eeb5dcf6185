//! One direction of a bad network, in virtual time.
//!
//! A [`Link`] takes datagrams with the time they are sent and gives them back with the time they
//! arrive. It has no socket and no clock: the same seed and the same calls give the same arrivals, so a
//! test that fails can be run again. [`crate::proxy`] runs the same model in real time.
//!
//! ```
//! use keel_testkit::net::{Link, LinkConfig};
//! use std::time::{Duration, Instant};
//!
//! let start = Instant::now();
//! let mut link = Link::new(7, LinkConfig { delay: Duration::from_millis(40), ..LinkConfig::default() });
//! link.send(start, b"hello".as_slice().into());
//! assert_eq!(link.poll(start), None);
//! let arrival = link.poll_timeout().expect("one datagram is under way");
//! assert_eq!(link.poll(arrival).as_deref(), Some(b"hello".as_slice()));
//! ```

mod bottleneck;
mod competing;
mod loss;

pub use bottleneck::QueueLimit;
pub use competing::Competing;
pub use loss::Loss;

use bottleneck::{Bottleneck, Waiting};
use bytes::Bytes;
use loss::LossProcess;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// Datagrams that one link holds at most; further ones are dropped and counted as
/// [`LinkCounters::queue_full`].
pub const IN_FLIGHT_MAX: usize = 16_384;

/// What a link does to datagrams. The default does nothing: no delay, no loss, no limit.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// How long every datagram is under way.
    pub delay: Duration,
    /// Up to this much is added to the delay, evenly distributed; the order is kept.
    pub jitter: Duration,
    /// Which datagrams are lost.
    pub loss: Loss,
    /// The share (0 to 1) of datagrams that arrive `reorder_delay` late, past those sent after them.
    pub reorder: f64,
    /// How late those are.
    pub reorder_delay: Duration,
    /// The share (0 to 1) of datagrams that arrive twice.
    pub duplicate: f64,
    /// Bits per second that leave the bottleneck; `None` for no bottleneck.
    pub rate: Option<u64>,
    /// When the rate changes, counted from the first datagram, in ascending order.
    pub schedule: Vec<(Duration, Option<u64>)>,
    /// What may wait before the bottleneck; what does not fit is dropped.
    pub queue: QueueLimit,
    /// Somebody else's datagrams, which pass the same bottleneck.
    pub competing: Competing,
    /// The longest datagram in bytes; longer ones are dropped.
    pub mtu: usize,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: Loss::None,
            reorder: 0.0,
            reorder_delay: Duration::from_millis(20),
            duplicate: 0.0,
            rate: None,
            schedule: Vec::new(),
            queue: QueueLimit::Bytes(64 * 1024),
            competing: Competing::None,
            mtu: 65_535,
        }
    }
}

/// What became of the datagrams that were sent. After the link has drained, `sent + duplicated` equals
/// the sum of the others without `reordered`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Handed to [`Link::send`].
    pub sent: u64,
    /// Given out by [`Link::poll`], duplicates included.
    pub delivered: u64,
    /// Taken by the loss process.
    pub lost: u64,
    /// Dropped while the link was cut.
    pub cut: u64,
    /// Dropped before the bottleneck, or beyond [`IN_FLIGHT_MAX`].
    pub queue_full: u64,
    /// Longer than the MTU.
    pub too_long: u64,
    /// Second copies made.
    pub duplicated: u64,
    /// Sent on their way late on purpose.
    pub reordered: u64,
}

/// One direction of a network path.
#[derive(Debug)]
pub struct Link {
    config: LinkConfig,
    rng: StdRng,
    loss: LossProcess,
    bottleneck: Bottleneck,
    in_flight: BinaryHeap<InFlight>,
    next_number: u64,
    /// No datagram that keeps its place arrives before this.
    last_arrival: Option<Instant>,
    cut: bool,
    counters: LinkCounters,
}

impl Link {
    /// A link whose every decision follows from `seed`.
    #[must_use]
    pub fn new(seed: u64, config: LinkConfig) -> Self {
        Self {
            loss: LossProcess::new(config.loss),
            bottleneck: Bottleneck::new(&config),
            config,
            rng: StdRng::seed_from_u64(seed),
            in_flight: BinaryHeap::new(),
            next_number: 0,
            last_arrival: None,
            cut: false,
            counters: LinkCounters::default(),
        }
    }

    /// Sends one datagram at `now`. Times must not go backwards from call to call.
    pub fn send(&mut self, now: Instant, datagram: Bytes) {
        self.counters.sent += 1;
        // Drawn for every datagram, whatever its fate: a partition or a longer packet then does not
        // change what happens to the ones after it.
        let lost = self.loss.next(&mut self.rng);
        let late = self.rng.random_bool(self.config.reorder);
        let twice = self.rng.random_bool(self.config.duplicate);
        let jitter = self.config.jitter.mul_f64(self.rng.random::<f64>());

        if self.cut {
            self.counters.cut += 1;
        } else if datagram.len() > self.config.mtu {
            self.counters.too_long += 1;
        } else if lost {
            self.counters.lost += 1;
        } else {
            let waiting = Waiting { delay: self.config.delay + jitter, late, twice, datagram };
            self.pass(now);
            if self.bottleneck.push(now, waiting).is_err() {
                self.counters.queue_full += 1;
            }
            self.pass(now);
        }
    }

    /// The next datagram that has arrived by `now`.
    pub fn poll(&mut self, now: Instant) -> Option<Bytes> {
        self.pass(now);
        if self.in_flight.peek()?.arrival > now {
            return None;
        }
        self.counters.delivered += 1;
        self.in_flight.pop().map(|arrived| arrived.datagram)
    }

    /// When to poll again: the next datagram arrives or leaves the bottleneck; `None` while nothing is under
    /// way.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let arrival = self.in_flight.peek().map(|next| next.arrival);
        arrival.into_iter().chain(self.bottleneck.poll_timeout()).min()
    }

    /// Changes the bottleneck's rate from `now` on, also for what waits before it.
    pub fn set_rate(&mut self, now: Instant, rate: Option<u64>) {
        self.pass(now);
        self.bottleneck.set_rate(now, rate);
        self.pass(now);
    }

    /// Changes which datagrams are lost from now on.
    pub fn set_loss(&mut self, loss: Loss) {
        self.loss = LossProcess::new(loss);
    }

    /// What the competing flow got through the bottleneck so far, in bytes.
    #[must_use]
    pub fn competing_bytes(&self) -> u64 {
        self.bottleneck.competing_bytes()
    }

    /// Cuts the link: what is sent from now on is dropped. What is under way still arrives.
    pub fn cut(&mut self) {
        self.cut = true;
    }

    /// Undoes [`Self::cut`].
    pub fn mend(&mut self) {
        self.cut = false;
    }

    /// What happened so far.
    #[must_use]
    pub fn counters(&self) -> LinkCounters {
        self.counters
    }

    /// Sends on what has left the bottleneck by `now`.
    fn pass(&mut self, now: Instant) {
        while let Some((departure, passed)) = self.bottleneck.poll(now) {
            let on_time = departure + passed.delay;
            let arrival = if passed.late {
                self.counters.reordered += 1;
                on_time + self.config.reorder_delay
            } else {
                let in_order = self.last_arrival.map_or(on_time, |last| last.max(on_time));
                self.last_arrival = Some(in_order);
                in_order
            };
            if passed.twice {
                self.counters.duplicated += 1;
                self.put_under_way(arrival, passed.datagram.clone());
            }
            self.put_under_way(arrival, passed.datagram);
        }
    }

    fn put_under_way(&mut self, arrival: Instant, datagram: Bytes) {
        if self.in_flight.len() >= IN_FLIGHT_MAX {
            self.counters.queue_full += 1;
            return;
        }
        self.in_flight.push(InFlight { arrival, number: self.next_number, datagram });
        self.next_number += 1;
    }
}

/// A datagram under way. The greatest is the one that arrives first, since [`BinaryHeap`] gives out the
/// greatest; among equals the one sent first.
#[derive(Debug)]
struct InFlight {
    arrival: Instant,
    number: u64,
    datagram: Bytes,
}

impl Ord for InFlight {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.arrival, other.number).cmp(&(self.arrival, self.number))
    }
}

impl PartialOrd for InFlight {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for InFlight {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for InFlight {}

#[cfg(test)]
mod tests;
