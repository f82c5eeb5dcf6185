//! The recent packets of one source in plaintext: they serve every subscriber's fan-out and NACKs.

use super::pinned::Pinned;
use super::source::Body;
use crate::codec::FrameInfo;
use crate::pipeline::MediaKind;
use crate::rtp::{ExtSeq, RtpHeader, RtpTime};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a packet is of use for repair. Receivers give up on a frame long before; a publisher's own
/// ring in a browser holds about one second.
const AGE_MAX: Duration = Duration::from_secs(3);
/// A chunk's size and count by kind: 2 MiB of video (one second, which a replay to a new subscriber may
/// take, at 16 Mbit/s), 64 KiB of audio (six seconds at 64 kbit/s), allocated chunk by chunk as packets come:
/// three seconds of what the stream sends, or this.
const VIDEO_CHUNKS: (usize, usize) = (64 << 10, 32);
const AUDIO_CHUNKS: (usize, usize) = (16 << 10, 4);
/// Packets by kind; a power of two. 2 MiB of full video packets is 1,900 of them.
const VIDEO_PACKETS_MAX: usize = 2_048;
const AUDIO_PACKETS_MAX: usize = 512;
const PACKETS_MIN: usize = 64;

/// A ring of chunks of bytes, and a table of what lies where. Bounded by bytes, packets and age; at each
/// bound the oldest go first. Nothing is allocated once the ring has grown to what its stream needs.
#[derive(Debug)]
pub(super) struct RepairRing {
    chunks: VecDeque<Chunk>,
    chunk_bytes: usize,
    chunks_max: usize,
    /// The number of the front chunk; chunks are numbered without gaps.
    front: u64,
    /// By index modulo length, a power of two.
    slots: Vec<Option<Slot>>,
    slots_max: usize,
    /// The newest whole keyframe; of video only.
    pub(super) pinned: Pinned,
}

#[derive(Debug)]
struct Chunk {
    bytes: Vec<u8>,
    newest: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    index: ExtSeq,
    header: RtpHeader,
    timestamp: RtpTime,
    /// Of video only.
    frame: Option<FrameInfo>,
    chunk: u64,
    start: u32,
    length: u32,
    stored: Instant,
}

/// A packet in the ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored<'a> {
    /// Its header as it arrived.
    pub(super) header: RtpHeader,
    /// Its timestamp on the source's own continuous clock.
    pub(super) timestamp: RtpTime,
    /// What it says of its frame; of video only.
    pub(super) frame: Option<FrameInfo>,
    /// Its bytes without padding.
    pub(super) packet: &'a [u8],
}

impl<'a> Stored<'a> {
    /// What follows the header.
    pub(super) fn payload(&self) -> &'a [u8] {
        self.packet.get(self.header.payload_start()..).unwrap_or_default()
    }
}

impl RepairRing {
    /// An empty ring that has allocated nothing.
    pub(super) const fn new(kind: MediaKind) -> Self {
        let ((chunk_bytes, chunks_max), slots_max) = match kind {
            MediaKind::Video => (VIDEO_CHUNKS, VIDEO_PACKETS_MAX),
            MediaKind::Audio => (AUDIO_CHUNKS, AUDIO_PACKETS_MAX),
        };
        Self {
            chunks: VecDeque::new(),
            chunk_bytes,
            chunks_max,
            front: 0,
            slots: Vec::new(),
            slots_max,
            pinned: Pinned::new(),
        }
    }

    /// Keeps a packet. Says whether it did: not what is larger than a chunk, nor a late packet whose place a
    /// newer one has taken.
    pub(super) fn store(&mut self, index: ExtSeq, timestamp: RtpTime, body: Body<'_>, now: Instant) -> bool {
        let Body { header, frame, head, payload } = body;
        let length = head.len() + payload.len();
        if length > self.chunk_bytes || self.occupant(index).is_some_and(|slot| slot.index > index) {
            return false;
        }
        self.make_room(length, now);
        let Some(chunk) = self.chunks.back_mut() else { return false };
        let start = chunk.bytes.len() as u32;
        chunk.bytes.extend_from_slice(head);
        chunk.bytes.extend_from_slice(payload);
        chunk.newest = now;
        let chunk = self.front + self.chunks.len() as u64 - 1;
        let slot = Slot { index, header, timestamp, frame, chunk, start, length: length as u32, stored: now };
        self.enter(slot, now);
        true
    }

