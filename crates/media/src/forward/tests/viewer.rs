//! A subscriber behind a path of a certain width, who says when packets arrived.

use super::stage::{OUT_RTX, Received, Stage};
use crate::forward::arrival::ArrivalLog;
use crate::id::SessionId;
use crate::rtp::rtcp::Feedback;
use crate::rtp::{Bitrate, SeqNo, Ssrc};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// One way from Keel to the subscriber; the way back takes no time.
const DELAY: Duration = Duration::from_millis(20);
/// What the path holds; packets beyond are lost.
const QUEUE_MAX: Duration = Duration::from_millis(400);

pub(super) struct Viewer {
    pub(super) session: SessionId,
    pub(super) width: Bitrate,
    /// What arrived, and when.
    pub(super) arrived: Vec<(Instant, Received)>,
    /// Packets that the path lost because it was full.
    pub(super) lost: usize,
    /// The longest that a packet waited in the path.
    pub(super) queue_max: Duration,
    /// Repetitions do not arrive, whatever the path carries.
    pub(super) is_deaf_to_repairs: bool,
    under_way: VecDeque<(Instant, Received)>,
    free: Option<Instant>,
    log: Option<ArrivalLog>,
    seen: usize,
}

impl Viewer {
    pub(super) fn new(session: SessionId, width: Bitrate) -> Self {
        Self {
            session,
            width,
            arrived: Vec::new(),
            lost: 0,
            queue_max: Duration::ZERO,
            is_deaf_to_repairs: false,
            under_way: VecDeque::new(),
            free: None,
            log: None,
            seen: 0,
        }
    }

    /// Takes what left since the last call, lets arrive what has, and says so.
    pub(super) fn step(&mut self, stage: &mut Stage) {
        let now = stage.now;
        for packet in stage.received.iter().skip(self.seen).filter(|packet| packet.session == self.session) {
            if self.is_deaf_to_repairs && packet.header.payload_type.wire() == OUT_RTX {
                continue;
            }
            let start = self.free.map_or(now, |free| free.max(now));
            let waits = start.saturating_duration_since(now);
            if waits > QUEUE_MAX {
                self.lost += 1;
                continue;
            }
            self.queue_max = self.queue_max.max(waits);
            let free = start + self.width.time_for(packet.bytes.len() as u64);
            self.free = Some(free);
            self.under_way.push_back((free + DELAY, packet.clone()));
        }
        self.seen = stage.received.len();
        while let Some((at, packet)) = self.under_way.pop_front_if(|(at, _)| *at <= now) {
            if let Some(number) = packet.transport_number().map(SeqNo::new) {
                self.log.get_or_insert_with(|| ArrivalLog::new(number, at)).note(number, at);
            }
            self.arrived.push((at, packet));
        }
        let due = self.log.as_mut().map(|log| log.take_due(now, Ssrc::new(1))).unwrap_or_default();
        for feedback in due {
            stage.feedback(self.session, &Feedback::TransportFeedback(feedback));
        }
    }

    /// The publisher's numbers of the media of one stream that arrived, in the order of arrival.
    pub(super) fn numbers(&self, ssrc: u32) -> Vec<u32> {
        let of_stream = self.arrived.iter().filter(|(_, packet)| packet.header.ssrc == Ssrc::new(ssrc));
        of_stream.filter_map(|(_, packet)| packet.number(0)).collect()
    }
}
