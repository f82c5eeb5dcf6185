//! Clients over TCP and TLS: a connection is one client, cut into messages by their lengths (RFC 8489 §6.2.2).

use super::exchange::{Exchange, Seat};
use crate::client::{Client, Transport};
use crate::stun::frame_length;
use rustls::ServerConfig;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// How long a TLS handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// How long a client without an allocation may say nothing.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Bytes that wait for one connection: half a second of video. What comes beyond is dropped, as on a full link.
const QUEUE_MAX: usize = 256 << 10;
/// Bytes read at once to begin with; a longer message makes it grow, up to the 64 KiB that one can have.
const READ_BYTES: usize = 16 << 10;
/// The pause after the system refused to accept, for want of descriptors as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What waits to be written to a connection.
#[derive(Default)]
pub(super) struct StreamQueue {
    bytes: RefCell<Vec<u8>>,
    filled: Notify,
}

impl StreamQueue {
    /// Adds a message; false when there is no room for it.
    pub(super) fn push(&self, parts: [&[u8]; 3]) -> bool {
        let mut bytes = self.bytes.borrow_mut();
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if bytes.len() + length > QUEUE_MAX {
            return false;
        }
        parts.into_iter().for_each(|part| bytes.extend_from_slice(part));
        self.filled.notify_one();
        true
    }

    /// Swaps what waits for an empty buffer.
    async fn take(&self, empty: &mut Vec<u8>) {
        empty.clear();
        while self.bytes.borrow().is_empty() {
            self.filled.notified().await;
        }
        std::mem::swap(&mut *self.bytes.borrow_mut(), empty);
    }
}

/// Accepts connections of one listener, for ever.
pub(super) async fn accept(
    exchange: Rc<Exchange>,
    listener: TcpListener,
    door: u16,
    tls: Option<Arc<ServerConfig>>,
) {
    let tls = tls.map(TlsAcceptor::from);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if let Some((client, seat, queue)) = seat(&exchange, &stream, door, tls.is_some()) {
                        let (exchange, tls) = (Rc::clone(&exchange), tls.clone());
                        connections.spawn_local(serve(exchange, stream, tls, client, seat, queue));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a TURN connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => report_failure(ended),
        }
    }
}

/// Serves a connection that another listener accepted, TLS and all.
pub(super) async fn adopt(exchange: Rc<Exchange>, stream: impl AsyncRead + AsyncWrite, client: Client) {
    let Some((seat, queue)) = exchange.seat(client) else { return };
    converse(&exchange, stream, client, &queue).await;
    drop(seat);
}

/// Connections end well whatever their clients do: anything else is a mistake of ours.
pub(super) fn report_failure(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a task of a TURN connection failed");
    }
}

fn seat(
    exchange: &Rc<Exchange>,
    stream: &TcpStream,
    door: u16,
    is_tls: bool,
) -> Option<(Client, Seat, Rc<StreamQueue>)> {
    let transport = if is_tls { Transport::Tls } else { Transport::Tcp };
    // A connection that has ended already has no addresses.
    let (local, remote) = (stream.local_addr().ok()?, stream.peer_addr().ok()?);
    stream.set_nodelay(true).ok()?;
    let client = Client { transport, door, local, remote };
    let (seat, queue) = exchange.seat(client)?;
    Some((client, seat, queue))
}

async fn serve(
    exchange: Rc<Exchange>,
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    client: Client,
    seat: Seat,
    queue: Rc<StreamQueue>,
) {
    match tls {
        None => converse(&exchange, stream, client, &queue).await,
        Some(tls) => match timeout(HANDSHAKE_MAX, tls.accept(stream)).await {
            Ok(Ok(stream)) => converse(&exchange, stream, client, &queue).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake of a TURN client failed"),
            Err(_) => tracing::debug!("a TLS handshake of a TURN client took too long"),
        },
    }
    drop(seat);
}

/// Until either side ends.
async fn converse(
    exchange: &Rc<Exchange>,
    stream: impl AsyncRead + AsyncWrite,
    client: Client,
    queue: &StreamQueue,
) {
    let (from, to) = tokio::io::split(stream);
    tokio::select! {
        () = read(exchange, from, client) => {}
        () = write(to, queue) => {}
    }
}

async fn write(mut to: impl AsyncWrite + Unpin, queue: &StreamQueue) {
    let mut bytes = Vec::new();
    loop {
        queue.take(&mut bytes).await;
        if to.write_all(&bytes).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
}

async fn read(exchange: &Rc<Exchange>, mut from: impl AsyncRead + Unpin, client: Client) {
    let mut buffer = vec![0; READ_BYTES];
    let mut filled = 0;
    loop {
        let count = match timeout(IDLE_MAX, from.read(buffer.get_mut(filled..).unwrap_or_default())).await {
            Ok(Ok(count)) if count > 0 => count,
            Ok(_) => return,
            Err(_) if exchange.has_allocation(&client) => continue,
            Err(_) => return,
        };
        filled += count;
        let mut cut = Cut { unread: buffer.get(..filled).unwrap_or_default(), is_broken: false };
        exchange.take_messages(client, &mut cut);
        if cut.is_broken {
            return;
        }
        let rest = cut.unread.len();
        buffer.copy_within(filled - rest..filled, 0);
        filled = rest;
        let next = frame_length(buffer.get(..filled).unwrap_or_default());
        if let Ok(Some(length)) = next
            && length > buffer.len()
        {
            buffer.resize(length, 0);
        }
    }
}

/// Cuts messages off a stream's bytes.
struct Cut<'a> {
    unread: &'a [u8],
    is_broken: bool,
}

impl<'a> Iterator for &mut Cut<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        match frame_length(self.unread) {
            Ok(length) => {
                let (message, rest) = self.unread.split_at_checked(length?)?;
                self.unread = rest;
                Some(message)
            }
            Err(()) => {
                self.is_broken = true;
                None
            }
        }
    }
}
