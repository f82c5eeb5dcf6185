//! What concerns all streams of one session together: who they are, and the feedback on its transport.

use super::arrival::ArrivalLog;
use super::budget::Budget;
use super::pace::Pacer;
use super::receive_cap::ReceiveCap;
use super::round_trip;
use super::transport::Transport;
use crate::id::{SessionId, SinkId, SourceId, TrackId};
use crate::rtp::rtcp::Report;
use crate::rtp::{Format, RtpHeader, RtpParameters, SeqNo, Ssrc};
use std::time::{Duration, Instant};

/// One session, from its first stream to its last.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) session: SessionId,
    pub(super) tracks: Vec<TrackId>,
    /// Those of its tracks.
    pub(super) sources: Vec<SourceId>,
    pub(super) sinks: Vec<SinkId>,
    /// The latest round trip of any of its sinks.
    pub(super) round_trip: Option<Duration>,
    /// What is sent to it.
    pub(super) transport: Transport,
    /// How its path was shared out.
    pub(super) budget: Budget,
    /// What waits to be sent to it.
    pub(super) pacer: Pacer,
    arrivals: Option<ArrivalLog>,
    pub(super) cap: ReceiveCap,
    /// The stream that arrived last; feedback names one although it concerns all.
    media_ssrc: Ssrc,
}

impl Peer {
    pub(super) fn new(session: SessionId) -> Self {
        Self {
            session,
            tracks: Vec::new(),
            sources: Vec::new(),
            sinks: Vec::new(),
            round_trip: None,
            transport: Transport::default(),
            budget: Budget::default(),
            pacer: Pacer::default(),
            arrivals: None,
            cap: ReceiveCap::default(),
            media_ssrc: Ssrc::new(0),
        }
    }

    /// The way to the peer has come up.
    pub(super) fn begin(&mut self) {
        self.transport.begin();
        self.budget.begin();
    }

    /// Notes a packet of any kind for the bandwidth estimate: on the publisher's side by arrival times
    /// where transport-wide feedback was agreed, on ours by what arrives where only a cap was.
    pub(super) fn note_arrival(
        &mut self,
        parameters: &RtpParameters,
        header: &RtpHeader,
        packet: &[u8],
        now: Instant,
    ) {
        self.media_ssrc = header.ssrc;
        let agreed = |flag: fn(&Format) -> bool| parameters.formats.iter().any(flag);
        match parameters.transport_number_id() {
            Some(id) => {
                // draft-holmer §2: two bytes; a second version of the extension appends a request.
                let number = header.extension(packet, id).and_then(|value| value.first_chunk::<2>());
                if let Some(number) = number.map(|number| SeqNo::new(u16::from_be_bytes(*number))) {
                    self.arrivals.get_or_insert_with(|| ArrivalLog::new(number, now)).note(number, now);
                }
                if agreed(|format| format.remb) {
                    self.cap.note_counted(now);
                }
            }
            None if agreed(|format| format.remb) => {
                self.cap.note(packet.len() as u64, now);
            }
            None => {}
        }
    }

    /// The transport's feedback that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Report> {
        let mut due = Vec::new();
        if let Some(arrivals) = &mut self.arrivals {
            due.extend(arrivals.take_due(now, self.media_ssrc).into_iter().map(Report::TransportFeedback));
        }
        let bitrate = self.cap.take_due(now);
        due.extend(bitrate.map(|bitrate| Report::Remb { bitrate, ssrcs: vec![self.media_ssrc] }));
        due
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let arrivals = self.arrivals.as_ref().and_then(ArrivalLog::poll_timeout);
        let due = [
            arrivals,
            self.cap.poll_timeout(),
            self.transport.poll_timeout(),
            self.budget.poll_timeout(),
            self.pacer.poll_timeout(),
        ];
        due.into_iter().flatten().min()
    }

    /// The round trip to this peer, or an assumption.
    pub(super) fn estimate_round_trip(&self) -> Duration {
        self.round_trip.unwrap_or(round_trip::ASSUMED)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tracks.is_empty() && self.sinks.is_empty()
    }
}
