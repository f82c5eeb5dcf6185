//! Which frames of its source one subscriber gets: those up to its target that its decoder can follow.

use super::layer::{LayerTarget, SPATIAL_MAX};
use crate::codec::{FrameInfo, Layer};
use crate::rtp::RtpTime;

/// Frames whose fate is remembered for their late packets: a second of an ordinary stream. A packet of an
/// older frame is withheld.
const RECENT: usize = 32;

/// The state of one subscriber's layers, from the keyframe on which its source began.
#[derive(Debug)]
pub(super) struct Selector {
    /// The highest temporal layer of which every frame is taken.
    temporal: u8,
    /// The spatial layer that is shown.
    spatial: u8,
    /// The spatial layers of which the decoder has all that their next frames need.
    follows: [bool; SPATIAL_MAX],
    /// The highest spatial layer taken of the newest picture, and of the one before.
    top: Option<u8>,
    top_before: Option<u8>,
    /// The last frames, as a ring.
    recent: [Option<Fate>; RECENT],
    newest: usize,
}

/// What became of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Fate {
    timestamp: RtpTime,
    spatial: u8,
    temporal: u8,
    taken: bool,
    /// What was shown when it was decided on.
    shown: Layer,
}

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Take,
    /// Leave it out; `first` says that nothing of its frame has been seen before.
    Withhold {
        first: bool,
    },
}

impl Selector {
    /// Whether the layer that is shown is not the one that should be, of those that come.
    pub(super) fn is_off(&self, target: LayerTarget, top: u8) -> bool {
        self.spatial.min(top) != highest(target).min(top)
    }

    /// The state before a keyframe's first packet.
    pub(super) fn new(target: LayerTarget) -> Self {
        Self {
            temporal: target.temporal,
            spatial: highest(target),
            follows: [true; SPATIAL_MAX],
            top: None,
            top_before: None,
            recent: [None; RECENT],
            newest: 0,
        }
    }

    /// Decides about a packet. All packets of one frame have one fate.
    pub(super) fn decide(&mut self, frame: &FrameInfo, timestamp: RtpTime, target: LayerTarget) -> Verdict {
        let spatial = frame.layer.spatial;
        if let Some(fate) = self.fate(timestamp, spatial) {
            return if fate.taken { Verdict::Take } else { Verdict::Withhold { first: false } };
        }
        let late = self.recent[self.newest].filter(|newest| newest.timestamp.is_after(timestamp));
        let shown_then = late.and_then(|_| self.shown_before(timestamp));
        let taken = match self.recent[self.newest] {
            Some(_) if late.is_some() => {
                shown_then.is_some_and(|shown| self.takes_late(frame, timestamp, shown))
            }
            Some(newest) if newest.timestamp == timestamp => self.takes(frame, target),
            _ => {
                self.begin_picture(frame, target);
                self.takes(frame, target)
            }
        };
        let shown = shown_then.unwrap_or(self.layer());
        self.remember(Fate { timestamp, spatial, temporal: frame.layer.temporal, taken, shown });
        if taken { Verdict::Take } else { Verdict::Withhold { first: true } }
    }

    /// The spatial layer that is shown and the temporal layer that is reached.
    pub(super) const fn layer(&self) -> Layer {
        Layer { spatial: self.spatial, temporal: self.temporal }
    }

    /// What may change between two pictures: down at once in both directions, as far as the decoder can
    /// follow the lower spatial layer; up to the target with a keyframe, which needs nothing before it.
    fn begin_picture(&mut self, frame: &FrameInfo, target: LayerTarget) {
        self.top_before = self.top.take();
        if frame.begins_keyframe {
            self.temporal = target.temporal;
            self.spatial = highest(target);
            self.follows = [true; SPATIAL_MAX];
            return;
        }
        self.temporal = self.temporal.min(target.temporal);
        if highest(target) < self.spatial {
            let followed = (highest(target)..self.spatial).find(|layer| self.follows(*layer));
            self.spatial = followed.unwrap_or(self.spatial);
        }
    }

    fn takes(&mut self, frame: &FrameInfo, target: LayerTarget) -> bool {
        let layer = frame.layer;
        if layer.temporal > self.temporal {
            // Each temporal layer may need the one below, so they are climbed one by one.
            if layer.temporal > target.temporal
                || layer.temporal != self.temporal + 1
                || !frame.switches_temporal
            {
                return false;
            }
        }
        let taken = self.takes_spatial(frame, highest(target));
        if taken {
            self.temporal = self.temporal.max(layer.temporal);
            self.top = self.top.max(Some(layer.spatial));
        }
        if let Some(follows) = self.follows.get_mut(usize::from(layer.spatial)) {
            *follows = taken && (*follows || frame.switches_spatial);
        }
        taken
    }

