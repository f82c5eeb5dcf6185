//! How one peer's estimate is shared over the streams that it gets: pure, from costs to choices.
//!
//! Audio is paid first. Of video, each stream gets its least choice in the order of weight, as long as the
//! estimate lasts; then the stream that has the least for its weight is raised, again and again. Down it goes
//! at once, up only with a margin, for a time, and later each time that it did not last.
//!
//! An estimate is what was proved, which may be less than the path carries. So a stream is paused only where the
//! path itself shows that it is full; and where no probe can show that it has become wide, by trying.

use crate::rtp::{Bitrate, BitrateLimits};
use std::time::{Duration, Instant};

/// What has to be left above a choice before a stream goes up to it, in percent of what is used then.
pub(super) const MARGIN_PERCENT: u64 = 115;
/// How long there must have been room for a better choice.
const RAISE_AFTER: Duration = Duration::from_secs(1);
/// How long the least choice may cost more than there is, on a path that is full, before the stream is paused. The
/// pacer keeps audio whole meanwhile, and estimates that dip for a moment recover.
const PAUSE_AFTER: Duration = Duration::from_secs(1);
/// A raise that is taken back within this time has failed.
const PROVED_AFTER: Duration = Duration::from_secs(5);
/// The pause after a failed raise: the shortest, doubled by each further one up to the longest. A stream that is
/// paused for the shortest may be tried.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));

/// A failure says nothing of a path that has become so much wider since, in percent of the budget at the raise.
const WIDER_PERCENT: u64 = 150;

/// What a path shows beside the estimate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct PathSigns {
    /// It has shown of late that it carries no more.
    pub(super) is_full: bool,
    /// Probes would show if it carried more.
    pub(super) answers_probes: bool,
}

/// What one video stream may be given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand<'a> {
    /// What its choices cost, from the least to the best; ascending, never empty.
    pub(super) costs: &'a [Bitrate],
    /// Relative to the other streams; at least 1.
    pub(super) weight: u32,
    /// Its owner's limits: nothing above the maximum is chosen, but for the least choice, and what the minimum
    /// covers is given whatever the estimate.
    pub(super) limits: BitrateLimits,
    /// The place of what it has at present, among `costs`; `None` while it is paused.
    pub(super) present: Option<usize>,
}

/// What was decided for one stream so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct History {
    /// Since when there has been room for more.
    room_since: Option<Instant>,
    /// Since when there is no room for the least choice, on a path that is full.
    short_since: Option<Instant>,
    paused: Option<Instant>,
    raised: Option<Instant>,
    back_off: Option<Duration>,
    not_before: Option<Instant>,
    /// The budget at the last raise.
    raised_on: Bitrate,
}

