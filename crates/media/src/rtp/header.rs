//! The RTP header (RFC 3550 §5.1) and its extensions (RFC 8285), read in place.

use super::{PayloadType, RtpTime, SeqNo, Ssrc};

/// The number that stands for an extension within one m-line: 1..=14 in the one-byte form, 1..=255 in
/// the two-byte form (RFC 8285 §4.2, §4.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ExtensionId(u8);

/// Where the parts of one RTP packet lie. Nothing is copied; offsets refer to the parsed slice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RtpHeader {
    /// The marker bit.
    pub marker: bool,
    /// The payload type.
    pub payload_type: PayloadType,
    /// The sequence number.
    pub seq: SeqNo,
    /// The timestamp.
    pub timestamp: RtpTime,
    /// The stream.
    pub ssrc: Ssrc,
    /// Whether the packet ends in padding, whose count is its last byte.
    pub padded: bool,
    extension_profile: u16,
    extension_start: u16,
    payload_start: u16,
}

/// Why bytes are not an RTP packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HeaderError {
    /// Shorter than its own header says.
    #[error("the packet ends within its header")]
    Truncated,
    /// Not version 2.
    #[error("the version is not 2")]
    Version,
    /// A payload type that rtcp-mux forbids.
    #[error("the payload type is not usable beside RTCP")]
    PayloadType,
}

impl ExtensionId {
    /// The id with this number; 0 is padding and 15 is reserved in the one-byte form (RFC 8285 §4.2).
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number == 0 || number == 15 { None } else { Some(Self(number)) }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl RtpHeader {
    /// Bytes in a header with neither contributing sources nor extensions.
    pub const FIXED_LENGTH: usize = 12;
    /// The profile of a one-byte extension block (RFC 8285 §4.2).
    pub const ONE_BYTE: u16 = 0xbede;

    /// Reads the header of `packet`.
    ///
    /// Padding is not looked at: before decryption its count is not readable (see [`Self::payload`]).
    ///
    /// # Errors
    /// Anything that is not a complete RTP header of version 2.
    pub fn parse(packet: &[u8]) -> Result<Self, HeaderError> {
        let Some((fixed, _)) = packet.split_first_chunk::<{ Self::FIXED_LENGTH }>() else {
            return Err(HeaderError::Truncated);
        };
        if fixed[0] >> 6 != 2 {
            return Err(HeaderError::Version);
        }
        let payload_type = PayloadType::new(fixed[1] & 0x7f).ok_or(HeaderError::PayloadType)?;
        let extension_start = Self::FIXED_LENGTH + usize::from(fixed[0] & 0x0f) * 4;
        let mut header = Self {
            marker: fixed[1] & 0x80 != 0,
            payload_type,
            seq: SeqNo::new(u16::from_be_bytes([fixed[2], fixed[3]])),
            timestamp: RtpTime::new(u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]])),
            ssrc: Ssrc::new(u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]])),
            padded: fixed[0] & 0x20 != 0,
            extension_profile: 0,
            extension_start: extension_start as u16,
            payload_start: extension_start as u16,
        };
        if fixed[0] & 0x10 != 0 {
            let block = packet.get(extension_start..extension_start + 4).ok_or(HeaderError::Truncated)?;
            header.extension_profile = u16::from_be_bytes([block[0], block[1]]);
            let words = usize::from(u16::from_be_bytes([block[2], block[3]]));
            let payload_start = extension_start + 4 + words * 4;
            header.extension_start = (extension_start + 4) as u16;
            header.payload_start = u16::try_from(payload_start).map_err(|_| HeaderError::Truncated)?;
        }
        if packet.len() < usize::from(header.payload_start) {
            return Err(HeaderError::Truncated);
        }
        Ok(header)
    }

    /// Where the payload begins: everything before it is authenticated but not encrypted.
    #[must_use]
    pub const fn payload_start(&self) -> usize {
        self.payload_start as usize
    }

    /// The payload of the decrypted `packet` without its padding; `None` when the padding count is
    /// zero or reaches into the header (RFC 3550 §5.1).
    #[must_use]
    pub fn payload<'a>(&self, packet: &'a [u8]) -> Option<&'a [u8]> {
        let payload = packet.get(self.payload_start()..)?;
        if !self.padded {
            return Some(payload);
        }
        let padding = usize::from(*payload.last()?);
        if padding == 0 { None } else { payload.get(..payload.len().checked_sub(padding)?) }
    }

    /// The header extensions of `packet`, in order; a malformed block ends the walk.
    #[must_use]
    pub fn extensions<'a>(&self, packet: &'a [u8]) -> ExtensionIter<'a> {
        let block = packet.get(usize::from(self.extension_start)..self.payload_start()).unwrap_or_default();
        let form = match self.extension_profile {
            Self::ONE_BYTE => Form::OneByte,
            // RFC 8285 §4.3: the low four bits are for the application.
            profile if profile & 0xfff0 == 0x1000 => Form::TwoByte,
            _ => return ExtensionIter { rest: &[], form: Form::OneByte },
        };
        ExtensionIter { rest: block, form }
    }

    /// The value of the extension `id` in `packet`.
    #[must_use]
    pub fn extension<'a>(&self, packet: &'a [u8], id: ExtensionId) -> Option<&'a [u8]> {
        self.extensions(packet).find(|(found, _)| *found == id).map(|(_, value)| value)
    }
}

