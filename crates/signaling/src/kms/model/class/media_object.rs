//! `MediaObject`.

use crate::kms::model::{Class, Creation, Module};

pub(crate) static MEDIA_OBJECT: Class = Class {
    name: "MediaObject",
    module: Module::Core,
    parent: None,
    about: "What every object has.",
    creation: Creation::Abstract,
    properties: &[],
    operations: &[],
    events: &[],
};
