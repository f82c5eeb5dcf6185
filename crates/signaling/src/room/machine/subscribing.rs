//! What a participant receives: everything that the others publish, as far as its view and its lines go.
//!
//! After every change each participant's plan is worked out anew and compared with what its media was last
//! told. Of offers one is outstanding at most; what changes meanwhile is in the next.

use super::participant::Form;
use super::room::{Mute, Room};
use super::viewing::View;
use super::{Asker, Output};
use crate::room::answer::{OfferedLine, ServerMessage};
use crate::room::effect::{Change, MediaCommand, Setting};
use crate::room::id::{ParticipantId, TrackId};
use crate::room::message::{Kind, Source};
use crate::room::refusal::Refusal;
use crate::socket::ConnectionId;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The lines that a receiving connection has at most; media refuses more. Voices come first.
pub(super) const LINES_MAX: usize = 64;

/// A participant's receiving connection.
#[derive(Default)]
pub(super) struct Subscribing {
    /// Of the newest offer; 0 before there is one.
    version: u64,
    phase: Phase,
    /// What media was told: which tracks it has lines for, and how they are sent.
    lines: BTreeMap<TrackId, Setting>,
    /// Tracks that cannot be carried to this participant.
    refused: BTreeSet<TrackId>,
    /// Videos that its path leaves no room for.
    squeezed: BTreeSet<TrackId>,
    /// What it was told of videos that it does not get.
    told_left_out: BTreeSet<TrackId>,
    wants_restart: bool,
    data: DataChannels,
    /// Candidates since the last answer.
    pub(super) candidates: usize,
}

/// How far a participant's data channels have come.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum DataChannels {
    #[default]
    None,
    /// They are in the next offer.
    Wanted,
    /// Media was told.
    Offered,
}

/// Where the negotiation is.
#[derive(Default)]
enum Phase {
    #[default]
    Idle,
    /// Media makes an offer.
    Offering,
    /// The client has this offer, or has lost it with its socket.
    Awaiting(Box<ServerMessage>),
    /// Media takes the answer to it.
    Applying { asker: Asker, offer: Box<ServerMessage> },
}

/// What one participant should receive.
struct Plan {
    lines: BTreeMap<TrackId, Setting>,
    left_out: BTreeSet<TrackId>,
}

impl Room {
    /// Compares what each participant should receive with what media was told, and tells the difference.
    pub(super) fn follow(&mut self, out: &mut Output) {
        if !std::mem::take(&mut self.is_dirty) || self.media.is_none() {
            return;
        }
        let everybody: Vec<ParticipantId> = self.participants.keys().copied().collect();
        for who in everybody {
            match self.participants.get(&who).map(|participant| &participant.form) {
                Some(Form::Keel(_)) => {
                    self.follow_keel(who, out);
                    self.follow_broadcast(who, out);
                }
                Some(Form::Kurento(_)) => self.follow_kurento(who, out),
                None => {}
            }
        }
    }

    fn follow_keel(&mut self, who: ParticipantId, out: &mut Output) {
        let Some(plan) = self.plan(who) else { return };
        let (media, connection) = (self.media, self.connection(who));
        let exist: BTreeSet<TrackId> = self.tracks.keys().copied().collect();
        let Some(side) = self.participants.get_mut(&who).and_then(|participant| participant.keel()) else {
            return;
        };
        let subscribing = &mut side.subscribing;
        subscribing.refused.retain(|track| exist.contains(track));
        subscribing.squeezed.retain(|track| exist.contains(track));
        if let (Some(change), Some(media)) = (subscribing.change(&plan.lines), media) {
            let version = subscribing.version;
            out.media(media, MediaCommand::Subscribe { participant: who, version, change });
        }
        let settings = subscribing.adjust(&plan.lines);
        if let (false, Some(media)) = (settings.is_empty(), media) {
            out.media(media, MediaCommand::Adjust { participant: who, settings });
        }
        let left_out: BTreeSet<TrackId> = plan.left_out.union(&subscribing.squeezed).copied().collect();
        if let Some(connection) = connection
            && left_out != subscribing.told_left_out
        {
            out.tell(
                vec![connection],
                ServerMessage::ViewPaused { tracks: left_out.iter().copied().collect() },
            );
            subscribing.told_left_out = left_out;
        }
    }

