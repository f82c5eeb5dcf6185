//! Keel's signaling server: the page, the one-to-one call over a WebSocket, health and metrics.
//!
//! It knows users, messages and HTTP. Of media it knows only the handles and events of `keel-media`; no
//! packet comes by here. A message's way: `socket/connection.rs` (frame, limits), `call/message.rs` (typed
//! message), `call/machine/` (what it means), `call/mod.rs` (what is done about it).
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use keel_media::{MediaConfig, MediaServer};
//! use keel_signaling::{AppState, Config, Store, router};
//! use std::net::SocketAddr;
//! use std::time::Duration;
//!
//! let state = AppState::new(
//!     Config::default(),
//!     MediaServer::start(MediaConfig::default())?,
//!     Store::open("keel-data/keel.redb".as_ref())?,
//! );
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! let app = router(state.clone()).into_make_service_with_connect_info::<SocketAddr>();
//! axum::serve(listener, app).await?;
//! state.shutdown(Duration::from_secs(10)).await;
//! # Ok(()) }
//! ```

mod auth;
mod call;
mod candidate;
mod chat_text;
mod config;
mod error;
mod http;
mod ice_servers;
mod kms;
mod limits;
mod metrics;
mod private;
mod room;
mod socket;
mod state;
mod store;
mod user_name;
mod websocket;

#[doc(hidden)]
pub use call::fuzz::call_protocol as fuzz_call_protocol;
#[doc(hidden)]
pub use kms::fuzz::kurento_protocol as fuzz_kurento_protocol;
#[doc(hidden)]
pub use room::fuzz::room_protocol as fuzz_room_protocol;

pub use auth::{OriginPolicy, Token};
pub use config::{Config, IceServer};
pub use ice_servers::TurnOffer;
pub use kms::{Filters, KurentoConfig, kurento_router};
pub use limits::{Limits, Rate, RoomLimits};
pub use metrics::NameLookup;
pub use state::AppState;
pub use store::{OpenError, Store};

use axum::Router;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{get, post};

/// The whole HTTP surface. Serve it with
/// `into_make_service_with_connect_info::<SocketAddr>()`: limits need the client's address.
///
/// | route | for | needs |
/// | --- | --- | --- |
/// | `GET /`, files | the page | |
/// | `GET /call` | WebSocket, the call protocol | access token |
/// | `GET /groupcall` | WebSocket, group calls, in Keel's and in Kurento's form | access token |
/// | `GET /api/config` | the page: ICE servers | access token |
/// | `GET /api/calls`, `GET /api/users`, `GET /api/rooms`, `GET /api/pipelines`, `GET /api/turn` | the administrator | admin token |
/// | `POST /api/captures` | the administrator: a peer's packets, without their media | admin token |
/// | `GET /healthz`, `GET /metrics` | the operator | |
///
/// Access tokens are needed only if some are configured. Every route refuses pages of foreign origins, and
/// on a loopback-only server requests under a foreign name.
pub fn router(state: AppState) -> Router {
    Router::new()
        .route("/call", get(socket::upgrade::<call::CallProtocol>))
        .route("/groupcall", get(socket::upgrade::<room::RoomProtocol>))
        .route("/api/config", get(http::config))
        .route("/api/calls", get(http::admin::calls))
        .route("/api/users", get(http::admin::users))
        .route("/api/rooms", get(http::rooms::rooms))
        .route("/api/pipelines", get(http::pipelines::pipelines))
        .route("/api/turn", get(http::turn::turn))
        .route("/api/captures", post(http::capture::capture))
        .route("/healthz", get(http::health))
        .route("/metrics", get(http::metrics))
        .fallback(http::page::serve)
        .layer(from_fn_with_state(state.clone(), auth::check_origin))
        .layer(map_response(secure))
        .with_state(state)
}

async fn secure(mut response: Response) -> Response {
    response.headers_mut().extend(http::page::SECURITY_HEADERS);
    response
}
