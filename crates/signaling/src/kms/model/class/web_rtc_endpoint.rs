//! `WebRtcEndpoint`.

use super::BASE_RTP_ENDPOINT;
use crate::kms::model::{Class, Creation, Module};

pub(crate) static WEB_RTC_ENDPOINT: Class = Class {
    name: "WebRtcEndpoint",
    module: Module::Elements,
    parent: Some(&BASE_RTP_ENDPOINT),
    about: "One WebRTC peer.",
    creation: Creation::Abstract,
    properties: &[],
    operations: &[],
    events: &[],
};
