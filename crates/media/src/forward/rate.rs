//! How fast a stream is.

use crate::rtp::Bitrate;
use std::time::Instant;

/// The rate between the last two looks at a stream's byte count, a report interval apart. Looks cost
/// nothing on the packet path.
#[derive(Debug, Default)]
pub(super) struct RateMeter {
    before: Option<(u64, Instant)>,
    rate: Option<Bitrate>,
}

impl RateMeter {
    /// Looks at the count of bytes so far.
    pub(super) fn look(&mut self, bytes: u64, now: Instant) {
        if let Some((bytes_before, at)) = self.before {
            let passed = now.saturating_duration_since(at);
            self.rate = Some(Bitrate::of(bytes.saturating_sub(bytes_before), passed));
        }
        self.before = Some((bytes, now));
    }

    /// The stream has stopped.
    pub(super) const fn stop(&mut self) {
        (self.before, self.rate) = (None, None);
    }

    /// The rate, once there were two looks at a running stream.
    pub(super) const fn rate(&self) -> Option<Bitrate> {
        self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_rate_is_of_the_last_interval_and_ends_with_the_stream() {
        let start = Instant::now(); // clock: an origin, never compared with the present
        let mut meter = RateMeter::default();
        meter.look(1_000, start);
        assert_eq!(meter.rate(), None);
        meter.look(26_000, start + Duration::from_millis(500));
        assert_eq!(meter.rate(), Some(Bitrate::bps(400_000)));
        meter.look(26_000, start + Duration::from_millis(1_500));
        assert_eq!(meter.rate(), Some(Bitrate::bps(0)));
        meter.stop();
        meter.look(90_000, start + Duration::from_secs(9));
        assert_eq!(meter.rate(), None, "a pause is no interval");
    }
}
