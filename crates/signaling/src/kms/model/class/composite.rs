//! `Composite`: all ports in one picture.

use super::{HUB, MEDIA_PIPELINE, filter};
use crate::kms::model::{Class, Creation, Literal, Module, Param, Type};

pub(crate) static COMPOSITE: Class = Class {
    name: "Composite",
    module: Module::Elements,
    parent: Some(&HUB),
    about: "A hub that shows all ports in one picture and mixes their sound.",
    creation: Creation::Refused {
        params: &[
            Param::required("mediaPipeline", Type::Object(&MEDIA_PIPELINE)),
            Param::or("width", Type::Int, Literal::Int(800)),
            Param::or("height", Type::Int, Literal::Int(600)),
            Param::or("framerate", Type::Int, Literal::Int(15)),
        ],
        reason: filter::NEEDS_DECODING,
    },
    properties: &[],
    operations: &[],
    events: &[],
};
