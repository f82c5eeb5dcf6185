//! `/api/rooms`: who is in which room at this moment, and what an administrator does about it.

use super::admin::{PageQuery, page};
use super::body::{Administrator, JsonBody, Names};
use super::pipelines::PipelineView;
use crate::error::{ApiError, Problem};
use crate::room::{CreatedRoom, RoomName, RoomView};
use crate::state::AppState;
use crate::user_name::UserName;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use keel_media::id::PipelineId;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(crate) struct RoomsPage {
    rooms: Vec<RoomView>,
    /// What to send as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A room looked at closely.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoomReport {
    room: RoomView,
    /// Its media: bitrates, losses, layers of each connection, whose `label` begins with the participant.
    /// Absent while nobody is in the room.
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<PipelineView>,
}

/// A room to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewRoom {
    /// Its name; without one Keel draws it.
    #[schema(value_type = Option<UserName>)]
    room: Option<String>,
    /// How many it takes; without a number as many as the configuration allows.
    #[schema(minimum = 2, maximum = 60)]
    size_max: Option<u32>,
}

/// Why somebody is removed.
#[derive(Deserialize)]
pub(crate) struct RemovalQuery {
    reason: Option<String>,
}

/// The name of a room in a path or a query, exactly as it is: a name in a socket's message may have white space
/// around it.
fn name(text: &str) -> Result<RoomName, ApiError> {
    let name = RoomName::parse(text).map_err(|_| ApiError::PathInvalid)?;
    if name.as_str() == text { Ok(name) } else { Err(ApiError::PathInvalid) }
}

/// List rooms
///
/// In the order of their names, empty ones too.
#[utoipa::path(
    get, path = "/api/rooms", tag = "rooms",
    params(
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 500, description = "How many; 100 unless said otherwise"),
        ("after" = Option<UserName>, Query, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, body = RoomsPage, description = "A page of rooms"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "No such page"),
    ),
)]
pub(crate) async fn rooms(
    _: Administrator,
    State(state): State<AppState>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<impl IntoResponse, ApiError> {
    let (count, after) = page(query)?;
    let after = after.map(|text| name(&text).map_err(|_| ApiError::PageInvalid)).transpose()?;
    let rooms = state.rooms().list(after, count).await?;
    let next = rooms.last().filter(|_| rooms.len() == count).map(|room| room.room.clone());
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(RoomsPage { rooms, next })))
}

/// Make a room
///
/// It stands empty until somebody joins, for as long as the configuration says (`rooms.empty_s`). The answer has
/// the token of its moderators.
#[utoipa::path(
    post, path = "/api/rooms", tag = "rooms", request_body = NewRoom,
    responses(
        (status = 201, body = CreatedRoom, description = "It is made", headers(("Location" = String, description = "Where it is looked at"))),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The body cannot be used"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "There is such a room, or as many or as large ones as there may be"),
        (status = 413, body = Problem, content_type = "application/problem+json", description = "The body is longer than 64 KiB"),
        (status = 415, body = Problem, content_type = "application/problem+json", description = "The body is not JSON"),
    ),
)]
pub(crate) async fn create(
    _: Administrator,
    State(state): State<AppState>,
    JsonBody(new): JsonBody<NewRoom>,
) -> Result<impl IntoResponse, ApiError> {
    let invalid = |_| ApiError::BodyInvalid("`room` is no name".to_owned());
    let room = new.room.as_deref().map(name).transpose().map_err(invalid)?;
    let created = state.rooms().create(room, new.size_max).await?;
    let place = format!("/api/rooms/{}", utf8_percent_encode(&created.room, NON_ALPHANUMERIC));
    let headers = [(header::LOCATION, place), (header::CACHE_CONTROL, "no-store".to_owned())];
    Ok((StatusCode::CREATED, headers, Json(created)))
}

/// Look at a room
///
/// Its participants and their tracks, and what its media does.
#[utoipa::path(
    get, path = "/api/rooms/{room}", tag = "rooms",
    params(("room" = UserName, Path, description = "Its name")),
    responses(
        (status = 200, body = RoomReport, description = "The room"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The name is none"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such room"),
    ),
)]
pub(crate) async fn inspect(
    _: Administrator,
    State(state): State<AppState>,
    Names(room): Names<String>,
) -> Result<impl IntoResponse, ApiError> {
    let room = state.rooms().inspect(name(&room)?).await?;
    let media = match room.pipeline {
        Some(number) => PipelineView::of(&state, PipelineId::new(number)).await,
        None => None,
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(RoomReport { room, media })))
}

/// End a room
///
/// For everybody in it. Its chat is forgotten.
#[utoipa::path(
    delete, path = "/api/rooms/{room}", tag = "rooms",
    params(("room" = UserName, Path, description = "Its name")),
    responses(
        (status = 204, description = "It is over"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The name is none"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such room"),
    ),
)]
pub(crate) async fn end(
    _: Administrator,
    State(state): State<AppState>,
    Names(room): Names<String>,
) -> Result<StatusCode, ApiError> {
    state.rooms().end(name(&room)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove a participant
///
/// It is told the reason and may join again: lock the room, or end its token, if it must not.
#[utoipa::path(
    delete, path = "/api/rooms/{room}/participants/{participant}", tag = "rooms",
    params(
        ("room" = UserName, Path, description = "The room's name"),
        ("participant" = String, Path, min_length = 1, description = "Its identifier, such as `p17`"),
        ("reason" = Option<String>, Query, description = "Words for the participant; 200 characters are passed on"),
    ),
    responses(
        (status = 204, description = "It is removed"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The name is none"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such room or participant"),
    ),
)]
pub(crate) async fn remove(
    _: Administrator,
    State(state): State<AppState>,
    Names((room, participant)): Names<(String, String)>,
    query: Result<Query<RemovalQuery>, QueryRejection>,
) -> Result<StatusCode, ApiError> {
    let Query(query) = query.map_err(|_| ApiError::PathInvalid)?;
    state.rooms().remove(name(&room)?, participant, query.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Mute a track
///
/// As a moderator does: nothing of it is forwarded until its owner unmutes it.
#[utoipa::path(
    post, path = "/api/rooms/{room}/tracks/{track}/mute", tag = "rooms",
    params(
        ("room" = UserName, Path, description = "The room's name"),
        ("track" = String, Path, min_length = 1, description = "Its identifier, such as `t18`"),
    ),
    responses(
        (status = 204, description = "It is muted"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The name is none"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such room or track"),
    ),
)]
pub(crate) async fn mute(
    _: Administrator,
    State(state): State<AppState>,
    Names((room, track)): Names<(String, String)>,
) -> Result<StatusCode, ApiError> {
    state.rooms().mute(name(&room)?, track).await?;
    Ok(StatusCode::NO_CONTENT)
}
