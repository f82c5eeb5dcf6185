//! Group calls: rooms, their participants' media, chat.
//!
//! One task, the house, owns the [`machine`] and every task below it: one per connection, one per room's
//! media, one per question to the store. They talk to it through one bounded inbox and it never waits for any
//! of them, so none can block another. A message's way: `socket/connection.rs` (frame, limits),
//! `message.rs` (typed request), `machine/` (what it means), here (what is done about it), `media/` (a room's
//! pipeline).

mod answer;
mod desk;
mod effect;
pub(crate) mod fuzz;
mod id;
mod machine;
mod media;
mod message;
mod refusal;
mod secret;

pub(crate) use answer::{CreatedRoom, LeaveReason};
pub(crate) use desk::{Desk, RoomView};
pub(crate) use effect::Entered;
pub(crate) use id::{ParticipantId, RoomName, TrackId};
pub(crate) use message::{Kind as TrackKind, Source as TrackSource};
pub(crate) use refusal::Refusal;

use crate::auth::Wanted;
use crate::config::Config;
use crate::live::Reception;
use crate::metrics::Metrics;
use crate::private::Private;
use crate::socket::connection::{Connection, Outbound};
use crate::socket::{ConnectionId, Departure, FrameError, Protocol, SocketEvent};
use crate::state::Shared;
use crate::store::{ChatPage, ChatThread, HISTORY_PAGE_MAX, Store, UnixMillis};
use crate::webhook::Herald;
use answer::ServerMessage;
use axum::extract::ws::Utf8Bytes;
use desk::Order;
use effect::{Effect, MediaCommand, MediaReport};
use id::{MediaId, RoomId};
use keel_media::MediaServer;
use machine::{Machine, Moment};
use message::Request;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::{Id as TaskId, JoinSet};
use tokio::time::sleep_until;
use tracing::{Instrument, debug, info, info_span, warn};

/// What reaches the house.
pub(crate) enum Inbound {
    Socket(SocketEvent<Request>),
    Media {
        media: MediaId,
        report: MediaReport,
    },
    /// Of whoever runs the server.
    Order(Order),
    Shutdown,
}

impl From<SocketEvent<Request>> for Inbound {
    fn from(event: SocketEvent<Request>) -> Self {
        Self::Socket(event)
    }
}

/// The protocol of `/groupcall`, in both its forms.
pub(crate) enum RoomProtocol {}

impl Protocol for RoomProtocol {
    type Message = Request;
    type Inbound = Inbound;

    const WANTED: Wanted<'static> = Wanted::SomeRoom;

    fn parse(text: &str) -> Result<Request, FrameError> {
        Request::parse(text)
    }

    fn refusal(error: FrameError, text: Option<&str>) -> String {
        let message = ServerMessage::Error { code: refusal::frame_code(error), message: error.to_string() };
        message.to_json(text.and_then(Request::number_in))
    }

    fn inbox(shared: &Shared) -> &mpsc::Sender<Inbound> {
        &shared.rooms
    }
}

/// Inputs that may wait. Senders wait when it is full, so a flood slows its own sockets down.
pub(crate) const INBOX_MAX: usize = 1024;

/// Commands that may wait for a room's media, for each participant the room may have. The machine lets two
/// negotiations at a time through for each, their candidates, and what a connection's rate allows of the
/// rest while media works: it answers within milliseconds. Who is over that goes.
const COMMANDS_PER_PARTICIPANT: usize = 512;

/// The task that owns all rooms.
pub(crate) struct House {
    machine: Machine,
    config: Arc<Config>,
    media: MediaServer,
    store: Store,
    metrics: Arc<Metrics>,
    herald: Herald,
    streams: Reception,
    inbox: mpsc::Receiver<Inbound>,
    /// For the tasks that are started. It keeps the inbox open, so the house ends by [`Inbound::Shutdown`]
    /// only.
    to_inbox: mpsc::Sender<Inbound>,
    lines: BTreeMap<ConnectionId, mpsc::Sender<Outbound>>,
    rooms_media: BTreeMap<MediaId, mpsc::Sender<MediaCommand>>,
    tasks: JoinSet<Done>,
    /// Whose task is whose, also for one that panics. Looked up only.
    owners: HashMap<TaskId, Owner>,
}

