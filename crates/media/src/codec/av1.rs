//! AV1's aggregation header (AV1 RTP payload format §4.4), as far as finding frames and keyframes.

const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
const FRAME_HEADER: u8 = 3;
const METADATA: u8 = 5;
const FRAME: u8 = 6;

/// Whether this payload begins a coded video sequence, which a keyframe always does.
#[must_use]
pub(super) fn begins_keyframe(payload: &[u8]) -> bool {
    // AV1 RTP §4.4: N marks the first packet of a coded video sequence; Z, a continued unit, excludes it.
    payload.first().is_some_and(|header| header & 0x88 == 0x08)
}

/// Whether this payload begins with what stands at the start of a frame. That of one frame may do so several
/// times.
pub(super) fn may_begin_frame(payload: &[u8]) -> bool {
    first_unit(payload).is_some_and(|header| {
        let kind = header >> 3 & 0x0f;
        matches!(kind, SEQUENCE_HEADER | TEMPORAL_DELIMITER | FRAME_HEADER | METADATA | FRAME)
    })
}

/// The header byte of the first unit that begins in this payload; `None` where it begins with the rest of one.
fn first_unit(payload: &[u8]) -> Option<u8> {
    let (&header, mut rest) = payload.split_first()?;
    if header & 0x80 != 0 {
        return None;
    }
    // AV1 RTP §4.4: W = 1 is one unit without its length; otherwise a length in LEB128 comes first.
    if header & 0x30 != 0x10 {
        let length = rest.iter().take(8).position(|byte| byte & 0x80 == 0)? + 1;
        rest = rest.get(length..)?;
    }
    rest.first().copied()
}

#[cfg(test)]
mod tests {
    use super::{begins_keyframe, may_begin_frame};

    #[test]
    fn the_first_packet_of_a_sequence_is_marked() {
        assert!(begins_keyframe(&[0x18, 0x0a]));
        assert!(!begins_keyframe(&[0x10, 0x32]), "N is clear");
        assert!(!begins_keyframe(&[0x88, 0x32]), "the middle of a unit");
        assert!(!begins_keyframe(&[]));
    }

    // covers: AV1 RTP §4.4
    #[test]
    fn a_frame_begins_with_its_header_whatever_stands_before_it() {
        let table: [(&[u8], bool, &str); 7] = [
            (&[0x18, 0x0a], true, "a sequence header alone"),
            (&[0x20, 0x02, 0x0a, 0x01, 0x32], true, "a sequence header behind its length, then a frame"),
            (&[0x00, 0x82, 0x01, 0x32], true, "a frame behind a length of two bytes"),
            (&[0x10, 0x22], false, "a tile group"),
            (&[0x90, 0x32], false, "the rest of a unit"),
            (&[0x20, 0xff, 0xff], false, "a length without end"),
            (&[0x10], false, "nothing behind the header"),
        ];
        for (payload, expected, story) in table {
            assert_eq!(may_begin_frame(payload), expected, "{story}");
        }
    }
}
