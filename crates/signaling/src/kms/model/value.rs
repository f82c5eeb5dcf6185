//! Values that operations take and give: what JSON becomes before anything looks at it.

use super::RecordType;
use crate::kms::object::ObjectId;
use std::collections::BTreeMap;

/// A value of one of the model's types.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// What an operation without a result gives.
    Null,
    Bool(bool),
    /// `int` and `int64`.
    Int(i64),
    /// `float` and `double`.
    Float(f64),
    Text(String),
    /// One of an enumeration's words.
    Enum(&'static str),
    /// A reference, on the wire its id.
    Object(ObjectId),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
    Record(Record),
}

/// A complex type's value: `__module__`, `__type__` and the fields.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) record: &'static RecordType,
    pub(crate) fields: Vec<(&'static str, Value)>,
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}
