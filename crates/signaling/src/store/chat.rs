//! What people wrote: the tables of the chat history. Blocking; used by the store's thread only.

use super::UnixMillis;
use crate::room::RoomName;
use crate::user_name::UserName;
use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};
use serde::Serialize;

/// Messages that one page has at most.
pub(crate) const HISTORY_PAGE_MAX: usize = 50;

/// Thread and number to: participant, name, text, time (Unix milliseconds).
const MESSAGES: TableDefinition<(&str, u64), MessageRow> = TableDefinition::new("messages");
/// Every message once more by its age: its time and number, and its thread.
const MESSAGE_AGES: TableDefinition<(u64, u64, &str), ()> = TableDefinition::new("message_ages");
/// How many messages a thread has.
const MESSAGE_COUNTS: TableDefinition<&str, u64> = TableDefinition::new("message_counts");

type MessageRow = (Option<&'static str>, &'static str, &'static str, u64);

/// Who writes to whom: a room, or the two of a call. Names have no control characters, so no name can be taken
/// for another thread's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChatThread(String);

/// One message, as it is kept and as clients read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ChatMessage {
    /// Ascends within its thread.
    pub(crate) message: u64,
    /// Who wrote it, in a room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) participant: Option<String>,
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) time: UnixMillis,
}

/// Some messages of a thread, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChatPage {
    pub(crate) messages: Vec<ChatMessage>,
    /// Whether there are older ones.
    pub(crate) more: bool,
}

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChatBounds {
    /// Past it a thread forgets its oldest messages.
    pub(super) messages_per_thread_max: u64,
    /// Past it the oldest messages of all threads are forgotten.
    pub(super) messages_max: u64,
}

impl Default for ChatBounds {
    fn default() -> Self {
        Self { messages_per_thread_max: 2_000, messages_max: 200_000 }
    }
}

impl ChatThread {
    pub(crate) fn of_room(name: &RoomName) -> Self {
        Self(format!("room\0{name}"))
    }

    /// The same for both directions.
    pub(crate) fn of_call(one: &UserName, other: &UserName) -> Self {
        let (first, second) = if one < other { (one, other) } else { (other, one) };
        Self(format!("call\0{first}\0{second}"))
    }
}

/// Makes the tables. A file without them is as good as one in which nobody has written: an earlier Keel leaves
/// them alone, so they need no new schema.
pub(super) fn create_tables(write: &WriteTransaction) -> Result<(), redb::Error> {
    write.open_table(MESSAGES)?;
    write.open_table(MESSAGE_AGES)?;
    write.open_table(MESSAGE_COUNTS)?;
    Ok(())
}

/// Adds messages, and forgets what is over the bounds.
pub(super) fn record(
    write: &WriteTransaction,
    messages: &[(ChatThread, ChatMessage)],
    bounds: ChatBounds,
) -> Result<(), redb::Error> {
    for (ChatThread(thread), message) in messages {
        let ChatMessage { message: number, participant, name, text, time } = message;
        let row = (participant.as_deref(), name.as_str(), text.as_str(), time.0);
        let replaced =
            write.open_table(MESSAGES)?.insert((thread.as_str(), *number), row)?.map(|row| row.value().3);
        if let Some(time) = replaced {
            // Numbers ascend, so only a clock that was set back between two runs comes here.
            write.open_table(MESSAGE_AGES)?.remove((time, *number, thread.as_str()))?;
            add_to_count(write, thread, -1)?;
        }
        write.open_table(MESSAGE_AGES)?.insert((time.0, *number, thread.as_str()), ())?;
        if add_to_count(write, thread, 1)? > bounds.messages_per_thread_max {
            forget_oldest_of(write, thread)?;
        }
        while write.open_table(MESSAGE_AGES)?.len()? > bounds.messages_max {
            forget_oldest(write)?;
        }
    }
    Ok(())
}

/// Forgets a thread.
pub(super) fn forget(write: &WriteTransaction, ChatThread(thread): &ChatThread) -> Result<(), redb::Error> {
    let mut messages = write.open_table(MESSAGES)?;
    let mut ages = write.open_table(MESSAGE_AGES)?;
    let rows = messages.extract_from_if((thread.as_str(), 0)..=(thread.as_str(), u64::MAX), |_, _| true)?;
    for row in rows {
        let (key, row) = row?;
        ages.remove((row.value().3, key.value().1, thread.as_str()))?;
    }
    drop(ages);
    write.open_table(MESSAGE_COUNTS)?.remove(thread.as_str())?;
    Ok(())
}

/// Up to `count` messages older than number `before`.
pub(super) fn page(
    redb: &redb::Database,
    ChatThread(thread): &ChatThread,
    before: Option<u64>,
    count: usize,
) -> Result<ChatPage, redb::Error> {
    let table = redb.begin_read()?.open_table(MESSAGES)?;
    let end = before.unwrap_or(u64::MAX);
    let mut rows = table.range((thread.as_str(), 0)..(thread.as_str(), end))?.rev();
    let mut messages = Vec::new();
    for row in rows.by_ref().take(count) {
        let (key, row) = row?;
        let (participant, name, text, time) = row.value();
        messages.push(ChatMessage {
            message: key.value().1,
            participant: participant.map(str::to_owned),
            name: name.to_owned(),
            text: text.to_owned(),
            time: UnixMillis(time),
        });
    }
    messages.reverse();
    Ok(ChatPage { messages, more: rows.next().is_some() })
}

