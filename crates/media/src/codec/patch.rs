//! The numbers of pictures, overwritten where they lie in a packet's copy for one subscriber.

use super::{Codec, PictureNumbers, vp8, vp9};

/// Overwrites the picture id of a VP8 or VP9 payload, and its TL0PICIDX where it has one and `numbers` too.
/// Each keeps the width it has on the wire, 7 or 15 bits for the picture id; the number's low bits are
/// written. Returns false and changes nothing where the payload has no picture id or does not parse.
pub fn patch_payload(codec: Codec, payload: &mut [u8], numbers: PictureNumbers) -> bool {
    let places = match codec {
        Codec::Vp8 => vp8::number_places(payload),
        Codec::Vp9 => vp9::number_places(payload),
        _ => None,
    };
    let Some(places) = places else { return false };
    let PictureNumbers { picture, base, .. } = numbers;
    match payload.get_mut(places.picture..) {
        // RFC 7741 §4.2, RFC 9628 §4.2: the first bit says whether the picture id has 15 bits or 7.
        Some([high, low, ..]) if *high & 0x80 != 0 => {
            [*high, *low] = (picture | 0x8000).to_be_bytes();
        }
        Some([short, ..]) => *short = picture as u8 & 0x7f,
        _ => return false,
    }
    if let Some((place, base)) = places.base.zip(base)
        && let Some(byte) = payload.get_mut(place)
    {
        *byte = base;
    }
    true
}

/// Overwrites the frame number in the value of a dependency descriptor. Returns false and changes nothing
/// where it is too short to have one.
///
/// The value's active decode targets stay the publisher's: they say what it encodes, and receivers need only
/// the references of the frames they get. libwebrtc's does not look at them to decode.
pub fn patch_descriptor(value: &mut [u8], frame_number: u16) -> bool {
    // AV1 RTP §A.8.2: after the flags and the template id, in 16 bits that begin at a byte.
    let Some(place) = value.get_mut(1..3) else { return false };
    place.copy_from_slice(&frame_number.to_be_bytes());
    true
}

/// Where the numbers lie in a payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NumberPlaces {
    /// The first byte of the picture id.
    pub(super) picture: usize,
    /// The byte of TL0PICIDX.
    pub(super) base: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::vp8::picture_id;
    use proptest::prelude::*;

    #[test]
    fn what_has_no_picture_id_is_left_as_it_is() {
        let numbers = PictureNumbers { picture: 1, bits: 15, base: Some(2), contiguous: true };
        let table: [(Codec, &[u8]); 6] = [
            (Codec::Vp8, &[0x10, 0x01]),
            (Codec::Vp8, &[0x80, 0x60, 0x09, 0x20]),
            (Codec::Vp8, &[0x90, 0x80, 0x92]),
            (Codec::Vp9, &[0x0c, 0x01]),
            (Codec::H264, &[0x65, 0x88]),
            (Codec::Vp9, &[]),
        ];
        for (codec, payload) in table {
            let mut patched = payload.to_vec();
            assert!(!patch_payload(codec, &mut patched, numbers), "{codec:?} {payload:?}");
            assert_eq!(patched, payload);
        }
        let mut short = [0xc0, 7];
        assert!(!patch_descriptor(&mut short, 1));
        assert_eq!(short, [0xc0, 7]);
    }

    proptest! {
        #[test]
        fn patched_numbers_are_read_back_and_no_other_bit_changes(
            codec in prop_oneof![Just(Codec::Vp8), Just(Codec::Vp9)],
            payload in proptest::collection::vec(any::<u8>(), 0..24),
            picture: u16,
            base: Option<u8>,
        ) {
            let places = |payload: &[u8]| match codec {
                Codec::Vp8 => vp8::number_places(payload),
                _ => vp9::number_places(payload),
            };
            let before = places(&payload);
            let mut patched = payload.clone();
            let numbers = PictureNumbers { picture, bits: 15, base, contiguous: false };
            prop_assert_eq!(patch_payload(codec, &mut patched, numbers), before.is_some());
            prop_assert_eq!(places(&patched), before);
            let Some(NumberPlaces { picture: place, base: base_place }) = before else {
                prop_assert_eq!(patched, payload);
                return Ok(());
            };
            let (_, bits) = picture_id(&payload, place).expect("it has one");
            prop_assert_eq!(picture_id(&patched, place), Some((picture & ((1 << bits) - 1), bits)));
            let width = if bits == 15 { 2 } else { 1 };
            for (at, (was, is)) in payload.iter().zip(&patched).enumerate() {
                if base_place == Some(at) {
                    prop_assert_eq!(*is, base.unwrap_or(*was));
                } else if !(place..place + width).contains(&at) {
                    prop_assert_eq!(is, was);
                }
            }
        }

        #[test]
        fn a_descriptors_frame_number_is_all_that_changes(
            value in proptest::collection::vec(any::<u8>(), 3..40),
            number: u16,
        ) {
            let mut patched = value.clone();
            prop_assert!(patch_descriptor(&mut patched, number));
            prop_assert_eq!(&patched[1..3], &number.to_be_bytes());
            prop_assert_eq!((patched[0], &patched[3..]), (value[0], &value[3..]));
        }
    }
}
