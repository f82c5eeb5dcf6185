//! What the room machine asks of the world, and what the world tells it.

use super::answer::ServerMessage;
use super::id::{BridgeId, MediaId, ParticipantId, RoomId, TrackId};
use super::message::{Leg, Source};
use super::refusal::Refusal;
use crate::candidate::Candidate;
use crate::live::{self, StreamName};
use crate::socket::{CloseReason, ConnectionId};
use crate::store::{ChatMessage, ChatThread};
use crate::webhook::Event;
use std::time::Duration;

/// What the machine wants done, in order.
pub(crate) enum Effect {
    /// The answer to a client's request.
    Reply { to: ConnectionId, request: Option<u64>, message: ServerMessage },
    /// News for some clients.
    Tell { to: Vec<ConnectionId>, message: ServerMessage },
    /// An `error` for one client, counted by code.
    Refuse { to: ConnectionId, request: Option<u64>, refusal: Refusal },
    /// The connection is to end; the machine has forgotten it.
    Close { connection: ConnectionId, reason: CloseReason },
    /// The newest messages of a room that was made; `Machine::handle_tail` takes them.
    LoadTail { room: RoomId, thread: ChatThread },
    /// A page of the history; `Machine::handle_history` takes it.
    ReadHistory {
        connection: ConnectionId,
        request: Option<u64>,
        thread: ChatThread,
        before: Option<u64>,
        count: usize,
    },
    /// A message for the history.
    Record { thread: ChatThread, message: ChatMessage },
    /// The history of a room is to be forgotten.
    Forget { thread: ChatThread },
    /// A pipeline is wanted.
    StartMedia { media: MediaId },
    /// For the media of a room; follows its `StartMedia`.
    Media { media: MediaId, command: MediaCommand },
    /// Everything of it is to be released. Once per `StartMedia`.
    EndMedia { media: MediaId },
    /// Somebody came in or was refused, for metrics.
    CountJoin(Result<Entered, &'static str>),
    /// Something that applications are told.
    Announce(Event),
    /// A message was sent, for metrics.
    CountChat,
}

/// How somebody came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entered {
    Anew,
    /// As the participant that had lost its socket.
    Resumed,
}

/// What a room's media is asked to do. Commands of one room are carried out in order.
#[derive(Debug)]
pub(crate) enum MediaCommand {
    /// An offer of a participant for its publishing connection; answered by [`MediaReport::Published`] or
    /// [`MediaReport::PublishFailed`].
    Publish {
        participant: ParticipantId,
        sdp_offer: String,
        tracks: Vec<OfferedTrack>,
    },
    /// A change of what a participant receives, and a new offer for it; answered by
    /// [`MediaReport::Offered`] or [`MediaReport::OfferFailed`].
    Subscribe {
        participant: ParticipantId,
        version: u64,
        change: Change,
    },
    /// A participant's answer; answered by [`MediaReport::Answered`] or [`MediaReport::AnswerFailed`].
    Answer {
        participant: ParticipantId,
        version: u64,
        sdp_answer: String,
    },
    AddCandidate {
        participant: ParticipantId,
        leg: Leg,
        candidate: Candidate,
    },
    /// How lines that exist are to be sent.
    Adjust {
        participant: ParticipantId,
        settings: Vec<(TrackId, Setting)>,
    },
    /// An offer in Kurento's form, of `viewer` for the media of `sender`, who may be itself: then it sends.
    /// Answered by [`MediaReport::Received`] or [`MediaReport::ReceiveFailed`].
    Receive {
        viewer: ParticipantId,
        sender: ParticipantId,
        sdp_offer: String,
        role: Role,
    },
    AddReceiveCandidate {
        viewer: ParticipantId,
        sender: ParticipantId,
        candidate: Candidate,
    },
    /// What the connection of `viewer` for `sender` carries from now on.
    Feed {
        viewer: ParticipantId,
        sender: ParticipantId,
        feed: Feed,
    },
    /// Media from a livestream or to one; answered by [`MediaReport::BridgeOpened`] or
    /// [`MediaReport::BridgeRefused`].
    OpenBridge {
        bridge: BridgeId,
        stream: StreamName,
        way: BridgeWay,
    },
    /// What goes to a livestream from now on.
    FeedBridge {
        bridge: BridgeId,
        feed: Feed,
    },
    /// Also of one that has ended by itself.
    CloseBridge {
        bridge: BridgeId,
    },
    /// Everything of this participant is to be released.
    Leave {
        participant: ParticipantId,
    },
}

