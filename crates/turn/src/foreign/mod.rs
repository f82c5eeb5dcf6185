//! Relayed addresses on somebody else's TURN server, for a server behind a NAT that peers cannot reach in another way
//! (Kurento's `turnUrl`).
//!
//! [`ForeignRelays`] holds one allocation for each TURN server and media socket that somebody wants. Each peer that
//! comes by one has a UDP socket of its own on this host towards the media socket, so that the media server tells peers
//! apart by their address as it always does, and knows nothing of TURN: to it the relay is where the peer is.
//!
//! rtc-turn 0.21.1 was looked at: it takes answers without checking their integrity, never lets a permission go, does not
//! ask again when a nonce has run out, says nothing when an allocation is lost, and formats and hashes addresses for
//! each packet. So the client is ours, on what `stun/` has for the server. Spoken is UDP; TCP and TLS towards the
//! server are not.

mod client;
mod path;
#[cfg(test)]
mod tests;

pub use client::Login;

use path::Path;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// Allocations at the same time; a further one is refused.
const RELAYS_MAX: usize = 256;
/// Orders that may wait; who orders waits for the answer.
const ORDERS_MAX: usize = 16;
/// Peers' addresses that may wait to be permitted; further ones are not, until they are named again.
const PERMITS_MAX: usize = 256;

/// A TURN server and who we are there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ForeignServer {
    /// Where it is spoken to by UDP.
    pub address: SocketAddr,
    /// As whom.
    pub login: Login,
}

/// A relayed address that is kept while somebody has a clone of this.
#[derive(Clone, Debug)]
pub struct ForeignRelay {
    /// The media socket behind it.
    pub target: SocketAddr,
    /// The relayed address, and the one that the server sees us at; none before the first allocation, and while it is
    /// lost.
    pub relayed: watch::Receiver<Option<(SocketAddr, SocketAddr)>>,
    /// Takes the addresses of peers that are to be let through.
    pub permits: mpsc::Sender<IpAddr>,
}

/// Why there is no relay.
#[derive(Debug, Error)]
pub enum RelayError {
    /// There are as many as there may be.
    #[error("there are {RELAYS_MAX} relays already")]
    Full,
    /// A socket could not be opened.
    #[error("no socket for a relay")]
    Socket(#[source] io::Error),
    /// The keeper has ended.
    #[error("the server is stopping")]
    Stopped,
}

/// All relays of this process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ForeignRelays {
    orders: mpsc::Sender<Order>,
}

/// Owns the tasks of all relays; ends when the last [`ForeignRelays`] has gone and every relay is given up.
#[derive(Debug)]
pub struct RelayKeeper {
    orders: mpsc::Receiver<Order>,
    known: BTreeMap<(ForeignServer, SocketAddr), Known>,
    tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Order {
    server: ForeignServer,
    target: SocketAddr,
    reply: oneshot::Sender<Result<ForeignRelay, RelayError>>,
}

/// A relay that lives while somebody else has its sender.
#[derive(Debug)]
struct Known {
    relayed: watch::Receiver<Option<(SocketAddr, SocketAddr)>>,
    permits: mpsc::WeakSender<IpAddr>,
}

impl ForeignRelays {
    /// The way to order relays, and who keeps them: to be run as a task.
    #[must_use]
    pub fn new() -> (Self, RelayKeeper) {
        let (orders, waiting) = mpsc::channel(ORDERS_MAX);
        (Self { orders }, RelayKeeper { orders: waiting, known: BTreeMap::new(), tasks: JoinSet::new() })
    }

    /// A relayed address on `server` in front of the media socket at `target`, the one that there is or a new one. It
    /// is being allocated still: [`ForeignRelay::relayed`] tells when it is there, and when it is lost.
    ///
    /// # Errors
    /// At the bound, or when the system gives no socket.
    pub async fn open(&self, server: ForeignServer, target: SocketAddr) -> Result<ForeignRelay, RelayError> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order { server, target, reply }).await.map_err(|_| RelayError::Stopped)?;
        answer.await.map_err(|_| RelayError::Stopped)?
    }
}

impl RelayKeeper {
    /// Serves orders.
    pub async fn run(mut self) {
        loop {
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(Order { server, target, reply }) => {
                        // Who asked may have gone; the relay then ends by itself.
                        let _ = reply.send(self.open(server, target).await);
                    }
                    None => break,
                },
                Some(ended) = self.tasks.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a relay's task failed");
                    }
                    self.known.retain(|_, known| known.permits.upgrade().is_some());
                }
            }
        }
        while self.tasks.join_next().await.is_some() {}
    }

    async fn open(&mut self, server: ForeignServer, target: SocketAddr) -> Result<ForeignRelay, RelayError> {
        let key = (server, target);
        if let Some(known) = self.known.get(&key)
            && let Some(permits) = known.permits.upgrade()
        {
            return Ok(ForeignRelay { target, relayed: known.relayed.clone(), permits });
        }
        if self.tasks.len() >= RELAYS_MAX {
            return Err(RelayError::Full);
        }
        let (teller, relayed) = watch::channel(None);
        let (permits, permitted) = mpsc::channel(PERMITS_MAX);
        let path = Path::open(&key.0, target, teller, permitted).await.map_err(RelayError::Socket)?;
        self.tasks.spawn(path.run());
        let known = Known { relayed: relayed.clone(), permits: permits.downgrade() };
        self.known.insert(key, known);
        Ok(ForeignRelay { target, relayed, permits })
    }
}
