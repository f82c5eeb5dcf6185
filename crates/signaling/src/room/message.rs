//! What a client says to its room: JSON objects, the field `id` names the message (`docs/group-calls.md`).
//! Two forms share the socket: Keel's own, and that of Kurento's group call, whose words are `joinRoom`,
//! `receiveVideoFrom`, `leaveRoom` and a candidate with `name`.

use crate::candidate::Candidate;
use crate::socket::FrameError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A message, and the number under which its client wants the answer.
pub(crate) struct Request {
    pub(crate) number: Option<u64>,
    pub(crate) message: ClientMessage,
}

/// From the client.
#[derive(Deserialize)]
#[serde(tag = "id", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum ClientMessage {
    CreateRoom {
        room: Option<String>,
        size_max: Option<u32>,
    },
    Join {
        room: String,
        name: String,
        token: Option<String>,
        resume_token: Option<String>,
        /// With a resume token: the earlier participant goes and this is a new one. A page that was
        /// reloaded has nothing left of its connections.
        #[serde(default)]
        fresh: bool,
    },
    Leave,
    Publish {
        sdp_offer: String,
        tracks: Vec<PublishedTrack>,
    },
    Answer {
        version: u64,
        sdp_answer: String,
    },
    RestartIce,
    OpenData,
    OnIceCandidate {
        candidate: Candidate,
        connection: Option<Leg>,
        name: Option<String>,
    },
    View {
        tracks: Vec<ViewedTrack>,
        last_n: Option<u32>,
    },
    Mute {
        track: String,
        muted: bool,
    },
    Chat {
        text: String,
    },
    History {
        before: Option<u64>,
        count: Option<u32>,
    },
    Typing {
        typing: bool,
    },
    React {
        reaction: String,
    },
    Moderate {
        #[serde(flatten)]
        action: Action,
    },
    /// A moderator's: a livestream among the participants, under a name of its own or the stream's.
    ShowStream {
        stream: String,
        name: Option<String>,
    },
    /// One's own tracks are to present a livestream.
    Broadcast {
        stream: String,
    },
    EndBroadcast,
    JoinRoom {
        name: String,
        room: String,
    },
    ReceiveVideoFrom {
        sender: String,
        sdp_offer: String,
    },
    LeaveRoom,
}

/// A track that a client publishes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PublishedTrack {
    /// The line of the offer that carries it.
    pub(crate) mid: String,
    pub(crate) source: Source,
    #[serde(default)]
    pub(crate) muted: bool,
    pub(crate) width: Option<u32>,
    pub(crate) height: Option<u32>,
}

/// Where a track comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Source {
    Microphone,
    Camera,
    Screen,
    ScreenAudio,
}

/// What a track is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    Audio,
    Video,
}

/// One of a participant's two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Leg {
    Publish,
    Subscribe,
}

/// A tile on a viewer's screen.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ViewedTrack {
    pub(crate) track: String,
    /// In device pixels.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Its weight where bandwidth is short; above 1 it stays also when there are more than last-N.
    pub(crate) priority: Option<u32>,
}

/// What moderators do.
#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Action {
    Mute { track: String },
    MuteAll,
    Remove { participant: String, reason: Option<String> },
    Promote { participant: String },
    Lock { locked: bool },
    End,
}

const CLIENT_IDS: [&str; 21] = [
    "createRoom",
    "join",
    "leave",
    "publish",
    "answer",
    "restartIce",
    "openData",
    "onIceCandidate",
    "view",
    "mute",
    "chat",
    "history",
    "typing",
    "react",
    "moderate",
    "showStream",
    "broadcast",
    "endBroadcast",
    "joinRoom",
    "receiveVideoFrom",
    "leaveRoom",
];

impl Source {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Microphone | Self::ScreenAudio => Kind::Audio,
            Self::Camera | Self::Screen => Kind::Video,
        }
    }
}

impl Request {
    /// The request in a text frame.
    pub(crate) fn parse(text: &str) -> Result<Self, FrameError> {
        #[derive(Deserialize)]
        struct Envelope {
            request: Option<u64>,
        }
        let error = match serde_json::from_str(text) {
            // The library would also read an array of the fields in their order; the protocol has objects.
            Ok(_) if !text.trim_start().starts_with('{') => return Err(FrameError::NoId),
            Ok(message) => match serde_json::from_str::<Envelope>(text) {
                Ok(Envelope { request }) => return Ok(Self { number: request, message }),
                Err(error) => error,
            },
            Err(error) => error,
        };
        if !error.is_data() {
            return Err(FrameError::NotJson);
        }
        let head: Head = serde_json::from_str(text).map_err(|_| FrameError::NoId)?;
        let id = CLIENT_IDS.into_iter().find(|id| *id == head.id).ok_or(FrameError::UnknownId)?;
        Err(FrameError::Fields(id))
    }

