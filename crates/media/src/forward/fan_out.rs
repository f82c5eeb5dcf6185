//! After a batch: what arrived goes out to everyone connected.

use super::departure::Departure;
use super::sink::Release;
use super::{DropReason, Forwarder};
use crate::rtp::AbsSendTime;
use std::time::Instant;

impl Forwarder {
    /// Hands out all that arrived since the last call, subscriber by subscriber: all fresh packets of one
    /// sink follow one another, in the order of their arrival, so that a caller can send runs of equal
    /// sizes at once. Then the retransmissions that subscribers asked for. Sources come in the order in
    /// which their packets arrived, sinks in the order in which they were connected.
    ///
    /// `send_time` goes into the packets of sinks that negotiated abs-send-time. Numbers are given here
    /// and not on arrival: a pacer (issue 4) that holds packets back calls the same code at release.
    pub fn fan_out(&mut self, now: Instant, send_time: AbsSendTime, mut emit: impl FnMut(&Departure<'_>)) {
        let Self { sources, sinks, peers, outputs, drops, buffer, .. } = self;
        for id in self.fresh.drain(..) {
            let Some(source) = sources.get_mut(id.number()) else { continue };
            for sink in &source.sinks {
                let Some(sink) = sinks.get_mut(sink.number()) else { continue };
                let Some(peer) = peers.get_mut(sink.peer) else { continue };
                let mut release = Release { now, send_time, transport: &mut peer.transport, buffer };
                let mut media_left = false;
                for fresh in &source.fresh {
                    match sink.plan(fresh, &source.ring, now) {
                        Ok(Some(planned)) => {
                            media_left |= sink.depart(planned, &source.ring, &mut release, &mut emit);
                        }
                        Ok(None) => {}
                        Err(reason) => {
                            drops.count(reason);
                            if reason == DropReason::NoCommonCodec {
                                sink.tell_no_common_codec(outputs);
                            }
                        }
                    }
                }
                if media_left {
                    sink.set_flowing(true, outputs);
                    // One that was connected late learns the relation of clocks with its first packets.
                    sink.catch_up_report(source.relation, now, outputs);
                }
            }
            source.fresh.clear();
        }
        for sink in self.repairing.drain(..) {
            let Some(sink) = sinks.get_mut(sink.number()) else { continue };
            let Some(peer) = peers.get_mut(sink.peer) else { continue };
            let Some(origin) = sink.source() else { continue };
            let Some(source) = sources.get(origin.number()) else { continue };
            let mut release = Release { now, send_time, transport: &mut peer.transport, buffer };
            sink.retransmit(&source.ring, &mut release, &mut emit);
        }
    }
}
