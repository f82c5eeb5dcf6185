//! The envelope: JSON-RPC 2.0 as KMS speaks it (PROTOCOL.md §2 and §4). Texts become typed requests here, and
//! typed answers become texts; nothing outside of this folder and the model's own codec sees JSON.

mod answer;
mod message;
mod request;
mod transaction;

pub(crate) use answer::{answer_text, notification_text};
pub(crate) use message::{Answer, Method, ObjectRef, Outcome, Request, RequestId, Success};
pub(crate) use request::{id_of, parse};
pub(crate) use transaction::Transaction;
