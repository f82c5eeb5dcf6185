//! How a room is made and somebody comes in: anew, as a moderator, or as who it was before.

use super::kurento::KurentoSide;
use super::participant::{Form, KeelSide, Participant, Presence};
use super::quality::Quality;
use super::room::{Door, Room};
use super::{Asker, Machine, Moment, Output, Place};
use crate::auth::{Permit, Wanted};
use crate::config::IceServer;
use crate::room::answer::{Joined, LeaveReason, ServerMessage};
use crate::room::effect::{Effect, Entered};
use crate::room::id::{ParticipantId, RoomId, RoomName};
use crate::room::refusal::Refusal;
use crate::room::secret::{RoomToken, draw_room_name};
use crate::socket::{CloseReason, ConnectionId};
use crate::user_name::UserName;
use crate::webhook::Event;
use std::time::Instant;

/// The fewest that a room is made for.
const SIZE_MIN: usize = 2;

/// What somebody shows at the door.
pub(super) struct Ticket {
    pub(super) token: Option<String>,
    pub(super) resume_token: Option<String>,
    pub(super) fresh: bool,
    pub(super) speaks: Speaks,
}

/// The form of the protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    Keel,
    Kurento,
}

/// What somebody was until a moment ago, who now comes in anew.
#[derive(Clone, Copy)]
struct Before {
    is_moderator: bool,
}

/// Who waits at the door of a room whose chat is being read.
pub(super) type Waiting = (Asker, UserName, Ticket);

impl Ticket {
    /// Kurento's form knows no tokens.
    pub(super) fn of_kurento() -> Self {
        Self { token: None, resume_token: None, fresh: false, speaks: Speaks::Kurento }
    }
}

impl Machine {
    pub(super) fn create_room(
        &mut self,
        now: Moment,
        asker: Asker,
        name: Option<String>,
        size_max: Option<u32>,
    ) -> Result<(), Refusal> {
        self.take_join_token(now.steady, asker)?;
        let name = match name {
            Some(name) => RoomName::parse(&name)?,
            None => RoomName::parse(&draw_room_name(&mut self.random))?,
        };
        // The answer has the token of its moderators.
        self.permit(asker)?.allow_to_own(name.as_str())?;
        let created = self.make_in_advance(now, Some(name), size_max)?;
        self.output.reply(asker, ServerMessage::RoomCreated(created));
        Ok(())
    }

    pub(super) fn join(
        &mut self,
        now: Moment,
        asker: Asker,
        room: &str,
        name: &str,
        ticket: Ticket,
    ) -> Result<(), Refusal> {
        match self.examine(now, asker, room, name) {
            Ok((id, name)) => {
                if let Some(Room { door: Door::Loading(waiting), size_max, .. }) = self.rooms.get_mut(&id) {
                    if waiting.len() >= *size_max {
                        return self.turn_away(Refusal::RoomFull);
                    }
                    waiting.push((asker, name, ticket));
                    if let Some(connection) = self.connections.get_mut(&asker.connection) {
                        connection.place = Place::AtDoor(id);
                    }
                } else {
                    self.enter(now, asker, id, name, ticket);
                }
                self.settle(now, id);
                Ok(())
            }
            Err(refusal) => self.turn_away(refusal),
        }
    }

    fn turn_away(&mut self, refusal: Refusal) -> Result<(), Refusal> {
        self.output.push(Effect::CountJoin(Err(refusal.code())));
        Err(refusal)
    }

    /// What can be said before the room is asked; makes the room if there is none.
    fn examine(
        &mut self,
        now: Moment,
        asker: Asker,
        room: &str,
        name: &str,
    ) -> Result<(RoomId, UserName), Refusal> {
        self.take_join_token(now.steady, asker)?;
        match self.connections.get(&asker.connection).map(|connection| connection.place) {
            Some(Place::Outside) => {}
            Some(Place::AtDoor(_)) => return Err(Refusal::Busy),
            _ => return Err(Refusal::AlreadyInRoom),
        }
        let name = UserName::parse(name)?;
        let room = RoomName::parse(room)?;
        let permit = self.permit(asker)?;
        permit.allow(Wanted::Room(room.as_str()))?;
        if permit.name().is_some_and(|own| *own != name) {
            return Err(Refusal::OtherName);
        }
        let id = match self.ids_by_name.get(&room) {
            Some(id) => *id,
            None => self.make_room(now, room, self.limits.rooms.size_max, true)?.0,
        };
        Ok((id, name))
    }

    fn permit(&self, asker: Asker) -> Result<&Permit, Refusal> {
        self.connections.get(&asker.connection).map(|known| &known.permit).ok_or(Refusal::ShuttingDown)
    }

