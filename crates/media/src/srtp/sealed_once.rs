//! Debug builds: proof that no index is sealed twice under one key.

use super::replay::ReplayWindow;
use crate::rtp::{ExtSeq, Ssrc};
use std::collections::BTreeMap;

/// Streams remembered, 4 KiB each. At the bound the one unused for longest is forgotten, so the proof
/// reaches over the streams that are alive.
const STREAMS_MAX: usize = 1024;

/// Half the sequence number space: a receiver would take anything older for the next cycle
/// (RFC 3711 §3.3.1), so sealing it is a mistake even when it is not a repetition.
type Window = ReplayWindow<{ (1 << 15) / 64 }>;

/// The indexes sealed so far, by stream.
#[derive(Default)]
pub(super) struct SealedOnce {
    streams: BTreeMap<Ssrc, Stream>,
    packets: u64,
}

struct Stream {
    window: Box<Window>,
    last_used: u64,
}

impl SealedOnce {
    /// Records that `index` of `ssrc` is being sealed.
    ///
    /// # Panics
    /// When it was sealed before, or is too old for a receiver to place.
    pub(super) fn record(&mut self, ssrc: Ssrc, index: ExtSeq) {
        self.packets += 1;
        if let Some(stream) = self.streams.get_mut(&ssrc) {
            let fresh = stream.window.check(index.value());
            assert!(fresh.is_ok(), "{ssrc:?} {index:?} may be sealed only once: {fresh:?}");
            stream.window.accept(index.value());
            stream.last_used = self.packets;
            return;
        }
        if self.streams.len() >= STREAMS_MAX {
            let longest_unused = self.streams.iter().min_by_key(|(_, stream)| stream.last_used);
            if let Some(ssrc) = longest_unused.map(|(ssrc, _)| *ssrc) {
                self.streams.remove(&ssrc);
            }
        }
        let window = Box::new(Window::starting_at(index.value()));
        self.streams.insert(ssrc, Stream { window, last_used: self.packets });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_the_longest_unused_stream_goes_first() {
        let mut sealed = SealedOnce::default();
        let streams = STREAMS_MAX as u32;
        (0..streams).for_each(|ssrc| sealed.record(Ssrc::new(ssrc), ExtSeq::new(1)));
        sealed.record(Ssrc::new(0), ExtSeq::new(2));
        sealed.record(Ssrc::new(streams), ExtSeq::new(1));
        assert_eq!(sealed.streams.len(), STREAMS_MAX);
        assert!(sealed.streams.contains_key(&Ssrc::new(0)), "used again just now");
        assert!(!sealed.streams.contains_key(&Ssrc::new(1)), "unused for longest");
    }
}
