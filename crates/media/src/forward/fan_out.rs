//! After a batch: what arrived goes out to everyone connected.

use super::departure::Departure;
use super::output::Outputs;
use super::sink::{Release, Sink};
use super::source::{Fresh, Source};
use super::start::{BURST_PACKETS, BURSTS_PACKETS_MAX};
use super::timeout::Owner;
use super::{DropCounters, DropReason, Forwarder};
use crate::id::SinkId;
use crate::rtp::AbsSendTime;
use std::time::Instant;

impl Forwarder {
    /// Hands out all that arrived since the last call, subscriber by subscriber: all fresh packets of one
    /// sink follow one another, in the order of their arrival, so that a caller can send runs of equal
    /// sizes at once. Then come the sinks that catch up with a quiet source, and the retransmissions that
    /// subscribers asked for. Sources come in the order in which their packets arrived, sinks in the order
    /// in which they were connected.
    ///
    /// `send_time` goes into the packets of sinks that negotiated abs-send-time. Numbers are given here
    /// and not on arrival: a pacer (issue 4) that holds packets back calls the same code at release.
    pub fn fan_out(&mut self, now: Instant, send_time: AbsSendTime, mut emit: impl FnMut(&Departure<'_>)) {
        let release = Release { now, send_time, buffer: &mut self.buffer };
        let mut delivery =
            Delivery { release, drops: &mut self.drops, outputs: &mut self.outputs, emit: &mut emit };
        let mut budget = BURSTS_PACKETS_MAX;
        // First, since a source that is live again below has fresh packets until then.
        for id in &self.starting {
            let Some(sink) = self.sinks.get_mut(id.number()) else { continue };
            let origin = sink.source().and_then(|origin| self.sources.get(origin.number()));
            if let Some(source) = origin.filter(|source| source.fresh.is_empty()) {
                delivery.catch_up(sink, source, &mut budget);
            }
        }
        for id in self.fresh.drain(..) {
            let Some(source) = self.sources.get_mut(id.number()) else { continue };
            let mut waiting = false;
            for id in &source.sinks {
                let Some(sink) = self.sinks.get_mut(id.number()) else { continue };
                if sink.is_live() {
                    delivery.forward(sink, source);
                    continue;
                }
                let was_waiting = sink.is_waiting();
                delivery.catch_up(sink, source, &mut budget);
                waiting |= sink.is_waiting();
                if was_waiting && sink.burst_due().is_some() {
                    self.starting.push(*id);
                }
            }
            source.fresh.clear();
            if waiting && source.keyframes.begin(now).is_none() {
                source.keyframe.wish(now);
                self.deadlines.set(Owner::Source(id.number()).number(), source.poll_timeout());
            }
        }
        for sink in self.repairing.drain(..) {
            let Some(sink) = self.sinks.get_mut(sink.number()) else { continue };
            let Some(origin) = sink.source() else { continue };
            let Some(source) = self.sources.get(origin.number()) else { continue };
            sink.retransmit(&source.ring, &mut delivery.release, delivery.emit);
        }
        let burst_due = |id: &SinkId| self.sinks.get(id.number()).and_then(Sink::burst_due);
        self.starting.retain(|id| burst_due(id).is_some());
        self.starting_due = self.starting.iter().filter_map(burst_due).min();
    }
}

/// What every delivery of one fan-out needs.
struct Delivery<'a, E> {
    release: Release<'a>,
    drops: &'a mut DropCounters,
    outputs: &'a mut Outputs,
    emit: &'a mut E,
}

impl<E: FnMut(&Departure<'_>)> Delivery<'_, E> {
    /// What arrived goes to a sink that is live.
    fn forward(&mut self, sink: &mut Sink, source: &Source) {
        let mut media_left = false;
        for fresh in &source.fresh {
            media_left |= self.deliver(sink, source, fresh);
        }
        self.conclude(sink, source, media_left);
    }

    /// A burst from the ring for a sink that is not. One that begins with what has just arrived may have as
    /// much as those that are live.
    fn catch_up(&mut self, sink: &mut Sink, source: &Source, budget: &mut usize) {
        let mut media_left = false;
        let live = if sink.is_waiting() { source.fresh.len() } else { 0 };
        let burst = BURST_PACKETS.min(*budget).max(live);
        for _ in 0..burst {
            let Some(fresh) = sink.next_to_catch_up(source, self.release.now) else { break };
            *budget = budget.saturating_sub(1);
            media_left |= self.deliver(sink, source, &fresh);
        }
        if media_left {
            sink.end_burst(self.release.now);
        }
        self.conclude(sink, source, media_left);
    }

    fn deliver(&mut self, sink: &mut Sink, source: &Source, fresh: &Fresh) -> bool {
        match sink.plan(fresh, &source.ring, self.release.now) {
            Ok(Some(planned)) => sink.depart(planned, &source.ring, &mut self.release, self.emit),
            Ok(None) => false,
            Err(reason) => {
                self.drops.count(reason);
                if reason == DropReason::NoCommonCodec {
                    sink.tell_no_common_codec(self.outputs);
                }
                false
            }
        }
    }

    fn conclude(&mut self, sink: &mut Sink, source: &Source, media_left: bool) {
        if media_left {
            sink.set_flowing(true, self.outputs);
            // One that was connected late learns the relation of clocks with its first packets.
            sink.catch_up_report(source.relation, self.release.now, self.outputs);
        }
    }
}
