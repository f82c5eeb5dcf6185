//! Counts what arrives of real VP8, whoever made it: which pictures are whole.

/// The pictures of one stream of VP8 (RFC 7741) as its receiver sees them. A picture is whole when its packets
/// came in order from the one that begins it to the one with the marker; one that was repaired out of order
/// counts as lost.
#[derive(Clone, Copy, Debug, Default)]
pub struct PictureLog {
    /// Whole pictures.
    pub whole: u32,
    /// Keyframes among them.
    pub keyframes: u32,
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    /// The sequence number of the packet that goes on with it.
    next: u16,
    is_keyframe: bool,
}

impl PictureLog {
    /// Takes one RTP packet: its sequence number, its marker, its payload.
    pub fn handle_packet(&mut self, number: u16, marker: bool, payload: &[u8]) {
        self.open = match begins_picture(payload) {
            Some(is_keyframe) => Some(Open { next: number, is_keyframe }),
            None => self.open.filter(|open| open.next == number),
        };
        let Some(open) = &mut self.open else { return };
        open.next = number.wrapping_add(1);
        if marker {
            self.whole += 1;
            self.keyframes += u32::from(open.is_keyframe);
            self.open = None;
        }
    }

    /// Whole pictures of a stream that has had no keyframe yet: nothing of it can be shown.
    #[must_use]
    pub fn blind(&self) -> u32 {
        if self.keyframes == 0 { self.whole } else { 0 }
    }
}

/// Whether a payload begins a picture, and then whether that is a keyframe.
fn begins_picture(payload: &[u8]) -> Option<bool> {
    let first = *payload.first()?;
    // RFC 7741 §4.2: S begins a partition, whose index is PID; the picture begins with partition 0.
    if first & 0x17 != 0x10 {
        return None;
    }
    let mut length = 1;
    if first & 0x80 != 0 {
        let extension = *payload.get(1)?;
        length += 1;
        if extension & 0x80 != 0 {
            length += if payload.get(length)? & 0x80 != 0 { 2 } else { 1 };
        }
        length += usize::from(extension & 0x40 != 0) + usize::from(extension & 0x30 != 0);
    }
    // RFC 7741 §4.3: the lowest bit is clear in a keyframe.
    Some(payload.get(length)? & 1 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The packets of a picture: the first one begins it, without and with an extended descriptor.
    const KEYFRAME: &[u8] = &[0x10, 0x00, 1];
    const DELTA: &[u8] = &[0x90, 0x80, 0x85, 0x01, 0x01];
    const MORE: &[u8] = &[0x00, 7];

    #[test]
    fn a_picture_is_whole_from_its_beginning_to_its_marker() {
        let mut log = PictureLog::default();
        let packets = [(65_534, false, KEYFRAME), (65_535, false, MORE), (0, true, MORE), (1, true, DELTA)];
        for (number, marker, payload) in packets {
            log.handle_packet(number, marker, payload);
        }
        assert_eq!((log.whole, log.keyframes), (2, 1));
    }

    #[test]
    fn one_that_lacks_a_packet_is_not() {
        let mut log = PictureLog::default();
        let packets = [
            (1, true, MORE),
            (2, false, KEYFRAME),
            (4, true, MORE),
            (5, true, MORE),
            (6, false, DELTA),
            (7, true, DELTA),
            (8, true, &[]),
            (9, true, &[0x90, 0x80]),
        ];
        for (number, marker, payload) in packets {
            log.handle_packet(number, marker, payload);
        }
        assert_eq!((log.whole, log.keyframes), (1, 0), "the one whose only packet came");
    }
}
