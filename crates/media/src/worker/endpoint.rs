//! What a worker knows of one endpoint or peer connection beyond its session.

use super::dynacast::EncodingWatch;
use super::latency::LatencyMeter;
use super::sharing::DataGate;
use crate::id::{ElementId, SessionId, SinkId, SourceId, TrackId};
use crate::pipeline::{EndpointOptions, EndpointSettings, MediaKind, PipelineEvent};
use crate::rtp::{Mid, Rid, RtpParameters};
use crate::session::sdp::{
    Answerer, DeclaredStreams, LocalDescription, NegotiatedData, Offer, Offerer, RemoteDescription,
    SendStream, Simulcast,
};
use std::sync::Arc;
use tokio::sync::mpsc;

/// One peer: where its negotiation stands, and what came of it.
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
    /// The m-lines of audio and video: at most one of each kind of an endpoint, any number of a connection.
    pub(super) media: Vec<Media>,
    /// The m-line of data channels.
    pub(super) data: Option<NegotiatedData>,
    /// What its messages pass where they are shared.
    pub(super) gate: Option<DataGate>,
    pub(super) gathered: bool,
    pub(super) connected: bool,
    pub(super) options: EndpointOptions,
    pub(super) settings: EndpointSettings,
    /// While [`EndpointSettings::latency_stats`] is on.
    pub(super) latency: Option<LatencyMeter>,
}

/// How far negotiation has come: an endpoint has one, a peer connection one after another.
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
    /// A peer connection's.
    Repeated(Box<Renegotiation>),
}

/// Who makes the offers of a peer connection: whoever made the first one.
#[derive(Debug)]
pub(super) enum Renegotiation {
    Undecided,
    PeerOffers(Answerer),
    KeelOffers(Offerer),
}

/// One m-line of audio or video.
#[derive(Clone, Debug)]
pub(super) struct Media {
    /// Whose media it is in the pipeline: the endpoint's, or a line's.
    pub(super) element: ElementId,
    pub(super) kind: MediaKind,
    /// Its place among the m-lines.
    pub(super) index: u16,
    pub(super) parameters: Arc<RtpParameters>,
    /// Where the peer sends, what it sends.
    pub(super) track: Option<TrackId>,
    /// The encodings of that track, with the names that the peer gave them.
    pub(super) encodings: Vec<(SourceId, Option<Rid>)>,
    /// What tells those apart, and the SSRCs that the peer has announced.
    pub(super) received: (Simulcast, DeclaredStreams),
    /// Where the peer receives, what it gets.
    pub(super) sink: Option<SinkId>,
    pub(super) send: Option<SendStream>,
    /// A line's video that the peer sends: who wants which encoding.
    pub(super) watch: Option<EncodingWatch>,
}

impl Negotiation {
    /// Whether Keel has not described itself yet.
    pub(super) fn is_without_description(&self) -> bool {
        match self {
            Self::New | Self::OfferReceived(_) => true,
            Self::OfferSent(_) | Self::AnswerSent | Self::AnswerReceived => false,
            Self::Repeated(repeated) => match &**repeated {
                Renegotiation::Undecided => true,
                Renegotiation::PeerOffers(_) => false,
                Renegotiation::KeelOffers(offerer) => offerer.is_first() && !offerer.is_outstanding(),
            },
        }
    }
}

impl Endpoint {
    /// The m-line of an element's kind.
    pub(super) fn media_of(&self, element: ElementId, kind: MediaKind) -> Option<&Media> {
        self.media.iter().find(|media| media.element == element && media.kind == kind)
    }

    pub(super) fn sinks(&self) -> impl Iterator<Item = SinkId> + '_ {
        self.media.iter().filter_map(|media| media.sink)
    }

    /// The m-line whose transport all share: its place, and its tag where one is accepted.
    pub(super) fn first_line(&self) -> (u16, Option<String>) {
        let offered = match &self.negotiation {
            Negotiation::OfferSent(offer) => Some((0, offer.first_mid())),
            Negotiation::Repeated(repeated) => match &**repeated {
                Renegotiation::KeelOffers(offerer) => {
                    offerer.first_mid().map(|(index, mid)| (index, Some(mid)))
                }
                Renegotiation::Undecided | Renegotiation::PeerOffers(_) => None,
            },
            _ => None,
        };
        let text = |mid: Mid| mid.as_str().to_owned();
        if let Some((index, mid)) = offered {
            return (index, mid.map(text));
        }
        let media = self.media.iter().map(|media| (media.index, media.parameters.mid));
        let data = self.data.map(|data| (data.index, data.mid));
        match media.chain(data).min_by_key(|(index, _)| *index) {
            Some((index, mid)) => (index, Some(text(mid))),
            None => (0, None),
        }
    }
}
