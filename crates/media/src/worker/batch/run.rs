//! Which datagrams one message to the kernel may hold.

use crate::pipeline::Dscp;
use std::net::SocketAddr;
use std::ops::Range;

/// The kernel's limit before Linux 6.9 (`UDP_MAX_SEGMENTS`).
const SEGMENTS_MAX: usize = 64;
/// Below the 65,507 bytes of the largest IPv4 payload, since the message is one datagram until it is cut.
const BYTES_MAX: usize = 65_000;

/// Who cuts a destination's datagrams apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Segmentation {
    /// The kernel or the network card, from one message.
    Offloaded,
    /// We: every datagram is a message of its own.
    Single,
}

/// Where a datagram goes, and what the network is asked on the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Destination {
    /// Where.
    pub address: SocketAddr,
    /// The code point in its IP header; `None`: the socket's own.
    pub dscp: Option<Dscp>,
}

impl From<SocketAddr> for Destination {
    /// With the socket's own code point.
    fn from(address: SocketAddr) -> Self {
        Self { address, dscp: None }
    }
}

/// One destination's consecutive datagrams, all of the first one's size but for a shorter last one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Run {
    pub(super) destination: Destination,
    segmentation: Segmentation,
    start: usize,
    length: usize,
    segment_length: usize,
}

impl Run {
    /// A run of the one datagram at `start..start + length` of the arena.
    pub(super) fn new(
        destination: Destination,
        segmentation: Segmentation,
        start: usize,
        length: usize,
    ) -> Self {
        Self { destination, segmentation, start, length, segment_length: length }
    }

    /// Appends the next `length` bytes of the arena as a datagram, if the rules of a run allow it.
    pub(super) fn extend(
        &mut self,
        destination: Destination,
        segmentation: Segmentation,
        length: usize,
    ) -> bool {
        let fits = self.segmentation == Segmentation::Offloaded
            && segmentation == Segmentation::Offloaded
            && self.destination == destination
            && length <= self.segment_length
            // A shorter datagram was the last: the kernel cuts at equal distances.
            && self.length.is_multiple_of(self.segment_length)
            && self.count() < SEGMENTS_MAX
            && self.length + length <= BYTES_MAX;
        if fits {
            self.length += length;
        }
        fits
    }

    /// The datagrams in it.
    pub(super) fn count(&self) -> usize {
        self.length.div_ceil(self.segment_length)
    }

    /// Bytes of all datagrams.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// The size to cut at, where there is anything to cut.
    pub(super) fn segment_size(&self) -> Option<u16> {
        // At most half of `BYTES_MAX`, or a second datagram would not have fitted.
        (self.length > self.segment_length).then_some(self.segment_length as u16)
    }

    /// Its place in the arena.
    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.start + self.length
    }

    /// The same datagrams as runs of one.
    pub(super) fn datagrams(self) -> impl Iterator<Item = Self> {
        let end = self.start + self.length;
        (self.start..end).step_by(self.segment_length).map(move |start| {
            Self::new(self.destination, Segmentation::Single, start, self.segment_length.min(end - start))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Segmentation::{Offloaded, Single};

    fn destination(port: u16) -> Destination {
        SocketAddr::from(([192, 0, 2, 1], port)).into()
    }

    /// How many of `lengths` one run takes after a first datagram.
    fn taken(first: usize, lengths: impl IntoIterator<Item = usize>) -> usize {
        let mut run = Run::new(destination(1), Offloaded, 0, first);
        lengths.into_iter().take_while(|length| run.extend(destination(1), Offloaded, *length)).count()
    }

    #[test]
    fn a_run_takes_equal_sizes_and_ends_with_the_first_shorter_one() {
        assert_eq!(taken(1000, [1000, 1000, 999, 999]), 3);
        assert_eq!(taken(1000, [1001]), 0, "ascending sizes break a run");
        assert_eq!(taken(1000, [1, 1]), 1);
    }

    #[test]
    fn a_run_ends_at_64_datagrams_and_at_65_000_bytes() {
        assert_eq!(taken(100, [100; 100]), 63);
        assert_eq!(taken(1300, [1300; 100]), 49, "50 * 1300 = 65,000");
        assert_eq!(taken(1301, [1301; 100]), 48);
        assert_eq!(taken(64_000, [1000, 1]), 1);
        assert_eq!(taken(65_507, [1]), 0, "a datagram too large for a run is one by itself");
    }

    #[test]
    fn another_destination_or_a_destination_without_offload_starts_another_run() {
        let mut run = Run::new(destination(1), Offloaded, 0, 10);
        assert!(!run.extend(destination(2), Offloaded, 10));
        assert!(!run.extend(destination(1), Single, 10));
        let mut run = Run::new(destination(1), Single, 0, 10);
        assert!(!run.extend(destination(1), Single, 10));
        let mut run = Run::new(destination(1), Offloaded, 0, 10);
        let marked = Destination { dscp: Dscp::new(46), ..destination(1) };
        assert!(!run.extend(marked, Offloaded, 10), "a message has one code point");
    }

    #[test]
    fn a_run_falls_apart_into_its_datagrams() {
        let mut run = Run::new(destination(1), Offloaded, 7, 10);
        assert_eq!(run.segment_size(), None);
        assert!(run.extend(destination(1), Offloaded, 10) && run.extend(destination(1), Offloaded, 3));
        assert_eq!((run.count(), run.segment_size(), run.range()), (3, Some(10), 7..30));
        let ranges: Vec<_> = run.datagrams().map(|datagram| datagram.range()).collect();
        assert_eq!(ranges, [7..17, 17..27, 27..30]);
    }
}