    /// The packet `index`, unless it never came or has gone.
    pub(super) fn find(&self, index: ExtSeq) -> Option<Stored<'_>> {
        self.find_in_ring(index).or_else(|| self.pinned.find(index))
    }

    /// [`Self::find`] for a repair: not what is older than any receiver waits for, unless it is the picture
    /// that new receivers begin with.
    pub(super) fn find_young(&self, index: ExtSeq, now: Instant) -> Option<Stored<'_>> {
        let is_young = |slot: &Slot| now.saturating_duration_since(slot.stored) <= AGE_MAX;
        match self.slot(index) {
            Some(slot) if is_young(slot) => self.find(index),
            _ => self.pinned.find(index),
        }
    }

    /// Keeps the picture from `first` to before `end` until the next one is pinned.
    pub(super) fn pin(&mut self, first: ExtSeq, end: ExtSeq, at: Instant) {
        let mut pinned = std::mem::replace(&mut self.pinned, Pinned::new());
        pinned.replace(first, end, at, |index| self.find_in_ring(index));
        self.pinned = pinned;
    }

    /// Whether everything since `index` is still there, as far as it came: the oldest go first.
    pub(super) fn reaches(&self, index: ExtSeq) -> bool {
        self.find_in_ring(index).is_some()
    }

    fn find_in_ring(&self, index: ExtSeq) -> Option<Stored<'_>> {
        let slot = self.slot(index)?;
        let chunk = self.chunks.get(usize::try_from(slot.chunk.checked_sub(self.front)?).ok()?)?;
        let packet = chunk.bytes.get(slot.start as usize..(slot.start + slot.length) as usize)?;
        Some(Stored { header: slot.header, timestamp: slot.timestamp, frame: slot.frame, packet })
    }

    /// When the packet `index` came, while it is in the ring.
    pub(super) fn arrival(&self, index: ExtSeq) -> Option<Instant> {
        self.slot(index).map(|slot| slot.stored)
    }

    /// How long nothing had come when the packet `index` came; zero where that is not known.
    pub(super) fn silence_before(&self, index: ExtSeq) -> Duration {
        let before = ExtSeq::new(index.value().wrapping_sub(1));
        let times = self.slot(index).zip(self.slot(before));
        times.map_or(Duration::ZERO, |(slot, before)| slot.stored.saturating_duration_since(before.stored))
    }

    fn slot(&self, index: ExtSeq) -> Option<&Slot> {
        self.occupant(index).filter(|slot| slot.index == index)
    }

    /// What lies in the place of `index`: it or another with the same remainder.
    fn occupant(&self, index: ExtSeq) -> Option<&Slot> {
        let mask = self.slots.len().checked_sub(1)?;
        self.slots.get(index.value() as usize & mask)?.as_ref()
    }

    /// Makes the last chunk one that has `length` bytes free: a new one while the oldest is still of
    /// use and the bound allows it, the oldest otherwise.
    fn make_room(&mut self, length: usize, now: Instant) {
        if self.chunks.back().is_some_and(|chunk| chunk.bytes.len() + length <= self.chunk_bytes) {
            return;
        }
        let oldest_is_old = self.chunks.len() > 1
            && self.chunks.front().is_some_and(|chunk| now.saturating_duration_since(chunk.newest) > AGE_MAX);
        let reused = if oldest_is_old || self.chunks.len() == self.chunks_max {
            self.front += 1;
            self.chunks.pop_front()
        } else {
            None
        };
        let mut bytes = reused.map_or_else(|| Vec::with_capacity(self.chunk_bytes), |chunk| chunk.bytes);
        bytes.clear();
        self.chunks.push_back(Chunk { bytes, newest: now });
    }

    /// Enters `slot`, doubling the table instead of overwriting a packet that is still of use.
    fn enter(&mut self, slot: Slot, now: Instant) {
        while self.slots.len() < self.slots_max && self.would_lose_young(&slot, now) {
            let doubled = (self.slots.len() * 2).max(PACKETS_MIN);
            let old = std::mem::replace(&mut self.slots, vec![None; doubled]);
            for kept in old.into_iter().flatten() {
                self.slots[kept.index.value() as usize & (doubled - 1)] = Some(kept);
            }
        }
        let place = slot.index.value() as usize & (self.slots.len() - 1);
        self.slots[place] = Some(slot);
    }

    fn would_lose_young(&self, slot: &Slot, now: Instant) -> bool {
        self.slots.is_empty()
            || self.occupant(slot.index).is_some_and(|old| {
                old.index != slot.index && now.saturating_duration_since(old.stored) <= AGE_MAX
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [u8; 12] = [0x80, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];

    fn store(ring: &mut RepairRing, index: u64, body: &[u8], now: Instant) -> bool {
        let header = RtpHeader::parse(&HEADER).expect("a well-formed header");
        let body = Body { header, frame: None, head: &HEADER, payload: body };
        ring.store(ExtSeq::new(index), header.timestamp, body, now)
    }

    fn payload(ring: &RepairRing, index: u64) -> Option<Vec<u8>> {
        ring.find(ExtSeq::new(index)).map(|stored| stored.payload().to_vec())
    }

    #[test]
    fn gives_back_what_it_was_given_until_the_bytes_run_out() {
        let now = Instant::now(); // clock: an origin, never compared with the present
        let mut ring = RepairRing::new(MediaKind::Audio);
        for index in 0..200 {
            assert!(store(&mut ring, index, &[index as u8; 988], now));
        }
        // 64 KiB hold 64 packets of 1000 bytes, 16 to a chunk; the chunk in use is not full.
        assert_eq!(payload(&ring, 199), Some(vec![199; 988]));
        assert_eq!(payload(&ring, 144), Some(vec![144; 988]));
        assert_eq!(payload(&ring, 143), None);
        assert_eq!(ring.chunks.len(), 4);
    }

    #[test]
    fn the_count_of_packets_is_bounded_too() {
        let now = Instant::now(); // clock: an origin, never compared with the present
        let mut ring = RepairRing::new(MediaKind::Video);
        for index in 0..4_000 {
            assert!(store(&mut ring, index, &[1], now));
        }
        assert_eq!(ring.slots.len(), VIDEO_PACKETS_MAX);
        assert!(payload(&ring, 4_000 - VIDEO_PACKETS_MAX as u64).is_some());
        assert!(payload(&ring, 3_999 - VIDEO_PACKETS_MAX as u64).is_none());
        assert!(!store(&mut ring, 1_000, &[1], now), "a newer packet holds its place");
        assert!(!store(&mut ring, 5_000, &[0; 70_000], now), "larger than a chunk");
    }

    #[test]
    fn a_slow_stream_reuses_its_memory_and_old_packets_are_not_repaired() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut ring = RepairRing::new(MediaKind::Video);
        for index in 0..4_000 {
            let now = start + Duration::from_millis(20 * index);
            assert!(store(&mut ring, index, &[7; 1_000], now));
            let (fresh, old) = (ExtSeq::new(index), ExtSeq::new(index.saturating_sub(160)));
            assert!(ring.find_young(fresh, now).is_some());
            assert_eq!(ring.find_young(old, now).is_some(), index <= 150);
        }
        assert!(ring.slots.len() <= 256, "three seconds are 150 packets");
        assert!(ring.chunks.len() <= 4, "three seconds are 150 kB");
    }
}
