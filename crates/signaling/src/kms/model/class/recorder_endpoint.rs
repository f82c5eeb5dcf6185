//! `RecorderEndpoint`: records what it is sent.

use super::{MEDIA_PIPELINE, URI_ENDPOINT};
use crate::kms::model::{
    Class, Creation, Literal, Module, Operation, Param, Run, State, Type, enumeration, event,
};

pub(crate) static RECORDER_ENDPOINT: Class = Class {
    name: "RecorderEndpoint",
    module: Module::Elements,
    parent: Some(&URI_ENDPOINT),
    about: "Records what it is sent.",
    creation: Creation::Refused {
        params: &[
            Param::required("mediaPipeline", Type::Object(&MEDIA_PIPELINE)),
            Param::required("uri", Type::String),
            Param::or(
                "mediaProfile",
                Type::Enum(&enumeration::MEDIA_PROFILE_SPEC_TYPE),
                Literal::Enum("WEBM"),
            ),
            Param::or("stopOnEndOfStream", Type::Boolean, Literal::Bool(false)),
        ],
        reason: "a later version of Keel has it",
    },
    properties: &[],
    operations: &[
        Operation {
            name: "record",
            about: "Records.",
            state: State::Refused,
            params: &[],
            returns: None,
            run: Run::Missing,
        },
        Operation {
            name: "stopAndWait",
            about: "Stops, and answers when the recording is complete.",
            state: State::Refused,
            params: &[],
            returns: None,
            run: Run::Missing,
        },
    ],
    events: &[&event::RECORDING, &event::PAUSED, &event::STOPPED],
};
