//! `SdpEndpoint`.

use super::SESSION_ENDPOINT;
use crate::kms::model::{Class, Creation, Module};

pub(crate) static SDP_ENDPOINT: Class = Class {
    name: "SdpEndpoint",
    module: Module::Core,
    parent: Some(&SESSION_ENDPOINT),
    about: "An endpoint that negotiates by SDP.",
    creation: Creation::Abstract,
    properties: &[],
    operations: &[],
    events: &[],
};
