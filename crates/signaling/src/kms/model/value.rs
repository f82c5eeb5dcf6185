//! Values that operations take and give: what JSON becomes before anything looks at it.

use super::{Fields, Literal, RecordType};
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
    pub(crate) fields: Fields,
}

impl Value {
    pub(crate) fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    pub(crate) fn as_int(&self) -> Option<i64> {
        if let Self::Int(value) = self { Some(*value) } else { None }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Self::Text(value) = self { Some(value) } else { None }
    }

    pub(crate) fn as_word(&self) -> Option<&'static str> {
        if let Self::Enum(value) = self { Some(*value) } else { None }
    }

    pub(crate) fn as_object(&self) -> Option<&ObjectId> {
        if let Self::Object(value) = self { Some(value) } else { None }
    }

    pub(crate) fn as_record(&self) -> Option<&Record> {
        if let Self::Record(value) = self { Some(value) } else { None }
    }
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

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<ObjectId> for Value {
    fn from(value: ObjectId) -> Self {
        Self::Object(value)
    }
}

impl From<Record> for Value {
    fn from(value: Record) -> Self {
        Self::Record(value)
    }
}

impl From<Vec<Value>> for Value {
    fn from(value: Vec<Value>) -> Self {
        Self::List(value)
    }
}

impl Record {
    pub(crate) fn new(record: &'static RecordType, fields: Vec<(&'static str, Value)>) -> Self {
        Self { record, fields: Fields::new(fields) }
    }
}

impl From<Literal> for Value {
    fn from(literal: Literal) -> Self {
        match literal {
            Literal::Bool(value) => Self::Bool(value),
            Literal::Int(value) => Self::Int(value),
            Literal::Float(value) => Self::Float(value),
            Literal::Text(value) => value.into(),
            Literal::Enum(word) => Self::Enum(word),
            Literal::Record(record) => Self::Record(record.with_defaults()),
        }
    }
}
