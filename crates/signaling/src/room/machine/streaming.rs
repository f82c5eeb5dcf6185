//! Livestreams and the room: one that a moderator shows among the participants, and a participant whose tracks
//! present one.

#[cfg(test)]
use super::participant::Participant;
use super::room::{Mute, Room, Track};
use super::{Asker, Output};
use crate::live::{self, StreamName};
use crate::room::answer::{LeaveReason, Level, ParticipantInfo, ServerMessage};
use crate::room::desk::ParticipantView;
use crate::room::effect::{BridgeWay, Feed, MediaCommand};
use crate::room::id::{BridgeId, Numbers, ParticipantId, TrackId};
use crate::room::message::Source;
use crate::room::refusal::Refusal;
use crate::user_name::UserName;
#[cfg(test)]
use std::collections::BTreeMap;

/// Streams that a room shows at a time: each is one more picture for everybody in it.
const SHOWN_MAX: usize = 8;

/// A livestream in the room. To the others it is like a participant that shares its screen.
pub(super) struct Shown {
    pub(super) name: UserName,
    /// The moderator who has asked for it.
    by: ParticipantId,
    audio: TrackId,
    video: TrackId,
    link: Link,
}

/// A livestream that a participant's tracks present.
pub(super) struct Broadcast {
    feed: Feed,
    link: Link,
}

/// The way between the room and a stream.
struct Link {
    stream: StreamName,
    bridge: BridgeId,
    /// Who is told when it is open; `None` once it is.
    awaited: Option<Asker>,
}

impl Room {
    /// Shows a livestream to everybody in the room.
    pub(super) fn show_stream(
        &mut self,
        numbers: &mut Numbers,
        asker: Asker,
        who: ParticipantId,
        stream: StreamName,
        name: Option<&str>,
        out: &mut Output,
    ) -> Result<(), Refusal> {
        let moderator = self.participant(who)?;
        if !moderator.speaks_keel() {
            return Err(Refusal::OtherForm);
        }
        if !moderator.is_moderator {
            return Err(Refusal::NotModerator);
        }
        let name = UserName::parse(name.unwrap_or(stream.as_str()))?;
        if self.named(name.as_str()).is_some() {
            return Err(Refusal::NameTaken);
        }
        if self.shown.len() >= SHOWN_MAX {
            return Err(Refusal::TooManyShown(SHOWN_MAX));
        }
        let (entry, bridge) = (numbers.participant(), numbers.bridge());
        let (audio, video) = (numbers.track(), numbers.track());
        let link = Link { stream: stream.clone(), bridge, awaited: Some(asker) };
        self.shown.insert(entry, Shown { name, by: who, audio, video, link });
        let way = BridgeWay::In { entry, audio, video };
        self.media(MediaCommand::OpenBridge { bridge, stream, way }, out);
        Ok(())
    }

    /// One's own tracks present a livestream from now on, whatever they will be.
    pub(super) fn broadcast(
        &mut self,
        numbers: &mut Numbers,
        asker: Asker,
        who: ParticipantId,
        stream: StreamName,
        out: &mut Output,
    ) -> Result<(), Refusal> {
        let feed = self.broadcast_feed(who);
        let side = self.participant(who)?.keel().ok_or(Refusal::OtherForm)?;
        if side.broadcast.is_some() {
            return Err(Refusal::AlreadyBroadcasting);
        }
        let bridge = numbers.bridge();
        let link = Link { stream: stream.clone(), bridge, awaited: Some(asker) };
        side.broadcast = Some(Broadcast { feed, link });
        self.media(MediaCommand::OpenBridge { bridge, stream, way: BridgeWay::Out(feed) }, out);
        Ok(())
    }

    /// One's own tracks present nothing any more. Without a broadcast nothing is to be done.
    pub(super) fn end_broadcast(
        &mut self,
        asker: Asker,
        who: ParticipantId,
        out: &mut Output,
    ) -> Result<(), Refusal> {
        let side = self.participant(who)?.keel().ok_or(Refusal::OtherForm)?;
        if let Some(Broadcast { link, .. }) = side.broadcast.take() {
            self.media(MediaCommand::CloseBridge { bridge: link.bridge }, out);
            self.refuse_awaited(who, link, live::Refusal::Ended, out);
        }
        out.done(asker);
        Ok(())
    }

