//! The messages of the one-to-one call: JSON text, the field `id` names the message. Names and fields are
//! those that existing Kurento front ends use; `secret`, `resumeToken`, `watchOnline`, `online` and all of the
//! chat are additions that such front ends need not know. Unknown fields are ignored, since browsers add their own
//! to candidates.

use super::token::ResumeToken;
use crate::candidate::Candidate;
use crate::config::IceServer;
use crate::socket::FrameError;
use crate::store::{ChatMessage, UnixMillis};
use serde::{Deserialize, Serialize};

/// From the browser.
#[derive(Deserialize)]
#[serde(tag = "id", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum ClientMessage {
    Register {
        name: String,
        secret: Option<String>,
        resume_token: Option<String>,
    },
    Call {
        from: String,
        to: String,
        sdp_offer: String,
    },
    IncomingCallResponse {
        from: String,
        #[serde(flatten)]
        reply: CallReply,
    },
    OnIceCandidate {
        candidate: Candidate,
    },
    Stop,
    /// Asks for an `online` message now and after each change.
    WatchOnline,
    /// For the other one of the call.
    Chat {
        text: String,
    },
    /// Asks for what the two of the call have written, older than the message `before`.
    History {
        before: Option<u64>,
        count: Option<u32>,
    },
    Typing {
        typing: bool,
    },
}

/// What a callee says to an incoming call.
#[derive(Deserialize)]
#[serde(tag = "callResponse", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum CallReply {
    Accept { sdp_offer: String },
    Reject { message: Option<String> },
}

/// To the browser.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "id", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum ServerMessage {
    RegisterResponse(Registered),
    IncomingCall {
        from: String,
    },
    CallResponse(CallAnswer),
    StartCommunication {
        sdp_answer: String,
    },
    IceCandidate {
        candidate: Candidate,
    },
    StopCommunication {
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// Who is registered, in order; at most [`crate::Limits::online_names_max`] names.
    Online {
        users: Vec<String>,
    },
    ChatSent {
        message: u64,
        time: UnixMillis,
    },
    ChatMessage {
        message: u64,
        from: String,
        text: String,
        time: UnixMillis,
    },
    ChatHistory {
        messages: Vec<ChatMessage>,
        more: bool,
    },
    Typing {
        from: String,
        typing: bool,
    },
    Error {
        message: String,
    },
}

/// How a registration ended.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "response", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Registered {
    Accepted {
        resume_token: ResumeToken,
        /// For clients that do not ask `/api/config`.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        ice_servers: Vec<IceServer>,
    },
    Rejected {
        message: String,
    },
}

/// What a caller hears.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "response", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum CallAnswer {
    Accepted { sdp_answer: String },
    Rejected { message: String },
}

const CLIENT_IDS: [&str; 9] = [
    "register",
    "call",
    "incomingCallResponse",
    "onIceCandidate",
    "stop",
    "watchOnline",
    "chat",
    "history",
    "typing",
];

impl ClientMessage {
    /// The message in a text frame.
    pub(crate) fn parse(text: &str) -> Result<Self, FrameError> {
        /// Only read to say what is wrong.
        #[derive(Deserialize)]
        struct Head {
            id: String,
        }
        let error = match serde_json::from_str(text) {
            // The library would also read an array of the fields in their order; the protocol has objects.
            Ok(_) if !text.trim_start().starts_with('{') => return Err(FrameError::NoId),
            Ok(message) => return Ok(message),
            Err(error) => error,
        };
        if !error.is_data() {
            return Err(FrameError::NotJson);
        }
        let head: Head = serde_json::from_str(text).map_err(|_| FrameError::NoId)?;
        let id = CLIENT_IDS.into_iter().find(|id| *id == head.id).ok_or(FrameError::UnknownId)?;
        Err(FrameError::Fields(id))
    }
}

impl ServerMessage {
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("text keys and values always serialize")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> FrameError {
        ClientMessage::parse(text).err().expect("no message")
    }

