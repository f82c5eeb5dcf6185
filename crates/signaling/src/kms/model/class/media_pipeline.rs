//! `MediaPipeline`.

use super::MEDIA_OBJECT;
use crate::kms::model::{Class, Creation, Module};

pub(crate) static MEDIA_PIPELINE: Class = Class {
    name: "MediaPipeline",
    module: Module::Core,
    parent: Some(&MEDIA_OBJECT),
    about: "A container of elements that can be connected.",
    creation: Creation::Root,
    properties: &[],
    operations: &[],
    events: &[],
};
