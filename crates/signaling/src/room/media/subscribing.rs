//! What participants receive: one connection each, which the server offers again whenever something changes.

use super::{Gone, Part, RoomMedia, Source};
use crate::room::effect::{Change, MediaReport, Setting};
use crate::room::id::{ParticipantId, TrackId};
use crate::room::message::Leg;
use keel_media::id::ElementId;
use keel_media::{
    AppliedAnswer, DataSharing, IceRestart, LineOptions, LinesOffer, MediaKind, PeerConnection,
    PeerConnectionOptions, Priority,
};
use std::collections::BTreeMap;

/// Of one message on a data channel: what every browser sends in one piece.
const DATA_BYTES_MAX: usize = 16 << 10;
/// What one participant may share: sixteen long messages or 256 short ones a second.
const DATA_BYTES_PER_SECOND: u32 = 256 << 10;
const DATA_BYTES_AT_ONCE: u32 = 512 << 10;

/// A participant's receiving connection.
pub(super) struct Subscribing {
    connection: PeerConnection,
    lines: BTreeMap<TrackId, Line>,
    is_gathering: bool,
    has_data: bool,
}

/// One track on its way to one participant.
struct Line {
    element: ElementId,
    setting: Setting,
}

impl Subscribing {
    pub(super) fn connection(&self) -> &PeerConnection {
        &self.connection
    }

    pub(super) async fn release(self) {
        self.connection.release().await;
    }

    /// The track on this line.
    pub(super) fn track(&self, element: ElementId) -> Option<TrackId> {
        self.lines.iter().find(|(_, line)| line.element == element).map(|(track, _)| *track)
    }

    /// Takes the layers of a track that its viewer's tile needs.
    pub(super) async fn aim(&self, track: TrackId, source: &Source) {
        if let Some(line) = self.lines.get(&track)
            && source.kind == MediaKind::Video
        {
            self.connection.set_target(line.element, source.picture.target(line.setting.size)).await;
        }
    }

    /// Has the next offer open data channels, and what comes on them go to all others that have theirs open.
    async fn offer_data(&mut self, who: ParticipantId) {
        let sharing = DataSharing {
            tag: format!("{who:?}\n"),
            message_bytes_max: DATA_BYTES_MAX,
            bytes_per_second: DATA_BYTES_PER_SECOND,
            bytes_at_once: DATA_BYTES_AT_ONCE,
        };
        match self.connection.share_data(sharing).await {
            Ok(()) => self.has_data = true,
            Err(error) => tracing::warn!(participant = ?who, %error, "no data channels"),
        }
    }

    /// How a line is sent, from the first time on.
    async fn set(&mut self, track: TrackId, source: &Source, setting: Setting) {
        let Some(line) = self.lines.get_mut(&track) else { return };
        let before = std::mem::replace(&mut line.setting, setting);
        let element = line.element;
        if source.kind == MediaKind::Video {
            self.aim(track, source).await;
            let weight = u32::from(setting.weight);
            self.connection.set_priority(element, Priority { weight }).await;
        }
        if setting.is_paused != before.is_paused {
            if setting.is_paused {
                self.connection.pause(element).await;
            } else {
                self.connection.resume(element).await;
            }
        }
    }
}

impl RoomMedia {
    pub(super) async fn subscribe(
        &mut self,
        who: ParticipantId,
        version: u64,
        change: Change,
    ) -> Result<(), Gone> {
        let report = match self.change_lines(who, version, change).await {
            Ok(report) => report,
            Err(words) => MediaReport::OfferFailed { participant: who, words },
        };
        self.reporter.report(report).await?;
        let subscribing = self.sides.get_mut(&who).and_then(|side| side.subscribing.as_mut());
        if let Some(subscribing) = subscribing.filter(|subscribing| !subscribing.is_gathering) {
            subscribing.is_gathering = subscribing.connection.gather_candidates().await.is_ok();
        }
        Ok(())
    }

