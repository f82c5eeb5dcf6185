//! What Keel reads out of descriptions.

use super::*;
use crate::codec::{Codec, CodecParameters, H264Profile};
use crate::error::NegotiationError;
use crate::rtp::{Direction, Extension, PayloadType};

#[test]
fn chromium_is_understood_in_full() {
    let offer = parsed(CHROMIUM);
    let transport = &offer.transport;
    let ice = transport.ice.as_ref().expect("credentials");
    assert_eq!((ice.ufrag.as_str(), ice.password.as_str()), ("ZcS+", "covfV//jrlp6XwHAFxPoHguT"));
    assert_eq!(transport.setup, Some(Setup::ActPass));
    assert!(!transport.ice_lite && transport.candidates.is_empty());
    assert_eq!(transport.fingerprints.len(), 1);
    assert!(transport.fingerprints[0].to_string().starts_with("sha-256 75:68:DE:"));

    let [audio, video] = &offer.media[..] else { panic!("two m-lines, not {}", offer.media.len()) };
    assert_eq!(
        (audio.kind, audio.mid, audio.direction),
        (SectionKind::Audio, Mid::new("0"), Direction::SendRecv)
    );
    assert!(audio.rtcp_mux && audio.rtcp_rsize && audio.extmap_allow_mixed && !audio.rejected);
    assert_eq!(
        names(&offer.formats(MediaKind::Audio).expect("an m-line of the kind")),
        ["opus", "red", "G722", "PCMU", "PCMA"]
    );
    let declared: Vec<_> = audio.streams.iter().map(|stream| (stream.ssrc.wire(), stream.rtx)).collect();
    assert_eq!(declared, [(3_859_144_710, None)]);

    let vp8 = &video.formats[0].format;
    assert_eq!((vp8.codec, vp8.payload_type.wire(), vp8.rtx), (Codec::Vp8, 96, PayloadType::new(97)));
    assert!(vp8.nack && vp8.pli && vp8.fir && vp8.transport_cc && vp8.remb);
    assert_eq!(
        names(&offer.formats(MediaKind::Video).expect("an m-line of the kind")),
        [
            "VP8",
            "H264/Baseline/1",
            "H264/Baseline/0",
            "H264/ConstrainedBaseline/1",
            "H264/ConstrainedBaseline/0",
            "H264/Main/1",
            "H264/Main/0",
            "AV1/0",
            "VP9/0",
            "VP9/2",
        ]
    );
    let declared: Vec<_> = video.streams.iter().map(|s| (s.ssrc.wire(), s.rtx.map(Ssrc::wire))).collect();
    assert_eq!(declared, [(3_356_673_893, Some(3_435_725_256))]);
    assert_eq!(
        video.msid,
        Some(Msid {
            stream: "95d23f7b-13f1-4cd1-86f5-7ba904da3d78".to_owned(),
            track: "75f89452-0fd7-4d83-95f3-4fa91e8a4fc7".to_owned(),
        })
    );
    let extensions: Vec<_> = video.extensions.iter().map(|e| (e.id.number(), e.extension)).collect();
    assert_eq!(
        extensions,
        [
            (2, Extension::AbsSendTime),
            (13, Extension::VideoOrientation),
            (3, Extension::TransportSequenceNumber),
            (5, Extension::PlayoutDelay),
            (6, Extension::VideoContentType),
            (8, Extension::ColorSpace),
            (4, Extension::Mid),
            (10, Extension::Rid),
            (11, Extension::RepairedRid),
        ]
    );
}

#[test]
fn firefox_says_much_of_it_at_another_place() {
    let offer = parsed(FIREFOX);
    let ice = offer.transport.ice.as_ref().expect("credentials");
    assert_eq!(ice.ufrag, "6b1f54df");
    // Its fingerprint stands at the session level.
    assert!(offer.transport.fingerprints[0].to_string().starts_with("sha-256 05:89:"));
    assert!(offer.transport.end_of_candidates);
    let candidates: Vec<_> =
        offer.transport.candidates.iter().map(|c| (c.protocol, c.address.clone())).collect();
    let address = |text: &str| CandidateAddress::Ip(text.parse().expect("an address"));
    assert_eq!(
        candidates,
        [
            (CandidateProtocol::Udp, address("10.77.0.1:34558")),
            (CandidateProtocol::Tcp(TcpRole::Active), address("10.77.0.1:9")),
        ]
    );
    assert_eq!(
        names(&offer.formats(MediaKind::Audio).expect("an m-line of the kind")),
        ["opus", "G722", "PCMU", "PCMA"]
    );
    assert_eq!(
        names(&offer.formats(MediaKind::Video).expect("an m-line of the kind")),
        ["VP8", "VP9/0", "AV1/0"]
    );
    let delay = offer.media[1].extensions.iter().find(|e| e.extension == Extension::PlayoutDelay);
    assert_eq!(delay.map(|e| e.direction), Some(Direction::SendOnly));
    assert!(!offer.media[0].rtcp_rsize && offer.media[1].rtcp_rsize);
}

