//! Payload types.

use std::fmt;

/// An RTP payload type: 7 bits, and outside 64..=95, which RTCP packet types would collide with when
/// both share a port (RFC 5761 §4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadType(u8);

impl PayloadType {
    /// The payload type with this number, unless it cannot be used beside rtcp-mux.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        match number {
            0..=63 | 96..=127 => Some(Self(number)),
            _ => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn wire(self) -> u8 {
        self.0
    }
}

impl fmt::Debug for PayloadType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pt:{}", self.0)
    }
}
