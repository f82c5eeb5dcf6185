//! What is due by the clock: reports, requests, and the end of media that no longer comes.

use super::Forwarder;
use super::keyframe::Ask;
use super::output::{FlowingStream, Output, Outputs};
use super::relay::{Origin, RelayNews};
use super::seed::Seed;
use super::sink::Sink;
use super::source::{Flow, Relation, Source};
use crate::id::{SourceId, TrackId};
use crate::rtp::Ssrc;
use crate::rtp::rtcp::Report;
use std::time::{Duration, Instant};

/// Between two reception reports on one stream, on average. RFC 3550 §6.2 allows five seconds and more;
/// senders adapt faster with one (RFC 4585 §3.4 permits it).
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Without media for this long a stream counts as ceased.
const SILENCE: Duration = Duration::from_secs(2);

/// Who a deadline belongs to, by its key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owner {
    Source(u64),
    Peer(u64),
    Track(u64),
}

impl Owner {
    /// All share one dense numbering: the slots of their arenas, in turn.
    pub(super) const fn number(self) -> u32 {
        match self {
            Self::Source(key) => key as u32 * 3,
            Self::Peer(key) => key as u32 * 3 + 1,
            Self::Track(key) => key as u32 * 3 + 2,
        }
    }
}

impl Forwarder {
    /// When [`Self::handle_timeout`] or [`Self::fan_out`] has something to do next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let first = self.deadlines.first().map(|(at, _)| at);
        [first, self.starting_due].into_iter().flatten().min()
    }

    /// Does all that is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, owner)) = self.deadlines.first()
            && at <= now
        {
            let place = owner / 3;
            let known = match owner % 3 {
                0 => self.sources.key_at(place).map(Owner::Source),
                1 => self.peers.key_at(place).map(Owner::Peer),
                _ => self.tracks.key_at(place).map(Owner::Track),
            };
            // Every turn moves its owner's deadline past `now`, so the loop ends.
            match known {
                Some(Owner::Source(key)) => self.serve_source(SourceId::new(key), now),
                Some(Owner::Peer(key)) => self.serve_peer(key, now),
                Some(Owner::Track(key)) => self.look_at_track(TrackId::new(key), now),
                None => self.deadlines.set(owner, None),
            }
        }
    }

    /// Does what is due for a source and finds its next deadline.
    pub(super) fn serve_source(&mut self, id: SourceId, now: Instant) {
        let Some(source) = self.sources.get_mut(id.number()) else { return };
        let peer = source.origin.peer().and_then(|key| self.peers.get(key));
        let round_trip = peer.map(|peer| peer.estimate_round_trip());
        if source.report_due.is_some_and(|due| due <= now) && source.flow.flowing {
            source.rate.look(source.counters.bytes, now);
            for sink in &source.sinks {
                let sink = self.sinks.get_mut(sink.number());
                if let Some(sink) = sink.filter(|sink| sink.flowing && sink.takes(id)) {
                    sink.rate.look(sink.counters.bytes, now);
                }
            }
        }
        source.report(now, &mut self.seed, &mut self.outputs);
        source.ask_for_losses(now, round_trip.unwrap_or_default(), &mut self.outputs);
        source.ask_for_keyframe(now, &mut self.outputs);
        self.check_flow(id, now);
        if let Some(source) = self.sources.get(id.number()) {
            self.deadlines.set(Owner::Source(id.number()).number(), source.poll_timeout());
        }
    }

    /// Ends the flow of a source, and of the sinks that have no other.
    pub(super) fn end_flow(&mut self, id: SourceId) {
        let Some(source) = self.sources.get_mut(id.number()) else { return };
        source.end_flow();
        for outlet in &source.relays {
            self.outputs.push(Output::Relay { way: outlet.way, news: RelayNews::FlowEnded });
        }
        let (track, due) = (source.track, source.poll_timeout());
        self.deadlines.set(Owner::Source(id.number()).number(), due);
        self.tell_flow(track);
        let goes_on = self.track_flows(track);
        if let Some(source) = self.sources.get(id.number()) {
            for sink in &source.sinks {
                let sink = self.sinks.get_mut(sink.number());
                if let Some(sink) = sink.filter(|sink| sink.takes(id) && !goes_on) {
                    sink.set_flowing(false, &mut self.outputs);
                }
            }
        }
    }

    /// Tells when the first of a track's sources begins to flow, and when the last one ends.
    pub(super) fn tell_flow(&mut self, id: TrackId) {
        let flowing = self.track_flows(id);
        if let Some(track) = self.tracks.get_mut(id.number())
            && track.told_flowing != flowing
        {
            track.told_flowing = flowing;
            // Of a relayed track the forwarder tells that receives it.
            let peer = track.peer.and_then(|key| self.peers.get(key));
            let Some(session) = peer.map(|peer| peer.session) else { return };
            let kind = track.kind;
            self.outputs.push(Output::Flowing {
                session,
                kind,
                stream: FlowingStream::Incoming(id),
                flowing,
            });
        }
    }

    fn serve_peer(&mut self, key: u64, now: Instant) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        for report in peer.take_due(now) {
            self.outputs.report(peer.session, report);
        }
        peer.transport.handle_timeout(now);
        peer.pacer.handle_timeout(now);
        self.follow_path(key, now);
    }

    /// Looks whether a source still flows, and whether each of its sinks gets any of it: a publisher may
    /// have changed to a format that some of them lack.
    fn check_flow(&mut self, id: SourceId, now: Instant) {
        let Some(source) = self.sources.get_mut(id.number()) else { return };
        if source.flow.check_due.is_none_or(|due| due > now) {
            return;
        }
        let silent = |newest: Option<Instant>| {
            newest.is_none_or(|newest| now.saturating_duration_since(newest) >= SILENCE)
        };
        if silent(source.flow.newest) {
            self.end_flow(id);
            return;
        }
        source.flow.check_due = source.flow.newest.map(|newest| newest + SILENCE);
        for sink in &source.sinks {
            if let Some(sink) = self.sinks.get_mut(sink.number())
                && sink.takes(id)
                && silent(sink.newest_departure)
            {
                sink.set_flowing(false, &mut self.outputs);
            }
        }
    }
}

