//! Payload types, SSRCs and extension ids never mean two things within a peer.

use super::*;
use crate::rtp::{Extension, PayloadType};

#[test]
fn a_payload_type_of_two_m_lines_stays_with_the_first() {
    let offer = offer_of(
        ("111 0", &["rtpmap:111 opus/48000/2"]),
        (
            "111 96 97",
            &["rtpmap:111 VP8/90000", "rtpmap:96 VP9/90000", "rtpmap:97 rtx/90000", "fmtp:97 apt=111"],
        ),
    );
    let answer = answered(&offer);
    assert_eq!(section_lines(&answer.sdp, 0)[0], "m=audio 9 UDP/TLS/RTP/SAVPF 111 0");
    assert_eq!(section_lines(&answer.sdp, 1)[0], "m=video 9 UDP/TLS/RTP/SAVPF 96");
}

#[test]
fn a_retransmission_that_takes_another_format_s_number_is_dropped() {
    let offer = offer_of(
        ("97", &["rtpmap:97 opus/48000/2"]),
        ("96 97", &["rtpmap:96 VP8/90000", "rtpmap:97 rtx/90000", "fmtp:97 apt=96"]),
    );
    assert_eq!(media(&answered(&offer).negotiated, MediaKind::Video).parameters.formats[0].rtx, None);
    // One retransmission format repairs one format, and a format has one.
    let lines = [
        "rtpmap:96 VP8/90000",
        "rtpmap:97 rtx/90000",
        "fmtp:97 apt=96",
        "rtpmap:98 rtx/90000",
        "fmtp:98 apt=96",
    ];
    let answer = answered(&video_offer("96 97 98", &lines));
    assert_eq!(media(&answer.negotiated, MediaKind::Video).parameters.formats[0].rtx, PayloadType::new(97));
}

#[test]
fn an_extension_id_of_two_m_lines_keeps_its_first_meaning() {
    let offer = offer_of(
        ("111", &["rtpmap:111 opus/48000/2", "extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level"]),
        (
            "96",
            &[
                "rtpmap:96 VP8/90000",
                "extmap:1 urn:3gpp:video-orientation",
                "extmap:2 urn:ietf:params:rtp-hdrext:sdes:mid",
            ],
        ),
    );
    let answer = answered(&offer);
    let extensions = &media(&answer.negotiated, MediaKind::Video).parameters.extensions;
    assert_eq!(extensions.id(Extension::VideoOrientation), None);
    assert_eq!(extensions.id(Extension::Mid).map(|id| id.number()), Some(2));
    assert!(!answer.sdp.contains("video-orientation"));
}

#[test]
fn keel_moves_away_from_ssrcs_that_the_peer_uses() {
    let offer = offer_of(
        ("111", &["rtpmap:111 opus/48000/2", "ssrc:1000 cname:x", "ssrc:1001 cname:x"]),
        (
            "96 97",
            &[
                "rtpmap:96 VP8/90000",
                "rtpmap:97 rtx/90000",
                "fmtp:97 apt=96",
                "ssrc-group:FID 2000 2001",
                "ssrc:2000 cname:x",
                "ssrc:2001 cname:x",
            ],
        ),
    );
    let answer = answered(&offer);
    let sent: Vec<_> = answer
        .negotiated
        .media
        .iter()
        .filter_map(|media| media.send)
        .map(|stream| (stream.ssrc.wire(), stream.rtx.map(Ssrc::wire)))
        .collect();
    assert_eq!(sent, [(1002, None), (2002, Some(2003))]);
    assert!(answer.sdp.contains("a=ssrc-group:FID 2002 2003\r\n"));
}

#[test]
fn an_ssrc_of_two_m_lines_stays_with_the_first() {
    let offer = offer_of(
        ("111", &["rtpmap:111 opus/48000/2", "ssrc:5 cname:x"]),
        ("96", &["rtpmap:96 VP8/90000", "ssrc:5 cname:x", "ssrc:6 cname:x"]),
    );
    let answer = answered(&offer);
    let video: Vec<u32> =
        media(&answer.negotiated, MediaKind::Video).receive.iter().map(|stream| stream.ssrc.wire()).collect();
    assert_eq!(video, [6]);
}
