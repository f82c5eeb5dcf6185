//! Datagrams in batches: the only place that receives and sends.
//!
//! A server's cost is the kernel's work per datagram, so this module hands it many at once: up to 64 read
//! by one `recvmmsg`, and per `sendmmsg` up to 64 messages, each of which may be cut into 64 datagrams by
//! the kernel (`UDP_SEGMENT`, generic segmentation offload: "GSO"). No safe crate gives every message of a
//! `sendmmsg` its own segment size: rustix and nix cannot express `UDP_SEGMENT`, or share it between
//! messages, and quinn-udp sends to one destination a call and turns segmentation off for the whole socket
//! after one error. The `unsafe` this needs is in `system.rs` and nowhere else.

mod address;
mod receive;
mod run;
mod send;
mod system;
#[cfg(test)]
mod tests;

pub use receive::{Datagram, ReceiveBatch, Received};
pub use run::{Destination, Segmentation};
pub use send::{FlushReport, SendBatch};

use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::OnceLock;

/// Whether this kernel segments datagrams (Linux 4.18 and later, where nothing filters the option). Asked
/// once, on a socket of its own; a path that cannot carry it is found out by [`FlushReport::unsegmented`].
pub fn gso_supported() -> bool {
    static SUPPORTED: OnceLock<bool> = OnceLock::new();
    *SUPPORTED.get_or_init(|| {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .is_ok_and(|socket| system::try_segment_size(socket.as_fd()).is_ok())
    })
}