    /// Media flows between the room and a stream.
    pub(super) fn bridge_opened(&mut self, bridge: BridgeId, out: &mut Output) {
        if let Some(entry) = self.entry_of(bridge) {
            self.enter_stream(entry, out);
        } else if let Some((who, broadcast)) = self.broadcast_over(bridge)
            && let Some(asker) = broadcast.link.awaited.take()
            && self.awaits(who, asker)
        {
            out.done(asker);
        }
    }

    /// The stream takes nobody, or gives nothing.
    pub(super) fn bridge_refused(&mut self, bridge: BridgeId, refusal: live::Refusal, out: &mut Output) {
        if let Some(entry) = self.entry_of(bridge)
            && let Some(Shown { by, link, .. }) = self.shown.remove(&entry)
        {
            self.refuse_awaited(by, link, refusal, out);
        } else if let Some((who, _)) = self.broadcast_over(bridge)
            && let Some(Broadcast { link, .. }) = self.take_broadcast(who)
        {
            self.refuse_awaited(who, link, refusal, out);
        }
    }

    /// The stream is over, or somebody else presents it.
    pub(super) fn bridge_ended(&mut self, bridge: BridgeId, out: &mut Output) {
        if let Some(entry) = self.entry_of(bridge) {
            self.hide_stream(entry, LeaveReason::StreamEnded, out);
        } else if let Some((who, _)) = self.broadcast_over(bridge)
            && let Some(Broadcast { link, .. }) = self.take_broadcast(who)
        {
            self.media(MediaCommand::CloseBridge { bridge }, out);
            if link.awaited.is_none() {
                let ended = ServerMessage::BroadcastEnded { stream: link.stream };
                return out.tell(self.connection(who).into_iter().collect(), ended);
            }
            self.refuse_awaited(who, link, live::Refusal::Ended, out);
        }
    }

    /// A stream that is shown no longer is; the others hear of it as of somebody who leaves.
    pub(super) fn hide_stream(&mut self, entry: ParticipantId, reason: LeaveReason, out: &mut Output) {
        let Some(Shown { name, by, link, .. }) = self.shown.remove(&entry) else { return };
        self.media(MediaCommand::CloseBridge { bridge: link.bridge }, out);
        if link.awaited.is_some() {
            // Nobody has heard of it.
            return self.refuse_awaited(by, link, live::Refusal::Ended, out);
        }
        self.is_dirty = true;
        self.tracks.retain(|_, track| track.owner != entry);
        self.forget_kurento_peer(entry);
        self.tell_left(entry, &name, reason, out);
    }

    /// What a participant presents ends with it.
    pub(super) fn drop_broadcast(&mut self, who: ParticipantId, out: &mut Output) {
        if let Some(Broadcast { link, .. }) = self.take_broadcast(who) {
            self.media(MediaCommand::CloseBridge { bridge: link.bridge }, out);
        }
    }

    /// Nobody is in the room any more to whom streams could be shown; their media has ended with the room's.
    pub(super) fn forget_streams(&mut self) {
        let shown = std::mem::take(&mut self.shown);
        self.tracks.retain(|_, track| !shown.contains_key(&track.owner));
    }

    /// What a participant presents follows what it publishes.
    pub(super) fn follow_broadcast(&mut self, who: ParticipantId, out: &mut Output) {
        let feed = self.broadcast_feed(who);
        let side = self.participants.get_mut(&who).and_then(|participant| participant.keel());
        let Some(broadcast) = side.and_then(|side| side.broadcast.as_mut()) else { return };
        if std::mem::replace(&mut broadcast.feed, feed) != feed {
            let bridge = broadcast.link.bridge;
            self.media(MediaCommand::FeedBridge { bridge, feed }, out);
        }
    }

    /// The stream that a client means by the identifier of its entry.
    pub(super) fn shown_as(&self, text: &str) -> Option<ParticipantId> {
        ParticipantId::parse(text).filter(|entry| self.shown.contains_key(entry))
    }

