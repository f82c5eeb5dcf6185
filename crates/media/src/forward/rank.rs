//! The order of a track's encodings, from the least to the best.
//!
//! A description mostly does not say it: browsers that make the encodings themselves list the least first,
//! pages list them either way. What they cost tells, once they flow.

use super::Forwarder;
use crate::id::{SourceId, TrackId};
use crate::rtp::Bitrate;

/// Below this an encoding's rate says little of its size: of a still picture all are small.
const TELLING: Bitrate = Bitrate::bps(50_000);

impl Forwarder {
    /// Exchanges encodings of a track that cost clearly less than one before them; says whether there were
    /// any. Half as much again is clear: an encoder halves width and height, and rates differ by more.
    pub(super) fn rank_encodings(&mut self, track: TrackId) -> bool {
        let sources = &self.sources;
        // Of the same second, and of encodings that send all the time: others' rates cannot be compared.
        let steady = |id: &SourceId| sources.get(id.number()).filter(|source| source.meter.is_steady());
        let rate = |id: &SourceId| steady(id).map(|source| source.meter.total_rate());
        let Some(track) = self.tracks.get_mut(track.number()) else { return false };
        let mut exchanged = false;
        for better in 1..track.sources.len() {
            for lesser in 0..better {
                let pair =
                    track.sources.get(lesser).and_then(rate).zip(track.sources.get(better).and_then(rate));
                if let Some((below, above)) = pair
                    && below >= TELLING
                    && below.as_bps() / 3 > above.as_bps() / 2
                {
                    track.sources.swap(lesser, better);
                    exchanged = true;
                }
            }
        }
        exchanged
    }
}
