//! Who wants to be told of an object's events.

use crate::kms::failure::{Code, Failure};
use crate::kms::model::EventType;
use crate::kms::session_id::SessionId;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Subscriptions of one session to one object at most; further ones are refused with 40009.
const PER_SESSION_MAX: usize = 256;

/// The subscriptions to one object's events.
#[derive(Default)]
pub(super) struct Subscriptions {
    by_session: BTreeMap<SessionId, BTreeMap<Uuid, Subscription>>,
}

struct Subscription {
    event: &'static EventType,
    name: &'static str,
}

impl Subscriptions {
    /// Adds one to the event, told under `name`.
    pub(super) fn add(
        &mut self,
        session: &SessionId,
        event: &'static EventType,
        name: &'static str,
    ) -> Result<Uuid, Failure> {
        let of_session = self.by_session.entry(session.clone()).or_default();
        if of_session.len() >= PER_SESSION_MAX {
            return Err(Failure::new(
                Code::NotEnoughResources,
                "The session has as many subscriptions as an object takes",
            ));
        }
        let id = Uuid::new_v4();
        of_session.insert(id, Subscription { event, name });
        Ok(id)
    }

    /// KMS: an unknown one is ignored.
    pub(super) fn remove(&mut self, session: &SessionId, subscription: Uuid) {
        if let Some(of_session) = self.by_session.get_mut(session) {
            of_session.remove(&subscription);
            if of_session.is_empty() {
                self.by_session.remove(session);
            }
        }
    }

    pub(super) fn remove_session(&mut self, session: &SessionId) {
        self.by_session.remove(session);
    }

    /// Who is to be told of an event, and under which names, each once.
    /// KMS: several subscriptions of a session to one event are one.
    pub(super) fn to(&self, event: &EventType) -> Vec<(&SessionId, &'static str)> {
        let mut told = Vec::new();
        for (session, subscriptions) in &self.by_session {
            for subscription in subscriptions.values().filter(|one| one.event.name == event.name) {
                if !told.contains(&(session, subscription.name)) {
                    told.push((session, subscription.name));
                }
            }
        }
        told
    }
}
