//! What the machine of streams asks of the world, and what the world tells it.

use super::ask::{Reply, TrackReport};
use super::event::StreamEvent;
use super::id::{MediaId, SessionId, Ticket};
use super::message::ServerMessage;
use super::offer::Role;
use super::refusal::Refusal;
use crate::candidate::Candidate;
use crate::socket::{CloseReason, ConnectionId};
use keel_media::id::{ElementId, PipelineId};
use keel_media::{IceCredentials, LayerTarget, PipelineAddress};

/// What the machine wants done, in order.
#[derive(Debug)]
pub(crate) enum Effect {
    /// The answer to a question. Once per ticket.
    Answer { ticket: Ticket, answer: Result<Reply, Refusal> },
    /// A message for a page.
    Tell { to: ConnectionId, message: ServerMessage },
    /// The connection is to end; the machine has forgotten it.
    Close { connection: ConnectionId, reason: CloseReason },
    /// A pipeline is wanted.
    StartMedia { media: MediaId },
    /// For the media of a stream; follows its `StartMedia`.
    Media { media: MediaId, command: MediaCommand },
    /// Everything of it is to be released. Once per `StartMedia`.
    EndMedia { media: MediaId },
    /// News for whoever listens.
    Announce(StreamEvent),
    /// A peer was let in, or refused with this code; for metrics.
    CountSession { role: Role, result: &'static str },
}

/// What a stream's media is asked to do. Commands of one stream are carried out in order.
#[derive(Debug)]
pub(crate) enum MediaCommand {
    /// A new peer; answered by [`MediaReport::Answered`] or [`MediaReport::Refused`]. A presenter takes the
    /// place of the one before, whose session stays until it is released.
    Open {
        session: SessionId,
        role: Role,
        sdp_offer: String,
        telling: Telling,
    },
    /// Media of another pipeline; answered by [`MediaReport::Attached`] or [`MediaReport::Refused`].
    Attach {
        session: SessionId,
        role: Role,
        pipeline: PipelineAddress,
    },
    AddCandidates {
        session: SessionId,
        candidates: Vec<Candidate>,
    },
    /// Answered by [`MediaReport::Restarted`] or [`MediaReport::RestartFailed`].
    RestartIce {
        session: SessionId,
        credentials: IceCredentials,
        candidates: Vec<Candidate>,
    },
    SetLayer {
        session: SessionId,
        target: LayerTarget,
    },
    /// Answered by [`MediaReport::Inspected`].
    Inspect {
        ticket: Ticket,
    },
    Release {
        session: SessionId,
    },
}

/// How a peer hears of Keel's candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// All of them in the answer (RFC 9725 §4.3.2).
    InAnswer,
    /// One after another.
    Trickling,
}

/// What a stream's media says.
#[derive(Debug)]
pub(crate) enum MediaReport {
    Answered {
        session: SessionId,
        sdp_answer: String,
    },
    /// The bridge is open, and its end in the other pipeline is this element.
    Attached {
        session: SessionId,
        element: ElementId,
    },
    /// There is no such session.
    Refused {
        session: SessionId,
        refusal: Refusal,
    },
    Candidate {
        session: SessionId,
        candidate: Candidate,
    },
    /// The fragment is Keel's answer to the restart.
    Restarted {
        session: SessionId,
        fragment: String,
    },
    /// The ICE session is what it was.
    RestartFailed {
        session: SessionId,
        words: String,
    },
    /// Media can flow.
    Up(SessionId),
    /// The peer has left, its consent is lost, or its connection cannot work. Its session is to be released.
    Gone(SessionId),
    /// A viewer cannot get what the presenter sends. Its session is to be released.
    Unfit(SessionId),
    /// `pipeline` is the number of its own.
    Inspected {
        ticket: Ticket,
        pipeline: PipelineId,
        tracks: Vec<TrackReport>,
    },
    /// The media of the whole stream failed.
    Failed(String),
}
