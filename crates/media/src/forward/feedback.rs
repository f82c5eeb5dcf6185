//! What peers report and ask for.

use super::Forwarder;
use super::arena::Arena;
use super::output::{Output, Outputs};
use super::relay::RelayNews;
use super::sink::{Sink, SinkCounters};
use super::source::Source;
use crate::id::{SessionId, SinkId, SourceId};
use crate::pipeline::MediaKind;
use crate::rtp::rtcp::{Feedback, ReceptionReport, TransportFeedback};
use crate::rtp::{NtpTime, RtpTime, SeqNo, Ssrc};
use std::time::Instant;

impl Forwarder {
    /// Takes one message of a session's peer. A message on a stream that the session does not have is
    /// ignored: reports on retransmission streams, and late ones on streams that are gone, are no faults.
    pub fn handle_feedback(&mut self, session: SessionId, feedback: &Feedback, now: Instant) {
        match feedback {
            Feedback::SenderReport { ssrc, ntp, rtp, .. } => {
                self.handle_sender_report(session, *ssrc, *ntp, *rtp, now);
            }
            Feedback::Reception(report) => self.handle_reception(session, report, now),
            Feedback::Nack { media_ssrc, lost } => self.handle_nack(session, *media_ssrc, lost, now),
            Feedback::Pli { media_ssrc } => {
                self.handle_keyframe_request(session, *media_ssrc, |counters| &mut counters.pli, now);
            }
            Feedback::Fir { media_ssrc, .. } => {
                self.handle_keyframe_request(session, *media_ssrc, |counters| &mut counters.fir, now);
            }
            Feedback::Bye { ssrcs } => self.handle_bye(session, ssrcs),
            Feedback::TransportFeedback(feedback) => self.handle_transport_feedback(session, feedback, now),
            Feedback::Remb { bitrate } => self.handle_remb(session, *bitrate, now),
        }
    }

    /// Whether media of any of the session's streams arrives.
    #[must_use]
    pub fn receives_from(&self, session: SessionId) -> bool {
        let peer = self.peers_by_session.get(&session).and_then(|key| self.peers.get(*key));
        let sources = peer.map(|peer| peer.sources.as_slice()).unwrap_or_default();
        sources.iter().any(|id| self.sources.get(id.number()).is_some_and(|source| source.flow.flowing))
    }

    /// Asks for a keyframe on behalf of a video sink.
    pub(super) fn request_keyframe(&mut self, sink: SinkId, now: Instant) {
        let video = self.sinks.get(sink.number()).filter(|sink| sink.config.kind == MediaKind::Video);
        if let Some(source) = video.and_then(Sink::source) {
            self.wish_keyframe(source, now);
        }
    }

    pub(super) fn wish_keyframe(&mut self, id: SourceId, now: Instant) {
        if let Some(source) = self.sources.get_mut(id.number()) {
            source.keyframe.wish(now);
            self.serve_source(id, now);
        }
    }

    /// Carries the publisher's relation of clocks over to every sink.
    fn handle_sender_report(
        &mut self,
        session: SessionId,
        ssrc: Ssrc,
        ntp: NtpTime,
        rtp: RtpTime,
        now: Instant,
    ) {
        let Some(peer) = self.peers_by_session.get(&session).and_then(|key| self.peers.get(*key)) else {
            return;
        };
        for id in &peer.sources {
            let Some(source) = self.sources.get_mut(id.number()) else { continue };
            if source.handle_sender_report(ssrc, ntp, rtp, now) {
                source.tell_relation(*id, &mut self.sinks, now, &mut self.outputs);
            }
        }
    }

