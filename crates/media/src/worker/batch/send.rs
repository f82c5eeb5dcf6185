//! Collects outgoing datagrams side by side, and sends them all at once.

use super::run::{Destination, Run, Segmentation};
use super::system;
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

/// 256 KiB before the batch is full, and room for one more datagram: enough messages for a system call,
/// little enough to stay in the processor's second cache until the kernel copies it. With 4 MiB a datagram
/// cost 4 to 10 % more (AMD EPYC, `cargo bench --bench batch_send`, bursts of 8 and 16, 2026-11-22).
const ARENA_LENGTH: usize = (256 << 10) + DATAGRAM_MAX;
/// The same bound for small datagrams.
const RUNS_MAX: usize = 4096;
/// The largest UDP datagram: while the batch is not full, any fits.
const DATAGRAM_MAX: usize = 65_535;

/// Datagrams to send, in order, with room to write the next one in place.
///
/// A destination's consecutive datagrams of equal size form a run, which the kernel takes as one message.
/// Memory is bounded: when [`Self::is_full`], flush first, several times a tick if need be.
#[derive(Debug)]
pub struct SendBatch {
    arena: Box<[u8]>,
    used: usize,
    runs: Vec<Run>,
    reserved: Option<Reserved>,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlushReport {
    /// Datagrams that the kernel took.
    pub sent: u64,
    /// Their bytes, UDP payload only.
    pub sent_bytes: u64,
    /// Datagrams for which the kernel had no buffer.
    pub dropped: u64,
    /// Datagrams that the kernel refused: no route, another address family.
    pub refused: u64,
    /// Destinations whose run was refused, but not its datagrams one by one: reserve for them with
    /// [`Segmentation::Single`] from now on. A network change may make it worth trying again.
    pub unsegmented: Vec<SocketAddr>,
}

#[derive(Clone, Copy, Debug)]
struct Reserved {
    destination: Destination,
    segmentation: Segmentation,
    length_max: usize,
}

impl Default for SendBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl SendBatch {
    /// An empty batch; it never grows.
    #[must_use]
    pub fn new() -> Self {
        Self {
            arena: vec![0; ARENA_LENGTH].into_boxed_slice(),
            used: 0,
            runs: Vec::with_capacity(RUNS_MAX),
            reserved: None,
        }
    }

    /// Room for a datagram of at most `length_max` bytes to `destination`. What it holds is left over
    /// from earlier; [`Self::commit`] says how much of it is the datagram. A reservation that is not
    /// committed is forgotten by the next.
    ///
    /// `None` when the batch has no such room; never while it is not [full](Self::is_full) and
    /// `length_max` is that of a UDP datagram.
    pub fn reserve(
        &mut self,
        destination: Destination,
        segmentation: Segmentation,
        length_max: usize,
    ) -> Option<&mut [u8]> {
        self.reserved = None;
        if self.runs.len() >= RUNS_MAX {
            return None;
        }
        let room = self.arena[self.used..].get_mut(..length_max)?;
        self.reserved = Some(Reserved { destination, segmentation, length_max });
        Some(room)
    }

    /// Appends the first `length` bytes of the last reservation as a datagram; none for zero.
    ///
    /// # Panics
    /// Without a reservation, or when `length` is beyond it.
    pub fn commit(&mut self, length: usize) {
        let reserved = self.reserved.take().expect("a commit follows its reserve");
        assert!(length <= reserved.length_max, "a commit stays within its reserve");
        if length == 0 {
            return;
        }
        let Reserved { destination, segmentation, .. } = reserved;
        let extended = self.runs.last_mut().is_some_and(|run| run.extend(destination, segmentation, length));
        if !extended {
            self.runs.push(Run::new(destination, segmentation, self.used, length));
        }
        self.used += length;
    }

    /// Sends everything through the socket `fd` without waiting, and empties the batch.
    ///
    /// A message that fails does not hold up the others: where the kernel would not cut a run, its
    /// datagrams are sent one by one; anything else is counted. The socket may be in blocking mode.
    pub fn flush(&mut self, fd: BorrowedFd<'_>) -> FlushReport {
        let mut report = FlushReport::default();
        send_runs(fd, &self.arena, &self.runs, &mut report);
        self.runs.clear();
        self.used = 0;
        self.reserved = None;
        report
    }

