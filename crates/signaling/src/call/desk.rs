//! What is asked of the calls from outside of them, by HTTP: to look, and to act as whoever runs the server.

use super::Inbound;
use super::effect::CallId;
use super::machine::Machine;
use super::phase::Phase;
use crate::error::ApiError;
use crate::store::UnixMillis;
use serde::Serialize;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};
use utoipa::ToSchema;

/// The way to ask. It shares the switchboard's bounded inbox with the sockets: under a flood one waits for its
/// turn.
pub(crate) struct Desk(mpsc::Sender<Inbound>);

/// What is asked. Whoever no longer waits for the answer misses nothing that could leak.
pub(crate) enum Order {
    List {
        after: Option<CallId>,
        count: usize,
        answer: oneshot::Sender<Vec<CallView>>,
    },
    /// Answered by whether there was such a call.
    End {
        call: CallId,
        answer: oneshot::Sender<bool>,
    },
}

/// A call that has not ended, as the administrator sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallView {
    /// Its number, as webhooks say it and as the labels of its endpoints begin (`call:17`).
    pub(crate) call: u64,
    from: String,
    to: String,
    /// `ringing`, `connecting` or `talking`.
    state: &'static str,
    /// When it began to ring.
    started: UnixMillis,
    /// When the callee accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    answered: Option<UnixMillis>,
}

/// The same moment on the steady clock, which the machine counts by, and on the wall's, which people read.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) steady: Instant,
    pub(super) wall: UnixMillis,
}

impl Moment {
    /// What the wall's clock showed at an earlier instant.
    pub(super) fn on_wall(self, instant: Instant) -> UnixMillis {
        let ago = self.steady.saturating_duration_since(instant).as_millis();
        UnixMillis(self.wall.0.saturating_sub(u64::try_from(ago).unwrap_or(u64::MAX)))
    }
}

impl Desk {
    pub(crate) fn new(inbox: mpsc::Sender<Inbound>) -> Self {
        Self(inbox)
    }

    /// At most `count` calls behind the number `after`, the oldest first.
    ///
    /// # Errors
    /// [`ApiError::ShuttingDown`].
    pub(crate) async fn list(&self, after: Option<u64>, count: usize) -> Result<Vec<CallView>, ApiError> {
        let after = after.map(CallId::new);
        self.ask(|answer| Order::List { after, count, answer }).await
    }

    /// Ends a call; both are told.
    ///
    /// # Errors
    /// [`ApiError::CallUnknown`], [`ApiError::ShuttingDown`].
    pub(crate) async fn end(&self, call: u64) -> Result<(), ApiError> {
        let call = CallId::new(call);
        if self.ask(|answer| Order::End { call, answer }).await? {
            Ok(())
        } else {
            Err(ApiError::CallUnknown)
        }
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, ApiError> {
        let (answer, answered) = oneshot::channel();
        let asked = self.0.send(Inbound::Order(order(answer))).await;
        asked.map_err(|_| ApiError::ShuttingDown)?;
        answered.await.map_err(|_| ApiError::ShuttingDown)
    }
}

impl Order {
    pub(super) fn carry_out(self, machine: &mut Machine, now: Moment) {
        match self {
            Self::List { after, count, answer } => {
                let calls = machine.ongoing(after, count).into_iter().map(|call| CallView {
                    call: call.call.number(),
                    from: call.from.to_string(),
                    to: call.to.to_string(),
                    state: word(call.phase),
                    started: now.on_wall(call.started),
                    answered: call.answered.map(|answered| now.on_wall(answered)),
                });
                let _ = answer.send(calls.collect());
            }
            Self::End { call, answer } => {
                let _ = answer.send(machine.end_named(now.steady, call));
            }
        }
    }
}

/// The stable word for programs.
const fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Ringing => "ringing",
        Phase::Connecting => "connecting",
        Phase::Talking => "talking",
    }
}
