//! What a worker knows of one endpoint beyond its session.

use super::latency::LatencyMeter;
use crate::id::{SessionId, SinkId, SourceId, TrackId};
use crate::pipeline::{EndpointOptions, EndpointSettings, MediaKind, PipelineEvent};
use crate::rtp::{Rid, RtpParameters};
use crate::session::sdp::{LocalDescription, NegotiatedData, Offer, RemoteDescription};
use std::sync::Arc;
use tokio::sync::mpsc;

/// One endpoint: where its negotiation stands, and what came of it.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// The worker that has its pipeline's graph.
    pub(super) home: usize,
    /// Where its events go.
    pub(super) events: mpsc::Sender<PipelineEvent>,
    pub(super) session: SessionId,
    pub(super) local: LocalDescription,
    pub(super) negotiation: Negotiation,
    /// What the peer was given, once it was.
    pub(super) local_sdp: Option<String>,
    /// What the peer gave.
    pub(super) remote_sdp: Option<String>,
    pub(super) media: [Option<Media>; MediaKind::ALL.len()],
    /// The m-line of data channels.
    pub(super) data: Option<NegotiatedData>,
    pub(super) gathered: bool,
    pub(super) connected: bool,
    pub(super) options: EndpointOptions,
    pub(super) settings: EndpointSettings,
    /// While [`EndpointSettings::latency_stats`] is on.
    pub(super) latency: Option<LatencyMeter>,
}

/// How far an endpoint's one negotiation has come.
#[derive(Debug)]
pub(super) enum Negotiation {
    New,
    /// The peer's offer waits for its answer.
    OfferReceived(Box<RemoteDescription>),
    /// Our offer waits for its answer.
    OfferSent(Box<Offer>),
    /// The peer's offer is answered.
    AnswerSent,
    /// The peer has answered our offer.
    AnswerReceived,
}

/// The m-line of one kind.
#[derive(Clone, Debug)]
pub(super) struct Media {
    /// Its place among the m-lines.
    pub(super) index: u16,
    pub(super) parameters: Arc<RtpParameters>,
    /// Where the peer sends, what it sends.
    pub(super) track: Option<TrackId>,
    /// The encodings of that track, with the names that the peer gave them.
    pub(super) encodings: Vec<(SourceId, Option<Rid>)>,
    /// Where the peer receives, what it gets.
    pub(super) sink: Option<SinkId>,
}

impl Endpoint {
    pub(super) fn track(&self, kind: MediaKind) -> Option<TrackId> {
        self.media[kind as usize].as_ref()?.track
    }

    pub(super) fn sink(&self, kind: MediaKind) -> Option<SinkId> {
        self.media[kind as usize].as_ref()?.sink
    }

    pub(super) fn sinks(&self) -> impl Iterator<Item = SinkId> + '_ {
        self.media.iter().flatten().filter_map(|media| media.sink)
    }

    /// The m-line whose transport all share: its place, and its tag where one is accepted.
    pub(super) fn first_line(&self) -> (u16, Option<String>) {
        if let Negotiation::OfferSent(offer) = &self.negotiation {
            return (0, offer.first_mid().map(|mid| mid.as_str().to_owned()));
        }
        let media = self.media.iter().flatten().map(|media| (media.index, media.parameters.mid));
        let data = self.data.map(|data| (data.index, data.mid));
        match media.chain(data).min_by_key(|(index, _)| *index) {
            Some((index, mid)) => (index, Some(mid.as_str().to_owned())),
            None => (0, None),
        }
    }

    pub(super) fn parameters(&self, kind: MediaKind) -> Option<&Arc<RtpParameters>> {
        self.media[kind as usize].as_ref().map(|media| &media.parameters)
    }
}
