//! The names of sessions.

use std::fmt;
use std::sync::Arc;

/// The longest name that is taken; those made here have 36 bytes.
const NAME_BYTES_MAX: usize = 128;

/// A session as it is called on the wire: the text made here, or one that a client chose.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SessionName(Arc<str>);

impl SessionName {
    /// The name that `text` is; `None` for an empty or very long one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        (1..=NAME_BYTES_MAX).contains(&text.len()).then(|| Self(text.into()))
    }

    /// A name that was never used before.
    pub(crate) fn random() -> Self {
        Self(uuid::Uuid::new_v4().to_string().into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// One life of a session. A name that comes back after its session has ended is a new session: what still
/// happens for the end of the old one does not concern it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SessionId {
    name: SessionName,
    life: u64,
}

impl SessionId {
    /// The session of this name in its life of this number; numbers are never used again.
    pub(crate) fn living(name: SessionName, life: u64) -> Self {
        Self { name, life }
    }

    pub(crate) fn name(&self) -> &SessionName {
        &self.name
    }

    pub(crate) fn as_str(&self) -> &str {
        self.name.as_str()
    }
}

/// For the wire.
impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SessionId {
    /// Who knows the name is the session: logs get its beginning.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let beginning: String = self.as_str().chars().take(4).collect();
        write!(f, "session:{beginning}/{}", self.life)
    }
}

impl fmt::Debug for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionName(hidden)")
    }
}
