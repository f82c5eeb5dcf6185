//! Bytes to messages and back (RFC 6455 §5), without a socket.

use super::deflate::{InflateError, deflate, inflate};
use bytes::{Buf, Bytes, BytesMut};
use std::io::Cursor;
use std::ops::ControlFlow;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// A message.
    Text(String),
    /// A message of bytes.
    Binary(Vec<u8>),
    /// To be answered with a pong of the same bytes.
    Ping(Bytes),
    /// A sign of life.
    Pong,
    /// The client ends it.
    Close,
}

/// Why what a client sends cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// It breaks RFC 6455 or RFC 7692.
    Broken,
    /// A message longer than the limit.
    TooBig,
    /// A text that is not UTF-8 (RFC 6455 §8.1).
    NotUtf8,
}

/// Puts a client's messages together.
#[derive(Debug)]
pub(super) struct FrameReader {
    /// Bytes that no frame was made of yet: less than a frame, and a frame is bounded by `bytes_max`.
    buffer: BytesMut,
    message: Option<Fragments>,
    /// Whether messages may be compressed.
    compression: bool,
    /// Bytes of one message, before and after decompression.
    bytes_max: usize,
}

/// The first frames of a message whose end has not come.
#[derive(Debug)]
struct Fragments {
    is_text: bool,
    is_compressed: bool,
    payload: Vec<u8>,
}

/// RFC 6455 §5.5: a control frame's payload.
const CONTROL_BYTES_MAX: u64 = 125;

impl FrameReader {
    pub(super) fn new(compression: bool, bytes_max: usize) -> Self {
        Self { buffer: BytesMut::new(), message: None, compression, bytes_max }
    }

    /// Where bytes from the socket are put.
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next message or control frame, if it is there.
    pub(super) fn poll_incoming(&mut self) -> Result<Option<Incoming>, ReadError> {
        while let Some((header, payload)) = self.poll_frame()? {
            let taken = match header.opcode {
                OpCode::Control(control) => ControlFlow::Break(control_frame(control, payload)),
                OpCode::Data(data) => self.take_data(data, &header, &payload)?,
            };
            if let ControlFlow::Break(incoming) = taken {
                return Ok(Some(incoming));
            }
        }
        Ok(None)
    }

    /// The next whole frame, unmasked.
    fn poll_frame(&mut self) -> Result<Option<(FrameHeader, Bytes)>, ReadError> {
        let mut cursor = Cursor::new(&self.buffer[..]);
        let Some((header, length)) = FrameHeader::parse(&mut cursor).map_err(|_| ReadError::Broken)? else {
            return Ok(None);
        };
        let header_length = usize::try_from(cursor.position()).map_err(|_| ReadError::Broken)?;
        self.check(&header, length)?;
        let length = usize::try_from(length).map_err(|_| ReadError::TooBig)?;
        if self.buffer.len() - header_length < length {
            self.buffer.reserve(header_length + length - self.buffer.len());
            return Ok(None);
        }
        self.buffer.advance(header_length);
        let mut payload = self.buffer.split_to(length);
        // RFC 6455 §5.1: a client masks every frame.
        let mask = header.mask.ok_or(ReadError::Broken)?;
        for (place, byte) in payload.iter_mut().enumerate() {
            *byte ^= mask[place % mask.len()];
        }
        Ok(Some((header, payload.freeze())))
    }

    /// Judges a frame by its header, before its payload is waited for.
    fn check(&self, header: &FrameHeader, length: u64) -> Result<(), ReadError> {
        let is_control = matches!(header.opcode, OpCode::Control(_));
        let begins_message = matches!(header.opcode, OpCode::Data(Data::Text | Data::Binary));
        // RFC 6455 §5.2: reserved bits are zero unless an extension gives them a meaning.
        // RFC 7692 §6: compression is said on a message's first frame, never on control frames.
        let is_reserved = header.rsv2 || header.rsv3 || header.rsv1 && !(self.compression && begins_message);
        // RFC 6455 §5.5: control frames are short and whole.
        let is_bad_control = is_control && (!header.is_final || length > CONTROL_BYTES_MAX);
        // RFC 6455 §5.4: fragments of one message follow one another.
        let is_out_of_order = !is_control && begins_message == self.message.is_some();
        if header.mask.is_none() || is_reserved || is_bad_control || is_out_of_order {
            return Err(ReadError::Broken);
        }
        let so_far = self.message.as_ref().map_or(0, |message| message.payload.len());
        let fits = length <= self.bytes_max.saturating_sub(so_far) as u64;
        if is_control || fits { Ok(()) } else { Err(ReadError::TooBig) }
    }

    fn take_data(
        &mut self,
        data: Data,
        header: &FrameHeader,
        payload: &[u8],
    ) -> Result<ControlFlow<Incoming>, ReadError> {
        let mut message = self.message.take().unwrap_or_else(|| Fragments {
            is_text: data == Data::Text,
            is_compressed: header.rsv1,
            payload: Vec::new(),
        });
        message.payload.extend_from_slice(payload);
        if !header.is_final {
            self.message = Some(message);
            return Ok(ControlFlow::Continue(()));
        }
        let bytes = if message.is_compressed {
            inflate(&message.payload, self.bytes_max).map_err(|error| match error {
                InflateError::TooLong => ReadError::TooBig,
                InflateError::Invalid => ReadError::Broken,
            })?
        } else {
            message.payload
        };
        if !message.is_text {
            return Ok(ControlFlow::Break(Incoming::Binary(bytes)));
        }
        let text = String::from_utf8(bytes).map_err(|_| ReadError::NotUtf8)?;
        Ok(ControlFlow::Break(Incoming::Text(text)))
    }
}

