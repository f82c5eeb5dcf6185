//! `GET /api/workers`: what each media thread carries.

use super::body::Administrator;
use crate::error::ApiError;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use keel_media::MediaSnapshot;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(crate) struct WorkerList {
    workers: Vec<WorkerView>,
}

/// One thread with its UDP port. Counters run since its start: who wants rates takes the difference of two
/// answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct WorkerView {
    worker: usize,
    /// Pipelines whose graph it keeps.
    pipelines: u64,
    endpoints: u64,
    /// Peers that it sends to and receives from.
    sessions: u64,
    /// Tracks that it has from another worker at this moment.
    relays: u64,
    packets_in: u64,
    packets_out: u64,
    bytes_in: u64,
    bytes_out: u64,
    /// Media packets sent on, once for each receiver.
    forwarded: u64,
    /// Packets dropped, for whatever reason; `/metrics` tells them apart.
    dropped: u64,
}

/// Look at workers
///
/// What each media thread carries, in the order of their ports.
#[utoipa::path(
    get, path = "/api/workers", tag = "media",
    responses((status = 200, body = WorkerList, description = "All workers")),
)]
pub(crate) async fn workers(
    _: Administrator,
    State(state): State<AppState>,
) -> Result<impl IntoResponse, ApiError> {
    let snapshots = state.media().worker_snapshots().await;
    let workers = snapshots.into_iter().map(WorkerView::from).collect();
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(WorkerList { workers })))
}

impl From<(usize, MediaSnapshot)> for WorkerView {
    fn from((worker, snapshot): (usize, MediaSnapshot)) -> Self {
        Self {
            worker,
            pipelines: snapshot.pipelines,
            endpoints: snapshot.endpoints,
            sessions: snapshot.sessions,
            relays: snapshot.relays,
            packets_in: snapshot.packets_in,
            packets_out: snapshot.packets_out,
            bytes_in: snapshot.bytes_in,
            bytes_out: snapshot.bytes_out,
            forwarded: snapshot.forwarded,
            dropped: snapshot.drops.iter().map(|(_, count)| count).sum(),
        }
    }
}
