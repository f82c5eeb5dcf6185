//! Data connections: the messages of a peer go to the peers of the elements it is connected to.
//!
//! All channels of a peer are the one data stream of its element, as in KMS. Which channel of the receiver a
//! message takes is decided in `session/sctp`.

use super::State;
use crate::error::DataChannelError;
use crate::id::{ElementId, SessionId};
use crate::pipeline::{DataChannelOptions, EndpointEvent};
use crate::session::sctp::{DataEvent, DataMessage};
use std::time::Instant;

impl State {
    /// Carries out what a session's data channels tell. Sessions that were given something to send join
    /// `reached`.
    pub(super) fn handle_data_event(
        &mut self,
        now: Instant,
        endpoint: ElementId,
        event: DataEvent,
        reached: &mut Vec<SessionId>,
    ) {
        match event {
            DataEvent::Opened { stream } => {
                self.emit(endpoint, EndpointEvent::DataChannelOpened { stream });
            }
            DataEvent::Closed { stream } => {
                self.emit(endpoint, EndpointEvent::DataChannelClosed { stream });
            }
            DataEvent::Received { channel, message } => {
                self.forward_data(now, endpoint, &channel, &message, reached);
            }
            DataEvent::Dropped(reason) => self.counters.drops.count(reason),
        }
    }

    pub(super) fn create_data_channel(
        &mut self,
        now: Instant,
        endpoint: ElementId,
        options: DataChannelOptions,
    ) -> Result<u16, DataChannelError> {
        let session = self.endpoints.get(&endpoint).ok_or(DataChannelError::Released)?.session;
        let seat = self.sessions.get_mut(session).ok_or(DataChannelError::NotNegotiated)?;
        let opened = seat.session.open_data_channel(now, options);
        self.settle(now, session);
        opened
    }

    pub(super) fn close_data_channel(
        &mut self,
        now: Instant,
        endpoint: ElementId,
        stream: u16,
    ) -> Result<(), DataChannelError> {
        let session = self.endpoints.get(&endpoint).ok_or(DataChannelError::Released)?.session;
        let seat = self.sessions.get_mut(session).ok_or(DataChannelError::NotNegotiated)?;
        let closed = seat.session.close_data_channel(now, stream);
        self.settle(now, session);
        closed
    }

    fn forward_data(
        &mut self,
        now: Instant,
        source: ElementId,
        channel: &DataChannelOptions,
        message: &DataMessage,
        reached: &mut Vec<SessionId>,
    ) {
        if self.forward_shared(now, source, channel, message, reached) {
            return;
        }
        self.deliver_data(now, source, channel, message, reached);
        self.relay_data(source, channel, message);
    }
}
