//! What the Kurento protocol can be told.

use crate::limits::Rate;
use keel_turn::ForeignRelays;
use std::time::Duration;

pub use super::model::Filters;

/// Settings of the Kurento protocol, with its bounds.
#[derive(Clone, Debug)]
pub struct KurentoConfig {
    /// Whether messages are compressed for clients that offer it (RFC 7692). Default: yes.
    pub compression: bool,
    /// A dead client's objects go between one and two of these after its socket. Default 240 s, as in KMS.
    pub collection_period: Duration,
    /// Objects that one session may have created at a time; further ones get code 40009. Default 10,000.
    pub objects_per_session_max: usize,
    /// Objects in all; further ones get code 40009. Default 100,000.
    pub objects_max: usize,
    /// Sessions in all; further ones get code 40009. Default 10,000.
    pub sessions_max: usize,
    /// What becomes of filters. Default: they are refused.
    pub filters: Filters,
    /// Keeps relayed addresses on the TURN servers that applications name (`turnUrl`). Default: nobody does.
    pub relays: Option<ForeignRelays>,
    /// What `ServerManager.getMetadata` answers. Default: nothing.
    pub metadata: String,
    /// Bytes of one request; a longer one is answered with an error. Default 1,000,000, as clients expect.
    pub message_bytes_max: usize,
    /// Bytes of one message, compressed or not, past which the connection is closed with code 1009. Default
    /// 4 MiB.
    pub message_bytes_fatal: usize,
    /// Requests that one address may send; who is faster is read more slowly. Applications send thousands at
    /// once. Default 5000 a second, 20,000 at once.
    pub requests_per_address: Rate,
    /// Events that wait for one socket; a client that does not read them is disconnected. Default 2048.
    pub events_per_socket_max: usize,
    /// The interval of WebSocket pings. Default 30 s.
    pub ping_every: Duration,
    /// How long nothing, not even a pong, may come from a client before it counts as gone. Default 120 s: an
    /// application may stand in a debugger.
    pub silence_max: Duration,
    /// How long one write to a client may take. Default 10 s.
    pub write_max: Duration,
}

impl Default for KurentoConfig {
    fn default() -> Self {
        Self {
            compression: true,
            collection_period: Duration::from_secs(240),
            objects_per_session_max: 10_000,
            objects_max: 100_000,
            sessions_max: 10_000,
            filters: Filters::default(),
            relays: None,
            metadata: String::new(),
            message_bytes_max: 1_000_000,
            message_bytes_fatal: 4 << 20,
            requests_per_address: Rate { per_second: 5_000, at_once: 20_000 },
            events_per_socket_max: 2048,
            ping_every: Duration::from_secs(30),
            silence_max: Duration::from_secs(120),
            write_max: Duration::from_secs(10),
        }
    }
}
