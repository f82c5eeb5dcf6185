//! Livestreams: one presenter, any number of viewers, by WHIP and WHEP or as Kurento's one-to-many call.
//!
//! One task, the studio, owns the [`machine`] and every task below it: one per WebSocket, one per stream's media.
//! They talk to it through one bounded inbox and it never waits for any of them, so none can block another. A
//! request's way: `http/live` (headers, body) or `socket/connection.rs` and `message.rs` (frame, message),
//! `machine/` (what it means), here (what is done about it), `media/` (a stream's pipeline).

pub(crate) mod ask;
mod effect;
pub(crate) mod event;
pub(crate) mod fuzz;
pub(crate) mod id;
mod machine;
mod media;
mod message;
mod name;
pub(crate) mod offer;
mod reception;
pub(crate) mod refusal;
pub(crate) mod sdpfrag;
pub(crate) mod socket;

pub(crate) use machine::Census;
pub(crate) use name::StreamName;
pub(crate) use reception::Reception;
pub(crate) use refusal::Refusal;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::private::Private;
use crate::socket::connection::{Connection, Outbound};
use crate::socket::{ConnectionId, SocketEvent};
use crate::store::UnixMillis;
use crate::webhook::{Event, Herald};
use ask::{Ask, Reply};
use axum::extract::ws::Utf8Bytes;
use effect::{Effect, MediaCommand, MediaReport};
use id::{MediaId, Ticket};
use keel_media::MediaServer;
use machine::{Machine, Moment, Visit};
use message::{ClientMessage, ServerMessage};
use rand::SeedableRng;
use rand::rngs::StdRng;
use socket::OneToMany;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id as TaskId, JoinSet};
use tokio::time::sleep_until;
use tracing::{Instrument, debug, info, info_span, warn};

/// What reaches the studio.
pub(crate) enum Inbound {
    /// A page came to `/one2many` for this stream.
    Arrived {
        connection: Box<Connection>,
        stream: StreamName,
    },
    Socket(SocketEvent<ClientMessage>),
    Asked {
        ask: Ask,
        asker: oneshot::Sender<Result<Reply, Refusal>>,
    },
    Media {
        media: MediaId,
        report: MediaReport,
    },
    Shutdown,
}

impl From<SocketEvent<ClientMessage>> for Inbound {
    fn from(event: SocketEvent<ClientMessage>) -> Self {
        Self::Socket(event)
    }
}

/// Inputs that may wait. Senders wait when it is full, so a flood slows its own connections down.
pub(crate) const INBOX_MAX: usize = 1024;

/// Commands that may wait for a stream's media. It answers each within milliseconds; the many are viewers that
/// come at once, 500 from one address. A stream that is over that ends.
const COMMANDS_MAX: usize = 16_384;

/// The task that owns all streams.
pub(crate) struct Studio {
    machine: Machine,
    config: Arc<Config>,
    media: MediaServer,
    metrics: Arc<Metrics>,
    inbox: mpsc::Receiver<Inbound>,
    /// For the tasks that are started. It keeps the inbox open, so the studio ends by [`Inbound::Shutdown`]
    /// only.
    to_inbox: mpsc::Sender<Inbound>,
    herald: Herald,
    askers: BTreeMap<Ticket, oneshot::Sender<Result<Reply, Refusal>>>,
    lines: BTreeMap<ConnectionId, mpsc::Sender<Outbound>>,
    streams_media: BTreeMap<MediaId, mpsc::Sender<MediaCommand>>,
    tasks: JoinSet<()>,
    /// Whose task is whose, also for one that panics. Looked up only.
    owners: HashMap<TaskId, Owner>,
}

#[derive(Clone, Copy)]
enum Owner {
    Connection(ConnectionId),
    Media(MediaId),
}

impl Studio {
    pub(crate) fn new(
        config: Arc<Config>,
        media: MediaServer,
        metrics: Arc<Metrics>,
        (to_inbox, inbox): (mpsc::Sender<Inbound>, mpsc::Receiver<Inbound>),
        herald: Herald,
    ) -> Self {
        let random = StdRng::from_rng(&mut rand::rng());
        let candidates_max = config.limits.candidates_per_peer_max;
        Self {
            machine: Machine::new(config.limits.live.clone(), candidates_max, random),
            config,
            media,
            metrics,
            inbox,
            to_inbox,
            herald,
            askers: BTreeMap::new(),
            lines: BTreeMap::new(),
            streams_media: BTreeMap::new(),
            tasks: JoinSet::new(),
            owners: HashMap::new(),
        }
    }

    /// Runs until a shutdown is complete: every connection closed, every stream's media released.
    pub(crate) async fn run(mut self) {
        let mut stopping = false;
        while !(stopping && self.tasks.is_empty()) {
            let due = self.machine.poll_timeout();
            tokio::select! {
                // Timers before the inbox, so that a flood does not hold them up; the inbox before ended
                // tasks, so that a connection's last messages come before its end.
                biased;
                () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => { // clock: unused without a timer
                    self.machine.handle_timeout(moment());
                }
                Some(inbound) = self.inbox.recv() => {
                    stopping |= matches!(inbound, Inbound::Shutdown);
                    self.handle(inbound);
                }
                Some(ended) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => {
                    self.handle_ended(ended);
                }
            }
            while let Some(effect) = self.machine.poll_effect() {
                self.perform(effect);
            }
            self.metrics.set_streams(self.machine.census());
        }
    }

