//! What a subscriber tells of its path, as browsers do: which transport-wide numbers arrived when.

use keel_media::rtp::Ssrc;
use keel_media::rtp::rtcp::TransportFeedback;
use std::time::Duration;

/// Between two feedback packets, as libwebrtc has it at ordinary rates.
const EVERY: Duration = Duration::from_millis(100);
/// Numbers in one packet, so that it fits a datagram.
const STATUSES_MAX: usize = 400;
/// Numbers that wait: at 100 ms this is 40,000 packets/s. Past it they are not told.
const PENDING_MAX: usize = 4_000;
/// The unit of arrival times, and how many of them the reference time's unit has
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
const TICK: Duration = Duration::from_micros(250);
const REFERENCE_TICKS: u64 = 256;

/// The numbers since the last feedback.
#[derive(Debug, Default)]
pub(crate) struct FeedbackLog {
    /// In the order of arrival, with the time in ticks.
    pending: Vec<(u16, u64)>,
    due: Duration,
    count: u8,
}

impl FeedbackLog {
    /// Notes a number that arrived at this time since 1970.
    pub(crate) fn note(&mut self, number: u16, at: Duration) {
        if self.pending.is_empty() {
            self.due = at + EVERY;
        }
        if self.pending.len() < PENDING_MAX {
            self.pending.push((number, (at.as_nanos() / TICK.as_nanos()) as u64));
        }
    }

    /// The feedback that is due by `now`.
    pub(crate) fn take_due(&mut self, now: Duration, media_ssrc: Ssrc) -> Vec<TransportFeedback> {
        if self.pending.is_empty() || now < self.due {
            return Vec::new();
        }
        let mut feedback = Vec::new();
        let mut rest = self.pending.as_slice();
        while let Some((packet, left)) = one_packet(rest, self.count, media_ssrc) {
            self.count = self.count.wrapping_add(1);
            feedback.push(packet);
            rest = left;
        }
        self.pending.clear();
        feedback
    }
}

/// The feedback on the first of `pending`, and those that did not fit it.
fn one_packet(
    pending: &[(u16, u64)],
    count: u8,
    media_ssrc: Ssrc,
) -> Option<(TransportFeedback, &[(u16, u64)])> {
    let (base, first) = *pending.first()?;
    let reference = first / REFERENCE_TICKS;
    let mut before = reference * REFERENCE_TICKS;
    let mut arrivals = Vec::new();
    let mut told = 0;
    for (number, ticks) in pending {
        let place = usize::from(number.wrapping_sub(base));
        // A number below one that was told already is left out: loopback does not reorder.
        let Ok(delta) = i16::try_from(*ticks as i64 - before as i64) else { break };
        if place >= STATUSES_MAX {
            break;
        }
        if place >= arrivals.len() {
            arrivals.resize(place, None);
            arrivals.push(Some(delta));
            before = *ticks;
        }
        told += 1;
    }
    let reference_time = (reference & 0x7f_ffff) as u32;
    let packet = TransportFeedback { media_ssrc, base, reference_time, count, arrivals };
    Some((packet, pending.get(told.max(1)..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_secs(1_700_000_000) + Duration::from_millis(milliseconds)
    }

    #[test]
    fn arrivals_and_gaps_are_told_after_a_while_and_once() {
        let mut log = FeedbackLog::default();
        for (number, time) in [(65_534, 0), (65_535, 1), (1, 3)] {
            log.note(number, at(time));
        }
        assert!(log.take_due(at(99), Ssrc::new(1)).is_empty());
        let told = log.take_due(at(100), Ssrc::new(1));
        let [packet] = &told[..] else { panic!("one packet: {told:?}") };
        assert_eq!((packet.base, packet.count), (65_534, 0));
        let after_first: Vec<_> = packet.arrivals.iter().skip(1).copied().collect();
        assert_eq!(after_first, [Some(4), None, Some(8)]);
        assert!(log.take_due(at(300), Ssrc::new(1)).is_empty());
    }

    #[test]
    fn what_does_not_fit_one_packet_goes_into_the_next() {
        let mut log = FeedbackLog::default();
        for number in 0..900 {
            log.note(number, at(0));
        }
        log.note(5_000, at(1));
        log.note(5_001, at(60_000));
        let told = log.take_due(at(60_000), Ssrc::new(1));
        let sizes: Vec<_> =
            told.iter().map(|packet| (packet.count, packet.base, packet.arrivals.len())).collect();
        assert_eq!(sizes, [(0, 0, 400), (1, 400, 400), (2, 800, 100), (3, 5_000, 1), (4, 5_001, 1)]);
    }
}
