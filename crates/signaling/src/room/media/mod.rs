//! The media of one room: a pipeline, and the connections of its participants.
//!
//! One task does everything in the order in which it was asked. No operation is cancelled halfway, since one
//! whose answer nobody awaits could leave something behind; what is no longer wanted is noticed at the next
//! step. When [`serve`] returns, everything is released.

mod event;
mod kurento;
mod picture;
mod publishing;
mod sampling;
mod streaming;
mod subscribing;

use super::Inbound;
use super::effect::{MediaCommand, MediaReport};
use super::id::{BridgeId, MediaId, ParticipantId, TrackId};
use super::message::Leg;
use crate::live::Reception;
use event::Voices;
use keel_media::id::ElementId;
use keel_media::{IceCandidate, MediaKind, MediaServer, Pipeline, PipelineEvents, WebRtcEndpoint};
use picture::Picture;
use publishing::Publishing;
use sampling::{SAMPLE_EVERY, Sampler};
use std::collections::BTreeMap;
use streaming::StreamBridge;
use subscribing::Subscribing;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

/// Where a room's media reports to.
pub(super) struct Reporter {
    pub(super) media: MediaId,
    pub(super) inbox: mpsc::Sender<Inbound>,
}

/// The house is gone: nobody is left to hear a report.
struct Gone;

/// Voices that count as loud at a time.
const LOUDEST: usize = 3;

/// A room's pipeline and what is in it.
struct RoomMedia {
    pipeline: Pipeline,
    reporter: Reporter,
    sources: BTreeMap<TrackId, Source>,
    sides: BTreeMap<ParticipantId, Side>,
    /// Connections of Kurento's form: who receives on it, whose media.
    kurento: BTreeMap<(ParticipantId, ParticipantId), WebRtcEndpoint>,
    /// Where livestreams are asked for.
    streams: Reception,
    bridges: BTreeMap<BridgeId, StreamBridge>,
    /// What each element that has events is.
    parts: BTreeMap<ElementId, Part>,
    voices: Voices,
}

/// The two connections of a participant of Keel's form, each made when it is first needed.
#[derive(Default)]
struct Side {
    publishing: Option<Publishing>,
    subscribing: Option<Subscribing>,
    sampler: Sampler,
}

/// Where a track comes from.
struct Source {
    owner: ParticipantId,
    element: ElementId,
    kind: MediaKind,
    /// What belongs to one group is kept in step at the viewers.
    group: u64,
    picture: Picture,
}

/// What an element is.
#[derive(Clone, Copy)]
enum Part {
    Connection(ParticipantId, Leg),
    Line(ParticipantId, TrackId),
    Kurento { viewer: ParticipantId, sender: ParticipantId },
    Bridge(BridgeId),
}

/// Serves one room until `commands` is closed, which is the sign of its end.
pub(super) async fn serve(
    server: MediaServer,
    streams: Reception,
    commands: mpsc::Receiver<MediaCommand>,
    reporter: Reporter,
) {
    let (pipeline, events) = match server.create_pipeline().await {
        Ok(created) => created,
        Err(error) => {
            // Nothing else follows, so it does not matter whether anybody hears.
            let _ = reporter.report(MediaReport::Failed(error.to_string())).await;
            return;
        }
    };
    let started = MediaReport::Started { pipeline: pipeline.id().number() };
    // Whether anybody hears, `run` finds out.
    let _ = reporter.report(started).await;
    pipeline.watch_speakers(LOUDEST).await;
    let mut room = RoomMedia {
        pipeline,
        reporter,
        sources: BTreeMap::new(),
        sides: BTreeMap::new(),
        kurento: BTreeMap::new(),
        streams,
        bridges: BTreeMap::new(),
        parts: BTreeMap::new(),
        voices: Voices::default(),
    };
    // The other end of the reports being gone is an end like any other.
    let _ = room.run(commands, events).await;
    room.release().await;
}

