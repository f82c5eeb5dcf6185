//! The URL of a stream: a session begins here.

use super::error::LiveError;
use super::header::{accepts, has_type, links};
use super::text;
use crate::auth::{Wanted, authorize};
use crate::error::ApiError;
use crate::http::AccessQuery;
use crate::live::ask::{Ask, Reply};
use crate::live::offer::{Offer, Role};
use crate::live::{Refusal, StreamName};
use crate::state::AppState;
use axum::extract::rejection::PathRejection;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::net::SocketAddr;
use uuid::Uuid;

/// What an offer and its answer are.
const SDP: &str = "application/sdp";
/// What changes a session.
pub(super) const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// `POST`: an offer, answered with 201, the answer and the session's URL.
pub(super) async fn open(
    role: Role,
    State(state): State<AppState>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    stream: Result<Path<String>, PathRejection>,
    access: AccessQuery,
    request: Request,
) -> Result<Response, LiveError> {
    let stream = name(stream)?;
    let headers = request.headers();
    let wanted = match role {
        Role::Presenter => Wanted::Publish(stream.as_str()),
        Role::Viewer => Wanted::Subscribe(stream.as_str()),
    };
    authorize(&state, headers, access.token(), wanted).await?;
    if !has_type(headers, SDP) {
        return Err(LiveError::UnsupportedMediaType(SDP));
    }
    if !accepts(headers, SDP) {
        return Err(LiveError::NotAcceptable(SDP));
    }
    let offer = Offer::parse(role, &text(request.into_body()).await?).map_err(Refusal::BadOffer)?;
    let ask = Ask::Open { stream: stream.clone(), offer, address: address.ip() };
    let Reply::Opened { role, key, tag, sdp_answer } = state.ask_studio(ask).await? else {
        return Err(ApiError::ShuttingDown.into());
    };
    let path = path_of(role);
    let mut response = (StatusCode::CREATED, sdp_answer).into_response();
    let fields = [
        (header::CONTENT_TYPE, SDP.to_owned()),
        (header::LOCATION, format!("/{path}/{stream}/{key}")),
        (header::ETAG, tag.to_string()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    let headers = response.headers_mut();
    for (field, value) in fields {
        headers.insert(field, HeaderValue::try_from(value).map_err(|_| LiveError::BodyNotText)?);
    }
    headers.insert("accept-patch", HeaderValue::from_static(FRAGMENT));
    headers.extend(
        links(&state.ice_servers_for(&format!("{path} {}", Uuid::new_v4()))).map(|link| (header::LINK, link)),
    );
    Ok(response)
}

/// `OPTIONS`: what may be posted.
pub(super) async fn options() -> impl IntoResponse {
    (StatusCode::OK, [(header::ALLOW, "GET, HEAD, POST, OPTIONS"), (ACCEPT_POST, SDP)])
}

/// `GET` and `HEAD`: RFC 9725 §4.1: it has no representation.
pub(super) async fn look(stream: Result<Path<String>, PathRejection>) -> Result<StatusCode, LiveError> {
    name(stream).map(|_| StatusCode::NO_CONTENT)
}

/// W3C Linked Data Platform §7.1.
const ACCEPT_POST: header::HeaderName = header::HeaderName::from_static("accept-post");

/// The stream that a path names.
pub(super) fn name(stream: Result<Path<String>, PathRejection>) -> Result<StreamName, LiveError> {
    let Path(text) = stream.map_err(|_| ApiError::NotFound)?;
    Ok(StreamName::parse(&text).map_err(Refusal::BadName)?)
}

/// Where a role's sessions are.
fn path_of(role: Role) -> &'static str {
    match role {
        Role::Presenter => "whip",
        Role::Viewer => "whep",
    }
}
