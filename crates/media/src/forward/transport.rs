//! What is sent to one peer, all its streams together: the numbers that its feedback is about, and what the
//! feedback says of the path.

use super::congestion::{BandwidthEstimator, Probe, ProbeId};
use super::pace::BURST;
use super::rate::RateMeter;
use crate::rtp::rtcp::TransportFeedback;
use crate::rtp::{Bitrate, ExtSeq, SeqNo};
use std::time::{Duration, Instant};

/// The first number: away from zero, so that what a peer believes to lie before it exists.
const FIRST: ExtSeq = ExtSeq::new(1 << 16);
/// Assumed of a path until it answers: one small picture and a voice.
pub(super) const START: Bitrate = Bitrate::bps(500_000);
/// Between two looks at how much is sent.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// One peer's transport, from Keel to the peer.
#[derive(Debug)]
pub(super) struct Transport {
    next: ExtSeq,
    /// From the first packet with a number on, or the first estimate of the peer's own.
    estimator: Option<BandwidthEstimator>,
    /// The peer has said something of its path. Before it does, nobody knows whether it ever will.
    heard: bool,
    /// Some packet had a number.
    numbered: bool,
    /// A probe was sent.
    probed: bool,
    /// When the estimator's timer was served last.
    served: Option<Instant>,
    /// The estimator's timer runs.
    pub(super) watched: bool,
    /// What leaves at present is part of this probe.
    pub(super) probe: Option<ProbeId>,
    /// Of all packets, with their RTP headers.
    bytes: u64,
    /// Of those, what only filled a probe.
    pub(super) filler: u64,
    rate: RateMeter,
    looked: Option<Instant>,
}

impl Default for Transport {
    fn default() -> Self {
        Self {
            next: FIRST,
            estimator: None,
            heard: false,
            numbered: false,
            probed: false,
            served: None,
            watched: false,
            probe: None,
            bytes: 0,
            filler: 0,
            rate: RateMeter::default(),
            looked: None,
        }
    }
}

impl Transport {
    /// The way to the peer has come up: what left before went nowhere.
    pub(super) fn begin(&mut self) {
        if !self.heard {
            (self.estimator, self.probed, self.watched) = (None, false, false);
        }
    }

    /// The number of the next packet that carries one; numbers are in the order of departure.
    pub(super) fn next_number(&mut self) -> SeqNo {
        self.numbered = true;
        let number = self.next;
        self.next = number.next();
        number.seq()
    }

    /// Notes a packet that leaves, with the last number if it has one.
    pub(super) fn note_sent(&mut self, bytes: usize, has_number: bool, now: Instant) {
        self.bytes += bytes as u64;
        if has_number {
            let estimator = self.estimator.get_or_insert_with(|| BandwidthEstimator::new(START, now));
            let number = ExtSeq::new(self.next.value() - 1);
            estimator.note_sent(number, bytes, now, self.probe);
        }
    }

    /// Takes the peer's feedback on numbers.
    pub(super) fn handle_feedback(&mut self, feedback: &TransportFeedback, now: Instant) {
        if let Some(estimator) = &mut self.estimator {
            estimator.handle_feedback(feedback, now);
            self.heard = true;
        }
    }

    /// Takes what the peer estimates itself.
    pub(super) fn handle_remb(&mut self, estimate: Bitrate, now: Instant) {
        self.estimator.get_or_insert_with(|| BandwidthEstimator::new(START, now)).handle_remb(estimate, now);
        self.heard = true;
    }

    /// Takes a reception report.
    pub(super) fn handle_reception(&mut self, fraction: u8, round_trip: Option<Duration>, now: Instant) {
        if let Some(estimator) = &mut self.estimator {
            estimator.handle_reception(fraction, round_trip, now);
        }
    }

    /// Lets time act.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(estimator) = &mut self.estimator
            && estimator.poll_timeout().is_some_and(|due| due <= now)
        {
            estimator.handle_timeout(now);
            self.served = Some(now);
        }
    }

    /// Looks how much is sent.
    pub(super) fn look(&mut self, now: Instant) {
        if self.looked.is_none_or(|looked| now >= looked + LOOK_INTERVAL) {
            self.looked = Some(now);
            self.rate.look(self.bytes - self.filler, now);
        }
        if let (Some(estimator), Some(rate)) = (&mut self.estimator, self.rate.rate()) {
            estimator.set_application_rate(rate);
        }
    }

    /// Tells what is worth probing for: what would be sent if the path carried it.
    pub(super) fn set_wanted(&mut self, wanted: Bitrate) {
        if let Some(estimator) = &mut self.estimator {
            estimator.set_wanted_rate(wanted);
        }
    }

    /// Whether its packets have numbers for feedback to come back.
    pub(super) const fn is_numbered(&self) -> bool {
        self.numbered
    }

    /// The probe to send now.
    pub(super) fn poll_probe(&mut self, now: Instant) -> Option<Probe> {
        // Without numbers nobody would say how it fared, and a peer that never answered may never.
        let answers = self.numbered && (self.heard || !self.probed);
        let probe = self.estimator.as_mut().filter(|_| answers)?.poll_probe(now);
        self.probed |= probe.is_some();
        probe
    }

    /// When the estimator has something to do; after a turn of its timer not at once again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let due = self.estimator.as_ref()?.poll_timeout()?;
        Some(self.served.map_or(due, |served| due.max(served + BURST)))
    }

    /// Whether there is an estimator whose timer does not run: what leaves may start it.
    pub(super) fn is_unwatched(&self) -> bool {
        !self.watched && self.estimator.is_some()
    }

    /// What the path carries, once the peer has said anything of it.
    pub(super) fn estimate(&self) -> Option<Bitrate> {
        self.estimator.as_ref().filter(|_| self.heard).map(BandwidthEstimator::estimate)
    }

    /// Whether the path has shown of late that it carries no more.
    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.estimator.as_ref().is_some_and(|estimator| estimator.is_full(now))
    }

    /// Whether probes tell anything of the path, as far as it is known.
    pub(super) fn answers_probes(&self) -> bool {
        self.estimator.as_ref().is_none_or(BandwidthEstimator::answers_probes)
    }

    /// What is sent, fillers of probes aside; zero until it is known.
    pub(super) fn sent_rate(&self) -> Bitrate {
        self.rate.rate().unwrap_or_default()
    }

    /// Bytes of all packets that left.
    pub(super) const fn sent_bytes(&self) -> u64 {
        self.bytes
    }
}