fn forget_oldest_of(write: &WriteTransaction, thread: &str) -> Result<(), redb::Error> {
    let oldest = {
        let messages = write.open_table(MESSAGES)?;
        let oldest = messages.range((thread, 0)..=(thread, u64::MAX))?.next().transpose()?;
        oldest.map(|(key, row)| (row.value().3, key.value().1))
    };
    match oldest {
        Some((time, number)) => forget_one(write, thread, time, number),
        None => Ok(()),
    }
}

fn forget_oldest(write: &WriteTransaction) -> Result<(), redb::Error> {
    let oldest = {
        let ages = write.open_table(MESSAGE_AGES)?;
        let oldest = ages.first()?;
        oldest.map(|(key, _)| {
            let (time, number, thread) = key.value();
            (time, number, thread.to_owned())
        })
    };
    match oldest {
        Some((time, number, thread)) => forget_one(write, &thread, time, number),
        None => Ok(()),
    }
}

fn forget_one(write: &WriteTransaction, thread: &str, time: u64, number: u64) -> Result<(), redb::Error> {
    write.open_table(MESSAGES)?.remove((thread, number))?;
    write.open_table(MESSAGE_AGES)?.remove((time, number, thread))?;
    add_to_count(write, thread, -1)?;
    Ok(())
}

fn add_to_count(write: &WriteTransaction, thread: &str, change: i64) -> Result<u64, redb::Error> {
    let mut counts = write.open_table(MESSAGE_COUNTS)?;
    let count = counts.get(thread)?.map_or(0, |count| count.value()).saturating_add_signed(change);
    if count == 0 {
        counts.remove(thread)?;
    } else {
        counts.insert(thread, count)?;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::backends::InMemoryBackend;

    fn database() -> redb::Database {
        let redb = redb::Database::builder().create_with_backend(InMemoryBackend::new()).expect("memory");
        change(&redb, create_tables);
        redb
    }

    fn change(redb: &redb::Database, change: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>) {
        let write = redb.begin_write().expect("writes");
        change(&write).expect("changes");
        write.commit().expect("commits");
    }

    fn room(name: &str) -> ChatThread {
        ChatThread::of_room(&RoomName::parse(name).expect("a name"))
    }

    fn say(redb: &redb::Database, thread: &ChatThread, number: u64, bounds: ChatBounds) {
        let message = ChatMessage {
            message: number,
            participant: Some("p1".to_owned()),
            name: "ann".to_owned(),
            text: format!("message {number}"),
            time: UnixMillis(1_000 + number),
        };
        change(redb, |write| record(write, &[(thread.clone(), message)], bounds));
    }

    fn numbers(
        redb: &redb::Database,
        thread: &ChatThread,
        before: Option<u64>,
        count: usize,
    ) -> (Vec<u64>, bool) {
        let page = page(redb, thread, before, count).expect("readable");
        (page.messages.iter().map(|message| message.message).collect(), page.more)
    }

    #[test]
    fn pages_follow_each_other_and_threads_are_apart() {
        let redb = database();
        let (one, other) = (room("one"), room("other"));
        for number in 1..=5 {
            say(&redb, &one, number, ChatBounds::default());
        }
        say(&redb, &other, 6, ChatBounds::default());
        assert_eq!(numbers(&redb, &one, None, 3), (vec![3, 4, 5], true));
        assert_eq!(numbers(&redb, &one, Some(3), 3), (vec![1, 2], false));
        assert_eq!(numbers(&redb, &one, Some(0), 3), (vec![], false));
        assert_eq!(numbers(&redb, &room("on"), None, 3), (vec![], false));
        assert_eq!(numbers(&redb, &other, None, 3), (vec![6], false));
    }

    #[test]
    fn a_thread_forgets_its_oldest_and_all_forget_theirs() {
        let redb = database();
        let bounds = ChatBounds { messages_per_thread_max: 3, messages_max: 5 };
        let (one, other) = (room("one"), room("other"));
        for number in 1..=5 {
            say(&redb, &one, number, bounds);
        }
        assert_eq!(numbers(&redb, &one, None, 9).0, [3, 4, 5]);
        for number in 6..=8 {
            say(&redb, &other, number, bounds);
        }
        assert_eq!(numbers(&redb, &one, None, 9).0, [4, 5], "the oldest of all went");
        assert_eq!(numbers(&redb, &other, None, 9).0, [6, 7, 8]);
    }

    #[test]
    fn a_thread_that_is_forgotten_leaves_nothing() {
        let redb = database();
        let (one, other) = (room("one"), room("other"));
        (1..=4).for_each(|number| say(&redb, &one, number, ChatBounds::default()));
        say(&redb, &other, 5, ChatBounds::default());
        change(&redb, |write| forget(write, &one));
        assert_eq!(numbers(&redb, &one, None, 9).0, [0; 0]);
        assert_eq!(numbers(&redb, &other, None, 9).0, [5]);
        let read = redb.begin_read().expect("reads");
        assert_eq!(read.open_table(MESSAGE_AGES).expect("opens").len().expect("counts"), 1);
        assert_eq!(read.open_table(MESSAGE_COUNTS).expect("opens").len().expect("counts"), 1);
    }

    #[test]
    fn both_directions_of_a_call_are_one_thread_and_no_room_is() {
        let name = |text: &str| UserName::parse(text).expect("a name");
        let call = ChatThread::of_call(&name("ann"), &name("ben"));
        assert_eq!(call, ChatThread::of_call(&name("ben"), &name("ann")));
        assert_ne!(call, room("ann"));
    }
}
