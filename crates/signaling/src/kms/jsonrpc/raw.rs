//! Arguments that nobody has looked at yet.

use serde_json::{Map, Value};

/// The arguments of a constructor or operation as they came: what they mean only the declaration of the
/// class tells, so the model's codec reads them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RawArguments(Map<String, Value>);

impl RawArguments {
    pub(super) fn new(arguments: Map<String, Value>) -> Self {
        Self(arguments)
    }

    /// The argument of this name; `null` is none.
    pub(in crate::kms) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// How many there are.
    pub(in crate::kms) fn len(&self) -> usize {
        self.0.len()
    }
}
