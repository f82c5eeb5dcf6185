//! Packets leave: at once, or when their peer's path has room for them.

use super::arena::Arena;
use super::departure::{Departure, HeaderBuffer};
use super::drop::DropCounters;
use super::output::Outputs;
use super::pace::{FramePart, Overdue, Waiting};
use super::peer::Peer;
use super::sink::{Release, Sink};
use super::source::{Fresh, Source};
use super::start::BURST_PACKETS;
use super::timeout::Owner;
use super::{DropReason, Forwarder};
use crate::pipeline::MediaKind;
use crate::rtp::AbsSendTime;
use std::time::Instant;

/// What all departures of one fan-out have in common.
pub(super) struct Exit<'a> {
    pub(super) now: Instant,
    pub(super) send_time: AbsSendTime,
    pub(super) buffer: &'a mut HeaderBuffer,
    pub(super) outputs: &'a mut Outputs,
    pub(super) drops: &'a mut DropCounters,
}

impl Exit<'_> {
    /// Plans packets of a source for one sink and lets them leave, or wait where the path is nearly full.
    pub(super) fn send(
        &mut self,
        source: &Source,
        packets: &[Fresh],
        sink: &mut Sink,
        peer: &mut Peer,
        emit: &mut impl FnMut(&Departure<'_>),
    ) {
        let Some(id) = sink.source() else { return };
        for fresh in packets {
            let part = FramePart::of(fresh.frame);
            if sink.awaits_keyframe && !part.begins_keyframe {
                sink.leave_out(fresh);
                self.drops.count(DropReason::PathFull);
                continue;
            }
            if sink.opening.is_some() && !sink.open(fresh, source, self.now) {
                sink.leave_out(fresh);
                continue;
            }
            match sink.plan(fresh, &source.ring, self.now) {
                Ok(Some(planned)) => {
                    sink.awaits_keyframe = false;
                    let waiting = Waiting { sink: sink.id, source: id, planned, part, since: self.now };
                    // Audio never waits: it is little, and a pause in it is heard.
                    if source.kind == MediaKind::Video && peer.pacer.holds_back() {
                        peer.pacer.push(waiting);
                    } else {
                        self.depart(&waiting, source, sink, peer, emit);
                    }
                }
                Ok(None) => {}
                Err(reason) => {
                    self.drops.count(reason);
                    if reason == DropReason::NoCommonCodec {
                        sink.tell_no_common_codec(self.outputs);
                    }
                }
            }
        }
    }

    /// Lets one packet leave.
    fn depart(
        &mut self,
        waiting: &Waiting,
        source: &Source,
        sink: &mut Sink,
        peer: &mut Peer,
        emit: &mut impl FnMut(&Departure<'_>),
    ) {
        let now = self.now;
        let (media_left, _) =
            self.charge(peer, |release| sink.depart(waiting.planned, &source.ring, release, emit));
        sink.in_frame = !waiting.part.ends;
        if media_left {
            sink.set_flowing(true, self.outputs);
            // One that was connected late learns the relation of clocks with its first packets.
            sink.catch_up_report(source.relation, now, self.outputs);
        }
    }

    /// Lets something leave for a peer, which pays for it. Returns what `send` says, and how many bytes it was.
    fn charge<T>(&mut self, peer: &mut Peer, send: impl FnOnce(&mut Release<'_>) -> T) -> (T, u64) {
        let before = peer.transport.sent_bytes();
        peer.transport.probe = peer.pacer.probe();
        let (now, send_time) = (self.now, self.send_time);
        let sent = send(&mut Release { now, send_time, transport: &mut peer.transport, buffer: self.buffer });
        let bytes = peer.transport.sent_bytes() - before;
        peer.pacer.charge(bytes, now);
        (sent, bytes)
    }

    /// Sends a burst from the ring to a sink that is not live, as far as its path and `budget` allow. One that
    /// begins with what has just arrived may have as much as those that are.
    pub(super) fn catch_up(
        &mut self,
        source: &Source,
        sink: &mut Sink,
        peer: &mut Peer,
        budget: &mut usize,
        emit: &mut impl FnMut(&Departure<'_>),
    ) {
        for late in &source.fresh {
            if sink.has_passed(late.index) {
                self.send(source, std::slice::from_ref(late), sink, peer, emit);
            }
        }
        let live = if sink.is_waiting() { source.fresh.len() } else { 0 };
        let mut left = BURST_PACKETS.min(*budget).max(live);
        while left > 0
            && peer.pacer.admits(self.now)
            && let Some(fresh) = sink.next_to_catch_up(source, self.now)
        {
            self.send(source, &[fresh], sink, peer, emit);
            *budget = budget.saturating_sub(1);
            left -= 1;
        }
        sink.end_burst(self.now);
    }
}

impl Forwarder {
    /// Lets out what waits for peers whose turn it is.
    pub(super) fn release_all(
        &mut self,
        now: Instant,
        send_time: AbsSendTime,
        emit: &mut impl FnMut(&Departure<'_>),
    ) {
        let mut place = 0;
        while let Some(key) = self.pacing.get(place).copied() {
            if self.release(key, now, send_time, emit) {
                place += 1;
            } else {
                self.pacing.remove(place);
            }
        }
    }

    /// Looks after peers that were sent something while their estimators had no timer: soon, since it takes
    /// memory, which the packet path does not.
    pub(super) fn watch_all(&mut self, now: Instant) {
        while let Some(key) = self.unwatched.pop() {
            self.deadlines.set(Owner::Peer(key).number(), Some(now));
        }
    }

    /// Follows what is known of a peer's path: after its feedback, and by timer.
    pub(super) fn follow_path(&mut self, key: u64, now: Instant) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.transport.look(now);
        if let Some(estimate) = peer.transport.estimate() {
            peer.pacer.follow(estimate, peer.transport.sent_rate());
        }
        self.share_out(key, now);
        let Some(peer) = self.peers.get_mut(key) else { return };
        if let Some(probe) = peer.transport.poll_probe(now) {
            peer.pacer.begin(probe, now);
            peer.pacer.enlist(key, &mut self.pacing);
        }
        peer.transport.watched = peer.transport.poll_timeout().is_some();
        self.deadlines.set(Owner::Peer(key).number(), peer.poll_timeout());
    }

    /// Lets out what waits for one peer, as far as its rate allows: repairs first, since they are the oldest,
    /// then media in its order, and what a probe still lacks. Says whether anything still waits.
    fn release(
        &mut self,
        key: u64,
        now: Instant,
        send_time: AbsSendTime,
        emit: &mut impl FnMut(&Departure<'_>),
    ) -> bool {
        self.shed(key, now);
        let Self { sources, sinks, peers, deadlines, outputs, drops, buffer, .. } = self;
        let Some(peer) = peers.get_mut(key) else { return false };
        if !peer.pacer.is_due(now) {
            return true;
        }
        let mut exit = Exit { now, send_time, buffer, outputs, drops };
        for id in 0..peer.sinks.len() {
            let Some(sink) = peer.sinks.get(id).and_then(|id| sinks.get_mut(id.number())) else { continue };
            while peer.pacer.admits(now) && exit.repair(sources, sink, peer, emit) {}
        }
        while peer.pacer.admits(now)
            && let Some(waiting) = peer.pacer.take()
        {
            let Some(sink) = sinks.get_mut(waiting.sink.number()) else { continue };
            let Some(source) = sources.get(waiting.source.number()) else { continue };
            exit.depart(&waiting, source, sink, peer, emit);
        }
        while peer.pacer.admits(now) && peer.pacer.probe().is_some() {
            let mut filled = false;
            for place in 0..peer.sinks.len() {
                let Some(sink) = peer.sinks.get(place).and_then(|id| sinks.get_mut(id.number())) else {
                    continue;
                };
                if exit.fill(sources, sink, peer, emit) {
                    filled = true;
                    break;
                }
            }
            if !filled {
                peer.pacer.end_burst();
            }
        }
        let has_repairs = |sink: &Sink| sink.has_repairs();
        let repairs = peer.sinks.iter().filter_map(|id| sinks.get(id.number())).any(has_repairs);
        let waits = repairs || peer.pacer.is_busy();
        peer.pacer.rest(waits, now);
        deadlines.set(Owner::Peer(key).number(), peer.poll_timeout());
        waits
    }

    /// Drops what has waited too long for one peer.
    fn shed(&mut self, key: u64, now: Instant) {
        let Self { sinks, peers, drops, .. } = self;
        let Some(peer) = peers.get_mut(key) else { return };
        let Some(overdue) = peer.pacer.overdue(now) else { return };
        let Overdue { sink, keyframe } = overdue;
        let Some(sink) = sinks.get_mut(sink.number()) else { return };
        let in_frame = sink.in_frame;
        peer.pacer.shed(overdue, in_frame, |waiting| {
            sink.note_dropped(waiting.planned.out);
            drops.count(DropReason::PathFull);
        });
        if keyframe.is_none() {
            sink.awaits_keyframe = true;
            let id = sink.id;
            self.request_keyframe(id, now);
        }
    }
}

impl Exit<'_> {
    pub(super) fn repair(
        &mut self,
        sources: &Arena<Source>,
        sink: &mut Sink,
        peer: &mut Peer,
        emit: &mut impl FnMut(&Departure<'_>),
    ) -> bool {
        self.charge(peer, |release| sink.retransmit(sources, release, emit)).0
    }

    fn fill(
        &mut self,
        sources: &Arena<Source>,
        sink: &mut Sink,
        peer: &mut Peer,
        emit: &mut impl FnMut(&Departure<'_>),
    ) -> bool {
        let (filled, bytes) = self.charge(peer, |release| sink.fill(sources, release, emit));
        peer.transport.filler += bytes;
        filled
    }
}
