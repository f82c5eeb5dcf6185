//! When the packets of one transport arrived, for the publisher's bandwidth estimate.

use crate::rtp::rtcp::TransportFeedback;
use crate::rtp::{ExtSeq, SeqNo, Ssrc};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Between two feedback packets: libwebrtc's estimator works best with 50 to 100 ms.
const INTERVAL: Duration = Duration::from_millis(50);
/// Numbers in one feedback packet, so that with a large delta each it stays below 1,200 bytes.
const STATUSES_MAX: usize = 400;
/// Numbers that wait for feedback; at 50 ms this is 20,000 packets/s. Past it the oldest go unreported.
const PENDING_MAX: usize = 1_000;
/// The reference time's unit, and how many delta units of 250 us it has (draft-holmer §3.1).
const REFERENCE_TICKS: u64 = 256;

/// The transport-wide numbers since the last feedback.
#[derive(Debug)]
pub(super) struct ArrivalLog {
    begun: Instant,
    /// The number of the first entry of `pending`.
    base: ExtSeq,
    /// By number from `base` on: the arrival in ticks of 250 us since `begun`; the last is never `None`.
    pending: VecDeque<Option<u64>>,
    due: Option<Instant>,
    count: u8,
}

impl ArrivalLog {
    /// A log that begins with the number `first`.
    pub(super) fn new(first: SeqNo, now: Instant) -> Self {
        // One cycle ahead of zero, so that a reordered start has room below.
        let base = ExtSeq::new(0x1_0000 + u64::from(first.wire()));
        Self { begun: now, base, pending: VecDeque::with_capacity(PENDING_MAX), due: None, count: 0 }
    }

    /// Notes the arrival of a number. One that comes after its neighbours were reported stays reported
    /// as missing; a duplicate changes nothing.
    pub(super) fn note(&mut self, number: SeqNo, now: Instant) {
        let index = number.extend(self.base.plus(self.pending.len() as u64));
        if index.since(self.base) < -(PENDING_MAX as i64) {
            // No path reorders that far: the publisher began to count anew.
            self.pending.clear();
            self.base = index;
        }
        let Ok(place) = usize::try_from(index.since(self.base)) else { return };
        let overflow = (place + 1).saturating_sub(PENDING_MAX);
        if overflow > 0 {
            self.pending.drain(..overflow.min(self.pending.len()));
            self.base = self.base.plus(overflow as u64);
        }
        let place = place - overflow;
        if self.pending.len() <= place {
            self.pending.resize(place + 1, None);
        }
        let ticks = now.saturating_duration_since(self.begun).as_micros() / 250;
        if let Some(entry) = self.pending.get_mut(place)
            && entry.is_none()
        {
            *entry = Some(ticks as u64);
        }
        self.due.get_or_insert(now + INTERVAL);
    }

