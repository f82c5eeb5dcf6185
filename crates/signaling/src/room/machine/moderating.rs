//! What moderators do.

use super::leaving::RoomEnd;
use super::room::Mute;
use super::{Asker, Machine, Moment};
use crate::room::answer::{LeaveReason, ServerMessage};
use crate::room::id::{ParticipantId, RoomId, TrackId};
use crate::room::message::{Action, Source};
use crate::room::refusal::Refusal;

/// How much of a moderator's words to somebody who is removed is passed on.
const REASON_CHARS_MAX: usize = 200;

impl Machine {
    pub(super) fn moderate(
        &mut self,
        now: Moment,
        asker: Asker,
        id: RoomId,
        who: ParticipantId,
        action: Action,
    ) -> Result<(), Refusal> {
        let room = self.rooms.get_mut(&id).ok_or(Refusal::NotInRoom)?;
        let out = &mut self.output;
        if !room.participant(who)?.is_moderator {
            return Err(Refusal::NotModerator);
        }
        match action {
            Action::Mute { track } => {
                let (track, _) = room.track(&track)?;
                room.set_mute(track, Mute::ByModerator, out);
            }
            Action::MuteAll => {
                let heard = room.tracks.iter().filter(|(_, track)| {
                    track.owner != who && track.source == Source::Microphone && track.mute == Mute::Off
                });
                let heard: Vec<TrackId> = heard.map(|(track, _)| *track).collect();
                for track in heard {
                    room.set_mute(track, Mute::ByModerator, out);
                }
            }
            Action::Remove { participant, reason } => {
                if let Some(entry) = room.shown_as(&participant) {
                    room.hide_stream(entry, LeaveReason::Removed, out);
                } else {
                    let gone = present(room, &participant)?;
                    out.done(asker);
                    self.send_away(now, id, gone, LeaveReason::Removed, parting_words(reason));
                    return Ok(());
                }
            }
            Action::Promote { participant } => {
                let promoted = present(room, &participant)?;
                room.participant(promoted)?.is_moderator = true;
                let to = room.listeners(None);
                out.tell(to, ServerMessage::Moderator { participant: promoted, moderator: true });
            }
            Action::Lock { locked } => {
                room.is_locked = locked;
                out.tell(room.listeners(None), ServerMessage::RoomLocked { locked });
            }
            Action::End => {
                out.done(asker);
                self.end_room(now, id, RoomEnd::ByModerator);
                return Ok(());
            }
        }
        out.done(asker);
        self.settle(now, id);
        Ok(())
    }
}

/// What somebody who is removed is told.
pub(super) fn parting_words(reason: Option<String>) -> String {
    let words = reason.map(|words| words.chars().take(REASON_CHARS_MAX).collect());
    words.unwrap_or_else(|| "a moderator removed you".to_owned())
}

/// A participant that a moderator means.
pub(super) fn present(room: &super::room::Room, text: &str) -> Result<ParticipantId, Refusal> {
    let id = ParticipantId::parse(text).ok_or(Refusal::UnknownParticipant)?;
    if room.participants.contains_key(&id) { Ok(id) } else { Err(Refusal::UnknownParticipant) }
}
