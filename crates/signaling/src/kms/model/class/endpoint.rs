//! `Endpoint`: an element where a pipeline's media enters or leaves the server.

use super::MEDIA_ELEMENT;
use crate::kms::model::{Class, Creation, Module};

pub(crate) static ENDPOINT: Class = Class {
    name: "Endpoint",
    module: Module::Core,
    parent: Some(&MEDIA_ELEMENT),
    about: "An element by which media enters or leaves the server.",
    creation: Creation::Abstract,
    properties: &[],
    operations: &[],
    events: &[],
};
