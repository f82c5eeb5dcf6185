//! Who decides how fast a sender sends: Keel, or rtc-interceptor for comparison.

use crate::table::WANTED;
use keel_media::forward::congestion::{BandwidthEstimator, Probe, ProbeId};
use keel_media::rtp::rtcp::TransportFeedback;
use keel_media::rtp::{Bitrate, ExtSeq};
use rtc::interceptor::{BandwidthEstimator as _, Gcc, PacketReport};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Where both begin, and libwebrtc too.
pub(crate) const START: Bitrate = Bitrate::bps(300_000);

pub(crate) enum Controller {
    Keel(Box<BandwidthEstimator>),
    Interceptor(Box<Interceptor>),
}

/// rtc-interceptor's estimator, fed by the same feedback. It has no probes.
pub(crate) struct Interceptor {
    gcc: Gcc,
    sent: BTreeMap<u64, (Instant, usize)>,
}

impl Controller {
    pub(crate) fn keel(now: Instant) -> Self {
        let mut estimator = BandwidthEstimator::new(START, now);
        estimator.set_wanted_rate(WANTED);
        Self::Keel(Box::new(estimator))
    }

    pub(crate) fn interceptor() -> Self {
        let gcc = Gcc::new(START.as_bps() as f64, 50_000.0, 50_000_000.0);
        Self::Interceptor(Box::new(Interceptor { gcc, sent: BTreeMap::new() }))
    }

    pub(crate) fn note_sent(&mut self, number: ExtSeq, bytes: usize, now: Instant, probe: Option<ProbeId>) {
        match self {
            Self::Keel(estimator) => estimator.note_sent(number, bytes, now, probe),
            Self::Interceptor(other) => {
                other.sent.insert(number.value(), (now, bytes));
            }
        }
    }

    pub(crate) fn handle_feedback(&mut self, feedback: &TransportFeedback, now: Instant) {
        match self {
            Self::Keel(estimator) => estimator.handle_feedback(feedback, now),
            Self::Interceptor(other) => other.handle_feedback(feedback, now),
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if let Self::Keel(estimator) = self
            && estimator.poll_timeout().is_some_and(|due| due <= now)
        {
            estimator.handle_timeout(now);
        }
    }

    pub(crate) fn poll_probe(&mut self, now: Instant) -> Option<Probe> {
        match self {
            Self::Keel(estimator) => estimator.poll_probe(now),
            Self::Interceptor(_) => None,
        }
    }

    pub(crate) fn estimate(&self) -> Bitrate {
        match self {
            Self::Keel(estimator) => estimator.estimate(),
            Self::Interceptor(other) => Bitrate::bps(other.gcc.target_bitrate() as u64),
        }
    }
}

impl Interceptor {
    fn handle_feedback(&mut self, feedback: &TransportFeedback, now: Instant) {
        let mut arrival = i64::from(feedback.reference_time) * 64_000;
        let next = self.sent.last_key_value().map_or(0, |(number, _)| number + 1);
        let base = keel_media::rtp::SeqNo::new(feedback.base).extend(ExtSeq::new(next)).value();
        let mut reports = Vec::new();
        for (number, delta) in (base..).zip(&feedback.arrivals) {
            arrival += i64::from(delta.unwrap_or(0)) * 250;
            let Some((departure, size)) = self.sent.remove(&number) else { continue };
            reports.push(PacketReport {
                ssrc: 1,
                id: number,
                rtp_sequence_number: number as u16,
                is_twcc: true,
                twcc_sequence_number: number as u16,
                size,
                arrived: delta.is_some(),
                departure,
                arrival: delta.map(|_| Duration::from_micros(arrival.unsigned_abs())),
                ecn: Default::default(),
            });
        }
        self.gcc.on_reports(now, &reports);
    }
}
