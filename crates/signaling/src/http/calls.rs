//! `/api/calls/active`: the calls of this moment, and what an administrator does about them.

use super::admin::{PageQuery, number, page};
use super::body::{Administrator, NUMBER_MAX, Names};
use crate::call::CallView;
use crate::error::{ApiError, Problem};
use crate::state::AppState;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(crate) struct ActiveCallsPage {
    calls: Vec<CallView>,
    /// What to send as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// List calls
///
/// Those that ring or are under way, the oldest first.
#[utoipa::path(
    get, path = "/api/calls/active", tag = "calls",
    params(
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 500, description = "How many; 100 unless said otherwise"),
        ("after" = Option<u64>, Query, minimum = 0, maximum = 9007199254740991i64, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, body = ActiveCallsPage, description = "A page of calls"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "No such page"),
    ),
)]
pub(crate) async fn active(
    _: Administrator,
    State(state): State<AppState>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let (count, after) = page(query)?;
    let calls = state.calls().list(number(after)?, count).await?;
    let next = calls.last().filter(|_| calls.len() == count).map(|call| call.call.to_string());
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(ActiveCallsPage { calls, next })))
}

/// End a call
///
/// Both are told that an administrator ended it.
#[utoipa::path(
    delete, path = "/api/calls/active/{call}", tag = "calls",
    params(("call" = u64, Path, minimum = 0, maximum = 9007199254740991i64, description = "Its number")),
    responses(
        (status = 204, description = "It is over"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The number is none"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such call"),
    ),
)]
pub(crate) async fn end(
    _: Administrator,
    State(state): State<AppState>,
    Names(call): Names<String>,
) -> Result<StatusCode, ApiError> {
    let number = call.parse().ok().filter(|number| *number <= NUMBER_MAX);
    state.calls().end(number.ok_or(ApiError::NumberInvalid)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
