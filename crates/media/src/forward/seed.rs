//! Repeatable numbers for what should differ between streams but need not be secret.

use std::time::Duration;

/// SplitMix64: a counter and a mixing function. SRTP, not these numbers, is what keeps streams private.
#[derive(Clone, Debug)]
pub(super) struct Seed(u64);

impl Seed {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A duration between half of and one and a half times `mean`.
    pub(super) fn around(&mut self, mean: Duration) -> Duration {
        // RFC 3550 §6.3.1: report intervals vary by this range so that senders do not fall in step.
        mean / 2 + mean * u32::from(self.number() as u16) / u32::from(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_runs_and_intervals_stay_in_range() {
        let (mut one, mut other) = (Seed::new(7), Seed::new(7));
        for _ in 0..1_000 {
            let interval = one.around(Duration::from_secs(1));
            assert_eq!(interval, other.around(Duration::from_secs(1)));
            assert!((500..=1_500).contains(&interval.as_millis()));
        }
        assert_ne!(one.number(), Seed::new(8).number());
    }
}
