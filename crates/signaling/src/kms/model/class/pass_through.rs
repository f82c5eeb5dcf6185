//! `PassThrough`.

use super::MEDIA_ELEMENT;
use crate::kms::model::{Class, Creation, Module};

pub(crate) static PASS_THROUGH: Class = Class {
    name: "PassThrough",
    module: Module::Core,
    parent: Some(&MEDIA_ELEMENT),
    about: "Passes on what it is sent.",
    creation: Creation::Abstract,
    properties: &[],
    operations: &[],
    events: &[],
};
