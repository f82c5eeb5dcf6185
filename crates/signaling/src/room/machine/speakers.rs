//! Who speaks, and who spoke last.

use super::Output;
use super::room::Room;
use crate::room::answer::ServerMessage;
use crate::room::id::ParticipantId;

/// The voices of a room.
#[derive(Default)]
pub(super) struct Speakers {
    dominant: Option<ParticipantId>,
    loudest: Vec<ParticipantId>,
    /// Those that have led, the last one first.
    recent: Vec<ParticipantId>,
}

impl Speakers {
    /// Who speaks now; `None` when nobody does, as a client thinks anyway.
    pub(super) fn message(&self) -> Option<ServerMessage> {
        let is_silent = self.dominant.is_none() && self.loudest.is_empty();
        (!is_silent).then(|| self.now())
    }

    fn now(&self) -> ServerMessage {
        ServerMessage::Speakers { dominant: self.dominant, loudest: self.loudest.clone() }
    }

    /// How long ago somebody led, as a place in the order; those that never did come last.
    pub(super) fn rank(&self, who: ParticipantId) -> usize {
        self.recent.iter().position(|speaker| *speaker == who).unwrap_or(usize::MAX)
    }

    pub(super) fn forget(&mut self, who: ParticipantId) {
        if self.dominant == Some(who) {
            self.dominant = None;
        }
        self.loudest.retain(|speaker| *speaker != who);
        self.recent.retain(|speaker| *speaker != who);
    }
}

impl Room {
    pub(super) fn dominant(&mut self, speaker: Option<ParticipantId>, out: &mut Output) {
        let speaker = speaker.filter(|speaker| self.participants.contains_key(speaker));
        if self.speakers.dominant == speaker {
            return;
        }
        self.speakers.dominant = speaker;
        if let Some(speaker) = speaker {
            self.speakers.recent.retain(|earlier| *earlier != speaker);
            self.speakers.recent.insert(0, speaker);
            self.is_dirty = true;
        }
        out.tell(self.listeners(None), self.speakers.now());
    }

    pub(super) fn loudest(&mut self, mut speakers: Vec<ParticipantId>, out: &mut Output) {
        speakers.retain(|speaker| self.participants.contains_key(speaker));
        speakers.sort_unstable();
        speakers.dedup();
        if self.speakers.loudest != speakers {
            self.speakers.loudest = speakers;
            out.tell(self.listeners(None), self.speakers.now());
        }
    }
}
