//! How much one peer's path carries, as its sender sees it.
//!
//! [`BandwidthEstimator`] follows draft-ietf-rmcat-gcc-02, with a slope in place of its Kalman filter and with
//! probes. What leaves is noted with its transport-wide number; what the peer says of it moves the estimate:
//!
//! ```text
//! sent.rs ── group.rs ── trend.rs ─┐
//!    │            queue.rs ────────┼─ rate_control.rs ─┐
//!    ├──── acknowledged.rs ────────┘                   ├─ the estimate
//!    ├──── probe.rs ───────────────────────────────────┤
//!    └──── loss_bound.rs ──────────────────────────────┘
//! ```
//!
//! Sans-IO like all of `forward`: no clock, no randomness, and only arithmetic that every machine does alike.
//!
//! ```
//! # use keel_media::{forward::congestion::*, rtp::*};
//! # use std::time::{Duration, Instant};
//! # let now = Instant::now();
//! let mut estimator = BandwidthEstimator::new(Bitrate::bps(300_000), now);
//! estimator.note_sent(ExtSeq::new(0), 1_200, now, None);
//! let probe = estimator.poll_probe(now).expect("a path that nothing is known of is probed");
//! assert!(probe.bitrate > estimator.estimate());
//! estimator.note_sent(ExtSeq::new(1), 1_200, now, Some(probe.id));
//! ```

mod acknowledged;
mod group;
mod loss_bound;
mod probe;
mod queue;
mod rate_control;
mod sent;
mod trend;

#[cfg(test)]
mod tests;

pub use probe::{Probe, ProbeId};

use crate::rtp::rtcp::TransportFeedback;
use crate::rtp::{Bitrate, ExtSeq};
use acknowledged::AcknowledgedRate;
use group::Grouping;
use loss_bound::LossBound;
use probe::{Prober, Prospect};
use queue::PathQueue;
use rate_control::{PathView, RateControl, Verdict};
use sent::SentHistory;
use std::time::{Duration, Instant};
use trend::{Trend, Usage};

/// The estimate's bounds until [`BandwidthEstimator::set_limits`]: an Opus stream with its headers, and more
/// than any video that a browser sends.
const MIN: Bitrate = Bitrate::bps(50_000);
const MAX: Bitrate = Bitrate::bps(50_000_000);
/// Assumed until the path answers.
const ROUND_TRIP_ASSUMED_US: i64 = 100_000;
/// The longest that is believed, so that a hostile report cannot stop decreases.
const ROUND_TRIP_MAX_US: i64 = 2_000_000;
/// Packets unanswered for this long, beyond three round trips, are a path that may be gone: libwebrtc sends
/// feedback every 50 to 250 ms.
const SILENCE_US: i64 = 700_000;
/// The same of a peer that tells only reception reports and REMB, some seconds apart.
const SILENCE_OF_REPORTS_US: i64 = 12_000_000;
/// What is left of the estimate each half second of such silence.
const DECAY: f64 = 0.8;
const DECAY_US: i64 = 500_000;
/// How long a sign counts that the path is full: a few answers to what was changed for it.
const FULL_US: i64 = 3_000_000;
/// Without feedback on anything for this long what was seen of the path before is over: its queues are empty.
const QUIET_US: i64 = 2_000_000;

/// Estimates what may be sent to one peer, of all streams together.
///
/// Its memory is bounded: 2,048 unanswered packets, of which it holds as many as the path has under way.
#[derive(Debug)]
pub struct BandwidthEstimator {
    begun: Instant,
    min: f64,
    max: f64,
    history: SentHistory,
    grouping: Grouping,
    trend: Trend,
    queue: PathQueue,
    acknowledged: AcknowledgedRate,
    control: RateControl,
    loss: LossBound,
    prober: Prober,
    remb: Option<f64>,
    application: Option<f64>,
    wanted: Option<f64>,
    round_trip_us: Option<i64>,
    /// Transport-wide feedback has come.
    has_feedback: bool,
    /// When silence becomes suspicious; `None` while nothing is unanswered.
    silence_us: Option<i64>,
    /// When the path last showed that it was full.
    full_us: Option<i64>,
    /// When feedback last told anything new.
    told_us: Option<i64>,
}

