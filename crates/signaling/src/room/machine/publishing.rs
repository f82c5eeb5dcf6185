//! What a participant publishes: an offer with the complete list of its tracks, each time anew.

use super::participant::Participant;
use super::room::{Mute, Room, Track};
use super::{Asker, Output};
use crate::candidate::Candidate;
use crate::room::answer::{PublishedLine, ServerMessage};
use crate::room::effect::{MediaCommand, OfferedTrack};
use crate::room::id::{Numbers, ParticipantId, TrackId};
use crate::room::message::{Leg, PublishedTrack};
use crate::room::refusal::Refusal;
use std::collections::{BTreeMap, BTreeSet};

/// A participant's publishing connection.
#[derive(Default)]
pub(super) struct Publishing {
    /// The offer that media works on.
    pending: Option<Pending>,
    tracks_by_mid: BTreeMap<String, TrackId>,
    /// Candidates since the last offer.
    candidates: usize,
}

struct Pending {
    asker: Asker,
    tracks: Vec<(String, TrackId, Track)>,
}

/// RFC 8843 §7.1.3 keeps `mid` to the length of a token; browsers use one or two characters, some eight.
const MID_BYTES_MAX: usize = 32;

/// The greatest width or height that is believed.
const PIXELS_MAX: u32 = 16_384;

impl Room {
    pub(super) fn publish(
        &mut self,
        numbers: &mut Numbers,
        asker: Asker,
        who: ParticipantId,
        sdp_offer: String,
        listed: Vec<PublishedTrack>,
        out: &mut Output,
    ) -> Result<(), Refusal> {
        let tracks_max = self.limits.rooms.tracks_max;
        let publishing = &mut self
            .participants
            .get_mut(&who)
            .and_then(Participant::keel)
            .ok_or(Refusal::OtherForm)?
            .publishing;
        if publishing.pending.is_some() {
            return Err(Refusal::Busy);
        }
        let mids: BTreeSet<&str> = listed.iter().map(|track| track.mid.as_str()).collect();
        let is_sound = mids.len() == listed.len() && mids.iter().all(|mid| mid.len() <= MID_BYTES_MAX);
        if listed.len() > tracks_max || !is_sound {
            return Err(Refusal::BadTracks(tracks_max));
        }
        let mut tracks = Vec::with_capacity(listed.len());
        for PublishedTrack { mid, source, muted, width, height } in listed {
            let known = publishing.tracks_by_mid.get(&mid).copied();
            let known = known.filter(|id| self.tracks.get(id).is_some_and(|track| track.source == source));
            let mute = if muted { Mute::Own } else { Mute::Off };
            let size =
                width.zip(height).map(|(width, height)| (width.min(PIXELS_MAX), height.min(PIXELS_MAX)));
            let track = Track { owner: who, source, size, mute };
            tracks.push((mid, known.unwrap_or_else(|| numbers.track()), track));
        }
        let offered = tracks
            .iter()
            .map(|(mid, id, track)| OfferedTrack {
                track: *id,
                mid: mid.clone(),
                source: track.source,
                size: track.size,
            })
            .collect();
        publishing.pending = Some(Pending { asker, tracks });
        publishing.candidates = 0;
        self.media(MediaCommand::Publish { participant: who, sdp_offer, tracks: offered }, out);
        Ok(())
    }

    /// The offer is answered; of the tracks that it listed, those in `live` are really in it.
    pub(super) fn published(
        &mut self,
        who: ParticipantId,
        sdp_answer: String,
        live: &[TrackId],
        out: &mut Output,
    ) {
        let Some(side) = self.participants.get_mut(&who).and_then(Participant::keel) else {
            return;
        };
        let Some(Pending { asker, tracks }) = side.publishing.pending.take() else { return };
        let tracks: Vec<_> = tracks.into_iter().filter(|(_, id, _)| live.contains(id)).collect();
        let now = tracks.iter().map(|(mid, id, _)| (mid.clone(), *id)).collect();
        let before = std::mem::replace(&mut side.publishing.tracks_by_mid, now);
        let lines = tracks.iter().map(|(mid, track, _)| PublishedLine { mid: mid.clone(), track: *track });
        let published = ServerMessage::Published { sdp_answer, tracks: lines.collect() };
        if self.awaits(who, asker) {
            out.reply(asker, published);
        }
        for ended in before.into_values().filter(|id| !live.contains(id)) {
            self.end_track(ended, out);
        }
        for (_, id, track) in tracks {
            match self.tracks.get_mut(&id) {
                Some(known) => {
                    known.size = track.size;
                    if known.mute != Mute::ByModerator {
                        self.set_mute(id, track.mute, out);
                    }
                }
                None => self.add_track(id, track, out),
            }
        }
    }

