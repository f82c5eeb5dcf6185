//! Short bursts faster than the estimate, to find out whether more passes.

use super::sent::PacketResult;
use crate::rtp::Bitrate;
use std::time::Duration;

/// How long a burst lasts, and how much it is at least: fewer packets measure their own spacing.
const DURATION: Duration = Duration::from_millis(20);
const BYTES_MIN: u64 = 5_000;
/// The first two bursts, relative to the start.
const FIRST: [f64; 2] = [3.0, 6.0];
/// A later one, relative to what the one before showed, or to the estimate.
const STEP: f64 = 2.0;
/// No burst goes further beyond what could be used.
const BEYOND_WANTED: f64 = 1.2;
/// A burst that arrived this fast calls for a faster one.
const PASSED: f64 = 0.7;
/// Between two tries that brought nothing: the shortest and the longest. The longest bounds how long a path
/// that has become wide goes unnoticed.
const PAUSE_US: (i64, i64) = (2_000_000, 4_000_000);
/// After the estimate fell, until a first try.
const AFTER_FALL_US: i64 = 1_500_000;
/// A burst without an answer is given up, beyond the round trip.
const ANSWER_US: i64 = 1_000_000;
/// The share of a burst, in bytes, that must have arrived to be judged.
const ARRIVED_MIN: f64 = 0.8;
/// Bursts in a row that say nothing, after which none is expected to.
const UNANSWERED_MAX: u32 = 2;
/// A burst that arrives faster than it left by more than this was held back and says nothing.
const FASTER_MAX: f64 = 1.5;
/// Where a burst arrived more slowly than it left, what passes is known, and this much of it is used.
const SATURATED: f64 = 0.9;
const USED: f64 = 0.95;

/// Names a burst. Never used twice by one estimator.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProbeId(u32);

/// A burst to be sent as soon as possible, of media or padding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Probe {
    /// To be named when its packets are noted.
    pub id: ProbeId,
    /// How fast it is to be sent, media and padding together.
    pub bitrate: Bitrate,
    /// How much, packets with all their headers. Some more does not matter.
    pub bytes: u64,
    /// How long that takes at `bitrate`.
    pub duration: Duration,
}

/// Decides on bursts and measures them. One is under way at a time.
#[derive(Debug)]
pub(super) struct Prober {
    next_id: u32,
    plan: Plan,
    pause_us: i64,
    /// Bursts that said nothing, since one did.
    unanswered: u32,
    /// The latest burst said something.
    answered: bool,
}

#[derive(Debug)]
enum Plan {
    /// Nothing has been sent yet.
    Begin,
    /// Until this time at least.
    Pause { until_us: i64 },
    /// To be handed out.
    Ready { rate: f64, first: usize },
    /// Handed out.
    Sent(Measurement),
}

#[derive(Debug)]
struct Measurement {
    id: ProbeId,
    rate: f64,
    bytes: u64,
    first: usize,
    given_us: i64,
    reported_bytes: u64,
    arrived: Option<Arrived>,
}

/// The packets of a burst that arrived so far.
#[derive(Clone, Copy, Debug)]
struct Arrived {
    bytes: u64,
    first_sent_us: i64,
    last_sent_us: i64,
    last_sent_bytes: u32,
    first_arrival_us: i64,
    first_arrival_bytes: u32,
    last_arrival_us: i64,
}

/// What the estimator knows, for a decision on more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prospect {
    pub(super) estimate: f64,
    /// The most that would be used.
    pub(super) wanted: f64,
    /// The path shows no sign of being full.
    pub(super) is_calm: bool,
    pub(super) round_trip_us: i64,
}

impl Prober {
    pub(super) const fn new() -> Self {
        Self { next_id: 0, plan: Plan::Begin, pause_us: PAUSE_US.0, unanswered: 0, answered: false }
    }

    /// Whether the latest burst said something: that what only fills bursts arrives at all.
    pub(super) const fn has_answered(&self) -> bool {
        self.answered
    }

    /// Whether bursts tell anything, as far as it is known.
    pub(super) const fn is_answered(&self) -> bool {
        self.unanswered < UNANSWERED_MAX
    }

    /// Notes that packets leave: the first ones start the first burst.
    pub(super) fn note_sent(&mut self, prospect: Prospect) {
        if matches!(self.plan, Plan::Begin) {
            self.plan = Plan::Ready { rate: FIRST[0] * prospect.estimate, first: 0 };
        }
    }

