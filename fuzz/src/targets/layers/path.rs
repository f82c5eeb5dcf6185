//! The way to a viewer, as far as its transport-wide feedback tells of it.

use keel_media::rtp::rtcp::TransportFeedback;
use keel_media::rtp::{Bitrate, Ssrc};
use std::time::{Duration, Instant};

/// Numbers that one feedback speaks of.
const REPORTED_MAX: usize = 200;
/// Units of the reference time and of deltas (draft-holmer §3.1), in microseconds.
const REFERENCE_US: u64 = 64_000;
const DELTA_US: u64 = 250;

/// Packets with transport-wide numbers, and when they arrive.
#[derive(Debug, Default)]
pub(super) struct Path {
    newest: Option<u16>,
    under_way: Vec<(u16, Instant, usize)>,
    free: Option<Instant>,
}

impl Path {
    /// Notes a departure: the numbers of a transport follow one another.
    pub(super) fn departed(&mut self, number: u16, bytes: usize, now: Instant) {
        assert!(self.newest.is_none_or(|newest| newest.wrapping_add(1) == number), "{number} out of order");
        self.newest = Some(number);
        if self.under_way.len() < REPORTED_MAX {
            self.under_way.push((number, now, bytes));
        }
    }

    /// What the viewer says of all that left, on a path of this width; one bit of `lost` in turn takes a packet
    /// away.
    pub(super) fn feedback(
        &mut self,
        width: Bitrate,
        lost: u8,
        origin: Instant,
    ) -> Option<TransportFeedback> {
        let (base, ..) = *self.under_way.first()?;
        let (mut reference, mut before_us) = (None, 0);
        let mut arrivals: Vec<Option<i16>> = Vec::new();
        for (number, left, bytes) in self.under_way.drain(..) {
            arrivals.resize(usize::from(number.wrapping_sub(base)), None);
            if lost >> (number % 8) & 1 == 1 {
                continue;
            }
            let start = self.free.map_or(left, |free| free.max(left));
            let arrival = start + width.time_for(bytes as u64);
            self.free = Some(arrival.min(left + Duration::from_secs(1)));
            let at_us = (arrival - origin).as_micros() as u64 + 20_000;
            if reference.is_none() {
                reference = Some(at_us / REFERENCE_US);
                before_us = at_us / REFERENCE_US * REFERENCE_US;
            }
            let delta = (at_us.saturating_sub(before_us) / DELTA_US).min(30_000);
            before_us += delta * DELTA_US;
            arrivals.push(Some(delta as i16));
        }
        let reference_time = reference? as u32;
        Some(TransportFeedback { media_ssrc: Ssrc::new(1), base, reference_time, count: 0, arrivals })
    }
}
