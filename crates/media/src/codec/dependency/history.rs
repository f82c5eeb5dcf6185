//! Which layers the latest frames of a source were of: references are told as distances to them.

use crate::codec::Layer;
use crate::rtp::RtpTime;

/// Frames that are remembered; a power of two. Three spatial and three temporal layers refer up to twelve
/// frames back. What lies further back counts as unknown, and its referrer as no switching point.
const FRAMES: usize = 64;

/// The latest frames by number modulo [`FRAMES`].
#[derive(Debug)]
pub(super) struct History {
    frames: [Option<Seen>; FRAMES],
}

/// A frame that was described.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) number: u16,
    pub(super) layer: Layer,
    /// Equal in all frames of one picture.
    pub(super) timestamp: RtpTime,
}

impl Default for History {
    fn default() -> Self {
        Self { frames: [None; FRAMES] }
    }
}

impl History {
    pub(super) fn note(&mut self, seen: Seen) {
        self.frames[usize::from(seen.number) % FRAMES] = Some(seen);
    }

    pub(super) fn find(&self, number: u16) -> Option<Seen> {
        self.frames[usize::from(number) % FRAMES].filter(|seen| seen.number == number)
    }
}
