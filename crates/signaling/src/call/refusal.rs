//! Everything that a user can be refused, each with the words that the user reads and a label for metrics.

use super::phase::Forbidden;
use crate::store::AdmitError;
use crate::user_name::NameError;

/// Why a registration is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RegisterRefusal {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("your token is for another name")]
    OtherName,
    #[error("the secret is longer than {0} bytes")]
    SecretTooLong(usize),
    #[error("this name is in use")]
    InUse,
    #[error("this name belongs to somebody else: the secret is wrong or missing")]
    WrongSecret,
    #[error("the server is full, try again later")]
    ServerFull,
    #[error("too many registrations from your address, try again in a moment")]
    RateLimited,
    #[error("the server is busy, try again in a moment")]
    StoreBusy,
    #[error("the server cannot reach its store, try again later")]
    StoreFailed,
    #[error("you are in a call: hang up first")]
    InCall,
    #[error("the server is shutting down")]
    ShuttingDown,
}

impl RegisterRefusal {
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Name(_) => "invalid_name",
            Self::OtherName => "other_name",
            Self::SecretTooLong(_) => "secret_too_long",
            Self::InUse => "in_use",
            Self::WrongSecret => "wrong_secret",
            Self::ServerFull => "server_full",
            Self::RateLimited => "rate_limited",
            Self::StoreBusy => "store_busy",
            Self::StoreFailed => "store_failed",
            Self::InCall => "in_call",
            Self::ShuttingDown => "shutting_down",
        }
    }
}

impl From<AdmitError> for RegisterRefusal {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::WrongSecret => Self::WrongSecret,
            AdmitError::Full => Self::ServerFull,
            AdmitError::Busy => Self::StoreBusy,
            AdmitError::Failed => Self::StoreFailed,
        }
    }
}

/// Why a call is rejected before it rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallRefusal {
    #[error("register first")]
    NotRegistered,
    #[error("`from` is not the name that you registered")]
    ForeignName,
    #[error("the user is not registered")]
    UnknownUser,
    #[error("you cannot call yourself")]
    Oneself,
    #[error("you are in a call already")]
    CallerBusy,
    #[error("the user is busy")]
    CalleeBusy,
    #[error("the server is shutting down")]
    ShuttingDown,
}

impl CallRefusal {
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::NotRegistered => "not_registered",
            Self::ForeignName => "foreign_name",
            Self::UnknownUser => "unknown_user",
            Self::Oneself => "oneself",
            Self::CallerBusy => "caller_busy",
            Self::CalleeBusy => "callee_busy",
            Self::ShuttingDown => "shutting_down",
        }
    }
}

/// A message that does not fit the state of its connection: answered with `error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OutOfPlace {
    #[error("register first")]
    NotRegistered,
    #[error("your registration is being worked on")]
    Registering,
    #[error("no such call is waiting for your answer")]
    NoSuchCall,
    #[error("too many ICE candidates")]
    TooManyCandidates,
    #[error("you are in no call")]
    NoCall,
    #[error("too many messages: slow down")]
    TooFast,
    #[error("the text is empty or has control characters")]
    BadText,
    #[error("the text is longer than {0} characters")]
    TextTooLong(usize),
    #[error("the history that you asked for is being read")]
    ReadingHistory,
    #[error("the history cannot be read now, try again in a moment")]
    NoHistory,
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
}

impl OutOfPlace {
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::NotRegistered => "not_registered",
            Self::Registering => "registering",
            Self::NoSuchCall => "no_such_call",
            Self::TooManyCandidates => "too_many_candidates",
            Self::NoCall => "no_call",
            Self::TooFast => "too_fast",
            Self::BadText => "bad_text",
            Self::TextTooLong(_) => "text_too_long",
            Self::ReadingHistory => "reading_history",
            Self::NoHistory => "no_history",
            Self::Forbidden(_) => "forbidden_move",
        }
    }
}
