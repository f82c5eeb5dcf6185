//! The URL of a session: candidates, restarts of ICE, a viewer's layer, the end. Who knows it may; nobody can
//! guess it, so no token is asked for.

use super::endpoint::FRAGMENT;
use super::error::LiveError;
use super::header::{condition, has_type};
use super::text;
use crate::error::ApiError;
use crate::live::ask::{Ask, Reply};
use crate::live::id::SessionKey;
use crate::live::sdpfrag::Fragment;
use crate::live::{Refusal, StreamName};
use crate::state::AppState;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use keel_media::LayerTarget;
use serde::Deserialize;

type SessionPath = Result<Path<(String, String)>, PathRejection>;

/// `PATCH`: 204 to candidates, 200 with Keel's credentials to a restart.
pub(super) async fn patch(
    State(state): State<AppState>,
    path: SessionPath,
    request: Request,
) -> Result<Response, LiveError> {
    let (stream, key) = session(path)?;
    if !has_type(request.headers(), FRAGMENT) {
        return Err(LiveError::UnsupportedMediaType(FRAGMENT));
    }
    let condition = condition(request.headers())?;
    let fragment = Fragment::parse(&text(request.into_body()).await?).map_err(Refusal::BadFragment)?;
    match state.ask_studio(Ask::Patch { stream, key, condition, fragment }).await? {
        Reply::Restarted { tag, fragment } => {
            let fields = [
                (header::CONTENT_TYPE, FRAGMENT.to_owned()),
                (header::ETAG, tag.to_string()),
                (header::CACHE_CONTROL, "no-store".to_owned()),
            ];
            Ok((StatusCode::OK, fields, fragment).into_response())
        }
        _ => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// `DELETE`: the session ends. Entity tags are not looked at (RFC 9725 §4.3.1).
pub(super) async fn delete(
    State(state): State<AppState>,
    path: SessionPath,
) -> Result<StatusCode, LiveError> {
    let (stream, key) = session(path)?;
    state.ask_studio(Ask::Close { stream, key }).await?;
    Ok(StatusCode::OK)
}

/// `GET` and `HEAD`: RFC 9725 §4.1: it has no representation.
pub(super) async fn look(State(state): State<AppState>, path: SessionPath) -> Result<StatusCode, LiveError> {
    let (stream, key) = session(path)?;
    state.ask_studio(Ask::Look { stream, key }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `OPTIONS`: what may be done.
pub(super) async fn options() -> impl IntoResponse {
    let accepted = header::HeaderName::from_static("accept-patch");
    (StatusCode::OK, [(header::ALLOW, "GET, HEAD, PATCH, DELETE, OPTIONS"), (accepted, FRAGMENT)])
}

/// The most that a viewer wants to get of the video; what is left out has no bound.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer {
    spatial: Option<u8>,
    temporal: Option<u8>,
}

/// `POST {session}/layer`, an extension: the most that the viewer is to get. Congestion control goes on choosing
/// below it.
pub(super) async fn set_layer(
    State(state): State<AppState>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<StatusCode, LiveError> {
    let (stream, key) = session(path)?;
    if !has_type(request.headers(), JSON) {
        return Err(LiveError::UnsupportedMediaType(JSON));
    }
    let body = text(request.into_body()).await?;
    let Layer { spatial, temporal } = serde_json::from_str(&body).map_err(|_| LiveError::LayerInvalid)?;
    let target = LayerTarget {
        spatial: spatial.unwrap_or(LayerTarget::BEST.spatial),
        temporal: temporal.unwrap_or(LayerTarget::BEST.temporal),
    };
    state.ask_studio(Ask::SetLayer { stream, key, target }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `OPTIONS {session}/layer`.
pub(super) async fn layer_options() -> impl IntoResponse {
    let accepted = header::HeaderName::from_static("accept-post");
    (StatusCode::OK, [(header::ALLOW, "POST, OPTIONS"), (accepted, JSON)])
}

const JSON: &str = "application/json";

/// The session that a path names.
fn session(path: SessionPath) -> Result<(StreamName, SessionKey), LiveError> {
    let Path((stream, key)) = path.map_err(|_| ApiError::NotFound)?;
    let stream = StreamName::parse(&stream).map_err(Refusal::BadName)?;
    let key = SessionKey::parse(&key).ok_or(Refusal::UnknownSession)?;
    Ok((stream, key))
}
