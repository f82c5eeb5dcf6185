//! `PlayerEndpoint`: plays into the pipeline.

use super::{MEDIA_PIPELINE, URI_ENDPOINT};
use crate::kms::model::{
    Class, Creation, Get, Literal, Module, Operation, Param, Property, Run, Set, State, Type, event, record,
};

pub(crate) static PLAYER_ENDPOINT: Class = Class {
    name: "PlayerEndpoint",
    module: Module::Elements,
    parent: Some(&URI_ENDPOINT),
    about: "Plays a file or a stream into the pipeline.",
    creation: Creation::Refused {
        params: &[
            Param::required("mediaPipeline", Type::Object(&MEDIA_PIPELINE)),
            Param::required("uri", Type::String),
            Param::or("useEncodedMedia", Type::Boolean, Literal::Bool(false)),
            Param::or("networkCache", Type::Int, Literal::Int(2000)),
        ],
        reason: "a later version of Keel has it",
    },
    properties: &[
        Property {
            name: "videoInfo",
            kind: Type::Record(&record::VIDEO_INFO),
            about: "Length and whether it can be sought in.",
            state: State::Refused,
            get: Get::Run(Run::Missing),
            set: Set::ReadOnly,
            aliases: &[],
        },
        Property {
            name: "elementGstreamerDot",
            kind: Type::String,
            about: "A drawing of its inside.",
            state: State::Refused,
            get: Get::Run(Run::Missing),
            set: Set::ReadOnly,
            aliases: &[],
        },
        Property {
            name: "position",
            kind: Type::Int64,
            about: "Where it plays, in ms.",
            state: State::Refused,
            get: Get::Run(Run::Missing),
            set: Set::Applied(Run::Missing),
            aliases: &[],
        },
    ],
    operations: &[Operation {
        name: "play",
        about: "Plays.",
        state: State::Refused,
        params: &[],
        returns: None,
        run: Run::Missing,
    }],
    events: &[&event::END_OF_STREAM],
};
