//! A sender that always has more to send: what leaves follows the estimate alone.

use crate::controller::Controller;
use bytes::{BufMut, Bytes, BytesMut};
use keel_media::forward::congestion::{Probe, ProbeId};
use keel_media::rtp::{Bitrate, ExtSeq};
use std::time::{Duration, Instant};

/// Between two bursts: DESIGN.md, "bursts of at most 5 ms".
const BURST: Duration = Duration::from_millis(5);
const MEDIA_BYTES: usize = 1_200;
/// RFC 3550 §5.1: padding counts itself in one byte.
const PADDING_BYTES: usize = 250;

/// Sends media at the estimate, and padding where a probe asks for it.
pub(crate) struct Sender {
    pub(crate) controller: Controller,
    /// Tells its datagrams from others' on a shared link.
    flow: u8,
    /// What it has to send.
    wanted: Bitrate,
    number: u64,
    due: Instant,
    media_debt: f64,
    probe: Option<(Probe, u64, f64)>,
}

/// What a datagram says of itself.
pub(crate) struct Label {
    pub(crate) flow: u8,
    pub(crate) number: u64,
    pub(crate) is_media: bool,
}

impl Sender {
    pub(crate) fn new(controller: Controller, flow: u8, wanted: Bitrate, now: Instant) -> Self {
        Self { controller, flow, wanted, number: 0, due: now, media_debt: 0.0, probe: None }
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        self.due
    }

    /// The datagrams that leave at `now`.
    pub(crate) fn burst(&mut self, now: Instant) -> Vec<Bytes> {
        let mut sent = Vec::new();
        if now < self.due {
            return sent;
        }
        self.due = now + BURST;
        self.controller.handle_timeout(now);
        if self.probe.is_none() {
            self.probe = self.controller.poll_probe(now).map(|probe| (probe, probe.bytes, 0.0));
        }
        let rate = self.controller.estimate().min(self.wanted);
        self.media_debt += in_burst(rate);
        let id = self.probe.as_ref().map(|(probe, _, _)| probe.id);
        let mut media = 0;
        while self.media_debt >= MEDIA_BYTES as f64 {
            self.media_debt -= MEDIA_BYTES as f64;
            media += MEDIA_BYTES as u64;
            sent.push(self.datagram(MEDIA_BYTES, true, id, now));
        }
        if let Some((probe, mut left, mut debt)) = self.probe.take() {
            left = left.saturating_sub(media);
            debt += in_burst(probe.bitrate) - media as f64;
            while debt >= PADDING_BYTES as f64 && left > 0 {
                debt -= PADDING_BYTES as f64;
                left = left.saturating_sub(PADDING_BYTES as u64);
                sent.push(self.datagram(PADDING_BYTES, false, Some(probe.id), now));
            }
            self.probe = (left > 0).then_some((probe, left, debt));
        }
        sent
    }

    fn datagram(&mut self, bytes: usize, is_media: bool, probe: Option<ProbeId>, now: Instant) -> Bytes {
        self.controller.note_sent(ExtSeq::new(self.number), bytes, now, probe);
        let mut datagram = BytesMut::zeroed(bytes);
        let mut head = datagram.as_mut();
        head.put_u8(self.flow);
        head.put_u64(self.number);
        head.put_u8(is_media.into());
        self.number += 1;
        datagram.freeze()
    }
}

impl Label {
    pub(crate) fn read(datagram: &[u8]) -> Self {
        let head: [u8; 10] = *datagram.first_chunk().expect("a label in front");
        let [flow, number @ .., is_media] = head;
        Self { flow, number: u64::from_be_bytes(number), is_media: is_media == 1 }
    }
}

fn in_burst(rate: Bitrate) -> f64 {
    rate.as_bps() as f64 / 8.0 * BURST.as_secs_f64()
}
