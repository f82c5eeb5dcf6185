//! What administrators see of calls, and do about them.

use super::Machine;
use crate::call::effect::CallId;
use crate::call::phase::{Move, Phase};
use crate::user_name::UserName;
use std::ops::Bound;
use std::time::Instant;

/// A call that has not ended.
pub(crate) struct OngoingCall {
    pub(crate) call: CallId,
    pub(crate) from: UserName,
    pub(crate) to: UserName,
    pub(crate) phase: Phase,
    /// When it began to ring.
    pub(crate) started: Instant,
    /// When the callee accepted.
    pub(crate) answered: Option<Instant>,
}

impl Machine {
    /// At most `count` calls behind `after`, the oldest first.
    pub(crate) fn ongoing(&self, after: Option<CallId>, count: usize) -> Vec<OngoingCall> {
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        let calls = self.calls.range((first, Bound::Unbounded)).take(count);
        let ongoing = calls.map(|(id, call)| OngoingCall {
            call: *id,
            from: call.from.clone(),
            to: call.to.clone(),
            phase: call.stage.phase(),
            started: call.started,
            answered: call.stage.answered(),
        });
        ongoing.collect()
    }

    /// Ends a call, whatever its phase; both are told. False: there is none of this number.
    pub(crate) fn end_named(&mut self, now: Instant, call: CallId) -> bool {
        let is_known = self.calls.contains_key(&call);
        self.end_for_sure(now, call, Move::AdministratorEnds, None);
        is_known
    }
}