    fn takes_spatial(&mut self, frame: &FrameInfo, target: u8) -> bool {
        let spatial = frame.layer.spatial;
        let stands_on_taken = spatial.checked_sub(1) == self.top;
        if frame.switches_spatial && stands_on_taken {
            // The way up step by step, and the way down where lower layers are not followed.
            let climbs = spatial > self.spatial && spatial <= target;
            let descends = spatial < self.spatial && spatial == target;
            if climbs || descends {
                self.spatial = spatial;
            }
        }
        if spatial >= self.spatial {
            return spatial == self.spatial;
        }
        // One that serves only those who see nothing above it is left out while something above it comes.
        frame.serves_upper || (self.follows(spatial) && self.top_before.is_none_or(|top| top <= spatial))
    }

    /// A frame of which nothing came before newer ones did: it is taken as the one before it of its layer was. What
    /// was raised since was not followed then.
    fn takes_late(&self, frame: &FrameInfo, timestamp: RtpTime, shown: Layer) -> bool {
        let Layer { spatial, temporal } = frame.layer;
        if temporal > shown.temporal.min(self.temporal) {
            return false;
        }
        let of_layer =
            self.before(timestamp).filter(|fate| fate.spatial == spatial && fate.temporal <= temporal);
        match of_layer.reduce(Fate::newer) {
            Some(before) => before.taken,
            None => spatial <= shown.spatial && (frame.serves_upper || !self.has_upper(timestamp, spatial)),
        }
    }

    /// What was shown at this time, as far as it is remembered.
    fn shown_before(&self, timestamp: RtpTime) -> Option<Layer> {
        self.before(timestamp).reduce(Fate::newer).map(|fate| fate.shown)
    }

    /// Whether a frame above this spatial layer was taken of the picture.
    fn has_upper(&self, timestamp: RtpTime, spatial: u8) -> bool {
        let mut recent = self.recent.iter().flatten();
        recent.any(|fate| fate.timestamp == timestamp && fate.spatial > spatial && fate.taken)
    }

    /// The frames of earlier pictures, and others of this one.
    fn before(&self, timestamp: RtpTime) -> impl Iterator<Item = &Fate> {
        self.recent.iter().flatten().filter(move |fate| !fate.timestamp.is_after(timestamp))
    }

    fn follows(&self, spatial: u8) -> bool {
        self.follows.get(usize::from(spatial)).copied().unwrap_or(false)
    }

    fn fate(&self, timestamp: RtpTime, spatial: u8) -> Option<Fate> {
        let is_it = |fate: &Fate| fate.timestamp == timestamp && fate.spatial == spatial;
        let newest = self.recent[self.newest].filter(is_it);
        newest.or_else(|| self.recent.iter().flatten().find(|fate| is_it(fate)).copied())
    }

    /// The newest frame stays at the front of the ring; a late one takes the place of the oldest.
    fn remember(&mut self, fate: Fate) {
        let oldest = (self.newest + 1) % RECENT;
        match self.recent[self.newest] {
            Some(newest) if newest.timestamp.is_after(fate.timestamp) => {
                self.recent[oldest] = Some(newest);
                self.recent[self.newest] = Some(fate);
            }
            _ => self.recent[oldest] = Some(fate),
        }
        self.newest = oldest;
    }
}

impl Fate {
    fn newer<'a>(&'a self, other: &'a Self) -> &'a Self {
        if other.timestamp.is_after(self.timestamp) { other } else { self }
    }
}

/// The highest spatial layer of a target; the highest that is told apart stands for all above.
fn highest(target: LayerTarget) -> u8 {
    if usize::from(target.spatial) < SPATIAL_MAX - 1 { target.spatial } else { u8::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of a stream with one spatial layer, as a dependency descriptor tells it.
    fn frame(temporal: u8, key: bool) -> FrameInfo {
        FrameInfo {
            layer: Layer { spatial: 0, temporal },
            begins_frame: true,
            ends_frame: true,
            begins_keyframe: key,
            switches_temporal: true,
            switches_spatial: key,
            serves_upper: false,
            numbers: None,
            frame_number: None,
        }
    }

    #[test]
    fn a_whole_frame_that_comes_late_is_taken_as_those_before_it_were() {
        let at = |frame: u32| RtpTime::new(u32::MAX - 5_000).plus(frame * 3_000);
        let best = LayerTarget::BEST;
        let mut selector = Selector::new(best);
        assert_eq!(selector.decide(&frame(0, true), at(0), best), Verdict::Take);
        assert_eq!(selector.decide(&frame(0, false), at(2), best), Verdict::Take);
        assert_eq!(selector.decide(&frame(1, false), at(1), best), Verdict::Take, "repaired");

        let low = LayerTarget { temporal: 0, ..best };
        let first = Verdict::Withhold { first: true };
        assert_eq!(selector.decide(&frame(0, false), at(4), low), Verdict::Take);
        assert_eq!(selector.decide(&frame(1, false), at(3), low), first, "not any more");
        assert_eq!(selector.decide(&frame(0, false), at(8), best), Verdict::Take);
        assert_eq!(selector.decide(&frame(1, false), at(9), best), Verdict::Take, "raised");
        assert_eq!(selector.decide(&frame(1, false), at(7), best), first, "from before the raise");
        assert_eq!(selector.decide(&frame(0, false), at(6), best), Verdict::Take, "needed all the time");
    }
}
