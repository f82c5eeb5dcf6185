//! How much of what KMS does is done here.

use super::{Class, Creation};

/// The state of a property or an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Works,
    /// It works, otherwise than in KMS: how.
    Differs(&'static str),
    /// It is kept and given back, without an effect: why.
    Stored(&'static str),
    /// It cannot be asked for, since its class cannot be created.
    Refused,
}

impl State {
    /// For tables and descriptions.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Works => "works".to_owned(),
            Self::Differs(how) => format!("differs: {how}"),
            Self::Stored(why) => format!("stored only: {why}"),
            Self::Refused => "refused".to_owned(),
        }
    }
}

impl Class {
    /// Whether objects of it can be created, and why not.
    pub(crate) fn creation_words(&self) -> String {
        match self.creation {
            Creation::Abstract => "abstract: other classes derive from it".to_owned(),
            Creation::Root | Creation::New { .. } => "works".to_owned(),
            Creation::Refused { reason, .. } => format!("refused: {reason}"),
            Creation::OptIn { reason, .. } => {
                format!("refused unless `filters = \"passthrough\"`: {reason}")
            }
        }
    }
}
