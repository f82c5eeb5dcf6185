//! Keel offers, and a peer answers.

use super::*;
use crate::error::NegotiationError;
use crate::pipeline::OfferOptions;
use crate::rtp::{Direction, Extension};
use std::collections::BTreeSet;

fn offered() -> Offer {
    super::super::offer(&local(), OfferOptions::default(), &Peers::default()).expect("an offer of everything")
}

/// What a peer that takes everything would answer: the offer's lines with its own transport.
fn echo(offer: &Offer) -> String {
    offer
        .sdp
        .replace("a=ice-lite\r\n", "")
        .replace("setup:actpass", "setup:active")
        .replace("a=ssrc:", "a=ssrc:9")
        .replace("FID 2000 2001", "FID 92000 92001")
}

fn accepted(offer: &Offer, answer: &str) -> Result<Negotiated, NegotiationError> {
    accept_answer(offer, &parsed(answer))
}

#[test]
fn the_offer_lists_every_format_and_reuses_no_number() {
    let offer = offered();
    let read = parsed(&offer.sdp);
    assert_eq!(
        names(&read.formats(MediaKind::Audio).expect("an m-line of the kind")),
        ["opus", "red", "G722", "PCMU", "PCMA"]
    );
    assert_eq!(
        names(&read.formats(MediaKind::Video).expect("an m-line of the kind")),
        [
            "VP8",
            "H264/ConstrainedBaseline/1",
            "H264/ConstrainedBaseline/0",
            "H264/ConstrainedHigh/1",
            "VP9/0",
            "AV1/0",
            "H265/1",
            "VP9/2",
        ]
    );
    assert!(read.transport.ice_lite && offer.sdp.contains("a=setup:actpass"));
    let mut numbers = BTreeSet::new();
    for format in read.media.iter().flat_map(|section| &section.formats) {
        assert!(numbers.insert(format.format.payload_type));
        assert!(format.format.rtx.is_none_or(|rtx| numbers.insert(rtx)));
    }
    // An id means the same wherever it stands.
    for extension in Extension::ALL {
        let entries = read.media.iter().flat_map(|section| &section.extensions);
        let ids: BTreeSet<_> = entries.filter(|e| e.extension == extension).map(|e| e.id).collect();
        assert_eq!(ids.len(), 1, "{extension:?}");
    }
}

#[test]
fn an_answer_settles_what_both_want() {
    let offer = offered();
    // The peer takes VP9 before VP8, refuses audio levels, and only sends.
    let answer = echo(&offer)
        .replace("a=extmap:6 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n", "")
        .replace("a=sendrecv", "a=sendonly");
    let first_line = section_lines(&answer, 1)[0].to_owned();
    let answer = answer.replace(&first_line, "m=video 9 UDP/TLS/RTP/SAVPF 98 99 96");
    let negotiated = accepted(&offer, &answer).expect("an answer to this offer");
    assert_eq!(negotiated.dtls_role, DtlsRole::Server);
    let audio = media(&negotiated, MediaKind::Audio);
    assert_eq!(audio.parameters.extensions.id(Extension::AudioLevel), None);
    assert_eq!((audio.parameters.direction, audio.send), (Direction::RecvOnly, None));
    let video = media(&negotiated, MediaKind::Video);
    assert_eq!(names(&video.parameters.formats), ["VP9/0", "VP8"]);
    assert!(video.parameters.formats[0].rtx.is_some());
    assert_eq!(video.parameters.formats[1].rtx, None);
    let received: Vec<_> = video.receive.iter().map(|s| (s.ssrc.wire(), s.rtx.map(Ssrc::wire))).collect();
    assert_eq!(received, [(92000, Some(92001))]);
}

