//! The names of sessions.

use std::fmt;
use std::sync::Arc;

/// Bytes of a session's name at most. KMS: clients may bring their own, so it is not only UUIDs.
const SESSION_BYTES_MAX: usize = 128;

/// A session's identity.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SessionId(Arc<str>);

impl SessionId {
    /// The session of this name; `None` for a name that is empty or too long.
    pub(crate) fn new(name: &str) -> Option<Self> {
        (!name.is_empty() && name.len() <= SESSION_BYTES_MAX).then(|| Self(name.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
