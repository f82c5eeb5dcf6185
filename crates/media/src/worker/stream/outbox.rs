//! What waits to be written to a connection.

use super::frame::HEADER;
use std::io::{self, Write};

/// Bytes of media that may wait: half a second at 4 Mbit/s. What comes beyond is dropped, whole datagrams, as
/// a full link drops them: congestion control sees the loss, and a late packet would help nobody.
const MEDIA_MAX: usize = 256 << 10;
/// What ICE and DTLS may add: they repeat what is lost, but a call that begins should not wait for that.
const PROTOCOLS_MAX: usize = MEDIA_MAX + (16 << 10);

/// Framed datagrams, in order. Grows up to its bound and keeps its memory for the next burst.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    /// So many of them are written.
    written: usize,
    /// Where a datagram begins that was reserved and not committed.
    reserved: Option<usize>,
}

impl Outbox {
    /// Room for a datagram of media of at most `length_max` bytes, to be committed; `None` when too much waits.
    pub(super) fn reserve(&mut self, length_max: usize) -> Option<&mut [u8]> {
        self.reserve_within(length_max, MEDIA_MAX)
    }

    /// Appends the first `length` bytes of the last reservation as a datagram.
    pub(super) fn commit(&mut self, length: usize) {
        let Some(start) = self.reserved.take() else { return };
        let header = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        if let Some(place) = self.bytes.get_mut(start..start + HEADER) {
            place.copy_from_slice(&header);
        }
        self.bytes.truncate(start + HEADER + length);
    }

    /// Appends a datagram of ICE or DTLS; `false` when too much waits.
    pub(super) fn push(&mut self, datagram: &[u8]) -> bool {
        let Some(place) = self.reserve_within(datagram.len(), PROTOCOLS_MAX) else { return false };
        place.copy_from_slice(datagram);
        self.commit(datagram.len());
        true
    }

    /// Whether anything waits.
    pub(super) fn is_empty(&self) -> bool {
        self.reserved.unwrap_or(self.bytes.len()) == self.written
    }

    /// Writes as much as `to` takes at once.
    ///
    /// # Errors
    /// What `to` says, but that it would have to wait. Nothing waits any more then.
    pub(super) fn write_to(&mut self, mut to: impl Write) -> io::Result<()> {
        self.forget_reserved();
        while let Some(waiting) = self.bytes.get(self.written..).filter(|waiting| !waiting.is_empty()) {
            match to.write(waiting) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => {
                    self.clear();
                    return Err(error);
                }
            }
        }
        self.clear();
        Ok(())
    }

    fn reserve_within(&mut self, length_max: usize, bound: usize) -> Option<&mut [u8]> {
        self.forget_reserved();
        if self.written > 0 {
            // Once for what a full connection has left, not for each datagram: a write follows each tick.
            self.bytes.drain(..self.written);
            self.written = 0;
        }
        let start = self.bytes.len();
        if start + HEADER + length_max > bound || length_max > usize::from(u16::MAX) {
            return None;
        }
        self.bytes.resize(start + HEADER + length_max, 0);
        self.reserved = Some(start);
        self.bytes.get_mut(start + HEADER..)
    }

    fn forget_reserved(&mut self) {
        if let Some(start) = self.reserved.take() {
            self.bytes.truncate(start);
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.written = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes, then would have to wait.
    struct Full {
        taken: Vec<u8>,
        room: usize,
    }

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.room);
            if count == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.room -= count;
            self.taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn datagrams_are_framed_and_written_in_order_whatever_the_connection_takes_at_once() {
        let mut outbox = Outbox::default();
        let mut to = Full { taken: Vec::new(), room: 0 };
        for datagram in [&b"one"[..], b"second", b"3"] {
            let place = outbox.reserve(10).expect("room");
            place[..datagram.len()].copy_from_slice(datagram);
            outbox.commit(datagram.len());
            to.room = 4;
            outbox.write_to(&mut to).expect("a connection");
        }
        outbox.reserve(7).expect("a reservation that comes to nothing");
        to.room = 100;
        outbox.write_to(&mut to).expect("a connection");
        assert_eq!(to.taken, b"\0\x03one\0\x06second\0\x013");
        assert!(outbox.is_empty());
    }

    #[test]
    fn past_the_bound_media_is_dropped_and_the_protocols_have_some_room_left() {
        let mut outbox = Outbox::default();
        let mut count = 0;
        while outbox.reserve(1200).is_some() {
            outbox.commit(1200);
            count += 1;
        }
        assert_eq!(count, MEDIA_MAX / 1202);
        assert!(outbox.push(&[1; 1200]), "a check gets through");
        while outbox.push(&[1; 1200]) {}
        assert!(outbox.bytes.len() <= PROTOCOLS_MAX);
        outbox.write_to(Full { taken: Vec::new(), room: 100_000 }).expect("a connection");
        assert!(outbox.reserve(1200).is_some(), "there is room again");
    }

    #[test]
    fn a_broken_connection_leaves_nothing_waiting() {
        struct Broken;
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::ConnectionReset.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut outbox = Outbox::default();
        assert!(outbox.push(b"lost"));
        assert!(outbox.write_to(Broken).is_err());
        assert!(outbox.is_empty());
    }
}
