//! Two sides of a call end up with formats that both can use.

use super::*;
use crate::codec::CodecParameters;
use crate::error::NegotiationError;

const OPUS: (&str, &[&str]) = ("111", &["rtpmap:111 opus/48000/2"]);
const VP8: (&str, &[&str]) = ("96", &["rtpmap:96 VP8/90000"]);
const H264: (&str, &[&str]) =
    ("102", &["rtpmap:102 H264/90000", "fmtp:102 packetization-mode=1;profile-level-id=42e01f"]);

fn formats(answer: &Answer, kind: MediaKind) -> Vec<String> {
    names(&media(&answer.negotiated, kind).parameters.formats)
}

#[test]
fn chromium_and_firefox_list_the_same_in_the_same_order() {
    let (chromium, firefox) = (answered_beside(CHROMIUM, FIREFOX), answered_beside(FIREFOX, CHROMIUM));
    for (kind, expected) in [
        (MediaKind::Audio, &["opus", "G722", "PCMU", "PCMA"][..]),
        (MediaKind::Video, &["VP8", "VP9/0", "AV1/0"]),
    ] {
        assert_eq!(formats(&chromium, kind), expected);
        assert_eq!(formats(&firefox, kind), expected);
    }
    // Each by its own numbers.
    assert_eq!(section_lines(&chromium.sdp, 1)[0], "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99 45 46");
    assert_eq!(section_lines(&firefox.sdp, 1)[0], "m=video 9 UDP/TLS/RTP/SAVPF 120 124 121 125 99 100");
}

#[test]
fn without_a_known_peer_vp8_and_opus_come_first() {
    for sdp in FIXTURES {
        let answer = answered(sdp);
        assert_eq!(formats(&answer, MediaKind::Audio)[0], "opus");
        assert_eq!(formats(&answer, MediaKind::Video)[0], "VP8");
    }
}

#[test]
fn the_first_format_does_not_hang_on_who_is_answered_first() {
    // Both have the same two codecs and prefer different ones.
    let one = offer_of(OPUS, ("102 98", &[H264.1[0], H264.1[1], "rtpmap:98 VP9/90000"]));
    let other = offer_of(OPUS, ("98 102", &["rtpmap:98 VP9/90000", H264.1[0], H264.1[1]]));
    let first = |a: &str, b: &str| formats(&answered_beside(a, b), MediaKind::Video);
    assert_eq!(first(&one, &other), first(&other, &one));
}

#[test]
fn a_call_without_a_common_codec_is_an_error_for_both() {
    let (h264, vp8) = (parsed(&offer_of(OPUS, H264)), parsed(&offer_of(OPUS, VP8)));
    for (own, other) in [(&h264, &vp8), (&vp8, &h264)] {
        let peers = Peers {
            audio: vec![other.formats(MediaKind::Audio).expect("an m-line of the kind")],
            video: vec![other.formats(MediaKind::Video).expect("an m-line of the kind")],
        };
        assert_eq!(answer(own, &local(), &peers), Err(NegotiationError::NoCommonCodec(MediaKind::Video)));
        assert!(
            common_formats(
                &own.formats(MediaKind::Video).expect("an m-line of the kind"),
                &other.formats(MediaKind::Video).expect("an m-line of the kind")
            )
            .is_empty()
        );
        assert_eq!(
            names(&common_formats(
                &own.formats(MediaKind::Audio).expect("an m-line of the kind"),
                &other.formats(MediaKind::Audio).expect("an m-line of the kind")
            )),
            ["opus"]
        );
    }
}

#[test]
fn a_kind_that_only_one_side_has_is_no_quarrel() {
    let silent = video_offer("96", VP8.1);
    let with_sound = parsed(&offer_of(OPUS, VP8));
    // The silent peer is not among those connected for audio.
    let peers = Peers {
        audio: vec![],
        video: vec![parsed(&silent).formats(MediaKind::Video).expect("an m-line of the kind")],
    };
    let answer = answer(&with_sound, &local(), &peers).expect("video in common");
    assert_eq!(formats(&answer, MediaKind::Audio), ["opus"]);
}

