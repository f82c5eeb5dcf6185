//! What people write to each other.

/// A chat message's text: not empty, not too long, of control characters only line breaks and tabs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChatText(String);

/// Why a text is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextError {
    Empty,
    /// Longer than so many characters.
    TooLong(usize),
    ControlCharacter,
}

/// The most bytes of a reaction: an emoji of a family with four skin tones has 41.
const REACTION_BYTES_MAX: usize = 48;

impl ChatText {
    /// The message in `text`; white space around it is not part of it.
    pub(crate) fn parse(text: &str, chars_max: usize) -> Result<Self, TextError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TextError::Empty);
        }
        if text.chars().count() > chars_max {
            return Err(TextError::TooLong(chars_max));
        }
        if text.chars().any(|character| character.is_control() && !matches!(character, '\n' | '\r' | '\t')) {
            return Err(TextError::ControlCharacter);
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

/// Whether `text` can be a reaction: something short that is seen.
pub(crate) fn is_reaction(text: &str) -> bool {
    (1..=REACTION_BYTES_MAX).contains(&text.len())
        && !text.chars().any(|character| character.is_control() || character.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_some_text_and_an_end() {
        let parse = |text: &str| ChatText::parse(text, 10).map(ChatText::into_string);
        assert_eq!(parse(" two\nlines \n").as_deref(), Ok("two\nlines"));
        assert_eq!(parse(" \n\t"), Err(TextError::Empty));
        assert_eq!(parse("ééééééééééé"), Err(TextError::TooLong(10)));
        assert_eq!(parse("éééééééééé").as_deref(), Ok("éééééééééé"), "characters count, not bytes");
        assert_eq!(parse("a\0b"), Err(TextError::ControlCharacter));
        assert_eq!(parse("a\u{1b}[2J"), Err(TextError::ControlCharacter));
    }

    #[test]
    fn a_reaction_is_short_and_seen() {
        for good in ["👍", "❤️", "👩🏽‍👩🏿‍👧🏻‍👦🏼", "ok"] {
            assert!(is_reaction(good), "{good}");
        }
        for bad in ["", " ", "a b", "\u{7}", &"👍".repeat(13)] {
            assert!(!is_reaction(bad), "{bad}");
        }
    }
}