    fn handle(&mut self, inbound: Inbound) {
        match inbound {
            Inbound::Arrived { connection, stream } => self.connect(connection, stream),
            // Pages come by `Arrived`, which says for which stream.
            Inbound::Socket(SocketEvent::Connected(connection)) => {
                self.connect(connection, StreamName::of_one_to_many());
            }
            Inbound::Socket(SocketEvent::Message { from, message }) => {
                self.machine.handle_message(moment(), from, message);
            }
            Inbound::Socket(SocketEvent::Left { connection, .. }) => self.disconnect(connection),
            Inbound::Asked { ask, asker } => {
                let ticket = self.machine.handle_ask(moment(), ask);
                self.askers.insert(ticket, asker);
            }
            Inbound::Media { media, report } => self.machine.handle_media(moment(), media, report),
            Inbound::Shutdown => self.machine.handle_shutdown(moment()),
        }
    }

    fn connect(&mut self, connection: Box<Connection>, stream: StreamName) {
        let id = connection.id();
        let address = connection.address();
        let visit = Visit::new(stream, connection.permit(), address);
        let (line, outgoing) = mpsc::channel(self.config.limits.outgoing_messages_max.max(1));
        let span = info_span!("connection", id = ?id);
        span.in_scope(|| info!(address = %Private::new(&address), "connected"));
        self.lines.insert(id, line);
        self.spawn(
            Owner::Connection(id),
            async move { connection.run::<OneToMany>(outgoing).await }.instrument(span),
        );
        self.machine.handle_connected(id, visit);
    }

    fn disconnect(&mut self, connection: ConnectionId) {
        self.lines.remove(&connection);
        self.machine.handle_disconnected(moment(), connection);
    }

    fn handle_ended(&mut self, ended: Result<(TaskId, ()), tokio::task::JoinError>) {
        let task = match ended {
            Ok((task, ())) => task,
            Err(error) => {
                tracing::error!(%error, "a task of the studio failed");
                error.id()
            }
        };
        match self.owners.remove(&task) {
            Some(Owner::Connection(connection)) => self.disconnect(connection),
            Some(Owner::Media(media)) => {
                // Nothing happens if the stream's media was ended, as it was unless the task failed.
                self.streams_media.remove(&media);
                let words = "its task has ended".to_owned();
                self.machine.handle_media(moment(), media, MediaReport::Failed(words));
            }
            None => {}
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Answer { ticket, answer } => self.answer(ticket, answer),
            Effect::Tell { to, message } => self.send(to, &message),
            Effect::Close { connection, reason } => {
                if let Some(line) = self.lines.remove(&connection) {
                    // A full line is closed by its sender's end instead.
                    let _ = line.try_send(Outbound::Close(reason));
                }
            }
            Effect::StartMedia { media } => self.start_media(media),
            Effect::Media { media, command } => self.command(media, command),
            Effect::EndMedia { media } => {
                self.streams_media.remove(&media);
            }
            Effect::Announce(event) => {
                info!(stream = ?event.stream, news = ?event.news, "stream");
                if let Some(told) = Event::of_stream(&event) {
                    self.herald.tell(told);
                }
            }
            Effect::CountSession { role, result } => self.metrics.count_stream_session(role, result),
        }
    }

    /// Answers a question. A session that its client did not wait for ends: nobody else knows its URL.
    fn answer(&mut self, ticket: Ticket, answer: Result<Reply, Refusal>) {
        let Some(asker) = self.askers.remove(&ticket) else { return };
        if let Err(Ok(Reply::Opened { key, .. } | Reply::Attached { key, .. })) = asker.send(answer) {
            self.machine.handle_unheard(moment(), &key);
        }
    }

    /// Queues a message for a page. One that does not read is cut off.
    fn send(&mut self, to: ConnectionId, message: &ServerMessage) {
        let Some(line) = self.lines.get(&to) else { return };
        match line.try_send(Outbound::Text(Utf8Bytes::from(message.to_json()))) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                warn!(connection = ?to, "the client does not read its messages: disconnected");
                self.disconnect(to);
            }
            // The connection is ending; its last word is on the way.
            Err(TrySendError::Closed(_)) => {}
        }
    }

    fn start_media(&mut self, media: MediaId) {
        let (commands, waiting) = mpsc::channel(COMMANDS_MAX);
        self.streams_media.insert(media, commands);
        let reporter = media::Reporter { media, inbox: self.to_inbox.clone() };
        let served = media::serve(self.media.clone(), waiting, reporter);
        self.spawn(Owner::Media(media), served.instrument(info_span!("stream", media = ?media)));
    }

    fn command(&mut self, media: MediaId, command: MediaCommand) {
        let Some(commands) = self.streams_media.get(&media) else { return };
        match commands.try_send(command) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                let words = "it cannot keep up".to_owned();
                self.machine.handle_media(moment(), media, MediaReport::Failed(words));
            }
            // Its task is ending; the machine hears of that.
            Err(TrySendError::Closed(_)) => debug!(?media, "a command after the end of media"),
        }
    }

    fn spawn(&mut self, owner: Owner, task: impl Future<Output = ()> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.owners.insert(id, owner);
    }
}

fn moment() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(); // clock: people read it
    Moment {
        steady: Instant::now(), // clock: the studio is the machine's edge to real time
        wall: UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
    }
}
