//! Rooms without sockets, clocks, media or a store: requests and reports in, effects out.
//!
//! [`entering`] is how somebody comes in, [`leaving`] how they go; [`room`] is what a room knows, and what it
//! does with a request is in [`publishing`], [`subscribing`], [`viewing`], [`chatting`], [`moderating`] and
//! [`kurento`]; [`streaming`] joins rooms and livestreams. [`overseeing`] is what the administrator sees and does.
//! What each participant should receive is worked out anew after every change and compared with what media was
//! last told ([`subscribing`]), so no order of events can leave the two apart.
//!
//! One task owns the machine (`room/mod.rs`), so it needs no lock; `now` is an argument everywhere, and chance
//! comes from the generator it was made with.

mod chatting;
mod entering;
mod kurento;
mod leaving;
mod moderating;
mod overseeing;
mod participant;
mod publishing;
mod quality;
mod room;
mod speakers;
mod streaming;
mod subscribing;
#[cfg(test)]
mod tests;
mod viewing;

use super::answer::ServerMessage;
use super::effect::{Effect, MediaCommand, MediaReport};
use super::id::{MediaId, Numbers, ParticipantId, RoomId, RoomName};
use super::message::{ClientMessage, Request};
use super::refusal::Refusal;
use crate::auth::{Permit, Wanted};
use crate::config::IceServer;
use crate::limits::{Bucket, Limits, RateLimiter};
use crate::live::{self, StreamName};
use crate::socket::{CloseReason, ConnectionId, Departure};
use crate::store::{ChatPage, UnixMillis};
use rand::rngs::StdRng;
use room::Room;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// All rooms of a server and the connections to them.
pub(crate) struct Machine {
    limits: Arc<Limits>,
    ice_servers: Vec<IceServer>,
    random: StdRng,
    numbers: Numbers,
    connections: BTreeMap<ConnectionId, Connection>,
    rooms: BTreeMap<RoomId, Room>,
    ids_by_name: BTreeMap<RoomName, RoomId>,
    rooms_by_media: BTreeMap<MediaId, RoomId>,
    joins: RateLimiter,
    /// One entry for each room that wants to be woken.
    deadlines: BTreeSet<(Instant, RoomId)>,
    last_message: u64,
    stopping: bool,
    output: Output,
}

/// One client. It exists from the WebSocket's opening to its end.
struct Connection {
    address: IpAddr,
    permit: Permit,
    messages: Bucket,
    chat: Bucket,
    place: Place,
    /// Whether a page of history is being read for it.
    reads_history: bool,
}

/// Where a connection is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    /// Waits for the history of the room.
    AtDoor(RoomId),
    Seat(RoomId, ParticipantId),
}

/// When something happens: on the steady clock, which counts, and on the wall, which people read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) steady: Instant,
    pub(crate) wall: UnixMillis,
}

/// What is to be done, in order.
#[derive(Default)]
struct Output(VecDeque<Effect>);

impl Output {
    fn reply(&mut self, to: Asker, message: ServerMessage) {
        self.0.push_back(Effect::Reply { to: to.connection, request: to.request, message });
    }

    /// The answer to a request that has no reply of its own; only to those who want one.
    fn done(&mut self, to: Asker) {
        if to.request.is_some() {
            self.reply(to, ServerMessage::Done);
        }
    }

    fn refuse(&mut self, to: Asker, refusal: Refusal) {
        self.0.push_back(Effect::Refuse { to: to.connection, request: to.request, refusal });
    }

    fn tell(&mut self, to: Vec<ConnectionId>, message: ServerMessage) {
        if !to.is_empty() {
            self.0.push_back(Effect::Tell { to, message });
        }
    }

    fn media(&mut self, media: MediaId, command: MediaCommand) {
        self.0.push_back(Effect::Media { media, command });
    }

    fn push(&mut self, effect: Effect) {
        self.0.push_back(effect);
    }
}

/// Whom a request's answer is for.
#[derive(Clone, Copy, Debug)]
struct Asker {
    connection: ConnectionId,
    request: Option<u64>,
}

