//! One packet on its way to one subscriber, and the RTP header it leaves with.

use super::repair::Stored;
use super::route::Route;
use crate::codec::{Codec, PictureNumbers, patch_descriptor, patch_payload};
use crate::id::{SessionId, SinkId};
use crate::rtp::{AbsSendTime, ExtSeq, Extension, ExtensionId, PayloadType, RtpHeader, RtpParameters};
use crate::rtp::{RtpTime, SeqNo, Ssrc};

/// Bytes of extension block that a departing packet may have. Everything browsers send fits several times
/// over; a value that does not is left out.
const EXTENSIONS_MAX: usize = 512;
const HEADER_MAX: usize = RtpHeader::FIXED_LENGTH + EXTENSIONS_MAX;

/// A packet to seal and send. Its numbers are final: it exists from release on, so a pacer that holds
/// packets back holds references into the sources' rings, not departures.
#[derive(Clone, Copy, Debug)]
pub struct Departure<'a> {
    /// Whose transport it takes.
    pub session: SessionId,
    /// The subscriber's stream.
    pub sink: SinkId,
    /// The SSRC it has: the sink's, or the sink's for retransmissions.
    pub ssrc: Ssrc,
    /// Its number in that SSRC's stream: the packet index that SRTP seals it under, each exactly once.
    pub index: ExtSeq,
    /// The number it repairs, which stands at the start of a retransmission's payload (RFC 4588 §4).
    pub(super) original: Option<SeqNo>,
    pub(super) header: &'a [u8],
    /// What follows the header (and the repaired number), shared by all subscribers.
    pub(super) payload: &'a [u8],
    /// The picture's numbers in this subscriber's copy of the payload, where they differ.
    pub(super) numbers: Option<(Codec, PictureNumbers)>,
    /// Bytes of padding behind the payload, which the header tells of.
    pub(super) padding: u8,
}

impl Departure<'_> {
    /// Bytes of the RTP header, which SRTP authenticates but does not encrypt.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        self.header.len()
    }

    /// Bytes of the whole packet, before SRTP adds its tag.
    #[must_use]
    pub const fn packet_len(&self) -> usize {
        let original = if self.original.is_some() { 2 } else { 0 };
        self.header.len() + original + self.payload.len() + self.padding as usize
    }

    /// Writes the packet to the start of `out` and returns [`Self::packet_len`].
    ///
    /// # Panics
    /// When `out` is shorter than that.
    pub fn write(&self, out: &mut [u8]) -> usize {
        let (header, rest) = out.split_at_mut(self.header.len());
        header.copy_from_slice(self.header);
        let rest = match self.original {
            Some(original) => {
                let (number, rest) = rest.split_at_mut(2);
                number.copy_from_slice(&original.wire().to_be_bytes());
                rest
            }
            None => rest,
        };
        let (payload, rest) = rest.split_at_mut(self.payload.len());
        payload.copy_from_slice(self.payload);
        if let Some((codec, numbers)) = self.numbers {
            // They were read there, so they are there.
            patch_payload(codec, payload, numbers);
        }
        if let Some((last, zeros)) = rest[..usize::from(self.padding)].split_last_mut() {
            // RFC 3550 §5.1: the last octet of the padding counts all of it.
            zeros.fill(0);
            *last = self.padding;
        }
        self.packet_len()
    }
}

/// The header fields that differ between subscribers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub(super) marker: bool,
    /// The payload ends with padding (RFC 3550 §5.1).
    pub(super) padded: bool,
    pub(super) payload_type: PayloadType,
    pub(super) seq: SeqNo,
    pub(super) timestamp: RtpTime,
    pub(super) ssrc: Ssrc,
}

/// The extensions of a departing packet: the sink's own, and those that its source's packet hands on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extensions<'a> {
    pub(super) sink: &'a RtpParameters,
    pub(super) send_time: AbsSendTime,
    /// The packet's transport-wide number, and the id that it goes by.
    pub(super) transport_number: Option<(ExtensionId, SeqNo)>,
    /// The route and the source's packet; `None` for a packet that stands for no packet of the source.
    pub(super) forwarded: Option<(&'a Route, Stored<'a>)>,
    /// The frame number in its dependency descriptor, where it differs from the source's.
    pub(super) frame_number: Option<u16>,
}

/// Room for one header, used again for each departure.
#[derive(Debug)]
pub(super) struct HeaderBuffer {
    bytes: [u8; HEADER_MAX],
    length: usize,
}

