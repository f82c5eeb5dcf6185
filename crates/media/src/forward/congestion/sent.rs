//! What left with which transport-wide number, until the peer says what became of it.

use super::ProbeId;
use crate::rtp::rtcp::TransportFeedback;
use crate::rtp::{ExtSeq, SeqNo};
use std::collections::VecDeque;

/// Packets without an answer that are remembered: 20 Mbit/s over a second's round trip. Past it the oldest
/// are forgotten, as if their feedback had been lost. The memory grows to what a path needs, not to this.
const UNANSWERED_MAX: usize = 2_048;
/// The same until the first feedback: of a peer that will never send any, little is worth remembering.
const UNANSWERED_AT_FIRST_MAX: usize = 512;
/// How long after a packet its elder neighbours may still be reported: no path reorders further.
const REORDERED_MAX_US: i64 = 500_000;
/// How much faster than the estimate a burst is taken to pass: what is sent at the estimate all the time is no
/// burst.
const EASE: f64 = 1.25;
/// A longer burst than this fills a queue whatever the estimate says.
const OWN_WAIT_MAX_US: i64 = 100_000;
/// The feedback's reference time counts 64 ms, its deltas 250 us (draft-holmer §3.1).
const REFERENCE_US: i64 = 64_000;
const DELTA_US: i64 = 250;
/// Two thousand years of it: a peer whose clock runs on beyond them begins anew.
const REFERENCE_MAX: i64 = 1 << 40;

/// The packets under way on one transport.
#[derive(Debug, Default)]
pub(super) struct SentHistory {
    /// The number of the first entry.
    first: u64,
    entries: VecDeque<Entry>,
    /// The reference time of the newest feedback with its wraps counted, in units of 64 ms.
    reference: Option<i64>,
    /// Of the entries that feedback has neither found nor given up.
    in_flight_bytes: u64,
    /// When a path that carries the estimate has passed on all that left.
    clear_us: i64,
    results: Vec<PacketResult>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    sent_us: i64,
    own_wait_us: u32,
    bytes: u32,
    probe: Option<ProbeId>,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    UnderWay,
    Lost,
    Arrived,
}

/// What feedback says of one packet. Times are in microseconds: of sending since the estimator began, of
/// arrival on the peer's own clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PacketResult {
    pub(super) sent_us: i64,
    /// What it waits for those that left just before it, on a path that carries the estimate.
    pub(super) own_wait_us: u32,
    /// `None` for a packet that is missing so far.
    pub(super) arrival_us: Option<i64>,
    pub(super) bytes: u32,
    pub(super) probe: Option<ProbeId>,
    /// Earlier feedback had it missing: it was late, not lost.
    pub(super) was_missing: bool,
}

impl SentHistory {
    /// Notes a departure, on a path that is believed to carry `rate` bits per second. Numbers rise by one; after any other step what was noted before is forgotten.
    pub(super) fn note(
        &mut self,
        number: ExtSeq,
        bytes: u32,
        probe: Option<ProbeId>,
        rate: f64,
        sent_us: i64,
    ) {
        if number.value() != self.next() {
            self.entries.clear();
            self.in_flight_bytes = 0;
            self.first = number.value();
        }
        let max = if self.reference.is_some() { UNANSWERED_MAX } else { UNANSWERED_AT_FIRST_MAX };
        if self.entries.len() >= max {
            self.pop();
        }
        self.in_flight_bytes += u64::from(bytes);
        let own_wait_us = (self.clear_us - sent_us).clamp(0, OWN_WAIT_MAX_US);
        self.clear_us = sent_us + own_wait_us + (f64::from(bytes) * 8e6 / (EASE * rate).max(1.0)) as i64;
        let own_wait_us = own_wait_us as u32;
        self.entries.push_back(Entry { sent_us, own_wait_us, bytes, probe, fate: Fate::UnderWay });
    }

    /// What the feedback says of packets that left here, in their order, each arrival told once. Numbers
    /// that never left, or left too long ago, are passed over.
    pub(super) fn resolve(&mut self, feedback: &TransportFeedback) -> &[PacketResult] {
        self.results.clear();
        let mut arrival_us = self.unwrap_reference(feedback.reference_time) * REFERENCE_US;
        let base = SeqNo::new(feedback.base).extend(ExtSeq::new(self.next())).value();
        let mut newest_us = None;
        for (number, delta) in (base..).zip(&feedback.arrivals) {
            if let Some(delta) = delta {
                arrival_us += i64::from(*delta) * DELTA_US;
            }
            let place = number.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
            let Some(entry) = place.and_then(|place| self.entries.get_mut(place)) else { continue };
            let fate = if delta.is_some() { Fate::Arrived } else { Fate::Lost };
            if entry.fate == Fate::Arrived || entry.fate == fate {
                continue;
            }
            let was_missing = entry.fate == Fate::Lost;
            if !was_missing {
                self.in_flight_bytes = self.in_flight_bytes.saturating_sub(entry.bytes.into());
            }
            entry.fate = fate;
            newest_us = newest_us.max(Some(entry.sent_us));
            self.results.push(PacketResult {
                sent_us: entry.sent_us,
                own_wait_us: entry.own_wait_us,
                arrival_us: delta.map(|_| arrival_us),
                bytes: entry.bytes,
                probe: entry.probe,
                was_missing,
            });
        }
        if let Some(newest_us) = newest_us {
            self.forget(newest_us - REORDERED_MAX_US);
        }
        &self.results
    }

