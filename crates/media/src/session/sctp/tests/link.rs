//! Two transports, and the seeded link between them.

use super::super::{DataEvent, DataMessage, DataTransport};
use crate::forward::DropReason;
use crate::pipeline::DataChannelOptions;
use crate::session::sdp::MESSAGE_BYTES_MAX;
use crate::srtp::DtlsRole;
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One side, with what it was told.
pub(super) struct Side {
    pub(super) transport: DataTransport,
    pub(super) opened: Vec<u16>,
    pub(super) closed: Vec<u16>,
    pub(super) received: Vec<(Arc<DataChannelOptions>, DataMessage)>,
    pub(super) dropped: Vec<DropReason>,
    /// The longest packet that it sent.
    pub(super) packet_bytes_max: usize,
}

impl Side {
    fn new(now: Instant, role: DtlsRole) -> Self {
        Self {
            transport: DataTransport::new(now, role, MESSAGE_BYTES_MAX),
            opened: Vec::new(),
            closed: Vec::new(),
            received: Vec::new(),
            dropped: Vec::new(),
            packet_bytes_max: 0,
        }
    }

    fn drain(&mut self) {
        while let Some(event) = self.transport.poll_event() {
            match event {
                DataEvent::Opened { stream } => self.opened.push(stream),
                DataEvent::Closed { stream } => self.closed.push(stream),
                DataEvent::Received { channel, message } => self.received.push((channel, message)),
                DataEvent::Dropped(reason) => self.dropped.push(reason),
            }
        }
    }
}

/// The client, the server and the packets between them, 5 ms away from each other.
pub(super) struct Pair {
    /// The client first.
    pub(super) sides: [Side; 2],
    pub(super) now: Instant,
    /// The probability that a packet is lost.
    pub(super) loss: f64,
    rng: StdRng,
    flying: BTreeMap<(Instant, u64), (usize, Bytes)>,
    order: u64,
}

impl Pair {
    pub(super) fn new(seed: u64) -> Self {
        let now = Instant::now(); // clock: any origin does
        Self {
            sides: [Side::new(now, DtlsRole::Client), Side::new(now, DtlsRole::Server)],
            now,
            loss: 0.0,
            rng: StdRng::seed_from_u64(seed),
            flying: BTreeMap::new(),
            order: 0,
        }
    }

    /// A pair whose association is up.
    pub(super) fn up(seed: u64) -> Self {
        let mut pair = Self::new(seed);
        pair.run(Duration::from_secs(1));
        pair
    }

    /// Lets virtual time pass.
    pub(super) fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.collect();
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            for side in &mut self.sides {
                side.transport.handle_timeout(self.now);
            }
            while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (to, packet) = entry.remove();
                if let Err(reason) = self.sides[to].transport.handle_packet(self.now, &packet) {
                    self.sides[to].dropped.push(reason);
                }
            }
            self.collect();
        }
        self.now = end;
    }

    /// Runs until `enough`, for at most ten virtual minutes.
    #[track_caller]
    pub(super) fn until(&mut self, what: &str, enough: impl Fn(&[Side; 2]) -> bool) {
        for _ in 0..6000 {
            if enough(&self.sides) {
                return;
            }
            self.run(Duration::from_millis(100));
        }
        panic!("no {what}");
    }

    fn next(&self) -> Option<Instant> {
        let timers =
            self.sides.iter().flat_map(|side| [side.transport.poll_timeout(), side.transport.next_burst()]);
        timers.flatten().chain(self.flying.keys().next().map(|(time, _)| *time)).min()
    }

    fn collect(&mut self) {
        for from in [0, 1] {
            while let Some(packet) = self.sides[from].transport.poll_transmit(self.now) {
                let side = &mut self.sides[from];
                side.packet_bytes_max = side.packet_bytes_max.max(packet.len());
                if self.rng.random_bool(self.loss) {
                    continue;
                }
                self.order += 1;
                self.flying.insert((self.now + Duration::from_millis(5), self.order), (1 - from, packet));
            }
            self.sides[from].drain();
        }
    }
}