    #[test]
    fn every_client_id_is_a_message() {
        let messages = [
            r#"{"id":"register","name":"a"}"#,
            r#"{"id":"call","from":"a","to":"b","sdpOffer":"v=0"}"#,
            r#"{"id":"incomingCallResponse","from":"a","callResponse":"accept","sdpOffer":"v=0"}"#,
            r#"{"id":"onIceCandidate","candidate":{"candidate":"x","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"u"}}"#,
            r#"{"id":"stop"}"#,
            r#"{"id":"watchOnline"}"#,
            r#"{"id":"chat","text":"hello"}"#,
            r#"{"id":"history","before":7,"count":50}"#,
            r#"{"id":"typing","typing":true}"#,
        ];
        for (text, id) in messages.into_iter().zip(CLIENT_IDS) {
            assert!(text.contains(id) && ClientMessage::parse(text).is_ok(), "{text}");
        }
        let reject = ClientMessage::parse(
            r#"{"id":"incomingCallResponse","from":"a","callResponse":"reject","message":"bussy"}"#,
        );
        let Ok(ClientMessage::IncomingCallResponse { reply: CallReply::Reject { message }, .. }) = reject
        else {
            panic!("a rejection as Kurento's page sends it")
        };
        assert_eq!(message.as_deref(), Some("bussy"));
    }

    #[test]
    fn what_is_no_message_is_named() {
        assert_eq!(error(""), FrameError::NotJson);
        assert_eq!(error(r#"{"id":"stop""#), FrameError::NotJson);
        assert_eq!(error("[]"), FrameError::NoId);
        assert_eq!(error(r#"["stop"]"#), FrameError::NoId);
        assert_eq!(error(r#"{"name":"a"}"#), FrameError::NoId);
        assert_eq!(error(r#"{"id":7}"#), FrameError::NoId);
        assert_eq!(error(r#"{"id":"dance"}"#), FrameError::UnknownId);
        assert_eq!(error(r#"{"id":"register"}"#), FrameError::Fields("register"));
        assert_eq!(error(r#"{"id":"register","name":["a"]}"#), FrameError::Fields("register"));
        assert_eq!(
            error(r#"{"id":"incomingCallResponse","from":"a","callResponse":"accept"}"#),
            FrameError::Fields("incomingCallResponse"),
            "accepting needs an offer"
        );
        let deep = format!(r#"{{"id":"stop","more":{}"#, "[".repeat(60_000));
        assert_eq!(error(&deep), FrameError::NotJson, "depth is bounded");
    }

    #[test]
    fn server_messages_have_the_names_of_kurento_front_ends() {
        let candidate = Candidate {
            candidate: "candidate:1".to_owned(),
            sdp_mid: Some("0".to_owned()),
            sdp_mline_index: Some(0),
        };
        let accepted = CallAnswer::Accepted { sdp_answer: "v=0".to_owned() };
        let rejected = CallAnswer::Rejected { message: "no".to_owned() };
        let texts = [
            (
                ServerMessage::IncomingCall { from: "a\"b".to_owned() },
                r#"{"id":"incomingCall","from":"a\"b"}"#,
            ),
            (
                ServerMessage::CallResponse(accepted),
                r#"{"id":"callResponse","response":"accepted","sdpAnswer":"v=0"}"#,
            ),
            (
                ServerMessage::CallResponse(rejected),
                r#"{"id":"callResponse","response":"rejected","message":"no"}"#,
            ),
            (
                ServerMessage::StartCommunication { sdp_answer: "v=0".to_owned() },
                r#"{"id":"startCommunication","sdpAnswer":"v=0"}"#,
            ),
            (
                ServerMessage::IceCandidate { candidate },
                r#"{"id":"iceCandidate","candidate":{"candidate":"candidate:1","sdpMid":"0","sdpMLineIndex":0}}"#,
            ),
            (ServerMessage::StopCommunication { message: None }, r#"{"id":"stopCommunication"}"#),
            (ServerMessage::Online { users: vec!["a".to_owned()] }, r#"{"id":"online","users":["a"]}"#),
            (
                ServerMessage::RegisterResponse(Registered::Rejected { message: "no".to_owned() }),
                r#"{"id":"registerResponse","response":"rejected","message":"no"}"#,
            ),
            (
                ServerMessage::RegisterResponse(Registered::Accepted {
                    resume_token: ResumeToken::from_bytes([0xab; 16]),
                    ice_servers: Vec::new(),
                }),
                r#"{"id":"registerResponse","response":"accepted","resumeToken":"abababababababababababababababab"}"#,
            ),
        ];
        for (message, text) in texts {
            assert_eq!(message.to_json(), text);
        }
    }
}
