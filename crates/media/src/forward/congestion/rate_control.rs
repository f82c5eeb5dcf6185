//! What may be sent as the delay sees it: up while the queue is still, down when it grows.

use super::trend::Usage;

// draft-ietf-rmcat-gcc-02 §5.5 deviation: 0.85 of what arrived while the queue grew, but 0.92 while the wait is
// short: that empties such a queue too, and what jitter feigns costs less.
const DECREASE: f64 = 0.85;
const DECREASE_EARLY: f64 = 0.92;
/// Below this share of the rate the application is what limits it.
const LIMITED: f64 = 0.85;
/// A wait up to this is short.
const EARLY_US: i64 = 50_000;
/// Growth a second while no limit is near.
const GROWTH: f64 = 0.08;
/// Near the last limit, one packet of this many bits each time the path can answer, and this share a second at
/// least: where jitter feigned the limit, the way back is long.
const STEP_BITS: f64 = 9_600.0;
const STEP_GROWTH: f64 = 0.03;
/// How long after a change its effect is seen, beyond the round trip.
const RESPONSE_US: i64 = 100_000;
/// Growth may lead what arrives by this much: an application that sends little proves little.
const LEAD: f64 = 1.5;
const LEAD_BPS: f64 = 10_000.0;
/// From this wait on a queue is emptied faster than by the ordinary decrease, until it is below the second.
const DRAIN_FROM_US: i64 = 120_000;
const DRAIN_UNTIL_US: i64 = 50_000;
/// A wait of this length is to be gone in about as much time.
const DRAIN_TIME_US: f64 = 600_000.0;
/// What arrived longer ago than this after a decrease proves nothing any more.
const PROVED_US: i64 = 1_000_000;
/// A wait below this is no queue.
const EMPTY_US: i64 = 15_000;
/// A wait that has become so long, so much at once, is a fall of capacity that the slope has yet to show.
const LEAP_US: (i64, i64) = (70_000, 30_000);
/// Never less than this share of what passes, and never for longer than this: a wait that does not end so is
/// not our queue.
const DRAIN_SHARE_MIN: f64 = 0.1;
const DRAIN_MAX_US: i64 = 2_500_000;
/// Queues that come again within this time are somebody else's, who takes what we leave. They are emptied from
/// this wait on only.
const AGAIN_US: i64 = 5_000_000;
const AGAIN_FROM_US: i64 = 250_000;
/// What counts as recent, and some delay of the feedback.
const RECENT_US: i64 = 200_000;
/// Of what passes while a queue is emptied; the rest keeps it empty.
const AFTER_DRAIN: f64 = 0.9;

/// Additive increase, multiplicative decrease, and the emptying of long queues.
#[derive(Debug)]
pub(super) struct RateControl {
    rate: f64,
    /// What passed when the queue grew, and its variance relative to the mean.
    limit: Option<(f64, f64)>,
    last_us: i64,
    wait_before_us: i64,
    decreased_us: Option<i64>,
    drained_us: Option<i64>,
    drain: Option<Drain>,
}

#[derive(Clone, Copy, Debug)]
struct Drain {
    /// From here on nothing that arrives recently dates from before.
    measures_us: i64,
    ends_us: i64,
    share: f64,
    /// The most that arrived while the queue was long.
    passes: f64,
}

/// What the path shows at one feedback.
#[derive(Clone, Copy, Debug)]
pub(super) struct PathView {
    pub(super) usage: Usage,
    /// Bits per second that arrived: over half a second, and lately.
    pub(super) acknowledged: Option<f64>,
    pub(super) recent: Option<f64>,
    /// What packets wait: the least of this feedback's, and of the last few.
    pub(super) wait_us: i64,
    pub(super) last_wait_us: i64,
    pub(super) round_trip_us: i64,
    /// What no feedback has spoken of yet.
    pub(super) in_flight_bits: f64,
}

impl PathView {
    /// What a packet that leaves now is going to wait, where `passes` passes: feedback tells of the past.
    fn wait_ahead_us(&self, passes: f64) -> i64 {
        let under_way_us = (self.in_flight_bits * 1e6 / passes.max(1.0)) as i64;
        self.wait_us.max(self.last_wait_us).max(under_way_us - self.round_trip_us)
    }
}

/// What a change came to, for those who depend on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It rose or stayed.
    Steady,
    /// It fell: the path's limit was met.
    Fell,
    /// The wait has another cause than a queue of ours.
    OtherPath,
}

impl RateControl {
    pub(super) const fn new(rate: f64, now_us: i64) -> Self {
        Self {
            rate,
            limit: None,
            last_us: now_us,
            wait_before_us: 0,
            decreased_us: None,
            drained_us: None,
            drain: None,
        }
    }

