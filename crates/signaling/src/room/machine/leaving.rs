//! How somebody goes: by its own wish, by a lost socket, by a moderator; and how a room ends.

use super::participant::{Form, Participant, Presence};
use super::{Asker, Machine, Moment, Place};
use crate::room::answer::{LeaveReason, ServerMessage};
use crate::room::effect::Effect;
use crate::room::id::{ParticipantId, RoomId};
use crate::room::refusal::Refusal;
use crate::socket::{CloseReason, Departure};
use crate::webhook::Event;

/// Why a room ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RoomEnd {
    ByModerator,
    Failed,
    Shutdown,
}

impl RoomEnd {
    const fn label(self) -> &'static str {
        match self {
            Self::ByModerator => "ended",
            Self::Failed => "failed",
            Self::Shutdown => "shutdown",
        }
    }
}

impl Machine {
    pub(super) fn leave(&mut self, now: Moment, asker: Asker) -> Result<(), Refusal> {
        let connection = self.connections.get_mut(&asker.connection).ok_or(Refusal::NotInRoom)?;
        let place = std::mem::replace(&mut connection.place, Place::Outside);
        match place {
            Place::Outside => return Err(Refusal::NotInRoom),
            Place::AtDoor(id) => {
                if let Some(room) = self.rooms.get_mut(&id) {
                    room.forget_waiting(asker.connection);
                }
                self.output.reply(asker, ServerMessage::Left);
                self.settle(now, id);
            }
            Place::Seat(id, who) => {
                let gone = self.vacate(now, id, who, LeaveReason::Left);
                if gone.is_some_and(|gone| matches!(gone.form, Form::Keel(_))) {
                    self.output.reply(asker, ServerMessage::Left);
                }
                self.settle(now, id);
            }
        }
        Ok(())
    }

    /// A participant's socket is gone.
    pub(super) fn lose(&mut self, now: Moment, id: RoomId, who: ParticipantId, how: Departure) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let Some(participant) = room.participants.get_mut(&who) else { return };
        let comes_back = how == Departure::Lost && matches!(participant.form, Form::Keel(_));
        if comes_back {
            participant.presence = Presence::Away { until: now.steady + self.limits.rooms.resume_max };
            let away = ServerMessage::ParticipantAway { participant: who };
            self.output.tell(room.listeners(Some(who)), away);
        } else {
            let reason = if how == Departure::GoneAway { LeaveReason::Left } else { LeaveReason::Lost };
            self.vacate(now, id, who, reason);
        }
        self.settle(now, id);
    }

    /// A participant cannot be served: it is told and goes.
    pub(super) fn fail(&mut self, now: Moment, id: RoomId, who: ParticipantId) {
        self.send_away(
            now,
            id,
            who,
            LeaveReason::Failed,
            "the server could not serve your connection".to_owned(),
        );
    }

    /// Somebody is made to go.
    pub(super) fn send_away(
        &mut self,
        now: Moment,
        id: RoomId,
        who: ParticipantId,
        reason: LeaveReason,
        words: String,
    ) {
        if let Some(gone) = self.vacate(now, id, who, reason)
            && let Some(connection) = gone.presence.connection()
        {
            self.output.tell(vec![connection], ServerMessage::Removed { reason: words });
            self.put_out(&gone);
        }
        self.settle(now, id);
    }

    /// Takes a participant out of its room. The last one's going ends the room's media.
    pub(super) fn vacate(
        &mut self,
        now: Moment,
        id: RoomId,
        who: ParticipantId,
        reason: LeaveReason,
    ) -> Option<Participant> {
        let room = self.rooms.get_mut(&id)?;
        let gone = room.remove(who, reason, &mut self.output)?;
        if room.participants.is_empty() {
            room.empty_until = Some(now.steady + self.limits.rooms.empty_max);
            room.pipeline = None;
            room.forget_streams();
            if let Some(media) = room.media.take() {
                self.rooms_by_media.remove(&media);
                self.output.push(Effect::EndMedia { media });
            }
        }
        Some(gone)
    }

    /// The room is over for everybody.
    pub(super) fn end_room(&mut self, now: Moment, id: RoomId, end: RoomEnd) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        if let super::room::Door::Loading(waiting) = &mut room.door {
            for (asker, ..) in std::mem::take(waiting) {
                if let Some(connection) = self.connections.get_mut(&asker.connection) {
                    connection.place = Place::Outside;
                }
                self.output.refuse(asker, Refusal::ShuttingDown);
            }
        }
        let ended = ServerMessage::RoomEnded { reason: end.label() };
        let everybody = [room.listeners(None), room.kurento_listeners(None)].concat();
        self.output.tell(everybody, ended);
        if let Some(media) = room.media.take() {
            self.rooms_by_media.remove(&media);
            self.output.push(Effect::EndMedia { media });
        }
        let gone = std::mem::take(&mut room.participants);
        room.shown.clear();
        room.tracks.clear();
        let name = room.name.to_string();
        for (who, participant) in &gone {
            self.output.push(Effect::Announce(Event::Left {
                room: name.clone(),
                participant: *who,
                name: participant.name.to_string(),
                reason: LeaveReason::RoomEnded,
            }));
            self.put_out(participant);
        }
        self.forget_room(id, end == RoomEnd::ByModerator);
        self.settle(now, id);
    }

    /// The connection of somebody who is no longer in a room. One of Kurento's form has no use for it.
    fn put_out(&mut self, gone: &Participant) {
        let Presence::Here(connection) = gone.presence else { return };
        match gone.form {
            Form::Keel(_) => {
                if let Some(known) = self.connections.get_mut(&connection) {
                    known.place = Place::Outside;
                }
            }
            Form::Kurento(_) => {
                self.connections.remove(&connection);
                self.output.push(Effect::Close { connection, reason: CloseReason::Removed });
            }
        }
    }

    pub(super) fn forget_room(&mut self, id: RoomId, forgets_chat: bool) {
        let Some(mut room) = self.rooms.remove(&id) else { return };
        self.ids_by_name.remove(&room.name);
        if let Some(deadline) = room.swap_deadline(None) {
            self.deadlines.remove(&(deadline, id));
        }
        self.output.push(Effect::Announce(Event::RoomEnded { room: room.name.to_string() }));
        if forgets_chat {
            self.output.push(Effect::Forget { thread: room.thread() });
        }
    }

    /// A room's time has come: participants that did not come back go, an empty room ends, news of quality
    /// are told.
    pub(super) fn wake(&mut self, now: Moment, id: RoomId) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        room.swap_deadline(None);
        let is_due = |until: Option<std::time::Instant>| until.is_some_and(|until| until <= now.steady);
        if is_due(room.empty_until) {
            if room.nobody_waits() {
                return self.forget_room(id, false);
            }
            // Its history is still being read; who waits for it comes in then.
            room.empty_until = Some(now.steady + self.limits.rooms.empty_max);
        }
        room.tell_quality(now.steady, &mut self.output);
        let lost: Vec<ParticipantId> = room
            .participants
            .iter()
            .filter(|(_, participant)| is_due(participant.presence.until()))
            .map(|(who, _)| *who)
            .collect();
        for who in lost {
            self.vacate(now, id, who, LeaveReason::Lost);
        }
        self.settle(now, id);
    }
}
