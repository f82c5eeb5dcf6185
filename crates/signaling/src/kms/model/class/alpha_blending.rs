//! `AlphaBlending`: pictures over one another.

use super::{HUB, HUB_PORT, MEDIA_PIPELINE, filter};
use crate::kms::model::{Class, Creation, Module, Operation, Param, Run, State, Type};

pub(crate) static ALPHA_BLENDING: Class = Class {
    name: "AlphaBlending",
    module: Module::Elements,
    parent: Some(&HUB),
    about: "A hub that lays pictures over one another.",
    creation: Creation::Refused {
        params: &[Param::required("mediaPipeline", Type::Object(&MEDIA_PIPELINE))],
        reason: filter::NEEDS_DECODING,
    },
    properties: &[],
    operations: &[
        Operation {
            name: "setMaster",
            about: "Chooses the picture at the bottom.",
            state: State::Refused,
            params: &[
                Param::required("source", Type::Object(&HUB_PORT)),
                Param::required("zOrder", Type::Int),
            ],
            returns: None,
            run: Run::Missing,
        },
        Operation {
            name: "setPortProperties",
            about: "Places a port's picture.",
            state: State::Refused,
            params: &[
                Param::required("relativeX", Type::Float),
                Param::required("relativeY", Type::Float),
                Param::required("zOrder", Type::Int),
                Param::required("relativeWidth", Type::Float),
                Param::required("relativeHeight", Type::Float),
                Param::required("port", Type::Object(&HUB_PORT)),
            ],
            returns: None,
            run: Run::Missing,
        },
    ],
    events: &[],
};