/// A track of an offer.
#[derive(Clone, Debug)]
pub(crate) struct OfferedTrack {
    pub(crate) track: TrackId,
    pub(crate) mid: String,
    pub(crate) source: Source,
    /// Of the picture that its owner sends, where it says so.
    pub(crate) size: Option<(u32, u32)>,
}

/// What changes at a participant's receiving connection.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) added: Vec<(TrackId, Setting)>,
    pub(crate) removed: Vec<TrackId>,
    pub(crate) restarts_ice: bool,
    /// Data channels are to be offered.
    pub(crate) opens_data: bool,
}

/// How a track is sent to one viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Of the tile in device pixels; `None`: the least layer.
    pub(crate) size: Option<(u32, u32)>,
    /// Its weight where bandwidth is short, 1 to 16.
    pub(crate) weight: u8,
    pub(crate) is_paused: bool,
}

/// What a connection of Kurento's form is for.
#[derive(Debug)]
pub(crate) enum Role {
    /// It carries the participant's own tracks to the server.
    Send { audio: TrackId, video: TrackId },
    /// It carries somebody else's to the participant.
    Receive(Feed),
}

/// Which way a bridge to a livestream goes.
#[derive(Debug)]
pub(crate) enum BridgeWay {
    /// The stream comes into the room, as these tracks of `entry`.
    In { entry: ParticipantId, audio: TrackId, video: TrackId },
    /// A participant's tracks present the stream.
    Out(Feed),
}

/// What goes over one connection of Kurento's form, or to a livestream: one track of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Feed {
    pub(crate) audio: Option<TrackId>,
    pub(crate) video: Option<TrackId>,
}

/// What a room's media says.
#[derive(Debug)]
pub(crate) enum MediaReport {
    /// The number of the pipeline, for who asks what the room's media does.
    Started {
        pipeline: u64,
    },
    /// The answer, and which of the tracks the offer really has.
    Published {
        participant: ParticipantId,
        sdp_answer: String,
        live: Vec<TrackId>,
    },
    /// The offer changed nothing; the words are for the participant.
    PublishFailed {
        participant: ParticipantId,
        words: String,
    },
    /// An offer for a participant; `lines` are all that it carries, `refused` the added tracks that cannot be
    /// carried to it.
    Offered {
        participant: ParticipantId,
        version: u64,
        sdp_offer: String,
        lines: Vec<(String, TrackId)>,
        refused: Vec<TrackId>,
    },
    /// There is no offer: the participant's receiving connection has failed.
    OfferFailed {
        participant: ParticipantId,
        words: String,
    },
    Answered {
        participant: ParticipantId,
        version: u64,
        refused: Vec<TrackId>,
    },
    /// The answer changed nothing; the words are for the participant.
    AnswerFailed {
        participant: ParticipantId,
        version: u64,
        words: String,
    },
    Received {
        viewer: ParticipantId,
        sender: ParticipantId,
        sdp_answer: String,
        live: Vec<TrackId>,
    },
    ReceiveFailed {
        viewer: ParticipantId,
        sender: ParticipantId,
        words: String,
    },
    Candidate {
        participant: ParticipantId,
        leg: Leg,
        candidate: Candidate,
    },
    ReceiveCandidate {
        viewer: ParticipantId,
        sender: ParticipantId,
        candidate: Candidate,
    },
    BridgeOpened {
        bridge: BridgeId,
    },
    /// It never opened.
    BridgeRefused {
        bridge: BridgeId,
        refusal: live::Refusal,
    },
    /// The livestream is over, or somebody else presents it. The bridge is to be closed.
    BridgeEnded {
        bridge: BridgeId,
    },
    /// Whose voice leads now.
    Dominant(Option<ParticipantId>),
    /// Whose voices are loudest, in no order.
    Loudest(Vec<ParticipantId>),
    /// The encodings of a track that somebody watches; one without a rid is named by an empty text.
    Encodings {
        track: TrackId,
        active: Vec<String>,
    },
    /// Which of the videos a participant receives its path leaves no room for.
    LeftOut {
        participant: ParticipantId,
        tracks: Vec<TrackId>,
    },
    /// How a participant's connections do, every few seconds.
    Sample {
        participant: ParticipantId,
        sample: Sample,
    },
    /// The media of the whole room failed; the words are for its participants.
    Failed(String),
}

/// What was measured of a participant's connections.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// Part of the packets lost since the sample before, 0 to 1, on the worse of both ways.
    pub(crate) loss: f64,
    /// Round-trip time of the slower connection, where it is known.
    pub(crate) rtt: Option<Duration>,
    /// Whether a connection that was up is down.
    pub(crate) is_down: bool,
}
