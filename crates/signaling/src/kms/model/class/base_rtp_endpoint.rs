//! `BaseRtpEndpoint`.

use super::SDP_ENDPOINT;
use crate::kms::model::{Class, Creation, Module};

pub(crate) static BASE_RTP_ENDPOINT: Class = Class {
    name: "BaseRtpEndpoint",
    module: Module::Core,
    parent: Some(&SDP_ENDPOINT),
    about: "An endpoint that speaks RTP.",
    creation: Creation::Abstract,
    properties: &[],
    operations: &[],
    events: &[],
};
