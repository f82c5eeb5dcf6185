//! `POST /api/tokens`: tokens for an application's users, from the secret that Keel knows.

use super::body::{Administrator, JsonBody};
use crate::auth::grants::object;
use crate::auth::{Grants, MintError};
use crate::error::{ApiError, Problem};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Number;
use std::time::Duration;
use utoipa::ToSchema;

/// A token to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewToken {
    /// What its holder may do.
    #[serde(deserialize_with = "object")]
    grants: Grants,
    /// Its claim `sub`: whom it is for, in the application's own words. Keel does not look at it.
    #[schema(max_length = 256)]
    subject: Option<String>,
    /// Seconds that it is valid, up to a year.
    #[serde(default = "valid_s_default", deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 31_622_400, default = 3600)]
    valid_s: u64,
}

/// A token that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct Token {
    token: String,
    /// Its end, in Unix seconds.
    expires: u64,
}

const VALID_S_MAX: u64 = 366 * 24 * 3600;
const SUBJECT_CHARS_MAX: usize = 256;

const fn valid_s_default() -> u64 {
    3600
}

/// A whole number, in whatever way it is written: to JSON Schema 60.0 is one, too.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = Number::deserialize(deserializer)?;
    let parted =
        number.as_f64().filter(|number| number.fract() == 0.0 && (0.0..=u64::MAX as f64).contains(number));
    let whole = number.as_u64().or(parted.map(|number| number as u64));
    whole.ok_or_else(|| D::Error::custom(format_args!("{number} is no whole number from 0 on")))
}

/// Make a token
///
/// A JSON Web Token, signed with the secret of this server. The grants are in docs/access.md.
#[utoipa::path(
    post, path = "/api/tokens", tag = "tokens", request_body = NewToken,
    responses(
        (status = 201, body = Token, description = "The token"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The body cannot be used"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "This server has no secret, only public keys"),
        (status = 413, body = Problem, content_type = "application/problem+json", description = "The body is longer than 64 KiB"),
        (status = 415, body = Problem, content_type = "application/problem+json", description = "The body is not JSON"),
    ),
)]
pub(crate) async fn mint(
    _: Administrator,
    State(state): State<AppState>,
    JsonBody(new): JsonBody<NewToken>,
) -> Result<impl IntoResponse, ApiError> {
    if !(1..=VALID_S_MAX).contains(&new.valid_s) {
        return Err(ApiError::BodyInvalid(format!("`validS` is not from 1 to {VALID_S_MAX}")));
    }
    if new.grants.name.as_ref().is_some_and(|name| name.trim() != name) {
        return Err(ApiError::BodyInvalid("`name` has white space around it".to_owned()));
    }
    if new.subject.as_ref().is_some_and(|subject| subject.chars().count() > SUBJECT_CHARS_MAX) {
        return Err(ApiError::BodyInvalid(format!("`subject` has more than {SUBJECT_CHARS_MAX} characters")));
    }
    let valid = Duration::from_secs(new.valid_s);
    let minted = state.keyring().mint(&new.grants, new.subject.as_deref(), valid)?;
    let token = Token { token: minted.token, expires: minted.expires };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(token)))
}

impl From<MintError> for ApiError {
    fn from(error: MintError) -> Self {
        match error {
            MintError::NoSecret | MintError::Keys(_) => Self::MintingClosed,
            MintError::Name(_) | MintError::TooLong => Self::BodyInvalid(error.to_string()),
        }
    }
}