impl Machine {
    /// `first_number` is where identifiers begin: above all that an earlier process gave, since the history
    /// keeps them.
    pub(crate) fn new(
        limits: Limits,
        ice_servers: Vec<IceServer>,
        random: StdRng,
        first_number: u64,
    ) -> Self {
        Self {
            ice_servers,
            random,
            numbers: Numbers::starting_at(first_number),
            connections: BTreeMap::new(),
            rooms: BTreeMap::new(),
            ids_by_name: BTreeMap::new(),
            rooms_by_media: BTreeMap::new(),
            joins: RateLimiter::new(limits.rooms.joins_per_address),
            deadlines: BTreeSet::new(),
            last_message: 0,
            stopping: false,
            output: Output::default(),
            limits: Arc::new(limits),
        }
    }

    /// A client has connected, who may do what `permit` says.
    pub(crate) fn handle_connected(&mut self, connection: ConnectionId, address: IpAddr, permit: Permit) {
        if self.stopping {
            self.output.push(Effect::Close { connection, reason: CloseReason::ShuttingDown });
            return;
        }
        let fresh = Connection {
            address,
            permit,
            messages: Bucket::new(self.limits.rooms.messages),
            chat: Bucket::new(self.limits.rooms.chat),
            place: Place::Outside,
            reads_history: false,
        };
        self.connections.insert(connection, fresh);
    }

    /// A client asks for something. From a connection that the machine has closed, it is ignored.
    pub(crate) fn handle_request(&mut self, now: Moment, from: ConnectionId, request: Request) {
        let Some(connection) = self.connections.get_mut(&from) else { return };
        let asker = Asker { connection: from, request: request.number };
        if !connection.messages.take(now.steady) {
            self.output.refuse(asker, Refusal::TooFast);
            return;
        }
        if let Err(refusal) = self.dispatch(now, asker, request.message) {
            self.output.refuse(asker, refusal);
        }
    }

    fn dispatch(&mut self, now: Moment, asker: Asker, message: ClientMessage) -> Result<(), Refusal> {
        match message {
            ClientMessage::CreateRoom { room, size_max } => self.create_room(now, asker, room, size_max),
            ClientMessage::Join { room, name, token, resume_token, fresh } => {
                let ticket = entering::Ticket { token, resume_token, fresh, speaks: entering::Speaks::Keel };
                self.join(now, asker, &room, &name, ticket)
            }
            ClientMessage::JoinRoom { name, room } => {
                let ticket = entering::Ticket::of_kurento();
                self.join(now, asker, &room, &name, ticket)
            }
            ClientMessage::Leave | ClientMessage::LeaveRoom => self.leave(now, asker),
            message => self.ask_room(now, asker, message),
        }
    }

