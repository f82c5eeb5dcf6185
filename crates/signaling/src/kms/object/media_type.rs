//! `MediaType`, between KMS's words and the media server's types.

use crate::kms::model::Value;
use keel_media::MediaType;

/// KMS's word.
pub(crate) fn word(media: impl Into<MediaType>) -> Value {
    Value::Enum(match media.into() {
        MediaType::Audio => "AUDIO",
        MediaType::Video => "VIDEO",
        MediaType::Data => "DATA",
    })
}

/// What a word of the enumeration means.
pub(crate) fn from_word(word: &'static str) -> MediaType {
    match word {
        "AUDIO" => MediaType::Audio,
        "VIDEO" => MediaType::Video,
        "DATA" => MediaType::Data,
        _ => unreachable!("the enumeration has three words"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kms::model::enumeration::MEDIA_TYPE;

    #[test]
    fn every_word_of_the_enumeration_has_its_type() {
        for known in MEDIA_TYPE.words {
            assert_eq!(word(from_word(known)), Value::Enum(known));
        }
    }
}
