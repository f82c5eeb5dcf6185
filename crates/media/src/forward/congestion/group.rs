//! Packets that left together, and how much further apart two such groups arrived than they left.

/// Packets that leave within this time are one group (draft-ietf-rmcat-gcc-02 §5.2).
const BURST_US: i64 = 5_000;
/// What arrives at once after a pause of the path is one group up to this length.
const CLUMP_US: i64 = 100_000;
/// The peer's clock, or its path, cannot jump further than this between groups.
const JUMP_US: i64 = 3_000_000;

/// Finds the groups in a row of arrivals.
#[derive(Debug, Default)]
pub(super) struct Grouping {
    before: Option<Group>,
    current: Option<Group>,
}

/// One group against the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct GroupStep {
    /// How much later it left.
    pub(super) sent_us: i64,
    /// How much later it arrived.
    pub(super) arrived_us: i64,
    /// When it had arrived, on the peer's clock.
    pub(super) at_us: i64,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent_us: i64,
    last_sent_us: i64,
    first_arrival_us: i64,
    last_arrival_us: i64,
}

impl Grouping {
    /// Takes the next packet that arrived. One that completes a group tells the step from the group before.
    pub(super) fn note(&mut self, sent_us: i64, arrival_us: i64) -> Option<GroupStep> {
        let Some(current) = self.current.as_mut() else {
            self.current = Some(Group::of(sent_us, arrival_us));
            return None;
        };
        if sent_us < current.first_sent_us {
            return None;
        }
        if current.takes(sent_us, arrival_us) {
            current.last_sent_us = current.last_sent_us.max(sent_us);
            current.last_arrival_us = current.last_arrival_us.max(arrival_us);
            return None;
        }
        let complete = *current;
        let before = self.before.replace(complete);
        self.current = Some(Group::of(sent_us, arrival_us));
        let step = complete.step_from(&before?);
        if step.arrived_us < 0 || step.arrived_us - step.sent_us >= JUMP_US {
            // Reordered groups, or another clock: nothing to compare with.
            (self.before, self.current) = (None, None);
            return None;
        }
        Some(step)
    }
}

impl Group {
    const fn of(sent_us: i64, arrival_us: i64) -> Self {
        Self {
            first_sent_us: sent_us,
            last_sent_us: sent_us,
            first_arrival_us: arrival_us,
            last_arrival_us: arrival_us,
        }
    }

    fn takes(&self, sent_us: i64, arrival_us: i64) -> bool {
        let left_together = sent_us - self.first_sent_us <= BURST_US;
        // draft-ietf-rmcat-gcc-02 §5.2: what a path held back and lets go at once says nothing of its
        // queue packet by packet.
        let since_last_us = arrival_us - self.last_arrival_us;
        let caught_up = since_last_us < sent_us - self.last_sent_us;
        let clumped = since_last_us <= BURST_US && caught_up && arrival_us - self.first_arrival_us < CLUMP_US;
        left_together || clumped
    }

    const fn step_from(&self, before: &Self) -> GroupStep {
        GroupStep {
            sent_us: self.last_sent_us - before.last_sent_us,
            arrived_us: self.last_arrival_us - before.last_arrival_us,
            at_us: self.last_arrival_us,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers: draft-ietf-rmcat-gcc-02 §5.2
    #[test]
    fn bursts_are_one_group_and_steps_compare_their_ends() {
        let mut grouping = Grouping::default();
        let mut steps = Vec::new();
        for burst in 0..4 {
            for packet in 0..3 {
                let sent = burst * 20_000 + packet * 1_000;
                // Each packet takes 2 ms on the bottleneck; each burst comes a millisecond later.
                steps.extend(grouping.note(sent, burst * 21_000 + packet * 2_000 + 30_000));
            }
        }
        assert_eq!(steps.len(), 2, "the last group is not complete");
        assert!(steps.iter().all(|step| (step.sent_us, step.arrived_us) == (20_000, 21_000)));
    }

    #[test]
    fn what_was_held_back_and_arrives_at_once_is_one_group() {
        let mut grouping = Grouping::default();
        let mut steps = Vec::new();
        for packet in 0..5 {
            steps.extend(grouping.note(packet * 10_000, packet * 10_000));
        }
        for packet in 5..9 {
            steps.extend(grouping.note(packet * 10_000, 90_000 + packet * 100));
        }
        assert_eq!(steps.len(), 4);
    }

    #[test]
    fn another_clock_begins_anew() {
        let mut grouping = Grouping::default();
        let mut steps = 0;
        for packet in 0..10 {
            let jump = if packet < 5 { 0 } else { 60_000_000 };
            steps += usize::from(grouping.note(packet * 10_000, jump + packet * 10_000).is_some());
        }
        assert!((3..8).contains(&steps), "{steps}");
    }
}
