//! What an endpoint's owner restricts: directions, codecs and bandwidth in the descriptions made for it.

use super::*;
use crate::codec::Codec;
use crate::error::NegotiationError;
use crate::pipeline::{OfferDirection, OfferOptions};
use crate::rtp::{Bitrate, Direction};

fn restricted(restrictions: Restrictions) -> LocalDescription {
    LocalDescription { restrictions, ..local() }
}

fn offered(local: &LocalDescription) -> Offer {
    super::super::offer(local, OfferOptions::default(), &Peers::default()).expect("an offer")
}

/// What a peer would answer that wants to send and to receive, whatever was offered.
fn greedy_answer(offer: &Offer) -> Negotiated {
    let text = offer
        .sdp
        .replace("a=ice-lite\r\n", "")
        .replace("setup:actpass", "setup:active")
        .replace("a=sendonly", "a=sendrecv")
        .replace("a=recvonly", "a=sendrecv")
        .replace("a=ssrc", "a=x-ssrc");
    accept_answer(offer, &parsed(&text)).expect("an answer to this offer")
}

// covers: RFC 3264 §6.1
#[test]
fn an_offer_goes_the_ways_that_its_owner_chose_and_no_answer_adds_one() {
    let stories = [
        (OfferDirection::SendRecv, "a=sendrecv", Direction::SendRecv),
        (OfferDirection::SendOnly, "a=sendonly", Direction::SendOnly),
        (OfferDirection::RecvOnly, "a=recvonly", Direction::RecvOnly),
    ];
    for (offered_ways, line, expected) in stories {
        let local = restricted(Restrictions { offered: offered_ways, ..Restrictions::default() });
        let offer = offered(&local);
        assert_eq!(offer.sdp.matches(line).count(), 2, "{}", offer.sdp);
        assert_eq!(offer.sdp.contains("a=msid:"), expected.sends());
        assert_eq!(offer.sdp.contains("a=ssrc:"), expected.sends());
        for media in greedy_answer(&offer).media {
            assert_eq!(media.parameters.direction, expected);
            assert_eq!(media.send.is_some(), expected.sends());
        }
    }
}

/// The limits at run time go by REMB, also to a browser that estimates its rate by transport feedback.
#[test]
fn chromium_agrees_on_remb_beside_its_own_estimate() {
    let answer = answered(CHROMIUM);
    let video = &media(&answer.negotiated, MediaKind::Video).parameters.formats;
    assert!(video.iter().all(|format| format.remb && format.transport_cc), "{video:?}");
}

fn bandwidths(sdp: &str, index: usize) -> Vec<&str> {
    section_lines(sdp, index).into_iter().filter(|line| line.starts_with("b=")).collect()
}

// covers: RFC 8866 §5.8
// covers: RFC 3890 §6.2
#[test]
fn the_most_that_a_peer_may_send_stands_in_offers_and_answers() {
    let limited = restricted(Restrictions {
        audio: Restriction { receive_max: Some(Bitrate::bps(64_000)), codec: None },
        video: Restriction { receive_max: Some(Bitrate::bps(750_500)), codec: None },
        ..Restrictions::default()
    });
    let answer = answer(&parsed(CHROMIUM), &limited, &Peers::default()).expect("an answer");
    for sdp in [answer.sdp, offered(&limited).sdp] {
        assert_eq!(bandwidths(&sdp, 0), ["b=AS:64", "b=TIAS:64000"]);
        assert_eq!(bandwidths(&sdp, 1), ["b=AS:751", "b=TIAS:750500"]);
        assert!(RemoteDescription::parse(&sdp).is_ok(), "the lines stand where SDP wants them");
    }
    assert_eq!(bandwidths(&answered(CHROMIUM).sdp, 1), [""; 0]);
    let nothing_received =
        super::super::answer(&parsed(CHROMIUM_RECVONLY), &limited, &Peers::default()).expect("an answer");
    assert_eq!(bandwidths(&nothing_received.sdp, 1), [""; 0], "the peer does not send");
}

#[test]
fn one_codec_is_negotiated_where_the_owner_wants_one_and_its_lack_is_told() {
    let only = |audio, video| {
        restricted(Restrictions {
            audio: Restriction { receive_max: None, codec: audio },
            video: Restriction { receive_max: None, codec: video },
            ..Restrictions::default()
        })
    };
    let local = only(Some(Codec::Opus), Some(Codec::H264));
    let answer = answer(&parsed(CHROMIUM), &local, &Peers::default()).expect("Chromium has both");
    let video = names(&media(&answer.negotiated, MediaKind::Video).parameters.formats);
    assert!(!video.is_empty() && video.iter().all(|name| name.starts_with("H264")), "{video:?}");
    let audio = names(&media(&answer.negotiated, MediaKind::Audio).parameters.formats);
    assert_eq!(audio, ["opus", "red"], "RED is Opus with repetitions");

    let offer = offered(&only(Some(Codec::Pcmu), Some(Codec::Vp8)));
    let read = parsed(&offer.sdp);
    assert_eq!(names(&read.formats(MediaKind::Audio).expect("an m-line")), ["PCMU"]);
    assert_eq!(names(&read.formats(MediaKind::Video).expect("an m-line")), ["VP8"]);

    let without = parsed(&video_offer("96", &["rtpmap:96 VP8/90000", "sendrecv"]));
    let refused = super::super::answer(&without, &local, &Peers::default());
    assert_eq!(refused.expect_err("no H.264"), NegotiationError::NoCommonCodec(MediaKind::Video));
}
