//! One WebSocket of an application: requests in, one after another; answers and events out.

use super::Shared;
use super::cache::AnswerCache;
use super::dispatch::{Dispatcher, Handled};
use super::failure::{Code, Failure};
use super::jsonrpc::{Answer, answer_text, id_of, notification_text, parse};
use super::object::Notification;
use super::outbox::{Outgoing, outbox};
use super::session::SocketId;
use crate::auth::Permit;
use crate::socket::connection::{CLOSE_TOKEN_ENDED, token_end};
use crate::state::Slot;
use crate::websocket::{Agreed, Incoming, ReadError, Reader, Writer, halves};
use axum::extract::ws::close_code;
use hyper::upgrade::OnUpgrade;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval_at, sleep, sleep_until, timeout};
use tracing::{debug, info};

/// How long a client may take to take the answer to its upgrade.
const UPGRADE_MAX: Duration = Duration::from_secs(10);

/// How long a client may take to answer the server's close.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// A connection whose HTTP part is answered.
pub(crate) struct Connection {
    pub(crate) shared: Arc<Shared>,
    /// Its place among the connections that are allowed; free again when this is dropped.
    pub(crate) slot: Slot,
    /// Until when it may stay.
    pub(crate) permit: Permit,
    pub(crate) upgrade: OnUpgrade,
    pub(crate) agreed: Agreed,
    /// Whether it asked for the path of the protocol.
    pub(crate) is_path_valid: bool,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client closed it or vanished.
    Closed,
    /// No frame, not even a pong, within the limit.
    Silent,
    /// The client broke the protocol, or a limit of it.
    Unreadable(ReadError),
    /// It did not read what was sent.
    TooSlow,
    /// It asked for another path.
    InvalidPath,
    /// Its token has ended.
    TokenEnded,
    /// The server ends.
    ShuttingDown,
}

impl Connection {
    /// Runs until either side ends it.
    pub(crate) async fn run(self) {
        let Self { shared, slot, permit, upgrade, agreed, is_path_valid } = self;
        let Ok(Ok(upgraded)) = timeout(UPGRADE_MAX, upgrade).await else {
            debug!("the client did not take the upgrade");
            return;
        };
        let (mut reader, mut writer) = halves(upgraded, agreed, shared.config.message_bytes_fatal);
        let end = if is_path_valid {
            let (sender, outgoing) = outbox(shared.config.events_per_socket_max.max(1));
            let socket = OpenSocket { id: shared.sessions().open(sender), shared: &shared };
            let mut talk = Talk {
                shared: &shared,
                slot: &slot,
                dispatcher: Dispatcher::new(Arc::clone(&shared), socket.id),
                socket: socket.id,
                cache: AnswerCache::new(),
                outgoing,
                closing: shared.closing.clone(),
                permit: &permit,
                writer: &mut writer,
            };
            talk.run(&mut reader).await
        } else {
            End::InvalidPath
        };
        info!(?end, "disconnected");
        say_goodbye(end, reader, writer).await;
    }
}

/// An entry in the table of sockets. It is gone when this is dropped, also by a panic.
struct OpenSocket<'a> {
    id: SocketId,
    shared: &'a Shared,
}

impl Drop for OpenSocket<'_> {
    fn drop(&mut self) {
        self.shared.sessions().close(self.id);
    }
}

/// A connection at work.
struct Talk<'a> {
    shared: &'a Shared,
    slot: &'a Slot,
    dispatcher: Dispatcher,
    socket: SocketId,
    cache: AnswerCache,
    outgoing: Outgoing,
    closing: watch::Receiver<bool>,
    permit: &'a Permit,
    writer: &'a mut Writer,
}

