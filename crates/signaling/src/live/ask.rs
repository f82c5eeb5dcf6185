//! What HTTP asks about streams, and the answers.

use super::id::SessionKey;
use super::name::StreamName;
use super::offer::{Offer, Role};
use super::sdpfrag::Fragment;
use crate::store::UnixMillis;
use keel_media::id::{ElementId, PipelineId};
use keel_media::rtp::Bitrate;
use keel_media::{LayerTarget, MediaKind, PipelineAddress};
use std::net::IpAddr;

/// A question to the task that owns all streams.
#[derive(Debug)]
pub(crate) enum Ask {
    /// A new peer of a stream; answered by [`Reply::Opened`].
    Open { stream: StreamName, offer: Offer, address: IpAddr },
    /// Media of another pipeline presents the stream, or watches it there: [`Reply::Attached`].
    Attach { stream: StreamName, role: Role, pipeline: PipelineAddress },
    /// Candidates, or a restart of ICE: [`Reply::Done`] or [`Reply::Restarted`].
    Patch { stream: StreamName, key: SessionKey, condition: Condition, fragment: Fragment },
    /// The most that a viewer is to get: [`Reply::Done`].
    SetLayer { stream: StreamName, key: SessionKey, target: LayerTarget },
    /// A session ends: [`Reply::Done`].
    Close { stream: StreamName, key: SessionKey },
    /// Whether there is such a session: [`Reply::Done`].
    Look { stream: StreamName, key: SessionKey },
    /// At most `count` streams in the order of their names, those behind `after`: [`Reply::Streams`].
    List { after: Option<StreamName>, count: usize },
    /// One stream: [`Reply::Stream`].
    Inspect(StreamName),
    /// A stream in advance, which stays until it is ended: [`Reply::Done`].
    Create(StreamName),
    /// Its end, with everybody in it: [`Reply::Done`].
    End(StreamName),
}

/// `If-Match` (RFC 9110 §13.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The header is missing.
    Missing,
    /// `*`: whatever the ICE session is.
    Any,
    /// One of these entity tags, as they stand in the header.
    OneOf(Vec<String>),
}

/// The answer to an [`Ask`].
#[derive(Debug)]
pub(crate) enum Reply {
    Opened {
        role: Role,
        key: SessionKey,
        tag: EntityTag,
        sdp_answer: String,
    },
    Restarted {
        tag: EntityTag,
        fragment: String,
    },
    /// `element` is of the pipeline that asked: the sink for what presents, the source of what is watched. The
    /// session ends with that pipeline, or by its key.
    Attached {
        key: SessionKey,
        element: ElementId,
    },
    Done,
    Streams(Vec<StreamSummary>),
    Stream(Box<StreamReport>),
}

/// The name of one ICE session of a peer (RFC 9725 §4.3.1): another one after each restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntityTag(pub(crate) u64);

/// A strong entity tag (RFC 9110 §8.8.3).
impl std::fmt::Display for EntityTag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{:016x}\"", self.0)
    }
}

impl Condition {
    /// Whether the entity is the one meant. Weak tags never are: the comparison is strong.
    pub(crate) fn admits(&self, tag: EntityTag) -> bool {
        match self {
            Self::Missing => false,
            Self::Any => true,
            Self::OneOf(tags) => tags.contains(&tag.to_string()),
        }
    }
}

/// A stream in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamSummary {
    pub(crate) stream: StreamName,
    pub(crate) state: StreamState,
    pub(crate) viewers: usize,
}

/// Where a stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamState {
    /// No presenter yet, or any more.
    Waiting,
    /// On since then.
    Live { since: UnixMillis },
    /// On since then, and the presenter is away.
    Interrupted { since: UnixMillis },
}

impl StreamState {
    /// The stable word for programs.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Live { .. } => "live",
            Self::Interrupted { .. } => "interrupted",
        }
    }

    pub(crate) const fn since(self) -> Option<UnixMillis> {
        match self {
            Self::Waiting => None,
            Self::Live { since } | Self::Interrupted { since } => Some(since),
        }
    }
}

/// A stream looked at closely.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StreamReport {
    pub(crate) summary: StreamSummary,
    /// What carries it (`GET /api/pipelines`); `None` while nobody is in it.
    pub(crate) pipeline: Option<PipelineId>,
    /// What its presenter sends, one for each encoding.
    pub(crate) tracks: Vec<TrackReport>,
}

/// One stream of packets from the presenter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TrackReport {
    pub(crate) kind: MediaKind,
    /// The name of the encoding, where it has one.
    pub(crate) rid: Option<String>,
    pub(crate) bitrate: Option<Bitrate>,
    pub(crate) packets: u64,
    pub(crate) packets_lost: i64,
    /// Of video.
    pub(crate) frames: u64,
}
