//! The one-to-one call: registration, ringing, media, the end.
//!
//! One task, the switchboard, owns the [`machine`] and every task below it: one per connection, one per
//! call's media, one per question to the store. They talk to it through one bounded inbox and it never
//! waits for any of them, so none can block another.

mod desk;
mod effect;
pub(crate) mod fuzz;
mod machine;
mod media;
mod message;
mod phase;
mod refusal;
mod registry;
mod token;

pub(crate) use desk::{CallView, Desk};
pub(crate) use effect::Admitted;
pub(crate) use phase::Outcome;
pub(crate) use refusal::{CallRefusal, RegisterRefusal};

use crate::auth::Wanted;
use crate::candidate::Candidate;
use crate::chat_text::ChatText;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::private::Private;
use crate::socket::connection::{Connection, Outbound};
use crate::socket::{ConnectionId, FrameError, Protocol, SocketEvent};
use crate::state::Shared;
use crate::store::{AdmitError, CallRecord, ChatMessage, ChatPage, ChatThread, Store, UnixMillis};
use crate::user_name::UserName;
use crate::webhook::{Event, Herald};
use desk::{Moment, Order};
use effect::{CallId, Effect, EndedCall, MediaReport, Side};
use keel_media::MediaServer;
use machine::Machine;
use media::{Offers, Reporter};
use message::{ClientMessage, ServerMessage};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use token::ResumeToken;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::{Id as TaskId, JoinSet};
use tokio::time::sleep_until;
use tracing::{Instrument, debug, info, info_span, warn};

/// What reaches the switchboard.
pub(crate) enum Inbound {
    Socket(SocketEvent<ClientMessage>),
    Media {
        call: CallId,
        report: MediaReport,
    },
    /// An administrator wants something.
    Order(Order),
    Shutdown,
}

impl From<SocketEvent<ClientMessage>> for Inbound {
    fn from(event: SocketEvent<ClientMessage>) -> Self {
        Self::Socket(event)
    }
}

/// The protocol of `/call`.
pub(crate) enum CallProtocol {}

impl Protocol for CallProtocol {
    type Message = ClientMessage;
    type Inbound = Inbound;

    const WANTED: Wanted<'static> = Wanted::Call;

    fn parse(text: &str) -> Result<ClientMessage, FrameError> {
        ClientMessage::parse(text)
    }

    fn refusal(error: FrameError, _: Option<&str>) -> String {
        ServerMessage::Error { message: error.to_string() }.to_json()
    }

    fn inbox(shared: &Shared) -> &mpsc::Sender<Inbound> {
        &shared.inbox
    }
}

/// Inputs that may wait. Senders wait when it is full, so a flood slows its own sockets down; a thousand
/// is what the machine handles in some milliseconds.
pub(crate) const INBOX_MAX: usize = 1024;

/// The task that owns all calls.
pub(crate) struct Switchboard {
    machine: Machine,
    config: Arc<Config>,
    media: MediaServer,
    store: Store,
    metrics: Arc<Metrics>,
    herald: Herald,
    inbox: mpsc::Receiver<Inbound>,
    /// For the tasks that are started. It keeps the inbox open, so the switchboard ends by
    /// [`Inbound::Shutdown`] only.
    to_inbox: mpsc::Sender<Inbound>,
    lines: BTreeMap<ConnectionId, mpsc::Sender<Outbound>>,
    media_by_call: BTreeMap<CallId, mpsc::Sender<(Side, Candidate)>>,
    last_message: u64,
    tasks: JoinSet<Done>,
    /// Whose task is whose, also for one that panics. Looked up only.
    owners: HashMap<TaskId, Owner>,
}

/// What a task leaves behind.
enum Done {
    Nothing,
    Admission(Result<(), AdmitError>),
    Page(Option<ChatPage>),
}

#[derive(Clone, Copy)]
enum Owner {
    Connection(ConnectionId),
    Media(CallId),
    Admission(ConnectionId),
    History(ConnectionId),
}

