//! Somebody else on the same path.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The length of every datagram of a competing flow.
pub(super) const SEGMENT_BYTES: u64 = 1_200;
/// The greedy flow's window at its start, and its least.
const WINDOW_START: f64 = 10.0;
const WINDOW_MIN: f64 = 2.0;

/// A flow that shares the bottleneck.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Competing {
    /// Nobody.
    None,
    /// A constant rate in bits per second, within a time from the link's first datagram.
    Constant {
        /// How fast.
        rate: u64,
        /// When it begins.
        from: Duration,
        /// When it ends.
        until: Duration,
    },
    /// A download that fills the queue: one more datagram under way for each round trip, half as many after a
    /// loss (RFC 5681 §3.1), within a time from the link's first datagram.
    Greedy {
        /// When it begins.
        from: Duration,
        /// When it ends.
        until: Duration,
    },
}

/// [`Competing`] with its memory.
#[derive(Debug)]
pub(super) struct Competitor {
    flow: Competing,
    /// Twice the link's delay: how long after its departure a segment is acknowledged.
    round_trip: Duration,
    next: Option<Instant>,
    ends: Option<Instant>,
    window: f64,
    /// The greedy flow is in slow start until its first loss.
    has_lost: bool,
    /// No second decrease before this.
    recovered_at: Option<Instant>,
    in_flight: u32,
    acknowledgements: VecDeque<Instant>,
}

impl Competitor {
    pub(super) fn new(flow: Competing, delay: Duration) -> Self {
        Self {
            flow,
            round_trip: (2 * delay).max(Duration::from_millis(1)),
            next: None,
            ends: None,
            window: WINDOW_START,
            has_lost: false,
            recovered_at: None,
            in_flight: 0,
            acknowledgements: VecDeque::new(),
        }
    }

    /// The link's time begins.
    pub(super) fn begin(&mut self, now: Instant) {
        if let Competing::Constant { from, until, .. } | Competing::Greedy { from, until } = self.flow {
            (self.next, self.ends) = (Some(now + from), Some(now + until));
        }
    }

    /// When it does something next.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let send = self.next.filter(|next| self.ends.is_some_and(|ends| *next < ends));
        self.acknowledgements.front().copied().into_iter().chain(send).min()
    }

    /// Does what is due at `now`, and says whether that is a datagram. `taken` is whether the queue has room.
    pub(super) fn send(&mut self, now: Instant, taken: bool) -> bool {
        if self.acknowledgements.front().is_some_and(|at| *at <= now) {
            self.acknowledgements.pop_front();
            self.in_flight = self.in_flight.saturating_sub(1);
            self.window += if self.has_lost { 1.0 / self.window } else { 1.0 };
            self.next = self.next.or(Some(now));
            return false;
        }
        match self.flow {
            Competing::None => {
                self.next = None;
                false
            }
            Competing::Constant { rate, .. } => {
                let gap = Duration::from_secs_f64(8.0 * SEGMENT_BYTES as f64 / rate.max(1) as f64);
                self.next = Some(now + gap);
                true
            }
            Competing::Greedy { .. } => {
                if f64::from(self.in_flight) + 1.0 > self.window {
                    // The next acknowledgement opens the window.
                    self.next = None;
                    return false;
                }
                if taken {
                    self.in_flight += 1;
                    self.next = Some(now);
                } else {
                    self.lose(now);
                    self.next = Some(now + self.round_trip);
                }
                true
            }
        }
    }

    /// One of its datagrams left the bottleneck.
    pub(super) fn note_passed(&mut self, at: Instant) {
        if matches!(self.flow, Competing::Greedy { .. }) {
            self.acknowledgements.push_back(at + self.round_trip);
        }
    }

    fn lose(&mut self, now: Instant) {
        if self.recovered_at.is_none_or(|recovered| now >= recovered) {
            self.has_lost = true;
            self.window = (self.window / 2.0).max(WINDOW_MIN);
            self.recovered_at = Some(now + self.round_trip);
        }
    }
}
