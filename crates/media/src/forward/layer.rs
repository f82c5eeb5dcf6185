//! Which layer a subscriber should get, and what each layer costs.

use crate::codec::Layer;
use crate::rtp::Bitrate;

/// Spatial layers, or encodings of a track, that are told apart; what lies above counts as the highest.
pub const SPATIAL_MAX: usize = 4;
/// Temporal layers that are told apart, likewise.
pub const TEMPORAL_MAX: usize = 4;

/// The most that a subscriber is to get of a track.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LayerTarget {
    /// The encoding of a simulcast track, or the spatial layer of a scalable stream, from 0, the least.
    pub spatial: u8,
    /// The temporal layer, from 0, the lowest frame rate.
    pub temporal: u8,
}

/// What a subscriber gets of a track.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SinkLayer {
    /// What it is to get at most.
    pub target: LayerTarget,
    /// What it gets at present: `spatial` as in its target; the temporal layer is the highest of which it
    /// gets every frame, 0 for a stream without layers. `None` while it waits for a keyframe, is paused, or
    /// has no track.
    pub current: Option<Layer>,
    /// It is paused by its owner.
    pub paused: bool,
}

/// The measured rates of a track's layers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Layers {
    /// By encoding or spatial layer, then by temporal layer: the rate of this layer alone.
    rates: [[Bitrate; TEMPORAL_MAX]; SPATIAL_MAX],
    /// Every encoding is a stream of its own, which needs none below it.
    simulcast: bool,
}

impl LayerTarget {
    /// All that there is.
    pub const BEST: Self = Self { spatial: u8::MAX, temporal: u8::MAX };

    /// The least encoding that fills a tile of `tile` pixels, width and height, in which the picture is shown
    /// whole: the best of `encodings` has `source` pixels and each other one half the width and height of the
    /// next (W3C WebRTC §5.2). One that is four fifths as large is good enough. All temporal layers.
    #[must_use]
    pub fn filling(tile: (u32, u32), source: (u32, u32), encodings: usize) -> Self {
        let best = encodings.clamp(1, SPATIAL_MAX) - 1;
        let fills = |spatial: usize| {
            let halvings = (best - spatial) as u32;
            let is_enough = |has: u32, needs: u32| u64::from(has >> halvings) * 5 >= u64::from(needs) * 4;
            is_enough(source.0, tile.0) || is_enough(source.1, tile.1)
        };
        let spatial = (0..best).find(|spatial| fills(*spatial)).unwrap_or(best);
        Self { spatial: spatial as u8, temporal: u8::MAX }
    }

    /// What lies within both.
    pub(super) fn within(self, other: Self) -> Self {
        Self { spatial: self.spatial.min(other.spatial), temporal: self.temporal.min(other.temporal) }
    }
}

impl Default for LayerTarget {
    fn default() -> Self {
        Self::BEST
    }
}

impl Layers {
    pub(super) const fn new(rates: [[Bitrate; TEMPORAL_MAX]; SPATIAL_MAX], simulcast: bool) -> Self {
        Self { rates, simulcast }
    }

    /// What a subscriber with this target is sent, all layers that it needs together. Of a stream whose lower
    /// spatial layers do not serve the upper ones it is less. `None` for a layer that has brought nothing
    /// within the last seconds.
    #[must_use]
    pub fn cost(&self, target: LayerTarget) -> Option<Bitrate> {
        let (spatial, temporal) = (usize::from(target.spatial), usize::from(target.temporal));
        if self.rate(target.spatial, target.temporal) == Bitrate::default() {
            return None;
        }
        let needed = if self.simulcast { spatial..=spatial } else { 0..=spatial };
        let rows = self.rates.get(needed)?;
        let rates = rows.iter().flat_map(|row| row.iter().take(temporal + 1));
        Some(rates.fold(Bitrate::default(), |sum, rate| sum.plus(*rate)))
    }

