//! H.265's payload structures (RFC 7798 §4.4), as far as finding keyframes.

use super::nal_unit::aggregated;

const IRAP: std::ops::RangeInclusive<u8> = 16..=23;
const VPS: u8 = 32;
const SPS: u8 = 33;
const AGGREGATION: u8 = 48;
const FRAGMENTATION: u8 = 49;

/// Whether this payload begins a keyframe: a parameter set, or the start of an intra random access
/// picture.
#[must_use]
pub(super) fn begins_keyframe(payload: &[u8]) -> bool {
    let Some((header, rest)) = payload.split_first_chunk::<2>() else { return false };
    match unit_type(header[0]) {
        AGGREGATION => aggregated(rest).any(|header| is_key_unit(unit_type(header))),
        // RFC 7798 §4.4.3: the S bit marks the first fragment, the low six bits are the type.
        FRAGMENTATION => rest.first().is_some_and(|fu| fu & 0x80 != 0 && is_key_unit(fu & 0x3f)),
        kind => is_key_unit(kind),
    }
}

fn unit_type(first: u8) -> u8 {
    (first >> 1) & 0x3f
}

fn is_key_unit(kind: u8) -> bool {
    IRAP.contains(&kind) || kind == VPS || kind == SPS
}

#[cfg(test)]
mod tests {
    use super::begins_keyframe;

    #[test]
    fn finds_the_key_unit_in_every_packetization() {
        let table: [(&[u8], bool, &str); 7] = [
            (&[0x40, 0x01, 0x0c], true, "a video parameter set"),
            (&[0x26, 0x01, 0xaf], true, "an IDR slice"),
            (&[0x02, 0x01, 0xd0], false, "a trailing picture"),
            (&[0x60, 0x01, 0, 2, 0x02, 0x01, 0, 2, 0x42, 0x01], true, "a parameter set aggregated"),
            (&[0x62, 0x01, 0x93], true, "the first fragment of an IDR slice"),
            (&[0x62, 0x01, 0x13], false, "a later fragment"),
            (&[0x40], false, "cut short"),
        ];
        for (payload, expected, story) in table {
            assert_eq!(begins_keyframe(payload), expected, "{story}");
        }
    }
}
