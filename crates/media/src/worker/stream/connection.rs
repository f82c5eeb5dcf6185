//! One TCP connection: its socket, what is half read, what waits to be written.

use super::frame::{FRAME_MAX, HEADER};
use super::outbox::Outbox;
use crate::forward::DropReason;
use crate::id::SessionId;
use crate::pipeline::Dscp;
use crate::worker::Counters;
use crate::worker::wait::Interest;
use socket2::SockRef;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

/// Bytes read in one tick from one connection: some 50 packets, as in a batch of datagrams.
pub(in crate::worker) const READ_BYTES: usize = 64 << 10;
/// Bytes that the kernel holds and has not sent yet. It would take megabytes: seconds of video.
const UNSENT_MAX: u32 = 64 << 10;

/// A connection.
pub(in crate::worker) struct Connection {
    socket: TcpStream,
    local: SocketAddr,
    remote: SocketAddr,
    /// Whose it is, once it has proved it.
    pub(super) session: Option<SessionId>,
    /// When it is closed unless it has.
    pub(super) deadline: Instant,
    /// How many frames have come.
    pub(super) frames: u8,
    /// The beginning of a frame whose end has not come.
    partial: Vec<u8>,
    outbox: Outbox,
    /// It stands in the list of those that have something to write.
    pub(super) is_unwritten: bool,
    /// What is waited for.
    pub(super) interest: Interest,
}

/// What reading brought.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadOutcome {
    /// Bytes of the buffer that are the stream's: what was kept, and what came.
    pub(super) filled: usize,
    /// The other side has ended it.
    pub(super) is_over: bool,
}

impl Connection {
    pub(super) fn new(socket: TcpStream, remote: SocketAddr, deadline: Instant) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT_MAX)?;
        let local = socket.local_addr()?;
        Ok(Self {
            socket,
            local,
            remote,
            session: None,
            deadline,
            frames: 0,
            partial: Vec::new(),
            outbox: Outbox::default(),
            is_unwritten: false,
            interest: Interest::Read,
        })
    }

    pub(super) const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Our end and the other one.
    pub(super) const fn ends(&self) -> (SocketAddr, SocketAddr) {
        (self.local, self.remote)
    }

    /// Has the network treat its packets so.
    pub(in crate::worker) fn mark(&self, dscp: Dscp) {
        let (socket, class) = (SockRef::from(&self.socket), u32::from(dscp.traffic_class()));
        let marked =
            if self.local.is_ipv4() { socket.set_tos_v4(class) } else { socket.set_tclass_v6(class) };
        if let Err(error) = marked {
            tracing::debug!(%error, "a connection keeps the default code point");
        }
    }

    /// Reads what is there behind what was kept, into `buffer`.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> ReadOutcome {
        let kept = self.partial.len();
        let Some((before, room)) = buffer.split_at_mut_checked(kept) else {
            return ReadOutcome { filled: 0, is_over: true };
        };
        before.copy_from_slice(&self.partial);
        self.partial.clear();
        let room_bytes = room.len().min(READ_BYTES);
        match (&self.socket).read(room.get_mut(..room_bytes).unwrap_or_default()) {
            Ok(0) => ReadOutcome { filled: kept, is_over: true },
            Ok(count) => ReadOutcome { filled: kept + count, is_over: false },
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                ReadOutcome { filled: kept, is_over: false }
            }
            Err(_) => ReadOutcome { filled: kept, is_over: true },
        }
    }

    /// Keeps the beginning of a frame, which is shorter than one.
    pub(super) fn keep(&mut self, rest: &[u8]) {
        debug_assert!(rest.len() < HEADER + FRAME_MAX, "a longer one would be a frame");
        self.partial.extend_from_slice(rest);
    }

    /// Room for a datagram of media; `None` when too much waits, which is counted.
    pub(in crate::worker) fn reserve(
        &mut self,
        length_max: usize,
        counters: &mut Counters,
    ) -> Option<&mut [u8]> {
        let place = self.outbox.reserve(length_max);
        if place.is_none() {
            counters.drops.count(DropReason::StreamFull);
        }
        place
    }

    /// Appends the first `length` bytes of the last reservation.
    pub(in crate::worker) fn commit(&mut self, length: usize, counters: &mut Counters) {
        self.outbox.commit(length);
        count_out(length, counters);
    }

    /// Appends a datagram of ICE or DTLS.
    pub(in crate::worker) fn push(&mut self, datagram: &[u8], counters: &mut Counters) {
        if self.outbox.push(datagram) {
            count_out(datagram.len(), counters);
        } else {
            counters.drops.count(DropReason::StreamFull);
        }
    }

    /// Writes what the connection takes. One that is broken shows it when it is read.
    pub(super) fn write(&mut self, counters: &mut Counters) {
        if self.outbox.write_to(&self.socket).is_err() {
            counters.drops.count(DropReason::SendRefused);
        }
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.outbox.is_empty()
    }
}

fn count_out(length: usize, counters: &mut Counters) {
    counters.packets_out += 1;
    counters.bytes_out += length as u64;
}
