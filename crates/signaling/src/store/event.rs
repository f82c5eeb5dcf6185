//! What happened and is still to be told to applications: the table of webhooks. Blocking; used by the store's
//! thread only.

use super::UnixMillis;
use redb::{Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

/// Number to: receiver, topic, body, time (Unix milliseconds).
const EVENTS: TableDefinition<u64, EventRow> = TableDefinition::new("webhook_events");

type EventRow = (&'static str, &'static str, &'static str, u64);

/// An event that waits for its delivery, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PendingEvent {
    /// Its place in the order of all.
    pub(crate) number: u64,
    pub(crate) receiver: String,
    pub(crate) topic: String,
    /// Those of its body.
    pub(crate) bytes: usize,
}

/// Makes the table. A file without it is as good as one in which nothing waits, so it needs no new schema.
pub(super) fn create_table(write: &WriteTransaction) -> Result<(), redb::Error> {
    write.open_table(EVENTS)?;
    Ok(())
}

/// Adds events. How many there may be is the caller's to bound.
pub(super) fn push(
    write: &WriteTransaction,
    events: &[(PendingEvent, UnixMillis, String)],
) -> Result<(), redb::Error> {
    let mut table = write.open_table(EVENTS)?;
    for (event, time, body) in events {
        let row = (event.receiver.as_str(), event.topic.as_str(), body.as_str(), time.0);
        table.insert(event.number, row)?;
    }
    Ok(())
}

/// Forgets events. After a crash some may be back, and are delivered once more: a flush to the disk for each
/// delivery would cost more.
pub(super) fn forget(redb: &redb::Database, numbers: &[u64]) -> Result<(), redb::Error> {
    let mut write = redb.begin_write()?;
    write.set_durability(Durability::None)?;
    {
        let mut table = write.open_table(EVENTS)?;
        for number in numbers {
            table.remove(number)?;
        }
    }
    write.commit()?;
    Ok(())
}

/// Everything that waits, in order.
pub(super) fn pending(redb: &redb::Database) -> Result<Vec<PendingEvent>, redb::Error> {
    let table = redb.begin_read()?.open_table(EVENTS)?;
    let mut events = Vec::new();
    for row in table.iter()? {
        let (number, row) = row?;
        let (receiver, topic, body, _) = row.value();
        let (receiver, topic) = (receiver.to_owned(), topic.to_owned());
        events.push(PendingEvent { number: number.value(), receiver, topic, bytes: body.len() });
    }
    Ok(events)
}

/// When an event happened, and its body.
pub(super) fn body(redb: &redb::Database, number: u64) -> Result<Option<(UnixMillis, String)>, redb::Error> {
    let table = redb.begin_read()?.open_table(EVENTS)?;
    let row = table.get(number)?;
    Ok(row.map(|row| {
        let (_, _, body, time) = row.value();
        (UnixMillis(time), body.to_owned())
    }))
}
