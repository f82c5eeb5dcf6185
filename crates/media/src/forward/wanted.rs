//! Which encodings of a track its subscribers want, so that a publisher need not send the others.
//!
//! What counts is what their owners let them have, not what their paths have room for at present: an
//! encoding that a path may carry in a moment must be there to be measured and to be gone to. Those below one
//! that is wanted are wanted too, since a path may get narrower at any time.

use super::Forwarder;
use super::output::Output;
use super::track::{ENCODINGS_MAX, Track};
use crate::id::{SinkId, SourceId, TrackId};

/// Encodings of one track, each either wanted or not, in the order in which they were added.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct WantedEncodings([bool; ENCODINGS_MAX]);

impl WantedEncodings {
    /// The first `count` of those that a track may have.
    #[must_use]
    pub fn first(count: usize) -> Self {
        Self(std::array::from_fn(|place| place < count))
    }

    /// Whether this encoding is wanted; further ones than a track has are not.
    #[must_use]
    pub fn contains(&self, encoding: usize) -> bool {
        self.0.get(encoding).copied().unwrap_or(false)
    }

    /// Those that are wanted by either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(std::array::from_fn(|place| self.contains(place) || other.contains(place)))
    }

    /// Changes whether an encoding is wanted; further ones than a track has are ignored.
    pub fn set(&mut self, encoding: usize, wanted: bool) {
        if let Some(place) = self.0.get_mut(encoding) {
            *place = wanted;
        }
    }
}

impl Forwarder {
    /// The encodings of a track that its subscribers want, here and at other forwarders; none of an unknown
    /// one. Changes are told by [`Output::Wanted`].
    #[must_use]
    pub fn wanted(&self, track: TrackId) -> WantedEncodings {
        self.tracks.get(track.number()).map(|known| self.wanted_of(known)).unwrap_or_default()
    }

    pub(super) fn wanted_of(&self, track: &Track) -> WantedEncodings {
        let best = track.sources.len().saturating_sub(1);
        let sinks = track.sinks.iter().filter_map(|sink| self.sinks.get(sink.number()));
        let wishes = sinks.filter(|sink| !sink.paused).map(|sink| usize::from(sink.target.spatial).min(best));
        let mut wanted = WantedEncodings::default();
        if let Some(most) = wishes.max() {
            let place = |source: &SourceId| track.listed.iter().position(|listed| listed == source);
            // From the least on; of a single stream the target names spatial layers, which it has or has not.
            track.sources.iter().take(most + 1).filter_map(place).for_each(|place| wanted.set(place, true));
        }
        track.relays.iter().fold(wanted, |wanted, relay| wanted.union(relay.demand.wanted))
    }

    /// Tells whom it concerns what is wanted of a track, after that may have changed.
    pub(super) fn renew_wishes(&mut self, track: TrackId) {
        match self.tracks.get(track.number()).map(|known| known.peer) {
            Some(Some(_)) => self.renew_wanted(track),
            Some(None) => self.renew_demand(track),
            None => {}
        }
    }

    /// [`Self::renew_wishes`] of what a sink has.
    pub(super) fn note_wish(&mut self, sink: SinkId) {
        if let Some(track) = self.sinks.get(sink.number()).and_then(|sink| sink.track()) {
            self.renew_wishes(track);
        }
    }

    /// Tells the owner of a track that is received here.
    pub(super) fn renew_wanted(&mut self, track: TrackId) {
        let wanted = self.wanted(track);
        if let Some(known) = self.tracks.get_mut(track.number()).filter(|known| known.told_wanted != wanted)
            && let Some(session) = known.peer.and_then(|key| self.peers.get(key)).map(|peer| peer.session)
        {
            known.told_wanted = wanted;
            self.outputs.push(Output::Wanted { session, track, wanted });
        }
    }
}
