//! What a room says to its clients.

use super::id::{ParticipantId, TrackId};
use super::message::{Kind, Leg, Source};
use super::secret::RoomToken;
use crate::candidate::Candidate;
use crate::config::IceServer;
use crate::live::StreamName;
use crate::store::ChatMessage;
use serde::Serialize;
use utoipa::ToSchema;

/// To the client: replies, which carry its request's number, and news.
#[derive(Clone, Serialize)]
#[serde(tag = "id", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum ServerMessage {
    RoomCreated(CreatedRoom),
    Joined(Box<Joined>),
    Left,
    Published {
        sdp_answer: String,
        tracks: Vec<PublishedLine>,
    },
    ChatSent {
        message: u64,
        time: u64,
    },
    ChatHistory {
        messages: Vec<ChatMessage>,
        more: bool,
    },
    /// The livestream is among the participants, as this one.
    StreamShown {
        participant: ParticipantId,
    },
    /// To a request that has no reply of its own.
    Done,
    Error {
        code: &'static str,
        message: String,
    },
    Offer {
        version: u64,
        sdp_offer: String,
        tracks: Vec<OfferedLine>,
    },
    IceCandidate {
        /// In Keel's form.
        #[serde(skip_serializing_if = "Option::is_none")]
        connection: Option<Leg>,
        /// In Kurento's form: whose video the connection carries.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        candidate: Candidate,
    },
    ParticipantJoined {
        participant: ParticipantId,
        name: String,
        moderator: bool,
        /// Of a livestream that is shown.
        #[serde(skip_serializing_if = "Option::is_none")]
        stream: Option<StreamName>,
    },
    /// In Kurento's form with `name`, in Keel's with `participant` and `reason`.
    ParticipantLeft {
        #[serde(skip_serializing_if = "Option::is_none")]
        participant: Option<ParticipantId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<LeaveReason>,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    ParticipantAway {
        participant: ParticipantId,
    },
    ParticipantBack {
        participant: ParticipantId,
    },
    TrackPublished {
        participant: ParticipantId,
        track: TrackInfo,
    },
    TrackEnded {
        participant: ParticipantId,
        track: TrackId,
    },
    TrackMuted {
        participant: ParticipantId,
        track: TrackId,
        muted: bool,
        by_moderator: bool,
    },
    Speakers {
        dominant: Option<ParticipantId>,
        loudest: Vec<ParticipantId>,
    },
    Encodings {
        track: TrackId,
        active: Vec<String>,
    },
    ViewPaused {
        tracks: Vec<TrackId>,
    },
    Quality {
        participants: Vec<ParticipantQuality>,
    },
    ChatMessage(ChatMessage),
    Typing {
        participant: ParticipantId,
        typing: bool,
    },
    Reaction {
        participant: ParticipantId,
        reaction: String,
    },
    RoomLocked {
        locked: bool,
    },
    Moderator {
        participant: ParticipantId,
        moderator: bool,
    },
    /// One's own tracks no longer present it: it was ended, or somebody else has taken over.
    BroadcastEnded {
        stream: StreamName,
    },
    Removed {
        reason: String,
    },
    RoomEnded {
        reason: &'static str,
    },
    ExistingParticipants {
        data: Vec<String>,
    },
    NewParticipantArrived {
        name: String,
    },
    ReceiveVideoAnswer {
        name: String,
        sdp_answer: String,
    },
}

/// A room that was made in advance.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedRoom {
    pub(crate) room: String,
    #[schema(value_type = String)]
    pub(crate) moderator_token: RoomToken,
    pub(crate) size_max: u32,
}

/// All that somebody who comes in needs to know.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Joined {
    pub(crate) room: String,
    pub(crate) participant: ParticipantId,
    pub(crate) resume_token: RoomToken,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) moderator_token: Option<RoomToken>,
    pub(crate) moderator: bool,
    pub(crate) locked: bool,
    pub(crate) size_max: u32,
    /// The others, in the order in which they came.
    pub(crate) participants: Vec<ParticipantInfo>,
    /// The newest, in order.
    pub(crate) messages: Vec<ChatMessage>,
    /// Whether there are older ones.
    pub(crate) more: bool,
    pub(crate) ice_servers: Vec<IceServer>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) resumed: bool,
    /// After a resumption: what the participant has published.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tracks: Vec<TrackInfo>,
    /// After a resumption: the livestream that its tracks present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) broadcast: Option<StreamName>,
}

