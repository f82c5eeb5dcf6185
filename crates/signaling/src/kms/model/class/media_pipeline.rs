//! `MediaPipeline`: the root of a tree.

use super::MEDIA_OBJECT;
use super::hub::{DOT_OPERATION, DUMP_OPERATION};
use crate::kms::model::{Class, Creation, Get, Literal, Module, Property, Set, State, Type};

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
        state: State::Stored(
            "Keel forwards within the tick in which a packet arrives: there is no latency to list",
        ),
        get: Get::Stored(Literal::Bool(false)),
        set: Set::Stored,
        aliases: &[],
    }],
    operations: &[DOT_OPERATION, DUMP_OPERATION],
    events: &[],
};
