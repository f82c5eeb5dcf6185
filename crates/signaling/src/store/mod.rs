//! Who has ever registered, which calls were made and what was written, kept across restarts.
//!
//! One thread owns the database. Password hashes and writes happen there and nowhere else, so no call and
//! no other connection waits for a disk or a hash. Jobs wait in one bounded queue; what does not fit is
//! refused (registrations, questions) or dropped and counted (history), never waited for.

mod chat;
mod database;
mod event;
mod secret;

pub(crate) use chat::{ChatMessage, ChatPage, ChatThread, HISTORY_PAGE_MAX};
pub use database::OpenError;
pub(crate) use event::PendingEvent;
pub(crate) use secret::{SECRET_BYTES_MAX, Secret};

use crate::call::Outcome;
use crate::user_name::UserName;
use database::{Bounds, Database};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use utoipa::ToSchema;

/// The users and the call history. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
    records_dropped: Arc<AtomicU64>,
}

/// Jobs that may wait. A hash takes some 20 ms, so the last of these waits a few seconds: about what a
/// user waits for a registration.
const JOBS_MAX: usize = 128;

/// Milliseconds since 1970, as a wall clock shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(transparent)]
pub(crate) struct UnixMillis(pub(crate) u64);

/// Why a name may not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AdmitError {
    /// The name is claimed with another secret.
    WrongSecret,
    /// Every name the store can remember is claimed.
    Full,
    /// The queue is full.
    Busy,
    /// The database failed, and the log says how; or the store is closed.
    Failed,
}

/// Why a question was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// The queue is full.
    Busy,
    /// The database failed, and the log says how; or the store is closed.
    Failed,
}

/// A call of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallRecord {
    pub(crate) from: UserName,
    pub(crate) to: UserName,
    pub(crate) started: UnixMillis,
    pub(crate) answered: Option<UnixMillis>,
    pub(crate) ended: UnixMillis,
    pub(crate) outcome: Outcome,
}

/// A call as it is read back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoredCall {
    pub(crate) number: u64,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) started: UnixMillis,
    pub(crate) answered: Option<UnixMillis>,
    pub(crate) ended: UnixMillis,
    pub(crate) outcome: String,
}

/// A user as it is read back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoredUser {
    pub(crate) name: String,
    /// Whether the name needs its secret.
    pub(crate) claimed: bool,
    pub(crate) first_seen: UnixMillis,
    pub(crate) last_seen: UnixMillis,
}

/// What the thread is asked to do.
enum Job {
    Admit {
        name: UserName,
        secret: Option<Secret>,
        now: UnixMillis,
        reply: oneshot::Sender<Result<(), AdmitError>>,
    },
    Record(CallRecord),
    Calls {
        before: Option<u64>,
        count: usize,
        reply: oneshot::Sender<Result<Vec<StoredCall>, ReadError>>,
    },
    Users {
        after: Option<String>,
        count: usize,
        reply: oneshot::Sender<Result<Vec<StoredUser>, ReadError>>,
    },
    Chat {
        thread: ChatThread,
        message: ChatMessage,
    },
    ForgetChat(ChatThread),
    ChatPage {
        thread: ChatThread,
        before: Option<u64>,
        count: usize,
        reply: oneshot::Sender<Result<ChatPage, ReadError>>,
    },
    PushEvents {
        events: Vec<(PendingEvent, UnixMillis, String)>,
        reply: oneshot::Sender<Result<(), ReadError>>,
    },
    ForgetEvents(Vec<u64>),
    PendingEvents {
        reply: oneshot::Sender<Result<Vec<PendingEvent>, ReadError>>,
    },
    Event {
        number: u64,
        reply: oneshot::Sender<Result<Option<(UnixMillis, String)>, ReadError>>,
    },
    Close {
        reply: oneshot::Sender<()>,
    },
}

