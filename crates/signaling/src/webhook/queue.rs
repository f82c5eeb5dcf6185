//! When which event is sent where: sans-IO. A *lane* is one receiver and one topic; its events go one after
//! the other. What cannot be delivered is tried again, later each time.

use rand::RngExt;
use rand::rngs::StdRng;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// Where an event goes and what it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lane {
    pub(super) receiver: String,
    pub(super) topic: String,
}

/// An event that waits for its delivery. Its body is in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Ascends.
    pub(super) number: u64,
    pub(super) lane: Lane,
    pub(super) bytes: usize,
}

/// How much waits, and how it is tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Past either the oldest events of all are given up.
    pub(super) events_max: usize,
    pub(super) bytes_max: usize,
    /// Deliveries at a time.
    pub(super) at_once: usize,
    /// The pause after a first failure; it doubles with each up to `pause_max`. Each pause is drawn from the
    /// upper half, so that lanes which failed together do not come back together.
    pub(super) pause_min: Duration,
    pub(super) pause_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            events_max: 10_000,
            bytes_max: 16 << 20,
            at_once: 8,
            pause_min: Duration::from_secs(1),
            pause_max: Duration::from_secs(300),
        }
    }
}

/// All events that wait.
pub(super) struct Queue {
    limits: Limits,
    random: StdRng,
    entries: BTreeMap<u64, (Lane, usize)>,
    bytes: usize,
    lanes: BTreeMap<Lane, Waiting>,
    /// Lanes whose first event may be sent from this time on.
    due: BTreeSet<(Instant, Lane)>,
    sending: BTreeSet<Lane>,
}

/// The events of one lane. Empty ones are not kept.
#[derive(Default)]
struct Waiting {
    numbers: VecDeque<u64>,
    failures: u32,
    /// Its place in [`Queue::due`].
    due: Option<Instant>,
}

impl Queue {
    pub(super) fn new(limits: Limits, random: StdRng) -> Self {
        Self {
            limits,
            random,
            entries: BTreeMap::new(),
            bytes: 0,
            lanes: BTreeMap::new(),
            due: BTreeSet::new(),
            sending: BTreeSet::new(),
        }
    }

    /// Takes an event, and gives up the oldest ones if there are too many: their numbers.
    pub(super) fn push(&mut self, now: Instant, entry: Entry) -> Vec<u64> {
        let Entry { number, lane, bytes } = entry;
        let waiting = self.lanes.entry(lane.clone()).or_default();
        if waiting.numbers.is_empty() && !self.sending.contains(&lane) {
            waiting.due = Some(now);
            self.due.insert((now, lane.clone()));
        }
        waiting.numbers.push_back(number);
        self.entries.insert(number, (lane, bytes));
        self.bytes += bytes;
        let mut given_up = Vec::new();
        while (self.entries.len() > self.limits.events_max || self.bytes > self.limits.bytes_max)
            && let Some((oldest, _)) = self.entries.first_key_value()
        {
            let oldest = *oldest;
            self.remove(oldest);
            given_up.push(oldest);
        }
        given_up
    }

    /// The next event to send. Its lane is busy until [`Self::handle_result`].
    pub(super) fn poll_send(&mut self, now: Instant) -> Option<(u64, Lane)> {
        if self.sending.len() >= self.limits.at_once {
            return None;
        }
        while let Some((due, _)) = self.due.first()
            && *due <= now
            && let Some((_, lane)) = self.due.pop_first()
        {
            let Some(waiting) = self.lanes.get_mut(&lane) else { continue };
            waiting.due = None;
            if let Some(number) = waiting.numbers.front() {
                self.sending.insert(lane.clone());
                return Some((*number, lane));
            }
        }
        None
    }

    /// How the sending of an event ended.
    pub(super) fn handle_result(&mut self, now: Instant, number: u64, lane: Lane, is_delivered: bool) {
        self.sending.remove(&lane);
        if is_delivered {
            self.remove(number);
        }
        let Some(waiting) = self.lanes.get_mut(&lane) else { return };
        let pause = if is_delivered {
            waiting.failures = 0;
            Duration::ZERO
        } else {
            waiting.failures = waiting.failures.saturating_add(1);
            let doublings = (waiting.failures - 1).min(31);
            let pause = self.limits.pause_min.saturating_mul(1 << doublings).min(self.limits.pause_max);
            pause.mul_f64(self.random.random_range(0.5..=1.0))
        };
        waiting.due = Some(now + pause);
        self.due.insert((now + pause, lane));
    }

