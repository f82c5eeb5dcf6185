//! What leaves: datagrams of one size to one destination wait for one another within a batch and go in one call.

use super::path::UdpPath;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

/// Bytes of a run at most: what a datagram may have before its segmentation.
const RUN_BYTES_MAX: usize = 65_000;
/// Segments of a run at most (UDP_MAX_SEGMENTS of older kernels).
const SEGMENTS_MAX: usize = 64;

/// Datagrams of one size, the last may be shorter, to one destination. It is flushed at the end of each batch.
#[derive(Default)]
pub(super) struct Run {
    exit: Option<Exit>,
    bytes: Vec<u8>,
    segment: usize,
    count: usize,
    /// Datagrams that the system did not take.
    dropped: u64,
}

/// From where to where.
struct Exit {
    path: Rc<UdpPath>,
    to: SocketAddr,
    from: Option<IpAddr>,
}

impl Run {
    /// Adds a datagram made of these parts; what does not go with it leaves before.
    pub(super) fn push(
        &mut self,
        path: &Rc<UdpPath>,
        to: SocketAddr,
        from: Option<IpAddr>,
        parts: [&[u8]; 3],
    ) {
        let length = parts.iter().map(|part| part.len()).sum();
        if !self.fits(path, to, from, length) {
            self.flush();
            self.exit = Some(Exit { path: Rc::clone(path), to, from });
            self.segment = length;
        }
        self.count += 1;
        parts.into_iter().for_each(|part| self.bytes.extend_from_slice(part));
    }

    /// Sends what waits. At a full send buffer media is dropped, as a full link would.
    pub(super) fn flush(&mut self) {
        let Some(Exit { path, to, from }) = self.exit.take() else { return };
        match path.send(to, from, self.segment, &self.bytes) {
            Ok(()) => {}
            // A path without segmentation, or a size that it cannot take: quinn-udp remembers the first.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock && self.count > 1 => {
                for datagram in self.bytes.chunks(self.segment.max(1)) {
                    self.dropped += u64::from(path.send(to, from, self.segment, datagram).is_err());
                }
            }
            Err(_) => self.dropped += self.count as u64,
        }
        self.bytes.clear();
        self.count = 0;
    }

    /// How many were dropped since this was asked.
    pub(super) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    fn fits(&self, path: &Rc<UdpPath>, to: SocketAddr, from: Option<IpAddr>, length: usize) -> bool {
        let Some(exit) = &self.exit else { return false };
        // A shorter one would have ended the run; an empty datagram is no segment.
        let is_whole = self.bytes.len() == self.segment * self.count;
        Rc::ptr_eq(&exit.path, path)
            && exit.to == to
            && exit.from == from
            && is_whole
            && (1..=self.segment).contains(&length)
            && self.count < path.segments_max().min(SEGMENTS_MAX)
            && self.bytes.len() + length <= RUN_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, UdpSocket};
    use std::time::Duration;

    fn received(socket: &UdpSocket, count: usize) -> Vec<Vec<u8>> {
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let mut buffer = [0; 2048];
        let mut next =
            || socket.recv(&mut buffer).map(|length| buffer[..length].to_vec()).expect("a datagram");
        (0..count).map(|_| next()).collect()
    }

    #[tokio::test]
    async fn datagrams_arrive_as_they_were_pushed_whatever_their_sizes() {
        let bound = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let path = Rc::new(UdpPath::new(bound()).expect("a socket"));
        let sinks = [bound(), bound()];
        let mut run = Run::default();
        let sizes = [700, 700, 700, 300, 700, 701, 0, 5, 700, 700];
        for (place, size) in sizes.into_iter().enumerate() {
            let to = sinks[place / 8].local_addr().expect("bound");
            run.push(&path, to, None, [b"head", &vec![place as u8; size], b"tail"]);
        }
        run.flush();
        assert_eq!(run.take_dropped(), 0);
        let arrived: Vec<_> = [received(&sinks[0], 8), received(&sinks[1], 2)].concat();
        for (place, (size, datagram)) in sizes.into_iter().zip(arrived).enumerate() {
            assert_eq!(datagram, [&b"head"[..], &vec![place as u8; size], b"tail"].concat(), "{place}");
        }
    }
}
