//! What happens to streams, for whoever wants to hear of it: webhooks, the log.

use super::name::StreamName;
use crate::store::UnixMillis;

/// Something that happened to a stream. Events of one stream are in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamEvent {
    /// Which.
    pub(crate) stream: StreamName,
    /// When.
    pub(crate) at: UnixMillis,
    /// What.
    pub(crate) news: StreamNews,
}

/// What can happen to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamNews {
    /// A presenter's media can flow. Not told again when a presenter takes over or comes back in time.
    Started,
    /// It is over.
    Ended {
        /// Why.
        reason: EndReason,
        /// How long it was on.
        duration_ms: u64,
    },
    /// So many watch now.
    Viewers(usize),
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndReason {
    /// The presenter said so.
    Stopped,
    /// The presenter vanished and did not come back in time.
    Lost,
    /// An administrator ended it.
    Ended,
    /// Its media failed.
    Failed,
    /// The server stops.
    ShuttingDown,
}

impl EndReason {
    /// The stable word for programs.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Lost => "lost",
            Self::Ended => "ended",
            Self::Failed => "failed",
            Self::ShuttingDown => "shuttingDown",
        }
    }
}
