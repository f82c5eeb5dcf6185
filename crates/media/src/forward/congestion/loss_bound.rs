//! What may be sent as the loss sees it: a bound on the rate where packets vanish for lack of capacity, and
//! none where they vanish whatever is sent.

/// draft-ietf-rmcat-gcc-02 §6: below the first the bound rises, above the second it falls.
const LOW: f64 = 0.02;
const HIGH: f64 = 0.10;
/// Packets and time that one look takes, so that a single loss is no tenth.
const PACKETS_MIN: u64 = 20;
const LOOK_US: i64 = 200_000;
/// How much a new look counts.
const WEIGHT: f64 = 0.3;
/// Between two decreases, beyond the round trip: the effect of the first must be seen.
const HOLD_US: i64 = 300_000;
/// Rise a second.
const GROWTH: f64 = 0.08;
/// A rate lowered to this share that still loses this share of what it lost has no part in it...
const TRIED: f64 = 0.8;
const UNCHANGED: f64 = 0.7;
/// ...for this long after it was last seen, and up to this loss; beyond, less is better whatever the cause.
const BLAMELESS_US: i64 = 30_000_000;
const BLAMELESS_MAX: f64 = 0.3;
/// Above what is known to be blameless, by this factor, loss counts again.
const ABOVE_BLAMELESS: f64 = 1.5;

/// The bound and what it came from.
#[derive(Debug, Default)]
pub(super) struct LossBound {
    lost: u64,
    seen: u64,
    look_began_us: Option<i64>,
    loss: Option<f64>,
    bound: Option<f64>,
    last_us: Option<i64>,
    decreased_us: Option<i64>,
    /// The rate and the loss when the bound began to fall.
    trial: Option<(f64, f64)>,
    /// Loss that no lower rate cures, and until when that is believed.
    blameless: Option<(f64, i64)>,
}

impl LossBound {
    /// Counts packets that were reported on; `late` of them had been counted as lost before.
    pub(super) fn count(&mut self, arrived: u64, lost: u64, late: u64) {
        self.seen += arrived + lost;
        self.lost = (self.lost + lost).saturating_sub(late);
    }

    /// Looks at what was counted, if that is enough. `rate` is what is sent at present. Tells the rate that was
    /// lowered for nothing, when that is found out.
    pub(super) fn update(&mut self, rate: f64, round_trip_us: i64, now_us: i64) -> Option<f64> {
        let began_us = *self.look_began_us.get_or_insert(now_us);
        if self.seen < PACKETS_MIN || now_us - began_us < LOOK_US {
            return None;
        }
        let loss = self.lost as f64 / self.seen as f64;
        self.skip(now_us);
        self.note(loss, rate, round_trip_us, now_us)
    }

    /// Begins a new look: what was lost so far has another cause.
    pub(super) fn skip(&mut self, now_us: i64) {
        (self.lost, self.seen, self.look_began_us) = (0, 0, Some(now_us));
    }

    /// The same for a share (0 to 1) that the receiver measured itself.
    pub(super) fn note(&mut self, loss: f64, rate: f64, round_trip_us: i64, now_us: i64) -> Option<f64> {
        let smoothed = self.loss.map_or(loss, |before| before + WEIGHT * (loss - before));
        self.loss = Some(smoothed);
        let passed_us = self.last_us.replace(now_us).map_or(0, |last| now_us - last);
        self.blameless = self.blameless.filter(|(_, until_us)| now_us < *until_us);
        if let Some((known, until_us)) = &mut self.blameless
            && smoothed >= UNCHANGED * *known
        {
            *until_us = now_us + BLAMELESS_US;
        }
        let high = self.blameless.map_or(HIGH, |(known, _)| HIGH.max(known * ABOVE_BLAMELESS));
        if smoothed > high {
            if self.decreased_us.is_none_or(|at| now_us - at >= HOLD_US + round_trip_us) {
                self.decreased_us = Some(now_us);
                return self.decrease(smoothed, rate, now_us);
            }
        } else if smoothed < LOW.max(high * LOW / HIGH) || self.blameless.is_some() {
            self.trial = None;
            self.bound =
                self.bound.map(|bound| bound * (1.0 + GROWTH * (passed_us.clamp(0, 1_000_000) as f64 / 1e6)));
        }
        None
    }

