//! How sessions and streams end.

use super::stream::Live;
use super::{Due, Machine, Moment, Owner, Phase, Session};
use crate::live::ask::Reply;
use crate::live::effect::{Effect, MediaCommand};
use crate::live::event::{EndReason, StreamNews};
use crate::live::id::{SessionId, SessionKey};
use crate::live::message::{Response, ServerMessage};
use crate::live::name::StreamName;
use crate::live::offer::Role;
use crate::live::refusal::Refusal;
use crate::socket::ConnectionId;

/// Why a session ends.
#[derive(Clone, Debug)]
pub(super) enum Why {
    /// Its client said so.
    Stopped,
    /// Its client vanished, and may come back with a new session.
    Lost,
    /// A newer presenter has its place.
    Replaced,
    /// It cannot get what the presenter sends.
    Unfit,
    /// Media did not let it in.
    Refused(Refusal),
    /// Its stream ends.
    Over(Refusal),
}

impl Machine {
    /// A client ends its session by its URL.
    pub(super) fn close(
        &mut self,
        now: Moment,
        stream: &StreamName,
        key: &SessionKey,
    ) -> Result<Reply, Refusal> {
        match self.session_of(stream, key) {
            Ok(session) => self.end_session(now, session, Why::Stopped),
            Err(refusal) => self.stop_lost(now, stream, key).ok_or(refusal)?,
        }
        Ok(Reply::Done)
    }

    /// A presenter that closed its connection first, as OBS does, says that this was the end.
    fn stop_lost(&mut self, now: Moment, stream: &StreamName, key: &SessionKey) -> Option<()> {
        self.streams.get_mut(stream)?.lost.take_if(|lost| lost.matches(key))?;
        self.stop(now, stream);
        self.tidy(now, stream);
        Some(())
    }

    /// Ends a session with all that hangs on it. Nothing happens the second time.
    pub(super) fn end_session(&mut self, now: Moment, id: SessionId, why: Why) {
        // While the session is still known, so that media is.
        if !matches!(why, Why::Refused(_)) {
            self.command(id, MediaCommand::Release { session: id });
        }
        let Some(session) = self.sessions.remove(&id) else { return };
        let Session { stream, role, owner, phase, .. } = session;
        let was_up = self.end_phase(id, role, &owner, phase, &why);
        if let Owner::Page(connection) = &owner {
            self.end_on_page(*connection, was_up.is_some(), &why);
        }
        let Some(known) = self.streams.get_mut(&stream) else { return };
        let mut lost_its_presenter = false;
        match role {
            Role::Presenter => {
                known.next_presenter.take_if(|next| *next == id);
                if known.presenter.take_if(|presenter| *presenter == id).is_some() {
                    known.absent_since = Some(now.steady);
                    known.lost = match (owner, &why) {
                        (Owner::Url { key, .. }, Why::Lost) => Some(key),
                        _ => None,
                    };
                    lost_its_presenter = true;
                }
            }
            Role::Viewer => {
                known.viewers.remove(&id);
                if was_up == Some(true) {
                    known.watching -= 1;
                    let watching = known.watching;
                    self.announce(now, &stream, StreamNews::Viewers(watching));
                }
            }
        }
        if lost_its_presenter && matches!(why, Why::Stopped) {
            self.stop(now, &stream);
        }
        self.tidy(now, &stream);
    }

    /// Answers whoever waits for something of a session. `None` for one that was never answered, else whether
    /// its connection was up.
    fn end_phase(
        &mut self,
        id: SessionId,
        role: Role,
        owner: &Owner,
        phase: Phase,
        why: &Why,
    ) -> Option<bool> {
        match phase {
            Phase::Negotiating { ticket } => {
                let refusal = why.refusal();
                self.effects.push_back(Effect::CountSession { role, result: refusal.code() });
                match (ticket, owner) {
                    (Some(ticket), _) => self.answer(ticket, Err(refusal)),
                    (None, Owner::Page(connection)) => self.reject(*connection, role, &refusal),
                    (None, Owner::Url { .. }) => {}
                }
                None
            }
            Phase::Connecting { until } => {
                self.deadlines.remove(&(until, Due::Session(id)));
                Some(false)
            }
            Phase::Connected => Some(true),
            Phase::Restarting { ticket, was_up, until, .. } => {
                self.answer(ticket, Err(why.refusal()));
                if let Some(until) = until {
                    self.deadlines.remove(&(until, Due::Session(id)));
                }
                Some(was_up)
            }
        }
    }

    /// A presenter has said that it is over: pages of the tutorial are told so, others wait for the next one.
    fn stop(&mut self, now: Moment, stream: &StreamName) {
        self.tell_end(now, stream, EndReason::Stopped);
        let waits = !self.limits.viewers_wait_max.is_zero();
        let viewers = self.streams.get(stream).map(|known| known.viewers.clone()).unwrap_or_default();
        for viewer in viewers {
            let session = self.sessions.get(&viewer);
            if !waits || session.is_some_and(|session| matches!(session.owner, Owner::Page(_))) {
                self.end_session(now, viewer, Why::Over(Refusal::Ended));
            }
        }
    }

