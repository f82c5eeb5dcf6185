//! Data that all connections of a pipeline share: each message of one goes to every other, on every worker.
//!
//! Who shares is known where it lives, so a message is told to all other workers, which have the room's part of it or
//! none. What a peer may say, and how fast, is decided where it comes in.

use super::State;
use crate::error::LineError;
use crate::forward::DropReason;
use crate::id::{ElementId, PipelineId, SessionId};
use crate::pipeline::{DataChannelOptions, DataSharing};
use crate::session::sctp::DataMessage;
use bytes::{BufMut, BytesMut};
use std::time::{Duration, Instant};

/// The gate that a peer's messages pass on their way to all others.
#[derive(Debug)]
pub(super) struct DataGate {
    pipeline: PipelineId,
    sharing: DataSharing,
    /// When everything that was let through has been paid for.
    paid_at: Option<Instant>,
}

impl DataGate {
    fn new(pipeline: PipelineId, sharing: DataSharing) -> Self {
        Self { pipeline, sharing, paid_at: None }
    }

    /// The message as the others get it.
    fn pass(&mut self, now: Instant, message: &DataMessage) -> Result<DataMessage, DropReason> {
        let DataSharing { tag, message_bytes_max, bytes_per_second, bytes_at_once } = &self.sharing;
        let length = message.payload.len();
        if length > *message_bytes_max {
            return Err(DropReason::DataTooLong);
        }
        let rate = f64::from((*bytes_per_second).max(1));
        let cost = Duration::from_secs_f64(length.max(DataSharing::MESSAGE_BYTES_MIN) as f64 / rate);
        let paid_at = self.paid_at.map_or(now, |paid_at| paid_at.max(now)) + cost;
        if paid_at - now > Duration::from_secs_f64(f64::from(*bytes_at_once) / rate) {
            return Err(DropReason::DataTooFast);
        }
        self.paid_at = Some(paid_at);
        let mut payload = BytesMut::with_capacity(tag.len() + length);
        payload.put_slice(tag.as_bytes());
        payload.put_slice(&message.payload);
        Ok(DataMessage { kind: message.kind, payload: payload.freeze() })
    }
}

impl State {
    /// Offers a connection's peer data channels and lets it share its messages.
    pub(super) fn share_data(
        &mut self,
        connection: ElementId,
        pipeline: PipelineId,
        sharing: DataSharing,
    ) -> Result<(), LineError> {
        self.offer_data(connection)?;
        let endpoint = self.endpoints.get_mut(&connection).ok_or(LineError::Released)?;
        endpoint.gate = Some(DataGate::new(pipeline, sharing));
        let sharers = self.sharers.entry(pipeline).or_default();
        if !sharers.contains(&connection) {
            sharers.push(connection);
        }
        Ok(())
    }

    /// Shares a message of `source`, if it does share. Sessions that were given something to send join `reached`.
    pub(super) fn forward_shared(
        &mut self,
        now: Instant,
        source: ElementId,
        channel: &DataChannelOptions,
        message: &DataMessage,
        reached: &mut Vec<SessionId>,
    ) -> bool {
        let Some(gate) = self.endpoints.get_mut(&source).and_then(|endpoint| endpoint.gate.as_mut()) else {
            return false;
        };
        let pipeline = gate.pipeline;
        match gate.pass(now, message) {
            Ok(tagged) => {
                self.deliver_shared(now, pipeline, Some(source), channel, &tagged, reached);
                self.relay_shared(pipeline, channel, &tagged);
            }
            Err(reason) => self.counters.drops.count(reason),
        }
        true
    }

    /// Delivers a message to all here that share their data in a pipeline, but to who sent it.
    pub(super) fn deliver_shared(
        &mut self,
        now: Instant,
        pipeline: PipelineId,
        except: Option<ElementId>,
        channel: &DataChannelOptions,
        message: &DataMessage,
        reached: &mut Vec<SessionId>,
    ) {
        let sharers = self.sharers.get(&pipeline).map_or(&[][..], Vec::as_slice);
        for sharer in sharers.iter().filter(|sharer| Some(**sharer) != except) {
            // One that has not agreed to data channels yet, or not at all, has asked for nothing.
            let Some(endpoint) = self.endpoints.get(sharer).filter(|endpoint| endpoint.data.is_some()) else {
                continue;
            };
            let session = endpoint.session;
            let Some(seat) = self.sessions.get_mut(session) else { continue };
            if let Err(reason) = seat.session.deliver_data(now, channel, message) {
                self.counters.drops.count(reason);
            }
            if !reached.contains(&session) {
                reached.push(session);
            }
        }
    }

    /// Nothing is shared with an endpoint that is going.
    pub(super) fn forget_sharer(&mut self, gone: ElementId) {
        let Some(gate) = self.endpoints.get(&gone).and_then(|endpoint| endpoint.gate.as_ref()) else {
            return;
        };
        let pipeline = gate.pipeline;
        if let Some(sharers) = self.sharers.get_mut(&pipeline) {
            sharers.retain(|sharer| *sharer != gone);
            if sharers.is_empty() {
                self.sharers.remove(&pipeline);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::sctp::DataKind;

    fn gate(message_bytes_max: usize) -> DataGate {
        let tag = "p7\n".to_owned();
        let sharing = DataSharing { tag, message_bytes_max, bytes_per_second: 10_240, bytes_at_once: 20_480 };
        DataGate::new(PipelineId::new(1), sharing)
    }

    fn text(bytes: usize) -> DataMessage {
        DataMessage { kind: DataKind::Text, payload: vec![b'x'; bytes].into() }
    }

    #[test]
    fn a_message_is_passed_on_behind_its_tag() {
        let message = DataMessage { kind: DataKind::Binary, payload: (&[0, 255][..]).into() };
        let passed = gate(10).pass(Instant::now(), &message).expect("short enough"); // clock: any time will do
        assert_eq!((passed.kind, &passed.payload[..]), (DataKind::Binary, &b"p7\n\x00\xff"[..]));
        assert_eq!(gate(10).pass(Instant::now(), &text(11)), Err(DropReason::DataTooLong)); // clock: any time will do
        assert!(gate(10).pass(Instant::now(), &text(10)).is_ok()); // clock: any time will do
    }

    #[test]
    fn short_messages_and_long_ones_are_limited_together() {
        let now = Instant::now(); // clock: any start will do, only differences count
        let mut gate = gate(16 << 10);
        let mut let_through = |now: Instant, bytes: usize, tries: usize| {
            (0..tries).filter(|_| gate.pass(now, &text(bytes)).is_ok()).count()
        };
        assert_eq!(let_through(now, 1, 100), 20, "each counts a kilobyte");
        assert_eq!(let_through(now + Duration::from_millis(500), 0, 100), 5);
        assert_eq!(let_through(now + Duration::from_secs(60), 10_240, 100), 2);
        assert_eq!(let_through(now + Duration::from_secs(60), 1, 100), 0);
    }
}
