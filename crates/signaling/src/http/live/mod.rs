//! WHIP (RFC 9725) at `/whip/{stream}` and WHEP (draft-ietf-wish-whep) at `/whep/{stream}`.
//!
//! The two differ in who sends: everything else is one. [`mod@endpoint`] begins sessions, [`resource`] is what their
//! URLs can do, [`header`] reads and writes the header fields, [`error`] renders refusals.

mod endpoint;
mod error;
mod header;
mod resource;

pub(crate) use error::LiveError;

use crate::live::offer::Role;
use crate::state::AppState;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::routing::{MethodRouter, get};
use std::time::Duration;
use tokio::time::timeout;

/// Bytes of one body: an offer with simulcast and every codec has ten thousand.
const BODY_BYTES_MAX: usize = 64 << 10;

/// How long a body may take to arrive: it is small, and who sends it slowly holds a connection.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// The routes of both.
pub(crate) fn routes() -> Router<AppState> {
    let of = |path: &str, role| {
        Router::new()
            .route(&format!("/{path}/{{stream}}"), endpoint(role))
            .route(&format!("/{path}/{{stream}}/{{session}}"), session())
    };
    of("whip", Role::Presenter)
        .merge(of("whep", Role::Viewer))
        .route("/whep/{stream}/{session}/layer", layer())
}

fn endpoint(role: Role) -> MethodRouter<AppState> {
    get(endpoint::look)
        .post(move |state, address, stream, access, request| {
            endpoint::open(role, state, address, stream, access, request)
        })
        .options(endpoint::options)
        .fallback(|| async { LiveError::MethodNotAllowed("GET, HEAD, POST, OPTIONS") })
}

fn session() -> MethodRouter<AppState> {
    get(resource::look)
        .patch(resource::patch)
        .delete(resource::delete)
        .options(resource::options)
        .fallback(|| async { LiveError::MethodNotAllowed("GET, HEAD, PATCH, DELETE, OPTIONS") })
}

fn layer() -> MethodRouter<AppState> {
    MethodRouter::new()
        .post(resource::set_layer)
        .options(resource::layer_options)
        .fallback(|| async { LiveError::MethodNotAllowed("POST, OPTIONS") })
}

/// The text of a body.
async fn text(body: Body) -> Result<String, LiveError> {
    let read =
        timeout(BODY_TIME_MAX, to_bytes(body, BODY_BYTES_MAX)).await.map_err(|_| LiveError::BodySlow)?;
    // What breaks off is answered to nobody, so an error that anybody sees is the length.
    let bytes = read.map_err(|_| LiveError::BodyTooLong)?;
    String::from_utf8(bytes.into()).map_err(|_| LiveError::BodyNotText)
}
