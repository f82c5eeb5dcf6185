//! The Kurento protocol: applications written for Kurento Media Server run on Keel.
//!
//! A request's way: `door.rs` (who may), `connection.rs` (one WebSocket, strictly in order), `jsonrpc/` (text
//! to typed request), `dispatch.rs` (what a method does), `object/` (the tree of objects that it is about),
//! `model/` (what classes can do). Sessions are bookkeeping in `session.rs`; every task belongs to
//! `keeper.rs`.

mod cache;
mod collector;
mod config;
mod connection;
mod dispatch;
mod door;
mod failure;
pub(crate) mod fuzz;
mod jsonrpc;
mod keeper;
mod model;
mod object;
mod outbox;
mod session;
mod session_id;

pub use config::{Filters, KurentoConfig};

use crate::limits::RateLimiter;
use crate::live::Reception;
use crate::metrics::Metrics;
use crate::state::AppState;
use axum::Router;
use axum::middleware::{from_fn_with_state, map_response};
use collector::Collector;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use keel_media::MediaServer;
use keeper::{Keeper, WORKS_MAX, Work};
use object::{Census, CensusLimits, Host, NOTICES_MAX, Notification, ObjectId, Surroundings, Tree};
use session::Sessions;
use session_id::SessionId;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// The Kurento protocol's HTTP surface, for listeners of its own. Serve it with
/// `into_make_service_with_connect_info::<SocketAddr>()`: limits need the client's address.
///
/// Every path is a WebSocket; all but `/kurento` are closed with code 1002 after the upgrade, as KMS does. It
/// needs an access token, if some are configured, and refuses pages of foreign origins and, on a
/// loopback-only server, requests under a foreign name.
pub fn kurento_router(state: AppState) -> Router {
    Router::new()
        .fallback(door::open)
        .layer(from_fn_with_state(state.clone(), crate::auth::check_origin))
        .layer(map_response(crate::secure))
        .with_state(state)
}

/// The protocol's server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Kurento {
    shared: Arc<Shared>,
    keeper: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// What its connections share.
pub(crate) struct Shared {
    config: KurentoConfig,
    /// Tells servers apart; `connect` answers with it.
    server: Uuid,
    registry: Arc<Registry>,
    surroundings: Arc<Surroundings>,
    metrics: Arc<Metrics>,
    requests: Mutex<RateLimiter>,
    work: mpsc::Sender<Work>,
    closing: watch::Receiver<bool>,
}

/// The sessions, for connections and trees.
struct Registry {
    sessions: Mutex<Sessions>,
    metrics: Arc<Metrics>,
}

/// Gauges of the moment.
pub(crate) struct KurentoGauges {
    pub(crate) sockets: usize,
    pub(crate) sessions: usize,
    pub(crate) objects_by_class: BTreeMap<&'static str, usize>,
}

impl Kurento {
    /// Starts it on the current tokio runtime.
    pub(crate) fn start(
        config: KurentoConfig,
        media: MediaServer,
        metrics: Arc<Metrics>,
        streams: Reception,
    ) -> Self {
        let registry = Arc::new(Registry {
            sessions: Mutex::new(Sessions::new(config.sessions_max)),
            metrics: Arc::clone(&metrics),
        });
        let limits = CensusLimits {
            // The manager is one more.
            objects_max: config.objects_max.saturating_add(1),
            objects_per_session_max: config.objects_per_session_max,
        };
        let (manager, notices) = mpsc::channel(NOTICES_MAX);
        let surroundings = Arc::new(Surroundings {
            host: Arc::clone(&registry) as Arc<dyn Host>,
            media,
            census: Arc::new(Census::new(limits)),
            filters: config.filters,
            relays: config.relays.clone(),
            metadata: config.metadata.clone(),
            manager,
            streams,
        });
        let (work, waiting) = mpsc::channel(WORKS_MAX);
        let (closing, is_closing) = watch::channel(false);
        let now = Instant::now(); // clock: the beginning of the first period
        let collector = Collector::new(now, config.collection_period);
        let shared = Arc::new(Shared {
            server: Uuid::new_v4(),
            registry,
            surroundings,
            metrics,
            requests: Mutex::new(RateLimiter::new(config.requests_per_address)),
            work,
            closing: is_closing,
            config,
        });
        let tree = Tree::create_manager(Arc::clone(&shared.surroundings), notices)
            .expect("the limit leaves room for it");
        shared.sessions().add_tree(None, &tree.root, tree.inbox);
        let first = Work::Tree { root: tree.root, task: tree.task };
        shared.work.try_send(first).expect("it is the first of all");
        let keeper = tokio::spawn(Keeper::new(Arc::clone(&shared), waiting, collector, closing).run());
        Self { shared, keeper: Arc::new(Mutex::new(Some(keeper))) }
    }

    /// Closes every connection with code 1001 and waits until all objects are released. A second call
    /// returns at once.
    pub(crate) async fn shutdown(&self) {
        let Some(keeper) = lock(&self.keeper).take() else { return };
        // An error means that it has ended already.
        let _ = self.shared.work.send(Work::Shutdown).await;
        if let Err(error) = keeper.await {
            tracing::error!(%error, "the keeper of the Kurento protocol failed");
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn gauges(&self) -> KurentoGauges {
        let sessions = self.shared.sessions();
        KurentoGauges {
            sockets: sessions.sockets(),
            sessions: sessions.len(),
            objects_by_class: self.shared.surroundings.census.by_class(),
        }
    }
}

impl Shared {
    /// The sessions; never held across an await.
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        lock(&self.registry.sessions)
    }

    /// Runs a tree that is registered; `false` when the server is ending.
    async fn keep_tree(&self, root: ObjectId, task: BoxFuture<'static, ()>) -> bool {
        self.keep(Work::Tree { root, task }).await
    }

    /// Runs a connection; `false` when the server is ending.
    pub(crate) async fn keep_connection(&self, run: impl Future<Output = ()> + Send + 'static) -> bool {
        self.keep(Work::Connection(run.boxed())).await
    }

    async fn keep(&self, work: Work) -> bool {
        !*self.closing.borrow() && self.work.send(work).await.is_ok()
    }

    /// How long a request from `address` has to wait for its turn.
    fn turn(&self, now: Instant, address: IpAddr) -> Duration {
        lock(&self.requests).reserve(now, address)
    }
}

impl Host for Registry {
    fn deliver(&self, session: &SessionId, notification: Notification) {
        let is_delivered = match lock(&self.sessions).outbox(session) {
            Some(outbox) => outbox.put(notification),
            // KMS: what happens while a client is away it is not told later.
            None => false,
        };
        self.metrics.count_kurento_event(is_delivered);
    }

    fn sessions(&self) -> Vec<SessionId> {
        lock(&self.sessions).ids()
    }
}

/// What is locked here is valid after each statement, so a panic elsewhere while it was held leaves nothing
/// broken.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
