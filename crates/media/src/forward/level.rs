//! Packets of a batch made equally long, so that they leave as one segmented run.
//!
//! A run is packets of one size, of which the last may be shorter. libwebrtc cuts a frame into packets that
//! differ by a byte, the shorter ones first: such sizes break every run. A few bytes of RTP padding cost less
//! than another message to the kernel (ARCHITECTURE.md has the figures).

use super::repair::RepairRing;
use super::source::{Fresh, FreshPayload};

/// Bytes that a packet is padded by at most: libwebrtc's differ by one or two, and extensions that only a
/// frame's first or last packet has are rarely longer than this.
const PADDING_MAX: usize = 16;

/// Has each packet padded to the length of the one after it, where little is missing. Lengths are those of
/// arrival: packets that were equal then are equal when they leave, whatever a subscriber negotiated.
pub(super) fn level(packets: &mut [Fresh], ring: &RepairRing) {
    let mut next_length = 0_usize;
    for fresh in packets.iter_mut().rev() {
        let stored = match fresh.payload {
            FreshPayload::Media => ring.find(fresh.index),
            FreshPayload::Padding { .. } => None,
        };
        let length = stored.map_or(0, |stored| stored.packet.len());
        let missing = next_length.checked_sub(length).filter(|bytes| length > 0 && *bytes <= PADDING_MAX);
        fresh.padding = missing.map_or(0, |bytes| bytes as u8);
        next_length = length + usize::from(fresh.padding);
    }
}
