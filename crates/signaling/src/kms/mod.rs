//! The Kurento protocol: what an application written for Kurento Media Server finds here in its place.

#![expect(dead_code, reason = "the protocol's sockets are not joined to it yet")]

mod failure;
mod model;
mod object;
mod session_id;