impl Store {
    /// Opens the database file at `path`, or makes one. Blocks for the time that takes.
    ///
    /// # Errors
    /// When the file cannot be opened, is in use by another process, or was written by a newer Keel.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::start(Database::open(path, Bounds::default())?)
    }

    /// A store that is forgotten with the process.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn in_memory() -> Result<Self, OpenError> {
        Self::start(Database::in_memory(Bounds::default())?)
    }

    fn start(database: Database) -> Result<Self, OpenError> {
        let (jobs, waiting) = mpsc::channel(JOBS_MAX);
        thread::Builder::new()
            .name("keel-store".to_owned())
            .spawn(move || work(database, waiting))
            .map_err(OpenError::Thread)?;
        Ok(Self { jobs, records_dropped: Arc::default() })
    }

    /// Writes what is waiting and closes the file. Later jobs are refused.
    pub async fn close(&self) {
        let (reply, done) = oneshot::channel();
        if self.jobs.send(Job::Close { reply }).await.is_ok() {
            // An error means that the thread ended otherwise, and with it the file is closed.
            let _ = done.await;
        }
    }

    /// Whether `name` may be used with this secret. A name that was never claimed is claimed by the first
    /// secret that comes with it. The user is remembered either way.
    pub(crate) async fn admit(
        &self,
        name: UserName,
        secret: Option<Secret>,
        now: UnixMillis,
    ) -> Result<(), AdmitError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.try_send(Job::Admit { name, secret, now, reply }).map_err(|error| match error {
            TrySendError::Full(_) => AdmitError::Busy,
            TrySendError::Closed(_) => AdmitError::Failed,
        })?;
        answer.await.unwrap_or(Err(AdmitError::Failed))
    }

    /// Adds a call to the history. With a full queue the record is dropped and counted.
    pub(crate) fn record(&self, record: CallRecord) {
        if self.jobs.try_send(Job::Record(record)).is_err() {
            self.records_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Adds a message to its thread. With a full queue it is dropped and counted: those who are there have
    /// it, those who come later will not.
    pub(crate) fn record_chat(&self, thread: ChatThread, message: ChatMessage) {
        if self.jobs.try_send(Job::Chat { thread, message }).is_err() {
            self.records_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Forgets a thread. Waits for a place in the queue: what is to be forgotten must not stay.
    pub(crate) async fn forget_chat(&self, thread: ChatThread) {
        // A closed store is no longer read either.
        let _ = self.jobs.send(Job::ForgetChat(thread)).await;
    }

    /// Up to `count` messages of a thread, in order, older than number `before`.
    pub(crate) async fn chat(
        &self,
        thread: ChatThread,
        before: Option<u64>,
        count: usize,
    ) -> Result<ChatPage, ReadError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Job::ChatPage { thread, before, count, reply })?;
        answer.await.unwrap_or(Err(ReadError::Failed))
    }

    /// Records that found the queue full.
    pub(crate) fn records_dropped(&self) -> u64 {
        self.records_dropped.load(Ordering::Relaxed)
    }

    /// Up to `count` calls, the newest first, older than number `before`.
    pub(crate) async fn calls(
        &self,
        before: Option<u64>,
        count: usize,
    ) -> Result<Vec<StoredCall>, ReadError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Job::Calls { before, count, reply })?;
        answer.await.unwrap_or(Err(ReadError::Failed))
    }

    /// Up to `count` users in the order of their names, behind the name `after`.
    pub(crate) async fn users(
        &self,
        after: Option<String>,
        count: usize,
    ) -> Result<Vec<StoredUser>, ReadError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Job::Users { after, count, reply })?;
        answer.await.unwrap_or(Err(ReadError::Failed))
    }

    /// Writes events that are to be told. Waits for a place in the queue, and until they are on the disk.
    pub(crate) async fn push_events(
        &self,
        events: Vec<(PendingEvent, UnixMillis, String)>,
    ) -> Result<(), ReadError> {
        let (reply, answer) = oneshot::channel();
        self.wait(Job::PushEvents { events, reply }).await?;
        answer.await.unwrap_or(Err(ReadError::Failed))
    }

    /// Forgets events that were told. With a full queue they stay, and are told again after a restart.
    pub(crate) fn forget_events(&self, numbers: Vec<u64>) {
        let _ = self.jobs.try_send(Job::ForgetEvents(numbers));
    }

    /// All events that are to be told, in order.
    pub(crate) async fn pending_events(&self) -> Result<Vec<PendingEvent>, ReadError> {
        let (reply, answer) = oneshot::channel();
        self.wait(Job::PendingEvents { reply }).await?;
        answer.await.unwrap_or(Err(ReadError::Failed))
    }

    /// When an event happened, and its body; `None` if it is forgotten.
    pub(crate) async fn event(&self, number: u64) -> Result<Option<(UnixMillis, String)>, ReadError> {
        let (reply, answer) = oneshot::channel();
        self.wait(Job::Event { number, reply }).await?;
        answer.await.unwrap_or(Err(ReadError::Failed))
    }

    async fn wait(&self, job: Job) -> Result<(), ReadError> {
        self.jobs.send(job).await.map_err(|_| ReadError::Failed)
    }

    fn ask(&self, question: Job) -> Result<(), ReadError> {
        self.jobs.try_send(question).map_err(|error| match error {
            TrySendError::Full(_) => ReadError::Busy,
            TrySendError::Closed(_) => ReadError::Failed,
        })
    }
}

