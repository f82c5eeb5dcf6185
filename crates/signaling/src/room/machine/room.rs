//! What a room knows.

use super::chatting::Tail;
use super::entering::Waiting;
use super::participant::{Form, Participant, Presence};
use super::speakers::Speakers;
use super::streaming::Shown;
use super::{Asker, Output};
use crate::limits::Limits;
use crate::room::answer::{LeaveReason, ParticipantInfo, ServerMessage, TrackInfo};
use crate::room::effect::{Effect, MediaCommand};
use crate::room::id::{MediaId, ParticipantId, RoomName, TrackId};
use crate::room::message::Source;
use crate::room::refusal::Refusal;
use crate::room::secret::RoomToken;
use crate::socket::ConnectionId;
use crate::store::{ChatPage, ChatThread};
use crate::user_name::UserName;
use crate::webhook::Event;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// A room, also while nobody is in it.
pub(super) struct Room {
    pub(super) name: RoomName,
    pub(super) limits: Arc<Limits>,
    pub(super) size_max: usize,
    pub(super) is_locked: bool,
    pub(super) moderator_token: RoomToken,
    /// Then whoever comes first is its moderator.
    pub(super) is_made_by_joining: bool,
    pub(super) was_entered: bool,
    pub(super) door: Door,
    pub(super) participants: BTreeMap<ParticipantId, Participant>,
    /// Livestreams among them: they count as nobody.
    pub(super) shown: BTreeMap<ParticipantId, Shown>,
    pub(super) tracks: BTreeMap<TrackId, Track>,
    pub(super) speakers: Speakers,
    /// From the first participant to the last.
    pub(super) media: Option<MediaId>,
    /// The number of its media's pipeline, once there is one.
    pub(super) pipeline: Option<u64>,
    /// While nobody is in it: when it ends.
    pub(super) empty_until: Option<Instant>,
    /// When its participants hear of their connections' quality, if anything changed.
    pub(super) quality_due: Option<Instant>,
    /// When they last did.
    pub(super) quality_told: Option<Instant>,
    deadline: Option<Instant>,
    /// Something changed that may change what participants receive.
    pub(super) is_dirty: bool,
}

/// Whether the room's chat is known.
pub(super) enum Door {
    /// It is being read; those that want to join wait, `size_max` of them at most.
    Loading(Vec<Waiting>),
    Open(Tail),
}

/// A published track.
pub(super) struct Track {
    pub(super) owner: ParticipantId,
    pub(super) source: Source,
    pub(super) size: Option<(u32, u32)>,
    pub(super) mute: Mute,
}

/// Whether a track is muted, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mute {
    Off,
    Own,
    /// Its packets are not forwarded until its owner unmutes it.
    ByModerator,
}

impl Track {
    pub(super) fn info(&self, track: TrackId) -> TrackInfo {
        TrackInfo {
            track,
            kind: self.source.kind(),
            source: self.source,
            muted: self.mute != Mute::Off,
            width: self.size.map(|(width, _)| width),
            height: self.size.map(|(_, height)| height),
        }
    }
}

