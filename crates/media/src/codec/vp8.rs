//! VP8's payload descriptor (RFC 7741 §4.2), and of the payload the bit that tells keyframes.

use super::patch::NumberPlaces;
use super::{FrameInfo, Layer, PictureNumbers};

/// Whether this payload begins a keyframe. Only its first packet says so.
#[must_use]
pub(super) fn begins_keyframe(payload: &[u8]) -> bool {
    Descriptor::parse(payload).is_some_and(|descriptor| descriptor.begins_keyframe(payload))
}

/// What the payload of a packet with this `marker` says of its frame; `None` when it does not parse.
pub(super) fn describe(payload: &[u8], marker: bool) -> Option<FrameInfo> {
    let descriptor = Descriptor::parse(payload)?;
    let begins_keyframe = descriptor.begins_keyframe(payload);
    let temporal = descriptor.temporal.unwrap_or(Temporal { id: 0, sync: true });
    Some(FrameInfo {
        layer: Layer { spatial: 0, temporal: temporal.id },
        begins_frame: descriptor.begins_frame,
        ends_frame: marker,
        begins_keyframe,
        // RFC 7741 §4.2: Y says that the picture depends on the base layer alone.
        switches_temporal: temporal.id == 0 || temporal.sync,
        switches_spatial: begins_keyframe,
        serves_upper: true,
        numbers: descriptor.numbers(payload),
        frame_number: None,
    })
}

/// Where the payload has its numbers; `None` without a picture id.
pub(super) fn number_places(payload: &[u8]) -> Option<NumberPlaces> {
    let descriptor = Descriptor::parse(payload)?;
    Some(NumberPlaces { picture: descriptor.picture?, base: descriptor.base })
}

/// The descriptor's fields; places are offsets into the payload.
struct Descriptor {
    begins_frame: bool,
    picture: Option<usize>,
    base: Option<usize>,
    temporal: Option<Temporal>,
    length: usize,
}

#[derive(Clone, Copy)]
struct Temporal {
    id: u8,
    sync: bool,
}

impl Descriptor {
    fn parse(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        // RFC 7741 §4.2: S set and partition 0 mark the first packet of a frame.
        let begins_frame = first & 0x17 == 0x10;
        let mut descriptor = Self { begins_frame, picture: None, base: None, temporal: None, length: 1 };
        if first & 0x80 == 0 {
            return Some(descriptor);
        }
        let extension = *payload.get(1)?;
        let mut place = 2;
        if extension & 0x80 != 0 {
            descriptor.picture = Some(place);
            // RFC 7741 §4.2: M set means a picture id of two bytes.
            place += if payload.get(place)? & 0x80 != 0 { 2 } else { 1 };
        }
        if extension & 0x40 != 0 {
            descriptor.base = Some(place);
            place += 1;
        }
        // RFC 7741 §4.2: one byte for TID, Y and KEYIDX; TID counts only where T is set.
        if extension & 0x30 != 0 {
            let byte = *payload.get(place)?;
            if extension & 0x20 != 0 {
                descriptor.temporal = Some(Temporal { id: byte >> 6, sync: byte & 0x20 != 0 });
            }
            place += 1;
        }
        descriptor.length = place;
        (place <= payload.len()).then_some(descriptor)
    }

    fn begins_keyframe(&self, payload: &[u8]) -> bool {
        // RFC 7741 §4.3: the P bit of the payload header is clear in keyframes.
        self.begins_frame && payload.get(self.length).is_some_and(|header| header & 0x01 == 0)
    }

    fn numbers(&self, payload: &[u8]) -> Option<PictureNumbers> {
        let (picture, bits) = picture_id(payload, self.picture?)?;
        let base = self.base.and_then(|place| payload.get(place).copied());
        Some(PictureNumbers { picture, bits, base, contiguous: true })
    }
}

/// The picture id at `place` and how many bits it has; VP9 writes it in the same way.
pub(super) fn picture_id(payload: &[u8], place: usize) -> Option<(u16, u8)> {
    match payload.get(place..)? {
        [high, low, ..] if high & 0x80 != 0 => Some((u16::from_be_bytes([high & 0x7f, *low]), 15)),
        [short, ..] if short & 0x80 == 0 => Some((u16::from(*short), 7)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    // covers: RFC 7741 §4.2
    #[test]
    fn reads_layer_and_numbers() {
        // Payload; temporal layer and whether it may be entered; picture id, its bits and TL0PICIDX.
        type Row = (&'static [u8], (u8, bool), Option<(u16, u8, Option<u8>)>, &'static str);
        let table: [Row; 6] = [
            (&[0x10, 0x01], (0, true), None, "nothing but the first byte"),
            (&[0x90, 0x80, 0x12, 0x01], (0, true), Some((0x12, 7, None)), "a short picture id"),
            (&[0x90, 0xe0, 0x92, 0x34, 7, 0x20, 1], (0, true), Some((0x1234, 15, Some(7))), "the base layer"),
            (&[0x90, 0xe0, 0x92, 0x34, 7, 0x60, 1], (1, true), Some((0x1234, 15, Some(7))), "a layer sync"),
            (&[0x90, 0xe0, 0x92, 0x34, 7, 0x80, 1], (2, false), Some((0x1234, 15, Some(7))), "no layer sync"),
            (&[0x80, 0x50, 0x09, 0xc5, 1], (0, true), None, "TL0PICIDX and KEYIDX without picture id or TID"),
        ];
        for (payload, (temporal, switches), numbers, story) in table {
            let frame = describe(payload, false).expect(story);
            let numbers =
                numbers.map(|(picture, bits, base)| PictureNumbers { picture, bits, base, contiguous: true });
            assert_eq!(frame.layer, Layer { spatial: 0, temporal }, "{story}");
            assert_eq!(frame.switches_temporal, switches, "{story}");
            assert_eq!(frame.numbers, numbers, "{story}");
        }
        assert_eq!(describe(&[0x90, 0xe0, 0x92, 0x34, 0x07], true), None, "cut short");
    }
}