#[test]
fn directions_are_turned_round() {
    for (sdp, direction) in [
        (CHROMIUM, Direction::SendRecv),
        (CHROMIUM_SENDONLY, Direction::RecvOnly),
        (CHROMIUM_RECVONLY, Direction::SendOnly),
    ] {
        assert!(parsed(sdp).media.iter().all(|section| section.direction == direction));
    }
    // At the session level it stands for all m-lines that have none of their own.
    let sdp = CHROMIUM.replace("a=sendrecv\r\n", "").replace("t=0 0\r\n", "t=0 0\r\na=recvonly\r\n");
    assert!(parsed(&sdp).media.iter().all(|section| section.direction == Direction::SendOnly));
}

#[test]
fn plain_rtp_has_no_transport_and_no_names() {
    let offer = parsed(LEGACY);
    assert_eq!(offer.transport, RemoteTransport::default());
    assert!(
        offer.media.iter().all(|section| section.mid.is_none() && section.protection == Protection::Plain)
    );
    assert_eq!(names(&offer.formats(MediaKind::Audio).expect("an m-line of the kind")), ["opus", "PCMU"]);
    assert_eq!(
        names(&offer.formats(MediaKind::Video).expect("an m-line of the kind")),
        ["H264/ConstrainedBaseline/0", "VP8"]
    );
    assert!(
        offer
            .formats(MediaKind::Video)
            .expect("an m-line of the kind")
            .iter()
            .all(|format| format.pli && !format.nack)
    );
}

#[test]
fn bundle_only_is_no_rejection() {
    let sdp = CHROMIUM.replace("m=video 9", "m=video 0");
    assert!(parsed(&sdp).section(MediaKind::Video).is_none());
    let sdp = sdp.replace("a=mid:1\r\n", "a=mid:1\r\na=bundle-only\r\n");
    assert!(parsed(&sdp).section(MediaKind::Video).is_some());
}

