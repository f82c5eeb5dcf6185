//! WebSockets with compressed messages (RFC 6455, RFC 7692).
//!
//! axum's WebSockets know no extensions, and of the crates that do none fits: those with bounded
//! decompression are under the MPL, soketto decompresses without bound and closes with code 1000 only. So
//! the handshake and the frame headers are tungstenite's, DEFLATE is flate2's, and the messages between them
//! are put together here.

mod deflate;
mod frame;
mod handshake;

pub(crate) use frame::{Incoming, ReadError};
pub(crate) use handshake::Handshake;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use frame::{FrameReader, text_frame};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::frame::{CloseFrame, Frame};

/// A compressed message's size on the wire says little of it, so what is agreed is part of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// Whether both sides may compress messages.
    pub(crate) compression: bool,
}

/// The half that reads.
pub(crate) struct Reader {
    half: ReadHalf<TokioIo<Upgraded>>,
    frames: FrameReader,
}

/// The half that writes.
pub(crate) struct Writer {
    half: WriteHalf<TokioIo<Upgraded>>,
    agreed: Agreed,
    /// Bytes that the socket has not taken yet: those of one frame, or of two when the first was given up.
    pending: BytesMut,
}

/// Bytes to have room for at each read; a message is a few hundred, an offer a few thousand.
const READ_BYTES: usize = 8 << 10;

/// The two halves of a connection whose messages have at most `message_bytes_max`, compressed or not.
pub(crate) fn halves(upgraded: Upgraded, agreed: Agreed, message_bytes_max: usize) -> (Reader, Writer) {
    let (read, write) = split(TokioIo::new(upgraded));
    let frames = FrameReader::new(agreed.compression, message_bytes_max);
    (Reader { half: read, frames }, Writer { half: write, agreed, pending: BytesMut::new() })
}

impl Reader {
    /// The next message; `None` when the connection has ended. Nothing is lost when this is dropped half
    /// done.
    ///
    /// # Errors
    /// When the client broke the protocol or a limit. Nothing can be read after that.
    pub(crate) async fn next(&mut self) -> Result<Option<Incoming>, ReadError> {
        loop {
            if let Some(incoming) = self.frames.poll_incoming()? {
                return Ok(Some(incoming));
            }
            let buffer = self.frames.buffer();
            buffer.reserve(READ_BYTES);
            // An error is the other way in which a connection ends.
            if self.half.read_buf(buffer).await.unwrap_or(0) == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads and forgets until the client has closed: a socket that is closed with unread data resets the
    /// connection, and the client might never see why.
    pub(crate) async fn drain(&mut self) {
        let mut rest = [0; 1024];
        while self.half.read(&mut rest).await.is_ok_and(|length| length > 0) {}
    }
}

impl Writer {
    /// Sends a message.
    ///
    /// # Errors
    /// When the connection has ended.
    pub(crate) async fn text(&mut self, text: &str) -> io::Result<()> {
        self.write(text_frame(text, self.agreed.compression)).await
    }

    /// Asks for a sign of life.
    ///
    /// # Errors
    /// When the connection has ended.
    pub(crate) async fn ping(&mut self) -> io::Result<()> {
        self.write(Frame::ping(Bytes::new())).await
    }

    /// Answers a ping.
    ///
    /// # Errors
    /// When the connection has ended.
    pub(crate) async fn pong(&mut self, payload: Bytes) -> io::Result<()> {
        self.write(Frame::pong(payload)).await
    }

    /// Says the last word (RFC 6455 §5.5.1), and that no more will come.
    ///
    /// # Errors
    /// When the connection has ended.
    pub(crate) async fn close(&mut self, code: u16, reason: &'static str) -> io::Result<()> {
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
        self.write(Frame::close(Some(frame))).await?;
        self.half.shutdown().await
    }

    async fn write(&mut self, frame: Frame) -> io::Result<()> {
        self.pending.reserve(frame.len());
        frame.format(&mut (&mut self.pending).writer()).map_err(io::Error::other)?;
        // Who gives up waiting leaves no frame cut in half: the next one goes on where this one stopped.
        while self.pending.has_remaining() {
            self.half.write_buf(&mut self.pending).await?;
        }
        self.half.flush().await
    }
}