    /// The number of a request that could not be read otherwise.
    pub(crate) fn number_in(text: &str) -> Option<u64> {
        #[derive(Deserialize)]
        struct Number {
            request: u64,
        }
        serde_json::from_str::<Number>(text).ok().map(|number| number.request)
    }
}

/// Only read to say what is wrong.
#[derive(Deserialize)]
struct Head {
    id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> FrameError {
        Request::parse(text).err().expect("no request")
    }

    /// One good text for each message, in the order of [`CLIENT_IDS`].
    const GOOD: [&str; 21] = [
        r#"{"id":"createRoom","request":1}"#,
        r#"{"id":"join","room":"a","name":"b","token":"x","resumeToken":"y","fresh":true}"#,
        r#"{"id":"leave"}"#,
        r#"{"id":"publish","sdpOffer":"v=0","tracks":[{"mid":"0","source":"screenAudio"}]}"#,
        r#"{"id":"answer","version":3,"sdpAnswer":"v=0"}"#,
        r#"{"id":"restartIce"}"#,
        r#"{"id":"openData"}"#,
        r#"{"id":"onIceCandidate","connection":"publish","candidate":{"candidate":"x","sdpMid":"0","usernameFragment":"u"}}"#,
        r#"{"id":"view","tracks":[{"track":"t1","width":320,"height":180,"priority":2}],"lastN":4}"#,
        r#"{"id":"mute","track":"t1","muted":true}"#,
        r#"{"id":"chat","text":"hello"}"#,
        r#"{"id":"history","before":7,"count":50}"#,
        r#"{"id":"typing","typing":false}"#,
        r#"{"id":"react","reaction":"x"}"#,
        r#"{"id":"moderate","action":"remove","participant":"p1"}"#,
        r#"{"id":"showStream","stream":"tide","name":"Tide"}"#,
        r#"{"id":"broadcast","stream":"tide"}"#,
        r#"{"id":"endBroadcast"}"#,
        r#"{"id":"joinRoom","name":"a","room":"b"}"#,
        r#"{"id":"receiveVideoFrom","sender":"a","sdpOffer":"v=0"}"#,
        r#"{"id":"leaveRoom"}"#,
    ];

    #[test]
    fn every_client_id_is_a_message() {
        for (text, id) in GOOD.into_iter().zip(CLIENT_IDS) {
            assert!(text.contains(&format!("\"{id}\"")) && Request::parse(text).is_ok(), "{text}");
        }
        let first = Request::parse(GOOD[0]).expect("a request");
        assert_eq!(first.number, Some(1));
        for action in ["mute\",\"track\":\"t1", "muteAll", "lock\",\"locked\":true,\"x\":\"", "end"] {
            let text = format!(r#"{{"id":"moderate","action":"{action}"}}"#);
            assert!(Request::parse(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_message_is_named() {
        for (text, expected) in [
            ("", FrameError::NotJson),
            (r#"{"id":"leave""#, FrameError::NotJson),
            ("[]", FrameError::NoId),
            (r#"["leave"]"#, FrameError::NoId),
            (r#"{"room":"a"}"#, FrameError::NoId),
            (r#"{"id":7}"#, FrameError::NoId),
            (r#"{"id":"dance"}"#, FrameError::UnknownId),
            (r#"{"id":"leave","request":"one"}"#, FrameError::Fields("leave")),
            (r#"{"id":"leave","request":-1}"#, FrameError::Fields("leave")),
            (r#"{"id":"join","room":"a"}"#, FrameError::Fields("join")),
            (r#"{"id":"createRoom","sizeMax":-1}"#, FrameError::Fields("createRoom")),
            (
                r#"{"id":"publish","sdpOffer":"","tracks":[{"mid":"0","source":"tail"}]}"#,
                FrameError::Fields("publish"),
            ),
            (r#"{"id":"view","tracks":[{"track":"t1","width":1.5,"height":1}]}"#, FrameError::Fields("view")),
            (r#"{"id":"moderate","action":"praise"}"#, FrameError::Fields("moderate")),
            (r#"{"id":"moderate"}"#, FrameError::Fields("moderate")),
            (
                r#"{"id":"onIceCandidate","connection":"left","candidate":{"candidate":""}}"#,
                FrameError::Fields("onIceCandidate"),
            ),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
        let deep = format!(r#"{{"id":"leave","more":{}"#, "[".repeat(60_000));
        assert_eq!(error(&deep), FrameError::NotJson, "depth is bounded");
    }

    #[test]
    fn a_request_that_cannot_be_read_may_still_say_its_number() {
        assert_eq!(Request::number_in(r#"{"id":"dance","request":8}"#), Some(8));
        assert_eq!(Request::number_in(r#"{"id":"dance","request":"8"}"#), None);
        assert_eq!(Request::number_in("not JSON"), None);
    }
}
