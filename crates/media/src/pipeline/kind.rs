//! What is connected separately.

use std::fmt;

/// The kinds of media that travel as RTP.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

impl MediaKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Audio, Self::Video];
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Audio => "audio",
            Self::Video => "video",
        })
    }
}

/// What elements are connected by: the kinds of RTP media, and the messages of data channels.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MediaType {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
    /// Data channel messages.
    Data,
}

impl MediaType {
    /// Every type.
    pub const ALL: [Self; 3] = [Self::Audio, Self::Video, Self::Data];

    /// The kind of RTP media; `None` for data.
    #[must_use]
    pub const fn rtp(self) -> Option<MediaKind> {
        match self {
            Self::Audio => Some(MediaKind::Audio),
            Self::Video => Some(MediaKind::Video),
            Self::Data => None,
        }
    }
}

impl From<MediaKind> for MediaType {
    fn from(kind: MediaKind) -> Self {
        match kind {
            MediaKind::Audio => Self::Audio,
            MediaKind::Video => Self::Video,
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rtp() {
            Some(kind) => kind.fmt(f),
            None => f.write_str("data"),
        }
    }
}
