//! After a batch: what arrived goes out to everyone connected.

use super::departure::Departure;
use super::output::Outputs;
use super::sink::{Release, Sink};
use super::source::{Fresh, Source};
use super::{DropCounters, DropReason, Forwarder};
use crate::rtp::AbsSendTime;
use std::time::Instant;

impl Forwarder {
    /// Hands out all that arrived since the last call, subscriber by subscriber: all fresh packets of one
    /// sink follow one another, in the order of their arrival, so that a caller can send runs of equal
    /// sizes at once. Then the retransmissions that subscribers asked for. Sources come in the order in
    /// which their packets arrived, sinks in the order in which they were connected; a sink that goes from
    /// one source to another may have packets of both.
    ///
    /// `send_time` goes into the packets of sinks that negotiated abs-send-time. Numbers are given here
    /// and not on arrival: a pacer (issue 4) that holds packets back calls the same code at release.
    pub fn fan_out(&mut self, now: Instant, send_time: AbsSendTime, mut emit: impl FnMut(&Departure<'_>)) {
        let Self { sources, sinks, peers, outputs, drops, buffer, left, .. } = self;
        for id in &self.fresh {
            let Some(source) = sources.get(id.number()) else { continue };
            for sink in &source.sinks {
                let Some(sink) = sinks.get_mut(sink.number()) else { continue };
                let Some(peer) = peers.get_mut(sink.peer) else { continue };
                let mut release = Release { now, send_time, transport: &mut peer.transport, buffer };
                let mut pass = |sink: &mut Sink, fresh: &Fresh| {
                    pass(sink, fresh, source, &mut release, drops, outputs, &mut emit)
                };
                let mut media_left = false;
                if sink.takes(*id) {
                    for fresh in &source.fresh {
                        media_left |= pass(sink, fresh);
                    }
                } else if sink.awaits(*id) {
                    let Some(first) = sink.switching_point(source, now) else {
                        refuse(sink, source, drops, outputs);
                        continue;
                    };
                    left.extend(sink.switch(source, first, now).map(|old| (old, sink.id)));
                    media_left |= pass(sink, first);
                    // All that follows, also what came before: the first packet may be late or a repair.
                    let end = source.next_index().since(first.index).max(1) as u64;
                    for index in (1..end).map(|place| first.index.plus(place)) {
                        if let Some(fresh) = source.replay(index, first) {
                            media_left |= pass(sink, &fresh);
                        }
                    }
                }
                if media_left {
                    sink.set_flowing(true, outputs);
                    // One that was connected late learns the relation of clocks with its first packets.
                    sink.catch_up_report(source.relation, now, outputs);
                }
            }
        }
        for id in self.fresh.drain(..) {
            if let Some(source) = sources.get_mut(id.number()) {
                source.fresh.clear();
            }
        }
        for sink in self.repairing.drain(..) {
            let Some(sink) = sinks.get_mut(sink.number()) else { continue };
            let Some(peer) = peers.get_mut(sink.peer) else { continue };
            let mut release = Release { now, send_time, transport: &mut peer.transport, buffer };
            while let Some(out) = sink.take_wanted() {
                let origin = sink.origin(out).map(|(stretch, ..)| stretch.source);
                let Some(source) = origin.and_then(|origin| sources.get(origin.number())) else { continue };
                sink.retransmit(out, &source.ring, &mut release, &mut emit);
            }
        }
        while let Some((old, sink)) = self.left.pop() {
            self.leave_source(old, sink);
        }
    }
}

/// Plans one number of a source for one sink and lets it leave; says whether media left.
fn pass(
    sink: &mut Sink,
    fresh: &Fresh,
    source: &Source,
    release: &mut Release<'_>,
    drops: &mut DropCounters,
    outputs: &mut Outputs,
    emit: &mut impl FnMut(&Departure<'_>),
) -> bool {
    match sink.plan(fresh, &source.ring, release.now) {
        Ok(Some(planned)) => sink.depart(planned, &source.ring, release, emit),
        Ok(None) => false,
        Err(reason) => {
            drops.count(reason);
            if reason == DropReason::NoCommonCodec {
                sink.tell_no_common_codec(outputs);
            }
            false
        }
    }
}

/// Counts and tells what keeps a sink from ever going to a source.
fn refuse(sink: &mut Sink, source: &Source, drops: &mut DropCounters, outputs: &mut Outputs) {
    let lacking = source.fresh.iter().filter(|fresh| sink.lacks_codec_of(fresh, source)).count();
    if lacking > 0 {
        drops.add(DropReason::NoCommonCodec, lacking as u64);
        sink.tell_no_common_codec(outputs);
    }
}
