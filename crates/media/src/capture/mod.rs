//! What one peer sends and is sent, for an operator to look at: packets in plaintext, without their media.
//!
//! A capture has RTP's headers, header extensions and codec descriptors, and whole RTCP packets, as a file
//! that Wireshark reads (`pcap.rs`). The worker puts records into a bounded queue (`tap.rs`); who asked takes
//! them out ([`Capture`]). While nobody asks, a packet pays one comparison.

mod descriptor;
mod pcap;
mod tap;

pub(crate) use tap::{CaptureStart, Tap, Way};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// Captures of one server that may run at the same time: it is a tool for looking at one peer.
pub const CAPTURES_MAX: usize = 4;

/// Records that may wait for their reader: a tenth of a second of the most that one peer gets. Past it
/// records are dropped and counted; media is not touched.
const RECORDS_MAX: usize = 2_048;

/// Where a capture ends by itself, at whichever comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CaptureLimits {
    /// Packets.
    pub packets: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Time from its start.
    pub duration: Duration,
}

impl CaptureLimits {
    /// The most that may be asked for; more is cut down to it.
    pub const MOST: Self = Self { packets: 1_000_000, bytes: 256 << 20, duration: Duration::from_secs(600) };

    fn within_bounds(self) -> Self {
        let most = Self::MOST;
        Self {
            packets: self.packets.min(most.packets),
            bytes: self.bytes.min(most.bytes),
            duration: self.duration.min(most.duration),
        }
    }
}

impl Default for CaptureLimits {
    /// A minute, a hundred thousand packets or 32 MiB.
    fn default() -> Self {
        Self { packets: 100_000, bytes: 32 << 20, duration: Duration::from_secs(60) }
    }
}

/// The reading end of a capture. Dropping it ends the capture.
#[derive(Debug)]
pub struct Capture {
    head: Option<Vec<u8>>,
    records: mpsc::Receiver<Vec<u8>>,
    until: Instant,
    dropped: Arc<AtomicU64>,
    _place: OwnedSemaphorePermit,
}

