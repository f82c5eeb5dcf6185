//! `UriEndpoint`: what plays from or records to a URI.

use super::ENDPOINT;
use crate::kms::model::{
    Class, Creation, Get, Module, Operation, Property, Run, Set, State, Type, enumeration, event,
};

pub(crate) static URI_ENDPOINT: Class = Class {
    name: "UriEndpoint",
    module: Module::Core,
    parent: Some(&ENDPOINT),
    about: "An endpoint with a URI that it plays from or records to.",
    creation: Creation::Abstract,
    properties: &[
        Property {
            name: "uri",
            kind: Type::String,
            about: "Where from or where to.",
            state: State::Refused,
            get: Get::Run(Run::Missing),
            set: Set::Final,
            aliases: &[],
        },
        Property {
            name: "state",
            kind: Type::Enum(&enumeration::URI_ENDPOINT_STATE),
            about: "Whether it runs.",
            state: State::Refused,
            get: Get::Run(Run::Missing),
            set: Set::ReadOnly,
            aliases: &[],
        },
    ],
    operations: &[
        Operation {
            name: "pause",
            about: "Pauses it.",
            state: State::Refused,
            params: &[],
            returns: None,
            run: Run::Missing,
        },
        Operation {
            name: "stop",
            about: "Stops it.",
            state: State::Refused,
            params: &[],
            returns: None,
            run: Run::Missing,
        },
    ],
    events: &[&event::URI_ENDPOINT_STATE_CHANGED],
};