impl BandwidthEstimator {
    /// An estimator that begins with `start`.
    #[must_use]
    pub fn new(start: Bitrate, now: Instant) -> Self {
        Self {
            begun: now,
            min: MIN.as_bps() as f64,
            max: MAX.as_bps() as f64,
            history: SentHistory::default(),
            grouping: Grouping::default(),
            trend: Trend::new(),
            queue: PathQueue::default(),
            acknowledged: AcknowledgedRate::default(),
            control: RateControl::new(start.as_bps() as f64, 0),
            loss: LossBound::default(),
            prober: Prober::new(),
            remb: None,
            application: None,
            wanted: None,
            round_trip_us: None,
            has_feedback: false,
            silence_us: None,
            full_us: None,
            told_us: None,
        }
    }

    /// Bounds the estimate. Where the two cross, the maximum holds.
    pub fn set_limits(&mut self, min: Bitrate, max: Bitrate) {
        (self.min, self.max) = (min.as_bps() as f64, max.as_bps() as f64);
    }

    /// Notes a packet that leaves with a transport-wide number, at its departure. `bytes` is its length as the
    /// pacer counts it; `probe` the burst that it is part of. Numbers rise by one from packet to packet.
    pub fn note_sent(&mut self, number: ExtSeq, bytes: usize, now: Instant, probe: Option<ProbeId>) {
        let now_us = self.micros(now);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.history.note(number, bytes, probe, self.control.rate(), now_us);
        if self.silence_us.is_none() {
            self.silence_us = Some(now_us + self.patience_us());
        }
        self.prober.note_sent(self.prospect());
    }

    /// Takes the peer's transport-wide feedback. What never left is passed over, so that a hostile peer moves
    /// nothing but its own estimate, within the limits.
    pub fn handle_feedback(&mut self, feedback: &TransportFeedback, now: Instant) {
        let now_us = self.micros(now);
        self.queue.begin();
        let (mut told, mut arrived, mut lost, mut late) = (false, 0, 0, 0);
        // What only fills bursts may vanish with a peer that has no use for it; that is no loss of the path.
        let bursts_count = self.prober.has_answered();
        let mut newest_sent_us = None;
        for result in self.history.resolve(feedback) {
            told = true;
            self.prober.note(result);
            let counts = result.probe.is_none() || bursts_count;
            let Some(arrival_us) = result.arrival_us else {
                lost += u64::from(counts);
                continue;
            };
            arrived += u64::from(counts && !result.was_missing);
            late += u64::from(counts && result.was_missing);
            newest_sent_us = newest_sent_us.max(Some(result.sent_us));
            self.acknowledged.note(arrival_us, result.bytes);
            self.queue.note(arrival_us - result.sent_us, result.own_wait_us.into(), now_us);
            if let Some(step) = self.grouping.note(result.sent_us, arrival_us) {
                self.trend.note(step);
            }
        }
        if !told {
            return;
        }
        (self.has_feedback, self.told_us) = (true, Some(now_us));
        if let Some(sent_us) = newest_sent_us {
            self.note_round_trip(now_us - sent_us);
        }
        self.rest_silence(now_us);
        if self.control.is_draining() {
            // What a full queue drops, its draining answers.
            self.loss.skip(now_us);
        } else {
            self.loss.count(arrived, lost, late);
            let lowered = self.loss.update(self.rate(), self.round_trip_us(), now_us);
            self.take_back(lowered);
        }
        self.follow_delay(now_us);
        self.follow_probe(now_us);
        self.keep_loss_bound();
        if !self.prospect().is_calm {
            self.full_us = Some(now_us);
        }
    }

