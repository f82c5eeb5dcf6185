//! Whether the queue of the path grows: the slope of the one-way delay, against a threshold that adapts.

use super::group::GroupStep;
use std::collections::VecDeque;

/// Groups over which the slope is taken, and how much of the delay so far each keeps: some 300 ms of
/// packets that leave every 15 ms.
const WINDOW: usize = 20;
const SMOOTHING: f64 = 0.9;
/// Makes slope and threshold comparable: the slope counts in full once this many groups were seen.
const GAIN: f64 = 4.0;
const GROUPS_MAX: u32 = 60;
/// draft-ietf-rmcat-gcc-02 §5.5: the threshold and how it follows, in milliseconds.
const THRESHOLD_START_MS: f64 = 12.5;
const THRESHOLD_RANGE_MS: (f64, f64) = (6.0, 600.0);
const THRESHOLD_UP: f64 = 0.008_7;
const THRESHOLD_DOWN: f64 = 0.039;
/// What lies this far above the threshold is a sudden fall of capacity, and must not raise it.
const OUTLIER_MS: f64 = 15.0;
/// draft-ietf-rmcat-gcc-02 §5.5: how long the slope must stay above the threshold.
const OVERUSE_MS: f64 = 10.0;

/// What the delay says of the path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Usage {
    /// The queue neither grows nor empties.
    #[default]
    Normal,
    /// The queue grows: more is sent than passes.
    Over,
    /// The queue empties.
    Under,
}

/// The slope of the delay and the verdict on it.
#[derive(Debug)]
pub(super) struct Trend {
    /// Milliseconds of arrival since the first, and the smoothed delay there.
    points: VecDeque<(f64, f64)>,
    groups: u32,
    first_us: Option<i64>,
    delay_ms: f64,
    smoothed_ms: f64,
    slope: f64,
    threshold_ms: f64,
    last_us: i64,
    over_ms: Option<f64>,
    over_count: u32,
    usage: Usage,
}

impl Trend {
    pub(super) fn new() -> Self {
        Self {
            points: VecDeque::with_capacity(WINDOW + 1),
            groups: 0,
            first_us: None,
            delay_ms: 0.0,
            smoothed_ms: 0.0,
            slope: 0.0,
            threshold_ms: THRESHOLD_START_MS,
            last_us: 0,
            over_ms: None,
            over_count: 0,
            usage: Usage::Normal,
        }
    }

    /// Takes a step from one group to the next.
    pub(super) fn note(&mut self, step: GroupStep) {
        let first_us = *self.first_us.get_or_insert(step.at_us);
        self.groups = (self.groups + 1).min(GROUPS_MAX);
        self.delay_ms += (step.arrived_us - step.sent_us) as f64 / 1e3;
        self.smoothed_ms = SMOOTHING * self.smoothed_ms + (1.0 - SMOOTHING) * self.delay_ms;
        self.points.push_back(((step.at_us - first_us) as f64 / 1e3, self.smoothed_ms));
        if self.points.len() > WINDOW {
            self.points.pop_front();
        }
        let slope = if self.points.len() == WINDOW { slope(&self.points) } else { None };
        self.judge(slope.unwrap_or(self.slope), step);
    }

    pub(super) const fn usage(&self) -> Usage {
        self.usage
    }

    fn judge(&mut self, slope: f64, step: GroupStep) {
        let trend_ms = f64::from(self.groups) * slope * GAIN;
        if trend_ms > self.threshold_ms {
            let step_ms = step.sent_us as f64 / 1e3;
            // The first step is taken to have crossed the threshold midway.
            let over_ms = self.over_ms.map_or(step_ms / 2.0, |over_ms| over_ms + step_ms);
            self.over_ms = Some(over_ms);
            self.over_count += 1;
            if over_ms > OVERUSE_MS && self.over_count > 1 && slope >= self.slope {
                (self.over_ms, self.over_count) = (Some(0.0), 0);
                self.usage = Usage::Over;
            }
        } else {
            (self.over_ms, self.over_count) = (None, 0);
            self.usage = if trend_ms < -self.threshold_ms { Usage::Under } else { Usage::Normal };
        }
        self.slope = slope;
        self.adapt(trend_ms.abs(), step.at_us);
    }

    /// draft-ietf-rmcat-gcc-02 §5.5: the threshold follows the slope, slowly down and more slowly up, so that
    /// a flow beside one that fills the queue is not starved by it.
    fn adapt(&mut self, trend_ms: f64, now_us: i64) {
        let passed_ms = ((now_us - self.last_us) as f64 / 1e3).clamp(0.0, 100.0);
        self.last_us = now_us;
        if trend_ms > self.threshold_ms + OUTLIER_MS {
            return;
        }
        let gain = if trend_ms < self.threshold_ms { THRESHOLD_DOWN } else { THRESHOLD_UP };
        let threshold_ms = self.threshold_ms + gain * (trend_ms - self.threshold_ms) * passed_ms;
        self.threshold_ms = threshold_ms.clamp(THRESHOLD_RANGE_MS.0, THRESHOLD_RANGE_MS.1);
    }
}

/// The slope of the least-squares line; `None` when all points stand at one time.
fn slope(points: &VecDeque<(f64, f64)>) -> Option<f64> {
    let count = points.len() as f64;
    let (sum_x, sum_y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (mut over, mut under) = (0.0, 0.0);
    for (x, y) in points {
        over += (x - mean_x) * (y - mean_y);
        under += (x - mean_x) * (x - mean_x);
    }
    (under > 0.0).then(|| over / under)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups every 10 ms, each later than the one before by what `later_us` says of its place.
    fn after(trend: &mut Trend, from: i64, count: i64, later_us: impl Fn(i64) -> i64) -> Vec<Usage> {
        let mut at_us = from;
        let usages = (0..count).map(|place| {
            at_us += 10_000 + later_us(place);
            trend.note(GroupStep { sent_us: 10_000, arrived_us: 10_000 + later_us(place), at_us });
            trend.usage()
        });
        usages.collect()
    }

    #[test]
    fn a_growing_queue_is_seen_within_a_quarter_second_and_its_end_too() {
        let mut trend = Trend::new();
        assert!(after(&mut trend, 0, 100, |_| 0).iter().all(|usage| *usage == Usage::Normal));
        let usages = after(&mut trend, 1_000_000, 25, |_| 2_000);
        assert!(usages.contains(&Usage::Over), "{usages:?}");
        let usages = after(&mut trend, 1_300_000, 60, |_| -2_000);
        assert_eq!(usages.last(), Some(&Usage::Under));
    }

    #[test]
    fn jitter_without_a_trend_is_no_overuse() {
        let mut trend = Trend::new();
        let usages = after(&mut trend, 0, 500, |place| if place % 2 == 0 { 5_000 } else { -5_000 });
        assert!(!usages.contains(&Usage::Over));
    }

    #[test]
    fn equal_times_have_no_slope() {
        let mut trend = Trend::new();
        for _ in 0..100 {
            trend.note(GroupStep { sent_us: 10_000, arrived_us: 0, at_us: 5 });
        }
        assert_eq!(trend.usage(), Usage::Normal);
    }
}
