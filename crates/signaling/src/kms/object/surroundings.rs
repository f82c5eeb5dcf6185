//! What trees share and what they need of the rest of the server.

use super::{Census, ObjectId};
use crate::kms::model::{Fields, Filters};
use crate::kms::session_id::SessionId;
use crate::live::Reception;
use keel_media::MediaServer;
use keel_turn::ForeignRelays;
use std::sync::Arc;
use tokio::sync::mpsc;

/// What every tree can reach outside of itself.
pub(crate) struct Surroundings {
    pub(crate) host: Arc<dyn Host>,
    pub(crate) media: MediaServer,
    pub(crate) census: Arc<Census>,
    pub(crate) filters: Filters,
    /// For relayed addresses that applications name TURN servers for.
    pub(crate) relays: Option<ForeignRelays>,
    /// What `ServerManager.getMetadata` answers.
    pub(crate) metadata: String,
    /// To the manager's tree, which waits for no other tree: so others may wait for it.
    pub(crate) manager: mpsc::Sender<Notice>,
    /// Where livestreams are asked for.
    pub(crate) streams: Reception,
}

/// The sessions and their sockets, as trees see them.
pub(crate) trait Host: Send + Sync {
    /// Hands an event to the session's socket, if it has one. Never waits.
    fn deliver(&self, session: &SessionId, notification: Notification);

    /// The sessions that exist, in the order of their names.
    fn sessions(&self) -> Vec<SessionId>;
}

/// An event on its way to one session: `onEvent`.
#[derive(Clone, Debug)]
pub(crate) struct Notification {
    pub(crate) object: ObjectId,
    /// The name subscribed to: the event's own or an alias. `type` outside of `data`.
    pub(crate) name: &'static str,
    /// `data`, complete. Shared by all sessions that subscribed under one name.
    pub(crate) data: Arc<Fields>,
}

/// What trees tell the manager.
#[derive(Clone, Debug)]
pub(crate) enum Notice {
    Created(ObjectId),
    Destroyed(ObjectId),
}

/// Notices that may wait for the manager. A tree that finds no room waits.
pub(crate) const NOTICES_MAX: usize = 256;
