//! `OpenCVFilter`: filters that see pictures by OpenCV.

use super::FILTER;
use crate::kms::model::{Class, Creation, Module};

pub(crate) static OPEN_CV_FILTER: Class = Class {
    name: "OpenCVFilter",
    module: Module::Filters,
    parent: Some(&FILTER),
    about: "A filter that sees decoded pictures by OpenCV.",
    creation: Creation::Abstract,
    properties: &[],
    operations: &[],
    events: &[],
};
