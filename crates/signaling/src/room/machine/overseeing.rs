//! What whoever runs the server sees of the rooms, and does in them.

use super::leaving::RoomEnd;
use super::moderating::{parting_words, present};
use super::participant::Presence;
use super::room::{Mute, Room};
use super::{Machine, Moment};
use crate::room::answer::{CreatedRoom, LeaveReason, TrackInfo};
use crate::room::desk::{ParticipantView, RoomView};
use crate::room::id::{ParticipantId, RoomId, RoomName};
use crate::room::refusal::Refusal;
use crate::room::secret::draw_room_name;
use std::collections::BTreeMap;
use std::ops::Bound;

impl Machine {
    /// At most `count` rooms in the order of their names, those behind `after`.
    pub(crate) fn survey(&self, after: Option<&RoomName>, count: usize) -> Vec<RoomView> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.ids_by_name.range::<RoomName, _>((start, Bound::Unbounded));
        behind.take(count).filter_map(|(_, id)| self.rooms.get(id)).map(Room::overview).collect()
    }

    pub(crate) fn inspect(&self, name: &RoomName) -> Result<RoomView, Refusal> {
        let (_, room) = self.room_named(name)?;
        Ok(room.overview())
    }

    /// Makes a room before anybody is in it, under a drawn name if none is given.
    pub(crate) fn make_in_advance(
        &mut self,
        now: Moment,
        name: Option<RoomName>,
        size_max: Option<u32>,
    ) -> Result<CreatedRoom, Refusal> {
        if self.stopping {
            return Err(Refusal::ShuttingDown);
        }
        let size_max = self.room_size(size_max)?;
        let name = match name {
            Some(name) => name,
            None => RoomName::parse(&draw_room_name(&mut self.random))?,
        };
        if self.ids_by_name.contains_key(&name) {
            return Err(Refusal::RoomExists);
        }
        let (id, moderator_token) = self.make_room(now, name.clone(), size_max, false)?;
        self.settle(now, id);
        Ok(CreatedRoom {
            room: name.to_string(),
            moderator_token,
            size_max: u32::try_from(size_max).unwrap_or(u32::MAX),
        })
    }

    pub(crate) fn mute_in(&mut self, now: Moment, name: &RoomName, track: &str) -> Result<(), Refusal> {
        let (id, _) = self.room_named(name)?;
        let room = self.rooms.get_mut(&id).ok_or(Refusal::UnknownRoom)?;
        let (track, _) = room.track(track)?;
        room.set_mute(track, Mute::ByModerator, &mut self.output);
        self.settle(now, id);
        Ok(())
    }

    pub(crate) fn remove_from(
        &mut self,
        now: Moment,
        name: &RoomName,
        participant: &str,
        reason: Option<String>,
    ) -> Result<(), Refusal> {
        let (id, room) = self.room_named(name)?;
        if let Some(entry) = room.shown_as(participant) {
            let room = self.rooms.get_mut(&id).ok_or(Refusal::UnknownRoom)?;
            room.hide_stream(entry, LeaveReason::Removed, &mut self.output);
            self.settle(now, id);
            return Ok(());
        }
        let gone = present(room, participant)?;
        self.send_away(now, id, gone, LeaveReason::Removed, parting_words(reason));
        Ok(())
    }

    pub(crate) fn end_named(&mut self, now: Moment, name: &RoomName) -> Result<(), Refusal> {
        let (id, _) = self.room_named(name)?;
        self.end_room(now, id, RoomEnd::ByModerator);
        Ok(())
    }

    fn room_named(&self, name: &RoomName) -> Result<(RoomId, &Room), Refusal> {
        let id = self.ids_by_name.get(name).ok_or(Refusal::UnknownRoom)?;
        self.rooms.get(id).map(|room| (*id, room)).ok_or(Refusal::UnknownRoom)
    }
}

impl Room {
    fn overview(&self) -> RoomView {
        let mut tracks: BTreeMap<ParticipantId, Vec<TrackInfo>> = BTreeMap::new();
        for (id, track) in &self.tracks {
            tracks.entry(track.owner).or_default().push(track.info(*id));
        }
        let is_here = |presence: Presence| presence.connection().is_some();
        RoomView {
            room: self.name.to_string(),
            size_max: self.size_max,
            locked: self.is_locked,
            moderated: self.participants.values().any(|known| known.is_moderator && is_here(known.presence)),
            pipeline: self.pipeline,
            participants: self
                .participants
                .iter()
                .map(|(who, known)| ParticipantView {
                    participant: *who,
                    name: known.name.to_string(),
                    moderator: known.is_moderator,
                    away: !is_here(known.presence),
                    kurento: !known.speaks_keel(),
                    stream: None,
                    broadcast: self.broadcast_of(*who),
                    quality: known.quality.level(),
                    tracks: tracks.remove(who).unwrap_or_default(),
                })
                .chain(self.shown_to_administrator())
                .collect(),
        }
    }
}
