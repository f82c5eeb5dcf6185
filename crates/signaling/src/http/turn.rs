//! `GET /api/turn`: whom this process's TURN server relays for, for the administrator and the page at `/admin`.

use super::body::Administrator;
use crate::error::ApiError;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use keel_turn::{AllocationView, DropReason, Traffic, TurnSnapshot};
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use utoipa::ToSchema;

/// Allocations in one answer at most; those first that end first.
const ALLOCATIONS_MAX: usize = 500;

#[derive(Serialize, ToSchema)]
pub(crate) struct TurnView {
    /// Whether it runs.
    enabled: bool,
    /// What peers are told.
    urls: Vec<String>,
    allocations: usize,
    connections: usize,
    to_peers: TrafficView,
    to_clients: TrafficView,
    /// Requests that were refused, by code.
    refused: BTreeMap<u16, u64>,
    /// What was dropped without an answer, by reason; those that never happened are left out.
    dropped: BTreeMap<&'static str, u64>,
    clients: Vec<ClientView>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct TrafficView {
    packets: u64,
    bytes: u64,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ClientView {
    transport: &'static str,
    #[schema(value_type = String)]
    address: SocketAddr,
    /// A pseudonym.
    user: String,
    #[schema(value_type = Vec<String>)]
    relayed: Vec<SocketAddr>,
    expires_in_s: u64,
    permissions: usize,
    channels: usize,
    to_peers: TrafficView,
    to_clients: TrafficView,
}

/// Look at the TURN server
///
/// What it counts since its start, and its clients, those first that end first.
#[utoipa::path(
    get, path = "/api/turn", tag = "media",
    responses((status = 200, body = TurnView, description = "The server, which may be off")),
)]
pub(crate) async fn turn(
    _: Administrator,
    State(state): State<AppState>,
) -> Result<impl IntoResponse, ApiError> {
    let offer = state.config().turn.as_ref();
    let (snapshot, clients) = match offer {
        Some(offer) => (offer.server.snapshot().await, offer.server.allocations(ALLOCATIONS_MAX).await),
        None => (None, None),
    };
    let urls = offer.map(|offer| offer.urls.clone()).unwrap_or_default();
    let view = TurnView::of(snapshot, urls, clients.unwrap_or_default());
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(view)))
}

impl TurnView {
    fn of(snapshot: Option<TurnSnapshot>, urls: Vec<String>, clients: Vec<AllocationView>) -> Self {
        let enabled = snapshot.is_some();
        let TurnSnapshot { allocations, connections, counts } = snapshot.unwrap_or_default();
        let mut refused = BTreeMap::new();
        for (_, code, count) in counts.answers() {
            if let Some(code) = code {
                *refused.entry(code.number()).or_default() += count;
            }
        }
        let dropped = DropReason::ALL.into_iter().map(|reason| (reason.label(), counts.dropped(reason)));
        Self {
            enabled,
            urls,
            allocations,
            connections,
            to_peers: counts.to_peers.into(),
            to_clients: counts.to_clients.into(),
            refused,
            dropped: dropped.filter(|(_, count)| *count > 0).collect(),
            clients: clients.into_iter().map(ClientView::from).collect(),
        }
    }
}

impl From<Traffic> for TrafficView {
    fn from(Traffic { packets, bytes }: Traffic) -> Self {
        Self { packets, bytes }
    }
}

impl From<AllocationView> for ClientView {
    fn from(view: AllocationView) -> Self {
        Self {
            transport: view.client.transport.label(),
            address: view.client.remote,
            user: view.user,
            relayed: view.relayed,
            expires_in_s: view.expires_in.as_secs(),
            permissions: view.permissions,
            channels: view.channels,
            to_peers: view.to_peers.into(),
            to_clients: view.to_clients.into(),
        }
    }
}
