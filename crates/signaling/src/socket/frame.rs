//! What is wrong with a frame, before anybody looks at what it asks for.

/// Why a frame is no message. The connection lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("messages are text, not binary")]
    Binary,
    #[error("the message is longer than {0} bytes")]
    TooLong(usize),
    #[error("too many messages: slow down")]
    TooFast,
    #[error("the message is not JSON")]
    NotJson,
    #[error("the message has no field `id` with a text")]
    NoId,
    #[error("there is no message with this `id`")]
    UnknownId,
    #[error("a field of `{0}` is missing or has the wrong type")]
    Fields(&'static str),
}

impl FrameError {
    /// Whether the text was read at all: then it may say which request it was.
    pub(crate) const fn was_looked_at(self) -> bool {
        !matches!(self, Self::Binary | Self::TooLong(_) | Self::TooFast)
    }

    /// The label in metrics.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::TooLong(_) => "too_long",
            Self::TooFast => "too_fast",
            Self::NotJson => "not_json",
            Self::NoId => "no_id",
            Self::UnknownId => "unknown_id",
            Self::Fields(_) => "fields",
        }
    }
}