    /// The feedback that is due, as many packets as it takes.
    pub(super) fn take_due(&mut self, now: Instant, media_ssrc: Ssrc) -> Vec<TransportFeedback> {
        let mut feedback = Vec::new();
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            while let Some(packet) = self.take_packet(media_ssrc) {
                feedback.push(packet);
            }
        }
        feedback
    }

    pub(super) const fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Takes one feedback packet's worth off the front.
    fn take_packet(&mut self, media_ssrc: Ssrc) -> Option<TransportFeedback> {
        while let Some(None) = self.pending.front() {
            self.drop_front();
        }
        let first = (*self.pending.front()?)?;
        let (base, reference) = (self.base, first / REFERENCE_TICKS);
        let mut before = reference * REFERENCE_TICKS;
        let mut arrivals = Vec::new();
        let mut reported = 0;
        for entry in self.pending.iter().take(STATUSES_MAX) {
            let delta = match entry {
                None => None,
                Some(ticks) => {
                    // draft-holmer §3.1.5: a delta that does not fit 16 bits begins another packet.
                    let Ok(delta) = i16::try_from(*ticks as i64 - before as i64) else { break };
                    before = *ticks;
                    Some(delta)
                }
            };
            arrivals.push(delta);
            if delta.is_some() {
                reported = arrivals.len();
            }
        }
        arrivals.truncate(reported);
        for _ in 0..reported {
            self.drop_front();
        }
        let count = self.count;
        self.count = count.wrapping_add(1);
        Some(TransportFeedback {
            media_ssrc,
            base: base.seq().wire(),
            // draft-holmer §3.1: 24 bits, signed on the wire; wraps after six days.
            reference_time: (reference & 0x7f_ffff) as u32,
            count,
            arrivals,
        })
    }

    fn drop_front(&mut self) {
        self.pending.pop_front();
        self.base = self.base.next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSRC: Ssrc = Ssrc::new(7);

    fn log(first: u16, now: Instant) -> ArrivalLog {
        ArrivalLog::new(SeqNo::new(first), now)
    }

    /// Arrival times in ticks by number, as the receiver of the feedback computes them.
    fn decode(feedback: &[TransportFeedback]) -> Vec<(u16, u64)> {
        let mut decoded = Vec::new();
        for packet in feedback {
            let mut time = i64::from(packet.reference_time) * 256;
            for (place, delta) in packet.arrivals.iter().enumerate() {
                if let Some(delta) = delta {
                    time += i64::from(*delta);
                    decoded.push((packet.base.wrapping_add(place as u16), time as u64));
                }
            }
        }
        decoded
    }

    // covers: draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1
    #[test]
    fn arrivals_come_back_exact_across_gaps_reordering_and_the_wrap() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut log = log(0xfffe, start);
        let story = [(0xfffe, 0), (0, 3), (0xffff, 4), (5, 30), (5, 31)];
        for (number, millis) in story {
            log.note(SeqNo::new(number), start + Duration::from_millis(millis));
        }
        assert_eq!(log.poll_timeout(), Some(start + INTERVAL));
        assert_eq!(log.take_due(start + Duration::from_millis(49), SSRC), []);
        let feedback = log.take_due(start + INTERVAL, SSRC);
        assert_eq!(decode(&feedback), [(0xfffe, 0), (0xffff, 16), (0, 12), (5, 120)]);
        assert_eq!(feedback[0].arrivals.len(), 8, "numbers 1 to 4 are reported missing");
        assert_eq!(feedback[0].arrivals[2], Some(-4), "0 came before 65535");

        log.note(SeqNo::new(6), start + Duration::from_secs(2));
        log.note(SeqNo::new(2), start + Duration::from_secs(2));
        let next = log.take_due(start + Duration::from_secs(3), SSRC);
        assert_eq!(decode(&next), [(6, 8_000)]);
        assert_eq!((feedback[0].count, next[0].count), (0, 1));
    }

    #[test]
    fn a_pause_that_no_delta_can_hold_begins_another_packet() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut log = log(1, start);
        log.note(SeqNo::new(1), start);
        log.note(SeqNo::new(2), start + Duration::from_secs(10));
        let feedback = log.take_due(start + Duration::from_secs(10), SSRC);
        assert_eq!(feedback.len(), 2);
        assert_eq!(decode(&feedback), [(1, 0), (2, 40_000)]);
    }

    #[test]
    fn a_burst_is_split_and_a_jump_bounded() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut log = log(0, start);
        for number in 0..900 {
            log.note(SeqNo::new(number), start + Duration::from_micros(u64::from(number) * 250));
        }
        let feedback = log.take_due(start + Duration::from_secs(1), SSRC);
        assert_eq!(feedback.iter().map(|f| f.arrivals.len()).collect::<Vec<_>>(), [400, 400, 100]);
        assert_eq!(decode(&feedback).len(), 900);

        log.note(SeqNo::new(901), start);
        log.note(SeqNo::new(20_000), start);
        assert!(log.pending.len() <= PENDING_MAX);
        let feedback = log.take_due(start + Duration::from_secs(2), SSRC);
        assert_eq!(decode(&feedback), [(20_000, 0)], "901 went unreported at the bound");

        log.note(SeqNo::new(3), start);
        let feedback = log.take_due(start + Duration::from_secs(3), SSRC);
        assert_eq!(decode(&feedback), [(3, 0)], "a publisher that counts anew is followed");
    }
}
