//! One worker thread: its socket, sessions, forwarding tables and timers.

mod command;

pub(crate) use command::{Command, WorkerHandle};
