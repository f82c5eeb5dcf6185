//! How much each layer of one source brings, and whether the source brings anything.

use super::layer::{SPATIAL_MAX, TEMPORAL_MAX};
use crate::codec::Layer;
use crate::rtp::Bitrate;
use std::time::Duration;

/// Between two looks at the counts.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// A rate is that of so many intervals, or of those since the source began. An encoder that is over its rate after
/// a keyframe makes up for it by leaving frames out: Chromium's least encoding, at 100 kbit/s, does so for a second
/// and more, and one second alone shows a third of what the stream costs, or three times as much.
const INTERVALS: usize = 8;

type Counts = [[u32; TEMPORAL_MAX]; SPATIAL_MAX];

/// Bytes by layer. The packet path adds, all else is done by a timer.
#[derive(Debug, Default)]
pub(super) struct LayerMeter {
    /// Since the last look, and in the intervals before it, the newest first.
    present: Counts,
    before: [Counts; INTERVALS],
    /// Intervals since the source began.
    counted: usize,
    active: bool,
}

impl LayerMeter {
    pub(super) fn note(&mut self, layer: Layer, bytes: usize) {
        let spatial = usize::from(layer.spatial).min(SPATIAL_MAX - 1);
        let temporal = usize::from(layer.temporal).min(TEMPORAL_MAX - 1);
        let count = &mut self.present[spatial][temporal];
        *count = count.saturating_add(bytes as u32);
    }

    /// Ends an interval.
    pub(super) fn look(&mut self) {
        self.before.rotate_right(1);
        self.before[0] = std::mem::take(&mut self.present);
        self.counted = match self.is_gone() {
            true => 0,
            false => (self.counted + 1).min(INTERVALS),
        };
    }

    /// Whether something came in each of the last two intervals.
    pub(super) fn is_steady(&self) -> bool {
        self.lately().iter().all(brings)
    }

    /// Whether nothing came in any of them.
    pub(super) fn is_silent(&self) -> bool {
        !self.lately().iter().any(brings)
    }

    /// Whether nothing came for as long as is remembered: no encoder leaves frames out for so long.
    pub(super) fn is_gone(&self) -> bool {
        !self.before.iter().any(brings)
    }

    fn lately(&self) -> &[Counts] {
        self.before.get(..2).unwrap_or_default()
    }

    /// Whether the source may be chosen; says whether that changed.
    pub(super) const fn set_active(&mut self, active: bool) -> bool {
        let changed = self.active != active;
        self.active = active;
        changed
    }

    pub(super) const fn is_active(&self) -> bool {
        self.active
    }

    /// The rate of one layer.
    pub(super) fn rate(&self, spatial: usize, temporal: usize) -> Bitrate {
        let bytes = self.before.iter().filter_map(|counts| counts.get(spatial)?.get(temporal));
        let bytes = bytes.map(|bytes| u64::from(*bytes)).sum();
        // The first interval may have begun at any time.
        Bitrate::of(bytes, self.counted.max(2) as u32 * LOOK_INTERVAL)
    }

    /// The rate of a temporal layer in all spatial layers together.
    pub(super) fn temporal_rate(&self, temporal: usize) -> Bitrate {
        (0..SPATIAL_MAX).fold(Bitrate::default(), |sum, spatial| sum.plus(self.rate(spatial, temporal)))
    }

    /// The rate of all layers together.
    pub(super) fn total_rate(&self) -> Bitrate {
        (0..TEMPORAL_MAX).fold(Bitrate::default(), |sum, temporal| sum.plus(self.temporal_rate(temporal)))
    }

    /// The highest spatial and temporal layer that brought anything in the last two intervals.
    pub(super) fn top(&self) -> Layer {
        let brought = |spatial: usize, temporal: usize| {
            self.lately().iter().any(|counts| counts[spatial][temporal] > 0)
                || self.present[spatial][temporal] > 0
        };
        let spatial = (0..SPATIAL_MAX).rfind(|spatial| (0..TEMPORAL_MAX).any(|t| brought(*spatial, t)));
        let temporal = (0..TEMPORAL_MAX).rfind(|temporal| (0..SPATIAL_MAX).any(|s| brought(s, *temporal)));
        Layer { spatial: spatial.unwrap_or(0) as u8, temporal: temporal.unwrap_or(0) as u8 }
    }
}

fn brings(counts: &Counts) -> bool {
    counts.iter().flatten().any(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_last_seconds_by_layer() {
        let mut meter = LayerMeter::default();
        let upper = Layer { spatial: 1, temporal: 2 };
        for _ in 0..2 {
            meter.note(Layer::default(), 1_000);
            meter.note(upper, 2_000);
            meter.note(Layer { spatial: 200, temporal: 200 }, 1);
            meter.look();
        }
        assert_eq!(meter.rate(0, 0), Bitrate::bps(16_000));
        assert_eq!(meter.rate(1, 2), Bitrate::bps(32_000));
        assert_eq!(meter.temporal_rate(2), Bitrate::bps(32_000));
        assert_eq!(meter.top(), Layer { spatial: 3, temporal: 3 }, "what lies above counts as the highest");
        assert!(meter.is_steady() && !meter.is_silent());
        meter.look();
        assert!(!meter.is_steady() && !meter.is_silent());
        assert_eq!(meter.rate(1, 2), Bitrate::bps(21_333), "over a second and a half");
        meter.look();
        assert!(meter.is_silent() && !meter.is_gone());
        (0..INTERVALS - 2).for_each(|_| meter.look());
        assert!(meter.is_gone());
        assert_eq!(meter.rate(1, 2), Bitrate::default());
        meter.note(upper, 2_000);
        meter.look();
        assert_eq!(meter.rate(1, 2), Bitrate::bps(16_000), "it begins anew");
    }
}
