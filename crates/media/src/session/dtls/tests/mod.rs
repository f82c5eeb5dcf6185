//! Handshakes over a simulated link in virtual time, against ourselves and against rtc-dtls.

mod link;
mod party;
mod stories;

use party::{KeelParty, Party, RtcParty};
