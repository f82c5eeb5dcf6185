//! Sequence numbers: 16 bits on the wire, 64 bits and ordered inside.

use std::fmt;

/// A sequence number as it stands on the wire (RFC 3550 §5.1): 16 bits, wrapping, not ordered.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeqNo(u16);

/// A sequence number with its wraps counted: ordered, never wraps in practice.
///
/// `ExtSeq` of an incoming and of an outgoing stream must not be mixed; the rewriter of a sink is the
/// only place where one becomes the other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtSeq(u64);

impl SeqNo {
    /// The sequence number with this wire value.
    #[must_use]
    pub const fn new(wire: u16) -> Self {
        Self(wire)
    }

    /// The value on the wire.
    #[must_use]
    pub const fn wire(self) -> u16 {
        self.0
    }

    /// The extended number nearest to `reference` that has this wire value (RFC 3711 §3.3.1, the same
    /// rule as SRTP's index estimate). Numbers before the start of the stream's first cycle stay in it.
    #[must_use]
    pub const fn extend(self, reference: ExtSeq) -> ExtSeq {
        let distance = self.0.wrapping_sub(reference.0 as u16) as i16 as i64;
        let extended = reference.0 as i64 + distance;
        if extended < 0 { ExtSeq((extended + 0x1_0000) as u64) } else { ExtSeq(extended as u64) }
    }
}

impl ExtSeq {
    /// The extended number with this value.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The whole value: rollover count in the upper bits, wire value in the lower 16.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The wire value.
    #[must_use]
    pub const fn seq(self) -> SeqNo {
        SeqNo(self.0 as u16)
    }

    /// How often the wire value has wrapped: SRTP's rollover counter (RFC 3711 §3.3.1).
    #[must_use]
    pub const fn rollover(self) -> u32 {
        (self.0 >> 16) as u32
    }

    /// The number `count` later.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// The next number.
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    /// How many numbers lie between `earlier` and this one; negative when this one is the earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.wrapping_sub(earlier.0) as i64
    }

    /// Whether this is the number right after `previous`.
    #[must_use]
    pub const fn follows(self, previous: Self) -> bool {
        self.0 == previous.0.wrapping_add(1)
    }
}

impl fmt::Debug for SeqNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seq:{}", self.0)
    }
}

impl fmt::Debug for ExtSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seq:{}+{}", self.rollover(), self.seq().wire())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extends_across_the_wrap_in_both_directions() {
        let near_the_wrap = ExtSeq::new(0x1_fffe);
        assert_eq!(SeqNo::new(2).extend(near_the_wrap), ExtSeq::new(0x2_0002));
        assert_eq!(SeqNo::new(0xfff0).extend(ExtSeq::new(0x2_0003)), ExtSeq::new(0x1_fff0));
    }

    #[test]
    fn a_number_before_the_first_cycle_does_not_go_negative() {
        assert_eq!(SeqNo::new(0xffff).extend(ExtSeq::new(1)), ExtSeq::new(0xffff));
    }
}