    /// The targets that bring something, from the least spatial layer to the best, each from its lowest
    /// temporal layer up.
    pub fn targets(&self) -> impl Iterator<Item = LayerTarget> + '_ {
        let all = (0..SPATIAL_MAX as u8).flat_map(|spatial| {
            (0..TEMPORAL_MAX as u8).map(move |temporal| LayerTarget { spatial, temporal })
        });
        all.filter(|target| self.rate(target.spatial, target.temporal) > Bitrate::default())
    }

    /// The rate of one layer alone, without those that it needs.
    #[must_use]
    pub fn rate(&self, spatial: u8, temporal: u8) -> Bitrate {
        let row = self.rates.get(usize::from(spatial));
        row.and_then(|row| row.get(usize::from(temporal))).copied().unwrap_or_default()
    }

    /// Whether each encoding is a stream of its own.
    #[must_use]
    pub const fn simulcast(&self) -> bool {
        self.simulcast
    }
}

/// The encoding to take: the best one up to the target that is active, else the least one above that is.
/// While none is, the one that the target names.
pub(super) fn choose(target: u8, active: &[bool]) -> usize {
    let named = usize::from(target).min(active.len().saturating_sub(1));
    let (below, above) = active.split_at((named + 1).min(active.len()));
    let below = below.iter().rposition(|active| *active);
    let above = || above.iter().position(|active| *active).map(|place| named + 1 + place);
    below.or_else(above).unwrap_or(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_active_encoding_up_to_the_target_is_chosen() {
        let table: [(u8, &[bool], usize); 9] = [
            (255, &[true, true, true], 2),
            (1, &[true, true, true], 1),
            (2, &[true, true, false], 1),
            (2, &[true, false, false], 0),
            (1, &[false, false, true], 2),
            (0, &[false, true, true], 1),
            (2, &[false, false, false], 2),
            (255, &[false], 0),
            (0, &[true], 0),
        ];
        for (target, active, expected) in table {
            assert_eq!(choose(target, active), expected, "{target} of {active:?}");
        }
    }

    #[test]
    fn the_least_encoding_that_fills_a_tile_is_enough() {
        let source = (1280, 720);
        let table = [
            ((0, 0), 3, 0),
            ((320, 180), 3, 0),
            ((400, 225), 3, 0),
            ((401, 226), 3, 1),
            ((640, 360), 3, 1),
            ((1920, 1080), 3, 2),
            ((400, 2000), 3, 0),
            ((640, 360), 2, 0),
            ((640, 360), 1, 0),
            ((u32::MAX, u32::MAX), 9, 3),
        ];
        for (tile, encodings, expected) in table {
            let target = LayerTarget::filling(tile, source, encodings);
            assert_eq!((target.spatial, target.temporal), (expected, u8::MAX), "{tile:?} of {encodings}");
        }
        assert_eq!(LayerTarget::filling((640, 360), (0, 0), 3).spatial, 2, "nobody knows the size");
    }

    #[test]
    fn a_layer_costs_what_it_needs_with_it() {
        let kbps = |kbps: u64| Bitrate::bps(kbps * 1_000);
        let mut rates = [[Bitrate::default(); TEMPORAL_MAX]; SPATIAL_MAX];
        rates[0][..2].copy_from_slice(&[kbps(60), kbps(40)]);
        rates[1][..2].copy_from_slice(&[kbps(300), kbps(200)]);
        let target = |spatial, temporal| LayerTarget { spatial, temporal };
        let simulcast = Layers::new(rates, true);
        assert_eq!(simulcast.cost(target(1, 0)), Some(kbps(300)));
        assert_eq!(simulcast.cost(target(1, 1)), Some(kbps(500)));
        let scalable = Layers::new(rates, false);
        assert_eq!(scalable.cost(target(1, 0)), Some(kbps(360)));
        assert_eq!(scalable.cost(target(1, 1)), Some(kbps(600)));
        assert_eq!(scalable.cost(target(2, 0)), None, "nothing comes on it");
        let targets: Vec<_> = scalable.targets().collect();
        assert_eq!(targets, [target(0, 0), target(0, 1), target(1, 0), target(1, 1)]);
    }
}
