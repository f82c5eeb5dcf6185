//! What the call machine asks of the world, and what media tells it.

use super::message::ServerMessage;
use super::phase::Outcome;
use super::refusal::{CallRefusal, OutOfPlace, RegisterRefusal};
use crate::candidate::Candidate;
use crate::chat_text::ChatText;
use crate::socket::{CloseReason, ConnectionId};
use crate::store::{ChatThread, Secret};
use crate::user_name::UserName;
use std::fmt;
use std::time::{Duration, Instant};

/// One call. Never reused within a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CallId(u64);

/// One of the two of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Caller,
    Callee,
}

/// What the machine wants done, in order.
pub(crate) enum Effect {
    /// A message for one browser.
    Send { to: ConnectionId, message: ServerMessage },
    /// An `error` for one browser, counted by kind.
    Refuse { to: ConnectionId, reason: OutOfPlace },
    /// The connection is to end; the machine has forgotten it.
    Close { connection: ConnectionId, reason: CloseReason },
    /// The store decides whether this name may be used; [`super::machine::Machine::handle_admission`]
    /// takes its word.
    Admit { connection: ConnectionId, name: UserName, secret: Option<Secret> },
    /// Pipeline, endpoints and answers are wanted.
    StartMedia { call: CallId, caller_offer: String, callee_offer: String },
    /// A peer's candidate for its endpoint; follows the call's `StartMedia`.
    AddCandidate { call: CallId, side: Side, candidate: Candidate },
    /// Everything of this call's media is to be released. Once per `StartMedia`.
    EndMedia { call: CallId },
    /// A message of one peer of a call for the other; it gets its number and time on its way.
    Chat { from: ConnectionId, to: ConnectionId, thread: ChatThread, name: UserName, text: ChatText },
    /// A page of what the two of a call have written; [`super::machine::Machine::handle_history`] hears when
    /// it was told.
    ReadHistory { connection: ConnectionId, thread: ChatThread, before: Option<u64>, count: usize },
    /// A registration was decided, for metrics.
    CountRegistration(Result<Admitted, RegisterRefusal>),
    /// A call was refused before it rang, for metrics.
    CountRefusedCall(CallRefusal),
    /// Both peers are connected, this long after the call was accepted.
    SetUp(Duration),
    /// A call rings, for those who are told of calls.
    Rings { call: CallId, from: UserName, to: UserName },
    /// A call has ended, for the history and metrics.
    Ended(EndedCall),
}

/// How a name was obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    Anew,
    /// From the page's own earlier connection.
    Resumed,
}

/// A call that is over.
pub(crate) struct EndedCall {
    pub(crate) call: CallId,
    pub(crate) from: UserName,
    pub(crate) to: UserName,
    pub(crate) started: Instant,
    /// When the callee accepted.
    pub(crate) answered: Option<Instant>,
    pub(crate) ended: Instant,
    pub(crate) outcome: Outcome,
}

/// What happened to the media of a call.
pub(crate) enum MediaReport {
    /// Both answers are made.
    Answered { caller: String, callee: String },
    /// There will be none; the words are for both users.
    Refused(String),
    /// An endpoint found a candidate for its peer.
    Candidate { side: Side, candidate: Candidate },
    /// A peer's media connection came up.
    Up(Side),
    /// A peer's media connection went away; it may come back.
    Down(Side),
    /// A peer closed its media connection.
    Closed(Side),
    /// Media failed for good; the words are for both users.
    Failed(String),
}

impl CallId {
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }

    pub(crate) const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call:{}", self.0)
    }
}
