//! Bitrates.

use std::fmt;
use std::time::Duration;

/// Bits per second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bitrate(u64);

/// What a rate may be. Where the two cross, the maximum holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BitrateLimits {
    /// At least this.
    pub min: Option<Bitrate>,
    /// At most this.
    pub max: Option<Bitrate>,
}

impl Bitrate {
    /// The rate of `bits` in one second.
    #[must_use]
    pub const fn bps(bits: u64) -> Self {
        Self(bits)
    }

    /// Bits per second.
    #[must_use]
    pub const fn as_bps(self) -> u64 {
        self.0
    }

    /// Both rates together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// This share of it, in percent.
    #[must_use]
    pub const fn percent(self, percent: u64) -> Self {
        Self((self.0 as u128 * percent as u128 / 100) as u64)
    }

    /// What is left of it beside `other`.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// How long `bytes` take at this rate: ten seconds at most, also at a rate of zero.
    #[must_use]
    pub const fn time_for(self, bytes: u64) -> Duration {
        const LONGEST: u64 = 10_000_000;
        match (bytes as u128 * 8_000_000).checked_div(self.0 as u128) {
            Some(micros) if micros < LONGEST as u128 => Duration::from_micros(micros as u64),
            _ => Duration::from_micros(LONGEST),
        }
    }

    /// The rate at which `bytes` passed within `duration`; zero for an empty duration.
    #[must_use]
    pub const fn of(bytes: u64, duration: Duration) -> Self {
        match (bytes as u128 * 8_000_000).checked_div(duration.as_micros()) {
            Some(bits) => Self(bits as u64),
            None => Self(0),
        }
    }
}

impl fmt::Debug for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}bit/s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_times_are_inverse_and_never_overflow() {
        let rate = Bitrate::bps(1_000_000);
        assert_eq!(rate.time_for(1_250), Duration::from_millis(10));
        assert_eq!(Bitrate::of(1_250, rate.time_for(1_250)), rate);
        assert_eq!(Bitrate::bps(0).time_for(1), Duration::from_secs(10));
        assert_eq!(Bitrate::bps(1).time_for(u64::MAX), Duration::from_secs(10));
        assert_eq!(rate.percent(110).minus(rate), Bitrate::bps(100_000));
        assert_eq!(rate.minus(Bitrate::bps(u64::MAX)), Bitrate::bps(0));
        assert_eq!(Bitrate::bps(u64::MAX).percent(100), Bitrate::bps(u64::MAX));
    }
}
