//! What the signaling server can be told.

use crate::auth::{OriginPolicy, Token, TokenConfig};
use crate::ice_servers::TurnOffer;
use crate::kms::KurentoConfig;
use crate::limits::Limits;
use crate::webhook::WebhookConfig;
use serde::Serialize;
use std::fmt;

/// Settings of the signaling server. The default serves everybody who can reach it and knows no ICE
/// servers.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The STUN and TURN servers that browsers are told to use.
    pub ice_servers: Vec<IceServer>,
    /// This process's own TURN server, if it runs.
    pub turn: Option<TurnOffer>,
    /// Any of these opens everything but administration. Where there is none, and no key in `tokens`, nobody
    /// is asked for a token.
    pub access_tokens: Vec<Token>,
    /// Opens administration, as a token with the grant `admin` does. Without either it stays closed.
    pub admin_token: Option<Token>,
    /// Who is told what happens.
    pub webhooks: WebhookConfig,
    /// JSON Web Tokens.
    pub tokens: TokenConfig,
    /// Which other origins' pages may use this server.
    pub origins: OriginPolicy,
    /// Every bound but those of the Kurento protocol.
    pub limits: Limits,
    /// The Kurento protocol.
    pub kurento: KurentoConfig,
}

impl Config {
    /// Whether visitors must show a token.
    pub(crate) fn asks_for_tokens(&self) -> bool {
        !self.access_tokens.is_empty() || self.tokens.is_used()
    }
}

/// One entry of a browser's `RTCConfiguration.iceServers` (W3C WebRTC §4.2.2).
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct IceServer {
    /// `stun:`, `turn:` or `turns:` URLs of one server.
    pub urls: Vec<String>,
    /// The user name for TURN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password for TURN. Every user of the page sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let credential = self.credential.as_ref().map(|_| "(hidden)");
        f.debug_struct("IceServer")
            .field("urls", &self.urls)
            .field("username", &self.username)
            .field("credential", &credential)
            .finish()
    }
}