    pub(super) fn publish_failed(&mut self, who: ParticipantId, words: String, out: &mut Output) {
        if let Some(side) = self.participants.get_mut(&who).and_then(Participant::keel)
            && let Some(Pending { asker, .. }) = side.publishing.pending.take()
            && self.awaits(who, asker)
        {
            out.refuse(asker, Refusal::BadSdp(words));
        }
    }

    /// A participant mutes or unmutes what is its own, also what a moderator muted; a moderator what a
    /// livestream sends, which has nobody else to do it.
    pub(super) fn mute(
        &mut self,
        asker: Asker,
        who: ParticipantId,
        track: &str,
        muted: bool,
        out: &mut Output,
    ) -> Result<(), Refusal> {
        let (id, track) = self.track(track)?;
        let owner = track.owner;
        let mute = if self.shown.contains_key(&owner) {
            if !self.participant(who)?.is_moderator {
                return Err(Refusal::NotModerator);
            }
            Mute::ByModerator
        } else if owner == who {
            Mute::Own
        } else {
            return Err(Refusal::NotYourTrack);
        };
        self.set_mute(id, if muted { mute } else { Mute::Off }, out);
        out.done(asker);
        Ok(())
    }

    /// Changes a track's state; all hear of it, its owner if somebody else did it.
    pub(super) fn set_mute(&mut self, id: TrackId, mute: Mute, out: &mut Output) {
        let Some(track) = self.tracks.get_mut(&id) else { return };
        let before = std::mem::replace(&mut track.mute, mute);
        if before == mute {
            return;
        }
        let owner = track.owner;
        let by_moderator = mute == Mute::ByModerator;
        self.is_dirty = true;
        let to = self.listeners(if by_moderator { None } else { Some(owner) });
        let muted = mute != Mute::Off;
        out.tell(to, ServerMessage::TrackMuted { participant: owner, track: id, muted, by_moderator });
    }

    /// A candidate of a participant, in either form.
    pub(super) fn candidate(
        &mut self,
        asker: Asker,
        who: ParticipantId,
        leg: Option<Leg>,
        name: Option<&str>,
        candidate: Candidate,
        out: &mut Output,
    ) -> Result<(), Refusal> {
        let max = self.limits.candidates_per_peer_max;
        let Some(side) = self.participant(who)?.keel() else {
            return self.kurento_candidate(who, name.ok_or(Refusal::OtherForm)?, candidate, out);
        };
        let taken = match leg.ok_or(Refusal::OtherForm)? {
            Leg::Publish => &mut side.publishing.candidates,
            Leg::Subscribe => &mut side.subscribing.candidates,
        };
        if *taken >= max {
            return Err(Refusal::TooManyCandidates);
        }
        *taken += 1;
        let leg = leg.ok_or(Refusal::OtherForm)?;
        self.media(MediaCommand::AddCandidate { participant: who, leg, candidate }, out);
        out.done(asker);
        Ok(())
    }

    pub(super) fn candidate_found(
        &self,
        who: ParticipantId,
        leg: Leg,
        candidate: Candidate,
        out: &mut Output,
    ) {
        let to = self.connection(who).into_iter().collect();
        out.tell(to, ServerMessage::IceCandidate { connection: Some(leg), name: None, candidate });
    }

    /// What of a publisher's encodings is wanted by anybody.
    pub(super) fn encodings(&self, track: TrackId, active: Vec<String>, out: &mut Output) {
        let Some(owner) = self.tracks.get(&track).map(|track| track.owner) else { return };
        if self.participants.get(&owner).is_some_and(|owner| owner.speaks_keel()) {
            out.tell(
                self.connection(owner).into_iter().collect(),
                ServerMessage::Encodings { track, active },
            );
        }
    }
}
