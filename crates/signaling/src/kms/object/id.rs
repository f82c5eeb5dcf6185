//! The names of objects.

use crate::kms::model::Class;
use crate::kms::model::class::SERVER_MANAGER;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// The longest id there is: a hub port's. Longer texts are no ids.
const ID_BYTES_MAX: usize = 512;

/// An object's name as applications see it: `<pipeline>/<uuid>_kurento.WebRtcEndpoint`, nested by parents
/// (PROTOCOL.md §5; the JavaScript client depends on suffix and nesting). The class is known; whether the
/// object exists only its tree can tell.
#[derive(Clone)]
pub(crate) struct ObjectId {
    text: Arc<str>,
    class: &'static Class,
}

impl ObjectId {
    /// The one object that always exists. The JavaScript and Java clients know its name.
    pub(crate) const MANAGER: &'static str = "manager_ServerManager";

    /// The id of the one object that always exists.
    pub(crate) fn manager() -> Self {
        Self { text: Self::MANAGER.into(), class: &SERVER_MANAGER }
    }

    /// The id that `text` is; `None` for what cannot name an object.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > ID_BYTES_MAX {
            return None;
        }
        let name = match text {
            Self::MANAGER => "ServerManager",
            _ => text.rsplit_once("_kurento.")?.1,
        };
        Some(Self { text: text.into(), class: Class::named(name)? })
    }

    /// A new id below `parent`, or of a pipeline.
    pub(crate) fn new(parent: Option<&Self>, unique: uuid::Uuid, class: &'static Class) -> Self {
        let text = match parent {
            Some(parent) => format!("{parent}/{unique}_kurento.{}", class.name),
            None => format!("{unique}_kurento.{}", class.name),
        };
        Self { text: text.into(), class }
    }

    /// The pipeline it lies in, or itself: the name of its tree.
    pub(crate) fn root(&self) -> &str {
        self.text.split_once('/').map_or(&*self.text, |(root, _)| root)
    }

    /// Whether `other` is this object or lies below it.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        let rest = other.text.strip_prefix(&*self.text);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    pub(crate) fn class(&self) -> &'static Class {
        self.class
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for ObjectId {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ObjectId {}

impl PartialOrd for ObjectId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ObjectId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