    async fn change_lines(
        &mut self,
        who: ParticipantId,
        version: u64,
        change: Change,
    ) -> Result<MediaReport, String> {
        let Change { added, removed, restarts_ice, opens_data } = change;
        let subscribing = self.subscribing(who).await?;
        if opens_data {
            subscribing.offer_data(who).await;
        }
        for track in removed {
            if let Some(line) = subscribing.lines.remove(&track) {
                subscribing.connection.remove_line(line.element).await;
            }
        }
        let mut refused = Vec::new();
        for (track, setting) in added {
            if !self.add_line(who, track, setting).await {
                refused.push(track);
            }
        }
        let subscribing = self.subscribing(who).await?;
        if subscribing.lines.is_empty() && !subscribing.has_data && !subscribing.is_gathering {
            // Nothing was ever offered, and all that was to be has gone: there is nothing to negotiate.
            return Ok(MediaReport::Answered { participant: who, version, refused });
        }
        let restart = if restarts_ice { IceRestart::Yes } else { IceRestart::No };
        subscribing.is_gathering &= !restarts_ice;
        let offer = subscribing.connection.create_offer(restart).await.map_err(|error| error.to_string())?;
        let LinesOffer { sdp, lines } = offer;
        let named = lines.into_iter().filter_map(|(element, mid)| {
            subscribing.track(element).map(|track| (mid.as_str().to_owned(), track))
        });
        let lines = named.collect();
        Ok(MediaReport::Offered { participant: who, version, sdp_offer: sdp, lines, refused })
    }

    /// The participant's receiving connection, made when it is first needed.
    async fn subscribing(&mut self, who: ParticipantId) -> Result<&mut Subscribing, String> {
        let side = self.sides.entry(who).or_default();
        if side.subscribing.is_none() {
            let options = PeerConnectionOptions {
                label: format!("{who:?} receives"),
                ..PeerConnectionOptions::default()
            };
            let connection =
                self.pipeline.create_peer_connection(options).await.map_err(|error| error.to_string())?;
            self.parts.insert(connection.id(), Part::Connection(who, Leg::Subscribe));
            side.subscribing = Some(Subscribing {
                connection,
                lines: BTreeMap::new(),
                is_gathering: false,
                has_data: false,
            });
        }
        side.subscribing.as_mut().ok_or_else(|| "no connection".to_owned())
    }

    /// A line for a track, if it can have one.
    async fn add_line(&mut self, who: ParticipantId, track: TrackId, setting: Setting) -> bool {
        let Some(source) = self.sources.get(&track) else { return false };
        let Some(subscribing) = self.sides.get_mut(&who).and_then(|side| side.subscribing.as_mut()) else {
            return false;
        };
        let options = LineOptions { kind: source.kind, group: source.group };
        let element = match subscribing.connection.add_line(options).await {
            Ok(element) => element,
            Err(error) => {
                tracing::warn!(participant = ?who, ?track, %error, "no line");
                return false;
            }
        };
        if let Err(error) = self.pipeline.connect(source.element, element, source.kind.into()).await {
            tracing::warn!(participant = ?who, ?track, %error, "the track cannot be forwarded");
            subscribing.connection.remove_line(element).await;
            return false;
        }
        let fresh = Setting { is_paused: false, ..setting };
        subscribing.lines.insert(track, Line { element, setting: fresh });
        subscribing.set(track, source, setting).await;
        true
    }

    pub(super) async fn answer(
        &mut self,
        who: ParticipantId,
        version: u64,
        answer: &str,
    ) -> Result<(), Gone> {
        let subscribing = self.sides.get_mut(&who).and_then(|side| side.subscribing.as_mut());
        let Some(subscribing) = subscribing else { return Ok(()) };
        let report = match subscribing.connection.apply_answer(answer).await {
            Ok(AppliedAnswer { refused }) => {
                let mut tracks = Vec::new();
                for (element, error) in refused {
                    let Some(track) = subscribing.track(element) else { continue };
                    tracing::warn!(participant = ?who, ?track, %error, "the participant refuses a line");
                    subscribing.lines.remove(&track);
                    tracks.push(track);
                }
                MediaReport::Answered { participant: who, version, refused: tracks }
            }
            Err(error) => MediaReport::AnswerFailed { participant: who, version, words: error.to_string() },
        };
        self.reporter.report(report).await
    }

    pub(super) async fn adjust(&mut self, who: ParticipantId, settings: Vec<(TrackId, Setting)>) {
        let subscribing = self.sides.get_mut(&who).and_then(|side| side.subscribing.as_mut());
        let Some(subscribing) = subscribing else { return };
        for (track, setting) in settings {
            if let Some(source) = self.sources.get(&track) {
                subscribing.set(track, source, setting).await;
            }
        }
    }
}
