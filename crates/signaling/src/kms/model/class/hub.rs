//! `Hub`.

use super::MEDIA_OBJECT;
use crate::kms::model::{Class, Creation, Module};

pub(crate) static HUB: Class = Class {
    name: "Hub",
    module: Module::Core,
    parent: Some(&MEDIA_OBJECT),
    about: "What routes media between its ports.",
    creation: Creation::Abstract,
    properties: &[],
    operations: &[],
    events: &[],
};