    /// Bits per second.
    pub(super) fn rate(&self) -> f64 {
        self.drain.map_or(self.rate, |drain| self.rate * drain.share)
    }

    /// Whether a queue is being emptied.
    pub(super) const fn is_draining(&self) -> bool {
        self.drain.is_some()
    }

    /// Ends the emptying of a queue: nothing was sent for so long that there is none.
    pub(super) const fn end_draining(&mut self) {
        self.drain = None;
    }

    /// A measurement by other means: a probe, or a limit of the application.
    pub(super) fn set(&mut self, rate: f64) {
        if self.limit.is_some_and(|(mean, variance)| rate > upper(mean, variance)) {
            self.limit = None;
        }
        self.rate = rate;
    }

    /// Lowers it without a limit having been met.
    pub(super) fn lower_to(&mut self, rate: f64) {
        self.rate = self.rate.min(rate);
    }

    /// Takes what a feedback showed.
    pub(super) fn update(&mut self, view: PathView, now_us: i64) -> Verdict {
        let passed_us = (now_us - self.last_us).clamp(0, 1_000_000);
        self.last_us = now_us;
        let has_fallen = self.decreased_us.is_some_and(|at| now_us - at < PROVED_US);
        let wait_before_us = std::mem::replace(&mut self.wait_before_us, view.last_wait_us);
        let leaps = view.last_wait_us >= LEAP_US.0 && view.last_wait_us - wait_before_us >= LEAP_US.1;
        if self.drain.is_some() {
            return self.go_on_draining(view, now_us);
        }
        match view.usage {
            _ if leaps => self.decrease(view, now_us),
            Usage::Over => self.decrease(view, now_us),
            // draft-ietf-rmcat-gcc-02 §5.5: hold while the queue empties.
            Usage::Under if view.wait_us >= EMPTY_US => Verdict::Steady,
            Usage::Normal | Usage::Under => {
                self.increase(view, has_fallen, passed_us);
                Verdict::Steady
            }
        }
    }

    fn decrease(&mut self, view: PathView, now_us: i64) -> Verdict {
        let is_early = view.last_wait_us < EARLY_US;
        let recent = view.recent.filter(|_| !is_early);
        let passes = [view.acknowledged, recent].into_iter().flatten().fold(f64::INFINITY, f64::min);
        if !passes.is_finite() {
            // Nothing measured yet: halve, since the queue grows all the same.
            return self.fall_to(self.rate / 2.0, view, now_us);
        }
        let response_us = view.round_trip_us.clamp(10_000, 200_000) + RESPONSE_US;
        let is_soon = self.decreased_us.is_some_and(|at| now_us - at < response_us);
        if is_soon && passes > self.rate / 2.0 {
            return Verdict::Steady;
        }
        self.note_limit(passes);
        let fallen = match is_early {
            // An application that sends less than it may did not fill a queue: less is taken off what it may.
            true if passes < LIMITED * self.rate => DECREASE_EARLY * self.rate,
            true => DECREASE_EARLY * passes,
            false => DECREASE * passes,
        };
        self.fall_to(fallen.min(self.rate), view, now_us)
    }

    fn fall_to(&mut self, rate: f64, view: PathView, now_us: i64) -> Verdict {
        self.rate = rate;
        self.decreased_us = Some(now_us);
        let is_again = self.drained_us.is_some_and(|at| now_us - at < AGAIN_US);
        if view.last_wait_us >= if is_again { AGAIN_FROM_US } else { LEAP_US.0 } {
            self.drain = Some(Drain {
                measures_us: now_us + RECENT_US,
                ends_us: now_us + DRAIN_MAX_US,
                share: drain_share(view.wait_ahead_us(rate)),
                passes: 0.0,
            });
        }
        Verdict::Fell
    }

    /// While the queue is long the path is busy, and what arrives is what it carries.
    fn go_on_draining(&mut self, view: PathView, now_us: i64) -> Verdict {
        let Some(drain) = self.drain.as_mut() else { return Verdict::Steady };
        if view.wait_us >= DRAIN_FROM_US
            && now_us >= drain.measures_us
            && let Some(passes) = view.recent
        {
            // Less arrives once the queue has ended, which this feedback cannot tell yet.
            drain.passes = drain.passes.max(passes);
            self.rate = AFTER_DRAIN * drain.passes;
            self.limit = Some((drain.passes, 0.0));
        }
        drain.share = drain_share(view.wait_ahead_us(self.rate));
        let is_over = now_us >= drain.ends_us;
        if is_over || view.wait_us < DRAIN_UNTIL_US {
            self.drain = None;
            self.drained_us = Some(now_us);
            self.decreased_us = Some(now_us);
        }
        if is_over { Verdict::OtherPath } else { Verdict::Steady }
    }

