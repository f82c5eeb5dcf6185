//! The sockets around a [`crate::Server`], on one thread of their own: whatever comes in is judged and sent on
//! before the next is read, so that no packet waits in a queue and nothing needs a lock. The thread runs a
//! single-threaded tokio, which brings timers, TLS and streams; packets do not pass between its tasks.

mod exchange;
mod path;
mod run;
mod stream;

use crate::client::{Client, Transport};
use crate::config::TurnConfig;
use crate::count::{AllocationView, TurnSnapshot};
use crate::peer::PeerPolicy;
use crate::server::Server;
use exchange::Exchange;
use path::UdpPath;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rustls::ServerConfig;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinSet, LocalSet};

/// Questions and connections that may wait for the thread; who asks or brings one waits.
const COMMANDS_MAX: usize = 16;
/// The number that connections have which other listeners accepted; own listeners count from 0.
const ADOPTED_DOOR: u16 = u16::MAX;
/// How often what has run out is ended.
const TICK: Duration = Duration::from_secs(1);

/// The sockets that clients come to. They are bound already, so that a port in use is known before anything
/// begins. UDP sockets may be bound to a wildcard: answers leave from the address that was asked.
#[derive(Debug, Default)]
pub struct Doors {
    /// For datagrams.
    pub udp: Vec<UdpSocket>,
    /// For streams.
    pub tcp: Vec<TcpListener>,
    /// For streams under TLS; without `tls_config` they are not served.
    pub tls: Vec<TcpListener>,
    /// Certificate and key.
    pub tls_config: Option<Arc<ServerConfig>>,
}

/// Why a server did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A socket that was handed over cannot be used.
    #[error("a socket of the TURN server cannot be used")]
    Socket(#[source] io::Error),
    /// The system gave no thread, or no event queue.
    #[error("the TURN server's thread did not start")]
    Thread(#[source] io::Error),
}

/// A running server. Cheap to clone; it ends with [`Self::stop`] or when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct TurnServer {
    commands: mpsc::Sender<Command>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

#[derive(Debug)]
enum Command {
    Snapshot { reply: oneshot::Sender<TurnSnapshot> },
    Allocations { limit: usize, reply: oneshot::Sender<Vec<AllocationView>> },
    Announce { peers: Box<PeerPolicy>, external: Vec<IpAddr> },
    Adopt { client: Client, stream: BoxedStream },
    Stop { reply: oneshot::Sender<()> },
}

/// A stream whatever its kind.
struct BoxedStream(Box<dyn Stream>);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl fmt::Debug for BoxedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxedStream")
    }
}

impl TurnServer {
    /// Starts the thread.
    ///
    /// # Errors
    /// When a socket cannot be used, or the system gives no thread.
    pub fn start(config: TurnConfig, doors: Doors) -> Result<Self, StartError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
        let opened = {
            let _context = runtime.enter();
            open(doors)
        };
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => {
                // A runtime may not be dropped where another one runs.
                runtime.shutdown_background();
                return Err(StartError::Socket(error));
            }
        };
        let start = Instant::now(); // clock: the beginning of lifetimes
        let server = Server::new(config, start, StdRng::from_rng(&mut rand::rng()));
        let (commands, waiting) = mpsc::channel(COMMANDS_MAX);
        let thread = std::thread::Builder::new()
            .name("keel-turn".into())
            .spawn(move || serve(&runtime, server, opened, waiting))
            .map_err(StartError::Thread)?;
        Ok(Self { commands, thread: Arc::new(Mutex::new(Some(thread))) })
    }

    /// Gauges and counters; `None` once it has ended.
    pub async fn snapshot(&self) -> Option<TurnSnapshot> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Snapshot { reply }).await.ok()?;
        answer.await.ok()
    }

    /// The first `limit` allocations, those first that end first; `None` once it has ended.
    pub async fn allocations(&self, limit: usize) -> Option<Vec<AllocationView>> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Allocations { limit, reply }).await.ok()?;
        answer.await.ok()
    }

    /// Relays to these peers from now on, and tells clients these external addresses
    /// ([`crate::RelayAddresses::external`]). Allocations keep their relayed addresses.
    pub async fn announce(&self, peers: PeerPolicy, external: Vec<IpAddr>) {
        // Once it has ended there is nobody to relay for.
        let _ = self.commands.send(Command::Announce { peers: Box::new(peers), external }).await;
    }

    /// Serves a client whose TLS connection another listener has accepted, as one of its own listeners' own. It counts
    /// among the connections; past their number it is closed.
    pub async fn adopt(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) {
        let client = Client { transport: Transport::Tls, door: ADOPTED_DOOR, local, remote };
        // Once it has ended the connection is closed like its own.
        let _ = self.commands.send(Command::Adopt { client, stream: BoxedStream(Box::new(stream)) }).await;
    }

    /// Closes every socket and waits for the thread's end.
    pub async fn stop(&self) {
        let (reply, answer) = oneshot::channel();
        if self.commands.send(Command::Stop { reply }).await.is_ok() {
            // An error means that it has ended already.
            let _ = answer.await;
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(_)) = thread.map(JoinHandle::join) {
            tracing::error!("the TURN server's thread panicked");
        }
    }
}

