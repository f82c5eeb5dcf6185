//! Connections of Kurento's form: one for what a participant sends, one for each other whose media it wants.

use super::picture::Picture;
use super::publishing::group_of;
use super::{Gone, Part, RoomMedia, Source};
use crate::room::effect::{Feed, MediaReport, Role};
use crate::room::id::{ParticipantId, TrackId};
use crate::room::message::Source as TrackSource;
use keel_media::id::ElementId;
use keel_media::{EndpointOptions, MediaKind};

impl RoomMedia {
    /// As Kurento's tutorial does it: the offer is answered, the answer told, and then candidates are gathered.
    pub(super) async fn receive(
        &mut self,
        viewer: ParticipantId,
        sender: ParticipantId,
        offer: &str,
        role: Role,
    ) -> Result<(), Gone> {
        self.release_kurento((viewer, sender)).await;
        let report = match self.answer_kurento(viewer, sender, offer, role).await {
            Ok((sdp_answer, live)) => MediaReport::Received { viewer, sender, sdp_answer, live },
            Err(words) => {
                self.release_kurento((viewer, sender)).await;
                MediaReport::ReceiveFailed { viewer, sender, words }
            }
        };
        self.reporter.report(report).await?;
        if let Some(endpoint) = self.kurento.get(&(viewer, sender))
            && let Err(error) = endpoint.gather_candidates().await
        {
            tracing::warn!(?viewer, ?sender, %error, "no candidates");
        }
        Ok(())
    }

    async fn answer_kurento(
        &mut self,
        viewer: ParticipantId,
        sender: ParticipantId,
        offer: &str,
        role: Role,
    ) -> Result<(String, Vec<TrackId>), String> {
        let label = if viewer == sender {
            format!("{viewer:?} sends")
        } else {
            format!("{viewer:?} from {sender:?}")
        };
        let options = EndpointOptions { label, ..EndpointOptions::default() };
        let endpoint =
            self.pipeline.create_webrtc_endpoint(options).await.map_err(|error| error.to_string())?;
        let element = endpoint.id();
        self.parts.insert(element, Part::Kurento { viewer, sender });
        if let Role::Receive(feed) = &role {
            self.connect_feed(element, *feed).await;
        }
        let answered = endpoint.process_offer(offer).await.map_err(|error| error.to_string());
        self.kurento.insert((viewer, sender), endpoint);
        let answer = answered?;
        let live = match role {
            Role::Receive(_) => Vec::new(),
            Role::Send { audio, video } => self.add_kurento_sources(viewer, element, offer, audio, video),
        };
        Ok((answer, live))
    }

    /// The kinds that an offer has are tracks from now on.
    fn add_kurento_sources(
        &mut self,
        owner: ParticipantId,
        element: ElementId,
        offer: &str,
        audio: TrackId,
        video: TrackId,
    ) -> Vec<TrackId> {
        let mut live = Vec::new();
        for (track, kind, source, section) in [
            (audio, MediaKind::Audio, TrackSource::Microphone, "m=audio "),
            (video, MediaKind::Video, TrackSource::Camera, "m=video "),
        ] {
            if offer.lines().any(|line| line.starts_with(section)) {
                let group = group_of(owner, source);
                let picture = Picture { size: None, encodings: 1 };
                self.sources.insert(track, Source { owner, element, kind, group, picture });
                live.push(track);
            }
        }
        live
    }

    /// What a connection carries from now on.
    pub(super) async fn feed(&mut self, viewer: ParticipantId, sender: ParticipantId, feed: Feed) {
        if let Some(endpoint) = self.kurento.get(&(viewer, sender)) {
            self.connect_feed(endpoint.id(), feed).await;
        }
    }

    /// Gives a sink these tracks, in place of those that it had.
    pub(super) async fn connect_feed(&self, sink: ElementId, feed: Feed) {
        for (kind, track) in [(MediaKind::Audio, feed.audio), (MediaKind::Video, feed.video)] {
            let source = track.and_then(|track| self.sources.get(&track)).map(|source| source.element);
            let done = match source {
                Some(source) => self.pipeline.connect(source, sink, kind.into()).await,
                None => self.disconnect_sink(sink, kind).await,
            };
            if let Err(error) = done {
                tracing::warn!(%kind, %error, "a track cannot be forwarded");
            }
        }
    }

    /// Takes away whatever a sink gets of this kind.
    async fn disconnect_sink(
        &self,
        sink: ElementId,
        kind: MediaKind,
    ) -> Result<(), keel_media::ConnectError> {
        let fed = self.pipeline.graph().await;
        let edge = fed.and_then(|graph| {
            graph.edges.into_iter().find(|edge| edge.sink == sink && edge.media == kind.into())
        });
        match edge {
            Some(edge) => self.pipeline.disconnect(edge.source, sink, kind.into()).await,
            None => Ok(()),
        }
    }

    pub(super) async fn release_kurento(&mut self, key: (ParticipantId, ParticipantId)) {
        if let Some(endpoint) = self.kurento.remove(&key) {
            let element = endpoint.id();
            self.parts.remove(&element);
            self.sources.retain(|_, source| source.element != element);
            endpoint.release().await;
        }
    }
}