/// Walks over the header extensions of a packet.
#[derive(Clone, Debug)]
pub struct ExtensionIter<'a> {
    rest: &'a [u8],
    form: Form,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    OneByte,
    TwoByte,
}

impl<'a> Iterator for ExtensionIter<'a> {
    type Item = (ExtensionId, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (&first, rest) = self.rest.split_first()?;
            if first == 0 {
                self.rest = rest;
                continue;
            }
            let (number, length, rest) = match self.form {
                // RFC 8285 §4.2: id 15 ends the block, whatever follows.
                Form::OneByte if first >> 4 == 15 => return self.end(),
                Form::OneByte => (first >> 4, usize::from(first & 0x0f) + 1, rest),
                Form::TwoByte => {
                    let Some((&length, rest)) = rest.split_first() else { return self.end() };
                    (first, usize::from(length), rest)
                }
            };
            let Some((value, rest)) = rest.split_at_checked(length) else { return self.end() };
            self.rest = rest;
            // Id 0 with a length (one-byte form) and id 15 (two-byte form) carry nothing for us.
            if let Some(id) = ExtensionId::new(number) {
                return Some((id, value));
            }
        }
    }
}

impl<'a> ExtensionIter<'a> {
    fn end<T>(&mut self) -> Option<T> {
        self.rest = &[];
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: [u8; 28] = [
        0xb0, 0xe0, 0x12, 0x34, 0, 0, 0, 9, 0, 0, 0, 7, // padding, extension, marker, pt 96
        0xbe, 0xde, 0, 2, 0x10, 0xaa, 0, 0x31, 1, 2, 0, 0, // id 1: aa; padding; id 3: 01 02
        0xd0, 0xd1, 0, 2, // two bytes of payload, two of padding
    ];

    #[test]
    fn reads_fields_extensions_and_payload() {
        let header = RtpHeader::parse(&PACKET).expect("a well-formed packet");
        assert!(header.marker && header.padded);
        assert_eq!(header.seq, SeqNo::new(0x1234));
        assert_eq!(header.ssrc, Ssrc::new(7));
        let found: Vec<_> =
            header.extensions(&PACKET).map(|(id, value)| (id.number(), value.to_vec())).collect();
        assert_eq!(found, [(1, vec![0xaa]), (3, vec![1, 2])]);
        assert_eq!(header.payload(&PACKET), Some(&[0xd0, 0xd1][..]));
    }

    #[test]
    fn every_truncation_is_refused_or_loses_only_payload() {
        for length in 0..PACKET.len() {
            match RtpHeader::parse(&PACKET[..length]) {
                Ok(header) => assert!(length >= header.payload_start()),
                Err(error) => assert_eq!(error, HeaderError::Truncated),
            }
        }
    }

    #[test]
    fn padding_that_reaches_into_the_header_is_no_payload() {
        let mut packet = PACKET;
        packet[27] = 5;
        let header = RtpHeader::parse(&packet).expect("the header itself is fine");
        assert_eq!(header.payload(&packet), None);
    }
}
