//! What a tree is asked, and what it answers.

use super::ObjectId;
use crate::kms::failure::Failure;
use crate::kms::model::{Class, EventType, Fields, Method, Value};
use crate::kms::session_id::SessionId;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use uuid::Uuid;

/// What a tree is asked, and who asks. A reply that is dropped means that the tree has ended: there is no
/// such object any more.
pub(crate) struct TreeRequest {
    pub(crate) session: SessionId,
    pub(crate) action: Action,
    pub(crate) reply: oneshot::Sender<Result<Reply, Failure>>,
}

/// The protocol's methods that concern objects.
pub(crate) enum Action {
    Create {
        class: &'static Class,
        parent: ObjectId,
        arguments: Fields,
    },
    Invoke {
        object: ObjectId,
        /// With the failure if it could not be read: that the object is not found comes before that.
        method: Result<(Method, Fields), Failure>,
    },
    Describe {
        object: ObjectId,
    },
    Subscribe {
        object: ObjectId,
        event: &'static EventType,
        /// As subscribed: the event's name or an alias.
        name: &'static str,
    },
    Unsubscribe {
        object: ObjectId,
        subscription: Uuid,
    },
    Release {
        object: ObjectId,
    },
    Ref {
        object: ObjectId,
    },
    Unref {
        object: ObjectId,
    },
    /// Drops the session's references and subscriptions. Objects that nobody holds go; with `release` also
    /// those that others hold.
    EndSession {
        release: bool,
    },
}

/// What a tree answers.
pub(crate) enum Reply {
    Done,
    Value(Value),
    /// The value comes later: only the caller waits for it.
    Later(BoxFuture<'static, Result<Value, Failure>>),
    Created(ObjectId),
    Described(&'static Class),
    Subscribed(Uuid),
}
