//! Kurento's group call: one connection for one's own media and one for each other participant whose media one
//! asks for, by name.

use super::participant::{Form, Participant};
use super::room::{Mute, Room, Track};
use super::{Asker, Output};
use crate::candidate::Candidate;
use crate::room::answer::ServerMessage;
use crate::room::effect::{Feed, MediaCommand, Role};
use crate::room::id::{Numbers, ParticipantId, TrackId};
use crate::room::message::Source;
use crate::room::refusal::Refusal;
use std::collections::BTreeMap;

/// What a participant of this form has asked for.
#[derive(Default)]
pub(super) struct KurentoSide {
    peers: BTreeMap<ParticipantId, Peer>,
}

/// One of its connections.
struct Peer {
    is_answered: bool,
    /// What it carries: its own tracks where it is the participant's own.
    feed: Feed,
    candidates: usize,
}

impl Room {
    /// An offer for the media of whoever has this name; one's own name means one's own media.
    pub(super) fn receive_from(
        &mut self,
        numbers: &mut Numbers,
        who: ParticipantId,
        sender: &str,
        sdp_offer: String,
        out: &mut Output,
    ) -> Result<(), Refusal> {
        let sender = self.named(sender.trim()).ok_or(Refusal::UnknownParticipant)?;
        let side = self.participant(who)?.kurento().ok_or(Refusal::OtherForm)?;
        let before = side.peers.get(&sender);
        if before.is_some_and(|peer| !peer.is_answered) {
            return Err(Refusal::Busy);
        }
        let ended = if sender == who { before.map(|peer| peer.feed) } else { None };
        for track in ended.into_iter().flat_map(Feed::tracks) {
            self.end_track(track, out);
        }
        let (role, feed) = if sender == who {
            let (audio, video) = (numbers.track(), numbers.track());
            (Role::Send { audio, video }, Feed { audio: Some(audio), video: Some(video) })
        } else {
            let feed = self.feed_of(sender);
            (Role::Receive(feed), feed)
        };
        if let Some(side) = self.participant(who)?.kurento() {
            side.peers.insert(sender, Peer { is_answered: false, feed, candidates: 0 });
        }
        self.media(MediaCommand::Receive { viewer: who, sender, sdp_offer, role }, out);
        Ok(())
    }

    pub(super) fn received(
        &mut self,
        who: ParticipantId,
        sender: ParticipantId,
        sdp_answer: String,
        live: &[TrackId],
        out: &mut Output,
    ) {
        let Some(name) = self.name_of(sender).map(ToString::to_string) else { return };
        let connection = self.connection(who);
        let Some(peer) = self.peer(who, sender) else { return };
        peer.is_answered = true;
        let own = peer.feed;
        out.tell(connection.into_iter().collect(), ServerMessage::ReceiveVideoAnswer { name, sdp_answer });
        if sender != who {
            return;
        }
        let sources = [(own.audio, Source::Microphone), (own.video, Source::Camera)];
        for (id, source) in sources.into_iter().filter_map(|(id, source)| Some((id?, source))) {
            if live.contains(&id) {
                self.add_track(id, Track { owner: who, source, size: None, mute: Mute::Off }, out);
            }
        }
    }

    pub(super) fn receive_failed(
        &mut self,
        who: ParticipantId,
        sender: ParticipantId,
        words: String,
        out: &mut Output,
    ) {
        let Some(connection) = self.connection(who) else { return };
        let Some(side) = self.participants.get_mut(&who).and_then(Participant::kurento) else { return };
        if side.peers.remove(&sender).is_some() {
            out.refuse(Asker { connection, request: None }, Refusal::BadSdp(words));
        }
    }

    pub(super) fn kurento_candidate(
        &mut self,
        who: ParticipantId,
        sender: &str,
        candidate: Candidate,
        out: &mut Output,
    ) -> Result<(), Refusal> {
        let max = self.limits.candidates_per_peer_max;
        let sender = self.named(sender.trim()).ok_or(Refusal::UnknownParticipant)?;
        // One that comes before its offer is not needed: the peer's own checks tell its addresses.
        let Some(peer) = self.peer(who, sender) else { return Ok(()) };
        if peer.candidates >= max {
            return Err(Refusal::TooManyCandidates);
        }
        peer.candidates += 1;
        self.media(MediaCommand::AddReceiveCandidate { viewer: who, sender, candidate }, out);
        Ok(())
    }

    pub(super) fn receive_candidate_found(
        &self,
        who: ParticipantId,
        sender: ParticipantId,
        candidate: Candidate,
        out: &mut Output,
    ) {
        let Some(name) = self.name_of(sender).map(ToString::to_string) else { return };
        let to = self.connection(who).into_iter().collect();
        out.tell(to, ServerMessage::IceCandidate { connection: None, name: Some(name), candidate });
    }

    /// Each connection carries what its sender publishes now.
    pub(super) fn follow_kurento(&mut self, who: ParticipantId, out: &mut Output) {
        let Some(Form::Kurento(side)) = self.participants.get(&who).map(|participant| &participant.form)
        else {
            return;
        };
        let others = side.peers.iter().filter(|(sender, _)| **sender != who);
        let changed: Vec<(ParticipantId, Feed)> = others
            .map(|(sender, peer)| (*sender, peer.feed, self.feed_of(*sender)))
            .filter(|(_, before, now)| before != now)
            .map(|(sender, _, now)| (sender, now))
            .collect();
        for (sender, feed) in changed {
            if let Some(peer) = self.peer(who, sender) {
                peer.feed = feed;
            }
            self.media(MediaCommand::Feed { viewer: who, sender, feed }, out);
        }
    }

    pub(super) fn forget_kurento_peer(&mut self, gone: ParticipantId) {
        for participant in self.participants.values_mut() {
            if let Some(side) = participant.kurento() {
                side.peers.remove(&gone);
            }
        }
    }

    /// The voice and the picture of a participant: its camera, or else its screen, which alone livestreams have.
    fn feed_of(&self, sender: ParticipantId) -> Feed {
        Feed {
            audio: self.first_of(sender, [Source::Microphone, Source::ScreenAudio]),
            video: self.first_of(sender, [Source::Camera, Source::Screen]),
        }
    }

    fn peer(&mut self, who: ParticipantId, sender: ParticipantId) -> Option<&mut Peer> {
        self.participants.get_mut(&who)?.kurento()?.peers.get_mut(&sender)
    }
}

impl Feed {
    fn tracks(self) -> impl Iterator<Item = TrackId> {
        self.audio.into_iter().chain(self.video)
    }
}
