//! What a request of the REST API brings: an administrator's token, then a JSON body, names in the path.

use crate::auth::{Wanted, authorize};
use crate::error::ApiError;
use crate::state::AppState;
use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

/// The request is an administrator's. Stands first among a handler's arguments, so that nothing of anybody
/// else is read.
pub(crate) struct Administrator;

/// A JSON body of at most [`BYTES_MAX`] bytes.
pub(crate) struct JsonBody<T>(pub(crate) T);

/// The names in the path, percent-decoded.
pub(crate) struct Names<T>(pub(crate) T);

/// Bytes of a body. The problem `body_too_long` names this number.
const BYTES_MAX: usize = 64 << 10;

/// The largest number that every JSON reader takes as it is (RFC 8259 §6).
pub(crate) const NUMBER_MAX: u64 = (1 << 53) - 1;

impl FromRequestParts<AppState> for Administrator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        authorize(state, &parts.headers, None, Wanted::Admin).await?;
        Ok(Self)
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
        if !kind.trim().eq_ignore_ascii_case("application/json") {
            return Err(ApiError::BodyNotJson);
        }
        let bytes = to_bytes(request.into_body(), BYTES_MAX).await.map_err(|_| ApiError::BodyTooLong)?;
        // Serde would take the elements of an array for the fields of an object, in their order.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(ApiError::BodyInvalid("an object is expected".to_owned()));
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|error| ApiError::BodyInvalid(error.to_string()))
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Names<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(names)| Self(names)).map_err(|_| ApiError::PathInvalid)
    }
}
