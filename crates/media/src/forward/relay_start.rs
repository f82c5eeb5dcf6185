//! What goes with the beginning of a relay: its subscribers at the other forwarder begin as those here do, so
//! that the first of them does not wait for a keyframe of the publisher.

use super::pinned::Pinned;
use super::relay::{RelayedPacket, RelayedPayload};
use super::source::{Fresh, FreshPayload, Source};
use crate::pipeline::MediaKind;
use crate::rtp::ExtSeq;
use std::time::Instant;

/// What has come since a keyframe goes along up to these bounds: a second at 8 Mbit/s. It is copied at once, in
/// some hundred microseconds. Beyond them the keyframe's picture goes alone, and a new one is asked for.
const PACKETS_MAX: u64 = 1_024;
const BYTES_MAX: usize = 1 << 20;

/// What another forwarder's subscribers can begin with: at most 1,024 packets of 1 MiB, and one picture.
#[derive(Clone, Debug, Default)]
pub struct RelayedStart {
    /// Since the newest keyframe, if that is young.
    replay: Vec<ReplayPacket>,
    /// An older picture, to be shown until the next keyframe comes.
    still: Option<Pinned>,
}

#[derive(Clone, Debug)]
struct ReplayPacket {
    packet: RelayedPacket,
    bytes: Vec<u8>,
    /// When it arrived.
    at: Instant,
}

impl Source {
    /// What a relay that begins at `now` takes along, and its first number. What arrived in this batch is not
    /// part of it: that is relayed with the others.
    pub(super) fn relayed_start(&self, now: Instant) -> (ExtSeq, RelayedStart) {
        let next = self.next_index();
        if self.kind == MediaKind::Audio {
            return (next, RelayedStart::default());
        }
        let young = self.keyframes.begin(now);
        let found = young.and_then(|begin| Some((begin, self.replay(begin, now)?)));
        let (first, replay) = found.unwrap_or((next, Vec::new()));
        // The other forwarder finds a picture itself among the packets that it gets.
        let still = self.ring.pinned.picture().filter(|(begin, ..)| *begin < first);
        (first, RelayedStart { replay, still: still.map(|_| self.ring.pinned.clone()) })
    }

    /// All that is there from the number `begin` on; `None` when that is too much.
    fn replay(&self, begin: ExtSeq, now: Instant) -> Option<Vec<ReplayPacket>> {
        let count =
            u64::try_from(self.next_index().since(begin)).ok().filter(|count| *count <= PACKETS_MAX)?;
        let is_relayed = |index: ExtSeq| self.fresh.iter().any(|fresh| fresh.index == index);
        let all = (0..count).map(|place| begin.plus(place)).filter(|index| !is_relayed(*index));
        let replay: Vec<_> = all.filter_map(|index| self.replay_packet(self.again(index)?, now)).collect();
        let bytes: usize = replay.iter().map(|packet| packet.bytes.len()).sum();
        (bytes <= BYTES_MAX).then_some(replay)
    }

    fn replay_packet(&self, fresh: Fresh, now: Instant) -> Option<ReplayPacket> {
        let Fresh { index, clock, .. } = fresh;
        let (timestamp, payload, bytes) = match fresh.payload {
            FreshPayload::Media => {
                let stored = self.ring.find(index)?;
                let payload = RelayedPayload::Media { header: stored.header, frame: stored.frame };
                (stored.timestamp, payload, stored.packet.to_vec())
            }
            FreshPayload::Padding { payload_type, timestamp } => {
                (timestamp, RelayedPayload::Padding { payload_type }, Vec::new())
            }
        };
        let packet = RelayedPacket { index, timestamp, clock, payload };
        Some(ReplayPacket { packet, bytes, at: self.ring.arrival(index).unwrap_or(now) })
    }

    /// Takes what came with the beginning of a relay, before anybody is connected. What does not fit is as
    /// good as lost on the way: subscribers then ask for a keyframe.
    pub(super) fn take_start(&mut self, start: RelayedStart) {
        if let Some(still) = start.still {
            self.ring.pinned = still;
        }
        for ReplayPacket { packet, bytes, at } in &start.replay {
            // Padding is told of as refused.
            let _ = self.handle_relayed(packet, bytes, *at);
        }
    }
}