    /// The estimate fell.
    pub(super) fn note_fall(&mut self, now_us: i64) {
        self.plan = Plan::Pause { until_us: now_us + AFTER_FALL_US };
        self.pause_us = PAUSE_US.0;
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, prospect: Prospect, now_us: i64) {
        match &self.plan {
            Plan::Pause { until_us } if now_us >= *until_us => {
                self.plan = if prospect.is_calm && prospect.estimate < prospect.wanted {
                    Plan::Ready { rate: STEP * prospect.estimate, first: FIRST.len() }
                } else {
                    Plan::Pause { until_us: now_us + PAUSE_US.0 / 2 }
                };
            }
            Plan::Sent(measurement) if now_us >= measurement.ends_us(prospect.round_trip_us) => {
                self.note_answer(false);
                self.rest(now_us);
            }
            _ => {}
        }
    }

    /// When something is due. Nothing is while all that is wanted passes.
    pub(super) fn timeout_us(&self, prospect: Prospect) -> Option<i64> {
        match &self.plan {
            Plan::Pause { until_us } => (prospect.estimate < prospect.wanted).then_some(*until_us),
            Plan::Sent(measurement) => Some(measurement.ends_us(prospect.round_trip_us)),
            Plan::Begin | Plan::Ready { .. } => None,
        }
    }

    /// The burst to be sent now.
    pub(super) fn poll(&mut self, prospect: Prospect, now_us: i64) -> Option<Probe> {
        let Plan::Ready { rate, first } = self.plan else { return None };
        let rate = rate.min(BEYOND_WANTED * prospect.wanted);
        if !prospect.is_calm || rate <= prospect.estimate {
            self.rest(now_us);
            return None;
        }
        let id = ProbeId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        let bytes = ((rate * DURATION.as_secs_f64() / 8.0) as u64).max(BYTES_MIN);
        let measurement =
            Measurement { id, rate, bytes, first, given_us: now_us, reported_bytes: 0, arrived: None };
        self.plan = Plan::Sent(measurement);
        let duration = Duration::from_micros((bytes as f64 * 8e6 / rate) as u64);
        Some(Probe { id, bitrate: Bitrate::bps(rate as u64), bytes, duration })
    }

    /// Takes what became of a packet.
    pub(super) fn note(&mut self, result: &PacketResult) {
        if let Plan::Sent(measurement) = &mut self.plan
            && result.probe == Some(measurement.id)
        {
            measurement.note(result);
        }
    }

    /// The rate that the burst under way showed to pass, once it is known. Decides what comes next.
    pub(super) fn take_result(&mut self, prospect: Prospect, now_us: i64) -> Option<f64> {
        let Plan::Sent(measurement) = &self.plan else { return None };
        if measurement.reported_bytes < measurement.bytes * 9 / 10 {
            return None;
        }
        let (passed, rate, first) = (measurement.passed(), measurement.rate, measurement.first + 1);
        let follows = passed.filter(|passed| *passed >= PASSED * rate && prospect.is_calm);
        match (follows, FIRST.get(first)) {
            (Some(passed), step) if passed < prospect.wanted => {
                let start = rate / FIRST.get(first - 1).copied().unwrap_or(rate / passed);
                let rate = step.map_or(STEP * passed, |step| (step * start).max(STEP * passed));
                self.plan = Plan::Ready { rate, first };
                self.pause_us = PAUSE_US.0;
            }
            _ => self.rest(now_us),
        }
        self.note_answer(passed.is_some());
        passed
    }

    const fn note_answer(&mut self, said_something: bool) {
        self.answered = said_something;
        self.unanswered = if said_something { 0 } else { self.unanswered.saturating_add(1) };
    }

    /// Waits before the next try, longer after each.
    fn rest(&mut self, now_us: i64) {
        self.plan = Plan::Pause { until_us: now_us + self.pause_us };
        self.pause_us = (self.pause_us * 3 / 2).min(PAUSE_US.1);
    }
}

impl Measurement {
    fn ends_us(&self, round_trip_us: i64) -> i64 {
        self.given_us + ANSWER_US + round_trip_us
    }

    fn note(&mut self, result: &PacketResult) {
        if !result.was_missing {
            self.reported_bytes += u64::from(result.bytes);
        }
        let Some(arrival_us) = result.arrival_us else { return };
        let arrived = self.arrived.get_or_insert(Arrived {
            bytes: 0,
            first_sent_us: result.sent_us,
            last_sent_us: result.sent_us,
            last_sent_bytes: result.bytes,
            first_arrival_us: arrival_us,
            first_arrival_bytes: result.bytes,
            last_arrival_us: arrival_us,
        });
        arrived.bytes += u64::from(result.bytes);
        if result.sent_us >= arrived.last_sent_us {
            (arrived.last_sent_us, arrived.last_sent_bytes) = (result.sent_us, result.bytes);
        }
        arrived.first_sent_us = arrived.first_sent_us.min(result.sent_us);
        if arrival_us < arrived.first_arrival_us {
            (arrived.first_arrival_us, arrived.first_arrival_bytes) = (arrival_us, result.bytes);
        }
        arrived.last_arrival_us = arrived.last_arrival_us.max(arrival_us);
    }