    /// What is a matter of the asker's room.
    fn ask_room(&mut self, now: Moment, asker: Asker, message: ClientMessage) -> Result<(), Refusal> {
        let connection = self.connections.get_mut(&asker.connection).ok_or(Refusal::NotInRoom)?;
        let (id, who) = match connection.place {
            Place::Outside => return Err(Refusal::NotInRoom),
            Place::AtDoor(_) => return Err(Refusal::Busy),
            Place::Seat(room, who) => (room, who),
        };
        let is_chat = matches!(
            message,
            ClientMessage::Chat { .. } | ClientMessage::Typing { .. } | ClientMessage::React { .. }
        );
        if is_chat && !connection.chat.take(now.steady) {
            return Err(Refusal::TooFast);
        }
        let room = self.rooms.get_mut(&id).ok_or(Refusal::NotInRoom)?;
        let out = &mut self.output;
        match message {
            ClientMessage::Publish { sdp_offer, tracks } => {
                room.publish(&mut self.numbers, asker, who, sdp_offer, tracks, out)?;
            }
            ClientMessage::Answer { version, sdp_answer } => {
                room.answer(asker, who, version, sdp_answer, out)?;
            }
            ClientMessage::RestartIce => room.restart_ice(asker, who, out)?,
            ClientMessage::OpenData => room.open_data(asker, who, out)?,
            ClientMessage::OnIceCandidate { candidate, connection, name } => {
                room.candidate(asker, who, connection, name.as_deref(), candidate, out)?;
            }
            ClientMessage::View { tracks, last_n } => room.view(asker, who, &tracks, last_n, out)?,
            ClientMessage::Mute { track, muted } => room.mute(asker, who, &track, muted, out)?,
            ClientMessage::Chat { text } => {
                self.last_message = now.wall.0.max(self.last_message + 1);
                room.chat(asker, who, text, self.last_message, now.wall, out)?;
            }
            ClientMessage::History { before, count } => {
                if connection.reads_history {
                    return Err(Refusal::Busy);
                }
                connection.reads_history = true;
                room.history(asker, before, count, out);
            }
            ClientMessage::Typing { typing } => room.typing(asker, who, typing, out),
            ClientMessage::React { reaction } => room.react(asker, who, reaction, out)?,
            ClientMessage::ReceiveVideoFrom { sender, sdp_offer } => {
                room.receive_from(&mut self.numbers, who, &sender, sdp_offer, out)?;
            }
            ClientMessage::ShowStream { stream, name } => {
                let stream = stream_name(&stream)?;
                connection.permit.allow(Wanted::Subscribe(stream.as_str()))?;
                room.show_stream(&mut self.numbers, asker, who, stream, name.as_deref(), out)?;
            }
            ClientMessage::Broadcast { stream } => {
                let stream = stream_name(&stream)?;
                connection.permit.allow(Wanted::Publish(stream.as_str()))?;
                room.broadcast(&mut self.numbers, asker, who, stream, out)?;
            }
            ClientMessage::EndBroadcast => room.end_broadcast(asker, who, out)?,
            ClientMessage::Moderate { action } => return self.moderate(now, asker, id, who, action),
            ClientMessage::CreateRoom { .. }
            | ClientMessage::Join { .. }
            | ClientMessage::JoinRoom { .. }
            | ClientMessage::Leave
            | ClientMessage::LeaveRoom => unreachable!("dispatch() keeps these"),
        }
        self.settle(now, id);
        Ok(())
    }

    /// A connection has ended. Its participant keeps its place for a while, if it may come back.
    pub(crate) fn handle_disconnected(&mut self, now: Moment, connection: ConnectionId, how: Departure) {
        let Some(gone) = self.connections.remove(&connection) else { return };
        match gone.place {
            Place::Outside => {}
            Place::AtDoor(id) => {
                if let Some(room) = self.rooms.get_mut(&id) {
                    room.forget_waiting(connection);
                    self.settle(now, id);
                }
            }
            Place::Seat(id, who) => self.lose(now, id, who, how),
        }
    }

    /// What the media of a room says. Of media that is over, nobody needs to hear.
    pub(crate) fn handle_media(&mut self, now: Moment, media: MediaId, report: MediaReport) {
        let Some(id) = self.rooms_by_media.get(&media).copied() else { return };
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let out = &mut self.output;
        match report {
            MediaReport::Started { pipeline } => {
                room.pipeline = Some(pipeline);
                return;
            }
            MediaReport::Published { participant, sdp_answer, live } => {
                room.published(participant, sdp_answer, &live, out);
            }
            MediaReport::PublishFailed { participant, words } => {
                room.publish_failed(participant, words, out);
            }
            MediaReport::Offered { participant, version, sdp_offer, lines, refused } => {
                room.offered(participant, version, sdp_offer, lines, refused, out);
            }
            MediaReport::Answered { participant, version, refused } => {
                room.answered(participant, version, refused, out);
            }
            MediaReport::AnswerFailed { participant, version, words } => {
                room.answer_failed(participant, version, words, out);
            }
            MediaReport::Received { viewer, sender, sdp_answer, live } => {
                room.received(viewer, sender, sdp_answer, &live, out);
            }
            MediaReport::ReceiveFailed { viewer, sender, words } => {
                room.receive_failed(viewer, sender, words, out);
            }
            MediaReport::Candidate { participant, leg, candidate } => {
                room.candidate_found(participant, leg, candidate, out);
                return;
            }
            MediaReport::ReceiveCandidate { viewer, sender, candidate } => {
                room.receive_candidate_found(viewer, sender, candidate, out);
                return;
            }
            MediaReport::BridgeOpened { bridge } => room.bridge_opened(bridge, out),
            MediaReport::BridgeRefused { bridge, refusal } => room.bridge_refused(bridge, refusal, out),
            MediaReport::BridgeEnded { bridge } => room.bridge_ended(bridge, out),
            MediaReport::Dominant(speaker) => room.dominant(speaker, out),
            MediaReport::Loudest(speakers) => room.loudest(speakers, out),
            MediaReport::Encodings { track, active } => {
                room.encodings(track, active, out);
                return;
            }
            MediaReport::LeftOut { participant, tracks } => room.left_out(participant, &tracks),
            MediaReport::Sample { participant, sample } => room.sample(now.steady, participant, sample, out),
            MediaReport::OfferFailed { participant, words } => {
                tracing::warn!(?participant, words, "a participant cannot be served");
                return self.fail(now, id, participant);
            }
            MediaReport::Failed(words) => {
                tracing::error!(room = ?id, words, "the media of a room failed");
                return self.end_room(now, id, leaving::RoomEnd::Failed);
            }
        }
        self.settle(now, id);
    }

