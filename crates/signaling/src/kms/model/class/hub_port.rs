//! `HubPort`.

use super::MEDIA_ELEMENT;
use crate::kms::model::{Class, Creation, Module};

pub(crate) static HUB_PORT: Class = Class {
    name: "HubPort",
    module: Module::Core,
    parent: Some(&MEDIA_ELEMENT),
    about: "A hub's way in and out.",
    creation: Creation::Abstract,
    properties: &[],
    operations: &[],
    events: &[],
};
