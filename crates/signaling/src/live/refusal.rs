//! Everything that a presenter or viewer can be refused: a code for programs, words that say what to do.

use super::name::BadStreamName;
use super::offer::OfferError;
use super::sdpfrag::FragmentError;
use keel_media::MediaKind;
use std::time::Duration;

/// Why a request was not granted. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(transparent)]
    BadName(#[from] BadStreamName),
    #[error(transparent)]
    BadOffer(#[from] OfferError),
    #[error(transparent)]
    BadFragment(#[from] FragmentError),
    #[error("the session description was refused: {0}")]
    BadSdp(String),
    #[error("the offer and the server have no {0} codec in common; offer VP8, H.264 or Opus, say")]
    NoCommonCodec(MediaKind),
    #[error("an m-line of the offer cannot be accepted; offer one line of audio and one of video at most")]
    LineRejected,
    #[error("there is no stream of this name yet; try again later")]
    UnknownStream { retry_after: Duration },
    #[error("the stream has not begun; try again later")]
    NotLive { retry_after: Duration },
    #[error("somebody else presents this stream; end that first, or choose another name")]
    AlreadyLive,
    #[error("another presenter of this stream, or a restart, is being worked on; try again in a moment")]
    Busy,
    #[error("a newer presenter has taken over")]
    Replaced,
    #[error("there is no such session, or it has ended; begin a new one")]
    UnknownSession,
    #[error("send `If-Match` with the session's latest entity tag, or `*` for a restart of ICE")]
    ConditionMissing,
    #[error("the entity tag is not that of the present ICE session; send the latest one, or restart ICE")]
    ConditionFailed,
    #[error("only viewers choose layers; this is a presenter's session")]
    NotAViewer,
    #[error("too many ICE candidates")]
    TooManyCandidates,
    #[error("a stream of this name exists")]
    StreamExists,
    #[error("the server has as many streams as it takes; try again later")]
    TooManyStreams,
    #[error("the stream has as many viewers as it may have; try again later")]
    TooManyViewers,
    #[error("too many sessions are begun from your address; slow down")]
    TooFast,
    #[error("the media server has no room; try again later")]
    MediaFull,
    #[error("the media server failed: {0}")]
    MediaFailed(String),
    #[error("this connection is in a stream already; send `stop` first")]
    AlreadyIn,
    #[error("your token does not allow this")]
    NotAllowed,
    #[error("the stream was ended")]
    Ended,
    #[error("the server is shutting down")]
    ShuttingDown,
}

impl Refusal {
    /// The stable word for programs (`docs/livestreams.md`).
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::BadName(_) => "stream_name_invalid",
            Self::BadOffer(error) => error.code(),
            Self::BadFragment(_) => "fragment_invalid",
            Self::BadSdp(_) => "offer_invalid",
            Self::NoCommonCodec(_) => "no_common_codec",
            Self::LineRejected => "line_rejected",
            Self::UnknownStream { .. } => "stream_unknown",
            Self::NotLive { .. } => "stream_not_live",
            Self::AlreadyLive => "stream_taken",
            Self::Busy => "busy",
            Self::Replaced => "replaced",
            Self::UnknownSession => "session_unknown",
            Self::ConditionMissing => "if_match_missing",
            Self::ConditionFailed => "if_match_failed",
            Self::NotAViewer => "not_a_viewer",
            Self::TooManyCandidates => "too_many_candidates",
            Self::StreamExists => "stream_exists",
            Self::TooManyStreams => "too_many_streams",
            Self::TooManyViewers => "too_many_viewers",
            Self::TooFast => "too_fast",
            Self::MediaFull => "media_full",
            Self::MediaFailed(_) => "media_failed",
            Self::AlreadyIn => "already_in",
            Self::NotAllowed => "not_allowed",
            Self::Ended => "ended",
            Self::ShuttingDown => "shutting_down",
        }
    }
}
