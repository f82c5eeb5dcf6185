//! ChannelData, the short framing of media (RFC 8656 §12), and where a message in a stream ends.

use super::HEADER;

/// Channel number and length.
pub(crate) const CHANNEL_HEADER: usize = 4;

/// A ChannelData message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ChannelData<'a> {
    pub(crate) number: u16,
    pub(crate) payload: &'a [u8],
}

impl<'a> ChannelData<'a> {
    /// Reads one. What follows the payload is padding.
    pub(crate) fn parse(message: &'a [u8]) -> Option<Self> {
        let (header, rest) = message.split_first_chunk::<CHANNEL_HEADER>()?;
        let [number_high, number_low, length_high, length_low] = *header;
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        let number = u16::from_be_bytes([number_high, number_low]);
        Some(Self { number, payload: rest.get(..length)? })
    }
}

/// How long the message is that begins a stream's unread bytes, padding included (RFC 8656 §12.5: ChannelData
/// is padded to four bytes in streams). `None` until enough of it is there.
///
/// # Errors
/// `Err(())` for what is neither STUN nor ChannelData: the stream cannot be read on.
pub(crate) fn frame_length(unread: &[u8]) -> Result<Option<usize>, ()> {
    let Some(([kind, _, length_high, length_low], _)) = unread.split_first_chunk::<4>() else {
        return match unread.first() {
            Some(0x80..) => Err(()),
            _ => Ok(None),
        };
    };
    let length = usize::from(u16::from_be_bytes([*length_high, *length_low]));
    match kind {
        0x00..=0x3f => Ok(Some(HEADER + length)),
        0x40..=0x7f => Ok(Some(CHANNEL_HEADER + length.next_multiple_of(4))),
        _ => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_ends_where_its_length_says() {
        let message = [0x40, 0x01, 0, 3, b'a', b'b', b'c', 0];
        assert_eq!(ChannelData::parse(&message), Some(ChannelData { number: 0x4001, payload: b"abc" }));
        assert_eq!(ChannelData::parse(&message[..6]), None, "shorter than it says");
        assert_eq!(ChannelData::parse(&message[..3]), None);
    }

    #[test]
    fn messages_in_a_stream_are_cut_with_their_padding() {
        // covers: RFC 8656 §12.5
        assert_eq!(frame_length(&[0x40, 0x01, 0, 3, b'a']), Ok(Some(8)));
        assert_eq!(frame_length(&[0x00, 0x01, 0, 8]), Ok(Some(28)));
        assert_eq!(frame_length(&[0x40]), Ok(None));
        assert_eq!(frame_length(&[0x16, 0x03, 0x01, 0x02]), Ok(Some(HEADER + 0x102)));
        assert_eq!(frame_length(&[0x80]), Err(()));
        assert_eq!(frame_length(b"\xffrubbish"), Err(()));
    }
}
