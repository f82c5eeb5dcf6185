//! The newest whole keyframe of a source, kept when the ring has long moved on.

use super::repair::Stored;
use crate::codec::FrameInfo;
use crate::rtp::{ExtSeq, RtpHeader, RtpTime};
use std::time::Instant;

/// What a keyframe may take. One of 1080p at high quality has 300 kB; a larger one is not kept, and who
/// joins long after it waits for the next.
const BYTES_MAX: usize = 512 << 10;
const PACKETS_MAX: u64 = 512;

/// The packets of one picture, in order and without holes. Its memory is used again for the next one.
#[derive(Clone, Debug)]
pub(super) struct Pinned {
    first: ExtSeq,
    packets: Vec<PinnedPacket>,
    bytes: Vec<u8>,
    /// When its first packet arrived.
    at: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct PinnedPacket {
    header: RtpHeader,
    timestamp: RtpTime,
    frame: Option<FrameInfo>,
    start: usize,
    length: usize,
}

impl Pinned {
    pub(super) const fn new() -> Self {
        Self { first: ExtSeq::new(0), packets: Vec::new(), bytes: Vec::new(), at: None }
    }

    /// Takes the picture from `first` to before `end`, found by `find`, in place of the one before. A
    /// picture that is too large, or has left the ring in part, leaves nothing.
    pub(super) fn replace<'a>(
        &mut self,
        first: ExtSeq,
        end: ExtSeq,
        at: Instant,
        find: impl Fn(ExtSeq) -> Option<Stored<'a>>,
    ) {
        self.clear();
        let count = end.since(first).unsigned_abs();
        for place in 0..count.min(PACKETS_MAX + 1) {
            let stored = find(first.plus(place));
            let fits = |stored: &Stored<'_>| self.bytes.len() + stored.packet.len() <= BYTES_MAX;
            let Some(Stored { header, timestamp, frame, packet }) =
                stored.filter(|stored| place < PACKETS_MAX && fits(stored))
            else {
                return self.clear();
            };
            let (start, length) = (self.bytes.len(), packet.len());
            self.bytes.extend_from_slice(packet);
            self.packets.push(PinnedPacket { header, timestamp, frame, start, length });
        }
        (self.first, self.at) = (first, Some(at));
    }

    pub(super) fn clear(&mut self) {
        self.packets.clear();
        self.bytes.clear();
        self.at = None;
    }

    pub(super) fn find(&self, index: ExtSeq) -> Option<Stored<'_>> {
        let place = usize::try_from(index.since(self.first)).ok()?;
        let PinnedPacket { header, timestamp, frame, start, length } = *self.packets.get(place)?;
        let packet = self.bytes.get(start..start + length)?;
        Some(Stored { header, timestamp, frame, packet })
    }

    /// Where it begins, the number after its last, and when it arrived; `None` when there is none.
    pub(super) fn picture(&self) -> Option<(ExtSeq, ExtSeq, Instant)> {
        Some((self.first, self.first.plus(self.packets.len() as u64), self.at?))
    }
}
