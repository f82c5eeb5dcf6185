//! `GET /api/calls` and `GET /api/users`: what the store remembers, in pages, for the administrator.

use super::body::{Administrator, NUMBER_MAX};
use crate::error::{ApiError, Problem};
use crate::state::AppState;
use crate::store::{ReadError, StoredCall, StoredUser};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which page is asked for.
#[derive(Deserialize)]
pub(crate) struct PageQuery {
    limit: Option<usize>,
    after: Option<String>,
}

/// Items of a page unless the request says otherwise.
const ITEMS_DEFAULT: usize = 100;
/// Items of a page at most. The problem `page_invalid` names this number.
const ITEMS_MAX: usize = 500;

#[derive(Serialize, ToSchema)]
pub(crate) struct CallsPage {
    calls: Vec<StoredCall>,
    /// What to send as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct UsersPage {
    users: Vec<StoredUser>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Read the call history
///
/// The newest calls first.
#[utoipa::path(
    get, path = "/api/calls", tag = "history",
    params(
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 500, description = "How many; 100 unless said otherwise"),
        ("after" = Option<u64>, Query, minimum = 0, maximum = 9007199254740991i64, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, body = CallsPage, description = "A page of calls"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "No such page"),
    ),
)]
pub(crate) async fn calls(
    _: Administrator,
    State(state): State<AppState>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let (count, after) = page(query)?;
    let before = number(after)?;
    let calls = state.store().calls(before, count).await?;
    let next = calls.last().filter(|_| calls.len() == count).map(|call| call.number.to_string());
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(CallsPage { calls, next })))
}

/// List users
///
/// Everybody who ever registered, in the order of their names.
#[utoipa::path(
    get, path = "/api/users", tag = "history",
    params(
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 500, description = "How many; 100 unless said otherwise"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, body = UsersPage, description = "A page of users"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "No such page"),
    ),
)]
pub(crate) async fn users(
    _: Administrator,
    State(state): State<AppState>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let (count, after) = page(query)?;
    let users = state.store().users(after, count).await?;
    let next = users.last().filter(|_| users.len() == count).map(|user| user.name.clone());
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(UsersPage { users, next })))
}

/// `after` where it is a number.
pub(super) fn number(after: Option<String>) -> Result<Option<u64>, ApiError> {
    let number = after.map(|text| text.parse().map_err(|_| ApiError::PageInvalid)).transpose()?;
    if number.is_some_and(|number| number > NUMBER_MAX) { Err(ApiError::PageInvalid) } else { Ok(number) }
}

pub(super) fn page(
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<(usize, Option<String>), ApiError> {
    let Query(PageQuery { limit, after }) = query.map_err(|_| ApiError::PageInvalid)?;
    match limit.unwrap_or(ITEMS_DEFAULT) {
        count @ 1..=ITEMS_MAX => Ok((count, after)),
        _ => Err(ApiError::PageInvalid),
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Busy => Self::StoreBusy,
            ReadError::Failed => Self::StoreFailed,
        }
    }
}
