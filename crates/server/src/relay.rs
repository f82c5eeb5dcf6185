//! The TURN server of the configuration, elsewhere: relayed addresses there for every media thread.

use crate::config::turn_url;
use keel_media::{MediaServer, RelayPath};
use keel_turn::{ForeignRelay, ForeignRelays, ForeignServer, Login};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::lookup_host;

/// How often a name is looked up.
const LOOKUP_EVERY: Duration = Duration::from_secs(300);
/// How soon again after a failure.
const RETRY_EVERY: Duration = Duration::from_secs(15);

/// Keeps the media server told of its relayed addresses, for ever. They stay while a look-up fails; allocations that
/// are lost are made anew by who keeps them.
pub(crate) async fn keep(media: MediaServer, relays: ForeignRelays, setting: String) {
    let Some((user, password, (host, port))) = turn_url(&setting) else { return };
    let mut known: Option<SocketAddr> = None;
    loop {
        let found = lookup_host((host, port)).await.ok().and_then(Iterator::min);
        let pause = if found.is_some() { LOOKUP_EVERY } else { RETRY_EVERY };
        match found {
            Some(address) if known != Some(address) => {
                let login = Login { username: user.to_owned(), password: password.to_owned() };
                media.set_relays(open(&media, &relays, &ForeignServer { address, login }).await).await;
                known = Some(address);
            }
            Some(_) => {}
            None => tracing::warn!(host, "ice.turn_url cannot be looked up"),
        }
        tokio::time::sleep(pause).await;
    }
}

async fn open(media: &MediaServer, relays: &ForeignRelays, server: &ForeignServer) -> Vec<RelayPath> {
    let mut paths = Vec::new();
    for target in media.relay_targets() {
        match relays.open(server.clone(), *target).await {
            Ok(ForeignRelay { target, relayed, permits }) => {
                paths.push(RelayPath { target, relayed, permits });
            }
            Err(error) => tracing::warn!(%error, "a media thread goes without a relayed address"),
        }
    }
    paths
}
