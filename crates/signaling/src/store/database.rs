//! The tables and what is done with them. Blocking; used by the store's thread only.

use super::chat::{self, ChatBounds, ChatMessage, ChatPage, ChatThread};
use super::event::{self, PendingEvent};
use super::{AdmitError, CallRecord, Secret, StoredCall, StoredUser, UnixMillis};
use crate::user_name::UserName;
use redb::backends::InMemoryBackend;
use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};
use std::io;
use std::ops::Bound;
use std::path::Path;

/// The layout of the tables below. A change of it needs a migration and the next number.
const SCHEMA: u64 = 1;

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// Name to: argon2id hash if claimed, first seen, last seen (Unix milliseconds).
const USERS: TableDefinition<&str, (Option<&str>, u64, u64)> = TableDefinition::new("users");
/// Running number to call.
const CALLS: TableDefinition<u64, CallRow> = TableDefinition::new("calls");

/// From, to, started, answered, ended (Unix milliseconds), outcome.
type CallRow = (&'static str, &'static str, u64, Option<u64>, u64, &'static str);

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Past it the users that were seen longest ago and have no claim are forgotten; with claims only,
    /// new names are refused.
    users_max: u64,
    /// Past it the oldest calls are forgotten.
    calls_max: u64,
    chat: ChatBounds,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { users_max: 100_000, calls_max: 100_000, chat: ChatBounds::default() }
    }
}

/// Memory for the database's cache in bytes. Its own default of 1 GiB is meant for a database server.
const CACHE_BYTES: usize = 8 << 20;

/// Why a store did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file was written by a later version.
    #[error(
        "the store was written by a newer Keel (its schema is {found}, this one knows {known}): start that version, or use another data directory"
    )]
    Newer {
        /// The schema of the file.
        found: u64,
        /// The schema of this program.
        known: u64,
    },
    /// Another process has the file open.
    #[error("the store is in use by another process")]
    InUse,
    /// The file cannot be opened or is damaged.
    #[error("the store cannot be opened: {0}")]
    Database(#[from] redb::Error),
    /// The store's thread could not be started.
    #[error("the store's thread cannot be started: {0}")]
    Thread(io::Error),
}

/// The open database.
pub(super) struct Database {
    redb: redb::Database,
    bounds: Bounds,
}

impl Database {
    pub(super) fn open(path: &Path, bounds: Bounds) -> Result<Self, OpenError> {
        let opened = redb::Database::builder().set_cache_size(CACHE_BYTES).create(path);
        Self::prepare(opened, bounds)
    }

    pub(super) fn in_memory(bounds: Bounds) -> Result<Self, OpenError> {
        let opened =
            redb::Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(InMemoryBackend::new());
        Self::prepare(opened, bounds)
    }