    /// Bytes that left and were neither reported nor forgotten.
    pub(super) const fn in_flight_bytes(&self) -> u64 {
        self.in_flight_bytes
    }

    /// Whether packets are under way that an answer is expected for: those of bursts only `with_bursts`.
    pub(super) fn awaits_answers(&self, with_bursts: bool) -> bool {
        let mut under_way = self.entries.iter().filter(|entry| entry.fate == Fate::UnderWay);
        under_way.any(|entry| with_bursts || entry.probe.is_none())
    }

    /// Counts the wraps of the 24-bit reference time.
    fn unwrap_reference(&mut self, wire: u32) -> i64 {
        let wire = i64::from(wire & 0x00ff_ffff);
        let unwrapped = match self.reference.filter(|before| before.abs() < REFERENCE_MAX) {
            None => wire,
            Some(before) => {
                let step = (wire - before) & 0x00ff_ffff;
                before + if step >= 0x0080_0000 { step - 0x0100_0000 } else { step }
            }
        };
        self.reference = Some(unwrapped);
        unwrapped
    }

    /// Forgets the eldest as long as they have arrived or left before `horizon_us`.
    fn forget(&mut self, horizon_us: i64) {
        let is_settled = |entry: &Entry| entry.fate == Fate::Arrived || entry.sent_us < horizon_us;
        while self.entries.front().is_some_and(is_settled) {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.first += 1;
            if entry.fate == Fate::UnderWay {
                self.in_flight_bytes = self.in_flight_bytes.saturating_sub(entry.bytes.into());
            }
        }
    }

    fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::Ssrc;

    fn feedback(base: u16, reference_time: u32, arrivals: &[Option<i16>]) -> TransportFeedback {
        let arrivals = arrivals.to_vec();
        TransportFeedback { media_ssrc: Ssrc::new(1), base, reference_time, count: 0, arrivals }
    }

    fn history(first: u64, count: u64) -> SentHistory {
        let mut history = SentHistory::default();
        for place in 0..count {
            history.note(ExtSeq::new(first + place), 1_000, None, 8e6, place as i64 * 1_000);
        }
        history
    }

    // covers: draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1
    #[test]
    fn arrivals_add_up_from_the_reference_time_across_the_wrap_of_the_numbers() {
        let mut history = history(0xfffe, 4);
        let results = history.resolve(&feedback(0xfffe, 3, &[Some(4), Some(8), None, Some(-2)])).to_vec();
        let arrivals: Vec<_> = results.iter().map(|result| result.arrival_us).collect();
        assert_eq!(arrivals, [Some(193_000), Some(195_000), None, Some(194_500)]);
        assert_eq!(results.iter().map(|result| result.sent_us).collect::<Vec<_>>(), [0, 1_000, 2_000, 3_000]);
        assert_eq!(history.in_flight_bytes(), 0);
    }

    #[test]
    fn a_burst_waits_for_itself() {
        let mut history = SentHistory::default();
        for place in 0..3 {
            history.note(ExtSeq::new(place), 1_000, None, 3.2e6, 0);
        }
        history.note(ExtSeq::new(3), 1_000, None, 3.2e6, 4_000);
        let waits = history.resolve(&feedback(0, 0, &[Some(0); 4])).iter().map(|result| result.own_wait_us);
        assert_eq!(waits.collect::<Vec<_>>(), [0, 2_000, 4_000, 2_000]);
    }

    #[test]
    fn each_arrival_is_told_once_and_a_late_one_after_all() {
        let mut history = history(10, 3);
        assert_eq!(history.resolve(&feedback(10, 0, &[Some(0), None, Some(4)])).len(), 3);
        assert_eq!(history.resolve(&feedback(10, 0, &[Some(0), None, Some(4)])).len(), 0, "a repetition");
        let late = history.resolve(&feedback(11, 1, &[Some(0)])).to_vec();
        assert_eq!(late.len(), 1);
        assert!(late[0].was_missing);
        assert_eq!(late[0].arrival_us, Some(64_000));
    }

    #[test]
    fn the_reference_time_wraps_in_both_directions() {
        let mut history = history(0, 3);
        let mut arrival = |base, reference| {
            let results = history.resolve(&feedback(base, reference, &[Some(0)])).to_vec();
            results[0].arrival_us.expect("it arrived")
        };
        let before = arrival(0, 0x00ff_ffff);
        assert_eq!(arrival(1, 1) - before, 2 * REFERENCE_US);
        assert_eq!(arrival(2, 0x00ff_fffe) - before, -REFERENCE_US);
    }

    #[test]
    fn memory_is_bounded_and_nonsense_changes_nothing() {
        let mut history = history(0, UNANSWERED_AT_FIRST_MAX as u64 + 100);
        assert_eq!(history.entries.len(), UNANSWERED_AT_FIRST_MAX);
        assert!(history.resolve(&feedback(0, 0, &[Some(0); 100])).is_empty(), "forgotten ones");
        for place in 0..UNANSWERED_MAX as u64 {
            history.note(ExtSeq::new(history.next()), 1_000, None, 8e6, place as i64);
        }
        assert_eq!(history.entries.len(), UNANSWERED_MAX);
        assert_eq!(history.in_flight_bytes(), 1_000 * UNANSWERED_MAX as u64);
        assert!(history.resolve(&feedback(40_000, 0, &[Some(1); 1_000])).is_empty(), "never sent");
        history.note(ExtSeq::new(1 << 20), 500, None, 8e6, 0);
        assert_eq!(history.in_flight_bytes(), 500, "a new count begins");
    }
}
