//! What Keel reports on one SSRC that a publisher sends: the book-keeping of RFC 3550 appendix A.

use crate::rtp::rtcp::ReceptionReport;
use crate::rtp::{ClockRate, ExtSeq, NtpTime, RtpTime, Ssrc};
use std::time::{Duration, Instant};

/// Counts of one SSRC from its first packet on. Repairs do not count: the report tells the publisher
/// what its path lost.
#[derive(Debug)]
pub(super) struct Reception {
    ssrc: Ssrc,
    first: ExtSeq,
    highest: ExtSeq,
    received: u64,
    expected_before: u64,
    received_before: u64,
    /// As the last report gave it.
    fraction_lost: u8,
    begun: Instant,
    transit: Option<(ClockRate, u32)>,
    /// In sixteenths of a clock unit, as RFC 3550 §A.8 keeps it.
    jitter: u64,
    clock: ClockRate,
    last_sr: Option<(NtpTime, Instant)>,
}

impl Reception {
    pub(super) const fn new(ssrc: Ssrc, first: ExtSeq, clock: ClockRate, now: Instant) -> Self {
        Self {
            ssrc,
            first,
            highest: first,
            received: 0,
            expected_before: 0,
            received_before: 0,
            fraction_lost: 0,
            begun: now,
            transit: None,
            jitter: 0,
            clock,
            last_sr: None,
        }
    }

    /// Counts a packet of this SSRC, whatever it carries.
    pub(super) fn note(&mut self, index: ExtSeq, timestamp: RtpTime, clock: ClockRate, now: Instant) {
        self.received += 1;
        self.highest = self.highest.max(index);
        self.clock = clock;
        // RFC 3550 §A.8: the difference of two packets' relative transit times, smoothed by 1/16.
        let arrival = clock.ticks(now.saturating_duration_since(self.begun));
        let transit = arrival.wrapping_sub(timestamp.wire());
        if let Some((same_clock, before)) = self.transit
            && same_clock == clock
        {
            let difference = u64::from((transit.wrapping_sub(before) as i32).unsigned_abs());
            self.jitter = (self.jitter + difference).saturating_sub((self.jitter + 8) >> 4);
        }
        self.transit = Some((clock, transit));
    }

    /// Notes a sender report, for the round trip that the publisher computes from ours.
    pub(super) const fn note_sender_report(&mut self, ntp: NtpTime, now: Instant) {
        self.last_sr = Some((ntp, now));
    }

    /// The block for a report that leaves at `now`; the next one counts its loss from here.
    pub(super) fn report(&mut self, now: Instant) -> ReceptionReport {
        let expected = self.expected();
        // RFC 3550 §A.3: the fraction is of this interval, and zero when duplicates hide the loss.
        let expected_since = expected - self.expected_before;
        let lost_since = expected_since.saturating_sub(self.received - self.received_before);
        self.expected_before = expected;
        self.received_before = self.received;
        let fraction_lost = (lost_since << 8).checked_div(expected_since).unwrap_or(0).min(255) as u8;
        self.fraction_lost = fraction_lost;
        let (last_sr, delay_since_sr) = self.last_sr.map_or((0, 0), |(ntp, at)| {
            // RFC 3550 §6.4.1: DLSR counts 65536ths of a second.
            let delay = now.saturating_duration_since(at).as_micros() * 65_536 / 1_000_000;
            (ntp.middle(), u32::try_from(delay).unwrap_or(u32::MAX))
        });
        ReceptionReport {
            ssrc: self.ssrc,
            fraction_lost,
            // RFC 3550 §6.4.1: 24 bits, signed; kept at the limit rather than wrapped.
            lost: (expected as i64 - self.received as i64).clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest: self.highest.value() as u32,
            jitter: u32::try_from(self.jitter >> 4).unwrap_or(u32::MAX),
            last_sr,
            delay_since_sr,
        }
    }

    pub(super) const fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    /// The newest packet's index.
    pub(super) const fn highest(&self) -> ExtSeq {
        self.highest
    }

    pub(super) const fn jitter(&self) -> Duration {
        let ticks = self.jitter >> 4;
        self.clock.duration(if ticks > u32::MAX as u64 { u32::MAX } else { ticks as u32 })
    }

    /// The share lost in the interval before the last report, in 256ths.
    pub(super) const fn fraction_lost(&self) -> u8 {
        self.fraction_lost
    }

    /// Whether anything came since the last report.
    pub(super) const fn has_news(&self) -> bool {
        self.received != self.received_before
    }

    fn expected(&self) -> u64 {
        self.highest.since(self.first).unsigned_abs() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: ExtSeq = ExtSeq::new(0xfffe);

    fn reception(now: Instant) -> Reception {
        Reception::new(Ssrc::new(7), START, ClockRate::VIDEO, now)
    }

    // covers: RFC 3550 §A.3
    #[test]
    fn loss_is_reported_by_interval_and_in_all() {
        let now = Instant::now(); // clock: an origin, never compared with the present
        let mut reception = reception(now);
        for place in (0..10).filter(|place| *place != 4) {
            reception.note(START.plus(place), RtpTime::new(0), ClockRate::VIDEO, now);
        }
        let report = reception.report(now);
        assert_eq!((report.fraction_lost, report.lost), (25, 1), "1 of 10 in 256ths");
        assert_eq!(report.highest, 0x1_0007, "one wrap in the upper half");
        assert_eq!((report.last_sr, report.delay_since_sr), (0, 0));
        assert!(!reception.has_news());
        for place in [9, 10, 10, 4] {
            reception.note(START.plus(place), RtpTime::new(0), ClockRate::VIDEO, now);
        }
        let report = reception.report(now);
        assert_eq!((report.fraction_lost, report.lost), (0, -2), "duplicates make it negative");
    }

    // covers: RFC 3550 §A.8
    #[test]
    fn jitter_follows_the_spread_of_transit_times() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut steady = reception(start);
        let mut shaken = reception(start);
        for place in 0..500u32 {
            let timestamp = RtpTime::new(u32::MAX - 9_000).plus(place * 900);
            let due = start + Duration::from_millis(10) * place;
            let late = due + Duration::from_millis(5) * (place % 2);
            steady.note(START.plus(place.into()), timestamp, ClockRate::VIDEO, due);
            shaken.note(START.plus(place.into()), timestamp, ClockRate::VIDEO, late);
        }
        assert_eq!(steady.report(start).jitter, 0);
        assert!((445..=450).contains(&shaken.report(start).jitter), "5 ms are 450 ticks");
    }

    #[test]
    fn the_sender_report_is_quoted_with_its_age() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut reception = reception(start);
        reception.note(START, RtpTime::new(0), ClockRate::VIDEO, start);
        reception.note_sender_report(NtpTime::new(0x1122_3344_5566_7788), start);
        let report = reception.report(start + Duration::from_millis(1_500));
        assert_eq!((report.last_sr, report.delay_since_sr), (0x3344_5566, 98_304));
    }
}