#[test]
fn media_beside_the_bundle_is_left_out() {
    let offer = parsed(&CHROMIUM.replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 0"));
    assert!(offer.section(MediaKind::Audio).is_some() && offer.section(MediaKind::Video).is_none());
    let offer = parsed(&CHROMIUM.replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 1 7"));
    assert!(offer.section(MediaKind::Audio).is_none() && offer.section(MediaKind::Video).is_some());
}

#[test]
fn simulcast_streams_are_named() {
    let lines = ["rtpmap:96 VP8/90000", "rid:q send", "rid:h send", "rid:x recv", "simulcast:send q;h"];
    let offer = parsed(&video_offer("96", &lines));
    let names: Vec<&str> = offer.media[0].encodings.iter().map(|encoding| encoding.rid.as_str()).collect();
    assert_eq!(names, ["q", "h"]);
}

#[test]
fn formats_are_told_apart_by_their_parameters() {
    let lines = [
        "rtpmap:96 H264/90000",
        "fmtp:96 packetization-mode=1; PROFILE-LEVEL-ID=640C1F",
        "rtpmap:97 H265/90000",
        "fmtp:97 level-id=180;profile-id=2;tier-flag=1;tx-mode=SRST",
        "rtpmap:98 H264/90000",
        "fmtp:98 packetization-mode=2",
        "rtpmap:99 VP9/90000",
        "fmtp:99 profile-id=1",
        "rtpmap:100 VP8/48000",
        "rtpmap:101 opus/48000/2",
    ];
    let offer = parsed(&video_offer("96 97 98 99 100 101 102", &lines));
    let found: Vec<_> = offer
        .formats(MediaKind::Video)
        .expect("an m-line of the kind")
        .iter()
        .map(|format| format.parameters)
        .collect();
    assert_eq!(
        found,
        [
            CodecParameters::H264 { profile: H264Profile::ConstrainedHigh, level: 31, packetization_mode: 1 },
            CodecParameters::H265 { profile: 2, tier: 1, level: 180 },
        ]
    );
}

#[test]
fn red_needs_the_opus_inside_it() {
    let audio = |fmtp| ["rtpmap:111 opus/48000/2", "rtpmap:63 red/48000/2", fmtp];
    let vp8: (&str, &[&str]) = ("96", &["rtpmap:96 VP8/90000"]);
    for (fmtp, expected) in [
        ("fmtp:63 111/111", &["opus", "red"][..]),
        ("fmtp:63 112/112", &["opus"]),
        ("fmtp:63 111/0", &["opus"]),
        ("ptime:20", &["opus"]),
    ] {
        let offer = parsed(&offer_of(("111 63", &audio(fmtp)), vp8));
        assert_eq!(
            names(&offer.formats(MediaKind::Audio).expect("an m-line of the kind")),
            expected,
            "{fmtp}"
        );
    }
}

#[test]
fn fingerprints_of_weak_hashes_do_not_count() {
    let sha1 = CHROMIUM.replace("sha-256", "sha-1");
    let offer = parsed(&sha1);
    assert!(offer.transport.fingerprints.is_empty());
    assert_eq!(
        answer(&offer, &local(), &Peers::default()),
        Err(NegotiationError::Invalid("no fingerprint of SHA-256 or better"))
    );
}

#[test]
fn bounds_hold() {
    let long = format!("{CHROMIUM}{}", "a=x:y\r\n".repeat(40_000));
    assert_eq!(RemoteDescription::parse(&long), Err(NegotiationError::TooLong { limit: 256 * 1024 }));
    let lines = format!("{CHROMIUM}{}", "a=x\r\n".repeat(17_000));
    assert_eq!(
        RemoteDescription::parse(&lines),
        Err(NegotiationError::Invalid("more lines than a peer writes"))
    );
    let session = CHROMIUM.replace("t=0 0\r\n", &format!("t=0 0\r\n{}", "a=x\r\n".repeat(257)));
    assert_eq!(
        RemoteDescription::parse(&session),
        Err(NegotiationError::Invalid("more session attributes than a peer writes"))
    );
    let sections = |count| format!("{LEGACY}{}", "m=audio 0 RTP/AVP 0\r\n".repeat(count));
    assert!(RemoteDescription::parse(&sections(62)).is_ok());
    assert_eq!(
        RemoteDescription::parse(&sections(63)),
        Err(NegotiationError::Invalid("more than 64 m-lines"))
    );
}

#[test]
fn what_is_no_description_is_refused() {
    for (sdp, what) in [
        (String::new(), "nothing"),
        ("hello".to_owned(), "text"),
        ("v=0\r\n".to_owned(), "a beginning"),
        (PREAMBLE.to_owned(), "no m-lines"),
        (CHROMIUM.replace("v=0", "v=1"), "another version"),
        (CHROMIUM.replace("m=video 9", "m=video nine"), "a port that is no number"),
        (CHROMIUM.replace("a=mid:1", "a=mid:0"), "a name twice"),
        (CHROMIUM.replace("a=mid:1", "a=mid:a b"), "a name with a blank"),
        (CHROMIUM.replace("a=ice-pwd:covfV//jrlp6XwHAFxPoHguT\r\n", ""), "half the credentials"),
        (CHROMIUM.replace("ZcS+", "Zc"), "a short user name fragment"),
        (CHROMIUM.replace("ZcS+", "Zc:S"), "a colon in the user name fragment"),
        (CHROMIUM.replace(":05:1C", ":05:1"), "a short fingerprint"),
        (CHROMIUM.replace("a=setup:actpass", "a=setup:holdconn"), "a role DTLS does not have"),
        (CHROMIUM.replace("a=ssrc:", "a=ssrc:x"), "an SSRC that is no number"),
        (CHROMIUM.replace("SAVPF 111 63", "SAVPF 111 111 63"), "a payload type twice"),
        (CHROMIUM.replace("rtpmap:63 red/48000/2", "rtpmap:111 red/48000/2"), "two meanings"),
        (video_offer("96", &["rid:a/b send"]), "a simulcast stream without a proper name"),
    ] {
        assert!(matches!(RemoteDescription::parse(&sdp), Err(NegotiationError::Invalid(_))), "{what}");
    }
}
