//! H.265's payload structures (RFC 7798 §4.4), as far as finding frames and keyframes.

use super::nal_unit::aggregated;

const IRAP: std::ops::RangeInclusive<u8> = 16..=23;
const VPS: u8 = 32;
const SPS: u8 = 33;
/// H.265 §7.4.2.2: coded slice segments; and what else may stand before the first of a frame.
const SLICES: std::ops::RangeInclusive<u8> = 0..=31;
const BEFORE_SLICES: std::ops::RangeInclusive<u8> = VPS..=39;
const AGGREGATION: u8 = 48;
const FRAGMENTATION: u8 = 49;

/// Whether this payload begins a keyframe: a parameter set, or the start of an intra random access
/// picture.
#[must_use]
pub(super) fn begins_keyframe(payload: &[u8]) -> bool {
    begins_unit(payload, |kind| IRAP.contains(&kind) || is_parameter_set(kind))
}

/// Whether a video or sequence parameter set begins in this payload.
pub(super) fn has_parameter_set(payload: &[u8]) -> bool {
    begins_unit(payload, is_parameter_set)
}

fn begins_unit(payload: &[u8], is_one: impl Fn(u8) -> bool) -> bool {
    let Some((header, rest)) = payload.split_first_chunk::<2>() else { return false };
    match unit_type(header[0]) {
        AGGREGATION => {
            aggregated(rest).any(|unit| unit.first().is_some_and(|header| is_one(unit_type(*header))))
        }
        // RFC 7798 §4.4.3: the S bit marks the first fragment, the low six bits are the type.
        FRAGMENTATION => rest.first().is_some_and(|fu| fu & 0x80 != 0 && is_one(fu & 0x3f)),
        kind => is_one(kind),
    }
}

/// Whether this payload has what stands at the start of a frame. That of one frame may have it several times.
pub(super) fn may_begin_frame(payload: &[u8]) -> bool {
    let Some((header, rest)) = payload.split_first_chunk::<2>() else { return false };
    match unit_type(header[0]) {
        AGGREGATION => aggregated(rest).next().is_some_and(|unit| {
            unit.split_first_chunk::<2>()
                .is_some_and(|(header, rest)| unit_begins_frame(unit_type(header[0]), rest))
        }),
        FRAGMENTATION => {
            rest.split_first().is_some_and(|(fu, rest)| fu & 0x80 != 0 && unit_begins_frame(fu & 0x3f, rest))
        }
        kind => unit_begins_frame(kind, rest),
    }
}

fn unit_begins_frame(kind: u8, rest: &[u8]) -> bool {
    // H.265 §7.3.6.1: a slice segment header begins with first_slice_segment_in_pic_flag.
    let first_slice = || SLICES.contains(&kind) && rest.first().is_some_and(|byte| byte & 0x80 != 0);
    BEFORE_SLICES.contains(&kind) || first_slice()
}

fn unit_type(first: u8) -> u8 {
    (first >> 1) & 0x3f
}

fn is_parameter_set(kind: u8) -> bool {
    kind == VPS || kind == SPS
}

#[cfg(test)]
mod tests {
    use super::{begins_keyframe, may_begin_frame};

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

    #[test]
    fn a_frame_begins_with_parameters_or_its_first_slice() {
        let table: [(&[u8], bool, &str); 6] = [
            (&[0x40, 0x01, 0x0c], true, "a video parameter set"),
            (&[0x02, 0x01, 0xd0], true, "the first slice"),
            (&[0x02, 0x01, 0x50], false, "a later slice"),
            (&[0x60, 0x01, 0, 3, 0x02, 0x01, 0xd0], true, "the first slice aggregated"),
            (&[0x62, 0x01, 0x93, 0xd0], true, "the first fragment of the first slice"),
            (&[0x62, 0x01, 0x13, 0xd0], false, "a later fragment"),
        ];
        for (payload, expected, story) in table {
            assert_eq!(may_begin_frame(payload), expected, "{story}");
        }
    }
}
