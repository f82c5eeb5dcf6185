//! `Endpoint`.

use super::MEDIA_ELEMENT;
use crate::kms::model::{Class, Creation, Module};

pub(crate) static ENDPOINT: Class = Class {
    name: "Endpoint",
    module: Module::Core,
    parent: Some(&MEDIA_ELEMENT),
    about: "Where media enters or leaves.",
    creation: Creation::Abstract,
    properties: &[],
    operations: &[],
    events: &[],
};
