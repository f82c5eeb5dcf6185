//! `SessionEndpoint`.

use super::ENDPOINT;
use crate::kms::model::{Class, Creation, Module};

pub(crate) static SESSION_ENDPOINT: Class = Class {
    name: "SessionEndpoint",
    module: Module::Core,
    parent: Some(&ENDPOINT),
    about: "An endpoint with sessions.",
    creation: Creation::Abstract,
    properties: &[],
    operations: &[],
    events: &[],
};
