//! The name of a stream, as it stands in URLs.

use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

/// The most characters of a name.
const CHARS_MAX: usize = 64;

/// A valid name: 1 to 64 letters, digits and `-._~`, which a URL carries as they are (RFC 3986 §2.3); but not
/// `.` or `..`, which a path gives another meaning.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StreamName(String);

/// The text is no name of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stream's name has 1 to {CHARS_MAX} letters, digits and -._~")]
pub(crate) struct BadStreamName;

impl StreamName {
    /// The name in `text`.
    pub(crate) fn parse(text: &str) -> Result<Self, BadStreamName> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        let fits = (1..=CHARS_MAX).contains(&text.len()) && !matches!(text, "." | "..");
        if is_plain && fits { Ok(Self(text.to_owned())) } else { Err(BadStreamName) }
    }

    /// That of `/one2many` without a name: Kurento's tutorial has one presentation.
    pub(crate) fn of_one_to_many() -> Self {
        Self("one2many".to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Of the names those that no dot both begins and ends, and dots alone, for the description of the REST API: the whole rule
/// would need a look ahead, which not every reader of it has.
const PATTERN: &str = "^([A-Za-z0-9._~-]{0,63}[A-Za-z0-9_~-]|[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,63}|[.]{3,64})$";

impl PartialSchema for StreamName {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).pattern(Some(PATTERN));
        text.description(Some("1 to 64 letters, digits and `-._~`, but not `.` or `..`")).into()
    }
}

impl ToSchema for StreamName {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("StreamName")
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Not the name: who knows it may be able to watch.
impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stream:{}", crate::private::Private::new(&self.0))
    }
}

impl Serialize for StreamName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_a_url_carries_as_it_is() {
        for name in ["a", "live-1_b.c~", "...", &"x".repeat(64)] {
            assert_eq!(StreamName::parse(name).expect(name).as_str(), name);
        }
        for other in ["", ".", "..", "a b", "a/b", "é", "a%20", "a\n", &"x".repeat(65)] {
            assert_eq!(StreamName::parse(other), Err(BadStreamName), "{other:?}");
        }
    }
}
