//! Several encodings of one video, as browsers offer them and as Keel asks for them.

use super::*;
use crate::pipeline::OfferOptions;
use crate::rtp::{Extension, Rid};

const RIDS: &str = include_str!("../../../../tests/fixtures/chromium156-simulcast-rids.offer.sdp");
const PAUSED: &str = include_str!("../../../../tests/fixtures/chromium156-simulcast-paused.offer.sdp");
const SSRCS: &str = include_str!("../../../../tests/fixtures/chromium156-simulcast-ssrcs.offer.sdp");

const RID_EXTENSION: &str = "extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";

fn lines_of<'a>(sdp: &'a str, key: &str) -> Vec<&'a str> {
    let prefix = format!("a={key}:");
    sdp.lines().filter_map(|line| line.strip_prefix(&prefix)).collect()
}

fn named(names: &[&str]) -> Simulcast {
    Simulcast::Named(names.iter().map(|name| Rid::new(name).expect("a plain name")).collect())
}

fn simulcast_of(sdp: &str) -> Simulcast {
    media(&answered(sdp).negotiated, MediaKind::Video).simulcast.clone()
}

// covers: RFC 8853 §5.3.2
#[test]
fn chromiums_encodings_are_accepted_in_its_order() {
    let answer = answered(RIDS);
    assert_eq!(lines_of(&answer.sdp, "rid"), ["q recv", "h recv", "f recv"]);
    assert_eq!(lines_of(&answer.sdp, "simulcast"), ["recv q;h;f"]);
    let video = media(&answer.negotiated, MediaKind::Video);
    assert_eq!(video.simulcast, named(&["q", "h", "f"]));
    for extension in [
        Extension::Rid,
        Extension::RepairedRid,
        Extension::DependencyDescriptor,
        Extension::TransportSequenceNumber,
        Extension::AbsSendTime,
    ] {
        let id = video.parameters.extensions.id(extension).expect("offered and understood");
        let line = format!("{} {}", id.number(), extension.uri());
        assert!(lines_of(&answer.sdp, "extmap").contains(&line.as_str()), "{line}");
    }
    for absent in ["ulpfec", "red/90000", "flexfec"] {
        assert!(!answer.sdp.contains(absent), "error correction in packets of its own: {absent}");
    }
}

#[test]
fn what_a_page_has_paused_stays_paused() {
    let answer = answered(PAUSED);
    assert_eq!(lines_of(&answer.sdp, "simulcast"), ["recv hi;~mid;lo"]);
    assert_eq!(simulcast_of(PAUSED), named(&["hi", "mid", "lo"]));
}

// covers: RFC 5576 §4.2
#[test]
fn encodings_declared_by_their_ssrcs_are_kept_apart_with_their_retransmissions() {
    let answer = answered(SSRCS);
    assert!(lines_of(&answer.sdp, "simulcast").is_empty() && lines_of(&answer.sdp, "rid").is_empty());
    let stream = |ssrc, rtx| DeclaredStream { ssrc: Ssrc::new(ssrc), rtx: Some(Ssrc::new(rtx)) };
    let declared = [
        stream(1_300_977_030, 1_184_699_365),
        stream(1_300_977_031, 1_184_699_366),
        stream(1_300_977_032, 1_184_699_367),
    ];
    assert_eq!(simulcast_of(SSRCS), Simulcast::Declared(declared.to_vec()));
    let without_one = SSRCS.replace("a=ssrc:1300977031", "a=ssrc:5");
    assert_eq!(simulcast_of(&without_one), Simulcast::None, "a group of what is not there is none");
}

/// Lines of an m-line, and which encodings come of them in which order.
#[test]
fn the_forms_that_peers_write() {
    let table: &[(&[&str], &[&str])] = &[
        (&["rid:a send", "rid:b send", "simulcast:send a;b"], &["a", "b"]),
        (&["rid:a send", "rid:b send", "simulcast: send rid=b;a"], &["b", "a"]),
        (&["rid:a send", "rid:b send", "rid:c recv", "simulcast:recv c send a;b"], &["a", "b"]),
        (&["rid:a send", "rid:b send", "simulcast:send a;nameless;b"], &["a", "b"]),
        (&["rid:a send", "rid:b send", "simulcast:send x,~b;a"], &["b", "a"]),
        (&["rid:a send", "rid:b send", "simulcast:send a;a;b"], &["a", "b"]),
        (&["rid:a send", "simulcast:send a"], &["a"]),
        (&["rid:a send", "rid:b send"], &[]),
        (&["simulcast:send a;b"], &[]),
        (&["rid:a recv", "rid:b recv", "simulcast:recv a;b"], &[]),
        (&["rid:a send", "simulcast:send"], &[]),
        (
            &[
                "rid:a send",
                "rid:b send",
                "rid:c send",
                "rid:d send",
                "rid:e send",
                "simulcast:send a;b;c;d;e",
            ],
            &["a", "b", "c", "d"],
        ),
        // The best may be listed first where every one says how large it is.
        (
            &["rid:a send max-width=1280", "rid:b send max-fps=9;max-width=320", "simulcast:send a;b"],
            &["b", "a"],
        ),
        (&["rid:a send max-br=900000", "rid:b send max-width=320", "simulcast:send a;b"], &["a", "b"]),
        (
            &["rid:a send pt=96", "rid:b send pt=97,1", "rid:c send pt=50", "simulcast:send a;b;c"],
            &["a", "b"],
        ),
    ];
    for (lines, expected) in table {
        let mut all = vec!["rtpmap:96 VP8/90000", "rtpmap:97 rtx/90000", "fmtp:97 apt=96", RID_EXTENSION];
        all.extend(*lines);
        let simulcast = simulcast_of(&video_offer("96 97", &all));
        let expected = if expected.is_empty() { Simulcast::None } else { named(expected) };
        assert_eq!(simulcast, expected, "{lines:?}");
    }
}

