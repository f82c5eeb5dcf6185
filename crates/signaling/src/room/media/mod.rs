//! The media of one room: a pipeline, and the connections of its participants.
//!
//! One task does everything in the order in which it was asked. No operation is cancelled halfway, since one
//! whose answer nobody awaits could leave something behind; what is no longer wanted is noticed at the next
//! step. When [`serve`] returns, everything is released.

mod kurento;

use super::Inbound;
use super::effect::{MediaCommand, MediaReport};
use super::id::MediaId;
use keel_media::{MediaServer, Pipeline, PipelineEvents};
use tokio::sync::mpsc;

/// Where a room's media reports to.
pub(super) struct Reporter {
    pub(super) media: MediaId,
    pub(super) inbox: mpsc::Sender<Inbound>,
}
pub(super) async fn serve(
    _server: MediaServer,
    mut commands: mpsc::Receiver<MediaCommand>,
    _reporter: Reporter,
) {
    while commands.recv().await.is_some() {}
}
