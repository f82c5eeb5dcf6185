//! The way of packets from one worker to another: two single-producer, single-consumer queues, one of what
//! the packets are and one of their bytes.
//!
//! One pair of queues serves everything that one worker relays to another. A ring for each track would take
//! memory for each, and let a worker that has stalled hold all of it; and its reader would have to look into
//! every one. What a full ring drops is the same either way: it is the reader that does not come.

use crate::forward::{RelayNews, RelayWay, RelayedPacket};

/// Packets that may lie in a ring: at 50,000 a second, more than one worker receives, 40 ms.
const ENTRIES_MAX: usize = 2_048;
/// Bytes of them: as many packets of a kilobyte. Memory that no packet has reached is never touched.
const BYTES_MAX: usize = ENTRIES_MAX << 10;

/// The end of the worker that receives the tracks.
#[derive(Debug)]
pub(crate) struct RingSender {
    entries: rtrb::Producer<Entry>,
    bytes: rtrb::Producer<u8>,
}

/// The end of the worker that they are relayed to.
#[derive(Debug)]
pub(crate) struct RingReceiver {
    entries: rtrb::Consumer<Entry>,
    bytes: rtrb::Consumer<u8>,
    /// The packet being handled, which may lie across the end of the ring.
    whole: Vec<u8>,
}

/// What a ring carries.
#[derive(Clone, Copy, Debug)]
pub(super) enum Relayed<'a> {
    Packet(RelayedPacket, &'a [u8]),
    News(RelayNews),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    way: RelayWay,
    content: Content,
}

#[derive(Clone, Copy, Debug)]
enum Content {
    Packet { packet: RelayedPacket, length: usize },
    News(RelayNews),
}

/// A ring's two ends. All its memory is allocated here.
pub(super) fn ring() -> (RingSender, RingReceiver) {
    let (entries, entries_end) = rtrb::RingBuffer::new(ENTRIES_MAX);
    let (bytes, bytes_end) = rtrb::RingBuffer::new(BYTES_MAX);
    let receiver = RingReceiver { entries: entries_end, bytes: bytes_end, whole: Vec::new() };
    (RingSender { entries, bytes }, receiver)
}

impl RingSender {
    /// Copies a packet into the ring; says whether it had room.
    pub(super) fn push(&mut self, way: RelayWay, packet: RelayedPacket, bytes: &[u8]) -> bool {
        // The bytes first: whoever finds the entry finds them.
        if self.entries.is_full() || self.bytes.push_entire_slice(bytes).is_err() {
            return false;
        }
        let content = Content::Packet { packet, length: bytes.len() };
        self.entries.push(Entry { way, content }).is_ok()
    }

    /// As [`Self::push`], for what is told beside the packets.
    pub(super) fn push_news(&mut self, way: RelayWay, news: RelayNews) -> bool {
        self.entries.push(Entry { way, content: Content::News(news) }).is_ok()
    }
}

impl RingReceiver {
    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.entries.slots()
    }

    /// Hands out the oldest.
    pub(super) fn take(&mut self, handle: impl FnOnce(RelayWay, Relayed<'_>)) {
        let Ok(Entry { way, content }) = self.entries.pop() else { return };
        let (packet, length) = match content {
            Content::Packet { packet, length } => (packet, length),
            Content::News(news) => return handle(way, Relayed::News(news)),
        };
        // Taken out before anything is done with them, so that the two queues stay in step whatever happens.
        self.whole.resize(length, 0);
        if self.bytes.pop_entire_slice(&mut self.whole).is_ok() {
            handle(way, Relayed::Packet(packet, &self.whole));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::{RelayTo, RelayedPayload};
    use crate::id::RelayId;
    use crate::rtp::{ClockRate, ExtSeq, PayloadType, RtpTime};

    fn way(relay: u64) -> RelayWay {
        RelayWay { to: RelayTo { worker: 1, relay: RelayId::new(relay) }, encoding: 0 }
    }

    fn packet(index: u64) -> RelayedPacket {
        let payload_type = PayloadType::new(96).expect("a valid payload type");
        RelayedPacket {
            index: ExtSeq::new(index),
            timestamp: RtpTime::new(0),
            clock: ClockRate::VIDEO,
            payload: RelayedPayload::Padding { payload_type },
        }
    }

    /// Takes one and returns its number with its bytes.
    fn taken(receiver: &mut RingReceiver) -> Option<(u64, Vec<u8>)> {
        let mut found = None;
        receiver.take(|_, relayed| {
            let Relayed::Packet(packet, bytes) = relayed else { panic!("only packets were sent") };
            found = Some((packet.index.value(), bytes.to_vec()));
        });
        found
    }

    #[test]
    fn packets_of_all_sizes_come_whole_and_in_order_round_after_round() {
        let (mut sender, mut receiver) = ring();
        for index in 0..10_000 {
            let bytes = vec![index as u8; 1 + index as usize * 7 % 1_400];
            assert!(sender.push(way(1), packet(index), &bytes));
            if index >= 100 {
                let before = index - 100;
                let expected = vec![before as u8; 1 + before as usize * 7 % 1_400];
                assert_eq!(taken(&mut receiver), Some((before, expected)));
            }
        }
        assert_eq!(receiver.waiting(), 100);
    }

    #[test]
    fn a_full_ring_takes_nothing_more_until_its_reader_comes() {
        for size in [10, 1_400] {
            let (mut sender, mut receiver) = ring();
            let fitting = (0..3_000).take_while(|index| sender.push(way(1), packet(*index), &vec![1; size]));
            let fitting = fitting.count();
            assert_eq!(fitting, ENTRIES_MAX.min(BYTES_MAX / size));
            assert_eq!(receiver.waiting(), fitting, "a refused packet leaves nothing behind");
            assert_eq!(taken(&mut receiver), Some((0, vec![1; size])), "the oldest is kept");
            assert!(sender.push(way(1), packet(9), &vec![2; size]));
        }
    }
}
