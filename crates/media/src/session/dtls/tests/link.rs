//! A seeded link between two parties, and the clock that drives them.

use super::Party;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What the link does to datagrams; probabilities from 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weather {
    pub(super) loss: f64,
    pub(super) duplication: f64,
    /// Up to this much is added to each datagram's 5 ms, so that later ones overtake.
    pub(super) jitter: Duration,
}

/// Two parties, left and right, and the datagrams between them.
pub(super) struct Pair<L, R> {
    pub(super) left: L,
    pub(super) right: R,
    pub(super) now: Instant,
    pub(super) weather: Weather,
    /// Datagrams of the left party to swallow before the weather applies, counted from the first.
    pub(super) lost_from_left: Vec<usize>,
    /// The same of the right party.
    pub(super) lost_from_right: Vec<usize>,
    sent: [usize; 2],
    rng: StdRng,
    flying: BTreeMap<(Instant, u64), (Side, Vec<u8>)>,
    order: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Left,
    Right,
}

impl<L: Party, R: Party> Pair<L, R> {
    pub(super) fn new(now: Instant, seed: u64, left: L, right: R) -> Self {
        Self {
            left,
            right,
            now,
            weather: Weather::default(),
            lost_from_left: Vec::new(),
            lost_from_right: Vec::new(),
            sent: [0, 0],
            rng: StdRng::seed_from_u64(seed),
            flying: BTreeMap::new(),
            order: 0,
        }
    }

    pub(super) fn reseed(&mut self, seed: u64) {
        self.rng = StdRng::seed_from_u64(seed);
    }

    /// Lets virtual time pass until both are connected, one has failed, or `limit` is over.
    pub(super) fn run(&mut self, limit: Duration) {
        let end = self.now + limit;
        loop {
            self.collect();
            if self.left.has_ended() && self.right.has_ended() && self.flying.is_empty() {
                return;
            }
            let arrival = self.flying.keys().next().map(|(time, _)| *time);
            let timers = [arrival, self.left.poll_timeout(), self.right.poll_timeout()];
            match timers.into_iter().flatten().min() {
                Some(next) if next <= end => self.now = self.now.max(next),
                _ => return,
            }
            self.left.handle_timeout(self.now);
            self.right.handle_timeout(self.now);
            while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (to, datagram) = entry.remove();
                match to {
                    Side::Left => self.left.handle_datagram(self.now, &datagram),
                    Side::Right => self.right.handle_datagram(self.now, &datagram),
                }
            }
        }
    }

    fn collect(&mut self) {
        while let Some(datagram) = self.left.poll_transmit() {
            let place = self.sent[0];
            self.sent[0] += 1;
            if !self.lost_from_left.contains(&place) {
                self.send(Side::Right, datagram);
            }
        }
        while let Some(datagram) = self.right.poll_transmit() {
            let place = self.sent[1];
            self.sent[1] += 1;
            if !self.lost_from_right.contains(&place) {
                self.send(Side::Left, datagram);
            }
        }
    }

    fn send(&mut self, to: Side, datagram: Vec<u8>) {
        let copies = if self.rng.random_bool(self.weather.duplication) { 2 } else { 1 };
        for _ in 0..copies {
            if self.rng.random_bool(self.weather.loss) {
                continue;
            }
            let jitter = self.weather.jitter.mul_f64(self.rng.random());
            self.order += 1;
            let arrival = self.now + Duration::from_millis(5) + jitter;
            self.flying.insert((arrival, self.order), (to, datagram.clone()));
        }
    }
}