/// The thread: one job after the other until the store is closed or its last handle is gone. Who asked
/// may be gone when the answer comes; then nobody needs it.
fn work(mut database: Database, mut jobs: mpsc::Receiver<Job>) {
    let mut held_over = None;
    while let Some(job) = held_over.take().or_else(|| jobs.blocking_recv()) {
        match job {
            Job::Admit { name, secret, now, reply } => {
                let _ = reply.send(database.admit(&name, secret.as_ref(), now));
            }
            Job::Record(record) => {
                if let Err(error) = database.record(&record) {
                    tracing::error!(%error, "a call could not be written to the history");
                }
            }
            Job::Calls { before, count, reply } => {
                let _ = reply.send(database.calls(before, count).map_err(failed));
            }
            Job::Users { after, count, reply } => {
                let _ = reply.send(database.users(after.as_deref(), count).map_err(failed));
            }
            Job::Chat { thread, message } => {
                // A write ends with a flush to the disk, so messages that wait share one.
                let mut messages = vec![(thread, message)];
                while messages.len() < JOBS_MAX && held_over.is_none() {
                    match jobs.try_recv() {
                        Ok(Job::Chat { thread, message }) => messages.push((thread, message)),
                        Ok(other) => held_over = Some(other),
                        Err(_) => break,
                    }
                }
                if let Err(error) = database.record_chat(&messages) {
                    tracing::error!(%error, "messages could not be written to the history");
                }
            }
            Job::ForgetChat(thread) => {
                if let Err(error) = database.forget_chat(&thread) {
                    tracing::error!(%error, "messages could not be forgotten");
                }
            }
            Job::ChatPage { thread, before, count, reply } => {
                let _ = reply.send(database.chat(&thread, before, count).map_err(failed));
            }
            Job::PushEvents { events, reply } => {
                let _ = reply.send(database.push_events(&events).map_err(failed));
            }
            Job::ForgetEvents(numbers) => {
                if let Err(error) = database.forget_events(&numbers) {
                    tracing::error!(%error, "webhooks could not be forgotten");
                }
            }
            Job::PendingEvents { reply } => {
                let _ = reply.send(database.pending_events().map_err(failed));
            }
            Job::Event { number, reply } => {
                let _ = reply.send(database.event(number).map_err(failed));
            }
            Job::Close { reply } => {
                drop(database);
                let _ = reply.send(());
                return;
            }
        }
    }
}

fn failed(error: redb::Error) -> ReadError {
    tracing::error!(%error, "the store could not be used");
    ReadError::Failed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> UserName {
        UserName::parse(text).expect("a name")
    }

    fn secret(text: &str) -> Option<Secret> {
        Secret::new(Some(text.to_owned())).expect("short enough")
    }

    fn record(from: &str, to: &str) -> CallRecord {
        CallRecord {
            from: name(from),
            to: name(to),
            started: UnixMillis(1_000),
            answered: Some(UnixMillis(2_000)),
            ended: UnixMillis(3_000),
            outcome: Outcome::Completed,
        }
    }

    #[tokio::test]
    async fn users_and_calls_survive_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keel.redb");
        let store = Store::open(&path).expect("a new file");
        assert_eq!(store.admit(name("ann"), secret("s3cret"), UnixMillis(10)).await, Ok(()));
        assert_eq!(store.admit(name("ben"), None, UnixMillis(20)).await, Ok(()));
        store.record(record("ann", "ben"));
        store.close().await;

        let store = Store::open(&path).expect("the same file");
        assert_eq!(store.admit(name("ann"), None, UnixMillis(30)).await, Err(AdmitError::WrongSecret));
        assert_eq!(
            store.admit(name("ann"), secret("guess"), UnixMillis(30)).await,
            Err(AdmitError::WrongSecret)
        );
        assert_eq!(store.admit(name("ann"), secret("s3cret"), UnixMillis(40)).await, Ok(()));
        let users = store.users(None, 10).await.expect("readable");
        let seen: Vec<_> = users
            .iter()
            .map(|user| (user.name.as_str(), user.claimed, user.first_seen.0, user.last_seen.0))
            .collect();
        assert_eq!(seen, [("ann", true, 10, 40), ("ben", false, 20, 20)]);
        let calls = store.calls(None, 10).await.expect("readable");
        let [call] = calls.as_slice() else { panic!("one call: {calls:?}") };
        assert_eq!((call.from.as_str(), call.to.as_str()), ("ann", "ben"));
        assert_eq!((call.answered, call.outcome.as_str()), (Some(UnixMillis(2_000)), "completed"));
        let file = std::fs::read(&path).expect("readable");
        assert!(!file.windows(6).any(|bytes| bytes == b"s3cret"), "only the hash is written");
        store.close().await;
    }

    #[tokio::test]
    async fn a_full_queue_refuses_registrations_and_drops_records() {
        let (jobs, _waiting) = mpsc::channel(1);
        let store = Store { jobs, records_dropped: Arc::default() };
        store.record(record("ann", "ben"));
        store.record(record("ann", "ben"));
        assert_eq!(store.records_dropped(), 1);
        assert_eq!(store.admit(name("ann"), None, UnixMillis(1)).await, Err(AdmitError::Busy));
        assert_eq!(store.calls(None, 1).await, Err(ReadError::Busy));
    }

    #[tokio::test]
    async fn a_closed_store_refuses_and_does_not_hang() {
        let store = Store::in_memory().expect("memory");
        store.close().await;
        assert_eq!(store.users(None, 1).await, Err(ReadError::Failed));
        assert_eq!(store.admit(name("ann"), None, UnixMillis(1)).await, Err(AdmitError::Failed));
        store.close().await;
    }
}
