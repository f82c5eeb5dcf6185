//! After a batch: what arrived goes out to everyone connected.

use super::Forwarder;
use super::departure::Departure;
use super::release::Exit;
use crate::rtp::AbsSendTime;
use std::time::Instant;

impl Forwarder {
    /// Hands out all that arrived since the last call, subscriber by subscriber: all fresh packets of one
    /// sink follow one another, in the order of their arrival, so that a caller can send runs of equal
    /// sizes at once. Then the retransmissions that subscribers asked for. Sources come in the order in
    /// which their packets arrived, sinks in the order in which they were connected.
    ///
    /// Video and retransmissions for a peer whose path is nearly full wait for their turn and are handed out
    /// by a later call: at the time of [`Self::poll_timeout`] at the latest. Numbers are given, and
    /// `send_time` is written where abs-send-time was negotiated, when a packet is handed out.
    pub fn fan_out(&mut self, now: Instant, send_time: AbsSendTime, mut emit: impl FnMut(&Departure<'_>)) {
        let Self { sources, sinks, peers, outputs, drops, buffer, .. } = self;
        let mut exit = Exit { now, send_time, buffer, outputs, drops };
        for id in self.fresh.drain(..) {
            let Some(source) = sources.get_mut(id.number()) else { continue };
            for sink in &source.sinks {
                let Some(sink) = sinks.get_mut(sink.number()) else { continue };
                let Some(peer) = peers.get_mut(sink.peer) else { continue };
                exit.send(id, source, sink, peer, &mut emit);
                if peer.pacer.is_busy() {
                    peer.pacer.enlist(sink.peer, &mut self.pacing);
                }
                if peer.transport.is_unwatched() {
                    self.unwatched.push(sink.peer);
                }
            }
            source.fresh.clear();
        }
        for sink in self.repairing.drain(..) {
            let Some(sink) = sinks.get_mut(sink.number()) else { continue };
            let Some(peer) = peers.get_mut(sink.peer) else { continue };
            let Some(source) = sink.source().and_then(|id| sources.get(id.number())) else { continue };
            if peer.pacer.holds_back() {
                peer.pacer.enlist(sink.peer, &mut self.pacing);
                continue;
            }
            while exit.repair(source, sink, peer, &mut emit) {}
        }
        self.release_all(now, send_time, &mut emit);
        self.watch_all(now);
    }
}