    fn plan(&self, who: ParticipantId) -> Option<Plan> {
        let Form::Keel(side) = &self.participants.get(&who)?.form else { return None };
        let (view, refused) = (&side.view, &side.subscribing.refused);
        let mut plan = Plan { lines: BTreeMap::new(), left_out: BTreeSet::new() };
        let foreign = self.tracks.iter().filter(|(id, track)| track.owner != who && !refused.contains(id));
        let (voices, mut videos): (Vec<_>, Vec<_>) =
            foreign.partition(|(_, track)| track.source.kind() == Kind::Audio);
        for (id, track) in voices.into_iter().take(LINES_MAX) {
            plan.lines.insert(*id, Setting { is_paused: track.mute == Mute::ByModerator, ..Setting::LEAST });
        }
        videos.sort_by_key(|(id, track)| {
            let is_screen = track.source == Source::Screen;
            (Reverse(view.rank(**id)), Reverse(is_screen), self.speakers.rank(track.owner), **id)
        });
        let mut cameras_left = view.last_n();
        for (id, track) in videos {
            if plan.lines.len() >= LINES_MAX {
                plan.left_out.insert(*id);
                continue;
            }
            let mut setting = view.setting(*id);
            if track.mute == Mute::ByModerator {
                setting.is_paused = true;
            } else if track.source == Source::Camera && !setting.is_paused {
                if cameras_left == 0 {
                    setting.is_paused = true;
                    plan.left_out.insert(*id);
                }
                cameras_left = cameras_left.saturating_sub(1);
            }
            plan.lines.insert(*id, setting);
        }
        Some(plan)
    }

    /// Media has made an offer.
    pub(super) fn offered(
        &mut self,
        who: ParticipantId,
        version: u64,
        sdp_offer: String,
        lines: Vec<(String, TrackId)>,
        refused: Vec<TrackId>,
        out: &mut Output,
    ) {
        let owned = lines.into_iter().filter_map(|(mid, track)| {
            let participant = self.tracks.get(&track)?.owner;
            Some(OfferedLine { mid, track, participant })
        });
        let offer = ServerMessage::Offer { version, sdp_offer, tracks: owned.collect() };
        let connection = self.connection(who);
        let Some(side) = self.participants.get_mut(&who).and_then(|participant| participant.keel()) else {
            return;
        };
        let subscribing = &mut side.subscribing;
        if !matches!(subscribing.phase, Phase::Offering) || subscribing.version != version {
            return;
        }
        subscribing.refuse(refused);
        subscribing.phase = Phase::Awaiting(Box::new(offer.clone()));
        self.is_dirty = true;
        out.tell(connection.into_iter().collect(), offer);
    }

    /// The participant answers an offer.
    pub(super) fn answer(
        &mut self,
        asker: Asker,
        who: ParticipantId,
        version: u64,
        sdp_answer: String,
        out: &mut Output,
    ) -> Result<(), Refusal> {
        let side = self.participant(who)?.keel().ok_or(Refusal::OtherForm)?;
        let subscribing = &mut side.subscribing;
        if subscribing.version != version || !matches!(subscribing.phase, Phase::Awaiting(_)) {
            return Err(Refusal::StaleAnswer);
        }
        if let Phase::Awaiting(offer) = std::mem::take(&mut subscribing.phase) {
            subscribing.phase = Phase::Applying { asker, offer };
        }
        subscribing.candidates = 0;
        self.media(MediaCommand::Answer { participant: who, version, sdp_answer }, out);
        Ok(())
    }

    /// Media has taken the answer, but for the lines that the participant refused.
    pub(super) fn answered(
        &mut self,
        who: ParticipantId,
        version: u64,
        refused: Vec<TrackId>,
        out: &mut Output,
    ) {
        let Some(side) = self.participants.get_mut(&who).and_then(|participant| participant.keel()) else {
            return;
        };
        let subscribing = &mut side.subscribing;
        if subscribing.version != version {
            return;
        }
        let phase = std::mem::take(&mut subscribing.phase);
        subscribing.refuse(refused);
        self.is_dirty = true;
        if let Phase::Applying { asker, .. } = phase
            && self.awaits(who, asker)
        {
            out.done(asker);
        }
    }

    /// Media refuses the answer; the offer stands.
    pub(super) fn answer_failed(
        &mut self,
        who: ParticipantId,
        version: u64,
        words: String,
        out: &mut Output,
    ) {
        let Some(side) = self.participants.get_mut(&who).and_then(|participant| participant.keel()) else {
            return;
        };
        let subscribing = &mut side.subscribing;
        if subscribing.version != version {
            return;
        }
        if let Phase::Applying { asker, offer } = std::mem::take(&mut subscribing.phase) {
            subscribing.phase = Phase::Awaiting(offer);
            if self.awaits(who, asker) {
                out.refuse(asker, Refusal::BadSdp(words));
            } else if let Some(connection) = self.connection(who) {
                self.repeat_offer(connection, who, out);
            }
        }
    }

    /// The participant wants an offer with fresh ICE credentials. Before there is any offer, nothing is to be
    /// done.
    pub(super) fn restart_ice(
        &mut self,
        asker: Asker,
        who: ParticipantId,
        out: &mut Output,
    ) -> Result<(), Refusal> {
        let side = self.participant(who)?.keel().ok_or(Refusal::OtherForm)?;
        side.subscribing.wants_restart |= side.subscribing.version > 0;
        self.is_dirty = true;
        out.done(asker);
        Ok(())
    }

