//! The TURN server's state machine.

/// Clients, peers and time, played from bytes: data goes only where it may, all bounds hold, nothing is left.
pub fn turn(input: &[u8]) {
    keel_turn::fuzz::turn_protocol(input);
}

/// Plays of clients that mean well and of one that does not.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    keel_turn::fuzz::plays()
}
