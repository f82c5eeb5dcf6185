//! Where the studio is asked: by HTTP, by the Kurento protocol, by rooms.

use super::Inbound;
use super::ask::{Ask, Reply};
use super::refusal::Refusal;
use tokio::sync::{mpsc, oneshot};

/// Asks the studio. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Reception(mpsc::Sender<Inbound>);

impl Reception {
    pub(crate) fn new(studio: mpsc::Sender<Inbound>) -> Self {
        Self(studio)
    }

    /// One where nobody answers, for tests of those who ask.
    pub(crate) fn deserted() -> Self {
        Self(mpsc::channel(1).0)
    }

    /// Asks and waits for the answer. Without a studio everything is refused.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<Reply, Refusal> {
        let (asker, answer) = oneshot::channel();
        self.0.send(Inbound::Asked { ask, asker }).await.map_err(|_| Refusal::ShuttingDown)?;
        answer.await.unwrap_or(Err(Refusal::ShuttingDown))
    }
}