/// What a task leaves behind.
enum Done {
    Nothing,
    Page(Option<ChatPage>),
}

#[derive(Clone, Copy)]
enum Owner {
    Connection(ConnectionId),
    Media(MediaId),
    Tail(RoomId),
    History(ConnectionId, Option<u64>),
    Forgetting,
}

impl House {
    pub(crate) fn new(
        config: Arc<Config>,
        media: MediaServer,
        store: Store,
        metrics: Arc<Metrics>,
        herald: Herald,
        streams: Reception,
        (to_inbox, inbox): (mpsc::Sender<Inbound>, mpsc::Receiver<Inbound>),
    ) -> Self {
        let random = StdRng::from_rng(&mut rand::rng());
        let first_number = moment().wall.0;
        Self {
            machine: Machine::new(config.limits.clone(), config.ice_servers.clone(), random, first_number),
            config,
            media,
            store,
            metrics,
            herald,
            streams,
            inbox,
            to_inbox,
            lines: BTreeMap::new(),
            rooms_media: BTreeMap::new(),
            tasks: JoinSet::new(),
            owners: HashMap::new(),
        }
    }

    /// Runs until a shutdown is complete: every connection closed, every room's media released.
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
            let machine = &self.machine;
            self.metrics.set_rooms(machine.rooms(), machine.participants(), machine.data_participants());
        }
    }

    fn handle(&mut self, inbound: Inbound) {
        match inbound {
            Inbound::Socket(SocketEvent::Connected(connection)) => self.connect(connection),
            Inbound::Socket(SocketEvent::Message { from, message }) => {
                self.machine.handle_request(moment(), from, message);
            }
            Inbound::Socket(SocketEvent::Left { connection, departure }) => {
                self.disconnect(connection, departure)
            }
            Inbound::Media { media, report } => self.machine.handle_media(moment(), media, report),
            Inbound::Order(order) => order.carry_out(&mut self.machine, moment()),
            Inbound::Shutdown => self.machine.handle_shutdown(moment()),
        }
    }

    fn connect(&mut self, connection: Box<Connection>) {
        let id = connection.id();
        let address = connection.address();
        let permit = connection.permit().clone();
        let (line, outgoing) = mpsc::channel(self.config.limits.outgoing_messages_max.max(1));
        let span = info_span!("connection", id = ?id);
        span.in_scope(|| info!(address = %Private::new(&address), "connected"));
        self.lines.insert(id, line);
        self.spawn(
            Owner::Connection(id),
            async move {
                connection.run::<RoomProtocol>(outgoing).await;
                Done::Nothing
            }
            .instrument(span),
        );
        self.machine.handle_connected(id, address, permit);
    }

    fn disconnect(&mut self, connection: ConnectionId, departure: Departure) {
        self.lines.remove(&connection);
        self.machine.handle_disconnected(moment(), connection, departure);
    }

    fn handle_ended(&mut self, ended: Result<(TaskId, Done), tokio::task::JoinError>) {
        let (task, done) = match ended {
            Ok((task, done)) => (task, done),
            Err(error) => {
                tracing::error!(%error, "a task of the house failed");
                (error.id(), Done::Nothing)
            }
        };
        let page = match done {
            Done::Nothing => None,
            Done::Page(page) => page,
        };
        match self.owners.remove(&task) {
            Some(Owner::Connection(connection)) => self.disconnect(connection, Departure::Lost),
            Some(Owner::Media(media)) => {
                // Nothing happens if the room's media was ended, as it was unless the task failed.
                self.rooms_media.remove(&media);
                let words = "the media server failed".to_owned();
                self.machine.handle_media(moment(), media, MediaReport::Failed(words));
            }
            // A room without its history is better than none.
            Some(Owner::Tail(room)) => self.machine.handle_tail(moment(), room, page.unwrap_or_default()),
            Some(Owner::History(connection, request)) => {
                self.machine.handle_history(connection, request, page)
            }
            Some(Owner::Forgetting) | None => {}
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Reply { to, request, message } => self.send(to, message.to_json(request).into()),
            Effect::Tell { to, message } => {
                let text = Utf8Bytes::from(message.to_json(None));
                to.into_iter().for_each(|to| self.send(to, text.clone()));
            }
            Effect::Refuse { to, request, refusal } => {
                self.metrics.count_signaling_error(refusal.code());
                debug!(connection = ?to, code = refusal.code(), "request refused");
                let message = ServerMessage::Error { code: refusal.code(), message: refusal.to_string() };
                self.send(to, message.to_json(request).into());
            }
            Effect::Close { connection, reason } => {
                if let Some(line) = self.lines.remove(&connection) {
                    // A full line is closed by its sender's end instead.
                    let _ = line.try_send(Outbound::Close(reason));
                }
            }
            Effect::LoadTail { room, thread } => self.read(Owner::Tail(room), thread, None, HISTORY_PAGE_MAX),
            Effect::ReadHistory { connection, request, thread, before, count } => {
                self.read(Owner::History(connection, request), thread, before, count);
            }
            Effect::Record { thread, message } => self.store.record_chat(thread, message),
            Effect::Forget { thread } => {
                let store = self.store.clone();
                self.spawn(Owner::Forgetting, async move {
                    store.forget_chat(thread).await;
                    Done::Nothing
                });
            }
            Effect::StartMedia { media } => self.start_media(media),
            Effect::Media { media, command } => self.command(media, command),
            Effect::EndMedia { media } => {
                self.rooms_media.remove(&media);
            }
            Effect::CountJoin(result) => self.metrics.count_room_join(result),
            Effect::Announce(event) => self.herald.tell(event),
            Effect::CountChat => self.metrics.count_chat_message(),
        }
    }

    /// Queues a message for a client. One that does not read is cut off: a room must not grow a queue.
    fn send(&mut self, to: ConnectionId, text: Utf8Bytes) {
        let Some(line) = self.lines.get(&to) else { return };
        match line.try_send(Outbound::Text(text)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                warn!(connection = ?to, "the client does not read its messages: disconnected");
                self.disconnect(to, Departure::Lost);
            }
            // The connection is ending; its last word is on the way.
            Err(TrySendError::Closed(_)) => {}
        }
    }

    fn read(&mut self, owner: Owner, thread: ChatThread, before: Option<u64>, count: usize) {
        let store = self.store.clone();
        self.spawn(owner, async move { Done::Page(store.chat(thread, before, count).await.ok()) });
    }

    fn start_media(&mut self, media: MediaId) {
        let (commands, waiting) =
            mpsc::channel(COMMANDS_PER_PARTICIPANT * self.config.limits.rooms.size_max.max(1));
        self.rooms_media.insert(media, commands);
        let reporter = media::Reporter { media, inbox: self.to_inbox.clone() };
        let (server, streams) = (self.media.clone(), self.streams.clone());
        let served = async move {
            media::serve(server, streams, waiting, reporter).await;
            Done::Nothing
        };
        self.spawn(Owner::Media(media), served.instrument(info_span!("room", media = ?media)));
    }

    fn command(&mut self, media: MediaId, command: MediaCommand) {
        let Some(commands) = self.rooms_media.get(&media) else { return };
        match commands.try_send(command) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                let words = "the media server cannot keep up".to_owned();
                self.machine.handle_media(moment(), media, MediaReport::Failed(words));
            }
            // Its task is ending; the machine hears of that.
            Err(TrySendError::Closed(_)) => debug!(?media, "a command after the end of media"),
        }
    }

    fn spawn(&mut self, owner: Owner, task: impl Future<Output = Done> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.owners.insert(id, owner);
    }
}

fn moment() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(); // clock: people read it
    Moment {
        steady: Instant::now(), // clock: the house is the machine's edge to real time
        wall: UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
    }
}
