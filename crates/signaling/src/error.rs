//! What an HTTP request can be refused for, rendered in one place.

use crate::auth::{Denied, TokenError};
use crate::room;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::borrow::Cow;
use utoipa::ToSchema;

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ApiError {
    NotFound,
    MethodNotAllowed,
    /// With what is wrong.
    BodyInvalid(String),
    BodyTooLong,
    BodyNotJson,
    PathInvalid,
    NumberInvalid,
    Room(room::Refusal),
    MintingClosed,
    HostRefused,
    OriginRefused,
    AccessTokenMissing,
    AccessTokenWrong,
    Token(TokenError),
    Denied(Denied),
    AdminClosed,
    AdminTokenMissing,
    AdminTokenWrong,
    NotAWebSocket,
    ServerFull,
    TooManyFromAddress,
    ShuttingDown,
    PageInvalid,
    CaptureInvalid,
    EndpointUnknown,
    CallUnknown,
    CaptureBusy,
    StoreBusy,
    StoreFailed,
}

/// RFC 9457 §3: a problem document; `code` is the stable word for programs, `detail` says what to do.
#[derive(Serialize, ToSchema)]
pub(crate) struct Problem {
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: Cow<'static, str>,
}

impl ApiError {
    fn parts(&self) -> (StatusCode, &'static str, Cow<'static, str>) {
        let (status, code, detail) = match self {
            Self::BodyInvalid(words) => {
                return (
                    StatusCode::BAD_REQUEST,
                    "body_invalid",
                    format!("The body cannot be used: {words}.").into(),
                );
            }
            Self::Room(refusal) => return room_parts(refusal),
            Self::Denied(denied) => {
                let code = match denied {
                    Denied::Missing(_) => "grant_missing",
                    Denied::Other(_) => "grant_for_other",
                };
                return (StatusCode::FORBIDDEN, code, format!("This is not for you: {denied}.").into());
            }
            Self::Token(error) => (StatusCode::UNAUTHORIZED, error.code(), error.advice()),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "There is nothing at this address."),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "This address does not take this method; the header `Allow` says which it takes.",
            ),
            Self::BodyTooLong => {
                (StatusCode::PAYLOAD_TOO_LARGE, "body_too_long", "A body has at most 64 KiB.")
            }
            Self::BodyNotJson => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "body_not_json",
                "Send the body as JSON, with the header `Content-Type: application/json`.",
            ),
            Self::PathInvalid => (
                StatusCode::BAD_REQUEST,
                "path_invalid",
                "A name in the address is not UTF-8 or breaks the rules of names.",
            ),
            Self::NumberInvalid => (
                StatusCode::BAD_REQUEST,
                "number_invalid",
                "The number in the address is not a whole one from 0 to 9007199254740991.",
            ),
            Self::MintingClosed => (
                StatusCode::CONFLICT,
                "minting_closed",
                "This server has no secret to sign tokens with: whoever has the private keys makes them.",
            ),
            Self::HostRefused => (
                StatusCode::FORBIDDEN,
                "host_refused",
                "This server is for its own machine only: ask for localhost. For another name, add its origin to the allowed origins of the configuration, or set access tokens.",
            ),
            Self::OriginRefused => (
                StatusCode::FORBIDDEN,
                "origin_refused",
                "Pages of this origin may not use this server. Add the origin to the allowed origins of its configuration.",
            ),
            Self::AccessTokenMissing => (
                StatusCode::UNAUTHORIZED,
                "access_token_missing",
                "Send an access token: `?access_token=...` or the header `Authorization: Bearer ...`.",
            ),
            Self::AccessTokenWrong => (
                StatusCode::FORBIDDEN,
                "access_token_wrong",
                "The access token is not one of this server's configuration.",
            ),
            Self::AdminClosed => (
                StatusCode::FORBIDDEN,
                "admin_closed",
                "The configuration has no admin token, so this is closed. Set one and send it as `Authorization: Bearer ...`.",
            ),
            Self::AdminTokenMissing => (
                StatusCode::UNAUTHORIZED,
                "admin_token_missing",
                "Send the admin token in the header `Authorization: Bearer ...`.",
            ),
            Self::AdminTokenWrong => (
                StatusCode::FORBIDDEN,
                "admin_token_wrong",
                "The token is not the admin token of this server's configuration.",
            ),
            Self::NotAWebSocket => (
                StatusCode::UPGRADE_REQUIRED,
                "not_a_websocket",
                "Open this address as a WebSocket (RFC 6455).",
            ),
            Self::ServerFull => (
                StatusCode::SERVICE_UNAVAILABLE,
                "server_full",
                "The server has as many connections as it takes. Try again later.",
            ),
            Self::TooManyFromAddress => (
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_from_address",
                "There are too many connections from your address. Close some.",
            ),
            Self::ShuttingDown => (
                StatusCode::SERVICE_UNAVAILABLE,
                "shutting_down",
                "The server is shutting down. Try again in a moment.",
            ),
            Self::PageInvalid => (
                StatusCode::BAD_REQUEST,
                "page_invalid",
                "`limit` is a number from 1 to 500; `after` is the `next` of the page before.",
            ),
            Self::CaptureInvalid => (
                StatusCode::BAD_REQUEST,
                "capture_invalid",
                "`endpoint` is the number of an endpoint; `seconds`, `packets` and `bytes` are whole numbers.",
            ),
            Self::EndpointUnknown => (
                StatusCode::NOT_FOUND,
                "endpoint_unknown",
                "No endpoint has this number. `GET /api/pipelines` lists them.",
            ),
            Self::CallUnknown => (
                StatusCode::NOT_FOUND,
                "call_unknown",
                "No call of this number is going on. `GET /api/calls/active` lists those that are.",
            ),
            Self::CaptureBusy => (
                StatusCode::CONFLICT,
                "capture_busy",
                "The endpoint is being captured already, or as many others as may be at once.",
            ),
            Self::StoreBusy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "store_busy",
                "The store has too much to do. Try again in a moment.",
            ),
            Self::StoreFailed => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "store_failed",
                "The store could not be read. The server's log says why.",
            ),
        };
        (status, code, detail.into())
    }
}

