//! What classes there are: constructor parameters, properties, operations and events, each declared once, in
//! the class's own file below `class/`. Dispatch, `describe`, `getKmd`, argument errors and the table of
//! `docs/kurento.md` all read these declarations.

pub(crate) mod class;
mod coerce;
mod encode;
pub(crate) mod enumeration;
pub(crate) mod event;
mod fields;
mod kmd;
mod method;
pub(crate) mod record;
mod state;
#[cfg(test)]
mod tests;
mod value;

pub(crate) use coerce::{RawArguments, coerce};
pub(crate) use fields::Fields;
pub(crate) use method::Method;
pub(crate) use state::State;
pub(crate) use value::{Record, Value};

use crate::kms::failure::Failure;
use crate::kms::object::{Body, ObjectId, Tree};
use futures_util::future::BoxFuture;
use std::fmt;

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

impl Module {
    pub(crate) const ALL: [Self; 3] = [Self::Core, Self::Elements, Self::Filters];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Elements => "elements",
            Self::Filters => "filters",
        }
    }
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
    /// As `New`, but only where the operator has opted in; elsewhere as `Refused`.
    OptIn { params: &'static [Param], construct: Constructor, reason: &'static str },
}

/// What becomes of filters, which Keel cannot apply: it does not decode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filters {
    /// They cannot be created, as in a KMS without the module.
    #[default]
    Refuse,
    /// They can be created and pass on what they are sent; nothing is drawn.
    PassThrough,
}

/// A parameter of a constructor or an operation, or a field of a record or an event.
#[derive(Clone, Copy)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) kind: Type,
    pub(crate) presence: Presence,
}

impl Param {
    pub(crate) const fn required(name: &'static str, kind: Type) -> Self {
        Self { name, kind, presence: Presence::Required }
    }

    pub(crate) const fn optional(name: &'static str, kind: Type) -> Self {
        Self { name, kind, presence: Presence::Optional }
    }

    pub(crate) const fn or(name: &'static str, kind: Type, default: Literal) -> Self {
        Self { name, kind, presence: Presence::Default(default) }
    }
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
    /// With the defaults of its fields.
    Record(&'static RecordType),
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
    pub(crate) state: State,
    pub(crate) get: Get,
    pub(crate) set: Set,
    /// Names of 6.x clients for it.
    pub(crate) aliases: &'static [Alias],
}

/// A property's name in 6.x.
pub(crate) struct Alias {
    /// What stands behind `get` and `set`.
    pub(crate) name: &'static str,
    /// What its new value is called.
    pub(crate) parameter: &'static str,
}

impl Alias {
    /// A name that is also that of the parameter.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, parameter: name }
    }
}

/// Where a property's value comes from.
#[derive(Clone, Copy)]
pub(crate) enum Get {
    /// Kept with the object, from this value on.
    Stored(Literal),
    Run(Run),
}

/// What becomes of a property's new value.
#[derive(Clone, Copy)]
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
    pub(crate) state: State,
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
    /// Nothing does yet: its class cannot be created. 40006 for whoever gets here all the same.
    Missing,
    /// For long; only the caller waits.
    Later(fn(Call<'_>) -> BoxFuture<'static, Result<Value, Failure>>),
}

/// What makes an object's body. The call's object is the one that is to be; it is in the tree only after this.
pub(crate) type Constructor = for<'a> fn(Call<'a>) -> BoxFuture<'a, Result<Body, Failure>>;

/// One operation on one object of a tree.
pub(crate) struct Call<'a> {
    pub(crate) tree: &'a mut Tree,
    pub(crate) object: ObjectId,
    pub(crate) arguments: Fields,
}

impl RecordType {
    /// All fields, those of its parents first.
    pub(crate) fn all_fields(&self) -> Vec<&'static Param> {
        let mut fields = self.parent.map(RecordType::all_fields).unwrap_or_default();
        fields.extend(self.fields);
        fields
    }

    /// A record with the fields that have a default.
    pub(crate) fn with_defaults(&'static self) -> Record {
        let default = |field: &&'static Param| match field.presence {
            Presence::Default(literal) => Some((field.name, literal.into())),
            Presence::Required | Presence::Optional => None,
        };
        Record::new(self, self.all_fields().iter().filter_map(default).collect())
    }
}

impl EventType {
    /// Whether it is one of media, which repeat their type in `data`.
    pub(crate) fn is_media(&self) -> bool {
        self.name == event::MEDIA.name || self.parent.is_some_and(Self::is_media)
    }
}

macro_rules! named {
    ($($kind:ident)*) => {
        $(
            impl fmt::Debug for $kind {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(self.name)
                }
            }

            impl PartialEq for $kind {
                /// Names are unique, as a test shows.
                fn eq(&self, other: &Self) -> bool {
                    self.name == other.name
                }
            }
        )*
    };
}

named! { Class EnumType RecordType EventType }
