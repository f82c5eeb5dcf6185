//! The body of a `WebRtcEndpoint`.

use super::{ObjectId, Tree};
use keel_media::{EndpointEvent, WebRtcEndpoint};

/// What a `WebRtcEndpoint` is made of.
pub(crate) struct Endpoint {
    pub(crate) media: WebRtcEndpoint,
}

/// What an endpoint's event means for its object.
pub(crate) fn handle_event(_tree: &mut Tree, _id: &ObjectId, _event: EndpointEvent) {}
