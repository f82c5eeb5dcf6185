//! What classes there are: constructor parameters, properties, operations and events, each declared once, in
//! the class's own file below `class/`. Dispatch, `describe`, `getKmd`, argument errors and the table of
//! `docs/kurento.md` all read these declarations.

mod value;

pub(crate) use value::{Record, Value};

use crate::kms::failure::Failure;
use crate::kms::object::{Body, ObjectId, Tree};
use futures_util::future::BoxFuture;

/// A class of media objects.
pub(crate) struct Class {
    pub(crate) name: &'static str,
    pub(crate) module: Module,
    pub(crate) parent: Option<&'static Class>,
    /// One line for the descriptor and the documentation.
    pub(crate) about: &'static str,
    pub(crate) creation: Creation,
    pub(crate) properties: &'static [Property],
    pub(crate) operations: &'static [Operation],
    pub(crate) events: &'static [&'static EventType],
}

/// The module that a class belongs to. On the wire all three call themselves `kurento`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Module {
    Core,
    Elements,
    Filters,
}

/// How objects of a class come to be.
pub(crate) enum Creation {
    /// Never: others derive from it.
    Abstract,
    /// Not here, and why: `create` answers as a KMS does that lacks the module.
    Refused { params: &'static [Param], reason: &'static str },
    /// As the root of a tree of its own.
    Root,
    /// Below the parent that its first parameter names.
    New { params: &'static [Param], construct: Constructor },
}

/// A parameter of a constructor or an operation.
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) kind: Type,
    pub(crate) presence: Presence,
}

/// Whether a parameter may be left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Presence {
    Required,
    Optional,
    Default(Literal),
}

/// A value that a declaration can hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Literal {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'static str),
    Enum(&'static str),
    EmptyRecord,
    EmptyList,
}

/// The type of a value.
#[derive(Clone, Copy)]
pub(crate) enum Type {
    Boolean,
    Int,
    Int64,
    Float,
    Double,
    String,
    Enum(&'static EnumType),
    Record(&'static RecordType),
    /// A reference to an object of this class or one derived from it.
    Object(&'static Class),
    List(&'static Type),
    /// By text.
    Map(&'static Type),
}

/// An enumeration.
pub(crate) struct EnumType {
    pub(crate) name: &'static str,
    pub(crate) module: Module,
    pub(crate) words: &'static [&'static str],
}

/// A complex type.
pub(crate) struct RecordType {
    pub(crate) name: &'static str,
    pub(crate) module: Module,
    pub(crate) parent: Option<&'static RecordType>,
    pub(crate) fields: &'static [Param],
}

/// An event. `data` has the event's fields after those of its parents.
pub(crate) struct EventType {
    pub(crate) name: &'static str,
    pub(crate) module: Module,
    pub(crate) parent: Option<&'static EventType>,
    pub(crate) fields: &'static [Param],
    /// Names of 6.x clients for it; who subscribes under one is told under that one.
    pub(crate) aliases: &'static [&'static str],
}

/// A property: operations `getName` and, where it can be set, `setName`.
pub(crate) struct Property {
    pub(crate) name: &'static str,
    pub(crate) kind: Type,
    pub(crate) about: &'static str,
    pub(crate) get: Get,
    pub(crate) set: Set,
}

/// Where a property's value comes from.
pub(crate) enum Get {
    /// Kept with the object, from this value on.
    Stored(Literal),
    Run(Run),
}

/// What becomes of a property's new value.
pub(crate) enum Set {
    /// It is fixed at creation.
    Final,
    /// It changes by itself.
    ReadOnly,
    /// It is kept, no more.
    Stored,
    /// It is kept, then this makes it effective. A failure restores the old value.
    Applied(Run),
}

/// An operation.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) params: &'static [Param],
    /// `None` for nothing.
    pub(crate) returns: Option<Type>,
    pub(crate) run: Run,
}

/// What carries out an operation.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// At once.
    Now(fn(Call<'_>) -> Result<Value, Failure>),
    /// With the media server's help; the object's tree waits for it.
    Media(for<'a> fn(Call<'a>) -> BoxFuture<'a, Result<Value, Failure>>),
    /// For long; only the caller waits.
    Later(fn(Call<'_>) -> BoxFuture<'static, Result<Value, Failure>>),
}

/// What makes an object's body.
pub(crate) type Constructor = for<'a> fn(Call<'a>) -> BoxFuture<'a, Result<Body, Failure>>;

/// One operation on one object of a tree.
pub(crate) struct Call<'a> {
    pub(crate) tree: &'a mut Tree,
    pub(crate) object: ObjectId,
    pub(crate) arguments: Arguments,
}

/// Arguments as declared: every required one is there, every default filled in, every type right.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Arguments(Vec<(&'static str, Value)>);
