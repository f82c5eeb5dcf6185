//! The claim `keel` of a token: what its holder may do (docs/access.md).

use crate::user_name::UserName;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

/// The claim. What is missing is not granted; a field that Keel does not know is refused, since a misspelt
/// grant would otherwise be a silent one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// One-to-one calls.
    #[serde(skip_serializing_if = "is_false")]
    pub call: bool,
    /// Rooms that may be made and joined.
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub room: Names,
    /// Streams that may be sent.
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub publish: Names,
    /// Streams that may be watched.
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub subscribe: Names,
    /// The Kurento protocol.
    #[serde(skip_serializing_if = "is_false")]
    pub kurento: bool,
    /// Administration: everything under `/api/`.
    #[serde(skip_serializing_if = "is_false")]
    pub admin: bool,
    /// Rooms, among those of `room`, whose moderator the holder is on joining.
    #[serde(skip_serializing_if = "Names::is_empty")]
    pub moderator: Names,
    /// The name that the holder goes by in calls and rooms. Without it the token's claim `name` counts, and
    /// without that the holder chooses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<UserName>)]
    pub name: Option<String>,
}

/// Some names: `true` for all, one, or a list. A name that ends with `*` stands for all that begin like it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub enum Names {
    /// No name.
    #[default]
    Nothing,
    /// Every name.
    All,
    /// These names and prefixes: 1 to 64 of them, of 1 to 256 characters each.
    These(Vec<String>),
}

/// How names are written.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    All(bool),
    One(String),
    Many(Vec<String>),
}

/// Why a value of a grant is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("names are true, a name, or a list of 1 to 64 names, each of 1 to 256 characters")]
pub struct NamesError;

const NAMES_MAX: usize = 64;
const NAME_CHARS_MAX: usize = 256;

impl Names {
    /// Whether nothing is granted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::Nothing
    }

    /// Whether `name` is among them.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::All => true,
            Self::These(patterns) => patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => name == pattern,
            }),
        }
    }

    /// These names and prefixes.
    ///
    /// # Errors
    /// When there are too many, or one is empty or too long.
    pub fn these(names: Vec<String>) -> Result<Self, NamesError> {
        let are_valid = names.iter().all(|name| (1..=NAME_CHARS_MAX).contains(&name.chars().count()));
        if are_valid && (1..=NAMES_MAX).contains(&names.len()) {
            Ok(Self::These(names))
        } else {
            Err(NamesError)
        }
    }
}

impl TryFrom<Form> for Names {
    type Error = NamesError;

    fn try_from(form: Form) -> Result<Self, NamesError> {
        match form {
            Form::All(true) => Ok(Self::All),
            Form::All(false) => Ok(Self::Nothing),
            Form::One(name) => Self::these(vec![name]),
            Form::Many(names) => Self::these(names),
        }
    }
}

impl From<Names> for Form {
    fn from(names: Names) -> Self {
        match names {
            Names::Nothing => Self::All(false),
            Names::All => Self::All(true),
            Names::These(mut names) if names.len() == 1 => Self::One(names.remove(0)),
            Names::These(names) => Self::Many(names),
        }
    }
}

/// Reads an object: by itself serde would take the elements of an array for its fields, in their order.
pub(crate) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    struct Object<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
    from.deserialize_map(Object(PhantomData))
}

// Serde asks for a reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_false(value: &bool) -> bool {
    !value
}

impl PartialSchema for Names {
    fn schema() -> RefOr<Schema> {
        let all = ObjectBuilder::new().schema_type(SchemaType::new(Type::Boolean));
        let one = || {
            let name = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
            name.min_length(Some(1)).max_length(Some(NAME_CHARS_MAX))
        };
        let many = ArrayBuilder::new().items(one()).min_items(Some(1)).max_items(Some(NAMES_MAX));
        let names = OneOfBuilder::new().item(all).item(one()).item(many);
        let words =
            "`true` for all, a name, or a list; a name that ends with `*` stands for all that begin like it";
        RefOr::T(Schema::OneOf(names.description(Some(words)).build()))
    }
}

impl ToSchema for Names {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Names")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(json: &str) -> Result<Grants, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn names_are_all_one_many_or_prefixes() {
        let room = |json: &str| grants(&format!(r#"{{"room": {json}}}"#)).expect("grants").room;
        assert!(room("true").covers("any") && !room("false").covers("any"));
        assert!(room("\"tea\"").covers("tea") && !room("\"tea\"").covers("team"));
        let some = room(r#"["tea", "a/*"]"#);
        assert!(some.covers("tea") && some.covers("a/") && some.covers("a/b") && !some.covers("a"));
        assert!(room("\"*\"").covers("any"));
    }

    #[test]
    fn what_is_no_grant_is_refused_not_ignored() {
        let long = format!(r#"{{"room": "{}"}}"#, "x".repeat(257));
        let many = format!(r#"{{"room": [{}"x"]}}"#, "\"x\",".repeat(64));
        for json in [
            r#"{"rooms": true}"#,
            r#"{"room": []}"#,
            r#"{"room": ""}"#,
            r#"{"room": 1}"#,
            r#"{"call": "yes"}"#,
            long.as_str(),
            many.as_str(),
        ] {
            assert!(grants(json).is_err(), "{json}");
        }
    }

    #[test]
    fn grants_are_written_as_they_are_read_and_short() {
        let json = r#"{"call":true,"room":["tea","team-*"],"publish":"live","moderator":true,"name":"Ann"}"#;
        assert_eq!(serde_json::to_string(&grants(json).expect("grants")).expect("plain data"), json);
    }
}
