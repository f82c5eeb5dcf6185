//! A subscriber's transport: says what arrived when, of all its streams together.

use crate::camera::TRANSPORT_NUMBER_ID;
use crate::viewer::{INTERVAL, Viewer};
use keel_media::rtp::rtcp::Feedback;
use keel_media::rtp::{ExtSeq, ExtensionId, RtpHeader, SeqNo};
use std::time::Instant;

#[derive(Debug)]
pub(crate) struct Receiver {
    viewer: Viewer,
    highest: ExtSeq,
    due: Instant,
}

impl Receiver {
    pub(crate) fn new(now: Instant) -> Self {
        Self { viewer: Viewer::new(now), highest: ExtSeq::new(1 << 16), due: now + INTERVAL }
    }

    pub(crate) fn note(&mut self, header: &RtpHeader, packet: &[u8], now: Instant) {
        let id = ExtensionId::new(TRANSPORT_NUMBER_ID).expect("a valid id");
        let number = header.extension(packet, id).and_then(|value| value.first_chunk::<2>());
        let number = SeqNo::new(u16::from_be_bytes(*number.expect("every packet has a number")));
        let number = number.extend(self.highest);
        self.highest = self.highest.max(number);
        self.viewer.note(number.value(), now);
    }

    /// The feedback that is due.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Feedback> {
        if now < self.due {
            return None;
        }
        self.due = now + INTERVAL;
        self.viewer.feedback().map(Feedback::TransportFeedback)
    }
}
