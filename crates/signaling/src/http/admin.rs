//! `GET /api/calls` and `GET /api/users`: what the store remembers, in pages, for the administrator.

use crate::auth::{Wanted, authorize};
use crate::error::ApiError;
use crate::state::AppState;
use crate::store::{ReadError, StoredCall, StoredUser};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};

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

#[derive(Serialize)]
struct CallsPage {
    calls: Vec<StoredCall>,
    /// What to send as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
struct UsersPage {
    users: Vec<StoredUser>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// The newest calls first.
pub(crate) async fn calls(
    State(state): State<AppState>,
    headers: HeaderMap,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<impl IntoResponse, ApiError> {
    authorize(&state, &headers, None, Wanted::Admin).await?;
    let (count, after) = page(query)?;
    let before = after.map(|number| number.parse().map_err(|_| ApiError::PageInvalid)).transpose()?;
    let calls = state.store().calls(before, count).await?;
    let next = calls.last().filter(|_| calls.len() == count).map(|call| call.number.to_string());
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(CallsPage { calls, next })))
}

/// Users in the order of their names.
pub(crate) async fn users(
    State(state): State<AppState>,
    headers: HeaderMap,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<impl IntoResponse, ApiError> {
    authorize(&state, &headers, None, Wanted::Admin).await?;
    let (count, after) = page(query)?;
    let users = state.store().users(after, count).await?;
    let next = users.last().filter(|_| users.len() == count).map(|user| user.name.clone());
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(UsersPage { users, next })))
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
