//! H.264's payload structures (RFC 6184 §5), as far as finding keyframes.

use super::nal_unit::aggregated;

const IDR: u8 = 5;
const SPS: u8 = 7;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// Whether this payload begins a keyframe: a sequence parameter set, or the start of an IDR slice for
/// encoders that send their parameter sets in SDP.
#[must_use]
pub(super) fn begins_keyframe(payload: &[u8]) -> bool {
    let Some((&first, rest)) = payload.split_first() else { return false };
    match first & 0x1f {
        STAP_A => aggregated(rest).any(is_key_unit),
        // RFC 6184 §5.8: the S bit marks the first fragment; the type follows in the same byte.
        FU_A => rest.first().is_some_and(|fu| fu & 0x80 != 0 && is_key_unit(*fu)),
        _ => is_key_unit(first),
    }
}

fn is_key_unit(header: u8) -> bool {
    matches!(header & 0x1f, IDR | SPS)
}

#[cfg(test)]
mod tests {
    use super::begins_keyframe;

    #[test]
    fn finds_the_key_unit_in_every_packetization() {
        let table: [(&[u8], bool, &str); 9] = [
            (&[0x67, 0x42], true, "a parameter set alone"),
            (&[0x65, 0x88], true, "an IDR slice alone"),
            (&[0x41, 0x9a], false, "a non-IDR slice"),
            (&[0x78, 0, 1, 0x67, 0, 1, 0x68], true, "a parameter set aggregated"),
            (&[0x78, 0, 1, 0x09, 0, 1, 0x65], true, "an IDR slice aggregated behind a delimiter"),
            (&[0x78, 0, 1, 0x41, 0, 9, 0x65], false, "an aggregate whose second length lies"),
            (&[0x7c, 0x85], true, "the first fragment of an IDR slice"),
            (&[0x7c, 0x45], false, "the last fragment of an IDR slice"),
            (&[], false, "nothing"),
        ];
        for (payload, expected, story) in table {
            assert_eq!(begins_keyframe(payload), expected, "{story}");
        }
    }
}
