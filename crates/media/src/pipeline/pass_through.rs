//! The element without a peer.

use crate::id::ElementId;
use crate::worker::{Command, WorkerHandle};

/// An element that passes on what it is sent. Dropping the handle releases it with its connections.
#[derive(Debug)]
pub struct PassThrough {
    id: ElementId,
    worker: WorkerHandle,
}

impl PassThrough {
    pub(super) fn new(id: ElementId, worker: WorkerHandle) -> Self {
        Self { id, worker }
    }

    /// Its identifier, for [`super::Pipeline::connect`].
    #[must_use]
    pub fn id(&self) -> ElementId {
        self.id
    }

    /// Releases the element and waits until that is done.
    pub async fn release(self) {
        self.worker.call(|reply| Command::ReleaseElement { element: self.id, reply: Some(reply) }).await;
    }
}

impl Drop for PassThrough {
    fn drop(&mut self) {
        self.worker.cast(Command::ReleaseElement { element: self.id, reply: None });
    }
}
