//! The STUN and TURN servers that peers are told to use: those of the configuration, and this process's own with
//! credentials for one user.

use crate::config::{Config, IceServer};
use keel_turn::{Credentials, TurnServer};
use std::time::{SystemTime, UNIX_EPOCH};

/// This process's TURN server, as peers are told of it.
#[derive(Clone, Debug)]
pub struct TurnOffer {
    /// `turn:` and `turns:` URLs that reach it.
    pub urls: Vec<String>,
    /// What makes credentials for it.
    pub credentials: Credentials,
    /// Itself, for metrics and the administrator.
    pub server: TurnServer,
}

impl Config {
    /// The servers of the configuration, then this process's own, with credentials that are valid from now on.
    /// Quotas count by `user`, of whom a server on the way learns nothing: name whoever holds the connections.
    #[must_use]
    pub fn ice_servers_for(&self, user: &str) -> Vec<IceServer> {
        self.ice_servers.iter().cloned().chain(self.own_ice_server(user)).collect()
    }

    /// This process's own server for `user`, if it has one.
    pub(crate) fn own_ice_server(&self, user: &str) -> Option<IceServer> {
        let turn = self.turn.as_ref().filter(|turn| !turn.urls.is_empty())?;
        let issued = turn.credentials.issue(user, unix_now_s());
        Some(IceServer {
            urls: turn.urls.clone(),
            username: Some(issued.username),
            credential: Some(issued.password),
        })
    }
}

fn unix_now_s() -> u64 {
    // clock: credentials end in calendar time
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
