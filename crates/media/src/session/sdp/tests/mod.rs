//! Stories of negotiation: descriptions captured from browsers, and small ones made for one point.

mod agree;
mod answer;
mod collide;
mod data;
mod hostile;
mod offer;
mod parse;
mod relines;
mod restrict;
mod simulcast;

use super::*;
use crate::pipeline::MediaKind;
use crate::rtp::{Format, Mid};

pub(super) const CHROMIUM: &str =
    include_str!("../../../../tests/fixtures/chromium156-kurento-utils-sendrecv.offer.sdp");
pub(super) const CHROMIUM_SENDONLY: &str =
    include_str!("../../../../tests/fixtures/chromium156-kurento-utils-sendonly.offer.sdp");
pub(super) const CHROMIUM_RECVONLY: &str =
    include_str!("../../../../tests/fixtures/chromium156-kurento-utils-recvonly.offer.sdp");
pub(super) const CHROMIUM_DATA: &str =
    include_str!("../../../../tests/fixtures/chromium156-kurento-utils-datachannel.offer.sdp");
pub(super) const FIREFOX: &str = include_str!("../../../../tests/fixtures/firefox153-sendrecv.offer.sdp");

pub(super) const FIXTURES: [&str; 5] =
    [CHROMIUM, CHROMIUM_SENDONLY, CHROMIUM_RECVONLY, CHROMIUM_DATA, FIREFOX];

/// What a KMS client without WebRTC offers: plain RTP, no names, no bundle.
pub(super) const LEGACY: &str = "v=0\r\no=- 12345 12345 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
    m=audio 5000 RTP/AVP 98 0\r\na=rtpmap:98 opus/48000/2\r\na=sendonly\r\n\
    m=video 5002 RTP/AVP 96 97 98\r\nb=AS:500\r\na=rtpmap:96 H263-1998/90000\r\na=rtpmap:97 H264/90000\r\n\
    a=rtpmap:98 VP8/90000\r\na=rtcp-fb:* nack pli\r\na=sendonly\r\n";

/// What an offer needs besides its formats.
const PREAMBLE: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
    a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\n\
    a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n";

/// An offer with an audio m-line of these payload types and lines, and a video m-line likewise.
pub(super) fn offer_of(audio: (&str, &[&str]), video: (&str, &[&str])) -> String {
    let mut sdp = PREAMBLE.to_owned();
    for (mid, kind, (formats, lines)) in [("0", "audio", audio), ("1", "video", video)] {
        sdp +=
            &format!("m={kind} 9 UDP/TLS/RTP/SAVPF {formats}\r\na=mid:{mid}\r\na=rtcp-mux\r\na=sendrecv\r\n");
        for line in lines {
            sdp += &format!("a={line}\r\n");
        }
    }
    sdp
}

/// An offer with one video m-line of these payload types and lines.
pub(super) fn video_offer(formats: &str, lines: &[&str]) -> String {
    let mut sdp = format!("{PREAMBLE}m=video 9 UDP/TLS/RTP/SAVPF {formats}\r\na=mid:1\r\na=rtcp-mux\r\n");
    for line in lines {
        sdp += &format!("a={line}\r\n");
    }
    sdp
}

pub(super) fn local() -> LocalDescription {
    LocalDescription {
        ice_ufrag: "keel".to_owned(),
        ice_pwd: "keelkeelkeelkeelkeelkeel".to_owned(),
        fingerprint: ["AB"; 32].join(":"),
        session_id: 7,
        cname: "keel-cname".to_owned(),
        stream_id: "keel-stream".to_owned(),
        audio: SendStream { ssrc: Ssrc::new(1000), rtx: None },
        video: SendStream { ssrc: Ssrc::new(2000), rtx: Some(Ssrc::new(2001)) },
        restrictions: Restrictions::default(),
        data_channels: false,
        is_full_agent: false,
    }
}

pub(super) fn parsed(sdp: &str) -> RemoteDescription {
    RemoteDescription::parse(sdp).expect("a description that Keel understands")
}

pub(super) fn answered(sdp: &str) -> Answer {
    answer(&parsed(sdp), &local(), &Peers::default()).expect("an offer that Keel answers")
}

/// The answer to the first offer while its endpoint is connected, both kinds, to the second's.
pub(super) fn answered_beside(sdp: &str, peer: &str) -> Answer {
    let peer = parsed(peer);
    let peers = Peers {
        audio: vec![peer.formats(MediaKind::Audio).expect("an m-line of the kind")],
        video: vec![peer.formats(MediaKind::Video).expect("an m-line of the kind")],
    };
    answer(&parsed(sdp), &local(), &peers).expect("two offers with something in common")
}

/// Formats in the way people write them down: `VP8`, `H264/1`, `VP9/2`.
pub(super) fn names(formats: &[Format]) -> Vec<String> {
    use crate::codec::CodecParameters as P;
    formats
        .iter()
        .map(|format| match format.parameters {
            P::None => format.codec.name().to_owned(),
            P::H264 { profile, packetization_mode, .. } => format!("H264/{profile:?}/{packetization_mode}"),
            P::Vp9 { profile } | P::Av1 { profile } | P::H265 { profile, .. } => {
                format!("{}/{profile}", format.codec.name())
            }
        })
        .collect()
}

pub(super) fn media(negotiated: &Negotiated, kind: MediaKind) -> &NegotiatedMedia {
    let found = negotiated.media.iter().find(|media| media.kind == kind);
    found.expect("an accepted m-line of this kind")
}

/// The lines of one m-line, from its `m=` on.
pub(super) fn section_lines(sdp: &str, index: usize) -> Vec<&str> {
    let starts: Vec<usize> =
        sdp.match_indices("m=").map(|(at, _)| at).filter(|at| sdp[..*at].ends_with('\n')).collect();
    let end = starts.get(index + 1).copied().unwrap_or(sdp.len());
    sdp[starts[index]..end].lines().collect()
}
