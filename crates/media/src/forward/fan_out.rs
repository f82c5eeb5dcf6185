//! After a batch: what arrived goes out to everyone connected.

use super::Forwarder;
use super::departure::Departure;
use super::level::level;
use super::release::Exit;
use super::sink::Sink;
use super::start::{BURSTS_PACKETS_MAX, Beginning};
use super::timeout::Owner;
use crate::id::SinkId;
use crate::rtp::AbsSendTime;
use std::time::Instant;

impl Forwarder {
    /// Hands out all that arrived since the last call, subscriber by subscriber: all fresh packets of one
    /// sink follow one another, in the order of their arrival, so that a caller can send runs of equal
    /// sizes at once. Then the retransmissions that subscribers asked for. Sources come in the order in
    /// which their packets arrived, sinks in the order in which they were connected; before them come the
    /// sinks that catch up with a source of which nothing new arrived. A sink that goes from one source to
    /// another may have packets of both.
    ///
    /// Video and retransmissions for a peer whose path is nearly full wait for their turn and are handed out
    /// by a later call: at the time of [`Self::poll_timeout`] at the latest. Numbers are given, and
    /// `send_time` is written where abs-send-time was negotiated, when a packet is handed out.
    pub fn fan_out(&mut self, now: Instant, send_time: AbsSendTime, mut emit: impl FnMut(&Departure<'_>)) {
        let Self { sources, sinks, peers, outputs, drops, buffer, left, .. } = self;
        let mut exit = Exit { now, send_time, buffer, outputs, drops };
        let mut budget = BURSTS_PACKETS_MAX;
        // First, since those with fresh packets are served below, each sink once.
        for id in &self.starting {
            let Some(sink) = sinks.get_mut(id.number()) else { continue };
            let Some(peer) = peers.get_mut(sink.peer) else { continue };
            let origin = sink.source().and_then(|origin| sources.get(origin.number()));
            if let Some(source) = origin.filter(|source| source.fresh.is_empty()) {
                exit.catch_up(source, sink, peer, &mut budget, &mut emit);
                if peer.pacer.is_busy() {
                    peer.pacer.enlist(sink.peer, &mut self.pacing);
                }
                if peer.transport.is_unwatched() {
                    self.unwatched.push(sink.peer);
                }
            }
        }
        for id in self.fresh.drain(..) {
            let Some(source) = sources.get_mut(id.number()) else { continue };
            let mut waits = false;
            level(&mut source.fresh, &source.ring);
            for sink in &source.sinks {
                let Some(sink) = sinks.get_mut(sink.number()) else { continue };
                let Some(peer) = peers.get_mut(sink.peer) else { continue };
                if sink.awaits(id) {
                    let Some(first) = sink.switching_point(source, now) else {
                        waits = true;
                        continue;
                    };
                    left.extend(sink.begin(id, Beginning::at(first, now)).map(|old| (old, sink.id)));
                }
                if !sink.takes(id) {
                    continue;
                }
                if sink.is_live() {
                    exit.send(source, &source.fresh, sink, peer, &mut emit);
                } else {
                    exit.catch_up(source, sink, peer, &mut budget, &mut emit);
                    waits |= sink.is_waiting();
                    if sink.burst_due().is_some() && !self.starting.contains(&sink.id) {
                        self.starting.push(sink.id);
                    }
                }
                if peer.pacer.is_busy() {
                    peer.pacer.enlist(sink.peer, &mut self.pacing);
                }
                if peer.transport.is_unwatched() {
                    self.unwatched.push(sink.peer);
                }
            }
            source.fresh.clear();
            if waits && source.keyframes.begin(now).is_none() {
                source.keyframe.wish(now);
                self.deadlines.set(Owner::Source(id.number()).number(), source.poll_timeout());
            }
        }
        for sink in self.repairing.drain(..) {
            let Some(sink) = sinks.get_mut(sink.number()) else { continue };
            let Some(peer) = peers.get_mut(sink.peer) else { continue };
            if peer.pacer.holds_back() {
                peer.pacer.enlist(sink.peer, &mut self.pacing);
                continue;
            }
            while exit.repair(sources, sink, peer, &mut emit) {}
        }
        while let Some((old, sink)) = self.left.pop() {
            self.leave_source(old, sink);
        }
        let Self { sinks, .. } = self;
        let burst_due = |id: &SinkId| sinks.get(id.number()).and_then(Sink::burst_due);
        self.starting.retain(|id| burst_due(id).is_some());
        self.starting_due = self.starting.iter().filter_map(burst_due).min();
        self.release_all(now, send_time, &mut emit);
        self.watch_all(now);
    }
}
