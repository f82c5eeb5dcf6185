//! What participants send: one connection each, which they offer again whenever something changes.

use super::picture::Picture;
use super::{Gone, Part, RoomMedia, Source};
use crate::room::effect::{MediaReport, OfferedTrack};
use crate::room::id::{ParticipantId, TrackId};
use crate::room::message::{Kind, Leg, Source as TrackSource};
use keel_media::{AppliedOffer, LineSound, MediaKind, PeerConnection, PeerConnectionOptions};

/// A participant's publishing connection.
pub(super) struct Publishing {
    connection: PeerConnection,
    is_gathering: bool,
}

impl Publishing {
    pub(super) fn connection(&self) -> &PeerConnection {
        &self.connection
    }

    pub(super) async fn release(self) {
        self.connection.release().await;
    }
}

impl RoomMedia {
    pub(super) async fn publish(
        &mut self,
        who: ParticipantId,
        offer: &str,
        tracks: Vec<OfferedTrack>,
    ) -> Result<(), Gone> {
        match self.apply_offer(who, offer).await {
            Ok(applied) => self.published(who, offer, applied, tracks).await,
            Err(words) => self.reporter.report(MediaReport::PublishFailed { participant: who, words }).await,
        }
    }

    async fn apply_offer(&mut self, who: ParticipantId, offer: &str) -> Result<AppliedOffer, String> {
        let side = self.sides.entry(who).or_default();
        if side.publishing.is_none() {
            let options = PeerConnectionOptions {
                label: format!("{who:?} publishes"),
                data_channels: true,
                dscp: None,
            };
            let connection =
                self.pipeline.create_peer_connection(options).await.map_err(|error| error.to_string())?;
            self.parts.insert(connection.id(), Part::Connection(who, Leg::Publish));
            side.publishing = Some(Publishing { connection, is_gathering: false });
        }
        let Some(publishing) = &side.publishing else { return Err("no connection".to_owned()) };
        publishing.connection.apply_offer(offer).await.map_err(|error| error.to_string())
    }

    /// The tracks of the list that the offer really has are sources now; earlier ones that it has no longer
    /// are none.
    async fn published(
        &mut self,
        who: ParticipantId,
        offer: &str,
        applied: AppliedOffer,
        tracks: Vec<OfferedTrack>,
    ) -> Result<(), Gone> {
        let AppliedOffer { answer, lines, ended, restarted_ice } = applied;
        for element in ended {
            self.parts.remove(&element);
        }
        let mut live = Vec::new();
        let mut sounds = Vec::new();
        for OfferedTrack { track, mid, source, size } in tracks {
            let kind = media_kind(source.kind());
            let line = lines.iter().find(|line| line.mid.as_str() == mid);
            let Some(line) = line.filter(|line| line.kind == kind && line.is_receiving) else { continue };
            let picture = Picture { size, encodings: Picture::encodings_in(offer, &mid) };
            let group = group_of(who, source);
            self.parts.insert(line.element, Part::Line(who, track));
            self.sources.insert(track, Source { owner: who, element: line.element, kind, group, picture });
            live.push(track);
            // A film that is shown takes the floor from nobody.
            let sound = if source == TrackSource::ScreenAudio { LineSound::Other } else { LineSound::Voice };
            sounds.extend((kind == MediaKind::Audio).then_some((line.element, sound)));
        }
        if let Some(publishing) = self.sides.get(&who).and_then(|side| side.publishing.as_ref()) {
            for (element, sound) in sounds {
                publishing.connection.set_sound(element, sound).await;
            }
        }
        self.sources.retain(|track, source| source.owner != who || live.contains(track));
        self.aim_anew(&live).await;
        let report = MediaReport::Published { participant: who, sdp_answer: answer, live };
        self.reporter.report(report).await?;
        let Some(publishing) = self.sides.get_mut(&who).and_then(|side| side.publishing.as_mut()) else {
            return Ok(());
        };
        if restarted_ice || !publishing.is_gathering {
            publishing.is_gathering = true;
            if let Err(error) = publishing.connection.gather_candidates().await {
                tracing::warn!(participant = ?who, %error, "no candidates");
            }
        }
        Ok(())
    }

    /// After a change of what tracks are: their viewers' targets follow.
    async fn aim_anew(&self, tracks: &[TrackId]) {
        for side in self.sides.values() {
            let Some(subscribing) = &side.subscribing else { continue };
            for (track, source) in tracks.iter().filter_map(|track| Some((track, self.sources.get(track)?))) {
                subscribing.aim(*track, source).await;
            }
        }
    }
}

pub(super) fn media_kind(kind: Kind) -> MediaKind {
    match kind {
        Kind::Audio => MediaKind::Audio,
        Kind::Video => MediaKind::Video,
    }
}

/// A participant's voice and face belong together, and so do a screen and its sound.
pub(super) fn group_of(who: ParticipantId, source: TrackSource) -> u64 {
    let is_screen = matches!(source, TrackSource::Screen | TrackSource::ScreenAudio);
    who.number().wrapping_mul(2).wrapping_add(u64::from(is_screen))
}