/// A participant as the others see it.
#[derive(Clone, Serialize)]
pub(crate) struct ParticipantInfo {
    pub(crate) participant: ParticipantId,
    pub(crate) name: String,
    pub(crate) moderator: bool,
    pub(crate) away: bool,
    /// Of a livestream that is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stream: Option<StreamName>,
    pub(crate) tracks: Vec<TrackInfo>,
}

/// A track as its viewers see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TrackInfo {
    #[schema(value_type = String)]
    pub(crate) track: TrackId,
    pub(crate) kind: Kind,
    pub(crate) source: Source,
    pub(crate) muted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) height: Option<u32>,
}

/// Which line of the publisher's offer became which track.
#[derive(Clone, Serialize)]
pub(crate) struct PublishedLine {
    pub(crate) mid: String,
    pub(crate) track: TrackId,
}

/// Which line of the server's offer carries which track.
#[derive(Clone, Serialize)]
pub(crate) struct OfferedLine {
    pub(crate) mid: String,
    pub(crate) track: TrackId,
    pub(crate) participant: ParticipantId,
}

/// How good a participant's connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Level {
    Good,
    Fair,
    Poor,
}

/// The level of one participant.
#[derive(Clone, Serialize)]
pub(crate) struct ParticipantQuality {
    pub(crate) participant: ParticipantId,
    pub(crate) level: Level,
}

/// Why somebody is no longer in the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum LeaveReason {
    /// By its own wish.
    Left,
    /// Its socket was lost and did not come back in time.
    Lost,
    /// A moderator removed it.
    Removed,
    /// It was a livestream, which has ended.
    StreamEnded,
    /// The server failed to serve it.
    Failed,
    /// The room is over. Its participants hear that instead.
    RoomEnded,
}

impl ServerMessage {
    /// The text for the socket; `request` is the number of the request that this answers.
    pub(crate) fn to_json(&self, request: Option<u64>) -> String {
        #[derive(Serialize)]
        struct Envelope<'a> {
            #[serde(flatten)]
            message: &'a ServerMessage,
            #[serde(skip_serializing_if = "Option::is_none")]
            request: Option<u64>,
        }
        serde_json::to_string(&Envelope { message: self, request })
            .expect("text keys and values always serialize")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::id::Numbers;

    #[test]
    fn answers_carry_their_requests_number_and_news_have_none() {
        let mut numbers = Numbers::default();
        let participant = numbers.participant();
        let track = numbers.track();
        let candidate = Candidate { candidate: "c".to_owned(), sdp_mid: None, sdp_mline_index: None };
        let texts = [
            (ServerMessage::Left, Some(4), r#"{"id":"left","request":4}"#),
            (ServerMessage::Done, Some(0), r#"{"id":"done","request":0}"#),
            (
                ServerMessage::Error { code: "roomFull", message: "full".to_owned() },
                None,
                r#"{"id":"error","code":"roomFull","message":"full"}"#,
            ),
            (
                ServerMessage::TrackMuted { participant, track, muted: true, by_moderator: false },
                None,
                r#"{"id":"trackMuted","participant":"p1","track":"t2","muted":true,"byModerator":false}"#,
            ),
            (
                ServerMessage::Speakers { dominant: None, loudest: vec![participant] },
                None,
                r#"{"id":"speakers","dominant":null,"loudest":["p1"]}"#,
            ),
            (
                ServerMessage::IceCandidate {
                    connection: Some(Leg::Subscribe),
                    name: None,
                    candidate: candidate.clone(),
                },
                None,
                r#"{"id":"iceCandidate","connection":"subscribe","candidate":{"candidate":"c"}}"#,
            ),
            (
                ServerMessage::IceCandidate { connection: None, name: Some("ann".to_owned()), candidate },
                None,
                r#"{"id":"iceCandidate","name":"ann","candidate":{"candidate":"c"}}"#,
            ),
            (
                ServerMessage::ParticipantLeft {
                    participant: None,
                    reason: None,
                    name: Some("ann".to_owned()),
                },
                None,
                r#"{"id":"participantLeft","name":"ann"}"#,
            ),
            (
                ServerMessage::ExistingParticipants { data: vec!["ann".to_owned()] },
                None,
                r#"{"id":"existingParticipants","data":["ann"]}"#,
            ),
            (
                ServerMessage::Quality {
                    participants: vec![ParticipantQuality { participant, level: Level::Poor }],
                },
                None,
                r#"{"id":"quality","participants":[{"participant":"p1","level":"poor"}]}"#,
            ),
        ];
        for (message, request, text) in texts {
            assert_eq!(message.to_json(request), text);
        }
    }
}
