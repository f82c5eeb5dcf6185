//! How fast: token buckets, one by one and by address.

use crate::client::AddressBlock;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Bytes, or what else is counted: so many a second, and so many at once after a pause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// A second; at least one.
    pub per_second: u64,
    /// At once.
    pub at_once: u64,
}

impl Rate {
    /// The time in which `amount` comes back.
    fn time(self, amount: u64) -> Duration {
        Duration::from_nanos(amount.saturating_mul(1_000_000_000) / self.per_second.max(1))
    }
}

/// A token bucket, as the moment at which it will be full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    full_at: Instant,
}

impl Bucket {
    /// One that is full.
    pub(crate) fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes `amount`; false when so much is not there, and then nothing is taken.
    pub(crate) fn take(&mut self, now: Instant, rate: Rate, amount: u64) -> bool {
        let full_at = self.full_at.max(now) + rate.time(amount);
        let fits = full_at.saturating_duration_since(now) <= rate.time(rate.at_once);
        if fits {
            self.full_at = full_at;
        }
        fits
    }
}

/// Addresses that a limiter remembers. Past it only those are forgotten whose bucket is full again; where there
/// is none, unknown addresses are refused: that many busy addresses are an attack.
const ADDRESSES_MAX: usize = 65_536;

/// One bucket for each address that is not idle.
#[derive(Debug)]
pub(crate) struct AddressLimiter {
    rate: Rate,
    buckets: HashMap<AddressBlock, Bucket>,
    swept_at: Option<Instant>,
}

impl AddressLimiter {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, buckets: HashMap::new(), swept_at: None }
    }

    /// Whether this address may have `amount` more.
    pub(crate) fn take(&mut self, now: Instant, block: AddressBlock, amount: u64) -> bool {
        if self.buckets.len() >= ADDRESSES_MAX && !self.buckets.contains_key(&block) && !self.sweep(now) {
            return false;
        }
        self.buckets.entry(block).or_insert_with(|| Bucket::new(now)).take(now, self.rate, amount)
    }

    /// Forgets who is idle, at most once a second: it looks at all. Whether there is room now.
    fn sweep(&mut self, now: Instant) -> bool {
        let is_due =
            self.swept_at.is_none_or(|at| now.saturating_duration_since(at) >= Duration::from_secs(1));
        if is_due {
            self.swept_at = Some(now);
            self.buckets.retain(|_, bucket| bucket.full_at > now);
        }
        self.buckets.len() < ADDRESSES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    const RATE: Rate = Rate { per_second: 1_000, at_once: 5_000 };

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start);
        let mut taken = 0;
        for millisecond in 0..10_000 {
            while bucket.take(start + Duration::from_millis(millisecond), RATE, 100) {
                taken += 100;
            }
        }
        assert_eq!(taken, 5_000 + 9_900, "ten seconds less the last partial hundred");
    }

    #[test]
    fn what_does_not_fit_takes_nothing() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start);
        assert!(!bucket.take(start, RATE, 5_001));
        assert!(bucket.take(start, RATE, 5_000));
        assert!(!bucket.take(start, RATE, 1));
    }

    #[test]
    fn a_flood_of_addresses_is_refused_and_forgotten() {
        let start = Instant::now();
        let mut limiter = AddressLimiter::new(RATE);
        let block = |number: u32| AddressBlock::of(IpAddr::V4(Ipv4Addr::from(number)));
        for number in 0..ADDRESSES_MAX as u32 {
            assert!(limiter.take(start, block(number), 1_000));
        }
        assert!(!limiter.take(start, block(u32::MAX), 1), "no room");
        assert!(limiter.take(start, block(7), 1), "who is known goes on");
        let later = start + Duration::from_secs(2);
        assert!(limiter.take(later, block(u32::MAX), 1), "the others were forgotten");
        assert_eq!(limiter.buckets.len(), 1);
    }
}
