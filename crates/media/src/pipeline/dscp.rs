//! How networks are asked to treat an endpoint's packets.

/// A differentiated services code point (RFC 2474 §3): 0..=63. RFC 8837 §5 has those for WebRTC, 46 (EF) for
/// audio of high priority among them; networks may ignore it, and many do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dscp(u8);

impl Dscp {
    /// The code point with this number; `None` past 63.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number < 64 { Some(Self(number)) } else { None }
    }

    /// Its number, 0..=63.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The whole octet of the IP header.
    pub(crate) const fn traffic_class(self) -> u8 {
        // RFC 3168 §5: the lower two bits are for congestion notification, which is not used here.
        self.0 << 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_point_has_six_bits() {
        assert_eq!(Dscp::new(64), None);
        let expedited = Dscp::new(46).expect("in range");
        assert_eq!((expedited.number(), expedited.traffic_class()), (46, 0xb8));
    }
}
