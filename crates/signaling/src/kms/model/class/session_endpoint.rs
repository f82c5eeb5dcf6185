//! `SessionEndpoint`: an endpoint whose exchange with its peer begins and ends.

use super::ENDPOINT;
use crate::kms::model::{Class, Creation, Module, event};

pub(crate) static SESSION_ENDPOINT: Class = Class {
    name: "SessionEndpoint",
    module: Module::Core,
    parent: Some(&ENDPOINT),
    about: "An endpoint that has a session with its peer, begun by negotiation and ended by the peer's leave.",
    creation: Creation::Abstract,
    properties: &[],
    operations: &[],
    events: &[&event::MEDIA_SESSION_TERMINATED, &event::MEDIA_SESSION_STARTED],
};