impl Switchboard {
    pub(crate) fn new(
        config: Arc<Config>,
        media: MediaServer,
        store: Store,
        metrics: Arc<Metrics>,
        herald: Herald,
        inbox: mpsc::Receiver<Inbound>,
        to_inbox: mpsc::Sender<Inbound>,
    ) -> Self {
        Self {
            machine: Machine::new(config.limits.clone()),
            config,
            media,
            store,
            metrics,
            herald,
            inbox,
            to_inbox,
            lines: BTreeMap::new(),
            media_by_call: BTreeMap::new(),
            last_message: 0,
            tasks: JoinSet::new(),
            owners: HashMap::new(),
        }
    }

    /// Runs until a shutdown is complete: every connection closed, every call's media released.
    pub(crate) async fn run(mut self) {
        let mut stopping = false;
        while !(stopping && self.tasks.is_empty()) {
            let due = self.machine.poll_timeout();
            tokio::select! {
                // Timers before the inbox, so that a flood does not hold them up; the inbox before ended
                // tasks, so that a connection's last messages come before its end.
                biased;
                () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => { // clock: unused without a timer
                    self.machine.handle_timeout(now());
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
            self.metrics.set_users_and_calls(self.machine.registered_users(), self.machine.calls());
        }
    }

    fn handle(&mut self, inbound: Inbound) {
        match inbound {
            Inbound::Socket(SocketEvent::Connected(connection)) => self.connect(connection),
            Inbound::Socket(SocketEvent::Message { from, message }) => {
                self.machine.handle_message(now(), from, message);
            }
            Inbound::Socket(SocketEvent::Left { connection, .. }) => self.disconnect(connection),
            Inbound::Media { call, report } => self.machine.handle_media(now(), call, report),
            Inbound::Order(order) => order.carry_out(&mut self.machine, moment()),
            Inbound::Shutdown => self.machine.handle_shutdown(now()),
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
                connection.run::<CallProtocol>(outgoing).await;
                Done::Nothing
            }
            .instrument(span),
        );
        self.machine.handle_connected(id, address, permit, ResumeToken::random());
    }

    fn disconnect(&mut self, connection: ConnectionId) {
        self.lines.remove(&connection);
        self.machine.handle_disconnected(now(), connection);
    }

    fn handle_ended(&mut self, ended: Result<(TaskId, Done), tokio::task::JoinError>) {
        let (task, done) = match ended {
            Ok((task, done)) => (task, Some(done)),
            Err(error) => {
                tracing::error!(%error, "a task of the switchboard failed");
                (error.id(), None)
            }
        };
        match (self.owners.remove(&task), done) {
            (Some(Owner::Connection(connection)), _) => self.disconnect(connection),
            (Some(Owner::Admission(connection)), Some(Done::Admission(verdict))) => {
                self.machine.handle_admission(now(), connection, verdict);
            }
            (Some(Owner::Admission(connection)), _) => {
                self.machine.handle_admission(now(), connection, Err(AdmitError::Failed));
            }
            (Some(Owner::History(connection)), done) => {
                let page = match done {
                    Some(Done::Page(page)) => page,
                    _ => None,
                };
                let page =
                    page.map(|ChatPage { messages, more }| ServerMessage::ChatHistory { messages, more });
                self.machine.handle_history(connection, page);
            }
            (Some(Owner::Media(call)), _) => {
                // Nothing happens if the call is over, as it is unless the task failed.
                self.media_by_call.remove(&call);
                let words = "the media server failed".to_owned();
                self.machine.handle_media(now(), call, MediaReport::Failed(words));
            }
            (None, _) => {}
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Send { to, message } => self.send(to, &message),
            Effect::Refuse { to, reason } => {
                self.metrics.count_signaling_error(reason.label());
                debug!(connection = ?to, %reason, "message refused");
                self.send(to, &ServerMessage::Error { message: reason.to_string() });
            }
            Effect::Close { connection, reason } => {
                if let Some(line) = self.lines.remove(&connection) {
                    // A full line is closed by its sender's end instead.
                    let _ = line.try_send(Outbound::Close(reason));
                }
            }
            Effect::Admit { connection, name, secret } => {
                let store = self.store.clone();
                let asked = async move { Done::Admission(store.admit(name, secret, wall_clock()).await) };
                self.spawn(Owner::Admission(connection), asked);
            }
            Effect::StartMedia { call, caller_offer, callee_offer } => {
                self.start_media(call, Offers { caller: caller_offer, callee: callee_offer });
            }
            Effect::AddCandidate { call, side, candidate } => {
                if let Some(media) = self.media_by_call.get(&call)
                    && media.try_send((side, candidate)).is_err()
                {
                    // The queue holds all that the machine lets through, so its task is ending.
                    debug!(?call, ?side, "candidate after the end of media");
                }
            }
            Effect::EndMedia { call } => {
                self.media_by_call.remove(&call);
            }
            Effect::Chat { from, to, thread, name, text } => self.chat(from, to, thread, &name, text),
            Effect::ReadHistory { connection, thread, before, count } => {
                let store = self.store.clone();
                let read = async move { Done::Page(store.chat(thread, before, count).await.ok()) };
                self.spawn(Owner::History(connection), read);
            }
            Effect::CountRegistration(result) => self.metrics.count_registration(result),
            Effect::CountRefusedCall(refusal) => self.metrics.count_refused_call(refusal),
            Effect::SetUp(took) => self.metrics.observe_call_setup(took),
            Effect::Rings { call, from, to } => {
                let (from, to) = (from.to_string(), to.to_string());
                self.herald.tell(Event::CallStarted { from, to, call: call.number() });
            }
            Effect::Ended(call) => self.end_call(call),
        }
    }

    /// Queues a message for a browser. One that does not read is cut off: a call must not grow a queue.
    fn send(&mut self, to: ConnectionId, message: &ServerMessage) {
        let Some(line) = self.lines.get(&to) else { return };
        match line.try_send(Outbound::Text(message.to_json().into())) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                warn!(connection = ?to, "the client does not read its messages: disconnected");
                self.disconnect(to);
            }
            // The connection is ending; its last word is on the way.
            Err(TrySendError::Closed(_)) => {}
        }
    }

    /// A message gets its number, which ascends, and its time.
    fn chat(
        &mut self,
        from: ConnectionId,
        to: ConnectionId,
        thread: ChatThread,
        name: &UserName,
        text: ChatText,
    ) {
        let time = wall_clock();
        self.last_message = time.0.max(self.last_message + 1);
        let (message, name, text) = (self.last_message, name.to_string(), text.into_string());
        self.metrics.count_chat_message();
        self.send(from, &ServerMessage::ChatSent { message, time });
        self.send(to, &ServerMessage::ChatMessage { message, from: name.clone(), text: text.clone(), time });
        self.store.record_chat(thread, ChatMessage { message, participant: None, name, text, time });
    }

    fn start_media(&mut self, call: CallId, offers: Offers) {
        let room = 2 * self.config.limits.candidates_per_peer_max.max(1);
        let (media, candidates) = mpsc::channel(room);
        self.media_by_call.insert(call, media);
        let reporter = Reporter { call, inbox: self.to_inbox.clone() };
        let server = self.media.clone();
        let served = async move {
            media::serve(server, offers, candidates, reporter).await;
            Done::Nothing
        };
        self.spawn(Owner::Media(call), served.instrument(info_span!("call", id = ?call)));
    }

    fn end_call(&mut self, call: EndedCall) {
        let EndedCall { call, from, to, started, answered, ended, outcome } = call;
        info!(?from, ?to, outcome = outcome.label(), "call ended");
        self.metrics.count_call(outcome);
        let moment = moment();
        let on_wall = |instant| moment.on_wall(instant);
        self.herald.tell(Event::CallEnded {
            from: from.to_string(),
            to: to.to_string(),
            call: call.number(),
            started: on_wall(started),
            answered: answered.map(on_wall),
            outcome: outcome.label(),
        });
        self.store.record(CallRecord {
            from,
            to,
            started: on_wall(started),
            answered: answered.map(on_wall),
            ended: on_wall(ended),
            outcome,
        });
    }

    fn spawn(&mut self, owner: Owner, task: impl Future<Output = Done> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.owners.insert(id, owner);
    }
}

fn now() -> Instant {
    Instant::now() // clock: the switchboard is the machine's edge to real time
}

fn moment() -> Moment {
    Moment { steady: now(), wall: wall_clock() }
}

fn wall_clock() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO); // clock: history
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
