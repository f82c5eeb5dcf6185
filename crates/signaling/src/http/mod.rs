//! The plain HTTP surface: pages, configuration, health, metrics, the administrator's lists and
//! captures.

pub(crate) mod admin;
mod body;
pub(crate) mod calls;
pub(crate) mod capture;
pub(crate) mod live;
pub(crate) mod openapi;
pub(crate) mod page;
pub(crate) mod pipelines;
pub(crate) mod rooms;
pub(crate) mod streams;
pub(crate) mod token;
pub(crate) mod turn;
pub(crate) mod workers;

use crate::auth::{Wanted, authorize};
use crate::config::IceServer;
use crate::error::ApiError;
use crate::state::AppState;
use crate::user_name::{NAME_CHARS_MAX, UserName};
use axum::Json;
use axum::extract::{FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use uuid::Uuid;

/// The access token of a request's query. A query that cannot be read has none.
#[derive(Default, Deserialize)]
pub(crate) struct AccessQuery {
    access_token: Option<String>,
}

impl AccessQuery {
    pub(crate) fn token(&self) -> Option<&str> {
        self.access_token.as_deref()
    }
}

impl<S: Sync> FromRequestParts<S> for AccessQuery {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Query::try_from_uri(&parts.uri).map_or_else(|_| Self::default(), |Query(query)| query))
    }
}

/// What the page needs to know before it connects.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageConfig<'a> {
    ice_servers: Vec<IceServer>,
    name_chars_max: usize,
    /// The name that the token's holder goes by, if the token says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    ring_seconds: u64,
}

/// `GET /api/config`. Behind the access token: it has the password of the TURN server.
pub(crate) async fn config(
    State(state): State<AppState>,
    query: AccessQuery,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let permit = authorize(&state, &headers, query.token(), Wanted::Entry).await?;
    let config = state.config();
    // Nobody has said who it is yet.
    let visitor = format!("visitor {}", Uuid::new_v4());
    let answer = Json(PageConfig {
        ice_servers: state.ice_servers_for(&visitor),
        name_chars_max: NAME_CHARS_MAX,
        name: permit.name().map(UserName::as_str),
        ring_seconds: config.limits.ring_max.as_secs(),
    })
    .into_response();
    Ok(([(header::CACHE_CONTROL, "no-store")], answer))
}

/// `GET /healthz`: 200 while calls can be made, 503 from the beginning of a shutdown.
pub(crate) async fn health(State(state): State<AppState>) -> Result<impl IntoResponse, ApiError> {
    if state.is_serving() {
        Ok(([(header::CACHE_CONTROL, "no-store")], "ok\n"))
    } else {
        Err(ApiError::ShuttingDown)
    }
}

/// `GET /metrics`: OpenMetrics text. It has counts only, no names.
pub(crate) async fn metrics(State(state): State<AppState>) -> impl IntoResponse {
    const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, TYPE), (header::CACHE_CONTROL, "no-store")], state.render_metrics().await)
}
