//! From the HTTP request to a connection (PROTOCOL.md §1).

use super::connection::Connection;
use crate::auth::{Wanted, authorize};
use crate::error::ApiError;
use crate::http::AccessQuery;
use crate::state::AppState;
use crate::websocket::Handshake;
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::response::Response;
use std::net::SocketAddr;

/// The path of the protocol, whatever query follows it.
const PATH: &str = "/kurento";

/// Checks who asks, then upgrades.
pub(crate) async fn open(
    State(state): State<AppState>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    let query = AccessQuery::from_request_parts(&mut parts, &()).await.unwrap_or_default();
    let permit = authorize(&state, &parts.headers, query.token(), Wanted::Kurento).await?;
    let handshake = Handshake::of(&mut parts, state.config().kurento.compression)?;
    let slot = state.take_slot(address.ip())?;
    // KMS: another path is upgraded, too, and told afterwards.
    let is_path_valid = parts.uri.path() == PATH;
    let (response, upgrade, agreed) = handshake.accept();
    let shared = state.kurento().shared();
    let connection = Connection { shared: shared.clone(), slot, permit, upgrade, agreed, is_path_valid };
    if shared.keep_connection(connection.run()).await { Ok(response) } else { Err(ApiError::ShuttingDown) }
}
