//! The classes, each in its file with the functions that carry out its operations.

mod base_rtp_endpoint;
mod endpoint;
mod hub;
mod hub_port;
mod media_element;
mod media_object;
mod media_pipeline;
mod pass_through;
mod sdp_endpoint;
mod server_manager;
mod session_endpoint;
mod web_rtc_endpoint;

pub(crate) use base_rtp_endpoint::BASE_RTP_ENDPOINT;
pub(crate) use endpoint::ENDPOINT;
pub(crate) use hub::HUB;
pub(crate) use hub_port::HUB_PORT;
pub(crate) use media_element::MEDIA_ELEMENT;
pub(crate) use media_object::MEDIA_OBJECT;
pub(crate) use media_pipeline::MEDIA_PIPELINE;
pub(crate) use pass_through::PASS_THROUGH;
pub(crate) use sdp_endpoint::SDP_ENDPOINT;
pub(crate) use server_manager::SERVER_MANAGER;
pub(crate) use session_endpoint::SESSION_ENDPOINT;
pub(crate) use web_rtc_endpoint::WEB_RTC_ENDPOINT;

use super::Class;

/// Every class.
pub(crate) static ALL: &[&Class] = &[
    &BASE_RTP_ENDPOINT,
    &ENDPOINT,
    &HUB,
    &HUB_PORT,
    &MEDIA_ELEMENT,
    &MEDIA_OBJECT,
    &MEDIA_PIPELINE,
    &PASS_THROUGH,
    &SDP_ENDPOINT,
    &SERVER_MANAGER,
    &SESSION_ENDPOINT,
    &WEB_RTC_ENDPOINT,
];
