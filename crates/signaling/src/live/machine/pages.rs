//! Pages on `/one2many`: one connection is a presenter or a viewer of the stream that it came for.

use super::ending::Why;
use super::opening::Asker;
use super::{Machine, Moment};
use crate::candidate::Candidate;
use crate::live::effect::{Effect, MediaCommand};
use crate::live::id::SessionId;
use crate::live::message::{ClientMessage, ServerMessage};
use crate::live::name::StreamName;
use crate::live::offer::{Offer, Role};
use crate::live::refusal::Refusal;
use crate::socket::{CloseReason, ConnectionId};
use std::net::IpAddr;

/// One page. It exists from the WebSocket's opening to its end.
#[derive(Debug)]
pub(super) struct Page {
    visit: Visit,
    pub(super) session: Option<SessionId>,
    /// Candidates that came before the offer, in order.
    early: Vec<Candidate>,
    /// Those of its present session.
    candidates: usize,
}

/// What a page came for.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) stream: StreamName,
    pub(crate) may_present: bool,
    pub(crate) may_watch: bool,
    pub(crate) address: IpAddr,
}

impl Machine {
    /// A page has connected.
    pub(crate) fn handle_connected(&mut self, connection: ConnectionId, visit: Visit) {
        if self.stopping {
            self.effects.push_back(Effect::Close { connection, reason: CloseReason::ShuttingDown });
            return;
        }
        self.pages.insert(connection, Page { visit, session: None, early: Vec::new(), candidates: 0 });
    }

    /// A page is gone, and with it what it presented or watched.
    pub(crate) fn handle_disconnected(&mut self, now: Moment, connection: ConnectionId) {
        if let Some(session) = self.pages.remove(&connection).and_then(|page| page.session) {
            self.end_session(now, session, Why::Stopped);
        }
    }

    /// A page says something.
    pub(crate) fn handle_message(&mut self, now: Moment, connection: ConnectionId, message: ClientMessage) {
        if !self.pages.contains_key(&connection) {
            return;
        }
        match message {
            ClientMessage::Presenter { sdp_offer } => self.join(now, connection, Role::Presenter, &sdp_offer),
            ClientMessage::Viewer { sdp_offer } => self.join(now, connection, Role::Viewer, &sdp_offer),
            ClientMessage::OnIceCandidate { candidate } => self.add_candidate(connection, candidate),
            ClientMessage::Stop => {
                let page = self.pages.get_mut(&connection);
                if let Some(session) = page.and_then(|page| page.session.take()) {
                    self.end_session(now, session, Why::Stopped);
                }
            }
        }
    }

    /// Ends all connections of pages.
    pub(super) fn close_pages(&mut self) {
        for connection in std::mem::take(&mut self.pages).into_keys() {
            self.effects.push_back(Effect::Close { connection, reason: CloseReason::ShuttingDown });
        }
    }

    fn join(&mut self, now: Moment, connection: ConnectionId, role: Role, sdp_offer: &str) {
        if let Err(refusal) = self.try_join(now, connection, role, sdp_offer) {
            self.effects.push_back(Effect::CountSession { role, result: refusal.code() });
            self.reject(connection, role, &refusal);
        }
    }

    fn try_join(
        &mut self,
        now: Moment,
        connection: ConnectionId,
        role: Role,
        sdp_offer: &str,
    ) -> Result<(), Refusal> {
        let page = self.pages.get(&connection).ok_or(Refusal::UnknownSession)?;
        if page.session.is_some() {
            return Err(Refusal::AlreadyIn);
        }
        let Visit { stream, may_present, may_watch, address } = page.visit.clone();
        let is_allowed = match role {
            Role::Presenter => may_present,
            Role::Viewer => may_watch,
        };
        if !is_allowed {
            return Err(Refusal::NotAllowed);
        }
        let offer = Offer::parse(role, sdp_offer)?;
        let session = self.open(now, Asker::Page(connection), stream, offer, address)?;
        let page = self.pages.get_mut(&connection).ok_or(Refusal::UnknownSession)?;
        page.session = Some(session);
        let candidates = std::mem::take(&mut page.early);
        page.candidates = candidates.len();
        if !candidates.is_empty() {
            self.command(session, MediaCommand::AddCandidates { session, candidates });
        }
        Ok(())
    }

    fn add_candidate(&mut self, connection: ConnectionId, candidate: Candidate) {
        let Some(page) = self.pages.get_mut(&connection) else { return };
        let known = if page.session.is_some() { page.candidates } else { page.early.len() };
        if known >= self.candidates_max {
            let message = ServerMessage::Error { message: Refusal::TooManyCandidates.to_string() };
            self.effects.push_back(Effect::Tell { to: connection, message });
            return;
        }
        match page.session {
            Some(session) => {
                page.candidates += 1;
                self.command(session, MediaCommand::AddCandidates { session, candidates: vec![candidate] });
            }
            None => page.early.push(candidate),
        }
    }
}