impl Talk<'_> {
    async fn run(&mut self, reader: &mut Reader) -> End {
        match self.until_end(reader).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    /// Events are written between requests and while one takes long, never between a request and an answer
    /// that is at hand: no object's event comes before the answer that made it known.
    async fn until_end(&mut self, reader: &mut Reader) -> Result<std::convert::Infallible, End> {
        let config = &self.shared.config;
        // RFC 6455 §5.5.2: a ping must be answered. KMS: `ping`'s interval promises nothing, so it is not used.
        let first = tokio::time::Instant::now() + config.ping_every; // clock: the heartbeat's
        let mut heartbeat = interval_at(first, config.ping_every);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent_at = tokio::time::Instant::now() + config.silence_max; // clock: the heartbeat's
        let mut token_end = pin!(token_end(self.permit));
        loop {
            tokio::select! {
                biased;
                () = closed(&mut self.closing) => return Err(End::ShuttingDown),
                () = &mut token_end => return Err(End::TokenEnded),
                event = self.outgoing.next() => self.write_event(event).await?,
                incoming = reader.next() => {
                    match incoming.map_err(End::Unreadable)? {
                        None | Some(Incoming::Close) => return Err(End::Closed),
                        Some(Incoming::Text(text)) => self.handle(text).await?,
                        Some(Incoming::Pong) => {}
                        Some(Incoming::Ping(payload)) => {
                            in_time(config.write_max, self.writer.pong(payload)).await?;
                        }
                    }
                    // After the work: a client cannot be heard while it waits for us.
                    silent_at = tokio::time::Instant::now() + config.silence_max; // clock: the heartbeat's
                }
                _ = heartbeat.tick() => in_time(config.write_max, self.writer.ping()).await?,
                () = sleep_until(silent_at) => return Err(End::Silent),
            }
        }
    }

    async fn handle(&mut self, text: String) -> Result<(), End> {
        // Who sends too fast is slowed down: it is not read any further meanwhile, and its own system holds
        // it up.
        let wait = self.shared.turn(now(), self.slot.address());
        if !wait.is_zero() {
            sleep(wait).await;
        }
        let bytes_max = self.shared.config.message_bytes_max;
        if text.len() > bytes_max {
            let words = format!("The request is longer than {bytes_max} bytes");
            let failure = Failure::new(Code::InvalidRequest, words);
            self.shared.metrics.count_kurento_request("unknown", failure.code.label());
            return self.write(&answer_text(&Answer { id: id_of(&text), result: Err(failure) })).await;
        }
        let session = self.shared.sessions().of_socket(self.socket);
        let digest = self.cache.digest(session.as_ref().map(|name| name.as_str()), &text);
        if let Some(answer) = self.cache.find(now(), digest) {
            return self.write(&answer).await;
        }
        let request = match parse(&text) {
            Ok(request) => request,
            Err(answer) => {
                self.shared.metrics.count_kurento_request("unknown", answer.label());
                return self.write(&answer_text(&answer)).await;
            }
        };
        let is_notification = request.id.is_none();
        let answer = match self.dispatcher.handle(request).await {
            Handled::Now(answer) => answer,
            Handled::Later(answer) => self.meanwhile(answer).await?,
        };
        if is_notification {
            return Ok(());
        }
        let answer: Arc<str> = answer_text(&answer).into();
        self.cache.keep(now(), digest, Arc::clone(&answer));
        self.write(&answer).await
    }

    /// Tells events until a long request is answered.
    async fn meanwhile(&mut self, mut answer: impl Future<Output = Answer> + Unpin) -> Result<Answer, End> {
        loop {
            tokio::select! {
                biased;
                () = closed(&mut self.closing) => return Err(End::ShuttingDown),
                answer = &mut answer => return Ok(answer),
                event = self.outgoing.next() => self.write_event(event).await?,
            }
        }
    }

    async fn write_event(&mut self, event: Option<Notification>) -> Result<(), End> {
        self.write(&notification_text(&event.ok_or(End::TooSlow)?)).await
    }

    async fn write(&mut self, text: &str) -> Result<(), End> {
        in_time(self.shared.config.write_max, self.writer.text(text)).await
    }
}

/// Waits until the server closes its connections.
async fn closed(closing: &mut watch::Receiver<bool>) {
    // An error means that the keeper has ended, and the server with it.
    let _ = closing.wait_for(|closing| *closing).await;
}

/// A write that may take only so long.
async fn in_time(limit: Duration, write: impl Future<Output = io::Result<()>>) -> Result<(), End> {
    match timeout(limit, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Closed),
        Err(_) => Err(End::TooSlow),
    }
}

/// Ends the WebSocket in order (RFC 6455 §7.1.2), for as long as the client may take.
async fn say_goodbye(end: End, mut reader: Reader, mut writer: Writer) {
    let (code, reason) = end.close();
    let goodbye = async {
        if writer.close(code, reason).await.is_ok() {
            reader.drain().await;
        }
    };
    if timeout(CLOSE_MAX, goodbye).await.is_err() {
        debug!("no orderly end in time");
    }
}

impl End {
    /// The close frame's code and reason. To a client that has vanished it is sent in vain.
    fn close(self) -> (u16, &'static str) {
        match self {
            Self::Closed => (close_code::NORMAL, ""),
            Self::Silent => (close_code::POLICY, "no sign of life"),
            Self::Unreadable(ReadError::Broken) => (close_code::PROTOCOL, "broken frame"),
            Self::Unreadable(ReadError::TooBig) => (close_code::SIZE, "the message is too big"),
            Self::Unreadable(ReadError::NotUtf8) => (close_code::INVALID, "text is not UTF-8"),
            Self::TooSlow => (close_code::POLICY, "messages were not read"),
            // KMS: these very words.
            Self::InvalidPath => (close_code::PROTOCOL, "Invalid path"),
            Self::TokenEnded => (CLOSE_TOKEN_ENDED, "the token has ended: connect with a new one"),
            Self::ShuttingDown => (close_code::AWAY, "the server is shutting down"),
        }
    }
}

fn now() -> Instant {
    Instant::now() // clock: a socket's requests have no other time
}
