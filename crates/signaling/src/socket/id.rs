//! Names for connections, and for their ends.

use std::fmt;

/// One WebSocket connection. Never reused within a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConnectionId(u64);

impl ConnectionId {
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c:{}", self.0)
    }
}

/// Why the server closes a connection (RFC 6455 §7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// The page has a newer connection.
    Replaced,
    /// A moderator removed its participant, or ended the room.
    Removed,
    ShuttingDown,
}

/// How a connection ended from the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// The page said that it is going away (close code 1001): a tab was closed, or has another page.
    GoneAway,
    /// Anything else; the page may come back.
    Lost,
}