impl HeaderBuffer {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; HEADER_MAX], length: 0 }
    }

    /// Writes a header and returns it.
    ///
    /// Packets of one sink with the same kinds of extensions keep the publisher's size relations, so equal
    /// sizes stay equal and share a GSO run; `level.rs` makes them equal.
    pub(super) fn write(&mut self, fields: Fields, extensions: &Extensions<'_>) -> &[u8] {
        // Extensions of another length than the one-byte form can hold are rare: try that form first.
        let block = self
            .write_extensions(extensions, Form::OneByte)
            .or_else(|| self.write_extensions(extensions, Form::TwoByte))
            .unwrap_or(0);
        let extended = if block > 0 { 0x10 } else { 0 };
        let marker = if fields.marker { 0x80 } else { 0 };
        let padded = if fields.padded { 0x20 } else { 0 };
        // RFC 3550 §5.1: version 2; padding and contributing sources are not handed on.
        self.bytes[0] = 0x80 | padded | extended;
        self.bytes[1] = marker | fields.payload_type.wire();
        self.bytes[2..4].copy_from_slice(&fields.seq.wire().to_be_bytes());
        self.bytes[4..8].copy_from_slice(&fields.timestamp.wire().to_be_bytes());
        self.bytes[8..12].copy_from_slice(&fields.ssrc.wire().to_be_bytes());
        self.length = RtpHeader::FIXED_LENGTH + block;
        &self.bytes[..self.length]
    }

    /// Writes the block and returns its length, 0 when there is none; `None` when this form cannot hold
    /// the values.
    fn write_extensions(&mut self, extensions: &Extensions<'_>, form: Form) -> Option<usize> {
        let mut block = Block { bytes: &mut self.bytes[RtpHeader::FIXED_LENGTH..], length: 4, form };
        let negotiated = &extensions.sink.extensions;
        if let Some(id) = negotiated.id(Extension::Mid) {
            block.push(id, extensions.sink.mid.as_bytes())?;
        }
        if let Some(id) = negotiated.id(Extension::AbsSendTime) {
            block.push(id, &extensions.send_time.to_bytes())?;
        }
        if let Some((id, number)) = extensions.transport_number {
            block.push(id, &number.wire().to_be_bytes())?;
        }
        if let Some((route, stored)) = &extensions.forwarded {
            for (id, value) in stored.header.extensions(stored.packet) {
                let Some(id) = route.extension(id) else { continue };
                let written = block.push(id, value)?;
                if let Some(number) = extensions.frame_number
                    && negotiated.id(Extension::DependencyDescriptor) == Some(id)
                {
                    patch_descriptor(written, number);
                }
            }
        }
        Some(block.finish())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    OneByte,
    TwoByte,
}

/// An extension block that is being written (RFC 8285 §4).
struct Block<'a> {
    bytes: &'a mut [u8],
    /// Bytes written, with the four that begin the block.
    length: usize,
    form: Form,
}