    fn increase(&mut self, view: PathView, has_fallen: bool, passed_us: i64) {
        let Some(arrives) = view.acknowledged else { return };
        if self.limit.is_some_and(|(mean, variance)| arrives > upper(mean, variance)) {
            self.limit = None;
        }
        let passed_s = passed_us as f64 / 1e6;
        let grown = if self.limit.is_some() {
            let response_s = (view.round_trip_us + RESPONSE_US) as f64 / 1e6;
            self.rate + passed_s * (STEP_BITS / response_s).max(STEP_GROWTH * self.rate)
        } else {
            self.rate * (1.0 + GROWTH * passed_s)
        };
        let led = grown.min(LEAD * arrives + LEAD_BPS);
        self.rate = self.rate.max(led);
        if view.wait_us < EMPTY_US && !has_fallen {
            // What passes without a queue may be sent, whoever decided to send it.
            self.rate = self.rate.max(arrives);
        }
    }

    fn note_limit(&mut self, passes: f64) {
        let (mean, variance) = self.limit.unwrap_or((passes, 0.0));
        if passes < lower(mean, variance) {
            self.limit = Some((passes, 0.0));
            return;
        }
        let new = 0.95 * mean + 0.05 * passes;
        let error = (passes - mean) * (passes - mean) / new.max(1.0);
        self.limit = Some((new, 0.95 * variance + 0.05 * error));
    }
}

/// Three standard deviations, and at least a twentieth, from the mean of the limits seen.
fn upper(mean: f64, variance: f64) -> f64 {
    mean + (3.0 * (variance * mean).sqrt()).max(0.05 * mean)
}

fn lower(mean: f64, variance: f64) -> f64 {
    mean - (3.0 * (variance * mean).sqrt()).max(0.05 * mean)
}

fn drain_share(wait_us: i64) -> f64 {
    (1.0 - wait_us as f64 / DRAIN_TIME_US).clamp(DRAIN_SHARE_MIN, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_US: i64 = 1_000_000;

    fn view(usage: Usage, passes: f64, wait_us: i64) -> PathView {
        let passes = Some(passes);
        PathView {
            usage,
            acknowledged: passes,
            recent: passes,
            wait_us,
            last_wait_us: wait_us,
            round_trip_us: 50_000,
            in_flight_bits: 0.0,
        }
    }

    #[test]
    fn it_falls_below_what_passes_and_rises_carefully_from_there() {
        let mut control = RateControl::new(2_000_000.0, 0);
        assert_eq!(control.update(view(Usage::Over, 1_000_000.0, 60_000), 0), Verdict::Fell);
        assert_eq!(control.rate(), 850_000.0);
        assert_eq!(
            control.update(view(Usage::Over, 1_000_000.0, 60_000), 50_000),
            Verdict::Steady,
            "too soon"
        );
        for tenth in 1..=10 {
            control.update(view(Usage::Normal, 850_000.0, 0), tenth * SECOND_US / 10);
        }
        assert!((900_000.0..930_000.0).contains(&control.rate()), "{}", control.rate());
    }

    #[test]
    fn an_application_that_sends_little_proves_little() {
        let mut control = RateControl::new(1_000_000.0, 0);
        for second in 1..20 {
            control.update(view(Usage::Normal, 200_000.0, 0), second * SECOND_US);
        }
        assert_eq!(control.rate(), 1_000_000.0);
    }

    #[test]
    fn a_long_queue_is_emptied_and_then_what_passes_is_used() {
        let mut control = RateControl::new(3_000_000.0, 0);
        control.update(view(Usage::Over, 500_000.0, 300_000), 0);
        assert!(control.is_draining());
        assert!(control.rate() < 220_000.0, "{}", control.rate());
        assert_eq!(control.update(view(Usage::Under, 500_000.0, 20_000), 400_000), Verdict::Steady);
        assert!(!control.is_draining());
        assert!((420_000.0..460_000.0).contains(&control.rate()), "{}", control.rate());
    }

    #[test]
    fn a_wait_that_does_not_end_is_another_path() {
        let mut control = RateControl::new(1_000_000.0, 0);
        control.update(view(Usage::Over, 900_000.0, 200_000), 0);
        let verdicts: Vec<_> = (1..=30)
            .map(|tenth| control.update(view(Usage::Normal, 600_000.0, 200_000), tenth * 100_000))
            .collect();
        assert!(verdicts.contains(&Verdict::OtherPath));
        assert!(!control.is_draining());
    }
}