    /// Whether the next datagram may not fit: time to flush.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.runs.len() >= RUNS_MAX || self.arena.len() - self.used < DATAGRAM_MAX
    }

    /// Whether there is nothing to flush.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

impl FlushReport {
    fn count_sent(&mut self, run: &Run) {
        self.sent += run.count() as u64;
        self.sent_bytes += run.length() as u64;
    }
}

/// Sends `runs` in order; none is left waiting.
fn send_runs(fd: BorrowedFd<'_>, arena: &[u8], mut runs: &[Run], report: &mut FlushReport) {
    while let Some((first, rest)) = runs.split_first() {
        let error = match system::send(fd, arena, runs) {
            Ok(taken) => {
                let (taken, waiting) = runs.split_at(taken);
                taken.iter().for_each(|run| report.count_sent(run));
                runs = waiting;
                continue;
            }
            Err(error) => error,
        };
        // The error is the first message's: the kernel reports it only where it has taken none.
        match Refusal::of(&error, first) {
            Refusal::Interrupted => continue,
            Refusal::NoBuffer => report.dropped += first.count() as u64,
            Refusal::Final => report.refused += first.count() as u64,
            Refusal::Segmentation => {
                let singles: Vec<_> = first.datagrams().collect();
                let sent_before = report.sent;
                send_runs(fd, arena, &singles, report);
                if report.sent > sent_before {
                    report.unsegmented.push(first.destination.address);
                }
            }
        }
        runs = rest;
    }
}

/// Why the kernel did not take a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refusal {
    /// A signal came first.
    Interrupted,
    /// Its buffers are full. UDP does not wait: by then the packet would be late.
    NoBuffer,
    /// Perhaps only because it was to be cut.
    Segmentation,
    /// Asking again would not help.
    Final,
}

impl Refusal {
    fn of(error: &io::Error, run: &Run) -> Self {
        match error.raw_os_error() {
            Some(libc::EINTR) => Self::Interrupted,
            Some(libc::EAGAIN | libc::ENOBUFS) => Self::NoBuffer,
            // No checksum offload on the way out; segments beyond the path's MTU; an old or filtered option.
            Some(libc::EIO | libc::EINVAL | libc::EMSGSIZE | libc::EOPNOTSUPP)
                if run.segment_size().is_some() =>
            {
                Self::Segmentation
            }
            _ => Self::Final,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The two that loopback does not show: its buffers never fill, and nothing interrupts a send that
    // does not wait.
    #[test]
    fn full_buffers_drop_and_signals_ask_again() {
        let run = Run::new(SocketAddr::from(([127, 0, 0, 1], 9)).into(), Segmentation::Offloaded, 0, 10);
        for (code, expected) in [
            (libc::EAGAIN, Refusal::NoBuffer),
            (libc::ENOBUFS, Refusal::NoBuffer),
            (libc::EINTR, Refusal::Interrupted),
            (libc::EIO, Refusal::Final),
        ] {
            assert_eq!(Refusal::of(&io::Error::from_raw_os_error(code), &run), expected);
        }
    }

    #[test]
    fn the_batch_is_full_before_a_datagram_would_not_fit() {
        let destination = SocketAddr::from(([127, 0, 0, 1], 9)).into();
        for length in [1, 1200, DATAGRAM_MAX] {
            let mut batch = SendBatch::new();
            while !batch.is_full() {
                let room = batch.reserve(destination, Segmentation::Single, DATAGRAM_MAX);
                assert!(room.is_some(), "not full means that any datagram fits");
                batch.commit(length);
            }
            assert!(batch.runs.len() <= RUNS_MAX && batch.used <= ARENA_LENGTH);
            assert!(batch.reserve(destination, Segmentation::Single, ARENA_LENGTH).is_none());
        }
    }
}
