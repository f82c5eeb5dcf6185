//! Sessions: which socket they belong to, and which trees they use (PROTOCOL.md §3). Pure bookkeeping: what
//! is to be done about an ended session is the caller's.

use super::object::{ObjectId, TreeRequest};
use super::outbox::Outbox;
use super::session_id::{SessionId, SessionName};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::mpsc;

/// One WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SocketId(u64);

/// All sessions, sockets and trees.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    sessions_max: usize,
    sockets_opened: u64,
    lives_begun: u64,
    by_name: BTreeMap<SessionName, Session>,
    sockets: BTreeMap<SocketId, Socket>,
    /// By the id of their root.
    trees: BTreeMap<Arc<str>, Tree>,
}

#[derive(Debug)]
struct Session {
    id: SessionId,
    socket: Option<SocketId>,
    /// The trees that it holds objects of, or did.
    trees: BTreeSet<Arc<str>>,
    /// Used, or on an open socket, since the last collection.
    is_marked: bool,
}

#[derive(Debug)]
struct Socket {
    outbox: Outbox,
    /// The session that it used last, if no other socket has used that since.
    session: Option<SessionName>,
}

#[derive(Debug)]
struct Tree {
    inbox: mpsc::Sender<TreeRequest>,
    users: BTreeSet<SessionName>,
}

/// A session that has ended; its trees have still to be told.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) session: SessionId,
    pub(crate) trees: Vec<mpsc::Sender<TreeRequest>>,
}