    /// When [`Self::poll_send`] will have something, as far as it depends on time.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if self.sending.len() >= self.limits.at_once {
            return None;
        }
        self.due.first().map(|(due, _)| *due)
    }

    /// Events that wait.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether an event is still to be delivered.
    pub(super) fn contains(&self, number: u64) -> bool {
        self.entries.contains_key(&number)
    }

    fn remove(&mut self, number: u64) {
        let Some((lane, bytes)) = self.entries.remove(&number) else { return };
        self.bytes -= bytes;
        if let Some(waiting) = self.lanes.get_mut(&lane) {
            waiting.numbers.retain(|other| *other != number);
            if waiting.numbers.is_empty() {
                if let Some(due) = waiting.due {
                    self.due.remove(&(due, lane.clone()));
                }
                self.lanes.remove(&lane);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn lane(topic: &str) -> Lane {
        Lane { receiver: "https://hooks.example/".into(), topic: topic.into() }
    }

    fn queue(limits: Limits) -> (Queue, Instant) {
        (Queue::new(limits, StdRng::seed_from_u64(1)), Instant::now())
    }

    fn push(queue: &mut Queue, now: Instant, number: u64, topic: &str) -> Vec<u64> {
        queue.push(now, Entry { number, lane: lane(topic), bytes: 10 })
    }

    #[test]
    fn a_lane_sends_one_after_the_other_and_lanes_side_by_side() {
        let (mut queue, now) = queue(Limits::default());
        push(&mut queue, now, 1, "a");
        push(&mut queue, now, 2, "a");
        push(&mut queue, now, 3, "b");
        assert_eq!(queue.poll_send(now), Some((1, lane("a"))));
        assert_eq!(queue.poll_send(now), Some((3, lane("b"))));
        assert_eq!(queue.poll_send(now), None, "2 waits for 1");
        queue.handle_result(now, 1, lane("a"), true);
        assert_eq!(queue.poll_send(now), Some((2, lane("a"))));
        push(&mut queue, now, 4, "a");
        assert_eq!(queue.poll_send(now), None, "4 waits for 2");
        for (number, topic) in [(2, "a"), (3, "b")] {
            queue.handle_result(now, number, lane(topic), true);
        }
        assert_eq!(queue.poll_send(now), Some((4, lane("a"))));
        queue.handle_result(now, 4, lane("a"), true);
        assert!(queue.len() == 0 && queue.lanes.is_empty() && queue.due.is_empty() && queue.bytes == 0);
    }

    #[test]
    fn what_fails_is_tried_again_later_and_later_and_nothing_overtakes_it() {
        let limits = Limits::default();
        let (mut queue, mut now) = queue(limits);
        push(&mut queue, now, 1, "a");
        push(&mut queue, now, 2, "a");
        let mut longest = limits.pause_min;
        for _ in 0..12 {
            assert_eq!(queue.poll_send(now), Some((1, lane("a"))));
            queue.handle_result(now, 1, lane("a"), false);
            assert_eq!(queue.poll_send(now), None);
            let pause = queue.poll_timeout().expect("a next try") - now;
            assert!(pause >= longest / 2 && pause <= longest, "{pause:?} of {longest:?}");
            now += pause;
            longest = (longest * 2).min(limits.pause_max);
        }
        assert_eq!(longest, limits.pause_max);
        assert_eq!(queue.poll_send(now), Some((1, lane("a"))));
        queue.handle_result(now, 1, lane("a"), true);
        assert_eq!(queue.poll_send(now), Some((2, lane("a"))), "at once, and the pauses begin anew");
        queue.handle_result(now, 2, lane("a"), false);
        assert!(queue.poll_timeout().expect("a next try") - now <= limits.pause_min);
    }

    #[test]
    fn so_many_are_sent_at_once_and_no_more() {
        let (mut queue, now) = queue(Limits { at_once: 2, ..Limits::default() });
        for (number, topic) in [(1, "a"), (2, "b"), (3, "c")] {
            push(&mut queue, now, number, topic);
        }
        assert!(queue.poll_send(now).is_some() && queue.poll_send(now).is_some());
        assert_eq!((queue.poll_send(now), queue.poll_timeout()), (None, None));
        queue.handle_result(now, 1, lane("a"), true);
        assert_eq!(queue.poll_send(now), Some((3, lane("c"))));
    }

    #[test]
    fn past_the_bounds_the_oldest_are_given_up() {
        let (mut queue, now) = queue(Limits { events_max: 2, ..Limits::default() });
        assert!(push(&mut queue, now, 1, "a").is_empty());
        assert!(push(&mut queue, now, 2, "b").is_empty());
        assert_eq!(queue.poll_send(now), Some((1, lane("a"))));
        assert_eq!(push(&mut queue, now, 3, "a"), [1], "also while it is being sent");
        assert!(!queue.contains(1) && queue.contains(3));
        assert_eq!(queue.poll_send(now), Some((2, lane("b"))));
        assert_eq!(queue.poll_send(now), None, "its lane is still busy");
        queue.handle_result(now, 1, lane("a"), true);
        assert_eq!(queue.poll_send(now), Some((3, lane("a"))));

        let (mut queue, now) = self::queue(Limits { bytes_max: 25, ..Limits::default() });
        push(&mut queue, now, 1, "a");
        push(&mut queue, now, 2, "a");
        assert_eq!(push(&mut queue, now, 3, "a"), [1]);
        let huge = Entry { number: 4, lane: lane("a"), bytes: 26 };
        assert_eq!(queue.push(now, huge), [2, 3, 4], "what could never wait is given up itself");
        assert!(queue.len() == 0 && queue.lanes.is_empty() && queue.due.is_empty());
    }
}