/// What a room refuses, as HTTP says it. What only participants can ask does not come here.
fn room_parts(refusal: &room::Refusal) -> (StatusCode, &'static str, Cow<'static, str>) {
    use room::Refusal;
    let (status, code) = match refusal {
        Refusal::UnknownRoom => (StatusCode::NOT_FOUND, "room_unknown"),
        Refusal::UnknownParticipant => (StatusCode::NOT_FOUND, "participant_unknown"),
        Refusal::UnknownTrack => (StatusCode::NOT_FOUND, "track_unknown"),
        Refusal::BadSize(_) => (StatusCode::CONFLICT, "room_size"),
        Refusal::RoomExists => (StatusCode::CONFLICT, "room_exists"),
        Refusal::TooManyRooms => (StatusCode::CONFLICT, "too_many_rooms"),
        Refusal::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, "shutting_down"),
        _ => (StatusCode::BAD_REQUEST, "body_invalid"),
    };
    (status, code, format!("It cannot be done: {refusal}.").into())
}

impl From<room::Refusal> for ApiError {
    fn from(refusal: room::Refusal) -> Self {
        Self::Room(refusal)
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

/// The answer that refuses a request.
pub(crate) fn problem(status: StatusCode, code: &'static str, detail: Cow<'static, str>) -> Response {
    let title = status.canonical_reason().unwrap_or("Refused");
    let problem = Problem { title, status: status.as_u16(), code, detail };
    let mut response = (status, axum::Json(problem)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code, detail) = self.parts();
        let mut response = problem(status, code, detail);
        let headers = response.headers_mut();
        match status {
            // RFC 9110 §15.5.2: a 401 names the scheme it wants.
            StatusCode::UNAUTHORIZED => {
                // RFC 6750 §3.1: a token that was sent and is not valid is named as the reason.
                let challenge = match self {
                    Self::Token(_) => "Bearer error=\"invalid_token\"",
                    _ => "Bearer",
                };
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
            // RFC 6455 §4.2.2 and RFC 9110 §15.5.22: a 426 names the protocol to upgrade to.
            StatusCode::UPGRADE_REQUIRED => {
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            }
            _ => {}
        }
        response
    }
}
