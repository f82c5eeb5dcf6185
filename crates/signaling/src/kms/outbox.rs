//! Events on their way to one socket.

use super::object::Notification;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::sync::mpsc;

/// Where trees put a socket's events. Nothing is silently lost on an open socket: one that does not read its
/// events fast enough is closed.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    events: mpsc::Sender<Notification>,
    overflow: Arc<Notify>,
}

/// Where the socket's connection takes them.
#[derive(Debug)]
pub(crate) struct Outgoing {
    events: mpsc::Receiver<Notification>,
    overflow: Arc<Notify>,
}

/// The two ends of a queue of `events_max` events.
pub(crate) fn outbox(events_max: usize) -> (Outbox, Outgoing) {
    let (sender, receiver) = mpsc::channel(events_max);
    let overflow = Arc::new(Notify::new());
    (Outbox { events: sender, overflow: Arc::clone(&overflow) }, Outgoing { events: receiver, overflow })
}

impl Outbox {
    /// Adds an event. Never waits: `false` if there was no room; the socket is being closed then.
    pub(crate) fn put(&self, event: Notification) -> bool {
        let taken = self.events.try_send(event).is_ok();
        if !taken {
            self.overflow.notify_one();
        }
        taken
    }
}

impl Outgoing {
    /// The next event; `None` once there was one too many. Nothing is lost when this is dropped half done.
    pub(crate) async fn next(&mut self) -> Option<Notification> {
        tokio::select! {
            biased;
            () = self.overflow.notified() => None,
            event = self.events.recv() => event,
        }
    }
}
