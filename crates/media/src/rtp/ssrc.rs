//! Synchronisation sources.

use std::fmt;

/// The number that names one RTP stream within a session (RFC 3550 §5.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ssrc(u32);

impl Ssrc {
    /// The SSRC with this wire value.
    #[must_use]
    pub const fn new(wire: u32) -> Self {
        Self(wire)
    }

    /// The value on the wire.
    #[must_use]
    pub const fn wire(self) -> u32 {
        self.0
    }
}

impl fmt::Debug for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ssrc:{:08x}", self.0)
    }
}
