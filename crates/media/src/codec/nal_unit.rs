//! NAL units packed together, as H.264 and H.265 do alike.

/// The units in an aggregation packet, of which `rest` is what follows its own header; ends where a length
/// reaches past the payload. Empty units are left out.
pub(super) fn aggregated(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        // RFC 6184 §5.7.1, RFC 7798 §4.4.2: each unit follows its length in 16 bits.
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (unit, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        rest = after;
        Some(unit)
    })
    .filter(|unit| !unit.is_empty())
}
