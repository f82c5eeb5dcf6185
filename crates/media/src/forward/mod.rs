//! Decides what goes where: the sans-IO core.

mod drop;

pub use drop::{DropCounters, DropReason};
