//! One sender, or several, on one link, for a while; and what came of it.

use crate::controller::Controller;
use crate::sender::{Label, Sender};
use crate::viewer::{INTERVAL, Viewer};
use keel_media::rtp::rtcp::TransportFeedback;
use keel_testkit::net::{Link, LinkConfig};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(1);
/// A wait beyond this is a queue that a viewer notices.
const LONG_WAIT: Duration = Duration::from_millis(250);

/// What one sender's viewer got, millisecond by millisecond.
pub(crate) struct Outcome {
    /// Bytes of media that arrived in each 100 ms.
    pub(crate) media: Vec<u64>,
    /// The longest wait beyond the link's own delay.
    pub(crate) wait_max: Duration,
    /// For how long at a stretch packets arrived with a wait of more than 250 ms.
    pub(crate) long_wait: Duration,
    /// Datagrams sent and arrived.
    pub(crate) sent: u64,
    pub(crate) arrived: u64,
    /// The estimate at each 100 ms.
    pub(crate) estimates: Vec<u64>,
}

/// Runs the senders over one link, each with a viewer, whose feedback takes the link's delay and is not lost.
pub(crate) fn run(seed: u64, config: &LinkConfig, duration: Duration, controllers: Vec<Run>) -> Vec<Outcome> {
    let start = Instant::now();
    let mut link = Link::new(seed, config.clone());
    let mut flows: Vec<Flow> =
        controllers.into_iter().zip(0..).map(|(run, number)| Flow::new(run, number, start)).collect();
    let mut sent_at: Vec<Vec<Instant>> = vec![Vec::new(); flows.len()];
    let mut now = start;
    while now < start + duration {
        for flow in &mut flows {
            if flow.begins <= now && flow.sender.poll_timeout() <= now {
                for datagram in flow.sender.burst(now) {
                    sent_at[usize::from(Label::read(&datagram).flow)].push(now);
                    flow.outcome.sent += 1;
                    link.send(now, datagram);
                }
            }
        }
        while let Some(datagram) = link.poll(now) {
            let label = Label::read(&datagram);
            let flow = &mut flows[usize::from(label.flow)];
            let sent = sent_at[usize::from(label.flow)][label.number as usize];
            flow.receive(&label, datagram.len(), (now - sent).saturating_sub(config.delay), now);
        }
        for flow in &mut flows {
            flow.tick(start, config.delay, now);
        }
        now += STEP;
    }
    flows.into_iter().map(|flow| flow.outcome).collect()
}

/// A sender and when it begins.
pub(crate) struct Run {
    pub(crate) controller: fn(Instant) -> Controller,
    pub(crate) wanted: keel_media::rtp::Bitrate,
    pub(crate) begins: Duration,
}

struct Flow {
    begins: Instant,
    sender: Sender,
    viewer: Viewer,
    feedback_due: Instant,
    feedback: VecDeque<(Instant, TransportFeedback)>,
    long_since: Option<Instant>,
    outcome: Outcome,
}

impl Flow {
    fn new(run: Run, number: u8, start: Instant) -> Self {
        let begins = start + run.begins;
        let outcome = Outcome {
            media: Vec::new(),
            wait_max: Duration::ZERO,
            long_wait: Duration::ZERO,
            sent: 0,
            arrived: 0,
            estimates: Vec::new(),
        };
        Self {
            begins,
            sender: Sender::new((run.controller)(begins), number, run.wanted, begins),
            viewer: Viewer::new(start),
            feedback_due: begins + INTERVAL,
            feedback: VecDeque::new(),
            long_since: None,
            outcome,
        }
    }

    fn receive(&mut self, label: &Label, bytes: usize, wait: Duration, now: Instant) {
        self.viewer.note(label.number, now);
        let outcome = &mut self.outcome;
        outcome.arrived += 1;
        if label.is_media
            && let Some(slot) = outcome.media.last_mut()
        {
            *slot += bytes as u64;
        }
        outcome.wait_max = outcome.wait_max.max(wait);
        if wait > LONG_WAIT {
            let since = *self.long_since.get_or_insert(now);
            outcome.long_wait = outcome.long_wait.max(now - since);
        } else {
            self.long_since = None;
        }
    }

    fn tick(&mut self, start: Instant, delay: Duration, now: Instant) {
        if (now - start).as_millis().is_multiple_of(100) {
            self.outcome.media.push(0);
            self.outcome.estimates.push(self.sender.controller.estimate().as_bps());
        }
        if now >= self.feedback_due {
            self.feedback_due = now + INTERVAL;
            self.feedback.extend(self.viewer.feedback().map(|feedback| (now + delay, feedback)));
        }
        while let Some((_, feedback)) = self.feedback.pop_front_if(|(at, _)| *at <= now) {
            self.sender.controller.handle_feedback(&feedback, now);
        }
    }
}

impl Outcome {
    /// Bits per second of media between two times.
    pub(crate) fn rate(&self, from: Duration, until: Duration) -> f64 {
        let slot = |at: Duration| (at.as_millis() / 100) as usize;
        let bytes: u64 = self.media[slot(from)..slot(until).min(self.media.len())].iter().sum();
        bytes as f64 * 8.0 / (until - from).as_secs_f64()
    }

    /// How long after `from` a second began in which `rate` arrived.
    pub(crate) fn reaches(&self, rate: f64, from: Duration) -> Option<Duration> {
        let second = Duration::from_secs(1);
        let slots = self.media.len().saturating_sub(10) as u64;
        (from.as_millis() as u64 / 100..slots)
            .map(|slot| Duration::from_millis(100 * slot))
            .find(|at| self.rate(*at, *at + second) >= rate)
            .map(|at| at - from)
    }
}
