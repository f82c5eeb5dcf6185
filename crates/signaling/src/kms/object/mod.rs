//! The objects that applications have made.
//!
//! A pipeline with everything below it is one [`Tree`], owned by one task. Requests on it are carried out one
//! after another, so operations on one object happen in the order in which they came; trees do not wait for
//! each other. The server's own object, the `ServerManager`, is a tree of one.

mod action;
mod body;
mod census;
mod connect;
pub(crate) mod connection;
pub(crate) mod dot;
pub(crate) mod dscp;
pub(crate) mod endpoint;
mod event;
mod flow;
mod ice;
pub(crate) mod ice_server;
mod id;
mod lifetime;
pub(crate) mod media_type;
pub(crate) mod process;
mod request;
pub(crate) mod settings;
pub(crate) mod stats;
pub(crate) mod stream;
mod subscription;
mod surroundings;
#[cfg(test)]
mod tests;
mod tree;

pub(crate) use body::{Body, Filter, Hub, HubPort};
pub(crate) use census::{Census, CensusLimits};
pub(crate) use event::now_ms;
pub(crate) use id::ObjectId;
pub(crate) use request::{Action, Reply, TreeRequest};
pub(crate) use surroundings::{Host, NOTICES_MAX, Notice, Notification, Surroundings};
pub(crate) use tree::{Object, Tree};
