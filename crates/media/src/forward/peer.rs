//! What concerns all streams of one session together: who they are, and the feedback on its transport.

use super::arrival::ArrivalLog;
use super::receive_cap::ReceiveCap;
use super::round_trip;
use crate::id::{SessionId, SinkId, TrackId};
use crate::rtp::rtcp::Report;
use crate::rtp::{Extension, RtpHeader, RtpParameters, SeqNo, Ssrc};
use std::time::{Duration, Instant};

/// One session, from its first stream to its last.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) session: SessionId,
    pub(super) sources: Vec<TrackId>,
    pub(super) sinks: Vec<SinkId>,
    /// The latest round trip of any of its sinks.
    pub(super) round_trip: Option<Duration>,
    arrivals: Option<ArrivalLog>,
    cap: Option<ReceiveCap>,
    /// The stream that arrived last; feedback names one although it concerns all.
    media_ssrc: Ssrc,
}

impl Peer {
    pub(super) const fn new(session: SessionId) -> Self {
        Self {
            session,
            sources: Vec::new(),
            sinks: Vec::new(),
            round_trip: None,
            arrivals: None,
            cap: None,
            media_ssrc: Ssrc::new(0),
        }
    }

    /// Notes a packet of any kind for the bandwidth estimate: on the publisher's side by arrival times
    /// where transport-wide feedback was agreed, on ours by a cap where only that was.
    pub(super) fn note_arrival(
        &mut self,
        parameters: &RtpParameters,
        header: &RtpHeader,
        packet: &[u8],
        now: Instant,
    ) {
        self.media_ssrc = header.ssrc;
        if let Some(number) = transport_number(parameters, header, packet) {
            self.arrivals.get_or_insert_with(|| ArrivalLog::new(number, now)).note(number, now);
        } else if parameters.formats.iter().any(|format| format.remb) {
            self.cap.get_or_insert_with(|| ReceiveCap::new(now)).note(packet.len() as u64, now);
        }
    }

    /// The transport's feedback that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Report> {
        let mut due = Vec::new();
        if let Some(arrivals) = &mut self.arrivals {
            due.extend(arrivals.take_due(now, self.media_ssrc).into_iter().map(Report::TransportFeedback));
        }
        if let Some(cap) = &mut self.cap {
            let bitrate = cap.take_due(now);
            due.extend(bitrate.map(|bitrate| Report::Remb { bitrate, ssrcs: vec![self.media_ssrc] }));
        }
        due
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let arrivals = self.arrivals.as_ref().and_then(ArrivalLog::poll_timeout);
        let cap = self.cap.as_ref().and_then(ReceiveCap::poll_timeout);
        arrivals.into_iter().chain(cap).min()
    }

    /// The round trip to this peer, or an assumption.
    pub(super) fn estimate_round_trip(&self) -> Duration {
        self.round_trip.unwrap_or(round_trip::ASSUMED)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sources.is_empty() && self.sinks.is_empty()
    }
}

/// The packet's transport-wide number, where it was agreed to give feedback on it.
fn transport_number(parameters: &RtpParameters, header: &RtpHeader, packet: &[u8]) -> Option<SeqNo> {
    if !parameters.formats.iter().any(|format| format.transport_cc) {
        return None;
    }
    let id = parameters.extensions.id(Extension::TransportSequenceNumber)?;
    // draft-holmer §2: two bytes; a second version of the extension appends a feedback request.
    let (number, _) = header.extension(packet, id)?.split_first_chunk::<2>()?;
    Some(SeqNo::new(u16::from_be_bytes(*number)))
}
