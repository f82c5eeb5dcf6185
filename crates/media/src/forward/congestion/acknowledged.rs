//! How fast packets arrive at the peer, by its own clock.

/// Arrivals are counted in slots of this length.
const SLOT_US: i64 = 25_000;
/// Slots of the long window: half a second, some fifteen frames.
const SLOTS: usize = 20;
/// Slots of the short window: 150 ms, so that a fall of capacity shows before the queue is long.
const SLOTS_SHORT: usize = 6;

/// The rate of arrivals in a sliding window.
#[derive(Debug, Default)]
pub(super) struct AcknowledgedRate {
    bytes: [u32; SLOTS],
    /// The newest slot, counted on the peer's clock, and when the count began.
    newest: Option<(i64, i64)>,
}

impl AcknowledgedRate {
    /// Counts an arrival. One that is older than the window, or that jumps ahead of it, begins anew.
    pub(super) fn note(&mut self, arrival_us: i64, bytes: u32) {
        let slot = arrival_us.div_euclid(SLOT_US);
        let (newest, _) = *self.newest.get_or_insert((slot, slot));
        let step = slot - newest;
        if step.unsigned_abs() >= 4 * SLOTS as u64 {
            *self = Self { bytes: [0; SLOTS], newest: Some((slot, slot)) };
        } else if step <= -(SLOTS as i64) {
            return;
        } else if let Some((newest, _)) = self.newest.as_mut().filter(|_| step > 0) {
            *newest = slot;
            for passed in (slot - step + 1..=slot).rev().take(SLOTS) {
                self.bytes[place(passed)] = 0;
            }
        }
        let count = &mut self.bytes[place(slot)];
        *count = count.saturating_add(bytes);
    }

    /// Bits per second over the last half second; `None` until a fifth of it has passed.
    pub(super) fn rate(&self) -> Option<f64> {
        self.over(SLOTS)
    }

    /// The same over the last 150 ms.
    pub(super) fn recent(&self) -> Option<f64> {
        self.over(SLOTS_SHORT)
    }

    /// The newest slot is not full yet and does not count.
    fn over(&self, slots: usize) -> Option<f64> {
        let (newest, begun) = self.newest?;
        let full = usize::try_from(newest - begun).unwrap_or(0).min(slots).min(SLOTS - 1);
        if full < 4 {
            return None;
        }
        let slots = newest - full as i64..newest;
        let bytes: u64 = slots.map(|slot| u64::from(self.bytes[place(slot)])).sum();
        Some(bytes as f64 * 8.0 * 1e6 / (full as i64 * SLOT_US) as f64)
    }
}

/// Where a slot is counted; always within the array.
fn place(slot: i64) -> usize {
    slot.rem_euclid(SLOTS as i64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_window_is_steady_and_the_short_one_quick() {
        let mut acknowledged = AcknowledgedRate::default();
        assert_eq!(acknowledged.rate(), None);
        for packet in 0..200 {
            acknowledged.note(packet * 5_000, 625);
        }
        assert_eq!(acknowledged.rate().map(f64::round), Some(1_000_000.0));
        for packet in 0..10 {
            acknowledged.note(1_000_000 + packet * 20_000, 1_250);
        }
        let (long, short) = (acknowledged.rate().expect("a rate"), acknowledged.recent().expect("a rate"));
        assert!(long > 700_000.0, "{long}");
        assert!((450_000.0..600_000.0).contains(&short), "{short}");
    }

    #[test]
    fn late_arrivals_count_in_their_slot_and_jumps_begin_anew() {
        let mut acknowledged = AcknowledgedRate::default();
        for packet in 0..40 {
            acknowledged.note(packet * 25_000, 1_000);
        }
        let before = acknowledged.rate().expect("a rate");
        acknowledged.note(800_000, 9_000);
        assert!(acknowledged.rate().expect("a rate") > before);
        acknowledged.note(i64::from(i32::MAX) * 1_000, 1_000);
        assert_eq!(acknowledged.rate(), None, "another clock");
    }
}
