//! The token with which a page that reconnects takes its own registration over.

use serde::{Serialize, Serializer};
use std::fmt;
use subtle::ConstantTimeEq;

/// 128 random bits, known to one page. Never logged.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ResumeToken(String);

impl ResumeToken {
    /// A token that nobody can guess.
    pub(crate) fn random() -> Self {
        Self::from_bytes(rand::random())
    }

    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(bytes)))
    }

    /// Whether `candidate` is this token, in a time that does not tell where they differ.
    pub(crate) fn matches(&self, candidate: &str) -> bool {
        self.0.as_bytes().ct_eq(candidate.as_bytes()).into()
    }
}

impl Serialize for ResumeToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Debug for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResumeToken(hidden)")
    }
}