    /// Bits per second that passed; `None` where the burst says nothing.
    fn passed(&self) -> Option<f64> {
        let arrived = self.arrived?;
        if (arrived.bytes as f64) < ARRIVED_MIN * self.bytes as f64 {
            return None;
        }
        // The last packet's sending and the first one's arrival lie outside the measured time.
        let sent_bits = 8.0 * arrived.bytes.saturating_sub(arrived.last_sent_bytes.into()) as f64;
        let arrived_bits = 8.0 * arrived.bytes.saturating_sub(arrived.first_arrival_bytes.into()) as f64;
        let sent_us = arrived.last_sent_us - arrived.first_sent_us;
        let arrived_us = arrived.last_arrival_us - arrived.first_arrival_us;
        if sent_us <= 0 || arrived_us <= 0 {
            return None;
        }
        let (sent, received) = (sent_bits * 1e6 / sent_us as f64, arrived_bits * 1e6 / arrived_us as f64);
        if received > FASTER_MAX * sent {
            return None;
        }
        Some(if received < SATURATED * sent { USED * received } else { received.min(sent) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Prospect =
        Prospect { estimate: 300_000.0, wanted: 3_000_000.0, is_calm: true, round_trip_us: 50_000 };

    /// Sends a burst in packets of 500 bytes over a path of this capacity.
    fn send(prober: &mut Prober, probe: Probe, capacity: f64, now_us: i64) {
        let mut free_us = 0;
        for packet in 0..probe.bytes.div_ceil(500) as i64 {
            let sent_us = now_us + (packet as f64 * 4e9 / probe.bitrate.as_bps() as f64) as i64;
            free_us = free_us.max(sent_us) + (4e9 / capacity) as i64;
            prober.note(&PacketResult {
                sent_us,
                arrival_us: Some(free_us),
                bytes: 500,
                probe: Some(probe.id),
                own_wait_us: 0,
                was_missing: false,
            });
        }
    }

    #[test]
    fn bursts_double_until_the_path_is_full() {
        let mut prober = Prober::new();
        assert_eq!(prober.poll(CALM, 0), None, "nothing is sent yet");
        prober.note_sent(CALM);
        let (mut now_us, mut rates, mut shown) = (0, Vec::new(), Vec::new());
        while let Some(probe) = prober.poll(CALM, now_us) {
            rates.push(probe.bitrate.as_bps() / 1_000);
            send(&mut prober, probe, 2_000_000.0, now_us);
            now_us += 100_000;
            shown.extend(prober.take_result(CALM, now_us));
        }
        assert_eq!(rates.get(..2), Some([900, 1_800].as_slice()));
        assert!(shown.last().is_some_and(|rate| (1.8e6..2.0e6).contains(rate)), "{shown:?}");
        assert!(prober.timeout_us(CALM).is_some_and(|due| due > now_us), "the next try comes later");
    }

    #[test]
    fn nothing_is_tried_beyond_what_could_be_used_nor_on_a_full_path() {
        let mut prober = Prober::new();
        let content = Prospect { wanted: 200_000.0, ..CALM };
        prober.note_sent(content);
        assert_eq!(prober.poll(content, 0), None);
        assert_eq!(prober.timeout_us(content), None, "nobody waits for more");
        let due = prober.timeout_us(CALM).expect("a later try");
        prober.handle_timeout(content, due);
        assert_eq!(prober.poll(content, due), None);
        let due = prober.timeout_us(CALM).expect("a later try");
        prober.handle_timeout(Prospect { is_calm: false, ..CALM }, due);
        assert_eq!(prober.poll(CALM, due), None);
        let due = prober.timeout_us(CALM).expect("a later try");
        prober.handle_timeout(CALM, due);
        assert_eq!(prober.poll(CALM, due).map(|probe| probe.bitrate), Some(Bitrate::bps(600_000)));
    }

    #[test]
    fn a_burst_without_an_answer_is_given_up() {
        let mut prober = Prober::new();
        prober.note_sent(CALM);
        assert!(prober.poll(CALM, 0).is_some());
        let due = prober.timeout_us(CALM).expect("an end");
        prober.handle_timeout(CALM, due);
        assert_eq!(prober.take_result(CALM, due), None);
        assert!(prober.timeout_us(CALM).is_some_and(|next| next > due));
    }

    #[test]
    fn a_burst_that_was_held_back_says_nothing() {
        let mut prober = Prober::new();
        prober.note_sent(CALM);
        let probe = prober.poll(CALM, 0).expect("the first burst");
        for packet in 0..20 {
            prober.note(&PacketResult {
                sent_us: packet * 2_000,
                arrival_us: Some(200_000 + packet * 100),
                bytes: 500,
                probe: Some(probe.id),
                own_wait_us: 0,
                was_missing: false,
            });
        }
        assert_eq!(prober.take_result(CALM, 300_000), None);
    }
}
