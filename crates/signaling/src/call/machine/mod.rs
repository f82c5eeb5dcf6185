//! The call protocol without sockets, clocks or media: messages and reports in, effects out.
//!
//! Read `phase.rs` for the table of moves, [`registration`] for names, [`calling`] for calls,
//! [`chatting`] for what the two write, [`overseeing`] for administrators. The machine
//! is owned by one task (`call/mod.rs`), so it needs no lock; `now` is an argument everywhere.

mod calling;
mod chatting;
mod overseeing;
mod registration;
#[cfg(test)]
mod tests;

use super::effect::{CallId, Effect};
use super::message::{ClientMessage, ServerMessage};
use super::refusal::OutOfPlace;
use super::registry::Registry;
use super::token::ResumeToken;
use crate::auth::Permit;
use crate::candidate::Candidate;
use crate::limits::{Bucket, Limits, RateLimiter};
use crate::socket::{CloseReason, ConnectionId};
use crate::user_name::UserName;
use calling::Call;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// All connections, names and calls of a server.
pub(crate) struct Machine {
    limits: Limits,
    connections: BTreeMap<ConnectionId, Connection>,
    registry: Registry,
    registrations: RateLimiter,
    calls: BTreeMap<CallId, Call>,
    calls_made: u64,
    /// One entry for each call that has a deadline.
    deadlines: BTreeSet<(Instant, CallId)>,
    /// When the watchers hear of changes, if there are any.
    online_due: Option<Instant>,
    stopping: bool,
    effects: VecDeque<Effect>,
}

/// One browser. It exists from the WebSocket's opening to its end.
struct Connection {
    address: IpAddr,
    permit: Permit,
    token: ResumeToken,
    name: Option<UserName>,
    /// The name that the store is being asked about.
    pending: Option<UserName>,
    call: Option<CallId>,
    watching: bool,
    trickle: Trickle,
    chat: Bucket,
    reads_history: bool,
}

/// The candidates of one peer, until its call is over.
#[derive(Default)]
struct Trickle {
    /// Those that came before the endpoint, in order.
    waiting: VecDeque<Candidate>,
    /// How many came since the call began to ring.
    taken: usize,
}

/// Changes of who is online within this time make one message.
const ONLINE_PAUSE: Duration = Duration::from_millis(200);

impl Machine {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            connections: BTreeMap::new(),
            registry: Registry::new(limits.users_online_max),
            registrations: RateLimiter::new(limits.registrations_per_address),
            calls: BTreeMap::new(),
            calls_made: 0,
            deadlines: BTreeSet::new(),
            online_due: None,
            stopping: false,
            effects: VecDeque::new(),
            limits,
        }
    }

    /// A browser has connected, who may do what `permit` says. `token` is what it will need to take its
    /// registration over.
    pub(crate) fn handle_connected(
        &mut self,
        connection: ConnectionId,
        address: IpAddr,
        permit: Permit,
        token: ResumeToken,
    ) {
        if self.stopping {
            self.effects.push_back(Effect::Close { connection, reason: CloseReason::ShuttingDown });
            return;
        }
        let fresh = Connection {
            address,
            permit,
            token,
            name: None,
            pending: None,
            call: None,
            watching: false,
            trickle: Trickle::default(),
            chat: Bucket::new(self.limits.rooms.chat),
            reads_history: false,
        };
        self.connections.insert(connection, fresh);
    }

    /// A browser sent a message. From a connection that the machine has closed, it is ignored.
    pub(crate) fn handle_message(&mut self, now: Instant, from: ConnectionId, message: ClientMessage) {
        if !self.connections.contains_key(&from) {
            return;
        }
        let done = match message {
            ClientMessage::Register { name, secret, resume_token } => {
                self.register(now, from, &name, secret, resume_token.as_deref())
            }
            ClientMessage::Call { from: caller, to, sdp_offer } => {
                self.call(now, from, &caller, &to, sdp_offer);
                Ok(())
            }
            ClientMessage::IncomingCallResponse { from: caller, reply } => {
                self.reply(now, from, &caller, reply)
            }
            ClientMessage::OnIceCandidate { candidate } => self.candidate(from, candidate),
            ClientMessage::Stop => self.stop(now, from),
            ClientMessage::Chat { text } => self.chat(now, from, &text),
            ClientMessage::History { before, count } => self.history(from, before, count),
            ClientMessage::Typing { typing } => self.typing(now, from, typing),
            ClientMessage::WatchOnline => {
                self.watch(from);
                Ok(())
            }
        };
        if let Err(reason) = done {
            self.refuse(from, reason);
        }
    }

    /// A connection has ended: its call ends, its name is free.
    pub(crate) fn handle_disconnected(&mut self, now: Instant, connection: ConnectionId) {
        self.leave_call(now, connection);
        let Some(gone) = self.connections.remove(&connection) else { return };
        if let Some(name) = gone.name {
            self.registry.release(&name);
            self.online_changed(now);
        }
    }

    /// Does what is due by now.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.online_due.is_some_and(|due| due <= now) {
            self.online_due = None;
            let message = self.online_message();
            for (id, _) in self.connections.iter().filter(|(_, connection)| connection.watching) {
                self.effects.push_back(Effect::Send { to: *id, message: message.clone() });
            }
        }
        while let Some((deadline, call)) = self.deadlines.first().copied()
            && deadline <= now
        {
            self.deadlines.remove(&(deadline, call));
            self.call_overdue(now, call);
        }
    }

    /// The server stops: every call ends with a word to both peers, every connection closes, and nothing
    /// new begins.
    pub(crate) fn handle_shutdown(&mut self, now: Instant) {
        self.stopping = true;
        self.end_all_calls(now);
        while let Some((connection, _)) = self.connections.pop_first() {
            self.effects.push_back(Effect::Close { connection, reason: CloseReason::ShuttingDown });
        }
        self.registry = Registry::new(0);
        self.online_due = None;
    }

    /// The next thing to do.
    pub(crate) fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When [`Self::handle_timeout`] is wanted.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let deadline = self.deadlines.first().map(|(deadline, _)| *deadline);
        [deadline, self.online_due].into_iter().flatten().min()
    }

    pub(crate) fn registered_users(&self) -> usize {
        self.registry.len()
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.len()
    }

    fn watch(&mut self, connection: ConnectionId) {
        if let Some(watcher) = self.connections.get_mut(&connection) {
            watcher.watching = true;
            let message = self.online_message();
            self.send(connection, message);
        }
    }

    /// Lets the watchers know, not more often than every [`ONLINE_PAUSE`]: a crowd that comes or goes at
    /// once makes one message for each watcher, not one for each pair.
    fn online_changed(&mut self, now: Instant) {
        self.online_due.get_or_insert(now + ONLINE_PAUSE);
    }

    fn online_message(&self) -> ServerMessage {
        ServerMessage::Online { users: self.registry.first_names(self.limits.online_names_max) }
    }

    fn send(&mut self, to: ConnectionId, message: ServerMessage) {
        self.effects.push_back(Effect::Send { to, message });
    }

    fn refuse(&mut self, to: ConnectionId, reason: OutOfPlace) {
        self.effects.push_back(Effect::Refuse { to, reason });
    }
}
