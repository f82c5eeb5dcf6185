//! `ServerManager`.

use super::MEDIA_OBJECT;
use crate::kms::model::{Class, Creation, Module};

pub(crate) static SERVER_MANAGER: Class = Class {
    name: "ServerManager",
    module: Module::Core,
    parent: Some(&MEDIA_OBJECT),
    about: "The server itself.",
    creation: Creation::Abstract,
    properties: &[],
    operations: &[],
    events: &[],
};