    /// The presenter did not come, or did not come back.
    pub(super) fn give_up(&mut self, now: Moment, stream: &StreamName) {
        let Some(known) = self.streams.get(stream) else { return };
        let due = known.deadline(self.limits.resume_max, self.limits.viewers_wait_max);
        if due.is_none_or(|due| due > now.steady) {
            return self.set_deadline(now, stream);
        }
        let viewers = known.viewers.clone();
        self.tell_end(now, stream, EndReason::Lost);
        for viewer in viewers {
            self.end_session(now, viewer, Why::Over(Refusal::Ended));
        }
        self.tidy(now, stream);
    }

    /// An administrator ends a stream.
    pub(super) fn end_stream(&mut self, now: Moment, stream: &StreamName) -> Result<Reply, Refusal> {
        if !self.streams.contains_key(stream) {
            return Err(Refusal::UnknownStream { retry_after: std::time::Duration::ZERO });
        }
        self.end_everything(now, stream, EndReason::Ended, &Refusal::Ended);
        Ok(Reply::Done)
    }

    /// Ends a stream with everybody in it.
    pub(super) fn end_everything(
        &mut self,
        now: Moment,
        stream: &StreamName,
        reason: EndReason,
        refusal: &Refusal,
    ) {
        let Some(known) = self.streams.get_mut(stream) else { return };
        known.is_kept = false;
        let sessions = known.sessions();
        self.tell_end(now, stream, reason);
        for session in sessions {
            self.end_session(now, session, Why::Over(refusal.clone()));
        }
        self.tidy(now, stream);
    }

    /// Tells that a stream is over, if it was on.
    fn tell_end(&mut self, now: Moment, stream: &StreamName, reason: EndReason) {
        let live = self.streams.get_mut(stream).and_then(|known| {
            known.lost = None;
            known.live.take()
        });
        if let Some(Live { steady, .. }) = live {
            let duration = now.steady.saturating_duration_since(steady);
            let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            self.announce(now, stream, StreamNews::Ended { reason, duration_ms });
        }
    }

    /// Releases the media of a stream that nobody is in, and forgets one that nobody waits for.
    fn tidy(&mut self, now: Moment, stream: &StreamName) {
        self.set_deadline(now, stream);
        let Some(known) = self.streams.get_mut(stream).filter(|known| known.is_deserted()) else { return };
        if let Some(media) = known.media.take() {
            self.streams_by_media.remove(&media);
            self.effects.push_back(Effect::EndMedia { media });
        }
        self.answer_inspections(stream);
        let is_wanted = self.streams.get(stream).is_some_and(|known| known.is_kept || known.live.is_some());
        if !is_wanted {
            self.forget_deadline(stream);
            self.streams.remove(stream);
        }
    }

    /// Brings the deadline of a stream up to date.
    pub(super) fn set_deadline(&mut self, now: Moment, stream: &StreamName) {
        self.forget_deadline(stream);
        let Some(known) = self.streams.get_mut(stream) else { return };
        // Never in the past, so that one timeout cannot follow another without end.
        let due = known.deadline(self.limits.resume_max, self.limits.viewers_wait_max);
        known.due = due.map(|due| due.max(now.steady));
        if let Some(due) = known.due {
            self.deadlines.insert((due, Due::Stream(stream.clone())));
        }
    }

    fn forget_deadline(&mut self, stream: &StreamName) {
        if let Some(due) = self.streams.get_mut(stream).and_then(|known| known.due.take()) {
            self.deadlines.remove(&(due, Due::Stream(stream.clone())));
        }
    }

    /// A page's session has ended: `was_answered` if it knew of it.
    fn end_on_page(&mut self, connection: ConnectionId, was_answered: bool, why: &Why) {
        if let Some(page) = self.pages.get_mut(&connection) {
            page.session = None;
            if was_answered && !matches!(why, Why::Stopped) {
                let message = ServerMessage::StopCommunication;
                self.effects.push_back(Effect::Tell { to: connection, message });
            }
        }
    }

    /// Tells a page that its request was refused.
    pub(super) fn reject(&mut self, connection: ConnectionId, role: Role, refusal: &Refusal) {
        let rejected = Response::Rejected { message: refusal.to_string() };
        let message = match role {
            Role::Presenter => ServerMessage::PresenterResponse(rejected),
            Role::Viewer => ServerMessage::ViewerResponse(rejected),
        };
        self.effects.push_back(Effect::Tell { to: connection, message });
    }
}

impl Why {
    /// For whoever waits for something of the session.
    fn refusal(&self) -> Refusal {
        match self {
            Self::Stopped | Self::Lost => Refusal::UnknownSession,
            Self::Replaced => Refusal::Replaced,
            Self::Unfit => Refusal::Ended,
            Self::Refused(refusal) | Self::Over(refusal) => refusal.clone(),
        }
    }
}