impl Flow {
    /// From now on it counts as flowing, until there has been silence.
    pub(super) fn begin(&mut self, now: Instant) {
        self.flowing = true;
        self.check_due = Some(now + SILENCE);
    }
}

impl Source {
    /// Notes that media came: the first begins the flow and its reports. Says whether it did.
    pub(super) fn note_flow(&mut self, now: Instant, seed: &mut Seed) -> bool {
        if self.flow.flowing {
            return false;
        }
        self.flow.begin(now);
        // Of a relayed source there is nothing to report, but its rate and its sinks' are looked at too.
        self.report_due.get_or_insert(now + seed.around(REPORT_INTERVAL));
        true
    }

    fn end_flow(&mut self) {
        self.flow.check_due = None;
        self.rate.stop();
        self.keyframe.give_up();
        self.flow.flowing = false;
    }

    /// A reception report, as long as there is anything new to report.
    fn report(&mut self, now: Instant, seed: &mut Seed, outputs: &mut Outputs) {
        if self.report_due.is_none_or(|due| due > now) {
            return;
        }
        self.report_due = self.flow.flowing.then(|| now + seed.around(REPORT_INTERVAL));
        if let Some(session) = self.origin.session()
            && let Some(stream) = self.stream.as_mut().filter(|stream| stream.reception.has_news())
        {
            outputs.report(session, Report::Reception(stream.reception.report(now)));
        }
    }

    fn ask_for_losses(&mut self, now: Instant, round_trip: Duration, outputs: &mut Outputs) {
        if self.loss.poll_timeout().is_none_or(|due| due > now) {
            return;
        }
        let due = self.loss.take_due(now, round_trip);
        let lost: Vec<_> = due.into_iter().filter_map(|index| self.wire_number(index)).collect();
        if let Some((session, media_ssrc)) = self.origin.session().zip(self.ssrc())
            && !lost.is_empty()
        {
            self.counters.nacked += lost.len() as u64;
            outputs.report(session, Report::Nack { media_ssrc, lost });
        }
    }

    fn ask_for_keyframe(&mut self, now: Instant, outputs: &mut Outputs) {
        let Some(ask) = self.keyframe.take_due(now) else { return };
        let session = match self.origin {
            Origin::Peer { session, .. } => session,
            Origin::Relay { encoding } => {
                outputs.push(Output::RelayedKeyframeWish { track: self.track, encoding });
                return;
            }
        };
        let Some(media_ssrc) = self.ssrc() else { return };
        let knows_pli = self.parameters.formats.iter().any(|format| format.pli);
        let knows_fir = self.parameters.formats.iter().any(|format| format.fir);
        let report = if knows_pli {
            self.counters.pli += 1;
            Report::Pli { media_ssrc }
        } else if knows_fir {
            // RFC 5104 §4.3.1.2: a new command has a new number, a repetition the same.
            if ask == Ask::First {
                self.fir_seq = self.fir_seq.wrapping_add(1);
            }
            self.counters.fir += 1;
            Report::Fir { media_ssrc, seq: self.fir_seq }
        } else {
            return;
        };
        outputs.report(session, report);
    }

    /// The SSRC that the publisher uses at present.
    pub(super) fn ssrc(&self) -> Option<Ssrc> {
        self.stream.as_ref().map(|stream| stream.reception.ssrc())
    }
}

impl Sink {
    /// Tells when media began or ceased to leave.
    pub(super) fn set_flowing(&mut self, flowing: bool, outputs: &mut Outputs) {
        if self.flowing != flowing {
            self.flowing = flowing;
            if !flowing {
                self.rate.stop();
            }
            let (session, kind) = (self.config.session, self.config.kind);
            outputs.push(Output::Flowing {
                session,
                kind,
                stream: FlowingStream::Outgoing(self.id),
                flowing,
            });
        }
    }

    /// Tells once for each connection that a format has no counterpart.
    pub(super) fn tell_no_common_codec(&mut self, outputs: &mut Outputs) {
        if let Some(connection) = self.connection.as_mut().filter(|connection| !connection.codec_told) {
            connection.codec_told = true;
            let (session, kind) = (self.config.session, self.config.kind);
            outputs.push(Output::NoCommonCodec { sink: self.id, session, kind });
        }
    }

    /// Sends the last known relation of clocks if this sink has none of its source yet.
    pub(super) fn catch_up_report(
        &mut self,
        relation: Option<Relation>,
        now: Instant,
        outputs: &mut Outputs,
    ) {
        let pending = self.connection.as_ref().is_some_and(|connection| connection.report_pending);
        if let Some(relation) = relation.filter(|_| pending)
            && let Some(report) = self.sender_report(relation, now)
        {
            outputs.report(self.config.session, report);
        }
    }
}