    fn prepare(
        opened: Result<redb::Database, redb::DatabaseError>,
        bounds: Bounds,
    ) -> Result<Self, OpenError> {
        let redb = opened.map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => OpenError::InUse,
            error => OpenError::Database(error.into()),
        })?;
        let database = Self { redb, bounds };
        let found = database.schema()?;
        if found > SCHEMA {
            return Err(OpenError::Newer { found, known: SCHEMA });
        }
        Ok(database)
    }

    /// The schema of the file; a new file gets the current one, and all tables.
    fn schema(&self) -> Result<u64, redb::Error> {
        let write = self.redb.begin_write()?;
        let schema = {
            let mut meta = write.open_table(META)?;
            let found = meta.get("schema")?.map(|schema| schema.value());
            if found.is_none() {
                meta.insert("schema", SCHEMA)?;
            }
            found.unwrap_or(SCHEMA)
        };
        if schema <= SCHEMA {
            write.open_table(USERS)?;
            write.open_table(CALLS)?;
            chat::create_tables(&write)?;
            event::create_table(&write)?;
        }
        write.commit()?;
        Ok(schema)
    }

    /// Checks the name's claim, claims it if it is free and a secret came with it, remembers the user.
    pub(super) fn admit(
        &mut self,
        name: &UserName,
        secret: Option<&Secret>,
        now: UnixMillis,
    ) -> Result<(), AdmitError> {
        let failed = |error: redb::Error| {
            tracing::error!(%error, "a registration could not be stored");
            AdmitError::Failed
        };
        let known = self.user(name).map_err(failed)?;
        let hash = match (&known, secret) {
            (Some((Some(hash), _)), secret) => {
                if !secret.is_some_and(|secret| secret.fits(hash)) {
                    return Err(AdmitError::WrongSecret);
                }
                Some(hash.clone())
            }
            (_, Some(secret)) => Some(secret.hash().map_err(|error| {
                tracing::error!(%error, "a secret could not be hashed");
                AdmitError::Failed
            })?),
            (_, None) => None,
        };
        if known.is_none() && !self.make_room_for_a_user().map_err(failed)? {
            return Err(AdmitError::Full);
        }
        let first_seen = known.map_or(now.0, |(_, first_seen)| first_seen);
        self.write(|write| {
            let row = (hash.as_deref(), first_seen, now.0);
            write.open_table(USERS)?.insert(name.as_str(), row)?;
            Ok(())
        })
        .map_err(failed)
    }

    /// Adds a call to the history, and forgets the oldest ones past the bound.
    pub(super) fn record(&mut self, call: &CallRecord) -> Result<(), redb::Error> {
        let calls_max = self.bounds.calls_max;
        self.write(|write| {
            let mut calls = write.open_table(CALLS)?;
            let number = calls.last()?.map_or(1, |(last, _)| last.value() + 1);
            let answered = call.answered.map(|answered| answered.0);
            let (from, to, outcome) = (call.from.as_str(), call.to.as_str(), call.outcome.label());
            calls.insert(number, (from, to, call.started.0, answered, call.ended.0, outcome))?;
            while calls.len()? > calls_max {
                calls.pop_first()?;
            }
            Ok(())
        })
    }

    /// Up to `count` calls older than number `before`, the newest first.
    pub(super) fn calls(&self, before: Option<u64>, count: usize) -> Result<Vec<StoredCall>, redb::Error> {
        let table = self.redb.begin_read()?.open_table(CALLS)?;
        let mut calls = Vec::new();
        for row in table.range(..before.unwrap_or(u64::MAX))?.rev().take(count) {
            let (number, row) = row?;
            let (from, to, started, answered, ended, outcome) = row.value();
            calls.push(StoredCall {
                number: number.value(),
                from: from.to_owned(),
                to: to.to_owned(),
                started: UnixMillis(started),
                answered: answered.map(UnixMillis),
                ended: UnixMillis(ended),
                outcome: outcome.to_owned(),
            });
        }
        Ok(calls)
    }

    /// Up to `count` users behind the name `after`, in the order of their names.
    pub(super) fn users(&self, after: Option<&str>, count: usize) -> Result<Vec<StoredUser>, redb::Error> {
        let table = self.redb.begin_read()?.open_table(USERS)?;
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut users = Vec::new();
        for row in table.range::<&str>((start, Bound::Unbounded))?.take(count) {
            let (name, row) = row?;
            let (hash, first_seen, last_seen) = row.value();
            users.push(StoredUser {
                name: name.value().to_owned(),
                claimed: hash.is_some(),
                first_seen: UnixMillis(first_seen),
                last_seen: UnixMillis(last_seen),
            });
        }
        Ok(users)
    }

    /// Adds messages to their threads.
    pub(super) fn record_chat(&mut self, messages: &[(ChatThread, ChatMessage)]) -> Result<(), redb::Error> {
        let bounds = self.bounds.chat;
        self.write(|write| chat::record(write, messages, bounds))
    }

    /// Forgets a thread.
    pub(super) fn forget_chat(&mut self, thread: &ChatThread) -> Result<(), redb::Error> {
        self.write(|write| chat::forget(write, thread))
    }

    /// Up to `count` messages of a thread older than number `before`.
    pub(super) fn chat(
        &self,
        thread: &ChatThread,
        before: Option<u64>,
        count: usize,
    ) -> Result<ChatPage, redb::Error> {
        chat::page(&self.redb, thread, before, count)
    }

    /// Adds events that are to be told.
    pub(super) fn push_events(
        &mut self,
        events: &[(PendingEvent, UnixMillis, String)],
    ) -> Result<(), redb::Error> {
        self.write(|write| event::push(write, events))
    }

    /// Forgets events.
    pub(super) fn forget_events(&mut self, numbers: &[u64]) -> Result<(), redb::Error> {
        event::forget(&self.redb, numbers)
    }

    /// All events that are to be told.
    pub(super) fn pending_events(&self) -> Result<Vec<PendingEvent>, redb::Error> {
        event::pending(&self.redb)
    }

    /// When an event happened, and its body.
    pub(super) fn event(&self, number: u64) -> Result<Option<(UnixMillis, String)>, redb::Error> {
        event::body(&self.redb, number)
    }

    /// A user's hash, if claimed, and when it was first seen.
    fn user(&self, name: &UserName) -> Result<Option<(Option<String>, u64)>, redb::Error> {
        let table = self.redb.begin_read()?.open_table(USERS)?;
        let row = table.get(name.as_str())?;
        Ok(row.map(|row| {
            let (hash, first_seen, _) = row.value();
            (hash.map(str::to_owned), first_seen)
        }))
    }

    /// Whether one more user fits, after forgetting a sixteenth of the table's bound if it is full: the
    /// search reads all rows, so it must not be needed for each new user.
    fn make_room_for_a_user(&mut self) -> Result<bool, redb::Error> {
        let users_max = self.bounds.users_max;
        let table = self.redb.begin_read()?.open_table(USERS)?;
        if table.len()? < users_max {
            return Ok(true);
        }
        let mut unclaimed = Vec::new();
        for row in table.iter()? {
            let (name, row) = row?;
            let (hash, _, last_seen) = row.value();
            if hash.is_none() {
                unclaimed.push((last_seen, name.value().to_owned()));
            }
        }
        drop(table);
        unclaimed.sort();
        let forgotten = usize::try_from(users_max / 16).unwrap_or(usize::MAX).max(1);
        unclaimed.truncate(forgotten);
        self.write(|write| {
            let mut users = write.open_table(USERS)?;
            for (_, name) in &unclaimed {
                users.remove(name.as_str())?;
            }
            Ok(())
        })?;
        Ok(!unclaimed.is_empty())
    }

    fn write(
        &mut self,
        change: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), redb::Error> {
        let write = self.redb.begin_write()?;
        change(&write)?;
        write.commit()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Outcome;

    fn name(text: &str) -> UserName {
        UserName::parse(text).expect("a name")
    }

    #[test]
    fn the_oldest_calls_are_forgotten_and_pages_follow_each_other() {
        let mut database =
            Database::in_memory(Bounds { users_max: 10, calls_max: 5, ..Bounds::default() }).expect("memory");
        for second in 0..8 {
            let call = CallRecord {
                from: name("ann"),
                to: name("ben"),
                started: UnixMillis(second),
                answered: None,
                ended: UnixMillis(second),
                outcome: Outcome::Missed,
            };
            database.record(&call).expect("written");
        }
        let numbers = |before, count| -> Vec<u64> {
            let calls = database.calls(before, count).expect("readable");
            calls.iter().map(|call| call.number).collect()
        };
        assert_eq!(numbers(None, 3), [8, 7, 6]);
        assert_eq!(numbers(Some(6), 3), [5, 4], "3, 2 and 1 are forgotten");
    }

    #[test]
    fn a_full_table_forgets_who_was_not_seen_for_longest_and_keeps_claims() {
        let mut database =
            Database::in_memory(Bounds { users_max: 3, calls_max: 1, ..Bounds::default() }).expect("memory");
        let secret = Secret::new(Some("tide".to_owned())).flatten();
        let mut admit =
            |who: &str, secret: Option<&Secret>, now| database.admit(&name(who), secret, UnixMillis(now));
        assert_eq!(admit("ann", secret.as_ref(), 1), Ok(()));
        assert_eq!(admit("ben", None, 2), Ok(()));
        assert_eq!(admit("cat", None, 3), Ok(()));
        assert_eq!(admit("ben", None, 4), Ok(()));
        assert_eq!(admit("dan", secret.as_ref(), 5), Ok(()), "in place of cat");
        assert_eq!(admit("eve", secret.as_ref(), 6), Ok(()), "in place of ben");
        assert_eq!(admit("fay", None, 7), Err(AdmitError::Full), "only claims are left");
        let users = database.users(None, 10).expect("readable");
        let names: Vec<_> = users.iter().map(|user| user.name.as_str()).collect();
        assert_eq!(names, ["ann", "dan", "eve"]);
        let rest = database.users(Some("ann"), 1).expect("readable");
        assert_eq!(rest.first().map(|user| user.name.as_str()), Some("dan"));
    }

    #[test]
    fn an_unclaimed_name_is_claimed_by_the_first_secret() {
        let mut database = Database::in_memory(Bounds::default()).expect("memory");
        let secret = Secret::new(Some("tide".to_owned())).flatten();
        assert_eq!(database.admit(&name("ann"), None, UnixMillis(1)), Ok(()));
        assert_eq!(database.admit(&name("ann"), secret.as_ref(), UnixMillis(2)), Ok(()));
        assert_eq!(database.admit(&name("ann"), None, UnixMillis(3)), Err(AdmitError::WrongSecret));
        let users = database.users(None, 1).expect("readable");
        assert_eq!(users.first().map(|user| (user.claimed, user.last_seen.0)), Some((true, 2)));
    }

    #[test]
    fn a_newer_schema_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keel.redb");
        let raise = |schema: u64| {
            let redb = redb::Database::create(&path).expect("opens");
            let write = redb.begin_write().expect("writes");
            write.open_table(META).expect("opens").insert("schema", schema).expect("writes");
            write.commit().expect("commits");
        };
        raise(SCHEMA + 1);
        let error = Database::open(&path, Bounds::default()).err().expect("refused");
        assert!(matches!(error, OpenError::Newer { found, known } if found == known + 1), "{error}");
        raise(SCHEMA);
        Database::open(&path, Bounds::default()).expect("opens again");
    }

    #[test]
    fn a_file_that_is_in_use_or_no_database_is_an_error_with_words() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keel.redb");
        let first = Database::open(&path, Bounds::default()).expect("opens");
        let second = Database::open(&path, Bounds::default()).err().expect("refused");
        assert!(matches!(second, OpenError::InUse), "{second}");
        drop(first);
        std::fs::write(&path, vec![7; 10_000]).expect("writes");
        let broken = Database::open(&path, Bounds::default()).err().expect("refused");
        assert!(matches!(broken, OpenError::Database(_)), "{broken}");
    }
}
