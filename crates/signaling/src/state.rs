//! What all requests share, and the end of it.

use crate::call::{INBOX_MAX, Inbound, Switchboard};
use crate::config::{Config, IceServer};
use crate::error::ApiError;
use crate::kms::Kurento;
use crate::limits::{ConnectionCounts, RateLimiter, TooManyConnections};
use crate::metrics::{Metrics, NameLookup};
use crate::room::{self, Desk, House};
use crate::socket::connection::Connection;
use crate::socket::{ConnectionId, Protocol, SocketEvent};
use crate::store::Store;
use axum::extract::ws::WebSocket;
use keel_media::MediaServer;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The running signaling server. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    shared: Arc<Shared>,
    /// The switchboard and the house, until they are told to end.
    owners: Arc<Mutex<Option<[JoinHandle<()>; 2]>>>,
    kurento: Kurento,
}

/// What connections need of it.
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) metrics: Arc<Metrics>,
    /// Of the switchboard.
    pub(crate) inbox: mpsc::Sender<Inbound>,
    /// Of the house.
    pub(crate) rooms: mpsc::Sender<room::Inbound>,
    media: MediaServer,
    store: Store,
    connections_made: AtomicU64,
    counts: Mutex<ConnectionCounts>,
    messages: Mutex<RateLimiter>,
}

impl AppState {
    /// Starts the signaling server on the current tokio runtime.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn new(config: Config, media: MediaServer, store: Store) -> Self {
        let config = Arc::new(config);
        let metrics = Arc::new(Metrics::new());
        let (inbox, waiting) = mpsc::channel(INBOX_MAX);
        let switchboard = Switchboard::new(
            Arc::clone(&config),
            media.clone(),
            store.clone(),
            Arc::clone(&metrics),
            waiting,
            inbox.clone(),
        );
        let (rooms, waiting) = mpsc::channel(room::INBOX_MAX);
        let house = House::new(
            Arc::clone(&config),
            media.clone(),
            store.clone(),
            Arc::clone(&metrics),
            waiting,
            rooms.clone(),
        );
        let kurento = Kurento::start(config.kurento.clone(), media.clone(), Arc::clone(&metrics));
        let shared = Shared {
            messages: Mutex::new(RateLimiter::new(config.limits.messages_per_address)),
            counts: Mutex::default(),
            connections_made: AtomicU64::new(0),
            config,
            metrics,
            inbox,
            rooms,
            media,
            store,
        };
        let owners = [tokio::spawn(switchboard.run()), tokio::spawn(house.run())];
        Self { shared: Arc::new(shared), owners: Arc::new(Mutex::new(Some(owners))), kurento }
    }

    /// Ends every call and every room with a word to all in it, closes every connection with code 1001, those of the Kurento
    /// protocol too, and waits, for `deadline` at most, until all media is released and the store is written. The media server itself
    /// is the caller's to stop. A second call returns at once.
    pub async fn shutdown(&self, deadline: Duration) {
        let Some([mut switchboard, mut house]) = lock(&self.owners).take() else { return };
        let ended = async {
            // An error means that it has ended already.
            let _ = self.shared.inbox.send(Inbound::Shutdown).await;
            let _ = self.shared.rooms.send(room::Inbound::Shutdown).await;
            let (calls, rooms, ()) = tokio::join!(&mut switchboard, &mut house, self.kurento.shutdown());
            for (owner, ended) in [("switchboard", calls), ("house", rooms)] {
                if let Err(error) = ended {
                    tracing::error!(%error, owner, "a task that owned connections failed");
                }
            }
            self.shared.store.close().await;
        };
        if tokio::time::timeout(deadline, ended).await.is_err() {
            tracing::warn!("not everything ended within the shutdown's deadline");
            switchboard.abort();
            house.abort();
        }
    }

    /// The STUN and TURN servers that `user`'s peer is to use, this process's own among them with credentials that
    /// are valid from now on ([`Config::ice_servers_for`]).
    #[must_use]
    pub fn ice_servers_for(&self, user: &str) -> Vec<IceServer> {
        self.shared.config.ice_servers_for(user)
    }

    /// Counts a look-up of the names that media is announced at.
    pub fn count_name_lookup(&self, outcome: NameLookup) {
        self.shared.metrics.count_name_lookup(outcome);
    }

    pub(crate) fn config(&self) -> &Config {
        &self.shared.config
    }

    pub(crate) fn kurento(&self) -> &Kurento {
        &self.kurento
    }

    pub(crate) fn store(&self) -> &Store {
        &self.shared.store
    }

    /// Whether new calls and rooms can be made.
    pub(crate) fn is_serving(&self) -> bool {
        let is_open = !self.shared.inbox.is_closed() && !self.shared.rooms.is_closed();
        is_open && lock(&self.owners).is_some()
    }

    /// A place for one more connection from `address`.
    pub(crate) fn take_slot(&self, address: IpAddr) -> Result<Slot, ApiError> {
        if !self.is_serving() {
            return Err(ApiError::ShuttingDown);
        }
        lock(&self.shared.counts).add(&self.shared.config.limits, address).map_err(|bound| match bound {
            TooManyConnections::InAll => ApiError::ServerFull,
            TooManyConnections::FromAddress => ApiError::TooManyFromAddress,
        })?;
        Ok(Slot { shared: Arc::clone(&self.shared), address })
    }

    /// Hands an open WebSocket to the owner of its protocol.
    pub(crate) async fn connect<P: Protocol>(&self, socket: WebSocket, slot: Slot) {
        let number = self.shared.connections_made.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::clone(&self.shared);
        let connection = Connection::new(ConnectionId::new(number), socket, shared, slot);
        if P::inbox(&self.shared).send(SocketEvent::Connected(Box::new(connection)).into()).await.is_err() {
            tracing::debug!("a connection came after the end");
        }
    }

    pub(crate) fn media(&self) -> &MediaServer {
        &self.shared.media
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.shared.metrics
    }

    /// The way to ask the rooms from outside of them.
    pub(crate) fn rooms(&self) -> Desk {
        Desk::new(self.shared.rooms.clone())
    }

    pub(crate) async fn render_metrics(&self) -> String {
        let media = self.shared.media.snapshot().await;
        let connections = lock(&self.shared.counts).all();
        let turn = match &self.shared.config.turn {
            Some(turn) => turn.server.snapshot().await,
            None => None,
        };
        self.shared.metrics.set_turn(turn.unwrap_or_default());
        self.shared.metrics.set_kurento(&self.kurento.gauges());
        self.shared.metrics.render(media, connections, self.shared.store.records_dropped())
    }
}

impl Shared {
    /// Whether `address` may send one more message now.
    pub(crate) fn take_message_token(&self, now: Instant, address: IpAddr) -> bool {
        lock(&self.messages).take(now, address)
    }
}

/// One of the places for connections. Free again when dropped.
pub(crate) struct Slot {
    shared: Arc<Shared>,
    address: IpAddr,
}

impl Slot {
    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        lock(&self.shared.counts).remove(self.address);
    }
}

/// The locks here guard counters that are valid after each statement, so a panic elsewhere while one was
/// held leaves nothing broken.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