    /// Takes a reception report on one of the streams: the share lost since the report before, in 256ths, and
    /// the round trip where it could be measured. Of a peer with transport-wide feedback only the round trip
    /// counts.
    pub fn handle_reception(&mut self, fraction_lost: u8, round_trip: Option<Duration>, now: Instant) {
        let now_us = self.micros(now);
        if self.has_feedback {
            return;
        }
        if let Some(round_trip) = round_trip {
            self.note_round_trip(i64::try_from(round_trip.as_micros()).unwrap_or(i64::MAX));
        }
        self.silence_us = Some(now_us + SILENCE_OF_REPORTS_US);
        let loss = f64::from(fraction_lost) / 256.0;
        let lowered = self.loss.note(loss, self.rate(), self.round_trip_us(), now_us);
        self.take_back(lowered);
        // Without arrival times the rate itself is the only question that the path answers.
        let sends = self.application.filter(|_| !self.loss.is_high());
        let view = PathView {
            usage: Usage::Normal,
            acknowledged: sends,
            recent: sends,
            wait_us: 0,
            last_wait_us: 0,
            round_trip_us: self.round_trip_us(),
            in_flight_bits: 0.0,
        };
        self.control.update(view, now_us);
        self.keep_loss_bound();
    }

    /// Takes what the peer estimates itself, of all streams together. It bounds the estimate; of a peer without
    /// transport-wide feedback it is the estimate, as long as loss does not say otherwise.
    pub fn handle_remb(&mut self, bitrate: Bitrate, now: Instant) {
        let now_us = self.micros(now);
        self.remb = Some(bitrate.as_bps() as f64);
        if !self.has_feedback {
            self.control.set(self.clamped(bitrate.as_bps() as f64));
            self.silence_us = Some(now_us + SILENCE_OF_REPORTS_US);
            self.keep_loss_bound();
        }
    }

    /// Tells what is sent at present, media and repairs, where no transport-wide numbers tell it: the estimate
    /// of such a peer rises only as far as what is sent proves.
    pub fn set_application_rate(&mut self, bitrate: Bitrate) {
        self.application = Some(bitrate.as_bps() as f64);
    }

    /// Tells what would be sent if the path carried everything: the best layers of all streams. While the
    /// estimate reaches it, nothing is probed. Unknown, it counts as the maximum.
    pub fn set_wanted_rate(&mut self, bitrate: Bitrate) {
        self.wanted = Some(bitrate.as_bps() as f64);
    }

    /// What may be sent, of all streams together.
    #[must_use]
    pub fn estimate(&self) -> Bitrate {
        Bitrate::bps(self.rate() as u64)
    }

    /// Whether the path has shown within the last three seconds that it carries no more: by a queue that grew, by
    /// loss, or by silence. An estimate below what is sent does not say so: more may never have been tried.
    #[must_use]
    pub fn is_full(&self, now: Instant) -> bool {
        self.full_us.is_some_and(|at| self.micros(now) - at < FULL_US)
    }

    /// Whether probes tell anything: of a peer that gets none of them they never will.
    #[must_use]
    pub const fn answers_probes(&self) -> bool {
        self.prober.is_answered()
    }

