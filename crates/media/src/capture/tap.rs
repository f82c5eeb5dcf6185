//! The worker's end of a capture.

use super::{CaptureLimits, descriptor, pcap};
use crate::codec::Codec;
use crate::rtp::{PayloadType, RtpHeader, RtpParameters};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Which way a packet went, seen from Keel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    In,
    Out,
}

/// A capture that has not reached its worker yet.
#[derive(Debug)]
pub(crate) struct CaptureStart {
    queue: mpsc::Sender<Vec<u8>>,
    dropped: Arc<AtomicU64>,
    limits: CaptureLimits,
    bytes: u64,
}

/// Copies what passes a session into a capture's queue, until a limit is reached or nobody reads.
#[derive(Debug)]
pub(crate) struct Tap {
    /// `None` when it has ended.
    queue: Option<mpsc::Sender<Vec<u8>>>,
    dropped: Arc<AtomicU64>,
    packets_left: u64,
    bytes_left: u64,
    begun: Instant,
    until: Instant,
    /// The time since 1970 when it began.
    epoch: Duration,
    formats: Vec<(PayloadType, Kind)>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Media(Codec),
    Retransmission(Codec),
}

impl CaptureStart {
    pub(super) fn new(
        queue: mpsc::Sender<Vec<u8>>,
        dropped: Arc<AtomicU64>,
        limits: CaptureLimits,
        head_bytes: usize,
    ) -> Self {
        Self { queue, dropped, limits, bytes: head_bytes as u64 }
    }

    /// Begins a session's capture. Of formats that are not in `parameters` only the RTP header is kept.
    pub(crate) fn tap<'a>(
        self,
        now: Instant,
        epoch: Duration,
        parameters: impl Iterator<Item = &'a RtpParameters>,
    ) -> Tap {
        let formats = parameters.flat_map(|parameters| &parameters.formats).flat_map(|format| {
            let repaired = format.rtx.map(|rtx| (rtx, Kind::Retransmission(format.codec)));
            [Some((format.payload_type, Kind::Media(format.codec))), repaired].into_iter().flatten()
        });
        Tap {
            formats: formats.collect(),
            queue: Some(self.queue),
            dropped: self.dropped,
            packets_left: self.limits.packets,
            bytes_left: self.limits.bytes.saturating_sub(self.bytes),
            begun: now,
            until: now + self.limits.duration,
            epoch,
        }
    }
}

impl Tap {
    /// Whether it takes no more.
    pub(crate) fn has_ended(&self, now: Instant) -> bool {
        now >= self.until || self.queue.as_ref().is_none_or(mpsc::Sender::is_closed)
    }

    /// Takes an RTP packet in plaintext; `pair` are Keel's address and the peer's.
    pub(crate) fn rtp(
        &mut self,
        now: Instant,
        way: Way,
        pair: Option<(SocketAddr, SocketAddr)>,
        packet: &[u8],
    ) {
        let Ok(header) = RtpHeader::parse(packet) else { return };
        let start = header.payload_start();
        let payload = packet.get(start..).unwrap_or_default();
        let kind = self.formats.iter().find(|(number, _)| *number == header.payload_type);
        let described = match kind.map(|(_, kind)| *kind) {
            Some(Kind::Media(codec)) => descriptor::length(codec, payload),
            // RFC 4588 §4: the original's number comes first.
            Some(Kind::Retransmission(codec)) => {
                payload.split_at_checked(2).map_or(0, |(_, original)| 2 + descriptor::length(codec, original))
            }
            None => 0,
        };
        self.take(now, way, pair, packet.get(..start + described).unwrap_or(packet), packet.len());
    }

    /// Takes a compound of RTCP in plaintext.
    pub(crate) fn rtcp(
        &mut self,
        now: Instant,
        way: Way,
        pair: Option<(SocketAddr, SocketAddr)>,
        packet: &[u8],
    ) {
        self.take(now, way, pair, packet, packet.len());
    }

    fn take(
        &mut self,
        now: Instant,
        way: Way,
        pair: Option<(SocketAddr, SocketAddr)>,
        kept: &[u8],
        length: usize,
    ) {
        let Some(queue) = &self.queue else { return };
        if now >= self.until || self.packets_left == 0 {
            self.queue = None;
            return;
        }
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let (keel, peer) = pair.unwrap_or((nowhere, nowhere));
        let (source, destination) = match way {
            Way::In => (peer, keel),
            Way::Out => (keel, peer),
        };
        let at = self.epoch + now.saturating_duration_since(self.begun);
        let record = pcap::record(at, source, destination, kept, length);
        let Some(bytes_left) = self.bytes_left.checked_sub(record.len() as u64) else {
            self.queue = None;
            return;
        };
        match queue.try_send(record) {
            Ok(()) => {
                self.bytes_left = bytes_left;
                self.packets_left -= 1;
            }
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
            Err(mpsc::error::TrySendError::Closed(_)) => self.queue = None,
        }
    }
}