    /// The participant wants data channels: the next offer has them. Asking again changes nothing.
    pub(super) fn open_data(
        &mut self,
        asker: Asker,
        who: ParticipantId,
        out: &mut Output,
    ) -> Result<(), Refusal> {
        let side = self.participant(who)?.keel().ok_or(Refusal::OtherForm)?;
        if side.subscribing.data == DataChannels::None {
            side.subscribing.data = DataChannels::Wanted;
            self.is_dirty = true;
        }
        out.done(asker);
        Ok(())
    }

    /// How many have asked for data channels.
    pub(super) fn data_participants(&self) -> usize {
        let sides = self.participants.values().filter_map(|participant| match &participant.form {
            Form::Keel(side) => Some(side),
            Form::Kurento(_) => None,
        });
        sides.filter(|side| side.subscribing.data != DataChannels::None).count()
    }

    /// An offer that was not answered goes to the participant's new connection, with what it may have missed.
    pub(super) fn repeat_offer(&mut self, to: ConnectionId, who: ParticipantId, out: &mut Output) {
        let Some(side) = self.participants.get_mut(&who).and_then(|participant| participant.keel()) else {
            return;
        };
        if let Phase::Awaiting(offer) = &side.subscribing.phase {
            out.tell(vec![to], ServerMessage::clone(offer));
        }
        let tracks = side.subscribing.told_left_out.iter().copied().collect::<Vec<_>>();
        if !tracks.is_empty() {
            out.tell(vec![to], ServerMessage::ViewPaused { tracks });
        }
    }

    /// Which videos a participant's path has no room for.
    pub(super) fn left_out(&mut self, who: ParticipantId, tracks: &[TrackId]) {
        if let Some(side) = self.participants.get_mut(&who).and_then(|participant| participant.keel()) {
            side.subscribing.squeezed = tracks.iter().copied().collect();
            self.is_dirty = true;
        }
    }

    #[cfg(test)]
    pub(super) fn lines_of(&self, who: ParticipantId) -> Option<BTreeMap<TrackId, Setting>> {
        match &self.participants.get(&who)?.form {
            Form::Keel(side) => Some(side.subscribing.lines.clone()),
            Form::Kurento(_) => None,
        }
    }

    /// Whether nothing is on its way between a participant and what it should receive.
    #[cfg(test)]
    pub(super) fn is_settled(&self, who: ParticipantId) -> bool {
        match (self.plan(who), self.participants.get(&who).map(|participant| &participant.form)) {
            (Some(plan), Some(Form::Keel(side))) => {
                matches!(side.subscribing.phase, Phase::Idle) && plan.lines == side.subscribing.lines
            }
            _ => true,
        }
    }
}

impl Subscribing {
    /// The next offer's change, if there is one and none is outstanding.
    fn change(&mut self, wanted: &BTreeMap<TrackId, Setting>) -> Option<Change> {
        if !matches!(self.phase, Phase::Idle) {
            return None;
        }
        let removed: Vec<TrackId> =
            self.lines.keys().filter(|id| !wanted.contains_key(id)).copied().collect();
        let added: Vec<(TrackId, Setting)> = wanted
            .iter()
            .filter(|(id, _)| !self.lines.contains_key(id))
            .map(|(id, setting)| (*id, *setting))
            .collect();
        let restarts_ice = std::mem::take(&mut self.wants_restart);
        let opens_data = self.data == DataChannels::Wanted;
        if added.is_empty() && removed.is_empty() && !restarts_ice && !opens_data {
            return None;
        }
        if opens_data {
            self.data = DataChannels::Offered;
        }
        for gone in &removed {
            self.lines.remove(gone);
        }
        self.lines.extend(added.iter().copied());
        self.version += 1;
        self.phase = Phase::Offering;
        Some(Change { added, removed, restarts_ice, opens_data })
    }

    /// How lines that exist are to be sent now.
    fn adjust(&mut self, wanted: &BTreeMap<TrackId, Setting>) -> Vec<(TrackId, Setting)> {
        let mut settings = Vec::new();
        for (id, setting) in &mut self.lines {
            if let Some(wanted) = wanted.get(id).filter(|wanted| *wanted != setting) {
                *setting = *wanted;
                settings.push((*id, *wanted));
            }
        }
        settings
    }

    /// Notes tracks that media could not give a line.
    fn refuse(&mut self, tracks: Vec<TrackId>) {
        for track in tracks {
            self.lines.remove(&track);
            self.refused.insert(track);
        }
    }
}

impl Setting {
    /// What is shown before a client says how large.
    pub(super) const LEAST: Self = Self { size: None, weight: 1, is_paused: false };
}

impl View {
    /// How a video is sent to this viewer.
    fn setting(&self, track: TrackId) -> Setting {
        match self {
            Self::Unsaid => Setting::LEAST,
            Self::Said { tiles, .. } => match tiles.get(&track) {
                Some(tile) => Setting { size: Some(tile.size), weight: tile.weight, is_paused: false },
                None => Setting { is_paused: true, ..Setting::LEAST },
            },
        }
    }
}