impl Capture {
    /// Makes the two ends of a capture that begins at `now`.
    pub(crate) fn begin(
        limits: CaptureLimits,
        place: OwnedSemaphorePermit,
        now: Instant,
    ) -> (Self, CaptureStart) {
        let limits = limits.within_bounds();
        let (queue, records) = mpsc::channel(RECORDS_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let head = pcap::file_header();
        let start = CaptureStart::new(queue, dropped.clone(), limits, head.len());
        let until = now + limits.duration;
        (Self { head: Some(head), records, until, dropped, _place: place }, start)
    }

    /// The next bytes of the file: first its header, then a packet each time. `None` when a limit is reached
    /// or the endpoint is gone.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        if let Some(head) = self.head.take() {
            return Some(head);
        }
        // A peer that sends nothing must not keep its capture open.
        tokio::time::timeout_at(self.until.into(), self.records.recv()).await.ok()?
    }

    /// Packets that are missing because they were not read fast enough.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Codec, CodecParameters};
    use crate::rtp::{Direction, ExtensionMap, Format, Mid, PayloadType, RtpParameters};
    use tokio::sync::Semaphore;

    fn parameters() -> RtpParameters {
        let vp8 = Format {
            payload_type: PayloadType::new(96).expect("valid"),
            codec: Codec::Vp8,
            parameters: CodecParameters::None,
            clock_rate: Codec::Vp8.clock_rate(),
            rtx: PayloadType::new(97),
            nack: true,
            pli: true,
            fir: true,
            transport_cc: false,
            remb: false,
        };
        RtpParameters {
            mid: Mid::new("0").expect("valid"),
            direction: Direction::SendRecv,
            formats: vec![vp8],
            extensions: ExtensionMap::default(),
        }
    }

    fn begin(limits: CaptureLimits, now: Instant) -> (Capture, Tap) {
        let places = Arc::new(Semaphore::new(1));
        let place = places.try_acquire_owned().expect("a free place");
        let (capture, start) = Capture::begin(limits, place, now);
        (capture, start.tap(now, Duration::from_secs(1), [&parameters()].into_iter()))
    }

    fn packet(payload_type: u8, payload: &[u8]) -> Vec<u8> {
        [&[0x80, payload_type, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9], payload].concat()
    }

    /// What a record has behind its IPv4 and UDP headers, and how long the packet was.
    fn kept(record: &[u8]) -> (&[u8], u32) {
        let original = u32::from_le_bytes(record[12..16].try_into().expect("four bytes"));
        (&record[16 + 28..], original - 28)
    }

    #[tokio::test]
    async fn headers_and_descriptors_are_kept_and_the_media_is_not() {
        let now = Instant::now(); // clock: an origin, never compared with the present
        let (mut capture, mut tap) = begin(CaptureLimits::default(), now);
        let media = packet(96, &[0x10, 42, 42, 42]);
        let repair = packet(97, &[0, 7, 0x10, 42, 42]);
        let unknown = packet(50, &[42, 42]);
        tap.rtp(now, Way::In, None, &media);
        tap.rtp(now, Way::Out, None, &repair);
        tap.rtp(now, Way::Out, None, &unknown);
        tap.rtcp(now, Way::In, None, &[0x80, 200, 0, 0]);
        let head = capture.next().await.expect("the file's header");
        assert_eq!((head.len(), &head[..4]), (24, &[0xd4, 0xc3, 0xb2, 0xa1][..]));
        for (expected, length) in
            [(&media[..13], 16), (&repair[..15], 17), (&unknown[..12], 14), (&[0x80, 200, 0, 0][..], 4)]
        {
            let record = capture.next().await.expect("a record");
            assert_eq!(kept(&record), (expected, length));
        }
        drop(tap);
        assert_eq!(capture.next().await, None, "the endpoint was released");
    }

    #[tokio::test]
    async fn a_capture_ends_at_its_limits() {
        let now = Instant::now(); // clock: an origin, never compared with the present
        let two_packets = CaptureLimits { packets: 2, ..CaptureLimits::default() };
        let few_bytes = CaptureLimits { bytes: 200, ..CaptureLimits::default() };
        let one_second = CaptureLimits { duration: Duration::from_secs(1), ..CaptureLimits::default() };
        for (limits, expected) in [(two_packets, 2), (few_bytes, 3), (one_second, 4)] {
            let (mut capture, mut tap) = begin(limits, now);
            for seconds in [0.0, 0.1, 0.2, 0.3, 1.0, 1.1] {
                tap.rtp(now + Duration::from_secs_f64(seconds), Way::In, None, &packet(96, &[0x10]));
            }
            assert!(tap.has_ended(now), "{limits:?}");
            let mut packets = 0;
            capture.next().await.expect("the file's header");
            while capture.next().await.is_some() {
                packets += 1;
            }
            assert_eq!((packets, capture.dropped()), (expected, 0), "{limits:?}");
        }
        // Nothing comes at all.
        let limits = CaptureLimits { duration: Duration::from_millis(1), ..CaptureLimits::default() };
        let (mut capture, tap) = begin(limits, now);
        capture.next().await.expect("the file's header");
        assert_eq!(capture.next().await, None);
        assert!(tap.has_ended(now + Duration::from_millis(1)));
    }

    #[tokio::test]
    async fn who_reads_too_slowly_misses_packets_and_who_leaves_ends_it() {
        let now = Instant::now(); // clock: an origin, never compared with the present
        let (mut capture, mut tap) = begin(CaptureLimits::default(), now);
        for _ in 0..RECORDS_MAX + 5 {
            tap.rtp(now, Way::In, None, &packet(96, &[0x10]));
        }
        assert_eq!(capture.dropped(), 5);
        capture.next().await.expect("the file's header");
        capture.next().await.expect("a record");
        tap.rtp(now, Way::In, None, &packet(96, &[0x10]));
        assert_eq!(capture.dropped(), 5, "there was room again");
        assert!(!tap.has_ended(now));
        drop(capture);
        assert!(tap.has_ended(now));
    }
}