/// Reserved opcodes never come here: the header's parser refuses them.
fn control_frame(control: Control, payload: Bytes) -> Incoming {
    match control {
        Control::Ping => Incoming::Ping(payload),
        Control::Pong => Incoming::Pong,
        Control::Close | Control::Reserved(_) => Incoming::Close,
    }
}

/// A text message as one frame, compressed where it was agreed and pays.
pub(super) fn text_frame(text: &str, compression: bool) -> Frame {
    let compressed = if compression { deflate(text.as_bytes()) } else { None };
    let opcode = OpCode::Data(Data::Text);
    let rsv1 = compressed.is_some();
    let payload = compressed.map_or_else(|| Bytes::copy_from_slice(text.as_bytes()), Bytes::from);
    Frame::from_payload(FrameHeader { opcode, rsv1, ..FrameHeader::default() }, payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 2000;

    /// A client's frame with these first bits and this payload.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut bytes = vec![first];
        match payload.len() {
            length @ 0..126 => bytes.push(0x80 | length as u8),
            length => {
                bytes.push(0x80 | 126);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
        }
        bytes.extend_from_slice(&mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    /// What a reader makes of `bytes`, fed in pieces of `step`.
    fn read(bytes: &[u8], step: usize) -> Result<Vec<Incoming>, ReadError> {
        let mut reader = FrameReader::new(true, LIMIT);
        let mut incoming = Vec::new();
        for piece in bytes.chunks(step) {
            reader.buffer().extend_from_slice(piece);
            while let Some(next) = reader.poll_incoming()? {
                incoming.push(next);
            }
        }
        Ok(incoming)
    }

    // covers: RFC 6455 §5.4
    #[test]
    fn fragments_join_and_control_frames_may_come_between() {
        let bytes = [
            frame(0x01, b"one "),
            frame(0x89, b"hi"),
            frame(0x00, b"two "),
            frame(0x80, b"three"),
            frame(0x82, b"raw"),
            frame(0x8a, b""),
            frame(0x81, "zwölf".as_bytes()),
            frame(0x88, &[0x03, 0xe8]),
        ]
        .concat();
        let expected = [
            Incoming::Ping(Bytes::from_static(b"hi")),
            Incoming::Text("one two three".into()),
            Incoming::Binary(b"raw".to_vec()),
            Incoming::Pong,
            Incoming::Text("zwölf".into()),
            Incoming::Close,
        ];
        for step in [1, 2, 7, 1000] {
            assert_eq!(read(&bytes, step).as_deref(), Ok(&expected[..]), "pieces of {step}");
        }
    }

    // covers: RFC 7692 §6.2
    #[test]
    fn a_compressed_message_may_come_in_fragments() {
        let text = "candidate ".repeat(120);
        let payload = deflate(text.as_bytes()).expect("it gets shorter");
        let (head, tail) = payload.split_at(payload.len() / 2);
        let bytes = [frame(0x41, head), frame(0x80, tail), frame(0xc1, &payload)].concat();
        assert_eq!(read(&bytes, 5), Ok(vec![Incoming::Text(text.clone()), Incoming::Text(text)]));
    }

    #[test]
    fn what_breaks_the_protocol_is_refused() {
        let unmasked = vec![0x81, 0x01, b'x'];
        for (bytes, what) in [
            (unmasked, "an unmasked frame"),
            (frame(0x83, b""), "a reserved opcode"),
            (frame(0xa1, b""), "a reserved bit"),
            (frame(0xc9, b""), "a compressed ping"),
            (frame(0x09, b""), "a ping in fragments"),
            (frame(0x89, &[0; 126]), "a long ping"),
            (frame(0x80, b""), "a continuation of nothing"),
            ([frame(0x01, b"a"), frame(0x81, b"b")].concat(), "a message within a message"),
            ([frame(0x01, b"a"), frame(0xc0, b"b")].concat(), "compression said too late"),
            (frame(0xc1, &[0xff; 9]), "no DEFLATE data"),
        ] {
            assert_eq!(read(&bytes, 3), Err(ReadError::Broken), "{what}");
        }
        assert_eq!(read(&frame(0x81, &[0xff]), 3), Err(ReadError::NotUtf8));
        let mut reader = FrameReader::new(false, LIMIT);
        reader.buffer().extend_from_slice(&frame(0xc1, b"a"));
        assert_eq!(reader.poll_incoming(), Err(ReadError::Broken), "compression that was not agreed");
    }

    #[test]
    fn too_much_is_refused_by_its_header_alone() {
        let long = frame(0x82, &[0; LIMIT + 1]);
        assert_eq!(read(&long[..8], 8), Err(ReadError::TooBig));
        let endless = [0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4];
        assert_eq!(read(&endless, 14), Err(ReadError::TooBig));
        let sum = [frame(0x02, &[0; LIMIT]), frame(0x80, b"x")].concat();
        assert_eq!(read(&sum, 100), Err(ReadError::TooBig));
        let bomb = deflate(&[b' '; 100_000]).expect("it gets shorter");
        assert!(bomb.len() < LIMIT);
        assert_eq!(read(&frame(0xc1, &bomb), 100), Err(ReadError::TooBig));
    }

    #[test]
    fn an_answer_is_compressed_where_agreed() {
        let long = "a=candidate ".repeat(200);
        let frame = text_frame(&long, true);
        assert!(frame.header().rsv1 && frame.payload().len() < long.len() / 4);
        assert_eq!(inflate(frame.payload(), long.len()).as_deref(), Ok(long.as_bytes()));
        assert!(!text_frame(&long, false).header().rsv1);
        assert!(!text_frame("short", true).header().rsv1);
    }
}
