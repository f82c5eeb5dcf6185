//! How much data of data channels may be on its way from one worker to another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes on the way at once; what comes beyond is dropped, as it is at a slow peer. A worker takes what
/// waits in each of its rounds, so this is reached only when it stalls.
const BYTES_MAX: usize = 4 << 20;
/// What a message counts for beside its bytes, so that empty ones are bounded too.
const MESSAGE_BYTES: usize = 256;

/// What is on its way to one worker.
#[derive(Clone, Debug, Default)]
pub(super) struct Budget {
    in_flight: Arc<AtomicUsize>,
}

/// A message's share of it, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    bytes: usize,
    in_flight: Arc<AtomicUsize>,
}

impl Budget {
    /// Room for a message of `bytes`, if there is any.
    pub(super) fn reserve(&self, bytes: usize) -> Option<Permit> {
        let bytes = bytes.saturating_add(MESSAGE_BYTES);
        let before = self.in_flight.fetch_add(bytes, Ordering::Relaxed);
        let permit = Permit { bytes, in_flight: self.in_flight.clone() };
        (before.saturating_add(bytes) <= BYTES_MAX).then_some(permit)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.in_flight.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_makes_room_again() {
        let budget = Budget::default();
        let permits: Vec<_> = (0..100_000).map_while(|_| budget.reserve(0)).collect();
        assert_eq!(permits.len(), BYTES_MAX / MESSAGE_BYTES, "empty messages are bounded too");
        assert!(budget.reserve(0).is_none());
        drop(permits);
        assert!(budget.reserve(BYTES_MAX).is_none(), "none is larger than all");
        assert!(budget.reserve(1 << 20).is_some());
    }
}