/// What the thread begins with.
struct Opened {
    udp: Vec<UdpPath>,
    tcp: Vec<tokio::net::TcpListener>,
    tls: Vec<tokio::net::TcpListener>,
    tls_config: Option<Arc<ServerConfig>>,
}

fn open(doors: Doors) -> io::Result<Opened> {
    let listener = |listener: TcpListener| {
        listener.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(listener)
    };
    Ok(Opened {
        udp: doors.udp.into_iter().map(UdpPath::new).collect::<io::Result<_>>()?,
        tcp: doors.tcp.into_iter().map(listener).collect::<io::Result<_>>()?,
        tls: doors.tls.into_iter().map(listener).collect::<io::Result<_>>()?,
        tls_config: doors.tls_config,
    })
}

fn serve(runtime: &Runtime, server: Server, opened: Opened, commands: mpsc::Receiver<Command>) {
    LocalSet::new().block_on(runtime, async move {
        let stopped = exchange(server, opened, commands).await;
        if let Some(reply) = stopped {
            // Who asked may have gone.
            let _ = reply.send(());
        }
    });
}

/// Runs until it is told to stop, and returns whom to tell when all is closed.
async fn exchange(
    server: Server,
    opened: Opened,
    mut commands: mpsc::Receiver<Command>,
) -> Option<oneshot::Sender<()>> {
    let exchange = Rc::new(Exchange::new(server, opened.udp));
    let mut tasks = JoinSet::new();
    for door in 0..exchange.doors() {
        tasks.spawn_local(exchange::read_door(Rc::clone(&exchange), door));
    }
    for (place, listener) in opened.tcp.into_iter().enumerate() {
        tasks.spawn_local(stream::accept(Rc::clone(&exchange), listener, door_number(place), None));
    }
    if let Some(config) = opened.tls_config {
        for (place, listener) in opened.tls.into_iter().enumerate() {
            let config = Some(Arc::clone(&config));
            tasks.spawn_local(stream::accept(Rc::clone(&exchange), listener, door_number(place), config));
        }
    }
    let mut adopted = JoinSet::new();
    let mut ticks = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            command = commands.recv() => match command? {
                // Who asked may have gone.
                Command::Snapshot { reply } => _ = reply.send(exchange.snapshot()),
                Command::Allocations { limit, reply } => _ = reply.send(exchange.allocations(limit)),
                Command::Announce { peers, external } => exchange.announce(*peers, external),
                Command::Adopt { client, stream } => {
                    adopted.spawn_local(stream::adopt(Rc::clone(&exchange), stream.0, client));
                }
                Command::Stop { reply } => return Some(reply),
            },
            Some(ended) = adopted.join_next() => stream::report_failure(ended),
            Some(ended) = tasks.join_next() => {
                tracing::error!(?ended, "a listener of the TURN server ended by itself");
                return None;
            }
            _ = ticks.tick() => exchange.expire(),
        }
    }
}

/// As clients are told apart by it; there are a handful of listeners.
fn door_number(place: usize) -> u16 {
    u16::try_from(place).unwrap_or(u16::MAX)
}
