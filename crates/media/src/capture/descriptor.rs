//! How much of a payload says what the rest is: that much a capture keeps, and nothing of picture or sound.

use crate::codec::Codec;

/// No descriptor is kept past this; real ones are far shorter.
const LENGTH_MAX: usize = 64;

/// Bytes at the start of a payload that are no media.
pub(super) fn length(codec: Codec, payload: &[u8]) -> usize {
    let length = match codec {
        Codec::Vp8 => vp8(payload),
        Codec::Vp9 => vp9(payload),
        // RFC 6184 §5.3, §5.8: the NAL unit's header, and that of a fragment.
        Codec::H264 => payload.first().map(|first| if matches!(first & 0x1f, 28 | 29) { 2 } else { 1 }),
        // RFC 7798 §4.4.3: likewise, with a longer header.
        Codec::H265 => payload.first().map(|first| if first >> 1 & 0x3f == 49 { 3 } else { 2 }),
        // AV1 RTP §4.4: the aggregation header.
        Codec::Av1 => Some(1),
        Codec::Opus | Codec::Red | Codec::Pcmu | Codec::Pcma | Codec::G722 => None,
    };
    length.unwrap_or(0).min(payload.len()).min(LENGTH_MAX)
}

/// RFC 7741 §4.2.
fn vp8(payload: &[u8]) -> Option<usize> {
    if payload.first()? & 0x80 == 0 {
        return Some(1);
    }
    let extension = *payload.get(1)?;
    let mut length = 2;
    if extension & 0x80 != 0 {
        length += if payload.get(length)? & 0x80 != 0 { 2 } else { 1 };
    }
    Some(length + usize::from(extension & 0x40 != 0) + usize::from(extension & 0x30 != 0))
}

/// RFC 9628 §4.2.
fn vp9(payload: &[u8]) -> Option<usize> {
    let first = *payload.first()?;
    let flag = |bit: u8| first & bit != 0;
    let mut length = 1;
    if flag(0x80) {
        length += if payload.get(length)? & 0x80 != 0 { 2 } else { 1 };
    }
    if flag(0x20) {
        length += if flag(0x10) { 1 } else { 2 };
    }
    if flag(0x10) && flag(0x40) {
        // Up to three differences, each with a bit that says whether another follows.
        for _ in 0..3 {
            let more = payload.get(length)? & 1 != 0;
            length += 1;
            if !more {
                break;
            }
        }
    }
    if flag(0x02) {
        let structure = *payload.get(length)?;
        length += 1;
        if structure & 0x10 != 0 {
            length += 4 * (usize::from(structure >> 5) + 1);
        }
        if structure & 0x08 != 0 {
            let pictures = *payload.get(length)?;
            length += 1;
            for _ in 0..pictures {
                length += 1 + usize::from(payload.get(length)? >> 2 & 3);
            }
        }
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_kept_and_media_is_not() {
        let table: [(Codec, &[u8], usize, &str); 14] = [
            (Codec::Vp8, &[0x10, 9, 9], 1, "the shortest"),
            (Codec::Vp8, &[0x90, 0xf0, 0x80, 1, 2, 3, 9], 6, "with everything"),
            (Codec::Vp8, &[0x90, 0x80, 0x01, 9], 3, "a short picture id"),
            (Codec::Vp8, &[0x90, 0x80], 0, "cut in the descriptor"),
            (Codec::Vp9, &[0x0c, 9, 9], 1, "the shortest"),
            (Codec::Vp9, &[0xa0, 0x80, 1, 2, 3, 9], 5, "picture id and layers"),
            (Codec::Vp9, &[0xf0, 1, 2, 3, 5, 4, 9], 6, "flexible, three references"),
            (Codec::Vp9, &[0x02, 0x18, 0, 9, 0, 9, 1, 0x04, 7, 8, 9], 9, "a scalability structure"),
            (Codec::H264, &[0x65, 9], 1, "one picture part"),
            (Codec::H264, &[0x7c, 0x85, 9], 2, "a fragment"),
            (Codec::H265, &[0x62, 1, 0x93, 9], 3, "a fragment"),
            (Codec::Av1, &[0x18, 9], 1, "an aggregation header"),
            (Codec::Opus, &[9, 9], 0, "sound"),
            (Codec::Vp9, &[], 0, "nothing"),
        ];
        for (codec, payload, expected, story) in table {
            assert_eq!(length(codec, payload), expected, "{codec:?}, {story}");
        }
        let mut hostile = vec![0x02, 0x08, 255];
        hostile.resize(2_000, 0);
        assert_eq!(length(Codec::Vp9, &hostile), LENGTH_MAX);
    }
}