#[test]
fn all_of_several_peers_count() {
    let chromium = parsed(CHROMIUM).formats(MediaKind::Video).expect("an m-line of the kind");
    let vp9_only = parsed(&video_offer("98", &["rtpmap:98 VP9/90000"]))
        .formats(MediaKind::Video)
        .expect("an m-line of the kind");
    let peers = Peers { audio: vec![], video: vec![chromium, vp9_only] };
    let answer = answer(&parsed(FIREFOX), &local(), &peers).expect("VP9 in common");
    assert_eq!(formats(&answer, MediaKind::Video), ["VP9/0"]);
}

#[test]
fn an_offer_of_nothing_keel_forwards_is_an_error() {
    let offer = parsed(&offer_of(("97", &["rtpmap:97 iLBC/8000"]), VP8));
    assert_eq!(
        answer(&offer, &local(), &Peers::default()),
        Err(NegotiationError::NoCommonCodec(MediaKind::Audio))
    );
}

#[test]
fn h264_profiles_and_packetization_modes_are_not_mixed() {
    let video = |fmtp| offer_of(OPUS, ("102", &["rtpmap:102 H264/90000", fmtp]));
    let one = parsed(&video("fmtp:102 packetization-mode=1;profile-level-id=42e01f"));
    for (other, matches) in [
        ("fmtp:102 packetization-mode=1;profile-level-id=42c034", true), // another spelling and level
        ("fmtp:102 packetization-mode=1;profile-level-id=4d801f", true), // the same profile said by Main
        ("fmtp:102 packetization-mode=0;profile-level-id=42e01f", false),
        ("fmtp:102 packetization-mode=1;profile-level-id=640c1f", false),
        ("fmtp:102 packetization-mode=1;profile-level-id=42001f", false),
    ] {
        let other_formats = parsed(&video(other)).formats(MediaKind::Video).expect("an m-line of the kind");
        let common =
            common_formats(&one.formats(MediaKind::Video).expect("an m-line of the kind"), &other_formats);
        assert_eq!(!common.is_empty(), matches, "{other}");
    }
}

// covers: RFC 6184 §8.2.2
#[test]
fn a_sender_is_told_the_lowest_level_of_its_receivers() {
    let video = |id: &str| {
        offer_of(
            OPUS,
            (
                "102",
                &[
                    "rtpmap:102 H264/90000",
                    &format!("fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={id}"),
                ],
            ),
        )
    };
    let (strong, weak) = (video("42c034"), video("42e015"));
    let answer = answered_beside(&strong, &weak);
    assert!(answer.sdp.contains("profile-level-id=42c015"), "the offer's spelling at the peer's level");
    let parameters = media(&answer.negotiated, MediaKind::Video).parameters.formats[0].parameters;
    assert!(matches!(parameters, CodecParameters::H264 { level: 21, .. }));
    // The weak side is never told to send more than it said of itself.
    assert!(answered_beside(&weak, &strong).sdp.contains("profile-level-id=42e015"));

    let video =
        |level: &str| offer_of(OPUS, ("49", &["rtpmap:49 H265/90000", &format!("fmtp:49 level-id={level}")]));
    assert!(answered_beside(&video("180"), &video("93")).sdp.contains("a=fmtp:49 level-id=93\r\n"));
}

#[test]
fn red_goes_when_opus_goes() {
    let own =
        offer_of(("111 63 0", &["rtpmap:111 opus/48000/2", "rtpmap:63 red/48000/2", "fmtp:63 111/111"]), VP8);
    let chromium = answered_beside(&own, CHROMIUM);
    assert_eq!(formats(&chromium, MediaKind::Audio), ["opus", "red", "PCMU"]);
    let telephone = offer_of(("0", &[]), VP8);
    assert_eq!(formats(&answered_beside(&own, &telephone), MediaKind::Audio), ["PCMU"]);
}
