//! AV1's aggregation header (AV1 RTP payload format §4.4), as far as finding keyframes.

/// Whether this payload begins a coded video sequence, which a keyframe always does.
#[must_use]
pub(super) fn begins_keyframe(payload: &[u8]) -> bool {
    // AV1 RTP §4.4: N marks the first packet of a coded video sequence; Z, a continued unit, excludes it.
    payload.first().is_some_and(|header| header & 0x88 == 0x08)
}

#[cfg(test)]
mod tests {
    use super::begins_keyframe;

    #[test]
    fn the_first_packet_of_a_sequence_is_marked() {
        assert!(begins_keyframe(&[0x18, 0x0a]));
        assert!(!begins_keyframe(&[0x10, 0x32]), "N is clear");
        assert!(!begins_keyframe(&[0x88, 0x32]), "the middle of a unit");
        assert!(!begins_keyframe(&[]));
    }
}
