//! The classes, each in its file with the functions that carry out its operations.

mod alpha_blending;
mod base_rtp_endpoint;
mod composite;
mod dispatcher;
mod dispatcher_one_to_many;
mod drawing;
mod endpoint;
mod face_overlay_filter;
mod filter;
mod g_streamer_filter;
mod http_endpoint;
mod http_post_endpoint;
mod hub;
mod hub_port;
mod image_overlay_filter;
mod media_element;
mod media_object;
mod media_pipeline;
mod mixer;
mod open_cv_filter;
mod pass_through;
mod player_endpoint;
mod recorder_endpoint;
mod rtp_endpoint;
mod sdp_endpoint;
mod server_manager;
mod session_endpoint;
mod uri_endpoint;
mod web_rtc_endpoint;
mod z_bar_filter;

pub(crate) use alpha_blending::ALPHA_BLENDING;
pub(crate) use base_rtp_endpoint::BASE_RTP_ENDPOINT;
pub(crate) use composite::COMPOSITE;
pub(crate) use dispatcher::DISPATCHER;
pub(crate) use dispatcher_one_to_many::DISPATCHER_ONE_TO_MANY;
pub(crate) use endpoint::ENDPOINT;
pub(crate) use face_overlay_filter::FACE_OVERLAY_FILTER;
pub(crate) use filter::FILTER;
pub(crate) use g_streamer_filter::G_STREAMER_FILTER;
pub(crate) use http_endpoint::HTTP_ENDPOINT;
pub(crate) use http_post_endpoint::HTTP_POST_ENDPOINT;
pub(crate) use hub::HUB;
pub(crate) use hub_port::HUB_PORT;
pub(crate) use image_overlay_filter::IMAGE_OVERLAY_FILTER;
pub(crate) use media_element::MEDIA_ELEMENT;
pub(crate) use media_object::MEDIA_OBJECT;
pub(crate) use media_pipeline::MEDIA_PIPELINE;
pub(crate) use mixer::MIXER;
pub(crate) use open_cv_filter::OPEN_CV_FILTER;
pub(crate) use pass_through::PASS_THROUGH;
pub(crate) use player_endpoint::PLAYER_ENDPOINT;
pub(crate) use recorder_endpoint::RECORDER_ENDPOINT;
pub(crate) use rtp_endpoint::RTP_ENDPOINT;
pub(crate) use sdp_endpoint::SDP_ENDPOINT;
pub(crate) use server_manager::SERVER_MANAGER;
pub(crate) use session_endpoint::SESSION_ENDPOINT;
pub(crate) use uri_endpoint::URI_ENDPOINT;
pub(crate) use web_rtc_endpoint::WEB_RTC_ENDPOINT;
pub(crate) use z_bar_filter::Z_BAR_FILTER;

use super::Class;

/// Every class, in the order of their names.
pub(crate) static ALL: &[&Class] = &[
    &ALPHA_BLENDING,
    &BASE_RTP_ENDPOINT,
    &COMPOSITE,
    &DISPATCHER,
    &DISPATCHER_ONE_TO_MANY,
    &ENDPOINT,
    &FACE_OVERLAY_FILTER,
    &FILTER,
    &G_STREAMER_FILTER,
    &HTTP_ENDPOINT,
    &HTTP_POST_ENDPOINT,
    &HUB,
    &HUB_PORT,
    &IMAGE_OVERLAY_FILTER,
    &MEDIA_ELEMENT,
    &MEDIA_OBJECT,
    &MEDIA_PIPELINE,
    &MIXER,
    &OPEN_CV_FILTER,
    &PASS_THROUGH,
    &PLAYER_ENDPOINT,
    &RECORDER_ENDPOINT,
    &RTP_ENDPOINT,
    &SDP_ENDPOINT,
    &SERVER_MANAGER,
    &SESSION_ENDPOINT,
    &URI_ENDPOINT,
    &WEB_RTC_ENDPOINT,
    &Z_BAR_FILTER,
];
