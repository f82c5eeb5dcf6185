//! RTP timestamps, NTP timestamps and clock rates.

use std::fmt;
use std::time::Duration;

/// An RTP timestamp (RFC 3550 §5.1): 32 bits, wrapping, in units of its stream's clock.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RtpTime(u32);

/// Ticks per second of an RTP clock; never zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ClockRate(u32);

/// A wall-clock time in NTP's 32.32 fixed point format (RFC 3550 §4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NtpTime(u64);

/// When a packet left, as the abs-send-time extension has it: 6.18 fixed point seconds, wrapping after
/// 64 s, with no particular origin.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AbsSendTime(u32);

impl RtpTime {
    /// The timestamp with this wire value.
    #[must_use]
    pub const fn new(wire: u32) -> Self {
        Self(wire)
    }

    /// The value on the wire.
    #[must_use]
    pub const fn wire(self) -> u32 {
        self.0
    }

    /// Ticks from `earlier` to this one, modulo 2^32.
    #[must_use]
    pub const fn wrapping_since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }

    /// The timestamp `ticks` later.
    #[must_use]
    pub const fn plus(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    /// Whether this one lies in the half of the circle after `other`.
    #[must_use]
    pub const fn is_after(self, other: Self) -> bool {
        let ticks = self.wrapping_since(other);
        ticks != 0 && ticks < 0x8000_0000
    }
}

impl ClockRate {
    /// Video's clock (RFC 3551 §5).
    pub const VIDEO: Self = Self(90_000);
    /// Opus's clock (RFC 7587 §4.1).
    pub const OPUS: Self = Self(48_000);

    /// The clock of G.711 and G.722 (RFC 3551 §4.5).
    pub const TELEPHONE: Self = Self(8_000);

    /// The rate with this many ticks per second; `None` for zero.
    #[must_use]
    pub const fn new(hertz: u32) -> Option<Self> {
        if hertz == 0 { None } else { Some(Self(hertz)) }
    }

    /// Ticks per second.
    #[must_use]
    pub const fn hertz(self) -> u32 {
        self.0
    }

    /// How many ticks pass in `duration`, rounded down, modulo 2^32.
    #[must_use]
    pub const fn ticks(self, duration: Duration) -> u32 {
        (duration.as_nanos() * self.0 as u128 / 1_000_000_000) as u32
    }

    /// How many ticks pass from one wall-clock time to another, rounded, modulo 2^32.
    #[must_use]
    pub const fn ticks_between(self, from: NtpTime, to: NtpTime) -> u32 {
        let difference = to.0.wrapping_sub(from.0) as i64 as i128;
        ((difference * self.0 as i128 + (1 << 31)) >> 32) as u32
    }

    /// How long `ticks` last.
    #[must_use]
    pub const fn duration(self, ticks: u32) -> Duration {
        Duration::from_nanos(ticks as u64 * 1_000_000_000 / self.0 as u64)
    }
}

impl NtpTime {
    /// The time with this 64-bit fixed point value.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The 64-bit fixed point value.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The middle 32 bits: the form in which reception reports quote it (RFC 3550 §6.4.1, LSR).
    #[must_use]
    pub const fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

impl AbsSendTime {
    /// The value for a departure this long after an origin of the sender's choice.
    #[must_use]
    pub const fn since_origin(elapsed: Duration) -> Self {
        Self((((elapsed.as_nanos() << 18) / 1_000_000_000) & 0xff_ffff) as u32)
    }

    /// The three bytes of the extension.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 3] {
        let [_, high, middle, low] = self.0.to_be_bytes();
        [high, middle, low]
    }
}

impl fmt::Debug for AbsSendTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ast:{:06x}", self.0)
    }
}

impl fmt::Debug for RtpTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ts:{}", self.0)
    }
}

impl fmt::Debug for NtpTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ntp:{:08x}.{:08x}", self.0 >> 32, self.0 as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_order_across_the_wrap() {
        let before = RtpTime::new(u32::MAX - 10);
        assert!(before.plus(20).is_after(before));
        assert!(!before.is_after(before.plus(20)));
        assert_eq!(before.plus(20).wrapping_since(before), 20);
    }

    #[test]
    fn departure_times_have_18_fraction_bits_and_wrap_after_64_seconds() {
        assert_eq!(AbsSendTime::since_origin(Duration::from_millis(1_500)).to_bytes(), [0x06, 0, 0]);
        let (early, late) = (Duration::from_millis(250), Duration::from_millis(64_250));
        assert_eq!(AbsSendTime::since_origin(early), AbsSendTime::since_origin(late));
    }

    #[test]
    fn ticks_between_wall_clock_times_go_both_ways() {
        let (early, late) = (NtpTime::new(u64::MAX - (1 << 31)), NtpTime::new(1 << 31));
        let ticks = ClockRate::VIDEO.ticks_between(early, late);
        assert_eq!(ticks, 90_000, "one second, across the end of the era");
        assert_eq!(ClockRate::VIDEO.ticks_between(late, early), ticks.wrapping_neg());
    }

    #[test]
    fn a_clock_converts_both_ways() {
        assert_eq!(ClockRate::VIDEO.ticks(Duration::from_millis(100)), 9_000);
        assert_eq!(ClockRate::OPUS.duration(960), Duration::from_millis(20));
    }
}
