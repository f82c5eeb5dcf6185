//! The narrowest place of a path: a queue that a rate serves.

use super::LinkConfig;
use super::competing::{Competitor, SEGMENT_BYTES};
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What may wait before a bottleneck.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QueueLimit {
    /// This many bytes.
    Bytes(u64),
    /// What the present rate serves in this time.
    Time(Duration),
}

/// A datagram on its way, with what the link has in store for it.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Behind the bottleneck.
    pub(super) delay: Duration,
    pub(super) late: bool,
    pub(super) twice: bool,
    pub(super) datagram: Bytes,
}

/// The queue, its rate now and later, and who else sends through it.
#[derive(Debug)]
pub(super) struct Bottleneck {
    rate: Option<u64>,
    limit: QueueLimit,
    schedule: Vec<(Duration, Option<u64>)>,
    /// Entries of the schedule that have come to pass.
    scheduled: usize,
    first: Option<Instant>,
    competitor: Competitor,
    competing_bytes: u64,
    /// `None` stands for a segment of the competitor.
    queue: VecDeque<Option<Waiting>>,
    queued_bytes: u64,
    /// When the first of the queue begins to leave, and what is left of it then, in bits.
    served: Option<(Instant, f64)>,
    /// What left without waiting, or has left.
    passed: VecDeque<(Instant, Waiting)>,
}

impl Bottleneck {
    pub(super) fn new(config: &LinkConfig) -> Self {
        Self {
            rate: config.rate,
            limit: config.queue,
            schedule: config.schedule.clone(),
            scheduled: 0,
            first: None,
            competitor: Competitor::new(config.competing, config.delay),
            competing_bytes: 0,
            queue: VecDeque::new(),
            queued_bytes: 0,
            served: None,
            passed: VecDeque::new(),
        }
    }

    /// Puts a datagram at the end of the queue.
    ///
    /// # Errors
    /// The datagram when the queue is full.
    pub(super) fn push(&mut self, now: Instant, waiting: Waiting) -> Result<(), Waiting> {
        if self.first.is_none() {
            self.first = Some(now);
            self.competitor.begin(now);
        }
        self.run(now);
        if self.rate.is_none() && self.queue.is_empty() {
            self.passed.push_back((now, waiting));
            return Ok(());
        }
        let bytes = waiting.datagram.len() as u64;
        if self.has_room(bytes) {
            self.enqueue(now, Some(waiting), bytes);
            Ok(())
        } else {
            Err(waiting)
        }
    }

    /// The next datagram that has left by `now`, and when it did.
    pub(super) fn poll(&mut self, now: Instant) -> Option<(Instant, Waiting)> {
        self.run(now);
        self.passed.pop_front()
    }

    /// When the next datagram leaves, if nothing comes in between. A competitor alone wakes nobody: what it
    /// did is worked out when it matters.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if let Some((departure, _)) = self.passed.front() {
            return Some(*departure);
        }
        self.queue.iter().any(Option::is_some).then(|| self.next_event()).flatten()
    }

    pub(super) fn set_rate(&mut self, now: Instant, rate: Option<u64>) {
        self.run(now);
        self.settle_head(now);
        self.rate = rate;
        if rate.is_none() {
            self.release(now);
        }
    }

    pub(super) const fn competing_bytes(&self) -> u64 {
        self.competing_bytes
    }

    /// Lets everything happen that happens until `now`, in its order.
    fn run(&mut self, now: Instant) {
        while let Some(event) = self.next_event().filter(|event| *event <= now) {
            if self.head_leaves_at() == Some(event) {
                self.leave(event);
            } else if self.next_change() == Some(event) {
                let rate = self.schedule.get(self.scheduled).and_then(|(_, rate)| *rate);
                self.scheduled += 1;
                self.settle_head(event);
                self.rate = rate;
                if rate.is_none() {
                    self.release(event);
                }
            } else {
                let bytes = SEGMENT_BYTES;
                let taken = self.has_room(bytes);
                if self.competitor.send(event, taken) && taken {
                    self.enqueue(event, None, bytes);
                }
            }
        }
    }

    fn next_event(&self) -> Option<Instant> {
        // Without a rate nobody competes for it.
        let competitor = self.competitor.poll_timeout().filter(|_| self.rate.is_some());
        [self.head_leaves_at(), self.next_change(), competitor].into_iter().flatten().min()
    }

    fn next_change(&self) -> Option<Instant> {
        Some(self.first? + self.schedule.get(self.scheduled)?.0)
    }

    fn head_leaves_at(&self) -> Option<Instant> {
        let ((since, bits), rate) = self.served.zip(self.rate)?;
        Some(since + Duration::from_secs_f64(bits / rate.max(1) as f64))
    }

    /// Takes off the first of the queue what has left of it by `now`.
    fn settle_head(&mut self, now: Instant) {
        if let (Some((since, bits)), Some(rate)) = (self.served.as_mut(), self.rate) {
            *bits = (*bits - (now - *since).as_secs_f64() * rate as f64).max(0.0);
            *since = now;
        }
    }

    fn leave(&mut self, at: Instant) {
        let Some(head) = self.queue.pop_front() else { return };
        match head {
            Some(waiting) => {
                self.queued_bytes -= waiting.datagram.len() as u64;
                self.passed.push_back((at, waiting));
            }
            None => {
                self.queued_bytes -= SEGMENT_BYTES;
                self.competing_bytes += SEGMENT_BYTES;
                self.competitor.note_passed(at);
            }
        }
        self.served = self.queue.front().map(|next| (at, bits(next)));
    }

    /// Everything leaves at once: there is no bottleneck any more.
    fn release(&mut self, at: Instant) {
        while !self.queue.is_empty() {
            self.leave(at);
        }
    }

    fn enqueue(&mut self, now: Instant, entry: Option<Waiting>, bytes: u64) {
        if self.queue.is_empty() {
            self.served = Some((now, bits(&entry)));
        }
        self.queued_bytes += bytes;
        self.queue.push_back(entry);
    }

    fn has_room(&self, bytes: u64) -> bool {
        let limit = match self.limit {
            QueueLimit::Bytes(bytes) => bytes,
            QueueLimit::Time(time) => {
                (self.rate.unwrap_or(u64::MAX) as f64 / 8.0 * time.as_secs_f64()) as u64
            }
        };
        self.queued_bytes + bytes <= limit
    }
}

fn bits(entry: &Option<Waiting>) -> f64 {
    8.0 * entry.as_ref().map_or(SEGMENT_BYTES as f64, |waiting| waiting.datagram.len() as f64)
}