impl Block<'_> {
    /// Adds a value and returns it where it stands, or leaves it out when the block is full; `None` when it
    /// needs the other form.
    fn push(&mut self, id: ExtensionId, value: &[u8]) -> Option<&mut [u8]> {
        let mut head = [0; 2];
        let head = match self.form {
            // RFC 8285 §4.2: ids to 14 and lengths from 1 to 16, written as length - 1.
            Form::OneByte => {
                let length = value.len().checked_sub(1).filter(|length| *length < 16)?;
                if id.number() > 14 {
                    return None;
                }
                head[0] = id.number() << 4 | length as u8;
                &head[..1]
            }
            // RFC 8285 §4.3: id and length have a byte each; a parsed value is at most 255 long.
            Form::TwoByte => {
                head = [id.number(), u8::try_from(value.len()).ok()?];
                &head[..]
            }
        };
        let end = self.length + head.len() + value.len();
        let Some(room) = self.bytes.get_mut(self.length..end) else { return Some(&mut []) };
        let (place, rest) = room.split_at_mut(head.len());
        place.copy_from_slice(head);
        rest.copy_from_slice(value);
        self.length = end;
        Some(rest)
    }

    /// Pads the block to whole words and writes its beginning; returns its length, 0 for an empty one.
    fn finish(self) -> usize {
        if self.length == 4 {
            return 0;
        }
        let end = self.length.next_multiple_of(4);
        self.bytes[self.length..end].fill(0);
        let profile = match self.form {
            Form::OneByte => RtpHeader::ONE_BYTE,
            Form::TwoByte => 0x1000,
        };
        self.bytes[..2].copy_from_slice(&profile.to_be_bytes());
        self.bytes[2..4].copy_from_slice(&((end / 4 - 1) as u16).to_be_bytes());
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::tests::parameters::{format, parameters, pt};
    use std::time::Duration;

    fn fields() -> Fields {
        Fields {
            marker: true,
            padded: false,
            payload_type: pt(120),
            seq: SeqNo::new(0x1234),
            timestamp: RtpTime::new(99),
            ssrc: Ssrc::new(7),
        }
    }

    fn written(extensions: &Extensions<'_>) -> (RtpHeader, Vec<u8>) {
        let mut buffer = HeaderBuffer::new();
        let bytes = buffer.write(fields(), extensions).to_vec();
        let header = RtpHeader::parse(&bytes).expect("what was written parses");
        assert_eq!(header.payload_start(), bytes.len());
        (header, bytes)
    }

    fn values(header: &RtpHeader, bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        header.extensions(bytes).map(|(id, value)| (id.number(), value.to_vec())).collect()
    }

    #[test]
    fn carries_the_sinks_numbers_and_its_own_extensions() {
        let sink = parameters(
            "v1",
            vec![format(120, Codec::Vp8)],
            &[(4, Extension::Mid), (2, Extension::AbsSendTime), (5, Extension::TransportSequenceNumber)],
        );
        let send_time = AbsSendTime::since_origin(Duration::from_secs(1));
        let id = sink.transport_number_id().expect("feedback on it was agreed");
        let transport_number = Some((id, SeqNo::new(0x0fff)));
        let (header, bytes) = written(&Extensions {
            sink: &sink,
            send_time,
            transport_number,
            forwarded: None,
            frame_number: None,
        });
        assert!(header.marker && !header.padded);
        assert_eq!((header.payload_type, header.seq.wire()), (pt(120), 0x1234));
        assert_eq!((header.timestamp.wire(), header.ssrc.wire()), (99, 7));
        let expected = [(4, b"v1".to_vec()), (2, vec![4, 0, 0]), (5, vec![0x0f, 0xff])];
        assert_eq!(values(&header, &bytes), expected);
        assert_eq!(bytes[12..14], [0xbe, 0xde]);
    }

    #[test]
    fn without_extensions_there_is_no_block() {
        let sink = parameters("0", vec![format(120, Codec::Vp8)], &[]);
        let send_time = AbsSendTime::since_origin(Duration::ZERO);
        let (header, bytes) = written(&Extensions {
            sink: &sink,
            send_time,
            transport_number: None,
            forwarded: None,
            frame_number: None,
        });
        assert_eq!((values(&header, &bytes).len(), bytes.len()), (0, 12));
    }

    #[test]
    fn a_long_value_or_a_high_id_takes_the_two_byte_form() {
        let descriptor = [9; 40];
        let mut packet = vec![0x90, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0x10, 0x00, 0, 11, 3, 40];
        packet.extend(descriptor);
        packet.extend([0, 0]);
        let header = RtpHeader::parse(&packet).expect("a well-formed packet");
        let source = parameters("0", vec![format(96, Codec::Av1)], &[(3, Extension::DependencyDescriptor)]);
        let sink = parameters(
            "0",
            vec![format(120, Codec::Av1)],
            &[(16, Extension::DependencyDescriptor), (1, Extension::Mid)],
        );
        let route = Route::new(&source, &sink);
        let stored = Stored { header, timestamp: header.timestamp, frame: None, packet: &packet };
        let send_time = AbsSendTime::since_origin(Duration::ZERO);
        let forwarded = Some((&route, stored));
        let (header, bytes) = written(&Extensions {
            sink: &sink,
            send_time,
            transport_number: None,
            forwarded,
            frame_number: None,
        });
        assert_eq!(values(&header, &bytes), [(1, b"0".to_vec()), (16, descriptor.to_vec())]);
        assert_eq!(bytes[12..14], [0x10, 0x00]);
    }

    #[test]
    fn a_hostile_pile_of_extensions_is_cut_not_overrun() {
        let mut packet = vec![0x90, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xbe, 0xde, 1, 0];
        for _ in 0..60 {
            packet.extend([0x3f; 17]);
        }
        packet.resize(16 + 1024, 0);
        let header = RtpHeader::parse(&packet).expect("a well-formed packet");
        let extensions = [(3, Extension::ColorSpace)];
        let source = parameters("0", vec![format(96, Codec::Vp8)], &extensions);
        let route = Route::new(&source, &source);
        let stored = Stored { header, timestamp: header.timestamp, frame: None, packet: &packet };
        let send_time = AbsSendTime::since_origin(Duration::ZERO);
        let forwarded = Some((&route, stored));
        let (header, bytes) = written(&Extensions {
            sink: &source,
            send_time,
            transport_number: None,
            forwarded,
            frame_number: None,
        });
        assert_eq!(values(&header, &bytes).len(), (EXTENSIONS_MAX - 4) / 17);
        assert!(bytes.len() <= HEADER_MAX);
    }
}