    fn take_join_token(&mut self, now: Instant, asker: Asker) -> Result<(), Refusal> {
        if self.stopping {
            return Err(Refusal::ShuttingDown);
        }
        let address = self.connections.get(&asker.connection).map(|connection| connection.address);
        let address = address.ok_or(Refusal::ShuttingDown)?;
        if self.joins.take(now, address) { Ok(()) } else { Err(Refusal::TooFast) }
    }

    pub(super) fn room_size(&self, wanted: Option<u32>) -> Result<usize, Refusal> {
        let max = self.limits.rooms.size_max;
        let Some(wanted) = wanted else { return Ok(max) };
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        if (SIZE_MIN..=max).contains(&wanted) { Ok(wanted) } else { Err(Refusal::BadSize(max)) }
    }

    /// A new room, and its moderators' token.
    pub(super) fn make_room(
        &mut self,
        now: Moment,
        name: RoomName,
        size_max: usize,
        is_made_by_joining: bool,
    ) -> Result<(RoomId, RoomToken), Refusal> {
        if self.rooms.len() >= self.limits.rooms.rooms_max {
            return Err(Refusal::TooManyRooms);
        }
        let id = self.numbers.room();
        let token = RoomToken::draw(&mut self.random);
        let limits = self.limits.clone();
        let room = Room::new(name.clone(), limits, size_max, is_made_by_joining, token.clone(), now.steady);
        self.output.push(Effect::Announce(Event::RoomStarted { room: name.to_string() }));
        self.output.push(Effect::LoadTail { room: id, thread: room.thread() });
        self.rooms.insert(id, room);
        self.ids_by_name.insert(name, id);
        Ok((id, token))
    }

    /// The last step: the room's chat is known.
    pub(super) fn enter(&mut self, now: Moment, asker: Asker, id: RoomId, name: UserName, ticket: Ticket) {
        let before = ticket.resume_token.as_deref().and_then(|token| self.rooms.get(&id)?.holder_of(token));
        let entered = match before {
            Some(who) if ticket.fresh => {
                // The page that was reloaded is who it was before, but its media is gone.
                let before = Before { is_moderator: self.is_moderator(id, who) };
                self.replace_connection(now, id, who);
                self.vacate(now, id, who, LeaveReason::Left);
                self.sit_down(asker, id, name, &ticket, Some(before)).map(|()| Entered::Anew)
            }
            Some(who) => {
                self.resume(now, asker, id, who);
                Ok(Entered::Resumed)
            }
            None => self.sit_down(asker, id, name, &ticket, None).map(|()| Entered::Anew),
        };
        self.output.push(Effect::CountJoin(entered.as_ref().map(|entered| *entered).map_err(Refusal::code)));
        if let Err(refusal) = entered {
            self.output.refuse(asker, refusal);
        }
    }

    fn is_moderator(&self, id: RoomId, who: ParticipantId) -> bool {
        let room = self.rooms.get(&id);
        room.and_then(|room| room.participants.get(&who)).is_some_and(|known| known.is_moderator)
    }

    /// A new participant.
    fn sit_down(
        &mut self,
        asker: Asker,
        id: RoomId,
        name: UserName,
        ticket: &Ticket,
        before: Option<Before>,
    ) -> Result<(), Refusal> {
        let permit = self.permit(asker)?.clone();
        let room = self.rooms.get_mut(&id).ok_or(Refusal::NotInRoom)?;
        let shows_token = match &ticket.token {
            Some(token) if room.moderator_token.matches(token) => true,
            Some(_) => return Err(Refusal::BadToken),
            None => before.is_some_and(|before| before.is_moderator),
        };
        let shows_token = shows_token || permit.allow(Wanted::Moderate(room.name.as_str())).is_ok();
        if room.is_locked && !shows_token && before.is_none() {
            return Err(Refusal::RoomLocked);
        }
        if room.named(name.as_str()).is_some() {
            return Err(Refusal::NameTaken);
        }
        if room.len() >= room.size_max {
            return Err(Refusal::RoomFull);
        }
        // Who makes a room by joining it is its moderator; one made in advance has its token's holders.
        // Where tokens name the moderators, coming first makes none.
        let is_creator = !room.was_entered
            && room.is_made_by_joining
            && ticket.speaks == Speaks::Keel
            && permit.allow_to_own(room.name.as_str()).is_ok();
        let is_moderator = shows_token || is_creator;
        room.was_entered = true;
        if room.media.is_none() {
            let media = self.numbers.media();
            room.media = Some(media);
            self.rooms_by_media.insert(media, id);
            self.output.push(Effect::StartMedia { media });
        }
        let who = self.numbers.participant();
        let participant = Participant {
            name: name.clone(),
            is_moderator,
            presence: Presence::Here(asker.connection),
            resume_token: RoomToken::draw(&mut self.random),
            quality: Quality::default(),
            form: match ticket.speaks {
                Speaks::Keel => Form::Keel(Box::<KeelSide>::default()),
                Speaks::Kurento => Form::Kurento(KurentoSide::default()),
            },
        };
        let out = &mut self.output;
        out.push(Effect::Announce(Event::Joined {
            room: room.name.to_string(),
            participant: who,
            name: name.to_string(),
            moderator: is_moderator,
        }));
        let joined = ServerMessage::ParticipantJoined {
            participant: who,
            name: name.to_string(),
            moderator: is_moderator,
            stream: None,
        };
        out.tell(room.listeners(None), joined);
        out.tell(
            room.kurento_listeners(None),
            ServerMessage::NewParticipantArrived { name: name.to_string() },
        );
        room.participants.insert(who, participant);
        room.empty_until = None;
        room.is_dirty = true;
        match ticket.speaks {
            Speaks::Keel => {
                let token = is_moderator.then(|| room.moderator_token.clone());
                out.reply(asker, room.welcome(who, token, false, self.ice_servers.clone()));
                room.describe_now(asker.connection, out);
            }
            Speaks::Kurento => {
                let data = room.others(who).into_iter().map(|other| other.name).collect();
                out.reply(asker, ServerMessage::ExistingParticipants { data });
            }
        }
        self.take_place(asker, Place::Seat(id, who));
        Ok(())
    }

