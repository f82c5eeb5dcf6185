//! What is sent to one peer, all its streams together: the numbers that its feedback is about.

use crate::rtp::{ExtSeq, SeqNo};

/// The first number: away from zero, so that what a peer believes to lie before it exists.
const FIRST: ExtSeq = ExtSeq::new(1 << 16);

/// One peer's transport, from Keel to the peer.
#[derive(Debug)]
pub(super) struct Transport {
    next: ExtSeq,
}

impl Default for Transport {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Transport {
    /// The number of the next packet that carries one; numbers are in the order of departure.
    pub(super) fn next_number(&mut self) -> SeqNo {
        let number = self.next;
        self.next = number.next();
        number.seq()
    }
}
