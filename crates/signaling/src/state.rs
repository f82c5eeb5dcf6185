//! What all requests share, and the end of it.

use crate::auth::{Keyring, Permit};
use crate::call::{self, INBOX_MAX, Inbound, Switchboard};
use crate::config::Config;
use crate::error::ApiError;
use crate::kms::Kurento;
use crate::limits::{ConnectionCounts, RateLimiter, TooManyConnections};
use crate::live::ask::{Ask, Reply};
use crate::live::{self, Reception, Refusal, StreamName, Studio};
use crate::metrics::Metrics;
use crate::room::{self, Desk, House};
use crate::socket::connection::Connection;
use crate::socket::{ConnectionId, Protocol, SocketEvent};
use crate::store::Store;
use crate::webhook::{self, Herald};
use axum::extract::ws::WebSocket;
use keel_media::MediaServer;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

/// The running signaling server. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    shared: Arc<Shared>,
    /// The switchboard, the house and the studio, until they are told to end.
    owners: Arc<Mutex<Option<[JoinHandle<()>; 3]>>>,
    /// The task that delivers webhooks: it ends after all that have something to tell.
    webhooks: Arc<Mutex<Option<JoinHandle<()>>>>,
    herald: Herald,
    /// Tasks that have nothing to say at the end.
    background: Arc<Mutex<JoinSet<()>>>,
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
    /// Of the studio.
    pub(crate) streams: mpsc::Sender<live::Inbound>,
    reception: Reception,
    media: MediaServer,
    store: Store,
    keyring: Keyring,
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
        let (herald, deliverer) = webhook::start(&config.webhooks, &store, &metrics);
        let (inbox, waiting) = mpsc::channel(INBOX_MAX);
        let switchboard = Switchboard::new(
            Arc::clone(&config),
            media.clone(),
            store.clone(),
            Arc::clone(&metrics),
            herald.clone(),
            waiting,
            inbox.clone(),
        );
        let (streams, waiting_streams) = mpsc::channel(live::INBOX_MAX);
        let reception = Reception::new(streams.clone());
        let (rooms, waiting) = mpsc::channel(room::INBOX_MAX);
        let house = House::new(
            Arc::clone(&config),
            media.clone(),
            store.clone(),
            Arc::clone(&metrics),
            herald.clone(),
            reception.clone(),
            (rooms.clone(), waiting),
        );
        let studio = Studio::new(
            Arc::clone(&config),
            media.clone(),
            Arc::clone(&metrics),
            (streams.clone(), waiting_streams),
            herald.clone(),
        );
        let kurento =
            Kurento::start(config.kurento.clone(), media.clone(), Arc::clone(&metrics), reception.clone());
        let (keyring, reloader) = Keyring::new(&config.tokens, &metrics);
        let webhooks = deliverer.map(|deliverer| tokio::spawn(deliverer.run()));
        let mut background = JoinSet::new();
        if let Some(reloader) = reloader {
            background.spawn(reloader.run());
        }
        let shared = Shared {
            messages: Mutex::new(RateLimiter::new(config.limits.messages_per_address)),
            counts: Mutex::default(),
            connections_made: AtomicU64::new(0),
            config,
            metrics,
            inbox,
            rooms,
            reception,
            streams,
            media,
            store,
            keyring,
        };
        let owners = [tokio::spawn(switchboard.run()), tokio::spawn(house.run()), tokio::spawn(studio.run())];
        Self {
            shared: Arc::new(shared),
            owners: Arc::new(Mutex::new(Some(owners))),
            webhooks: Arc::new(Mutex::new(webhooks)),
            herald,
            background: Arc::new(Mutex::new(background)),
            kurento,
        }
    }

    /// Ends every call, room and stream with a word to all in it, closes every connection with code 1001, those of the Kurento
    /// protocol too, and waits, for `deadline` at most, until all media is released and the store is written. The media server itself
    /// is the caller's to stop. A second call returns at once.
    pub async fn shutdown(&self, deadline: Duration) {
        let Some([mut switchboard, mut house, mut studio]) = lock(&self.owners).take() else { return };
        let ended = async {
            // An error means that it has ended already.
            let _ = self.shared.inbox.send(Inbound::Shutdown).await;
            let _ = self.shared.rooms.send(room::Inbound::Shutdown).await;
            let _ = self.shared.streams.send(live::Inbound::Shutdown).await;
            let (calls, rooms, streams, ()) =
                tokio::join!(&mut switchboard, &mut house, &mut studio, self.kurento.shutdown());
            for (owner, ended) in [("switchboard", calls), ("house", rooms), ("studio", streams)] {
                if let Err(error) = ended {
                    tracing::error!(%error, owner, "a task that owned connections failed");
                }
            }
            self.herald.shut_down().await;
            let webhooks = lock(&self.webhooks).take();
            if let Some(webhooks) = webhooks
                && let Err(error) = webhooks.await
            {
                tracing::error!(%error, "the task that delivers webhooks failed");
            }
            self.shared.store.close().await;
        };
        lock(&self.background).abort_all();
        if tokio::time::timeout(deadline, ended).await.is_err() {
            tracing::warn!("not everything ended within the shutdown's deadline");
            switchboard.abort();
            house.abort();
            studio.abort();
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.shared.config
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.shared.keyring
    }

    pub(crate) fn kurento(&self) -> &Kurento {
        &self.kurento
    }

    pub(crate) fn store(&self) -> &Store {
        &self.shared.store
    }

    /// Whether new calls and rooms can be made.
    pub(crate) fn is_serving(&self) -> bool {
        let is_closed =
            self.shared.inbox.is_closed() || self.shared.rooms.is_closed() || self.shared.streams.is_closed();
        !is_closed && lock(&self.owners).is_some()
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
    pub(crate) async fn connect<P: Protocol>(&self, socket: WebSocket, slot: Slot, permit: Permit) {
        let connection = self.connection(socket, slot, permit);
        if P::inbox(&self.shared).send(SocketEvent::Connected(connection).into()).await.is_err() {
            tracing::debug!("a connection came after the end");
        }
    }

    /// Hands an open WebSocket to the studio, for a stream.
    pub(crate) async fn connect_to_stream(
        &self,
        socket: WebSocket,
        slot: Slot,
        permit: Permit,
        stream: StreamName,
    ) {
        let connection = self.connection(socket, slot, permit);
        if self.shared.streams.send(live::Inbound::Arrived { connection, stream }).await.is_err() {
            tracing::debug!("a connection came after the end");
        }
    }

    fn connection(&self, socket: WebSocket, slot: Slot, permit: Permit) -> Box<Connection> {
        let number = self.shared.connections_made.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::clone(&self.shared);
        Box::new(Connection::new(ConnectionId::new(number), socket, shared, slot, permit))
    }

    /// Asks the studio and waits for its answer.
    pub(crate) async fn ask_studio(&self, ask: Ask) -> Result<Reply, Refusal> {
        self.shared.reception.ask(ask).await
    }

    pub(crate) fn media(&self) -> &MediaServer {
        &self.shared.media
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.shared.metrics
    }

    /// The way to ask the calls from outside of them.
    pub(crate) fn calls(&self) -> call::Desk {
        call::Desk::new(self.shared.inbox.clone())
    }

    /// The way to ask the rooms from outside of them.
    pub(crate) fn rooms(&self) -> Desk {
        Desk::new(self.shared.rooms.clone())
    }

    pub(crate) async fn render_metrics(&self) -> String {
        let media = self.shared.media.snapshot().await;
        let connections = lock(&self.shared.counts).all();
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
