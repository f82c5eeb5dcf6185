//! What workers tell one another, beside packets.

use super::budget::Permit;
use super::ring::RingSender;
use crate::error::{ConnectError, CreateError, LineError, NegotiationError};
use crate::forward::{Demand, Loudness, RelayTo, RelayedTrack};
use crate::id::{ElementId, PipelineId, RelayId};
use crate::pipeline::{
    DataChannelOptions, EndpointEvent, EndpointOptions, Flow, IceRestart, LineOptions, MediaKind, MediaType,
    OfferOptions, PipelineEvent,
};
use crate::rtp::Format;
use crate::session::sctp::DataMessage;
use crate::session::sdp::{LinesOffer, Peers};
use crate::worker::command::{LoadShare, Repeats, Reply};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;

/// One message. They are carried out in the order in which they were sent, before any command that was sent
/// after them, by whomever.
#[derive(Debug)]
pub(crate) enum Message {
    /// From a pipeline's home: an endpoint is to live here.
    OpenEndpoint(Box<NewEndpoint>, Reply<Result<(), CreateError>>),
    /// From its home: an endpoint is released.
    CloseEndpoint { endpoint: ElementId, done: Option<Completion> },
    /// From its home: an endpoint here gets its media from another from now on.
    Feed { feed: FeedOrder, done: Option<Completion> },
    /// From its home, which knows what the endpoint's peers accept.
    CreateAnswer { endpoint: ElementId, peers: Peers, reply: Reply<Result<String, NegotiationError>> },
    /// From its home, as before.
    GenerateOffer {
        endpoint: ElementId,
        options: OfferOptions,
        peers: Peers,
        reply: Reply<Result<String, NegotiationError>>,
    },
    /// From its home: a peer connection here gets a line to send on.
    OpenLine {
        connection: ElementId,
        line: ElementId,
        options: LineOptions,
        reply: Reply<Result<(), LineError>>,
    },
    /// From its home, which knows what feeds the lines: the formats of each, the one that is sent first.
    CreateOffer {
        connection: ElementId,
        restart: IceRestart,
        sources: BTreeMap<ElementId, Vec<Format>>,
        reply: Reply<Result<LinesOffer, NegotiationError>>,
    },
    /// From its home: whether media passes an endpoint here, or an element behind it.
    Flow { endpoint: ElementId, media: MediaType, place: FlowPlace, reply: Reply<Option<Flow>> },
    /// From its home, five times a second while it watches who speaks: how loud were these?
    TakeLevels { pipeline: PipelineId, home: usize, endpoints: Vec<ElementId> },
    /// From its home, which watches no longer.
    StopLevels { endpoints: Vec<ElementId> },
    /// From its home, which has found this out: for the owner of the pipeline.
    Emit { endpoint: ElementId, event: EndpointEvent },

    /// To its home: an endpoint or a line could not be opened.
    NotOpened { endpoint: ElementId },
    /// To its home: what a description has made of a connection's lines.
    Lines { connection: ElementId, began: Vec<ElementId>, ended: Vec<ElementId> },
    /// To its home: what an endpoint accepts, as far as it is known now.
    Abilities { endpoint: ElementId, abilities: Abilities },
    /// To its home, which asked: how loud these were.
    Levels { pipeline: PipelineId, levels: Vec<(ElementId, Loudness)> },

    /// To the worker of a source: somebody wants its media. `ring` comes with the first such message between
    /// the two, if any of it needs one.
    Subscribe { source: ElementId, media: MediaType, to: RelayTo, ring: Option<Box<RingSender>> },
    /// To the worker of a source: nobody wants it any more.
    Unsubscribe { source: ElementId, media: MediaType, to: RelayTo },
    /// To the worker of a source: its subscribers need a keyframe of this encoding.
    KeyframeWish { source: ElementId, encoding: usize },
    /// To the worker of a source: what its subscribers ask for.
    Demand { source: ElementId, kind: MediaKind, to: RelayTo, demand: Demand },

    /// To a subscriber: the source has a track, whose packets follow; or it has none yet.
    Begin { relay: RelayId, track: Option<RelayedTrack> },
    /// To a subscriber: the track has ended.
    End { relay: RelayId },
    /// To a subscriber: a message of the source's data channels.
    Data { source: ElementId, channel: DataChannelOptions, message: DataMessage, permit: Permit },
    /// A message for all that share their data in a pipeline.
    SharedData { pipeline: PipelineId, channel: DataChannelOptions, message: DataMessage, permit: Permit },
}

/// What a worker needs to know to open an endpoint.
#[derive(Debug)]
pub(crate) struct NewEndpoint {
    pub(crate) pipeline: PipelineId,
    pub(crate) endpoint: ElementId,
    /// The worker that has the pipeline's graph.
    pub(crate) home: usize,
    pub(crate) options: EndpointOptions,
    pub(crate) repeats: Repeats,
    pub(crate) share: LoadShare,
    pub(crate) events: mpsc::Sender<PipelineEvent>,
}

/// Who feeds an endpoint with media of one type from now on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FeedOrder {
    pub(crate) media: MediaType,
    pub(crate) sink: ElementId,
    pub(crate) source: Option<Feeder>,
}

/// An endpoint and the worker that it lives on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Feeder {
    pub(crate) element: ElementId,
    pub(crate) worker: usize,
}

/// What of a flow is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FlowPlace {
    /// At the endpoint itself.
    Endpoint,
    /// At an element that passes its media on.
    Behind { has_sink: bool },
}

/// What an endpoint's peer accepts of each kind, in its order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Abilities(pub(crate) [Option<Ability>; MediaKind::ALL.len()]);

/// What it accepts of one kind.
#[derive(Clone, Debug)]
pub(crate) enum Ability {
    /// By an offer that is not answered yet.
    Offered(Vec<Format>),
    /// By what was agreed.
    Agreed(Vec<Format>),
}

impl Ability {
    pub(crate) fn formats(&self) -> &Vec<Format> {
        match self {
            Self::Offered(formats) | Self::Agreed(formats) => formats,
        }
    }
}

/// Answers a caller when all workers have done their part: when the last clone is dropped, be it because its
/// worker is gone.
#[derive(Clone, Debug)]
pub(crate) struct Completion {
    _answer: Arc<Answer>,
}

#[derive(Debug)]
enum Answer {
    Released(Option<Reply<()>>),
    Connected(Option<Reply<Result<(), ConnectError>>>),
}

impl Completion {
    pub(crate) fn released(reply: Reply<()>) -> Self {
        Self { _answer: Arc::new(Answer::Released(Some(reply))) }
    }

    pub(crate) fn connected(reply: Reply<Result<(), ConnectError>>) -> Self {
        Self { _answer: Arc::new(Answer::Connected(Some(reply))) }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // A caller that stopped waiting has its reasons.
        match self {
            Self::Released(reply) => reply.take().is_some_and(|reply| reply.send(()).is_ok()),
            Self::Connected(reply) => reply.take().is_some_and(|reply| reply.send(Ok(())).is_ok()),
        };
    }
}