impl Room {
    pub(super) fn new(
        name: RoomName,
        limits: Arc<Limits>,
        size_max: usize,
        is_made_by_joining: bool,
        moderator_token: RoomToken,
        now: Instant,
    ) -> Self {
        Self {
            name,
            size_max,
            is_locked: false,
            is_made_by_joining,
            was_entered: false,
            moderator_token,
            door: Door::Loading(Vec::new()),
            participants: BTreeMap::new(),
            shown: BTreeMap::new(),
            tracks: BTreeMap::new(),
            speakers: Speakers::default(),
            media: None,
            pipeline: None,
            empty_until: Some(now + limits.rooms.empty_max),
            quality_due: None,
            quality_told: None,
            deadline: None,
            is_dirty: false,
            limits,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.participants.len()
    }

    pub(super) fn thread(&self) -> ChatThread {
        ChatThread::of_room(&self.name)
    }

    pub(super) fn participant(&mut self, who: ParticipantId) -> Result<&mut Participant, Refusal> {
        self.participants.get_mut(&who).ok_or(Refusal::NotInRoom)
    }

    /// The connection of a participant that is not away.
    pub(super) fn connection(&self, who: ParticipantId) -> Option<ConnectionId> {
        self.participants.get(&who)?.presence.connection()
    }

    /// Whether a participant is still where it asked from: on another connection nobody waits for the answer.
    pub(super) fn awaits(&self, who: ParticipantId, asker: Asker) -> bool {
        self.connection(who) == Some(asker.connection)
    }

    /// The participant, or the livestream, with this name.
    pub(super) fn named(&self, name: &str) -> Option<ParticipantId> {
        let people = self.participants.iter().map(|(id, known)| (id, &known.name));
        let streams = self.shown.iter().map(|(id, shown)| (id, &shown.name));
        people.chain(streams).find(|(_, known)| known.as_str() == name).map(|(id, _)| *id)
    }

    /// The name of a participant or a livestream.
    pub(super) fn name_of(&self, who: ParticipantId) -> Option<&UserName> {
        let person = self.participants.get(&who).map(|known| &known.name);
        person.or_else(|| self.shown.get(&who).map(|shown| &shown.name))
    }

    /// The connections of all that speak Keel's form, but that of `except`.
    pub(super) fn listeners(&self, except: Option<ParticipantId>) -> Vec<ConnectionId> {
        self.connections(except, |form| matches!(form, Form::Keel(_)))
    }

    /// The connections of all that speak Kurento's form, but that of `except`.
    pub(super) fn kurento_listeners(&self, except: Option<ParticipantId>) -> Vec<ConnectionId> {
        self.connections(except, |form| matches!(form, Form::Kurento(_)))
    }

    fn connections(
        &self,
        except: Option<ParticipantId>,
        speaks: impl Fn(&Form) -> bool,
    ) -> Vec<ConnectionId> {
        let others =
            self.participants.iter().filter(|(id, other)| Some(**id) != except && speaks(&other.form));
        others.filter_map(|(_, other)| other.presence.connection()).collect()
    }

    pub(super) fn media(&self, command: MediaCommand, out: &mut Output) {
        if let Some(media) = self.media {
            out.media(media, command);
        }
    }

    /// The tracks of a participant, in the order in which they came.
    pub(super) fn tracks_of(&self, owner: ParticipantId) -> Vec<TrackInfo> {
        let own = self.tracks.iter().filter(|(_, track)| track.owner == owner);
        own.map(|(id, track)| track.info(*id)).collect()
    }

    /// The others as `who` sees them.
    pub(super) fn others(&self, who: ParticipantId) -> Vec<ParticipantInfo> {
        let others = self.participants.iter().filter(|(id, _)| **id != who);
        others
            .map(|(id, other)| ParticipantInfo {
                participant: *id,
                name: other.name.to_string(),
                moderator: other.is_moderator,
                away: matches!(other.presence, Presence::Away { .. }),
                stream: None,
                tracks: self.tracks_of(*id),
            })
            .chain(self.shown_to_all())
            .collect()
    }

    /// A track that a client means.
    pub(super) fn track(&self, text: &str) -> Result<(TrackId, &Track), Refusal> {
        let id = TrackId::parse(text).ok_or(Refusal::UnknownTrack)?;
        self.tracks.get(&id).map(|track| (id, track)).ok_or(Refusal::UnknownTrack)
    }

    /// Takes a track away; its viewers hear of it.
    pub(super) fn end_track(&mut self, track: TrackId, out: &mut Output) {
        if let Some(ended) = self.tracks.remove(&track) {
            self.is_dirty = true;
            let to = self.listeners(Some(ended.owner));
            out.tell(to, ServerMessage::TrackEnded { participant: ended.owner, track });
        }
    }

    /// Adds a track; the others hear of it.
    pub(super) fn add_track(&mut self, id: TrackId, track: Track, out: &mut Output) {
        out.push(Effect::Announce(Event::Published {
            room: self.name.to_string(),
            participant: track.owner,
            track: id,
            kind: track.source.kind(),
            source: track.source,
        }));
        self.insert_track(id, track, out);
    }

    /// The same for one that no participant publishes.
    pub(super) fn insert_track(&mut self, id: TrackId, track: Track, out: &mut Output) {
        let (owner, info) = (track.owner, track.info(id));
        self.tracks.insert(id, track);
        self.is_dirty = true;
        out.tell(
            self.listeners(Some(owner)),
            ServerMessage::TrackPublished { participant: owner, track: info },
        );
    }

    /// Somebody is no longer in the room: its tracks end, its media goes, the others hear of it.
    pub(super) fn remove(
        &mut self,
        who: ParticipantId,
        reason: LeaveReason,
        out: &mut Output,
    ) -> Option<Participant> {
        self.drop_broadcast(who, out);
        let gone = self.participants.remove(&who)?;
        self.is_dirty = true;
        self.tracks.retain(|_, track| track.owner != who);
        self.speakers.forget(who);
        self.forget_kurento_peer(who);
        self.media(MediaCommand::Leave { participant: who }, out);
        out.push(Effect::Announce(Event::Left {
            room: self.name.to_string(),
            participant: who,
            name: gone.name.to_string(),
            reason,
        }));
        self.tell_left(who, &gone.name, reason, out);
        Some(gone)
    }

    /// Those who are in the room hear, in either form, that somebody is no longer.
    pub(super) fn tell_left(
        &self,
        who: ParticipantId,
        name: &UserName,
        reason: LeaveReason,
        out: &mut Output,
    ) {
        let left =
            ServerMessage::ParticipantLeft { participant: Some(who), reason: Some(reason), name: None };
        out.tell(self.listeners(None), left);
        let name = Some(name.to_string());
        let left = ServerMessage::ParticipantLeft { participant: None, reason: None, name };
        out.tell(self.kurento_listeners(None), left);
    }

    /// The first of these sources that somebody publishes and no moderator has muted.
    pub(super) fn first_of<const N: usize>(
        &self,
        owner: ParticipantId,
        sources: [Source; N],
    ) -> Option<TrackId> {
        sources.into_iter().find_map(|source| {
            let mut own =
                self.tracks.iter().filter(|(_, track)| track.owner == owner && track.source == source);
            own.find(|(_, track)| track.mute != Mute::ByModerator).map(|(id, _)| *id)
        })
    }

    /// Takes the newest messages; returns who waited for them.
    pub(super) fn open(&mut self, page: ChatPage) -> Vec<Waiting> {
        match std::mem::replace(&mut self.door, Door::Open(Tail::of(page))) {
            Door::Loading(waiting) => waiting,
            Door::Open(_) => Vec::new(),
        }
    }

    pub(super) fn nobody_waits(&self) -> bool {
        !matches!(&self.door, Door::Loading(waiting) if !waiting.is_empty())
    }

    pub(super) fn forget_waiting(&mut self, connection: ConnectionId) {
        if let Door::Loading(waiting) = &mut self.door {
            waiting.retain(|(asker, ..)| asker.connection != connection);
        }
    }

    /// The next time at which something is due.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let away = self.participants.values().filter_map(|participant| participant.presence.until());
        let quality = self.quality_due.map(|due| due.max(now));
        away.chain(self.empty_until).chain(quality).min()
    }

    /// Notes when the room is to be woken; returns what was noted before.
    pub(super) fn swap_deadline(&mut self, due: Option<Instant>) -> Option<Instant> {
        std::mem::replace(&mut self.deadline, due)
    }
}
