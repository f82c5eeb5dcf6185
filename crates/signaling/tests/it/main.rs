//! The signaling server over real sockets on loopback: one file per story.

mod browser;
mod calling;
mod doors;
mod frames;
mod keel;
mod kurento;
mod live;
mod registration;
mod rest;
mod room;
mod shutdown;
mod tokens;
mod webhook;
