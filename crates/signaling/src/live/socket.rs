//! The WebSocket `/one2many`.

use super::message::{ClientMessage, ServerMessage};
use super::name::StreamName;
use super::refusal::Refusal;
use super::{Inbound, Visit};
use crate::auth::{Permit, Wanted, authorize};
use crate::error::ApiError;
use crate::http::AccessQuery;
use crate::http::live::LiveError;
use crate::socket::{FrameError, Protocol, accept};
use crate::state::{AppState, Shared};
use axum::extract::rejection::QueryRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use tokio::sync::mpsc;

/// The protocol of `/one2many`.
pub(crate) enum OneToMany {}

impl Protocol for OneToMany {
    type Message = ClientMessage;
    type Inbound = Inbound;

    // What its stream asks for is asked where that is known.
    const WANTED: Wanted<'static> = Wanted::Entry;

    fn parse(text: &str) -> Result<ClientMessage, FrameError> {
        ClientMessage::parse(text)
    }

    fn refusal(error: FrameError, _: Option<&str>) -> String {
        ServerMessage::Error { message: error.to_string() }.to_json()
    }

    fn inbox(shared: &Shared) -> &mpsc::Sender<Inbound> {
        &shared.streams
    }
}

/// Which stream a page comes for.
#[derive(Deserialize)]
pub(crate) struct StreamQuery {
    stream: Option<String>,
}

/// `GET /one2many?stream=NAME`: checks who asks, then upgrades. Whether the page may present or watch is asked
/// when it wants to; one that may do neither is not let in.
pub(crate) async fn upgrade(
    State(state): State<AppState>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    access: AccessQuery,
    query: Result<Query<StreamQuery>, QueryRejection>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, LiveError> {
    let named = query.ok().and_then(|Query(query)| query.stream);
    let stream = match &named {
        Some(name) => StreamName::parse(name).map_err(Refusal::BadName)?,
        None => StreamName::of_one_to_many(),
    };
    let permit = authorize(&state, &headers, access.token(), Wanted::Entry).await?;
    permit
        .allow_either(Wanted::Subscribe(stream.as_str()), Wanted::Publish(stream.as_str()))
        .map_err(ApiError::from)?;
    let upgrade = upgrade.map_err(|_| ApiError::NotAWebSocket)?;
    let slot = state.take_slot(address.ip())?;
    Ok(accept(&state, upgrade, move |state, socket| async move {
        state.connect_to_stream(socket, slot, permit, stream).await;
    }))
}

impl Visit {
    /// What the holder of a permit may do about a stream.
    pub(super) fn new(stream: StreamName, permit: &Permit, address: IpAddr) -> Self {
        let may_present = permit.allow(Wanted::Publish(stream.as_str())).is_ok();
        let may_watch = permit.allow(Wanted::Subscribe(stream.as_str())).is_ok();
        Self { stream, may_present, may_watch, address }
    }
}
