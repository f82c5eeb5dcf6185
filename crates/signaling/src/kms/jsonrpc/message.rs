//! Requests and answers as types.

use super::Transaction;
use crate::kms::failure::{Code, Failure};
use crate::kms::model::{Class, RawArguments, Value};
use crate::kms::object::ObjectId;
use crate::kms::session_id::SessionName;
use uuid::Uuid;

/// A request's `id`, given back as it came. JSON-RPC 2.0 §4: a number, a text or null.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RequestId {
    Null,
    Number(serde_json::Number),
    Text(String),
}

/// A request that could be read.
#[derive(Debug)]
pub(crate) struct Request {
    /// `None` for a notification, which gets no answer.
    pub(crate) id: Option<RequestId>,
    /// The session that it names.
    pub(crate) session: Option<SessionName>,
    /// The method's name for metrics: one of the protocol's, or `unknown`.
    pub(crate) label: &'static str,
    /// What is asked, or what of it is wrong.
    pub(crate) method: Result<Method, Failure>,
}

/// What is asked (PROTOCOL.md §4).
#[derive(Debug)]
pub(crate) enum Method {
    Ping,
    Connect,
    KeepAlive,
    CloseSession {
        /// Whether objects go that other sessions hold, too.
        release: bool,
    },
    Describe {
        object: ObjectRef,
    },
    Create {
        class: String,
        arguments: RawArguments,
    },
    Invoke {
        object: ObjectRef,
        operation: String,
        arguments: RawArguments,
    },
    Subscribe {
        object: ObjectRef,
        event: String,
    },
    Unsubscribe {
        object: ObjectRef,
        subscription: String,
    },
    Release {
        object: ObjectRef,
    },
    Ref {
        object: ObjectRef,
    },
    Unref {
        object: ObjectRef,
    },
    Transaction(Transaction),
}

/// The text by which a request names an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectRef(pub(in crate::kms) String);

/// Marks a reference to the result of an earlier operation of a transaction.
pub(super) const NEW_REF: &str = "newref:";

impl ObjectRef {
    /// The id that it is.
    ///
    /// # Errors
    /// 40101 for what cannot be an object's name, 40109 for a reference that only a transaction resolves.
    pub(crate) fn id(&self) -> Result<ObjectId, Failure> {
        ObjectId::parse(&self.0).ok_or_else(|| {
            let mut failure = Failure::object_not_found(&self.0);
            if self.0.starts_with(NEW_REF) {
                failure.code = Code::NotFoundTransactionNoCommit;
            }
            failure
        })
    }
}

/// What a request is answered with.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) id: RequestId,
    pub(crate) result: Result<Success, Failure>,
}

/// A request that was carried out.
#[derive(Debug)]
pub(crate) struct Success {
    /// The session that it belongs to; clients copy it from here.
    pub(crate) session: Option<SessionName>,
    pub(crate) outcome: Outcome,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is done, and there is nothing to say about it.
    Done,
    Pong,
    /// The session is this server's.
    Connected {
        server: Uuid,
    },
    Described(&'static Class),
    Value(Value),
    /// The answers of a transaction's operations up to the first that failed.
    Operations(Vec<Answer>),
}

impl Answer {
    /// Its code for metrics: `ok`, or that of the error.
    pub(crate) fn label(&self) -> &'static str {
        self.result.as_ref().map_or_else(|failure| failure.code.label(), |_| "ok")
    }

    /// The text in `result.value` that later operations of a transaction can refer to.
    pub(super) fn reference(&self) -> Option<&str> {
        match &self.result.as_ref().ok()?.outcome {
            Outcome::Value(Value::Object(id)) => Some(id.as_str()),
            Outcome::Value(Value::Text(text)) => Some(text),
            _ => None,
        }
    }
}
