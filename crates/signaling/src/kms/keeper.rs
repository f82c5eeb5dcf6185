//! The task that owns all others: trees, connections, errands. It also collects garbage.

use super::Shared;
use super::collector::Collector;
use super::object::{Action, ObjectId, TreeRequest};
use super::session::Ended;
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{Id as TaskId, JoinError, JoinSet};
use tokio::time::sleep_until;

/// What the keeper is given.
pub(crate) enum Work {
    /// A tree to run until it ends. It is registered already.
    Tree { root: ObjectId, task: BoxFuture<'static, ()> },
    /// A connection to run until it ends.
    Connection(BoxFuture<'static, ()>),
    /// Connections close, trees are released, and then the keeper ends.
    Shutdown,
}

/// Works that may wait for the keeper, which only starts them; who finds no room waits.
pub(crate) const WORKS_MAX: usize = 64;

/// Owner of every task of the protocol.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    inbox: mpsc::Receiver<Work>,
    collector: Collector,
    /// Tells connections to close.
    closing: watch::Sender<bool>,
    tasks: JoinSet<()>,
    /// What each task is, also of one that panics. Looked up only.
    owners: HashMap<TaskId, Owner>,
    connections: usize,
}

enum Owner {
    Tree(ObjectId),
    Connection,
    Errand,
}

impl Keeper {
    pub(crate) fn new(
        shared: Arc<Shared>,
        inbox: mpsc::Receiver<Work>,
        collector: Collector,
        closing: watch::Sender<bool>,
    ) -> Self {
        let tasks = JoinSet::new();
        Self { shared, inbox, collector, closing, tasks, owners: HashMap::new(), connections: 0 }
    }

    /// Runs until a shutdown is complete.
    pub(crate) async fn run(mut self) {
        let mut is_stopping = false;
        while !(is_stopping && self.tasks.is_empty()) {
            tokio::select! {
                () = sleep_until(self.collector.poll_timeout().into()) => self.collect(),
                Some(work) = self.inbox.recv() => match work {
                    // A tree that never runs releases what it has when it is dropped.
                    Work::Tree { root, .. } if is_stopping => self.shared.sessions().remove_tree(&root),
                    Work::Tree { root, task } => self.spawn(Owner::Tree(root), task),
                    Work::Connection(task) => {
                        self.connections += 1;
                        self.spawn(Owner::Connection, task);
                    }
                    Work::Shutdown => {
                        is_stopping = true;
                        self.closing.send_replace(true);
                    }
                },
                Some(ended) = self.tasks.join_next_with_id() => self.handle_ended(ended),
            }
            if is_stopping && self.connections == 0 {
                // Nobody can reach the trees any more, so they release everything and end.
                self.shared.sessions().remove_trees();
            }
        }
    }

    fn collect(&mut self) {
        let now = Instant::now(); // clock: the keeper is the collector's edge to real time
        let ended = self.collector.handle_timeout(now, &mut self.shared.sessions());
        for ended in ended {
            tracing::info!(session = ?ended.session, "the client is gone: its objects are released");
            self.spawn(Owner::Errand, Box::pin(unref(ended)));
        }
    }

    fn spawn(&mut self, owner: Owner, task: BoxFuture<'static, ()>) {
        let id = self.tasks.spawn(task).id();
        self.owners.insert(id, owner);
    }

    fn handle_ended(&mut self, ended: Result<(TaskId, ()), JoinError>) {
        let task = match ended {
            Ok((task, ())) => task,
            Err(error) => {
                tracing::error!(%error, "a task of the Kurento protocol failed");
                error.id()
            }
        };
        match self.owners.remove(&task) {
            Some(Owner::Tree(root)) => self.shared.sessions().remove_tree(&root),
            Some(Owner::Connection) => self.connections -= 1,
            Some(Owner::Errand) | None => {}
        }
    }
}

/// Drops a collected session's references in its trees.
async fn unref(ended: Ended) {
    for inbox in ended.trees {
        let (reply, _) = oneshot::channel();
        let action = Action::EndSession { release: false };
        // A tree that has ended has nothing left of the session.
        let _ = inbox.send(TreeRequest { session: ended.session.clone(), action, reply }).await;
    }
}
