//! One packet in so many is followed in the log: whose it was, which source took it, who gets it, or why
//! nobody does. The others pay a comparison.

use super::State;
use super::socket::SocketId;
use crate::forward::DropReason;
use crate::rtp::RtpHeader;
use std::net::SocketAddr;

/// Picks one packet in so many.
#[derive(Debug)]
pub(super) struct PacketSampler {
    /// 0: none.
    every: u32,
    left: u32,
}

impl PacketSampler {
    pub(super) const fn new(every: u32) -> Self {
        Self { every, left: every }
    }

    /// Whether this packet is one to follow.
    pub(super) const fn picks(&mut self) -> bool {
        if self.every == 0 {
            return false;
        }
        self.left -= 1;
        if self.left > 0 {
            return false;
        }
        self.left = self.every;
        true
    }
}

impl State {
    /// Tells the way of a packet that has been handled.
    #[cold]
    pub(super) fn trace_packet(
        &self,
        socket: SocketId,
        remote: SocketAddr,
        packet: &[u8],
        handled: Result<(), DropReason>,
    ) {
        let Ok(header) = RtpHeader::parse(packet) else { return };
        let session = self.session_at(socket, remote).ok();
        let streams = session.and_then(|id| self.sessions.get(id)).map(|seat| &seat.session.streams);
        let source = streams.and_then(|streams| streams.source_of(header.ssrc));
        let sinks: Vec<_> = source.into_iter().flat_map(|source| self.forwarder.sinks_of(source)).collect();
        tracing::trace!(
            target: "keel_media::packet",
            ?session,
            ?source,
            ?sinks,
            dropped = handled.err().map(DropReason::label),
            ssrc = ?header.ssrc,
            sequence = header.seq.wire(),
            payload_type = header.payload_type.wire(),
            marker = header.marker,
            bytes = packet.len(),
            "packet"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_so_many_is_picked() {
        let picked = |every| {
            let mut sampler = PacketSampler::new(every);
            (0..9).filter(|_| sampler.picks()).count()
        };
        assert_eq!([0, 1, 3, 9, 10].map(picked), [0, 9, 3, 1, 0]);
    }
}