/// Decides on all streams of a peer: for each demand the place of its choice, `None` to pause it. `budget` is
/// what is left beside audio. `histories` go with `demands`; those of streams without a demand do not matter.
pub(super) fn allocate(
    budget: Bitrate,
    signs: PathSigns,
    demands: &[Demand<'_>],
    histories: &mut [History],
    now: Instant,
) -> Vec<Option<usize>> {
    let ideal = share(budget, demands, |_| true);
    for ((demand, history), ideal) in demands.iter().zip(histories.iter_mut()).zip(&ideal) {
        history.note(demand.present, *ideal, signs.is_full, now);
        history.note_budget(budget);
    }
    let may_rise = |place: usize| histories.get(place).is_some_and(|history| history.may_rise(now));
    let mut chosen = share(budget, demands, may_rise);
    if let Some(tried) =
        to_try(signs, demands, histories, &chosen, now).and_then(|place| chosen.get_mut(place))
    {
        *tried = Some(0);
    }
    for ((demand, history), chosen) in demands.iter().zip(histories.iter_mut()).zip(&mut chosen) {
        if chosen.is_none() && demand.present.is_some() && !history.is_short(now) {
            *chosen = Some(0);
        }
        history.note_choice(demand.present, *chosen, budget, now);
    }
    chosen
}

/// When [`allocate`] would decide otherwise without anything but time having changed.
pub(super) fn poll_timeout(histories: &[History], signs: PathSigns, now: Instant) -> Option<Instant> {
    let trial = |history: &History| history.tries_at().filter(|at| !signs.answers_probes && *at > now);
    histories.iter().flat_map(|history| [history.poll_timeout(now), trial(history)]).flatten().min()
}

/// The paused stream to try whatever the estimate: the one with the greatest weight, where nothing else would show
/// that the path carries it.
fn to_try(
    signs: PathSigns,
    demands: &[Demand<'_>],
    histories: &[History],
    chosen: &[Option<usize>],
    now: Instant,
) -> Option<usize> {
    let paused = demands.iter().zip(histories).zip(chosen).enumerate();
    let ready = paused.filter(|(_, ((demand, history), chosen))| {
        let rests = chosen.is_none() && demand.present.is_none();
        rests && history.tries_at().is_some_and(|at| at <= now)
    });
    let first = ready.max_by_key(|(place, ((demand, _), _))| (demand.weight, std::cmp::Reverse(*place)));
    first.filter(|_| !signs.is_full && !signs.answers_probes).map(|(place, _)| place)
}

/// Shares the budget. Above what a stream has at present it gets a choice only where `may_rise` says so and
/// the margin is left.
fn share(budget: Bitrate, demands: &[Demand<'_>], may_rise: impl Fn(usize) -> bool) -> Vec<Option<usize>> {
    let mut chosen: Vec<Option<usize>> = vec![None; demands.len()];
    let mut used = Bitrate::default();
    let fits = |used: Bitrate, stream: usize, place: usize| {
        let demand = demands.get(stream)?;
        let cost = *demand.costs.get(place)?;
        let is_allowed = place == 0 || demand.limits.max.is_none_or(|max| cost <= max);
        let is_rise = demand.present.is_none_or(|present| place > present);
        let is_granted = demand.limits.min.is_some_and(|min| cost <= min);
        let needed = used.plus(cost).percent(if is_rise { MARGIN_PERCENT } else { 100 });
        let is_affordable = needed <= budget && (!is_rise || may_rise(stream));
        (is_allowed && (is_affordable || is_granted)).then_some(cost)
    };
    let mut order: Vec<usize> = (0..demands.len()).collect();
    order.sort_by_key(|stream| demands.get(*stream).map(|demand| std::cmp::Reverse(demand.weight)));
    for stream in order {
        if let Some(cost) = fits(used, stream, 0) {
            used = used.plus(cost);
            if let Some(chosen) = chosen.get_mut(stream) {
                *chosen = Some(0);
            }
        }
    }
    // Each turn raises one stream, so it ends after as many turns as there are choices.
    loop {
        let next = demands.iter().enumerate().filter_map(|(stream, demand)| {
            let place = (*chosen.get(stream)?)?;
            let beside = used.minus(*demand.costs.get(place)?);
            let cost = fits(beside, stream, place + 1)?;
            // In order of what a stream would have for each unit of its weight.
            Some((cost.as_bps() / u64::from(demand.weight.max(1)), stream, beside.plus(cost)))
        });
        let Some((_, stream, total)) = next.min() else { return chosen };
        used = total;
        if let Some(place) = chosen.get_mut(stream).and_then(Option::as_mut) {
            *place += 1;
        }
    }
}

impl History {
    /// Notes whether there is room for more than the stream has, or not even for the least.
    fn note(&mut self, present: Option<usize>, ideal: Option<usize>, is_full: bool, now: Instant) {
        match ideal > present {
            true => {
                self.room_since.get_or_insert(now);
            }
            false => self.room_since = None,
        }
        match present.is_some() && ideal.is_none() && is_full {
            true => {
                self.short_since.get_or_insert(now);
            }
            false => self.short_since = None,
        }
    }

    /// Forgets the wait after a failure where the path is another one by now.
    fn note_budget(&mut self, budget: Bitrate) {
        if self.not_before.is_some() && budget >= self.raised_on.percent(WIDER_PERCENT) {
            (self.back_off, self.not_before) = (None, None);
        }
    }

    fn note_choice(&mut self, present: Option<usize>, chosen: Option<usize>, budget: Bitrate, now: Instant) {
        match chosen.is_none() {
            true => {
                self.paused.get_or_insert(now);
            }
            false => self.paused = None,
        }
        if chosen > present {
            (self.raised, self.room_since, self.raised_on) = (Some(now), None, budget);
        } else if chosen < present {
            // A fall in several steps is one failure: the later ones take nothing back.
            if self.raised.take().is_some_and(|raised| now < raised + PROVED_AFTER) {
                let longer = self.back_off.map_or(BACK_OFF.0, |before| (before * 2).min(BACK_OFF.1));
                (self.back_off, self.not_before) = (Some(longer), Some(now + longer));
            }
            self.room_since = None;
        } else if self.raised.is_some_and(|raised| now >= raised + PROVED_AFTER) {
            (self.raised, self.back_off) = (None, None);
        }
    }

    fn may_rise(&self, now: Instant) -> bool {
        self.rises_at().is_some_and(|at| at <= now)
    }

    fn rises_at(&self) -> Option<Instant> {
        let room = self.room_since? + RAISE_AFTER;
        Some(self.not_before.map_or(room, |not_before| room.max(not_before)))
    }

    /// When a paused stream may be tried.
    fn tries_at(&self) -> Option<Instant> {
        let rested = self.paused? + BACK_OFF.0;
        Some(self.not_before.map_or(rested, |not_before| rested.max(not_before)))
    }

    fn is_short(&self, now: Instant) -> bool {
        self.short_since.is_some_and(|since| now >= since + PAUSE_AFTER)
    }

    fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let short = self.short_since.map(|since| since + PAUSE_AFTER);
        [self.rises_at(), short].into_iter().flatten().filter(|at| *at > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kbps(kbps: u64) -> Bitrate {
        Bitrate::bps(kbps * 1_000)
    }

    fn costs(all: &[u64]) -> Vec<Bitrate> {
        all.iter().copied().map(kbps).collect()
    }

    const FULL: PathSigns = PathSigns { is_full: true, answers_probes: true };

    /// One stream through time: what it is given at each step of 100 ms.
    struct Run {
        costs: Vec<Bitrate>,
        present: Option<usize>,
        history: [History; 1],
        signs: PathSigns,
        now: Instant,
    }

    impl Run {
        fn new(all: &[u64], present: Option<usize>) -> Self {
            let now = Instant::now(); // clock: an origin, never compared with the present
            Self { costs: costs(all), present, history: [History::default()], signs: FULL, now }
        }

        /// How many steps the budget holds, until the choice changes, and what it is then.
        fn until_change(&mut self, budget: u64, steps: usize) -> Option<(usize, Option<usize>)> {
            for step in 0..steps {
                self.now += Duration::from_millis(100);
                let limits = BitrateLimits::default();
                let demand = Demand { costs: &self.costs, weight: 1, limits, present: self.present };
                let chosen = allocate(kbps(budget), self.signs, &[demand], &mut self.history, self.now);
                if chosen != [self.present] {
                    self.present = chosen[0];
                    return Some((step, self.present));
                }
            }
            None
        }
    }

    #[test]
    fn the_budget_is_shared_by_weight() {
        let camera = costs(&[150, 500, 1_500]);
        let single = costs(&[800]);
        let demand =
            |costs, weight, present| Demand { costs, weight, limits: BitrateLimits::default(), present };
        let cameras = |present| vec![demand(&camera, 1, Some(present)), demand(&camera, 1, Some(present))];
        // Everything counts as had before, so that no margin is asked for.
        type Row<'a> = (&'a str, u64, Vec<Demand<'a>>, &'a [Option<usize>]);
        let table: [Row<'_>; 8] = [
            ("all of it", 3_000, cameras(2), &[Some(2), Some(2)]),
            ("equals are equal, the odd one goes to the first", 2_000, cameras(2), &[Some(2), Some(1)]),
            ("both in the middle", 1_400, cameras(2), &[Some(1), Some(1)]),
            ("the least for both before more for one", 640, cameras(2), &[Some(0), Some(0)]),
            ("one of two", 200, cameras(2), &[Some(0), None]),
            ("nothing", 100, cameras(2), &[None, None]),
            (
                "the heavy one first",
                2_000,
                vec![demand(&camera, 1, Some(2)), demand(&camera, 8, Some(2))],
                &[Some(1), Some(2)],
            ),
            (
                "what one choice cannot use goes to the others",
                1_000,
                vec![demand(&single, 1, Some(0)), demand(&camera, 1, Some(2))],
                &[Some(0), Some(0)],
            ),
        ];
        for (what, budget, demands, expected) in table {
            assert_eq!(share(kbps(budget), &demands, |_| true), expected, "{what}");
        }
    }

    #[test]
    fn limits_bound_the_choice_and_never_pause() {
        let camera = costs(&[150, 500, 1_500]);
        let limits =
            |min: Option<u64>, max: Option<u64>| BitrateLimits { min: min.map(kbps), max: max.map(kbps) };
        let table = [
            ("the maximum is not passed", 3_000, limits(None, Some(600)), Some(1)),
            ("a maximum below the least", 3_000, limits(None, Some(100)), Some(0)),
            ("the minimum is given", 50, limits(Some(500), None), Some(1)),
            ("the maximum holds where the two cross", 50, limits(Some(1_500), Some(400)), Some(0)),
        ];
        for (what, budget, limits, expected) in table {
            let demand = Demand { costs: &camera, weight: 1, limits, present: Some(2) };
            assert_eq!(share(kbps(budget), &[demand], |_| true), [expected], "{what}");
        }
    }

    #[test]
    fn down_at_once_and_up_with_a_margin_after_a_while() {
        let mut run = Run::new(&[150, 500, 1_500], Some(2));
        assert_eq!(run.until_change(600, 3), Some((0, Some(1))), "down in the first look");
        assert_eq!(run.until_change(1_600, 50), None, "1500 and the margin are 1725");
        assert_eq!(run.until_change(1_800, 50), Some((10, Some(2))), "up after a second of room");
    }

    #[test]
    fn a_raise_that_fails_is_tried_later_each_time() {
        let mut run = Run::new(&[150, 500], Some(0));
        let mut waits = Vec::new();
        for _ in 0..7 {
            let (steps, _) = run.until_change(900, 400).expect("it is raised at last");
            waits.push(steps);
            assert_eq!(run.until_change(300, 1), Some((0, Some(0))), "and fails");
        }
        assert_eq!(waits, [10, 19, 39, 79, 159, 299, 299], "2, 4, 8, 16, then 30 s");
        run.until_change(900, 400).expect("raised");
        assert_eq!(run.until_change(900, 60), None, "it lasts");
        assert_eq!(run.until_change(300, 1), Some((0, Some(0))));
        assert_eq!(run.until_change(900, 400), Some((10, Some(1))), "nothing is held against it");
    }

    #[test]
    fn a_raise_that_fails_in_two_steps_is_tried_later_each_time_too() {
        let mut run = Run::new(&[100, 150, 500], Some(1));
        let mut waits = Vec::new();
        for _ in 0..3 {
            let (steps, raised) = run.until_change(900, 400).expect("it is raised at last");
            assert_eq!(raised, Some(2));
            waits.push(steps);
            assert_eq!(run.until_change(160, 1), Some((0, Some(1))), "it fails");
            assert_eq!(run.until_change(120, 1), Some((0, Some(0))), "and falls on");
        }
        assert_eq!(waits, [10, 18, 38], "2, then 4 s after the failure");
    }

    #[test]
    fn a_failure_on_a_narrow_path_does_not_hold_back_on_a_wide_one() {
        let mut run = Run::new(&[150, 500], Some(0));
        for _ in 0..5 {
            run.until_change(600, 400).expect("it is raised");
            assert_eq!(run.until_change(300, 1), Some((0, Some(0))), "and fails");
        }
        assert_eq!(run.until_change(800, 30), None, "it might be the same path");
        assert_eq!(run.until_change(900, 30), Some((0, Some(1))), "there has been room for long");
    }

    #[test]
    fn a_stream_is_paused_after_a_while_and_comes_back() {
        let mut run = Run::new(&[400], Some(0));
        assert_eq!(run.until_change(300, 5), None, "a dip passes");
        assert_eq!(run.until_change(450, 20), None);
        assert_eq!(run.until_change(300, 30), Some((10, None)));
        assert_eq!(run.until_change(450, 60), None, "400 and the margin are 460");
        assert_eq!(run.until_change(470, 30), Some((10, Some(0))));
    }

    #[test]
    fn a_path_without_a_sign_of_being_full_pauses_nothing() {
        let mut run = Run::new(&[400], Some(0));
        run.signs = PathSigns { is_full: false, answers_probes: true };
        assert_eq!(run.until_change(300, 100), None, "nobody knows that 400 do not pass");
        run.signs = FULL;
        assert_eq!(run.until_change(300, 30), Some((10, None)), "now it is known");
    }

    #[test]
    fn where_no_probe_tells_a_paused_stream_is_tried_ever_more_rarely() {
        let mut run = Run::new(&[400], Some(0));
        run.signs = PathSigns { is_full: true, answers_probes: false };
        assert_eq!(run.until_change(300, 30), Some((10, None)));
        assert_eq!(run.until_change(300, 100), None, "not while the path is full");
        let mut waits = Vec::new();
        for _ in 0..6 {
            run.signs.is_full = false;
            let (steps, present) = run.until_change(300, 400).expect("it is tried at last");
            assert_eq!(present, Some(0));
            waits.push(steps);
            run.signs.is_full = true;
            assert_eq!(run.until_change(300, 30), Some((10, None)), "in vain");
        }
        assert_eq!(waits, [0, 19, 39, 79, 159, 299], "at once, then after 2, 4, 8, 16 and 30 s");
        run.signs.is_full = false;
        run.until_change(300, 400).expect("tried");
        assert_eq!(run.until_change(300, 100), None, "the path bears it");
    }
}
