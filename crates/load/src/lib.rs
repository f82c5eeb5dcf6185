//! Load for Keel and other WebRTC servers: publishers and subscribers by the hundred, as real ICE, DTLS and
//! SRTP peers, and what they see.
//!
//! A [`Plan`] says who sends what to whom; [`run()`] carries it out and returns a [`Report`]. The peers are
//! bare ([`peer`]): after the handshake they count headers, and decrypt one packet in sixteen. One thread
//! serves all of them; a result at its own limit is void, and says so. [`limit`] measures what the system
//! itself can do, and [`table`] both in turns.
//!
//! What it is not: a browser. Its subscribers do not decode, repair or adapt.

mod engine;
mod feedback;
mod file_limit;
mod member;
mod packet;
mod plan;
mod run;
mod signaling;
mod traffic;

pub mod limit;
pub mod measure;
pub mod peer;
pub mod report;
pub mod table;

pub use packet::{PAYLOAD_MAX, PAYLOAD_MIN};
pub use plan::{Plan, Protocol, Scenario, Seat, Server};
pub use report::Report;
pub use run::{Load, Search, run, with_load};
pub use traffic::{Shape, Traffic};
