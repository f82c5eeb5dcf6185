//! `HttpEndpoint`: what is reached by HTTP.

use super::SESSION_ENDPOINT;
use crate::kms::model::{Class, Creation, Module, Operation, Run, State, Type};

pub(crate) static HTTP_ENDPOINT: Class = Class {
    name: "HttpEndpoint",
    module: Module::Elements,
    parent: Some(&SESSION_ENDPOINT),
    about: "An endpoint that is reached by HTTP.",
    creation: Creation::Abstract,
    properties: &[],
    operations: &[Operation {
        name: "getUrl",
        about: "The address to reach it at.",
        state: State::Refused,
        params: &[],
        returns: Some(Type::String),
        run: Run::Missing,
    }],
    events: &[],
};
