//! When each session next needs attention.

use std::collections::BTreeSet;
use std::time::Instant;

/// The deadlines of one worker's sessions, at most one each, by the session's slot.
#[derive(Debug, Default)]
pub(super) struct Timers {
    by_time: BTreeSet<(Instant, usize)>,
    by_slot: Vec<Option<Instant>>,
}

impl Timers {
    /// Sets, moves or clears a session's deadline.
    pub(super) fn set(&mut self, slot: usize, deadline: Option<Instant>) {
        if self.by_slot.len() <= slot {
            self.by_slot.resize(slot + 1, None);
        }
        let Some(current) = self.by_slot.get_mut(slot) else { return };
        if *current == deadline {
            return;
        }
        if let Some(old) = std::mem::replace(current, deadline) {
            self.by_time.remove(&(old, slot));
        }
        if let Some(new) = deadline {
            self.by_time.insert((new, slot));
        }
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes one session whose deadline has come.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<usize> {
        let (at, slot) = *self.by_time.first()?;
        if at > now {
            return None;
        }
        self.set(slot, None);
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_session_has_one_deadline_and_the_earliest_comes_first() {
        let start = Instant::now(); // clock: any origin does
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::default();
        timers.set(3, Some(at(30)));
        timers.set(1, Some(at(10)));
        timers.set(3, Some(at(5)));
        assert_eq!(timers.next(), Some(at(5)));
        assert_eq!(timers.take_due(at(20)), Some(3));
        assert_eq!(timers.take_due(at(20)), Some(1));
        assert_eq!(timers.take_due(at(90)), None);
        timers.set(1, Some(at(10)));
        timers.set(1, None);
        assert_eq!(timers.next(), None);
    }
}
