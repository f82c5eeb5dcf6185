//! `MediaElement`.

use super::MEDIA_OBJECT;
use crate::kms::model::{Class, Creation, Module};

pub(crate) static MEDIA_ELEMENT: Class = Class {
    name: "MediaElement",
    module: Module::Core,
    parent: Some(&MEDIA_OBJECT),
    about: "What media goes through.",
    creation: Creation::Abstract,
    properties: &[],
    operations: &[],
    events: &[],
};
