//! A path that loses, delays and repeats, by a seed.

use crate::forward::seed::Seed;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// One direction of a path.
pub(super) struct Link<T> {
    seed: Seed,
    pub(super) loss_percent: u64,
    pub(super) duplicate_percent: u64,
    pub(super) delay: Duration,
    pub(super) jitter: Duration,
    in_flight: BTreeMap<(Instant, u64), T>,
    sent: u64,
}

impl<T: Clone> Link<T> {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed: Seed::new(seed),
            loss_percent: 0,
            duplicate_percent: 0,
            delay: Duration::from_millis(20),
            jitter: Duration::ZERO,
            in_flight: BTreeMap::new(),
            sent: 0,
        }
    }

    pub(super) fn send(&mut self, now: Instant, item: T) {
        if self.seed.number() % 100 < self.loss_percent {
            return;
        }
        let copies = 1 + u64::from(self.seed.number() % 100 < self.duplicate_percent);
        for _ in 0..copies {
            let jitter = self.jitter.as_micros() as u64;
            let late = Duration::from_micros(self.seed.number() % (jitter + 1));
            self.sent += 1;
            self.in_flight.insert((now + self.delay + late, self.sent), item.clone());
        }
    }

    /// What has arrived by `now`, in the order of arrival.
    pub(super) fn receive(&mut self, now: Instant) -> Vec<T> {
        let still = self.in_flight.split_off(&(now, u64::MAX));
        std::mem::replace(&mut self.in_flight, still).into_values().collect()
    }
}
