//! `MediaPipeline`: the root of a tree.

use super::MEDIA_OBJECT;
use super::drawing::{DOT_OPERATION, DUMP_OPERATION};
use crate::kms::model::{Class, Creation, Get, Literal, Module, Property, Run, Set, State, Type};
use crate::kms::object::settings;

pub(crate) static MEDIA_PIPELINE: Class = Class {
    name: "MediaPipeline",
    module: Module::Core,
    parent: Some(&MEDIA_OBJECT),
    about: "A container of elements that can be connected with one another.",
    creation: Creation::Root,
    properties: &[Property {
        name: "latencyStats",
        kind: Type::Boolean,
        about: "Whether statistics have latencies.",
        state: State::Differs("both latencies of an endpoint are the way through the server"),
        get: Get::Stored(Literal::Bool(false)),
        set: Set::Applied(Run::Media(settings::apply_to_all)),
        aliases: &[],
    }],
    operations: &[DOT_OPERATION, DUMP_OPERATION],
    events: &[],
};
