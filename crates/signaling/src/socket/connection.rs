//! One WebSocket: a half that reads, a half that writes, a heartbeat between them.

use super::{CloseReason, ConnectionId, Departure, FrameError, Protocol, SocketEvent};
use crate::auth::Permit;
use crate::limits::Limits;
use crate::state::{Shared, Slot};
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use std::future::pending;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval_at, sleep, timeout};
use tracing::{debug, info};

/// One browser's connection.
pub(crate) struct Connection {
    id: ConnectionId,
    socket: WebSocket,
    shared: Arc<Shared>,
    /// Its place among the connections that are allowed; free again when this is dropped.
    slot: Slot,
    /// What its client may do.
    permit: Permit,
}

/// What its owner has for a browser. When the channel ends without a `Close`, the browser was too
/// slow.
pub(crate) enum Outbound {
    Text(Utf8Bytes),
    Close(CloseReason),
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client closed it or vanished.
    Closed,
    /// The client's page is gone (RFC 6455 §7.4.1: code 1001).
    GoneAway,
    /// No frame, not even a pong, within the limit.
    Silent,
    /// A message of more than the fatal size.
    TooBig,
    /// Frames that break RFC 6455.
    Broken,
    /// It did not read what was sent.
    TooSlow,
    /// Text that is not UTF-8 (RFC 6455 §8.1).
    NotUtf8,
    /// Its token has ended.
    TokenEnded,
    /// The server wants it.
    Server(CloseReason),
}

/// Errors that may wait for a client. When it is full, reading waits: who floods is slowed down by its
/// own answers.
const ERRORS_MAX: usize = 16;

/// How long a client may take to answer the server's close.
const CLOSE_MAX: Duration = Duration::from_secs(2);

impl Connection {
    pub(crate) fn new(
        id: ConnectionId,
        socket: WebSocket,
        shared: Arc<Shared>,
        slot: Slot,
        permit: Permit,
    ) -> Self {
        Self { id, socket, shared, slot, permit }
    }

    pub(crate) fn id(&self) -> ConnectionId {
        self.id
    }

    pub(crate) fn address(&self) -> IpAddr {
        self.slot.address()
    }

    pub(crate) fn permit(&self) -> &Permit {
        &self.permit
    }

    /// Runs until either side ends it. The last thing its owner hears is [`SocketEvent::Left`].
    pub(crate) async fn run<P: Protocol>(self, outgoing: mpsc::Receiver<Outbound>) {
        let Self { id, socket, shared, slot, permit } = self;
        let limits = &shared.config.limits;
        let (mut sink, mut stream) = socket.split();
        let (errors, waiting_errors) = mpsc::channel(ERRORS_MAX);
        let reader = Reader { id, address: slot.address(), shared: &shared, errors };
        let end = tokio::select! {
            end = reader.run::<P>(&mut stream) => end,
            end = write(&mut sink, outgoing, waiting_errors, limits) => end,
            () = token_end(&permit) => End::TokenEnded,
        };
        info!(?end, "disconnected");
        let departure = if end == End::GoneAway { Departure::GoneAway } else { Departure::Lost };
        // The owner may itself have ended; then nobody needs to know.
        let _ = P::inbox(&shared).send(SocketEvent::Left { connection: id, departure }.into()).await;
        say_goodbye(end, sink, stream).await;
        drop(slot);
    }
}

/// The half that reads.
struct Reader<'a> {
    id: ConnectionId,
    address: IpAddr,
    shared: &'a Shared,
    errors: mpsc::Sender<String>,
}

impl Reader<'_> {
    async fn run<P: Protocol>(self, stream: &mut SplitStream<WebSocket>) -> End {
        let limits = &self.shared.config.limits;
        loop {
            let frame = match timeout(limits.silence_max, stream.next()).await {
                Err(_) => return End::Silent,
                Ok(None) => return End::Closed,
                Ok(Some(Err(error))) => return read_error(error),
                Ok(Some(Ok(frame))) => frame,
            };
            let heard = match &frame {
                Message::Text(text) if text.len() > limits.message_bytes_fatal => return End::TooBig,
                Message::Binary(bytes) if bytes.len() > limits.message_bytes_fatal => return End::TooBig,
                Message::Text(text) => self.admitted(text.len()).and_then(|()| P::parse(text)),
                Message::Binary(bytes) => self.admitted(bytes.len()).and(Err(FrameError::Binary)),
                Message::Close(Some(frame)) if frame.code == close_code::AWAY => return End::GoneAway,
                Message::Close(_) => return End::Closed,
                Message::Ping(_) | Message::Pong(_) => continue,
            };
            let passed_on = match heard {
                Ok(message) => P::inbox(self.shared)
                    .send(SocketEvent::Message { from: self.id, message }.into())
                    .await
                    .is_ok(),
                Err(error) => {
                    self.shared.metrics.count_signaling_error(error.label());
                    debug!(%error, "frame refused");
                    let text = match &frame {
                        Message::Text(text) if error.was_looked_at() => Some(text.as_str()),
                        _ => None,
                    };
                    self.errors.send(P::refusal(error, text)).await.is_ok()
                }
            };
            if !passed_on {
                return End::Server(CloseReason::ShuttingDown);
            }
        }
    }

    /// Whether a message of so many bytes is looked at. Cheapest refusal first.
    fn admitted(&self, bytes: usize) -> Result<(), FrameError> {
        let max = self.shared.config.limits.message_bytes_max;
        let now = Instant::now(); // clock: a socket's frames have no other time
        if !self.shared.take_message_token(now, self.address) {
            return Err(FrameError::TooFast);
        }
        if bytes > max { Err(FrameError::TooLong(max)) } else { Ok(()) }
    }
}

