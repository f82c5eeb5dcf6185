//! Streams for pages (`/api/live/{stream}`) and for the administrator (`/api/streams`).

use super::AccessQuery;
use super::admin::{PageQuery, page};
use super::body::Administrator;
use super::live::LiveError;
use super::pipelines::PipelineView;
use crate::auth::{Wanted, authorize};
use crate::error::{ApiError, Problem};
use crate::live::ask::{Ask, Reply, StreamReport, StreamSummary, TrackReport};
use crate::live::{Refusal, StreamName};
use crate::state::AppState;
use crate::store::UnixMillis;
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use keel_media::rtp::Bitrate;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(crate) struct StreamsPage {
    streams: Vec<SummaryView>,
    /// What to send as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SummaryView {
    name: StreamName,
    /// `waiting`, `live` or `interrupted`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<UnixMillis>,
    viewers: usize,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct LivestreamView {
    #[serde(flatten)]
    summary: SummaryView,
    tracks: Vec<TrackView>,
}

/// A stream looked at closely by the administrator.
#[derive(Serialize, ToSchema)]
pub(crate) struct InspectedView {
    #[serde(flatten)]
    stream: LivestreamView,
    /// Its media: bitrates, losses, layers of each connection, whose `label` begins with `presenter` or `viewer`.
    /// Absent while nobody is in the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<PipelineView>,
}

/// One stream of packets from the presenter.
#[derive(Serialize, ToSchema)]
pub(crate) struct TrackView {
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rid: Option<String>,
    /// Bits per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    bitrate: Option<u64>,
    packets: u64,
    packets_lost: i64,
    frames: u64,
}

type StreamPath = Result<Path<String>, PathRejection>;

/// `GET /api/live/{stream}`: how a stream does, for whoever may present or watch it.
pub(crate) async fn status(
    State(state): State<AppState>,
    path: StreamPath,
    query: AccessQuery,
    headers: HeaderMap,
) -> Result<impl IntoResponse, LiveError> {
    let stream = name(path)?;
    let permit = authorize(&state, &headers, query.token(), Wanted::Entry).await?;
    permit
        .allow_either(Wanted::Subscribe(stream.as_str()), Wanted::Publish(stream.as_str()))
        .map_err(ApiError::from)?;
    Ok(answer(LivestreamView::from(report(&state, stream).await?)))
}

/// List streams
///
/// Those that are on and those that wait for a presenter, in the order of their names.
#[utoipa::path(
    get, path = "/api/streams", tag = "streams",
    params(
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 500, description = "How many; 100 unless said otherwise"),
        ("after" = Option<StreamName>, Query, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, body = StreamsPage, description = "A page of streams"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "No such page"),
    ),
)]
pub(crate) async fn list(
    _: Administrator,
    State(state): State<AppState>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<impl IntoResponse, LiveError> {
    let (count, after) = page(query)?;
    let after = after.map(|text| StreamName::parse(&text).map_err(|_| ApiError::PageInvalid)).transpose()?;
    let Reply::Streams(streams) = state.ask_studio(Ask::List { after, count }).await? else {
        return Err(unexpected());
    };
    let next = streams.last().filter(|_| streams.len() == count).map(|stream| stream.stream.to_string());
    let streams = streams.into_iter().map(SummaryView::from).collect();
    Ok(answer(StreamsPage { streams, next }))
}

/// Look at a stream
///
/// Its viewers, what its presenter sends, and what its media does.
#[utoipa::path(
    get, path = "/api/streams/{stream}", tag = "streams",
    params(("stream" = StreamName, Path, description = "Its name")),
    responses(
        (status = 200, body = InspectedView, description = "The stream"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The name is none"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such stream"),
    ),
)]
pub(crate) async fn inspect(
    _: Administrator,
    State(state): State<AppState>,
    path: StreamPath,
) -> Result<impl IntoResponse, LiveError> {
    let report = report(&state, name(path)?).await?;
    let media = match report.pipeline {
        Some(pipeline) => PipelineView::of(&state, pipeline).await,
        None => None,
    };
    Ok(answer(InspectedView { stream: report.into(), media }))
}

/// Make a stream
///
/// Before its presenter comes. It stays until it is ended.
#[utoipa::path(
    put, path = "/api/streams/{stream}", tag = "streams",
    params(("stream" = StreamName, Path, description = "Its name")),
    responses(
        (status = 201, description = "It is made"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The name is none"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "The name cannot stand in an address"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "There is such a stream"),
    ),
)]
pub(crate) async fn create(
    _: Administrator,
    State(state): State<AppState>,
    path: StreamPath,
) -> Result<StatusCode, LiveError> {
    state.ask_studio(Ask::Create(name(path)?)).await?;
    Ok(StatusCode::CREATED)
}

/// End a stream
///
/// With everybody in it.
#[utoipa::path(
    delete, path = "/api/streams/{stream}", tag = "streams",
    params(("stream" = StreamName, Path, description = "Its name")),
    responses(
        (status = 204, description = "It is over"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "The name is none"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such stream"),
    ),
)]
pub(crate) async fn end(
    _: Administrator,
    State(state): State<AppState>,
    path: StreamPath,
) -> Result<StatusCode, LiveError> {
    state.ask_studio(Ask::End(name(path)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn report(state: &AppState, stream: StreamName) -> Result<StreamReport, LiveError> {
    let Reply::Stream(report) = state.ask_studio(Ask::Inspect(stream)).await? else {
        return Err(unexpected());
    };
    Ok(*report)
}

fn answer<T: Serialize>(body: T) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], Json(body))
}

fn name(path: StreamPath) -> Result<StreamName, LiveError> {
    let Path(text) = path.map_err(|_| ApiError::NotFound)?;
    Ok(StreamName::parse(&text).map_err(Refusal::BadName)?)
}

/// Each question has its kind of answer, so another one means that nobody is left to ask.
fn unexpected() -> LiveError {
    ApiError::ShuttingDown.into()
}

impl From<StreamSummary> for SummaryView {
    fn from(summary: StreamSummary) -> Self {
        let StreamSummary { stream, state, viewers } = summary;
        Self { name: stream, state: state.label(), since: state.since(), viewers }
    }
}

impl From<StreamReport> for LivestreamView {
    fn from(report: StreamReport) -> Self {
        let tracks = report.tracks.into_iter().map(TrackView::from).collect();
        Self { summary: report.summary.into(), tracks }
    }
}

impl From<TrackReport> for TrackView {
    fn from(track: TrackReport) -> Self {
        Self {
            kind: track.kind.to_string(),
            rid: track.rid,
            bitrate: track.bitrate.map(Bitrate::as_bps),
            packets: track.packets,
            packets_lost: track.packets_lost,
            frames: track.frames,
        }
    }
}
