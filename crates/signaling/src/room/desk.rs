//! What is asked of the rooms from outside of them, by HTTP: to look, and to act as whoever runs the server,
//! who needs no room's token.

use super::Inbound;
use super::answer::{CreatedRoom, TrackInfo};
use super::id::{ParticipantId, RoomName};
use super::machine::{Machine, Moment};
use super::refusal::Refusal;
use crate::live::StreamName;
use crate::room::answer::Level;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use utoipa::ToSchema;

/// The way to ask. Cheap to clone. It shares the house's bounded inbox with the sockets: under a flood one
/// waits for its turn.
#[derive(Clone)]
pub(crate) struct Desk(mpsc::Sender<Inbound>);

/// The way back of an answer. Who no longer waits for it misses nothing that could leak.
type Answer<T> = oneshot::Sender<Result<T, Refusal>>;

/// What is asked.
pub(crate) enum Order {
    List { after: Option<RoomName>, count: usize, answer: Answer<Vec<RoomView>> },
    Inspect { room: RoomName, answer: Answer<RoomView> },
    Create { room: Option<RoomName>, size_max: Option<u32>, answer: Answer<CreatedRoom> },
    Mute { room: RoomName, track: String, answer: Answer<()> },
    Remove { room: RoomName, participant: String, reason: Option<String>, answer: Answer<()> },
    End { room: RoomName, answer: Answer<()> },
}

/// A room as the administrator sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoomView {
    pub(crate) room: String,
    pub(crate) size_max: usize,
    pub(crate) locked: bool,
    /// Whether a moderator is in it who is not away.
    pub(crate) moderated: bool,
    /// The pipeline that carries its media (`GET /api/pipelines`); `None` while nobody is in it.
    pub(crate) pipeline: Option<u64>,
    /// In the order in which they came, then the livestreams that are shown.
    pub(crate) participants: Vec<ParticipantView>,
}

/// A participant as the administrator sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ParticipantView {
    #[schema(value_type = String)]
    pub(crate) participant: ParticipantId,
    pub(crate) name: String,
    pub(crate) moderator: bool,
    /// Its socket is lost; it may come back.
    pub(crate) away: bool,
    /// Whether it speaks Kurento's form of the protocol.
    pub(crate) kurento: bool,
    /// The livestream that this is, for one that is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stream: Option<StreamName>,
    /// The livestream that its tracks present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) broadcast: Option<StreamName>,
    pub(crate) quality: Level,
    pub(crate) tracks: Vec<TrackInfo>,
}

impl Desk {
    pub(crate) fn new(inbox: mpsc::Sender<Inbound>) -> Self {
        Self(inbox)
    }

    /// At most `count` rooms in the order of their names, those behind `after`.
    ///
    /// # Errors
    /// [`Refusal::ShuttingDown`].
    pub(crate) async fn list(&self, after: Option<RoomName>, count: usize) -> Result<Vec<RoomView>, Refusal> {
        self.ask(|answer| Order::List { after, count, answer }).await
    }

    /// One room.
    ///
    /// # Errors
    /// [`Refusal::UnknownRoom`], [`Refusal::ShuttingDown`].
    pub(crate) async fn inspect(&self, room: RoomName) -> Result<RoomView, Refusal> {
        self.ask(|answer| Order::Inspect { room, answer }).await
    }

    /// Makes a room in advance, under a drawn name if none is given. Empty, it is kept for
    /// `RoomLimits::empty_max`.
    ///
    /// # Errors
    /// [`Refusal::RoomExists`], [`Refusal::TooManyRooms`], [`Refusal::BadSize`], [`Refusal::ShuttingDown`].
    pub(crate) async fn create(
        &self,
        room: Option<RoomName>,
        size_max: Option<u32>,
    ) -> Result<CreatedRoom, Refusal> {
        self.ask(|answer| Order::Create { room, size_max, answer }).await
    }

    /// Mutes a track as a moderator does: nothing of it is forwarded until its owner unmutes it.
    ///
    /// # Errors
    /// [`Refusal::UnknownRoom`], [`Refusal::UnknownTrack`], [`Refusal::ShuttingDown`].
    pub(crate) async fn mute(&self, room: RoomName, track: String) -> Result<(), Refusal> {
        self.ask(|answer| Order::Mute { room, track, answer }).await
    }

    /// Removes a participant, who is told the reason.
    ///
    /// # Errors
    /// [`Refusal::UnknownRoom`], [`Refusal::UnknownParticipant`], [`Refusal::ShuttingDown`].
    pub(crate) async fn remove(
        &self,
        room: RoomName,
        participant: String,
        reason: Option<String>,
    ) -> Result<(), Refusal> {
        self.ask(|answer| Order::Remove { room, participant, reason, answer }).await
    }

    /// Ends a room for everybody in it, and forgets its chat.
    ///
    /// # Errors
    /// [`Refusal::UnknownRoom`], [`Refusal::ShuttingDown`].
    pub(crate) async fn end(&self, room: RoomName) -> Result<(), Refusal> {
        self.ask(|answer| Order::End { room, answer }).await
    }

    async fn ask<T>(&self, order: impl FnOnce(Answer<T>) -> Order) -> Result<T, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Inbound::Order(order(answer))).await.map_err(|_| Refusal::ShuttingDown)?;
        answered.await.unwrap_or(Err(Refusal::ShuttingDown))
    }
}

impl Order {
    /// Does what is asked and answers; nobody may be waiting any more.
    pub(super) fn carry_out(self, machine: &mut Machine, now: Moment) {
        match self {
            Self::List { after, count, answer } => {
                let _ = answer.send(Ok(machine.survey(after.as_ref(), count)));
            }
            Self::Inspect { room, answer } => {
                let _ = answer.send(machine.inspect(&room));
            }
            Self::Create { room, size_max, answer } => {
                let _ = answer.send(machine.make_in_advance(now, room, size_max));
            }
            Self::Mute { room, track, answer } => {
                let _ = answer.send(machine.mute_in(now, &room, &track));
            }
            Self::Remove { room, participant, reason, answer } => {
                let _ = answer.send(machine.remove_from(now, &room, &participant, reason));
            }
            Self::End { room, answer } => {
                let _ = answer.send(machine.end_named(now, &room));
            }
        }
    }
}
