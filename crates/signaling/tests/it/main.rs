//! The signaling server over real sockets on loopback: one file per story.

mod browser;
mod calling;
mod doors;
mod frames;
mod keel;
mod registration;
mod shutdown;