fn read_error(error: axum::Error) -> End {
    use tungstenite::Error;
    let error = error.into_inner();
    match error.downcast_ref::<Error>() {
        Some(Error::Capacity(_)) => End::TooBig,
        Some(Error::Utf8(_)) => End::NotUtf8,
        Some(Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => End::Closed,
        Some(Error::Protocol(_)) => End::Broken,
        _ => End::Closed,
    }
}

/// The half that writes.
async fn write(
    sink: &mut SplitSink<WebSocket, Message>,
    mut outgoing: mpsc::Receiver<Outbound>,
    mut errors: mpsc::Receiver<String>,
    limits: &Limits,
) -> End {
    // RFC 6455 §5.5.2: a ping must be answered, so a client that lives is heard of in each interval.
    let first = tokio::time::Instant::now() + limits.ping_every; // clock: the heartbeat's
    let mut heartbeat = interval_at(first, limits.ping_every);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let frame = tokio::select! {
            outbound = outgoing.recv() => match outbound {
                Some(Outbound::Text(text)) => Message::Text(text),
                Some(Outbound::Close(reason)) => return End::Server(reason),
                None => return End::TooSlow,
            },
            Some(error) = errors.recv() => Message::Text(error.into()),
            _ = heartbeat.tick() => Message::Ping(Default::default()),
        };
        match timeout(limits.write_max, sink.send(frame)).await {
            Err(_) => return End::TooSlow,
            // The reader sees why: an error to send is a connection that is closed or closing.
            Ok(Err(_)) => return End::Closed,
            Ok(Ok(())) => {}
        }
    }
}

/// Waits for the end of the token that opened the connection, without end if it has none.
pub(crate) async fn token_end(permit: &Permit) {
    // clock: tokens end by the wall's
    match permit.remaining(SystemTime::now()) {
        Some(remaining) => sleep(remaining).await,
        None => pending().await,
    }
}

/// Ends the WebSocket in order (RFC 6455 §7.1.2), for as long as the client may take.
async fn say_goodbye(end: End, mut sink: SplitSink<WebSocket, Message>, mut stream: SplitStream<WebSocket>) {
    let goodbye = async {
        if let Some((code, reason)) = end.close_code() {
            let frame = CloseFrame { code, reason: reason.into() };
            sink.send(Message::Close(Some(frame))).await?;
        }
        sink.flush().await?;
        // What still comes is read, and so is the client's own close: a socket that is closed with unread
        // data resets the connection, and the client might never see why.
        while let Some(frame) = stream.next().await {
            frame?;
        }
        Ok::<(), axum::Error>(())
    };
    match timeout(CLOSE_MAX, goodbye).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "no orderly end"),
        Err(_) => debug!("no orderly end in time"),
    }
}

impl End {
    /// The close frame, where the client can be expected to read one.
    fn close_code(self) -> Option<(u16, &'static str)> {
        match self {
            Self::Closed | Self::GoneAway => None,
            Self::Silent => Some((close_code::POLICY, "no sign of life")),
            Self::TooBig => Some((close_code::SIZE, "the message is too big")),
            Self::Broken => Some((close_code::PROTOCOL, "broken frame")),
            Self::NotUtf8 => Some((close_code::INVALID, "text is not UTF-8")),
            Self::TooSlow => Some((close_code::POLICY, "messages were not read")),
            Self::TokenEnded => Some((CLOSE_TOKEN_ENDED, "the token has ended: connect with a new one")),
            Self::Server(CloseReason::Replaced) => Some((CLOSE_REPLACED, "replaced by a newer connection")),
            Self::Server(CloseReason::Removed) => Some((CLOSE_REMOVED, "removed from the room")),
            Self::Server(CloseReason::ShuttingDown) => {
                Some((close_code::AWAY, "the server is shutting down"))
            }
        }
    }
}

/// RFC 6455 §7.4.2: 4000 to 4999 are for applications. Tells a page not to connect again: it has.
const CLOSE_REPLACED: u16 = 4001;

/// Tells a page that its participant was removed.
const CLOSE_REMOVED: u16 = 4002;

/// The token that opened the connection has ended. A page connects with a new one: a room keeps its
/// participant's place meanwhile.
pub(crate) const CLOSE_TOKEN_ENDED: u16 = 4003;
