//! What applications are told, in the form in which they read it (docs/webhooks.md).

use crate::live::event::{StreamEvent, StreamNews};
use crate::room::{LeaveReason, ParticipantId, TrackId, TrackKind, TrackSource};
use crate::store::UnixMillis;
use serde::Serialize;

/// Something that happened.
#[derive(Clone, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Event {
    /// A room was made, by joining it or in advance.
    RoomStarted { room: String },
    /// It is over.
    RoomEnded { room: String },
    /// Somebody came into a room. A resumption is not told.
    Joined { room: String, participant: ParticipantId, name: String, moderator: bool },
    /// Somebody is no longer in a room.
    Left { room: String, participant: ParticipantId, name: String, reason: LeaveReason },
    /// A participant sends a track.
    Published {
        room: String,
        participant: ParticipantId,
        track: TrackId,
        kind: TrackKind,
        source: TrackSource,
    },
    /// A call rings.
    CallStarted { from: String, to: String, call: u64 },
    /// A call is over, answered or not.
    CallEnded {
        from: String,
        to: String,
        call: u64,
        started: UnixMillis,
        answered: Option<UnixMillis>,
        outcome: &'static str,
    },
    /// A presenter's media can flow.
    StreamStarted { stream: String },
    /// A stream is over.
    StreamEnded { stream: String, reason: &'static str, duration_ms: u64 },
}

impl Event {
    /// What applications are told of what happens to a stream: not of each viewer.
    pub(crate) fn of_stream(event: &StreamEvent) -> Option<Self> {
        let stream = event.stream.to_string();
        match event.news {
            StreamNews::Started => Some(Self::StreamStarted { stream }),
            StreamNews::Ended { reason, duration_ms } => {
                Some(Self::StreamEnded { stream, reason: reason.label(), duration_ms })
            }
            StreamNews::Viewers(_) => None,
        }
    }

    /// What it is about. Events of one topic are delivered in order.
    pub(crate) fn topic(&self) -> String {
        match self {
            Self::RoomStarted { room }
            | Self::RoomEnded { room }
            | Self::Joined { room, .. }
            | Self::Left { room, .. }
            | Self::Published { room, .. } => format!("room:{room}"),
            Self::StreamStarted { stream } | Self::StreamEnded { stream, .. } => format!("stream:{stream}"),
            Self::CallStarted { call, .. } | Self::CallEnded { call, .. } => format!("call:{call}"),
        }
    }

    /// The body of its delivery.
    pub(super) fn body(&self, id: &str, time: UnixMillis) -> String {
        #[derive(Serialize)]
        struct Body<'a> {
            id: &'a str,
            time: UnixMillis,
            #[serde(flatten)]
            event: &'a Event,
        }
        serde_json::to_string(&Body { id, time, event: self }).expect("plain data")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_body_is_flat_and_says_what_happened() {
        let event = Event::CallEnded {
            from: "ann".into(),
            to: "ben".into(),
            call: 7,
            started: UnixMillis(1),
            answered: None,
            outcome: "missed",
        };
        let body: Value = serde_json::from_str(&event.body("x", UnixMillis(9))).expect("JSON");
        let expected = json!({
            "id": "x", "time": 9, "event": "callEnded", "from": "ann", "to": "ben", "call": 7,
            "started": 1, "answered": null, "outcome": "missed",
        });
        assert_eq!(body, expected);
        assert_eq!(event.topic(), "call:7");
        let room = Event::RoomStarted { room: "call:7".into() };
        assert_eq!(room.topic(), "room:call:7", "no room's name is another topic");
    }
}