    /// Nothing was sent for a while: what was lost before it says nothing of now.
    pub(super) fn rest(&mut self, now_us: i64) {
        self.skip(now_us);
        self.loss = None;
    }

    /// Bits per second; `None` where loss sets no bound.
    pub(super) const fn bound(&self) -> Option<f64> {
        self.bound
    }

    /// The share lost of late, from 0 to 1.
    pub(super) fn loss(&self) -> f64 {
        self.loss.unwrap_or(0.0)
    }

    /// Whether so much is lost that more must not be tried.
    pub(super) fn is_high(&self) -> bool {
        let high = self.blameless.map_or(HIGH, |(known, _)| HIGH.max(known * ABOVE_BLAMELESS));
        self.loss() > high
    }

    /// Something else showed that `rate` passes; a bound far above what is sent binds nothing.
    pub(super) fn note_passes(&mut self, rate: f64) {
        self.bound = self.bound.map(|bound| bound.max(rate)).filter(|bound| *bound < 2.0 * rate);
    }

    fn decrease(&mut self, loss: f64, rate: f64, now_us: i64) -> Option<f64> {
        let trial = self.trial.filter(|(rate_before, _)| rate <= *rate_before);
        let (rate_before, loss_before) = trial.unwrap_or((rate, loss));
        self.trial = Some((rate_before, loss_before));
        if rate <= TRIED * rate_before {
            if loss >= UNCHANGED * loss_before && loss <= BLAMELESS_MAX {
                self.blameless = Some((loss, now_us + BLAMELESS_US));
                (self.trial, self.bound) = (None, None);
                return Some(rate_before);
            }
            self.trial = Some((rate, loss));
        }
        // draft-ietf-rmcat-gcc-02 §6: by half of what is lost.
        self.bound = Some(rate * (1.0 - 0.5 * loss));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends at the bound (or at `free`) for a time over a path that loses by the rate, and tells the rates.
    fn run(bound: &mut LossBound, free: f64, seconds: i64, loss_at: impl Fn(f64) -> f64) -> Vec<f64> {
        let begun_us = bound.last_us.unwrap_or(0);
        let rates = (1..=seconds * 5).map(|look| {
            let rate = bound.bound().unwrap_or(free).min(free);
            bound.note(loss_at(rate), rate, 50_000, begun_us + look * LOOK_US);
            rate
        });
        rates.collect()
    }

    // covers: draft-ietf-rmcat-gcc-02 §6
    #[test]
    fn a_path_without_a_queue_bounds_the_rate_near_its_capacity() {
        let mut bound = LossBound::default();
        let rates = run(&mut bound, 2e6, 30, |rate| (1.0 - 1e6 / rate).max(0.0));
        assert!(rates.iter().rev().take(50).all(|rate| (0.9e6..1.25e6).contains(rate)), "{rates:?}");
    }

    #[test]
    fn a_little_loss_is_no_reason() {
        let mut bound = LossBound::default();
        run(&mut bound, 2e6, 30, |_| 0.05);
        assert_eq!(bound.bound(), None);
    }

    #[test]
    fn loss_that_no_lower_rate_cures_is_found_out() {
        let mut bound = LossBound::default();
        let rates = run(&mut bound, 2e6, 20, |_| 0.15);
        assert!(rates.iter().any(|rate| *rate < 1.6e6), "it was tried");
        assert_eq!(rates.last(), Some(&2e6));
        let rates = run(&mut bound, 2e6, 10, |rate| 0.15 + (1.0 - 1e6 / rate).max(0.0));
        assert!(rates.last().is_some_and(|rate| *rate < 1.3e6), "loss on top of it counts: {rates:?}");
    }

    #[test]
    fn few_packets_are_no_look() {
        let mut bound = LossBound::default();
        for look in 0..10 {
            bound.count(1, 1, 0);
            bound.update(1e6, 50_000, look * 20_000);
        }
        assert_eq!(bound.loss(), 0.0);
        bound.count(0, 0, 10);
        bound.count(20, 0, 0);
        bound.update(1e6, 50_000, 300_000);
        assert_eq!(bound.loss(), 0.0, "late ones are no loss");
    }
}