#[test]
fn a_rejected_m_line_is_left_out() {
    let offer = offered();
    let answer = echo(&offer).replace("m=audio 9", "m=audio 0").replace("BUNDLE 0 1", "BUNDLE 1");
    let negotiated = accepted(&offer, &answer).expect("an answer to this offer");
    assert_eq!(negotiated.media.iter().map(|media| media.index).collect::<Vec<_>>(), [1]);
    assert_eq!(negotiated.media[0].send, Some(local().video));
}

#[test]
fn two_keels_agree_and_one_of_them_is_a_full_agent() {
    let offer = offered();
    let mut other = local();
    other.audio.ssrc = Ssrc::new(3000);
    other.video = SendStream { ssrc: Ssrc::new(4000), rtx: Some(Ssrc::new(4001)) };
    let received = parsed(&offer.sdp);
    let answer = answer(&received, &other, &Peers::default()).expect("Keel answers itself");
    // The answerer read `ice-lite` and is full; so it must not call itself lite.
    assert!(received.transport.ice_lite && !parsed(&answer.sdp).transport.ice_lite);
    let negotiated = accepted(&offer, &answer.sdp).expect("Keel takes its own answer");
    for kind in MediaKind::ALL {
        let (one, two) = (media(&negotiated, kind), media(&answer.negotiated, kind));
        assert_eq!(one.parameters.formats, two.parameters.formats);
        let declared = one.receive.iter().next().map(|s| SendStream { ssrc: s.ssrc, rtx: s.rtx });
        assert_eq!(declared, two.send);
    }
    assert_eq!((negotiated.dtls_role, answer.negotiated.dtls_role), (DtlsRole::Client, DtlsRole::Server));
}

#[test]
fn an_offer_beside_connected_peers_lists_what_they_take() {
    let peer = parsed(FIREFOX);
    let peers =
        Peers { audio: vec![], video: vec![peer.formats(MediaKind::Video).expect("an m-line of the kind")] };
    let options = OfferOptions { audio: false, ..OfferOptions::default() };
    let offer = super::super::offer(&local(), options, &peers).expect("three formats in common");
    assert_eq!(section_lines(&offer.sdp, 0)[0], "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99 45 46");
    assert!(!offer.sdp.contains("m=audio"));
    let nothing = OfferOptions { audio: false, video: false, encodings: 1 };
    assert!(super::super::offer(&local(), nothing, &peers).is_err());
}

#[test]
fn what_does_not_answer_the_offer_is_refused() {
    let offer = offered();
    let good = echo(&offer);
    accepted(&offer, &good).expect("the unchanged answer");
    let video_only = section_lines(&good, 1).join("\r\n");
    for (answer, complaint) in [
        (good.replace("m=video", "m=audio"), "another kind"),
        (good.replace("a=mid:1", "a=mid:x").replace("BUNDLE 0 1", "BUNDLE 0 x"), "another name"),
        (format!("{good}{}\r\n", video_only.replace("a=mid:1", "a=mid:2")), "one m-line too many"),
        (good.replace("a=rtcp-mux\r\n", ""), "two ports"),
        (good.replace("BUNDLE 0 1", "BUNDLE 0"), "two transports"),
        (good.replace("UDP/TLS/RTP/SAVPF", "RTP/AVPF"), "no encryption"),
        (good.replace("setup:active", "setup:actpass"), "no DTLS role"),
        (good.replace("a=ssrc:91000 ", "a=ssrc:1000 "), "our SSRC"),
        (good.replace("sha-256", "md5"), "no fingerprint"),
    ] {
        assert!(matches!(accepted(&offer, &answer), Err(NegotiationError::Invalid(_))), "{complaint}");
    }
    // Numbers that were not offered for what they are said to be.
    let line = section_lines(&good, 1)[0].to_owned();
    let answer =
        good.replace(&line, "m=video 9 UDP/TLS/RTP/SAVPF 107").replace("a=rtpmap:96 VP8", "a=rtpmap:107 VP8");
    assert_eq!(accepted(&offer, &answer), Err(NegotiationError::NoCommonCodec(MediaKind::Video)));
}