    /// The streams that are shown, as the participants see them.
    pub(super) fn shown_to_all(&self) -> impl Iterator<Item = ParticipantInfo> {
        let open = self.shown.iter().filter(|(_, shown)| shown.link.awaited.is_none());
        open.map(|(entry, shown)| ParticipantInfo {
            participant: *entry,
            name: shown.name.to_string(),
            moderator: false,
            away: false,
            stream: Some(shown.link.stream.clone()),
            tracks: self.tracks_of(*entry),
        })
    }

    /// The same, as the administrator sees them.
    pub(super) fn shown_to_administrator(&self) -> impl Iterator<Item = ParticipantView> {
        self.shown_to_all().map(|info| ParticipantView {
            participant: info.participant,
            name: info.name,
            moderator: false,
            away: false,
            kurento: false,
            stream: info.stream,
            broadcast: None,
            quality: Level::Good,
            tracks: info.tracks,
        })
    }

    /// The stream that a participant's tracks present.
    pub(super) fn broadcast_of(&self, who: ParticipantId) -> Option<StreamName> {
        let broadcast = self.participants.get(&who)?.keel_side()?.broadcast.as_ref()?;
        broadcast.link.awaited.is_none().then(|| broadcast.link.stream.clone())
    }

    /// The stream is there: the room learns of it.
    fn enter_stream(&mut self, entry: ParticipantId, out: &mut Output) {
        let Some(shown) = self.shown.get_mut(&entry) else { return };
        let Some(asker) = shown.link.awaited.take() else { return };
        let (by, name, stream) = (shown.by, shown.name.to_string(), shown.link.stream.clone());
        let tracks = [(shown.audio, Source::ScreenAudio), (shown.video, Source::Screen)];
        if self.awaits(by, asker) {
            out.reply(asker, ServerMessage::StreamShown { participant: entry });
        }
        let joined = ServerMessage::ParticipantJoined {
            participant: entry,
            name: name.clone(),
            moderator: false,
            stream: Some(stream),
        };
        out.tell(self.listeners(None), joined);
        out.tell(self.kurento_listeners(None), ServerMessage::NewParticipantArrived { name });
        for (id, source) in tracks {
            self.insert_track(id, Track { owner: entry, source, size: None, mute: Mute::Off }, out);
        }
    }

    fn refuse_awaited(&self, who: ParticipantId, link: Link, refusal: live::Refusal, out: &mut Output) {
        if let Some(asker) = link.awaited.filter(|asker| self.awaits(who, *asker)) {
            out.refuse(asker, refusal.into());
        }
    }

    fn entry_of(&self, bridge: BridgeId) -> Option<ParticipantId> {
        self.shown.iter().find(|(_, shown)| shown.link.bridge == bridge).map(|(entry, _)| *entry)
    }

    fn broadcast_over(&mut self, bridge: BridgeId) -> Option<(ParticipantId, &mut Broadcast)> {
        self.participants.iter_mut().find_map(|(who, participant)| {
            let broadcast = participant.keel()?.broadcast.as_mut()?;
            (broadcast.link.bridge == bridge).then_some((*who, broadcast))
        })
    }

    #[cfg(test)]
    pub(super) fn bridges(&self) -> BTreeMap<BridgeId, Option<Feed>> {
        let shown = self.shown.values().map(|shown| (shown.link.bridge, None));
        let sides = self.participants.values().filter_map(Participant::keel_side);
        let broadcasts = sides.filter_map(|side| side.broadcast.as_ref());
        shown.chain(broadcasts.map(|broadcast| (broadcast.link.bridge, Some(broadcast.feed)))).collect()
    }

    fn take_broadcast(&mut self, who: ParticipantId) -> Option<Broadcast> {
        self.participants.get_mut(&who)?.keel()?.broadcast.take()
    }

    /// A participant's screen, or else its camera; its microphone, or else its screen's sound.
    fn broadcast_feed(&self, who: ParticipantId) -> Feed {
        Feed {
            audio: self.first_of(who, [Source::Microphone, Source::ScreenAudio]),
            video: self.first_of(who, [Source::Screen, Source::Camera]),
        }
    }
}
