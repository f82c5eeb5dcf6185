//! The SSRCs of a session that sends many streams, one after another.

use crate::rtp::Ssrc;

/// Odd, so that multiplying by it is a permutation of 32 bits; its bits are mixed well.
const FACTOR: u32 = 0x9e37_79b1;

/// Numbers that never come again within a session: AES-GCM would not survive two streams under one, and a
/// receiver could not tell late packets of the one from the other's. A permutation of a counter, so that
/// nothing need be remembered however many streams come and go.
#[derive(Clone, Debug)]
pub struct SsrcSequence {
    /// How many were taken; those past 2^32 do not exist.
    taken: u64,
    key: u32,
    reserved: Ssrc,
}

impl SsrcSequence {
    /// All SSRCs but `reserved` and zero, in an order that `key` decides.
    #[must_use]
    pub const fn new(key: u32, reserved: Ssrc) -> Self {
        Self { taken: 0, key, reserved }
    }
}

impl Iterator for SsrcSequence {
    type Item = Ssrc;

    fn next(&mut self) -> Option<Ssrc> {
        loop {
            let place = u32::try_from(self.taken).ok()?;
            self.taken += 1;
            let ssrc = Ssrc::new(place.wrapping_mul(FACTOR) ^ self.key);
            // Some stacks take zero for "none".
            if ssrc.wire() != 0 && ssrc != self.reserved {
                return Some(ssrc);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_number_comes_twice_and_the_reserved_ones_never() {
        let reserved = SsrcSequence::new(7, Ssrc::new(0)).nth(10).expect("it has numbers");
        let drawn: Vec<Ssrc> = SsrcSequence::new(7, reserved).take(100_000).collect();
        let distinct: BTreeSet<Ssrc> = drawn.iter().copied().collect();
        assert_eq!(distinct.len(), drawn.len());
        assert!(!distinct.contains(&reserved) && !distinct.contains(&Ssrc::new(0)));
    }

    #[test]
    fn after_the_last_number_there_is_none() {
        let mut sequence = SsrcSequence { taken: u64::from(u32::MAX), key: 7, reserved: Ssrc::new(0) };
        assert!(sequence.next().is_some());
        assert_eq!(sequence.next(), None);
    }
}
