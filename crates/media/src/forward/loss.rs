//! What a publisher should be asked to send again, and when.

use crate::rtp::ExtSeq;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Missing packets that are remembered; at the bound the oldest is given up. A burst longer than this
/// cannot be repaired in time; subscribers ask for a keyframe instead.
const MISSING_MAX: usize = 512;
/// How long a gap may be mere reordering: what a switch between paths of nearly equal length causes.
const REORDER_DELAY: Duration = Duration::from_millis(10);
/// A gap with this many newer packets behind it is loss: TCP's old duplicate threshold.
const REORDER_PACKETS: i64 = 3;
/// How often one packet is asked for.
const ATTEMPTS_MAX: u8 = 10;
/// The pause between attempts counts round trips, but never fewer than these.
const PAUSE_MIN: Duration = Duration::from_millis(20);

/// The gaps of one incoming stream.
#[derive(Debug, Default)]
pub(super) struct LossTracker {
    /// In ascending order.
    missing: VecDeque<Missing>,
    next_due: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    index: ExtSeq,
    attempts: u8,
    due: Instant,
}

impl LossTracker {
    /// Notes that `newest` arrived right after a gap of `count`.
    pub(super) fn note_gap(&mut self, newest: ExtSeq, count: u64, now: Instant) {
        let count = count.min(MISSING_MAX as u64);
        for before in (1..=count).rev() {
            if self.missing.len() == MISSING_MAX {
                self.missing.pop_front();
            }
            let index = ExtSeq::new(newest.value().wrapping_sub(before));
            self.missing.push_back(Missing { index, attempts: 0, due: now + REORDER_DELAY });
        }
        self.find_next_due();
    }

    /// Notes that `newest` arrived in order: gaps far enough behind it are loss now.
    pub(super) fn note_newest(&mut self, newest: ExtSeq, now: Instant) {
        let mut overtaken = false;
        for missing in &mut self.missing {
            if newest.since(missing.index) < REORDER_PACKETS {
                break;
            }
            if missing.attempts == 0 && missing.due > now {
                missing.due = now;
                overtaken = true;
            }
        }
        if overtaken {
            self.find_next_due();
        }
    }

    /// Notes that `index` arrived after all.
    pub(super) fn note_late(&mut self, index: ExtSeq) {
        if let Ok(place) = self.missing.binary_search_by_key(&index, |missing| missing.index) {
            self.missing.remove(place);
            self.find_next_due();
        }
    }

    /// Forgets all gaps, when another stream takes this one's place.
    pub(super) fn clear(&mut self) {
        self.missing.clear();
        self.next_due = None;
    }

    /// The packets to ask for now, in ascending order. Each attempt waits a round trip longer than the
    /// one before, up to four; after the last the packet is given up.
    pub(super) fn take_due(&mut self, now: Instant, round_trip: Duration) -> Vec<ExtSeq> {
        let mut due = Vec::new();
        let pause = round_trip.max(PAUSE_MIN);
        self.missing.retain_mut(|missing| {
            if missing.due > now {
                return true;
            }
            if missing.attempts == ATTEMPTS_MAX {
                return false;
            }
            missing.attempts += 1;
            missing.due = now + pause * u32::from(missing.attempts.min(4));
            due.push(missing.index);
            true
        });
        self.find_next_due();
        due
    }

    pub(super) const fn poll_timeout(&self) -> Option<Instant> {
        self.next_due
    }

    fn find_next_due(&mut self) {
        self.next_due = self.missing.iter().map(|missing| missing.due).min();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(50);

    fn seq(value: u64) -> ExtSeq {
        ExtSeq::new(value)
    }

    #[test]
    fn reordering_is_not_reported_and_loss_is() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut loss = LossTracker::default();
        loss.note_gap(seq(12), 2, start);
        assert_eq!(loss.take_due(start, RTT), []);
        loss.note_late(seq(11));
        loss.note_newest(seq(13), start);
        assert_eq!(loss.take_due(start, RTT), [seq(10)], "three newer packets overtook it");
    }

    #[test]
    fn a_quiet_stream_waits_for_the_reorder_delay_only() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut loss = LossTracker::default();
        loss.note_gap(seq(6), 1, start);
        assert_eq!(loss.poll_timeout(), Some(start + REORDER_DELAY));
        assert_eq!(loss.take_due(start + REORDER_DELAY, RTT), [seq(5)]);
        assert_eq!(loss.poll_timeout(), Some(start + REORDER_DELAY + RTT));
    }

    #[test]
    fn asks_ten_times_with_growing_pauses_then_gives_up() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut loss = LossTracker::default();
        loss.note_gap(seq(6), 1, start);
        let mut asked = Vec::new();
        while let Some(due) = loss.poll_timeout() {
            if !loss.take_due(due, RTT).is_empty() {
                asked.push(due);
            }
        }
        let pauses: Vec<_> =
            asked.windows(2).map(|pair| (pair[1] - pair[0]).as_millis() / RTT.as_millis()).collect();
        assert_eq!(pauses, [1, 2, 3, 4, 4, 4, 4, 4, 4]);
    }

    #[test]
    fn a_long_outage_is_bounded_to_the_newest_packets() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut loss = LossTracker::default();
        loss.note_gap(seq(10), 3, start);
        loss.note_gap(seq(40_000), 30_000, start);
        let due = loss.take_due(start + REORDER_DELAY, RTT);
        assert_eq!(due.len(), MISSING_MAX);
        assert_eq!((due.first(), due.last()), (Some(&seq(40_000 - 512)), Some(&seq(39_999))));
    }
}
