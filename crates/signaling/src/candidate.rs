//! ICE candidates on the wire.

use serde::{Deserialize, Serialize};

/// A candidate as browsers write it (W3C `RTCIceCandidateInit`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Candidate {
    pub(crate) candidate: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sdp_mid: Option<String>,
    #[serde(rename = "sdpMLineIndex", skip_serializing_if = "Option::is_none")]
    pub(crate) sdp_mline_index: Option<u16>,
}

impl From<Candidate> for keel_media::IceCandidate {
    fn from(candidate: Candidate) -> Self {
        let Candidate { candidate, sdp_mid, sdp_mline_index } = candidate;
        Self { candidate, sdp_mid, sdp_mline_index }
    }
}

impl From<keel_media::IceCandidate> for Candidate {
    fn from(candidate: keel_media::IceCandidate) -> Self {
        let keel_media::IceCandidate { candidate, sdp_mid, sdp_mline_index } = candidate;
        Self { candidate, sdp_mid, sdp_mline_index }
    }
}
