//! Named values as they were declared.

use super::{Record, Value};
use crate::kms::object::ObjectId;

/// The arguments of a call, or the fields of a record or an event, in the order of their declaration. Every
/// required one is there, every default filled in and every type right, so the getters know what to expect:
/// they panic for a name or type that the declaration does not have.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    pub(crate) fn new(fields: Vec<(&'static str, Value)>) -> Self {
        Self(fields)
    }

    pub(crate) fn push(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.push((name, value.into()));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// What was given under this name; `None` for an optional one that was left out.
    pub(crate) fn given(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.text_if(name).expect(REQUIRED)
    }

    pub(crate) fn text_if(&self, name: &str) -> Option<&str> {
        self.given(name).map(|value| value.as_text().expect(TYPED))
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.flag_if(name).expect(REQUIRED)
    }

    pub(crate) fn flag_if(&self, name: &str) -> Option<bool> {
        self.given(name).map(|value| value.as_bool().expect(TYPED))
    }

    pub(crate) fn int(&self, name: &str) -> i64 {
        self.int_if(name).expect(REQUIRED)
    }

    pub(crate) fn int_if(&self, name: &str) -> Option<i64> {
        self.given(name).map(|value| value.as_int().expect(TYPED))
    }

    /// A word of an enumeration.
    pub(crate) fn word(&self, name: &str) -> &'static str {
        self.word_if(name).expect(REQUIRED)
    }

    pub(crate) fn word_if(&self, name: &str) -> Option<&'static str> {
        self.given(name).map(|value| value.as_word().expect(TYPED))
    }

    pub(crate) fn object(&self, name: &str) -> &ObjectId {
        self.object_if(name).expect(REQUIRED)
    }

    pub(crate) fn object_if(&self, name: &str) -> Option<&ObjectId> {
        self.given(name).map(|value| value.as_object().expect(TYPED))
    }

    pub(crate) fn record(&self, name: &str) -> &Record {
        self.record_if(name).expect(REQUIRED)
    }

    pub(crate) fn record_if(&self, name: &str) -> Option<&Record> {
        self.given(name).map(|value| value.as_record().expect(TYPED))
    }
}

const REQUIRED: &str = "the declaration makes it required or gives it a default";
const TYPED: &str = "it has the type that the declaration gives it";
