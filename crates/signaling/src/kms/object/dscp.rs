//! `DSCPValue`: how an endpoint's datagrams are marked for the networks on their way.

/// The code point (RFC 2474 §3) that a word of the enumeration means; `None` where nothing is asked for.
pub(crate) fn code_point(word: &'static str) -> Option<u8> {
    Some(match word {
        "NO_VALUE" => return None,
        // RFC 8837 §5: the rows of audio, interactive video and data. Of the two marks for video, high
        // throughput has the one that is dropped later.
        "AUDIO_VERYLOW" | "VIDEO_VERYLOW" | "DATA_VERYLOW" => LE,
        "AUDIO_LOW" | "VIDEO_LOW" | "DATA_LOW" => DEFAULT,
        "AUDIO_MEDIUM" | "AUDIO_HIGH" => EF,
        "VIDEO_MEDIUM" => assured(4, 3),
        "VIDEO_MEDIUM_THROUGHPUT" | "VIDEO_HIGH" => assured(4, 2),
        "VIDEO_HIGH_THROUGHPUT" => assured(4, 1),
        "DATA_MEDIUM" => assured(1, 1),
        "DATA_HIGH" => assured(2, 1),
        // KMS: what Chrome marks by its priorities.
        "CHROME_HIGH" | "CHROME_MEDIUM" => selector(7),
        "CHROME_LOW" => selector(0),
        "CHROME_VERYLOW" => selector(1),
        "NO_DSCP" => DEFAULT,
        "EF" => EF,
        "VOICEADMIT" => VOICE_ADMIT,
        "LE" => LE,
        _ => return named(word),
    })
}

/// RFC 8622 §1: lower effort.
const LE: u8 = 1;
const DEFAULT: u8 = 0;
/// RFC 3246 §2.5: expedited forwarding.
const EF: u8 = 46;
/// RFC 5865 §2.3.
const VOICE_ADMIT: u8 = 44;

/// RFC 2474 §4.2.2: class selectors are multiples of eight.
const fn selector(class: u8) -> u8 {
    class << 3
}

/// RFC 2597 §6: assured forwarding of a class, with a drop precedence.
const fn assured(class: u8, precedence: u8) -> u8 {
    class << 3 | precedence << 1
}

/// `CSn` and `AFnm`.
fn named(word: &str) -> Option<u8> {
    let digit = |digit: u8| digit.is_ascii_digit().then(|| digit - b'0');
    match *word.as_bytes() {
        [b'C', b'S', class] => Some(selector(digit(class)?)),
        [b'A', b'F', class, precedence] => Some(assured(digit(class)?, digit(precedence)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kms::model::enumeration::DSCP_VALUE;

    // covers: RFC 8837 §5
    #[test]
    fn the_words_mean_the_numbers_of_their_registries() {
        for (word, number) in [
            ("AUDIO_HIGH", 46),
            ("VIDEO_LOW", 0),
            ("VIDEO_HIGH", 36),
            ("VIDEO_HIGH_THROUGHPUT", 34),
            ("DATA_HIGH", 18),
            ("CHROME_HIGH", 56),
            ("CS5", 40),
            ("AF31", 26),
            ("AF43", 38),
            ("VOICEADMIT", 44),
        ] {
            assert_eq!(code_point(word), Some(number), "{word}");
        }
        assert_eq!(code_point("NO_VALUE"), None);
    }

    #[test]
    fn every_word_but_one_marks() {
        let unmarked: Vec<_> = DSCP_VALUE.words.iter().filter(|word| code_point(word).is_none()).collect();
        assert_eq!(unmarked, [&"NO_VALUE"]);
        assert!(DSCP_VALUE.words.iter().filter_map(|word| code_point(word)).all(|number| number < 64));
    }
}
