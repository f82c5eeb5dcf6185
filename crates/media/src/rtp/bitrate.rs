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
