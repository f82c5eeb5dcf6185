//! Data channels in offers and answers.

use super::*;
use crate::pipeline::OfferOptions;
use crate::srtp::DtlsRole;

fn wanting_data() -> LocalDescription {
    LocalDescription { data_channels: true, ..local() }
}

fn answered_with_data(sdp: &str) -> Answer {
    answer(&parsed(sdp), &wanting_data(), &Peers::default()).expect("an offer that Keel answers")
}

/// The session lines of an offer, bundling one m-line only, and that m-line.
fn alone(sdp: &str, index: usize, mid: &str) -> String {
    let session: Vec<_> = sdp.lines().take_while(|line| !line.starts_with("m=")).collect();
    let session = session.join("\r\n").replace("BUNDLE 0 1 2", &format!("BUNDLE {mid}"));
    format!("{session}\r\n{}\r\n", section_lines(sdp, index).join("\r\n"))
}

#[test]
fn a_browsers_data_channels_are_accepted_in_its_bundle_where_they_are_wanted() {
    // covers: RFC 8841 §5
    let answer = answered_with_data(CHROMIUM_DATA);
    let lines = section_lines(&answer.sdp, 2);
    assert_eq!(lines[0], "m=application 9 UDP/DTLS/SCTP webrtc-datachannel");
    for line in ["a=mid:2", "a=setup:passive", "a=sctp-port:5000", "a=max-message-size:262144"] {
        assert!(lines.contains(&line), "{line} in {lines:?}");
    }
    assert!(answer.sdp.contains("a=group:BUNDLE 0 1 2\r\n"));
    let data = answer.negotiated.data.expect("both sides want it");
    assert_eq!((data.index, data.mid.as_str(), data.message_bytes_max), (2, "2", 262_144));
    assert_eq!(answer.negotiated.media.len(), 2);
    assert_eq!(answered(CHROMIUM_DATA).negotiated.data, None, "not where they are not wanted");
}

#[test]
fn an_offer_of_data_channels_alone_is_answered() {
    let answer = answered_with_data(&alone(CHROMIUM_DATA, 2, "2"));
    assert!(answer.sdp.contains("a=group:BUNDLE 2\r\n") && answer.sdp.contains("a=ice-lite\r\n"));
    assert_eq!(section_lines(&answer.sdp, 0)[0], "m=application 9 UDP/DTLS/SCTP webrtc-datachannel");
    assert_eq!((answer.negotiated.media.len(), answer.negotiated.data.map(|data| data.index)), (0, Some(0)));
    assert_eq!(answer.negotiated.dtls_role, DtlsRole::Server);
}

#[test]
fn the_form_of_the_old_drafts_is_answered_in_kind() {
    let old = alone(CHROMIUM_DATA, 2, "2")
        .replace("UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 5000")
        .replace("a=sctp-port:5000", "a=sctpmap:5000 webrtc-datachannel 256")
        .replace("a=max-message-size:262144\r\n", "");
    let answer = answered_with_data(&old);
    let lines = section_lines(&answer.sdp, 0);
    assert_eq!(lines[0], "m=application 9 DTLS/SCTP 5000");
    assert!(lines.contains(&"a=sctpmap:5000 webrtc-datachannel 1024"), "{lines:?}");
    assert_eq!(answer.negotiated.data.map(|data| data.message_bytes_max), Some(65_536));
}

#[test]
fn what_a_peer_takes_bounds_what_it_is_sent() {
    // covers: RFC 8841 §6.1
    let sizes = [("0", 262_144), ("1000", 1000), ("1073741823", 262_144), ("99999999999999999999", 65_536)];
    for (said, understood) in sizes {
        let offer = CHROMIUM_DATA.replace("max-message-size:262144", &format!("max-message-size:{said}"));
        let data = answered_with_data(&offer).negotiated.data.expect("both sides want it");
        assert_eq!(data.message_bytes_max, understood, "{said}");
    }
}

#[test]
fn what_is_not_for_data_channels_is_refused() {
    for (from, to) in [
        ("webrtc-datachannel", "another-thing"),
        ("a=sctp-port:5000", "a=sctp-port:5001"),
        ("UDP/DTLS/SCTP", "UDP/BFCP"),
        ("m=application 9", "m=application 0"),
        ("BUNDLE 0 1 2", "BUNDLE 0 1"),
    ] {
        let answer = answered_with_data(&CHROMIUM_DATA.replace(from, to));
        assert_eq!(answer.negotiated.data, None, "{to}");
        assert!(section_lines(&answer.sdp, 2)[0].starts_with("m=application 0 "), "{to}");
        assert!(answer.sdp.contains("a=group:BUNDLE 0 1\r\n"), "{to}");
    }
}

#[test]
fn keels_offer_of_data_channels_is_taken_by_keels_answer_or_refused_alone() {
    let options = OfferOptions::default();
    let offered = super::super::offer(&wanting_data(), options, &Peers::default()).expect("an offer");
    assert!(offered.sdp.contains("a=group:BUNDLE 0 1 2\r\n"));
    let other = LocalDescription { audio: local().video, video: local().audio, ..wanting_data() };
    let taken = answer(&parsed(&offered.sdp), &other, &Peers::default()).expect("an answer");
    let settled = accept_answer(&offered, &parsed(&taken.sdp)).expect("a good answer");
    assert_eq!(settled.data, taken.negotiated.data);
    assert_eq!(settled.data.map(|data| data.index), Some(2));

    let unwilling = LocalDescription { data_channels: false, ..other };
    let refused = answer(&parsed(&offered.sdp), &unwilling, &Peers::default()).expect("an answer");
    let settled = accept_answer(&offered, &parsed(&refused.sdp)).expect("a good answer");
    assert_eq!((settled.media.len(), settled.data), (2, None));

    let nothing = OfferOptions { audio: false, video: false, encodings: 1 };
    let alone = super::super::offer(&wanting_data(), nothing, &Peers::default()).expect("data alone");
    assert!(alone.sdp.contains("a=group:BUNDLE 0\r\n"));
    assert!(super::super::offer(&local(), nothing, &Peers::default()).is_err());
}
