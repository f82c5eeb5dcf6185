//! VP8's payload descriptor (RFC 7741 §4.2), as far as finding keyframes.

/// Whether this payload begins a keyframe. Only its first packet says so.
#[must_use]
pub(super) fn begins_keyframe(payload: &[u8]) -> bool {
    begins(payload).unwrap_or(false)
}

fn begins(payload: &[u8]) -> Option<bool> {
    let (&first, mut rest) = payload.split_first()?;
    // RFC 7741 §4.2: S set and partition 0 mark the first packet of a frame.
    if first & 0x17 != 0x10 {
        return Some(false);
    }
    if first & 0x80 != 0 {
        let (&extension, after) = rest.split_first()?;
        rest = after;
        if extension & 0x80 != 0 {
            // RFC 7741 §4.2: M set means a picture id of two bytes.
            let length = if rest.first()? & 0x80 != 0 { 2 } else { 1 };
            rest = rest.get(length..)?;
        }
        let tl0 = usize::from(extension & 0x40 != 0);
        let tid_or_keyidx = usize::from(extension & 0x30 != 0);
        rest = rest.get(tl0 + tid_or_keyidx..)?;
    }
    // RFC 7741 §4.3: the P bit of the payload header is clear in keyframes.
    Some(rest.first()? & 0x01 == 0)
}

#[cfg(test)]
mod tests {
    use super::begins_keyframe;

    #[test]
    fn tells_key_from_delta_frames_behind_every_descriptor() {
        let table: [(&[u8], bool, &str); 9] = [
            (&[0x10, 0x00], true, "no extension, P clear"),
            (&[0x10, 0x01], false, "no extension, P set"),
            (&[0x00, 0x00], false, "not the start of a partition"),
            (&[0x11, 0x00], false, "partition 1"),
            (&[0x90, 0x80, 0x12, 0x00], true, "a picture id of one byte"),
            (&[0x90, 0x80, 0x92, 0x34, 0x00], true, "a picture id of two bytes"),
            (&[0x90, 0xe0, 0x92, 0x34, 0x07, 0x20, 0x00], true, "picture id, TL0PICIDX and TID"),
            (&[0x90, 0xf0, 0x92, 0x34, 0x07, 0x20, 0x01], false, "the same before a delta frame"),
            (&[0x90, 0xf0, 0x92, 0x34], false, "cut short"),
        ];
        for (payload, expected, story) in table {
            assert_eq!(begins_keyframe(payload), expected, "{story}");
        }
    }
}