    fn handle_reception(&mut self, session: SessionId, report: &ReceptionReport, now: Instant) {
        let Some(sink) = self.sink_by_ssrc(session, report.ssrc) else { return };
        let Some(sink) = self.sinks.get_mut(sink.number()) else { return };
        sink.counters.reported = Some(*report);
        sink.round_trip.note_report(report, now);
        let measured = sink.round_trip.measured();
        let Some(peer) = self.peers.get_mut(sink.peer) else { return };
        peer.round_trip = measured.or(peer.round_trip);
        peer.transport.handle_reception(report.fraction_lost, measured, now);
        let key = sink.peer;
        self.follow_path(key, now);
    }

    fn handle_transport_feedback(&mut self, session: SessionId, feedback: &TransportFeedback, now: Instant) {
        let Some(key) = self.peers_by_session.get(&session).copied() else { return };
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.transport.handle_feedback(feedback, now);
        self.follow_path(key, now);
    }

    /// Queues what the ring still has for the next fan-out.
    fn handle_nack(&mut self, session: SessionId, media_ssrc: Ssrc, lost: &[SeqNo], now: Instant) {
        let Some(id) = self.sink_by_ssrc(session, media_ssrc) else { return };
        let Some(sink) = self.sinks.get_mut(id.number()) else { return };
        for seq in lost {
            let answer = sink.handle_nack(*seq, &self.sources, now);
            match answer {
                Ok(true) if !self.repairing.contains(&id) => self.repairing.push(id),
                Ok(_) => {}
                Err(reason) => self.drops.count(reason),
            }
        }
    }

    fn handle_keyframe_request(
        &mut self,
        session: SessionId,
        media_ssrc: Ssrc,
        counter: fn(&mut SinkCounters) -> &mut u64,
        now: Instant,
    ) {
        let Some(id) = self.sink_by_ssrc(session, media_ssrc) else { return };
        let Some(sink) = self.sinks.get_mut(id.number()) else { return };
        *counter(&mut sink.counters) += 1;
        // What was asked for before the last keyframe can have arrived is answered by that.
        let is_served = sink
            .newest_keyframe
            .is_some_and(|left| now.saturating_duration_since(left) < sink.round_trip.estimate());
        if !is_served {
            self.request_keyframe(id, now);
        }
    }

    /// The publisher ended a stream: nobody needs to wait two seconds to know.
    fn handle_bye(&mut self, session: SessionId, ssrcs: &[Ssrc]) {
        let Some(peer) = self.peers_by_session.get(&session).and_then(|key| self.peers.get(*key)) else {
            return;
        };
        let ended: Vec<SourceId> = peer
            .sources
            .iter()
            .copied()
            .filter(|id| {
                let source = self.sources.get(id.number());
                source.and_then(|source| source.ssrc()).is_some_and(|ssrc| ssrcs.contains(&ssrc))
            })
            .collect();
        for id in ended {
            self.end_flow(id);
        }
    }

    /// The session's sink with this SSRC. A session has few.
    fn sink_by_ssrc(&self, session: SessionId, ssrc: Ssrc) -> Option<SinkId> {
        let peer = self.peers.get(*self.peers_by_session.get(&session)?)?;
        let has = |sink: &&SinkId| self.sinks.get(sink.number()).is_some_and(|s| s.config.ssrc == ssrc);
        peer.sinks.iter().find(has).copied()
    }
}

impl Source {
    /// Carries the relation of clocks over to every sink, and to other forwarders as it is.
    pub(super) fn tell_relation(
        &self,
        id: SourceId,
        sinks: &mut Arena<Sink>,
        now: Instant,
        outputs: &mut Outputs,
    ) {
        let Some(relation) = self.relation else { return };
        for sink in &self.sinks {
            // Those that wait for this source still show another one's clock.
            if let Some(sink) = sinks.get_mut(sink.number())
                && sink.takes(id)
                && let Some(report) = sink.sender_report(relation, now)
            {
                outputs.report(sink.config.session, report);
            }
        }
        for outlet in &self.relays {
            outputs.push(Output::Relay { way: outlet.way, news: RelayNews::Relation(relation) });
        }
    }
}
