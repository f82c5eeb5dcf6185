//! How long packets wait on the path, beyond its shortest delay.

/// The shortest delay counts for five to ten seconds: long enough to see an empty queue, short enough to
/// follow another route or a clock that drifts.
const WINDOW_US: i64 = 5_000_000;

/// Packets that a sudden wait is seen by.
const LAST: usize = 2;

/// The shortest one-way delay of late, and the present one above it. Both clocks are unknown; only their
/// difference matters.
#[derive(Debug, Default)]
pub(super) struct PathQueue {
    /// The shortest of this window and of the one before.
    shortest_us: Option<(i64, i64)>,
    window_end_us: i64,
    /// The shortest of the present feedback.
    present_us: Option<i64>,
    /// Those of the last packets.
    last_us: [i64; LAST],
}

impl PathQueue {
    /// Begins a feedback's packets.
    pub(super) const fn begin(&mut self) {
        self.present_us = None;
    }

    /// Takes one packet's delay, of which it spends `own_wait_us` behind its own burst. The shortest of a
    /// feedback is what counts: jitter and bursts only add.
    pub(super) fn note(&mut self, delay_us: i64, own_wait_us: i64, now_us: i64) {
        self.last_us.rotate_left(1);
        if let Some(last) = self.last_us.last_mut() {
            *last = delay_us - own_wait_us;
        }
        self.present_us = Some(self.present_us.map_or(delay_us, |present| present.min(delay_us)));
        let (mut this, mut before) = self.shortest_us.unwrap_or((delay_us, delay_us));
        if now_us >= self.window_end_us {
            (this, before) = (delay_us, this);
            self.window_end_us = now_us + WINDOW_US;
        }
        self.shortest_us = Some((this.min(delay_us), before));
    }

    /// What packets wait at present, in microseconds; zero while nothing is known.
    pub(super) fn wait_us(&self) -> i64 {
        self.present_us.map_or(0, |present| self.above_shortest(present))
    }

    /// What the very last packets waited, but for their own bursts: sooner known, and easier shaken.
    pub(super) fn last_wait_us(&self) -> i64 {
        self.last_us.iter().min().map_or(0, |last| self.above_shortest(*last))
    }

    /// Forgets the shortest delay: the path is another one.
    pub(super) fn forget(&mut self) {
        self.shortest_us = self.present_us.map(|present| (present, present));
    }

    fn above_shortest(&self, delay_us: i64) -> i64 {
        self.shortest_us.map_or(0, |(this, before)| (delay_us - this.min(before)).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_what_exceeds_the_shortest_delay_of_late() {
        let mut queue = PathQueue::default();
        let mut after = |delay_ms: [i64; 3], at_s: i64| {
            queue.begin();
            for delay in delay_ms {
                queue.note(delay * 1_000 + 7_000, 7_000, at_s * 1_000_000);
            }
            queue.wait_us() / 1_000
        };
        assert_eq!(after([30, 32, 40], 0), 0);
        assert_eq!(after([130, 90, 140], 1), 60);
        assert_eq!(after([90, 90, 90], 6), 60);
        assert_eq!(after([90, 90, 90], 12), 0, "another route");
    }
}