// covers: RFC 8851 §6.3
#[test]
fn restrictions_come_back_as_far_as_they_are_understood() {
    let lines = [
        "rtpmap:96 VP8/90000",
        RID_EXTENSION,
        "rid:a send pt=96,98;max-width=1280;max-height=x;max-width=9;depend=b;max-fps=30",
        "simulcast:send a",
    ];
    let answer = answered(&video_offer("96", &lines));
    assert_eq!(lines_of(&answer.sdp, "rid"), ["a recv pt=96;max-width=1280;max-fps=30"]);
}

#[test]
fn nothing_is_accepted_that_could_not_be_told_apart_or_is_not_received() {
    let lines = ["rid:a send", "rid:b send", "simulcast:send a;b", "rtpmap:96 VP8/90000"];
    let without_extension = video_offer("96", &lines);
    assert_eq!(simulcast_of(&without_extension), Simulcast::None);
    assert!(lines_of(&answered(&without_extension).sdp, "simulcast").is_empty());
    let recvonly = RIDS.replace("a=sendonly", "a=recvonly");
    assert_eq!(simulcast_of(&recvonly), Simulcast::None);
    let audio = RIDS.replace("m=video", "m=audio").replace("VP8/90000", "opus/48000/2");
    let answer = answered(&audio);
    assert_eq!(media(&answer.negotiated, MediaKind::Audio).simulcast, Simulcast::None);
}

#[test]
fn hostile_names_are_refused_and_their_number_is_bounded() {
    let offer = |lines: &[&str]| RemoteDescription::parse(&video_offer("96", lines));
    for name in ["a/b", "", "0123456789abcdefg", "a\u{e9}", "~a"] {
        assert!(offer(&[&format!("rid:{name} send")]).is_err(), "{name:?}");
    }
    let many: Vec<String> = (0..9).map(|number| format!("rid:r{number} send")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(offer(&many[..8]).is_ok() && offer(&many).is_err());
    // A hundred thousand alternatives are looked through once, and only those described count.
    let list = format!("simulcast:send {}", "x,".repeat(100_000));
    assert_eq!(offer(&["rid:a send", &list]).expect("harmless").media[0].encodings, []);
}

// covers: RFC 8853 §5.3.1
#[test]
fn keel_asks_for_encodings_and_takes_those_that_the_answer_sends() {
    let options = OfferOptions { encodings: 3, ..OfferOptions::default() };
    let offer = super::super::offer(&local(), options, &Peers::default()).expect("an offer");
    assert_eq!(lines_of(&offer.sdp, "rid"), ["r0 recv", "r1 recv", "r2 recv"]);
    assert_eq!(lines_of(&offer.sdp, "simulcast"), ["recv r0;r1;r2"]);
    let answer = |sent: &str| {
        let mut text = offer.sdp.replace("a=setup:actpass", "a=setup:active").replace("a=ice-lite\r\n", "");
        for (ours, theirs) in [("1000", "91000"), ("2000", "92000"), ("2001", "92001")] {
            text = text.replace(&format!("a=ssrc:{ours} "), &format!("a=ssrc:{theirs} "));
        }
        text = text.replace("FID 2000 2001", "FID 92000 92001").replace(" recv\r\n", " send\r\n");
        text.replace("a=simulcast:recv r0;r1;r2", sent)
    };
    for (sent, expected) in [
        ("a=simulcast:send r2;r0", named(&["r0", "r2"])),
        ("a=simulcast:send r0;other;~r1;r2", named(&["r0", "r1", "r2"])),
        ("a=x-nothing", Simulcast::None),
    ] {
        let negotiated = accept_answer(&offer, &parsed(&answer(sent))).expect("a good answer");
        assert_eq!(media(&negotiated, MediaKind::Video).simulcast, expected, "{sent}");
    }
    let ordinary = super::super::offer(&local(), OfferOptions::default(), &Peers::default());
    assert!(!ordinary.expect("an offer").sdp.contains("simulcast"));
}

#[test]
fn who_asks_keel_for_encodings_gets_one_ordinary_stream() {
    let lines = ["rtpmap:96 VP8/90000", RID_EXTENSION, "rid:a recv", "rid:b recv", "simulcast:recv a;b"];
    let answer = answered(&video_offer("96", &lines));
    assert!(lines_of(&answer.sdp, "simulcast").is_empty() && lines_of(&answer.sdp, "rid").is_empty());
    assert!(media(&answer.negotiated, MediaKind::Video).send.is_some());
}
