//! `ImageOverlayFilter`: pictures over the video.

use super::{FILTER, filter};
use crate::kms::model::{Class, Creation, Module, Operation, Param, Run, Type};

pub(crate) static IMAGE_OVERLAY_FILTER: Class = Class {
    name: "ImageOverlayFilter",
    module: Module::Filters,
    parent: Some(&FILTER),
    about: "Lays pictures over the video.",
    creation: Creation::OptIn {
        params: &[filter::PIPELINE],
        construct: filter::construct,
        reason: filter::NEEDS_DECODING,
    },
    properties: &[],
    operations: &[
        Operation {
            name: "removeImage",
            about: "Removes a picture.",
            state: filter::NOTHING_DRAWN,
            params: &[Param::required("id", Type::String)],
            returns: None,
            run: Run::Now(filter::draw_nothing),
        },
        Operation {
            name: "addImage",
            about: "Adds a picture at a place.",
            state: filter::NOTHING_DRAWN,
            params: &[
                Param::required("id", Type::String),
                Param::required("uri", Type::String),
                Param::required("offsetXPercent", Type::Float),
                Param::required("offsetYPercent", Type::Float),
                Param::required("widthPercent", Type::Float),
                Param::required("heightPercent", Type::Float),
                Param::required("keepAspectRatio", Type::Boolean),
                Param::required("center", Type::Boolean),
            ],
            returns: None,
            run: Run::Now(filter::draw_nothing),
        },
    ],
    events: &[],
};