    /// Somebody whose socket was lost, or hangs, is back.
    fn resume(&mut self, now: Moment, asker: Asker, id: RoomId, who: ParticipantId) {
        let was_away = self.replace_connection(now, id, who);
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let Some(participant) = room.participants.get_mut(&who) else { return };
        participant.presence = Presence::Here(asker.connection);
        let token = participant.is_moderator.then(|| room.moderator_token.clone());
        let out = &mut self.output;
        out.reply(asker, room.welcome(who, token, true, self.ice_servers.clone()));
        room.describe_now(asker.connection, out);
        if was_away {
            out.tell(room.listeners(Some(who)), ServerMessage::ParticipantBack { participant: who });
        }
        room.repeat_offer(asker.connection, who, out);
        room.is_dirty = true;
        self.take_place(asker, Place::Seat(id, who));
    }

    /// The participant's earlier connection, if it has one still, is closed. Whether it was away.
    fn replace_connection(&mut self, now: Moment, id: RoomId, who: ParticipantId) -> bool {
        let Some(room) = self.rooms.get_mut(&id) else { return false };
        let Some(participant) = room.participants.get_mut(&who) else { return false };
        let away = Presence::Away { until: now.steady };
        match std::mem::replace(&mut participant.presence, away) {
            Presence::Away { .. } => true,
            Presence::Here(connection) => {
                self.connections.remove(&connection);
                self.output.push(Effect::Close { connection, reason: CloseReason::Replaced });
                false
            }
        }
    }

    fn take_place(&mut self, asker: Asker, place: Place) {
        if let Some(connection) = self.connections.get_mut(&asker.connection) {
            connection.place = place;
        }
    }
}

impl Room {
    /// What changes often, for who has just come in.
    fn describe_now(&self, to: ConnectionId, out: &mut Output) {
        if let Some(message) = self.speakers.message() {
            out.tell(vec![to], message);
        }
        if let Some(message) = self.quality_now() {
            out.tell(vec![to], message);
        }
    }

    /// Whose resume token this is.
    fn holder_of(&self, token: &str) -> Option<ParticipantId> {
        // All are compared, so that the time does not tell which one was met.
        self.participants.iter().fold(None, |met, (id, participant)| {
            if participant.resume_token.matches(token) { Some(*id) } else { met }
        })
    }

    fn welcome(
        &self,
        who: ParticipantId,
        moderator_token: Option<RoomToken>,
        resumed: bool,
        ice_servers: Vec<IceServer>,
    ) -> ServerMessage {
        let me = self.participants.get(&who).expect("the room has just seated it");
        let (messages, more) = match &self.door {
            Door::Open(tail) => (tail.messages.iter().cloned().collect(), tail.more),
            Door::Loading(_) => (Vec::new(), false),
        };
        ServerMessage::Joined(Box::new(Joined {
            room: self.name.to_string(),
            participant: who,
            resume_token: me.resume_token.clone(),
            moderator_token,
            moderator: me.is_moderator,
            locked: self.is_locked,
            size_max: u32::try_from(self.size_max).unwrap_or(u32::MAX),
            participants: self.others(who),
            messages,
            more,
            ice_servers,
            resumed,
            tracks: if resumed { self.tracks_of(who) } else { Vec::new() },
            broadcast: self.broadcast_of(who),
        }))
    }
}
