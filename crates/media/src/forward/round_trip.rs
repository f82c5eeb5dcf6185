//! The round trip to a subscriber, from its reception reports.

use crate::rtp::NtpTime;
use crate::rtp::rtcp::ReceptionReport;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What is assumed until the first report: a path across a continent.
pub(super) const ASSUMED: Duration = Duration::from_millis(100);
/// Sender reports that may still be quoted; they leave every second or more.
const SENT_MAX: usize = 4;
/// A longer one is a broken or hostile report.
const PLAUSIBLE_MAX: Duration = Duration::from_secs(10);

/// The sender reports that left, and the latest round trip.
#[derive(Debug, Default)]
pub(super) struct RoundTrip {
    sent: VecDeque<(u32, Instant)>,
    measured: Option<Duration>,
}

impl RoundTrip {
    /// Notes that a sender report with this time leaves. The time is the publisher's, so the departure is
    /// remembered beside it. A repeated one counts from its last departure.
    pub(super) fn note_sent(&mut self, ntp: NtpTime, now: Instant) {
        self.sent.retain(|(quoted, _)| *quoted != ntp.middle());
        if self.sent.len() == SENT_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back((ntp.middle(), now));
    }

    /// Measures from a report that quotes one of them.
    pub(super) fn note_report(&mut self, report: &ReceptionReport, now: Instant) {
        let Some((_, sent)) = self.sent.iter().find(|(quoted, _)| *quoted == report.last_sr) else { return };
        // RFC 3550 §6.4.1: A - LSR - DLSR, the delay in 65536ths of a second.
        let held = Duration::from_micros(u64::from(report.delay_since_sr) * 1_000_000 / 65_536);
        let measured = now.saturating_duration_since(*sent).checked_sub(held);
        if let Some(measured) = measured.filter(|measured| *measured <= PLAUSIBLE_MAX) {
            self.measured = Some(measured);
        }
    }

    /// The latest measurement.
    pub(super) const fn measured(&self) -> Option<Duration> {
        self.measured
    }

    /// The latest measurement or an assumption.
    pub(super) fn estimate(&self) -> Duration {
        self.measured.unwrap_or(ASSUMED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::Ssrc;

    fn quoting(ntp: NtpTime, held: Duration) -> ReceptionReport {
        ReceptionReport {
            ssrc: Ssrc::new(1),
            fraction_lost: 0,
            lost: 0,
            highest: 0,
            jitter: 0,
            last_sr: ntp.middle(),
            delay_since_sr: (held.as_micros() * 65_536 / 1_000_000) as u32,
        }
    }

    #[test]
    fn the_time_at_the_subscriber_is_taken_off() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut round_trip = RoundTrip::default();
        let report = NtpTime::new(0x1234_5678_9abc_def0);
        round_trip.note_sent(report, start);
        let held = Duration::from_millis(500);
        round_trip.note_report(&quoting(report, held), start + Duration::from_millis(540));
        assert_eq!(round_trip.measured(), Some(Duration::from_millis(40)));
        round_trip.note_report(&quoting(NtpTime::new(5 << 16), held), start + Duration::from_secs(2));
        round_trip.note_report(&quoting(report, Duration::from_secs(9)), start + Duration::from_secs(2));
        assert_eq!(round_trip.measured(), Some(Duration::from_millis(40)), "implausible ones change nothing");
    }
}
