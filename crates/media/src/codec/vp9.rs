//! VP9's payload descriptor (RFC 9628 §4.2).

use super::patch::NumberPlaces;
use super::vp8::picture_id;
use super::{FrameInfo, Layer, PictureNumbers};

/// Whether this payload begins a picture that needs no other: the start of a frame of the lowest spatial
/// layer that is not predicted from earlier pictures.
#[must_use]
pub(super) fn begins_keyframe(payload: &[u8]) -> bool {
    Descriptor::parse(payload).is_some_and(|descriptor| descriptor.begins_keyframe())
}

/// What the payload says of its frame; `None` when it does not parse.
pub(super) fn describe(payload: &[u8]) -> Option<FrameInfo> {
    let descriptor = Descriptor::parse(payload)?;
    let indices = descriptor.indices.unwrap_or_default();
    let numbers = descriptor.picture.and_then(|place| picture_id(payload, place)).map(|(picture, bits)| {
        let base = descriptor.base.and_then(|place| payload.get(place).copied());
        PictureNumbers { picture, bits, base, contiguous: false }
    });
    Some(FrameInfo {
        layer: Layer { spatial: indices.spatial, temporal: indices.temporal },
        begins_frame: descriptor.begins_frame,
        ends_frame: descriptor.ends_frame,
        begins_keyframe: descriptor.begins_keyframe(),
        // RFC 9628 §4.2 deviation: there U speaks of the pictures after this one. libwebrtc, and with it every
        // browser, sets U on a picture that is itself predicted from lower temporal layers alone.
        switches_temporal: indices.temporal == 0 || indices.switches_up,
        switches_spatial: !descriptor.predicted,
        serves_upper: !descriptor.spares_upper,
        numbers,
        frame_number: None,
    })
}

/// Where the payload has its numbers; `None` without a picture id.
pub(super) fn number_places(payload: &[u8]) -> Option<NumberPlaces> {
    let descriptor = Descriptor::parse(payload)?;
    Some(NumberPlaces { picture: descriptor.picture?, base: descriptor.base })
}

/// The descriptor's fields up to the layer indices; places are offsets into the payload. What follows them,
/// references and the scalability structure, matters to receivers only.
struct Descriptor {
    predicted: bool,
    begins_frame: bool,
    ends_frame: bool,
    spares_upper: bool,
    picture: Option<usize>,
    indices: Option<Indices>,
    base: Option<usize>,
}

#[derive(Clone, Copy, Default)]
struct Indices {
    temporal: u8,
    switches_up: bool,
    spatial: u8,
}

impl Descriptor {
    fn parse(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let flag = |bit: u8| first & bit != 0;
        // RFC 9628 §4.2: P is set for prediction from earlier pictures, B and E mark the first and last packet
        // of a frame, Z one that no upper spatial layer needs.
        let mut descriptor = Self {
            predicted: flag(0x40),
            begins_frame: flag(0x08),
            ends_frame: flag(0x04),
            spares_upper: flag(0x01),
            picture: None,
            indices: None,
            base: None,
        };
        let mut place = 1;
        if flag(0x80) {
            descriptor.picture = Some(place);
            place += if payload.get(place)? & 0x80 != 0 { 2 } else { 1 };
        }
        if flag(0x20) {
            let byte = *payload.get(place)?;
            // RFC 9628 §4.2: TID in three bits, U, SID in three bits, D.
            descriptor.indices = Some(Indices {
                temporal: byte >> 5,
                switches_up: byte & 0x10 != 0,
                spatial: byte >> 1 & 0x07,
            });
            place += 1;
            // RFC 9628 §4.2: TL0PICIDX follows in non-flexible mode only.
            if !flag(0x10) {
                descriptor.base = Some(place);
                place += 1;
            }
        }
        (place <= payload.len()).then_some(descriptor)
    }

    fn begins_keyframe(&self) -> bool {
        self.begins_frame && !self.predicted && self.indices.unwrap_or_default().spatial == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_key_from_delta_frames_and_base_from_upper_layers() {
        let table: [(&[u8], bool, &str); 7] = [
            (&[0x08], true, "start of an independent frame"),
            (&[0x48], false, "inter-picture predicted"),
            (&[0x00], false, "not the start"),
            (&[0xa8, 0x92, 0x34, 0x00, 0x00], true, "base layer behind a long picture id"),
            (&[0xa8, 0x12, 0x00, 0x00], true, "base layer behind a short picture id"),
            (&[0xa8, 0x12, 0x02, 0x00], false, "spatial layer 1"),
            (&[0xa8, 0x92, 0x34], false, "cut short"),
        ];
        for (payload, expected, story) in table {
            assert_eq!(begins_keyframe(payload), expected, "{story}");
        }
    }

    // covers: RFC 9628 §4.2
    #[test]
    fn reads_layers_and_numbers_in_both_modes() {
        let flexible = describe(&[0xbd, 0x92, 0x34, 0x53]).expect("TID 2, U, SID 1, D; I, L, F, B, E, Z");
        assert_eq!(flexible.layer, Layer { spatial: 1, temporal: 2 });
        assert!(flexible.begins_frame && flexible.ends_frame && flexible.switches_temporal);
        assert!(flexible.switches_spatial, "P is clear");
        assert!(!flexible.serves_upper && !flexible.begins_keyframe);
        let numbers = PictureNumbers { picture: 0x1234, bits: 15, base: None, contiguous: false };
        assert_eq!(flexible.numbers, Some(numbers));

        let other = describe(&[0xe0, 0x12, 0x20, 0x77]).expect("I, P, L: the middle of a frame");
        assert_eq!(other.layer, Layer { spatial: 0, temporal: 1 });
        assert!(!other.begins_frame && !other.ends_frame && !other.switches_temporal);
        assert!(!other.switches_spatial && other.serves_upper);
        let numbers = PictureNumbers { picture: 0x12, bits: 7, base: Some(0x77), contiguous: false };
        assert_eq!(other.numbers, Some(numbers));

        assert_eq!(describe(&[0xe0, 0x12, 0x20]), None, "TL0PICIDX is cut off");
    }
}