    /// The round trip of the transport: the latest, smoothed; `None` until it has been measured.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        let micros = self.round_trip_us?;
        Some(Duration::from_micros(micros.unsigned_abs()))
    }

    /// The share of packets lost of late, from 0 to 1.
    #[must_use]
    pub fn loss(&self) -> f64 {
        self.loss.loss()
    }

    /// Bytes that left and that no feedback has spoken of yet.
    #[must_use]
    pub const fn in_flight_bytes(&self) -> u64 {
        self.history.in_flight_bytes()
    }

    /// The burst to be sent now; to be asked for after every other call that takes `now`.
    pub fn poll_probe(&mut self, now: Instant) -> Option<Probe> {
        let (prospect, now_us) = (self.prospect(), self.micros(now));
        self.prober.poll(prospect, now_us)
    }

    /// When [`Self::handle_timeout`] is due; `None` while nothing is sent.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = [self.silence_us, self.prober.timeout_us(self.prospect())];
        let due_us = due.into_iter().flatten().min()?;
        Some(self.begun + Duration::from_micros(due_us.max(0).unsigned_abs()))
    }

    /// Lets time act: silence of the peer lowers the estimate, and a pause between probes ends.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now_us = self.micros(now);
        if self.silence_us.is_some_and(|due| due <= now_us) {
            // Before the first feedback of any kind it is not known what there will be.
            let is_silent = !self.has_feedback || self.history.awaits_answers(self.prober.has_answered());
            self.silence_us = is_silent.then(|| now_us + DECAY_US);
            if is_silent {
                self.control.lower_to((DECAY * self.rate()).max(self.min.min(self.max)));
                self.full_us = Some(now_us);
                self.prober.note_fall(now_us);
            }
        }
        if self.told_us.is_some_and(|at| now_us - at >= QUIET_US) {
            self.told_us = None;
            self.forget_queue(now_us);
        }
        self.prober.handle_timeout(self.prospect(), now_us);
    }

    /// Nothing was told of for so long that what was seen before it is over.
    fn forget_queue(&mut self, now_us: i64) {
        (self.grouping, self.trend) = (Grouping::default(), Trend::new());
        self.control.end_draining();
        self.loss.rest(now_us);
    }

    fn follow_delay(&mut self, now_us: i64) {
        let view = PathView {
            usage: self.trend.usage(),
            acknowledged: self.acknowledged.rate(),
            recent: self.acknowledged.recent(),
            wait_us: self.queue.wait_us(),
            last_wait_us: self.queue.last_wait_us(),
            round_trip_us: self.round_trip_us(),
            in_flight_bits: 8.0 * self.history.in_flight_bytes() as f64,
        };
        match self.control.update(view, now_us) {
            Verdict::Steady => {}
            Verdict::Fell => {
                self.full_us = Some(now_us);
                self.prober.note_fall(now_us);
            }
            Verdict::OtherPath => self.queue.forget(),
        }
    }

    fn follow_probe(&mut self, now_us: i64) {
        let prospect = self.prospect();
        if let Some(passes) = self.prober.take_result(prospect, now_us)
            && passes > self.rate()
            && prospect.is_calm
        {
            self.control.set(self.clamped(passes));
            self.loss.note_passes(passes);
        }
    }

    /// Where loss bounds the rate, the rate must not run away above the bound.
    fn keep_loss_bound(&mut self) {
        if let Some(bound) = self.loss.bound() {
            self.control.lower_to(bound);
        }
    }

    /// Goes back to a rate that was lowered for nothing.
    fn take_back(&mut self, lowered: Option<f64>) {
        if let Some(lowered) = lowered {
            self.control.set(self.clamped(lowered).max(self.rate()));
        }
    }

    fn note_round_trip(&mut self, measured_us: i64) {
        let measured_us = measured_us.clamp(0, ROUND_TRIP_MAX_US);
        self.round_trip_us = Some(match self.round_trip_us {
            Some(before) => before + (measured_us - before) / 8,
            None => measured_us,
        });
    }

    fn rest_silence(&mut self, now_us: i64) {
        let is_answered = self.history.in_flight_bytes() == 0;
        self.silence_us = (!is_answered).then(|| now_us + self.patience_us());
    }

    /// How long a packet may stay unanswered. Before the first feedback it is not known that any will come.
    fn patience_us(&self) -> i64 {
        if self.has_feedback { SILENCE_US + 3 * self.round_trip_us() } else { SILENCE_OF_REPORTS_US }
    }

    fn prospect(&self) -> Prospect {
        let estimate = self.rate();
        let ceiling = self.remb.unwrap_or(self.max).min(self.max);
        let is_calm =
            self.trend.usage() != Usage::Over && !self.control.is_draining() && !self.loss.is_high();
        let wanted = self.wanted.unwrap_or(self.max).min(ceiling);
        Prospect { estimate, wanted, is_calm, round_trip_us: self.round_trip_us() }
    }

    fn rate(&self) -> f64 {
        let rate = self.remb.map_or(self.control.rate(), |remb| self.control.rate().min(remb));
        self.clamped(rate)
    }

    fn clamped(&self, rate: f64) -> f64 {
        rate.max(self.min).min(self.max)
    }

    fn round_trip_us(&self) -> i64 {
        self.round_trip_us.unwrap_or(ROUND_TRIP_ASSUMED_US)
    }

    fn micros(&self, now: Instant) -> i64 {
        i64::try_from(now.saturating_duration_since(self.begun).as_micros()).unwrap_or(i64::MAX)
    }
}
