//! `FaceOverlayFilter`: a picture over faces.

use super::{FILTER, filter};
use crate::kms::model::{Class, Creation, Module, Operation, Param, Run, Type};

pub(crate) static FACE_OVERLAY_FILTER: Class = Class {
    name: "FaceOverlayFilter",
    module: Module::Filters,
    parent: Some(&FILTER),
    about: "Lays a picture over faces.",
    creation: Creation::OptIn {
        params: &[filter::PIPELINE],
        construct: filter::construct,
        reason: filter::NEEDS_DECODING,
    },
    properties: &[],
    operations: &[
        Operation {
            name: "unsetOverlayedImage",
            about: "Removes the picture.",
            state: filter::NOTHING_DRAWN,
            params: &[],
            returns: None,
            run: Run::Now(filter::draw_nothing),
        },
        Operation {
            name: "setOverlayedImage",
            about: "Chooses the picture and its place relative to a face.",
            state: filter::NOTHING_DRAWN,
            params: &[
                Param::required("uri", Type::String),
                Param::required("offsetXPercent", Type::Float),
                Param::required("offsetYPercent", Type::Float),
                Param::required("widthPercent", Type::Float),
                Param::required("heightPercent", Type::Float),
            ],
            returns: None,
            run: Run::Now(filter::draw_nothing),
        },
    ],
    events: &[],
};