    /// The newest messages of a room, read from the store; the room opens.
    pub(crate) fn handle_tail(&mut self, now: Moment, id: RoomId, page: ChatPage) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let waiting = room.open(page);
        for (asker, name, ticket) in waiting {
            if let Some(connection) = self.connections.get_mut(&asker.connection) {
                connection.place = Place::Outside;
                self.enter(now, asker, id, name, ticket);
            }
        }
        self.settle(now, id);
    }

    /// A page of history that a client asked for; `None` when it could not be read.
    pub(crate) fn handle_history(
        &mut self,
        connection: ConnectionId,
        request: Option<u64>,
        page: Option<ChatPage>,
    ) {
        let Some(asking) = self.connections.get_mut(&connection) else { return };
        asking.reads_history = false;
        let asker = Asker { connection, request };
        match page {
            Some(ChatPage { messages, more }) => {
                self.output.reply(asker, ServerMessage::ChatHistory { messages, more });
            }
            None => self.output.refuse(asker, Refusal::NoHistory),
        }
    }

    /// Does what is due by now.
    pub(crate) fn handle_timeout(&mut self, now: Moment) {
        while let Some((deadline, id)) = self.deadlines.first().copied()
            && deadline <= now.steady
        {
            self.deadlines.remove(&(deadline, id));
            self.wake(now, id);
        }
    }

    /// The server stops: every room ends with a word to all in it, every connection closes, and nothing new
    /// begins.
    pub(crate) fn handle_shutdown(&mut self, now: Moment) {
        self.stopping = true;
        while let Some((id, _)) = self.rooms.first_key_value() {
            self.end_room(now, *id, leaving::RoomEnd::Shutdown);
        }
        while let Some((connection, _)) = self.connections.pop_first() {
            self.output.push(Effect::Close { connection, reason: CloseReason::ShuttingDown });
        }
    }

    /// The next thing to do.
    pub(crate) fn poll_effect(&mut self) -> Option<Effect> {
        self.output.0.pop_front()
    }

    /// When [`Self::handle_timeout`] is wanted.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    pub(crate) fn rooms(&self) -> usize {
        self.rooms.len()
    }

    pub(crate) fn participants(&self) -> usize {
        self.rooms.values().map(Room::len).sum()
    }

    /// Participants with data channels.
    pub(crate) fn data_participants(&self) -> usize {
        self.rooms.values().map(Room::data_participants).sum()
    }

    /// After every change of a room: what its participants receive follows, and so does the time at which it
    /// wants to be woken.
    fn settle(&mut self, now: Moment, id: RoomId) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        if room.is_locked && room.participants.is_empty() {
            // Nobody is left to open it; and what was said behind the lock is not for who comes next.
            return self.forget_room(id, true);
        }
        room.follow(&mut self.output);
        let due = room.due(now.steady);
        let before = room.swap_deadline(due);
        if before != due {
            if let Some(before) = before {
                self.deadlines.remove(&(before, id));
            }
            if let Some(due) = due {
                self.deadlines.insert((due, id));
            }
        }
    }
}

fn stream_name(text: &str) -> Result<StreamName, Refusal> {
    Ok(StreamName::parse(text).map_err(live::Refusal::BadName)?)
}