impl RoomMedia {
    async fn run(
        &mut self,
        mut commands: mpsc::Receiver<MediaCommand>,
        mut events: PipelineEvents,
    ) -> Result<(), Gone> {
        let mut sampling = interval(SAMPLE_EVERY);
        sampling.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.obey(command).await?,
                    None => return Ok(()),
                },
                event = events.recv() => match event {
                    Some(event) => self.handle_event(event).await?,
                    None => {
                        let words = "the media server has stopped".to_owned();
                        return self.reporter.report(MediaReport::Failed(words)).await;
                    }
                },
                _ = sampling.tick() => self.sample().await?,
            }
        }
    }

    async fn obey(&mut self, command: MediaCommand) -> Result<(), Gone> {
        match command {
            MediaCommand::Publish { participant, sdp_offer, tracks } => {
                self.publish(participant, &sdp_offer, tracks).await
            }
            MediaCommand::Subscribe { participant, version, change } => {
                self.subscribe(participant, version, change).await
            }
            MediaCommand::Answer { participant, version, sdp_answer } => {
                self.answer(participant, version, &sdp_answer).await
            }
            MediaCommand::AddCandidate { participant, leg, candidate } => {
                self.add_candidate(participant, leg, candidate.into()).await;
                Ok(())
            }
            MediaCommand::Adjust { participant, settings } => {
                self.adjust(participant, settings).await;
                Ok(())
            }
            MediaCommand::Receive { viewer, sender, sdp_offer, role } => {
                self.receive(viewer, sender, &sdp_offer, role).await
            }
            MediaCommand::AddReceiveCandidate { viewer, sender, candidate } => {
                if let Some(endpoint) = self.kurento.get(&(viewer, sender)) {
                    note_candidate(endpoint.add_ice_candidate(candidate.into()).await);
                }
                Ok(())
            }
            MediaCommand::Feed { viewer, sender, feed } => {
                self.feed(viewer, sender, feed).await;
                Ok(())
            }
            MediaCommand::OpenBridge { bridge, stream, way } => self.open_bridge(bridge, stream, way).await,
            MediaCommand::FeedBridge { bridge, feed } => {
                self.feed_bridge(bridge, feed).await;
                Ok(())
            }
            MediaCommand::CloseBridge { bridge } => {
                self.close_bridge(bridge).await;
                Ok(())
            }
            MediaCommand::Leave { participant } => {
                self.leave(participant).await;
                Ok(())
            }
        }
    }

    /// A candidate that came before its connection is not needed: the peer's own checks tell its addresses.
    async fn add_candidate(&self, who: ParticipantId, leg: Leg, candidate: IceCandidate) {
        let Some(side) = self.sides.get(&who) else { return };
        let connection = match leg {
            Leg::Publish => side.publishing.as_ref().map(Publishing::connection),
            Leg::Subscribe => side.subscribing.as_ref().map(Subscribing::connection),
        };
        if let Some(connection) = connection {
            note_candidate(connection.add_ice_candidate(candidate).await);
        }
    }

    async fn leave(&mut self, gone: ParticipantId) {
        if let Some(Side { publishing, subscribing, .. }) = self.sides.remove(&gone) {
            if let Some(publishing) = publishing {
                publishing.release().await;
            }
            if let Some(subscribing) = subscribing {
                subscribing.release().await;
            }
        }
        let ended: Vec<_> = self
            .kurento
            .keys()
            .filter(|(viewer, sender)| [viewer, sender].contains(&&gone))
            .copied()
            .collect();
        for key in ended {
            self.release_kurento(key).await;
        }
        self.sources.retain(|_, source| source.owner != gone);
        self.parts.retain(|_, part| part.participant() != Some(gone));
        self.voices.forget(gone);
    }

    /// Releases everything. Peers that are connected are told by DTLS.
    async fn release(mut self) {
        // Streams are told that it is over; of a pipeline that is only gone they would wait for the return.
        while let Some(bridge) = self.bridges.keys().next().copied() {
            self.close_bridge(bridge).await;
        }
        let Self { pipeline, sides, kurento, .. } = self;
        drop((sides, kurento));
        pipeline.release().await;
    }
}

impl Part {
    /// Whose it is; `None` for what is no participant's connection.
    fn participant(self) -> Option<ParticipantId> {
        match self {
            Self::Connection(who, _) | Self::Line(who, _) => Some(who),
            Self::Kurento { viewer, .. } => Some(viewer),
            Self::Bridge(_) => None,
        }
    }
}

impl Reporter {
    async fn report(&self, report: MediaReport) -> Result<(), Gone> {
        self.inbox.send(Inbound::Media { media: self.media, report }).await.map_err(|_| Gone)
    }
}

/// A peer can connect without a candidate that was not taken: checks come from its other addresses.
fn note_candidate(taken: Result<(), keel_media::CandidateError>) {
    if let Err(error) = taken {
        tracing::debug!(%error, "candidate not taken");
    }
}
