//! The messages of `/one2many`: those of Kurento's tutorial, whose pages need not change.

use crate::candidate::Candidate;
use crate::socket::FrameError;
use serde::{Deserialize, Serialize};

/// From the page.
#[derive(Debug, Deserialize)]
#[serde(tag = "id", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum ClientMessage {
    /// To be the presenter.
    Presenter { sdp_offer: String },
    /// To watch.
    Viewer { sdp_offer: String },
    /// A candidate of the page; may come before its offer.
    OnIceCandidate { candidate: Candidate },
    /// The end of what it does.
    Stop,
}

/// To the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "id", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum ServerMessage {
    PresenterResponse(Response),
    ViewerResponse(Response),
    IceCandidate { candidate: Candidate },
    StopCommunication,
    Error { message: String },
}

/// How a request of either role ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "response", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Response {
    Accepted { sdp_answer: String },
    Rejected { message: String },
}

const CLIENT_IDS: [&str; 4] = ["presenter", "viewer", "onIceCandidate", "stop"];

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

    #[test]
    fn every_client_id_is_a_message_and_what_is_none_is_named() {
        let messages = [
            r#"{"id":"presenter","sdpOffer":"v=0"}"#,
            r#"{"id":"viewer","sdpOffer":"v=0"}"#,
            r#"{"id":"onIceCandidate","candidate":{"candidate":"x","sdpMid":"0","sdpMLineIndex":0}}"#,
            r#"{"id":"stop"}"#,
        ];
        for (text, id) in messages.into_iter().zip(CLIENT_IDS) {
            assert!(text.contains(id) && ClientMessage::parse(text).is_ok(), "{text}");
        }
        let error = |text: &str| ClientMessage::parse(text).expect_err(text);
        assert_eq!(error("{"), FrameError::NotJson);
        assert_eq!(error("[\"stop\"]"), FrameError::NoId);
        assert_eq!(error(r#"{"id":"dance"}"#), FrameError::UnknownId);
        assert_eq!(error(r#"{"id":"viewer"}"#), FrameError::Fields("viewer"));
    }

    #[test]
    fn answers_are_those_of_the_tutorial() {
        let accepted = Response::Accepted { sdp_answer: "v=0".to_owned() };
        assert_eq!(
            ServerMessage::PresenterResponse(accepted).to_json(),
            r#"{"id":"presenterResponse","response":"accepted","sdpAnswer":"v=0"}"#
        );
        let rejected = Response::Rejected { message: "no".to_owned() };
        assert_eq!(
            ServerMessage::ViewerResponse(rejected).to_json(),
            r#"{"id":"viewerResponse","response":"rejected","message":"no"}"#
        );
        assert_eq!(ServerMessage::StopCommunication.to_json(), r#"{"id":"stopCommunication"}"#);
    }
}
