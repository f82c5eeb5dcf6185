//! One worker thread: its socket, sessions, forwarding tables and timers.

pub mod batch;
mod command;

pub(crate) use command::{Command, WorkerHandle};