/// There are as many sessions as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Sessions {
    /// Takes `sessions_max` sessions. Sockets are bounded by whoever opens them, trees by the media server.
    pub(crate) fn new(sessions_max: usize) -> Self {
        Self { sessions_max, ..Self::default() }
    }

    /// A new socket, which gets its events by `outbox`.
    pub(crate) fn open(&mut self, outbox: Outbox) -> SocketId {
        self.sockets_opened += 1;
        let socket = SocketId(self.sockets_opened);
        self.sockets.insert(socket, Socket { outbox, session: None });
        socket
    }

    /// A socket has ended. Its session lives on for the collector, unless there is nothing to keep.
    /// KMS: a session exists once it has touched an object.
    pub(crate) fn close(&mut self, socket: SocketId) {
        let Some(name) = self.sockets.remove(&socket).and_then(|socket| socket.session) else { return };
        if let Some(session) = self.by_name.get_mut(&name) {
            session.socket = None;
            if session.trees.is_empty() {
                self.by_name.remove(&name);
            }
        }
    }

    /// The session of a request: the one it names, known or not, else its socket's, else a new one. It
    /// belongs to that socket from now on.
    ///
    /// # Errors
    /// When it would be a new one and there are too many.
    pub(crate) fn join(&mut self, socket: SocketId, named: Option<SessionName>) -> Result<SessionId, Full> {
        let name = named.or_else(|| self.of_socket(socket)).unwrap_or_else(SessionName::random);
        if !self.by_name.contains_key(&name) {
            if self.by_name.len() >= self.sessions_max {
                return Err(Full);
            }
            self.lives_begun += 1;
            let id = SessionId::living(name.clone(), self.lives_begun);
            let session = Session { id, socket: None, trees: BTreeSet::new(), is_marked: true };
            self.by_name.insert(name.clone(), session);
        }
        Ok(self.bind(socket, name).expect("it is there or was just made"))
    }

    /// The session that a request names, else its socket's; `None` if it does not exist.
    pub(crate) fn rejoin(&mut self, socket: SocketId, named: Option<SessionName>) -> Option<SessionId> {
        let name = named.or_else(|| self.of_socket(socket))?;
        self.bind(socket, name)
    }

    /// The session that a socket used last.
    pub(crate) fn of_socket(&self, socket: SocketId) -> Option<SessionName> {
        self.sockets.get(&socket)?.session.clone()
    }

    /// KMS: the last socket that uses a session owns it, and owns no other; older bindings are dropped.
    fn bind(&mut self, socket: SocketId, name: SessionName) -> Option<SessionId> {
        let session = self.by_name.get_mut(&name)?;
        session.is_marked = true;
        let id = session.id.clone();
        let before = session.socket.replace(socket);
        if before == Some(socket) {
            return Some(id);
        }
        if let Some(before) = before.and_then(|before| self.sockets.get_mut(&before)) {
            before.session = None;
        }
        let left = self.sockets.get_mut(&socket).and_then(|socket| socket.session.replace(name));
        if let Some(left) = left.and_then(|left| self.by_name.get_mut(&left)) {
            left.socket = None;
        }
        Some(id)
    }

    /// A tree has begun, made by `session`.
    pub(crate) fn add_tree(
        &mut self,
        session: Option<&SessionId>,
        root: &ObjectId,
        inbox: mpsc::Sender<TreeRequest>,
    ) {
        self.trees.insert(root.as_str().into(), Tree { inbox, users: BTreeSet::new() });
        if let Some(session) = session {
            self.use_tree(session, root);
        }
    }

    /// The tree of an object that a session uses, if there is such a tree.
    pub(crate) fn use_tree(
        &mut self,
        session: &SessionId,
        object: &ObjectId,
    ) -> Option<mpsc::Sender<TreeRequest>> {
        let (root, _) = self.trees.get_key_value(object.root())?;
        let root = Arc::clone(root);
        let tree = self.trees.get_mut(&root)?;
        if let Some(session) = self.by_name.get_mut(session.name()).filter(|known| known.id == *session) {
            session.trees.insert(root);
            tree.users.insert(session.id.name().clone());
        }
        Some(tree.inbox.clone())
    }

    /// A tree has ended.
    pub(crate) fn remove_tree(&mut self, root: &ObjectId) {
        let Some(tree) = self.trees.remove(root.as_str()) else { return };
        for name in tree.users {
            if let Some(session) = self.by_name.get_mut(&name) {
                session.trees.remove(root.as_str());
            }
        }
    }

    /// Forgets all trees: they end when nobody can reach them any more.
    pub(crate) fn remove_trees(&mut self) {
        self.trees.clear();
        self.by_name.clear();
    }

    /// A session ends. `None` if there is none of this name.
    pub(crate) fn end(&mut self, name: &SessionName) -> Option<Ended> {
        let session = self.by_name.remove(name)?;
        if let Some(socket) = session.socket.and_then(|socket| self.sockets.get_mut(&socket)) {
            socket.session = None;
        }
        let mut trees = Vec::with_capacity(session.trees.len());
        for root in &session.trees {
            if let Some(tree) = self.trees.get_mut(root) {
                tree.users.remove(name);
                trees.push(tree.inbox.clone());
            }
        }
        Some(Ended { session: session.id, trees })
    }

    /// Marks the sessions of open sockets.
    pub(crate) fn mark(&mut self) {
        for session in self.by_name.values_mut().filter(|session| session.socket.is_some()) {
            session.is_marked = true;
        }
    }

    /// Ends the sessions without a mark and takes the mark from the others.
    pub(crate) fn collect(&mut self) -> Vec<Ended> {
        let mut doomed = Vec::new();
        for (name, session) in &mut self.by_name {
            if !std::mem::take(&mut session.is_marked) {
                doomed.push(name.clone());
            }
        }
        doomed.iter().filter_map(|name| self.end(name)).collect()
    }

    /// Where a session's events go; `None` while no socket owns it.
    pub(crate) fn outbox(&self, session: &SessionId) -> Option<&Outbox> {
        let known = self.by_name.get(session.name()).filter(|known| known.id == *session)?;
        Some(&self.sockets.get(&known.socket?)?.outbox)
    }

    /// The sessions, in the order of their names.
    pub(crate) fn ids(&self) -> Vec<SessionId> {
        self.by_name.values().map(|session| session.id.clone()).collect()
    }

    /// How many sessions there are.
    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// How many sockets are open.
    pub(crate) fn sockets(&self) -> usize {
        self.sockets.len()
    }
}

#[cfg(test)]
mod tests;
