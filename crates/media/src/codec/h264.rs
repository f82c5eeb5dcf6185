//! H.264's payload structures (RFC 6184 §5), as far as finding frames and keyframes.

use super::nal_unit::aggregated;

const SLICES: std::ops::RangeInclusive<u8> = 1..=5;
const IDR: u8 = 5;
const SEI: u8 = 6;
const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// Whether this payload begins a keyframe: a sequence parameter set, or the start of an IDR slice for
/// encoders that send their parameter sets in SDP.
#[must_use]
pub(super) fn begins_keyframe(payload: &[u8]) -> bool {
    begins_unit(payload, &[IDR, SPS])
}

/// Whether a sequence parameter set begins in this payload.
pub(super) fn has_parameter_set(payload: &[u8]) -> bool {
    begins_unit(payload, &[SPS])
}

fn begins_unit(payload: &[u8], kinds: &[u8]) -> bool {
    let is_one = |header: u8| kinds.contains(&(header & 0x1f));
    let Some((&first, rest)) = payload.split_first() else { return false };
    match first & 0x1f {
        STAP_A => aggregated(rest).any(|unit| unit.first().is_some_and(|header| is_one(*header))),
        // RFC 6184 §5.8: the S bit marks the first fragment; the type follows in the same byte.
        FU_A => rest.first().is_some_and(|fu| fu & 0x80 != 0 && is_one(*fu)),
        _ => is_one(first),
    }
}

/// Whether this payload has what stands at the start of a frame. That of one frame may have it several times.
pub(super) fn may_begin_frame(payload: &[u8]) -> bool {
    let Some((&first, rest)) = payload.split_first() else { return false };
    match first & 0x1f {
        STAP_A => aggregated(rest).next().is_some_and(|unit| {
            unit.split_first().is_some_and(|(header, rest)| unit_begins_frame(*header, rest))
        }),
        FU_A => rest.split_first().is_some_and(|(fu, rest)| fu & 0x80 != 0 && unit_begins_frame(*fu, rest)),
        _ => unit_begins_frame(first, rest),
    }
}

fn unit_begins_frame(header: u8, rest: &[u8]) -> bool {
    match header & 0x1f {
        SEI | SPS | PPS | DELIMITER => true,
        // H.264 §7.3.3: a slice header begins with first_mb_in_slice, whose zero is written as one set bit.
        kind => SLICES.contains(&kind) && rest.first().is_some_and(|byte| byte & 0x80 != 0),
    }
}

#[cfg(test)]
mod tests {
    use super::{begins_keyframe, may_begin_frame};

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

    #[test]
    fn a_frame_begins_with_parameters_or_its_first_slice() {
        let table: [(&[u8], bool, &str); 8] = [
            (&[0x67, 0x42], true, "a parameter set"),
            (&[0x41, 0x9a], true, "the first slice"),
            (&[0x41, 0x42], false, "a later slice"),
            (&[0x78, 0, 2, 0x06, 0x05, 0, 2, 0x41, 0x9a], true, "an aggregate that begins with SEI"),
            (&[0x7c, 0x85, 0x88], true, "the first fragment of the first slice"),
            (&[0x7c, 0x85, 0x40], false, "the first fragment of a later slice"),
            (&[0x7c, 0x05, 0x88], false, "the middle of a slice"),
            (&[0x78, 0, 0], false, "an empty unit"),
        ];
        for (payload, expected, story) in table {
            assert_eq!(may_begin_frame(payload), expected, "{story}");
        }
    }
}
