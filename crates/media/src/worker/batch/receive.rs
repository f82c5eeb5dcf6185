//! Reads what has arrived, many datagrams at once, into slots where they can be decrypted in place.

use super::system::{self, Arrival, Wanted};
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// Bytes of a slot: what paths carry is below 1,500; a larger datagram is nothing we asked for.
const SLOT_LENGTH: usize = 2048;

/// The datagrams of one read, each in its slot.
#[derive(Debug)]
pub struct ReceiveBatch {
    slots: Box<[u8]>,
    arrivals: Vec<Arrival>,
    wanted: Wanted,
}

/// One datagram.
#[derive(PartialEq, Eq, Debug)]
pub struct Datagram<'a> {
    /// Where it says it comes from.
    pub source: SocketAddr,
    /// Its bytes, to be changed at will.
    pub bytes: &'a mut [u8],
    /// When the kernel took it in, since 1970; told of sockets given to [`ReceiveBatch::time_arrivals`].
    pub received_at: Option<Duration>,
}

/// What one read brought.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Received {
    /// Datagrams in the batch.
    pub datagrams: usize,
    /// Datagrams skipped since they were longer than a slot.
    pub truncated: usize,
}

impl Default for ReceiveBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl ReceiveBatch {
    /// The datagrams of one read at most. So many may mean that more are waiting.
    pub const DATAGRAMS_MAX: usize = system::MESSAGES_MAX;

    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self {
            slots: vec![0; Self::DATAGRAMS_MAX * SLOT_LENGTH].into_boxed_slice(),
            arrivals: Vec::with_capacity(Self::DATAGRAMS_MAX),
            wanted: Wanted::Bytes,
        }
    }

    /// Has the kernel note when each datagram of the socket `fd` arrives, which this batch then tells.
    ///
    /// # Errors
    /// Where the system has no such option.
    pub fn time_arrivals(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        system::tell_arrival_times(fd)?;
        self.wanted = Wanted::ArrivalTimes;
        Ok(())
    }

    /// Reads what is ready on the socket `fd`, in place of what the batch held. Does not wait: with
    /// nothing ready the batch is empty.
    ///
    /// # Errors
    /// What the socket reports; the batch is then empty.
    pub fn receive(&mut self, fd: BorrowedFd<'_>) -> io::Result<Received> {
        self.arrivals.clear();
        loop {
            match system::receive(fd, &mut self.slots, SLOT_LENGTH, self.wanted, &mut self.arrivals) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let truncated = self.arrivals.iter().filter(|arrival| arrival.truncated).count();
        Ok(Received { datagrams: self.arrivals.len() - truncated, truncated })
    }

    /// The datagrams of the last read, in the order of arrival.
    pub fn datagrams(&mut self) -> impl Iterator<Item = Datagram<'_>> {
        self.slots.chunks_exact_mut(SLOT_LENGTH).zip(&self.arrivals).filter_map(|(slot, arrival)| {
            let bytes = slot.get_mut(..arrival.length).filter(|_| !arrival.truncated)?;
            Some(Datagram { source: arrival.source, bytes, received_at: arrival.received_at })
        })
    }
}
