//! Keel's STUN and TURN server (RFC 8489, RFC 8656): clients that reach nothing but this server send their media
//! through it.
//!
//! [`Server`] is the protocol as a machine, without sockets and clocks. [`TurnServer`] is the thread with the
//! sockets around it: UDP, TCP and TLS towards clients, one UDP socket for each relayed address. `stun/` reads and
//! writes messages, `peer.rs` says to whom is relayed, `nonce.rs` and `credential.rs` who may. [`Visit`] is a client, for checks
//! of an installation.
//!
//! [`ForeignRelays`] is the other side: relayed addresses of ours on somebody else's server.
//!
//! It does not relay TCP (RFC 6062), move allocations to another address of a client (RFC 8016), keep pairs of
//! ports (EVEN-PORT with a reservation is refused with 508), or translate between IPv4 and IPv6.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use keel_turn::{Credentials, Doors, PeerPolicy, RelayAddresses, TurnConfig, TurnLimits, TurnServer};
//! use std::net::UdpSocket;
//! use std::time::Duration;
//!
//! let config = TurnConfig {
//!     realm: "example.org".into(),
//!     credentials: Credentials::new(b"a secret of sixteen bytes or more", Duration::from_secs(86_400)),
//!     relay: RelayAddresses { external: Vec::new(), host: Vec::new(), ports: 49_152..=65_535 },
//!     peers: PeerPolicy::media_only([]),
//!     limits: TurnLimits::default(),
//! };
//! let doors = Doors { udp: vec![UdpSocket::bind("127.0.0.1:3478")?], ..Doors::default() };
//! let server = TurnServer::start(config, doors)?;
//! println!("{} allocations", server.snapshot().await.unwrap_or_default().allocations);
//! server.stop().await;
//! # Ok(()) }
//! ```

mod client;
mod config;
mod count;
mod credential;
mod foreign;
mod io;
mod nonce;
mod peer;
mod rate;
mod refusal;
mod server;
mod stage;
mod stun;
mod visit;

#[doc(hidden)]
pub mod fuzz;

pub use client::{Client, RelayId, Transport};
pub use config::{RelayAddresses, TurnConfig, TurnLimits};
pub use count::{AllocationView, Counts, DropReason, Traffic, TurnSnapshot};
pub use credential::{Credentials, Issued, SECRET_BYTES_MIN};
pub use foreign::{ForeignRelay, ForeignRelays, ForeignServer, Login, RelayError, RelayKeeper};
pub use io::{Doors, StartError, TurnServer};
pub use peer::{Network, NetworkError, OwnSocket, PeerPolicy};
pub use rate::Rate;
pub use refusal::ErrorCode;
pub use server::{Moment, Output, Server, ToClient, ToPeer};
pub use stun::{Family, Method};
pub use visit::{Relayed, Visit, VisitError};
