//! `GET /api/rooms`: who is in which room at this moment, for the administrator and the page at `/admin`.

use super::admin::{PageQuery, page};
use crate::auth::require_admin;
use crate::error::ApiError;
use crate::room::{RoomName, RoomView};
use crate::state::AppState;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use serde::Serialize;

#[derive(Serialize)]
struct RoomsPage {
    rooms: Vec<RoomView>,
    /// What to send as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Rooms in the order of their names, empty ones too.
pub(crate) async fn rooms(
    State(state): State<AppState>,
    headers: HeaderMap,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<impl IntoResponse, ApiError> {
    require_admin(state.config(), &headers)?;
    let (count, after) = page(query)?;
    let after = after.map(|name| RoomName::parse(&name).map_err(|_| ApiError::PageInvalid)).transpose()?;
    // A list is refused for one reason only.
    let rooms = state.rooms().list(after, count).await.map_err(|_| ApiError::ShuttingDown)?;
    let next = rooms.last().filter(|_| rooms.len() == count).map(|room| room.room.clone());
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(RoomsPage { rooms, next })))
}
