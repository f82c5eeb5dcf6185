//! WebSockets of pages: from the HTTP request to a connection of the task that owns its protocol.

pub(crate) mod connection;
mod frame;
mod id;
mod protocol;

pub(crate) use frame::FrameError;
pub(crate) use id::{CloseReason, ConnectionId, Departure};
pub(crate) use protocol::{Protocol, SocketEvent};

use crate::auth::authorize;
use crate::error::ApiError;
use crate::http::AccessQuery;
use crate::state::AppState;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::Response;
use std::net::SocketAddr;

/// Bytes that a connection reads at once. The library's 128 KiB would be most of the memory of an idle
/// connection; messages are a few hundred bytes, offers a few thousand.
const READ_BUFFER_BYTES: usize = 8 << 10;

/// Checks who asks, then upgrades to protocol `P`.
pub(crate) async fn upgrade<P: Protocol>(
    State(state): State<AppState>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    query: AccessQuery,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let permit = authorize(&state, &headers, query.token(), P::WANTED).await?;
    let upgrade = upgrade.map_err(|_| ApiError::NotAWebSocket)?;
    let slot = state.take_slot(address.ip())?;
    Ok(accept(&state, upgrade, move |state, socket| async move {
        state.connect::<P>(socket, slot, permit).await;
    }))
}

/// Upgrades, within the limits on what is read, and hands the open WebSocket to `owner`.
pub(crate) fn accept<F: Future<Output = ()> + Send + 'static>(
    state: &AppState,
    upgrade: WebSocketUpgrade,
    owner: impl FnOnce(AppState, WebSocket) -> F + Send + 'static,
) -> Response {
    // Above the limit that closes with 1009, so that an oversized message is read to its end and the
    // closing handshake can follow it; what is larger still is cut off here.
    let read_max = 2 * state.config().limits.message_bytes_fatal;
    let state = state.clone();
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(read_max)
        .max_frame_size(read_max)
        .on_upgrade(move |socket| owner(state, socket))
}
