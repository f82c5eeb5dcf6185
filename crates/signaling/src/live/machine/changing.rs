//! What the URL of a session can do: candidates, restarts of ICE, the choice of a layer.

use super::{Machine, Owner, Phase};
use crate::live::ask::{Condition, EntityTag, Reply};
use crate::live::effect::MediaCommand;
use crate::live::id::{SessionId, SessionKey, Ticket};
use crate::live::name::StreamName;
use crate::live::offer::Role;
use crate::live::refusal::Refusal;
use crate::live::sdpfrag::Fragment;
use keel_media::LayerTarget;
use rand::Rng;

impl Machine {
    /// More candidates, or a restart of ICE where the fragment has other credentials than before.
    pub(super) fn patch(
        &mut self,
        ticket: Ticket,
        stream: &StreamName,
        key: &SessionKey,
        condition: &Condition,
        fragment: Fragment,
    ) -> Result<Option<Reply>, Refusal> {
        let id = self.session_of(stream, key)?;
        let session = self.sessions.get_mut(&id).ok_or(Refusal::UnknownSession)?;
        let Owner::Url { tag, .. } = &session.owner else { return Err(Refusal::UnknownSession) };
        if *condition == Condition::Missing {
            // RFC 9725 §4.3.1: a fragment must say which ICE session it is for.
            return Err(Refusal::ConditionMissing);
        }
        if !condition.admits(*tag) {
            return Err(Refusal::ConditionFailed);
        }
        let Fragment { credentials, candidates } = fragment;
        let restart = credentials.filter(|credentials| credentials.ufrag != session.ufrag);
        let before = if restart.is_some() { 0 } else { session.candidates };
        if before + candidates.len() > self.candidates_max {
            return Err(Refusal::TooManyCandidates);
        }
        let Some(credentials) = restart else {
            session.candidates += candidates.len();
            if !candidates.is_empty() {
                self.command(id, MediaCommand::AddCandidates { session: id, candidates });
            }
            return Ok(Some(Reply::Done));
        };
        let (was_up, until) = match session.phase {
            Phase::Connecting { until } => (false, Some(until)),
            Phase::Connected => (true, None),
            Phase::Negotiating { .. } | Phase::Restarting { .. } => return Err(Refusal::Busy),
        };
        session.candidates = candidates.len();
        session.phase = Phase::Restarting { ticket, ufrag: credentials.ufrag.clone(), was_up, until };
        self.command(id, MediaCommand::RestartIce { session: id, credentials, candidates });
        Ok(None)
    }

    pub(super) fn restarted(&mut self, id: SessionId, fragment: String) {
        let fresh = EntityTag(self.random.next_u64());
        let Some((ticket, ufrag)) = self.end_restart(id) else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.ufrag = ufrag;
        if let Owner::Url { tag, .. } = &mut session.owner {
            *tag = fresh;
        }
        self.answer(ticket, Ok(Reply::Restarted { tag: fresh, fragment }));
    }

    pub(super) fn restart_failed(&mut self, id: SessionId, words: String) {
        if let Some((ticket, _)) = self.end_restart(id) {
            self.answer(ticket, Err(Refusal::MediaFailed(words)));
        }
    }

    /// The session goes on as it was; who asked for the restart, and the fragment it was to.
    fn end_restart(&mut self, id: SessionId) -> Option<(Ticket, String)> {
        let session = self.sessions.get_mut(&id)?;
        let Phase::Restarting { ticket, ufrag, until, .. } = &mut session.phase else { return None };
        let restart = (*ticket, std::mem::take(ufrag));
        session.phase = match *until {
            // Its deadline stands as it did.
            Some(until) => Phase::Connecting { until },
            None => Phase::Connected,
        };
        Some(restart)
    }

    /// The most that a viewer is to get of the stream's video.
    pub(super) fn set_layer(
        &mut self,
        stream: &StreamName,
        key: &SessionKey,
        target: LayerTarget,
    ) -> Result<Reply, Refusal> {
        let id = self.session_of(stream, key)?;
        if self.sessions.get(&id).is_none_or(|session| session.role == Role::Presenter) {
            return Err(Refusal::NotAViewer);
        }
        self.command(id, MediaCommand::SetLayer { session: id, target });
        Ok(Reply::Done)
    }
}
