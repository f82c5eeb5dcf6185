//! A peer's packets for an operator to look at.

use super::State;
use crate::capture::CaptureStart;
use crate::error::CaptureError;
use crate::id::ElementId;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

impl State {
    /// Begins the capture of an endpoint's session, unless one is under way.
    pub(super) fn capture(
        &mut self,
        now: Instant,
        id: ElementId,
        start: CaptureStart,
    ) -> Result<(), CaptureError> {
        let endpoint = self.endpoints.get(&id).ok_or(CaptureError::UnknownEndpoint)?;
        let seat = self.sessions.get_mut(endpoint.session).ok_or(CaptureError::UnknownEndpoint)?;
        if seat.tap.as_ref().is_some_and(|tap| !tap.has_ended(now)) {
            return Err(CaptureError::Busy);
        }
        let parameters = endpoint.media.iter().map(|media| &*media.parameters);
        let wall = SystemTime::now(); // clock: the one time of day in a capture; the rest counts from it
        let epoch = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        seat.tap = Some(Box::new(start.tap(now, epoch, parameters)));
        tracing::info!(endpoint = %id, "a capture began");
        Ok(())
    }
}
