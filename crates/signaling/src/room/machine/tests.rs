//! Stories of rooms, and anything in any order.

pub(in crate::room) mod bench;
mod chat;
mod entry;
mod media;
mod overseeing;
mod random;
mod streaming;
