//! VP9's payload descriptor (RFC 9628 §4.2), as far as finding keyframes.

/// Whether this payload begins a picture that needs no other: the start of a frame of the lowest spatial
/// layer that is not predicted from earlier pictures.
#[must_use]
pub(super) fn begins_keyframe(payload: &[u8]) -> bool {
    begins(payload).unwrap_or(false)
}

fn begins(payload: &[u8]) -> Option<bool> {
    let (&first, mut rest) = payload.split_first()?;
    let flag = |bit: u8| first & bit != 0;
    // RFC 9628 §4.2: P is set for inter-picture prediction, B marks the start of a frame.
    if flag(0x40) || !flag(0x08) {
        return Some(false);
    }
    if flag(0x80) {
        let length = if rest.first()? & 0x80 != 0 { 2 } else { 1 };
        rest = rest.get(length..)?;
    }
    // RFC 9628 §4.2: SID is three bits above the lowest of the layer indices.
    let spatial_layer = if flag(0x20) { (rest.first()? >> 1) & 0x07 } else { 0 };
    Some(spatial_layer == 0)
}

#[cfg(test)]
mod tests {
    use super::begins_keyframe;

    #[test]
    fn tells_key_from_delta_frames_and_base_from_upper_layers() {
        let table: [(&[u8], bool, &str); 7] = [
            (&[0x08], true, "start of an independent frame"),
            (&[0x48], false, "inter-picture predicted"),
            (&[0x00], false, "not the start"),
            (&[0xa8, 0x92, 0x34, 0x00], true, "base layer behind a long picture id"),
            (&[0xa8, 0x12, 0x00], true, "base layer behind a short picture id"),
            (&[0xa8, 0x12, 0x02], false, "spatial layer 1"),
            (&[0xa8, 0x92, 0x34], false, "cut short"),
        ];
        for (payload, expected, story) in table {
            assert_eq!(begins_keyframe(payload), expected, "{story}");
        }
    }
}
