//! The name under which a user registers and is called.

use std::borrow::Cow;
use std::fmt;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

/// The most characters a name may have.
pub(crate) const NAME_CHARS_MAX: usize = 64;

/// A valid name: 1 to [`NAME_CHARS_MAX`] characters, none of them a control character, no white space at
/// either end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UserName(String);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing but white space.
    #[error("the name is empty")]
    Empty,
    /// More than 64 characters.
    #[error("the name is longer than {NAME_CHARS_MAX} characters")]
    TooLong,
    /// Control characters, or ones that turn the direction of the text.
    #[error("the name contains control characters")]
    ControlCharacter,
}

impl UserName {
    /// The name in `text`; white space around it is not part of it.
    pub(crate) fn parse(text: &str) -> Result<Self, NameError> {
        let name = text.trim();
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.chars().count() > NAME_CHARS_MAX {
            return Err(NameError::TooLong);
        }
        if name.chars().any(|character| character.is_control() || reorders_text(character)) {
            return Err(NameError::ControlCharacter);
        }
        Ok(Self(name.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Characters that are invisible and turn the direction of what stands around them: with them one name
/// can be made to look like another.
fn reorders_text(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The rules above as a regular expression, for the description of the REST API.
const PATTERN: &str = "^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]\
    ([^\\u0000-\\u001f\\u007f-\\u009f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]{0,62}\
    [^\\s\\u0000-\\u001f\\u007f-\\u009f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069])?$";

impl PartialSchema for UserName {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).pattern(Some(PATTERN));
        let words = "1 to 64 characters: no control characters, no white space around it";
        text.description(Some(words)).into()
    }
}

impl ToSchema for UserName {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Name")
    }
}

/// For the wire and the store. Logs go through [`crate::private::Private`].
impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Not the name: a `{:?}` in a log must not tell who calls whom.
impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user:{}", crate::private::Private::new(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_to_sixty_four_visible_characters() {
        assert_eq!(UserName::parse("  Zoë \n").expect("valid").as_str(), "Zoë");
        assert_eq!(UserName::parse(" \t "), Err(NameError::Empty));
        assert!(UserName::parse(&"é".repeat(64)).is_ok(), "characters count, not bytes");
        assert_eq!(UserName::parse(&"é".repeat(65)), Err(NameError::TooLong));
        assert_eq!(UserName::parse("a\0b"), Err(NameError::ControlCharacter));
        assert_eq!(UserName::parse("bob\u{202e}ecila"), Err(NameError::ControlCharacter));
    }
}
