//! `MediaPipeline`: the root of a tree.

use super::MEDIA_OBJECT;
use super::hub::{DOT_OPERATION, DUMP_OPERATION};
use crate::kms::model::{Class, Creation, Get, Literal, Module, Property, Run, Set, State, Type};
use crate::kms::object::settings::apply_to_all;

pub(crate) static MEDIA_PIPELINE: Class = Class {
    name: "MediaPipeline",
    module: Module::Core,
    parent: Some(&MEDIA_OBJECT),
    about: "A container of elements that can be connected with one another.",
    creation: Creation::Root,
    properties: &[Property {
        name: "latencyStats",
        kind: Type::Boolean,
        about: "Whether the statistics of endpoints have latencies, which are measured while this is on.",
        state: State::Works,
        get: Get::Stored(Literal::Bool(false)),
        set: Set::Applied(Run::Media(apply_to_all)),
        aliases: &[],
    }],
    operations: &[DOT_OPERATION, DUMP_OPERATION],
    events: &[],
};
