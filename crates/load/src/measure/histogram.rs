//! Times by the thousand in little memory.

use std::time::Duration;

/// Buckets for each doubling of the time: a quantile is exact to a thirty-second of itself.
const BUCKETS_PER_DOUBLING: u64 = 32;
/// From a nanosecond to 2^36 of them, more than a minute; longer times count as that.
const DOUBLINGS: u64 = 36;

/// How often each time was seen.
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    longest: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        let buckets = vec![0; (DOUBLINGS * BUCKETS_PER_DOUBLING) as usize];
        Self { buckets, count: 0, longest: Duration::ZERO }
    }
}

impl Histogram {
    /// Counts a time.
    pub fn record(&mut self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let place = (bucket(nanoseconds) as usize).min(self.buckets.len() - 1);
        self.buckets[place] += 1;
        self.count += 1;
        self.longest = self.longest.max(time);
    }

    /// Times counted.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The longest.
    #[must_use]
    pub const fn longest(&self) -> Duration {
        self.longest
    }

    /// The time that this share of all times is not above, 0.5 for the median; `None` without times.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = ((self.count as f64 * share).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        let place = self.buckets.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        Some(Duration::from_nanos(upper_end(place as u64)).min(self.longest))
    }
}

/// Times below a bucket's width are their own bucket; above, the exponent and the bits after the leading
/// one choose it.
const fn bucket(nanoseconds: u64) -> u64 {
    if nanoseconds < BUCKETS_PER_DOUBLING {
        return nanoseconds;
    }
    let exponent = nanoseconds.ilog2() as u64 - BUCKETS_PER_DOUBLING.ilog2() as u64;
    (exponent + 1) * BUCKETS_PER_DOUBLING + (nanoseconds >> exponent) - BUCKETS_PER_DOUBLING
}

/// The longest time of a bucket.
const fn upper_end(bucket: u64) -> u64 {
    if bucket < BUCKETS_PER_DOUBLING {
        return bucket;
    }
    let exponent = bucket / BUCKETS_PER_DOUBLING - 1;
    let mantissa = bucket % BUCKETS_PER_DOUBLING + BUCKETS_PER_DOUBLING;
    ((mantissa + 1) << exponent) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_exact_to_a_few_per_cent() {
        let mut times = Histogram::default();
        for microseconds in 1..=10_000 {
            times.record(Duration::from_micros(microseconds));
        }
        for (share, exact) in [(0.5, 5_000.0), (0.99, 9_900.0), (0.999, 9_990.0), (1.0, 10_000.0)] {
            let found = times.quantile(share).expect("there are times").as_secs_f64() * 1e6;
            assert!((found / exact - 1.0).abs() < 0.035, "{share}: {found} for {exact}");
        }
        assert_eq!((times.count(), times.longest()), (10_000, Duration::from_millis(10)));
    }

    #[test]
    fn nothing_has_no_median_and_the_longest_times_have_a_bucket() {
        let mut times = Histogram::default();
        assert_eq!(times.quantile(0.5), None);
        times.record(Duration::from_secs(1_000));
        assert!(times.quantile(0.5).expect("there is a time") > Duration::from_secs(60));
        for nanoseconds in [0, 1, 31, 32, 33, 63, 64, 1_000_000_007] {
            let end = upper_end(bucket(nanoseconds));
            assert!(end >= nanoseconds && bucket(end) == bucket(nanoseconds));
            assert_ne!(bucket(end + 1), bucket(nanoseconds));
        }
    }
}
