//! The receiving end: says when what arrived, as libwebrtc does.

use keel_media::rtp::Ssrc;
use keel_media::rtp::rtcp::TransportFeedback;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// libwebrtc's shortest interval, which it takes from some 300 kbit/s on.
pub(crate) const INTERVAL: Duration = Duration::from_millis(50);
const TICK_US: u128 = 250;
const REFERENCE_TICKS: i64 = 256;

/// Notes arrivals and makes feedback of them.
#[derive(Debug)]
pub(crate) struct Viewer {
    begun: Instant,
    /// By number, what has not been told yet: ticks of 250 us since the beginning.
    arrivals: BTreeMap<u64, i64>,
    /// The number after the last one told.
    next: u64,
    count: u8,
}

impl Viewer {
    pub(crate) fn new(now: Instant) -> Self {
        Self { begun: now, arrivals: BTreeMap::new(), next: 0, count: 0 }
    }

    pub(crate) fn note(&mut self, number: u64, now: Instant) {
        let ticks = (now - self.begun).as_micros() / TICK_US;
        self.arrivals.entry(number).or_insert(ticks as i64);
    }

    /// Everything since the last feedback; late ones are told after all.
    pub(crate) fn feedback(&mut self) -> Option<TransportFeedback> {
        let (first, last) = (*self.arrivals.first_key_value()?.0, *self.arrivals.last_key_value()?.0);
        let base = first.min(self.next);
        let mut before = self.arrivals[&first] / REFERENCE_TICKS * REFERENCE_TICKS;
        let reference_time = (before / REFERENCE_TICKS) as u32;
        let arrivals = (base..=last)
            .map(|number| {
                let ticks = *self.arrivals.get(&number)?;
                let delta = i16::try_from(ticks - before).expect("arrivals lie within eight seconds");
                before = ticks;
                Some(delta)
            })
            .collect();
        self.arrivals.clear();
        self.next = self.next.max(last + 1);
        self.count = self.count.wrapping_add(1);
        let base = base as u16;
        Some(TransportFeedback {
            media_ssrc: Ssrc::new(1),
            base,
            reference_time,
            count: self.count,
            arrivals,
        })
    }
}
