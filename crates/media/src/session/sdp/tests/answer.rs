//! The answers that browsers get.

use super::*;
use crate::error::NegotiationError;
use crate::rtp::{Direction, Extension};

/// The lines that decide whether media flows, as one snapshot.
#[test]
fn chromium_gets_an_answer_it_can_use() {
    let answer = answered(CHROMIUM);
    let session: Vec<&str> = answer.sdp.lines().take_while(|line| !line.starts_with("m=")).collect();
    assert_eq!(
        session,
        [
            "v=0",
            "o=- 7 1 IN IP4 0.0.0.0",
            "s=-",
            "t=0 0",
            "a=group:BUNDLE 0 1",
            "a=ice-lite",
            "a=ice-options:trickle",
        ]
    );
    assert_eq!(
        section_lines(&answer.sdp, 0),
        [
            "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8",
            "c=IN IP4 0.0.0.0",
            "a=ice-ufrag:keel",
            "a=ice-pwd:keelkeelkeelkeelkeelkeel",
            &format!("a=fingerprint:sha-256 {}", ["AB"; 32].join(":")),
            "a=setup:passive",
            "a=mid:0",
            "a=extmap-allow-mixed",
            "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
            "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
            "a=sendrecv",
            "a=msid:keel-stream keel-stream-audio",
            "a=rtcp-mux",
            "a=rtcp-rsize",
            "a=rtpmap:111 opus/48000/2",
            "a=rtcp-fb:111 transport-cc",
            "a=fmtp:111 minptime=10;useinbandfec=1",
            "a=rtpmap:63 red/48000/2",
            "a=fmtp:63 111/111",
            "a=rtpmap:9 G722/8000",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:8 PCMA/8000",
            "a=ssrc:1000 cname:keel-cname",
        ]
    );
    let video = section_lines(&answer.sdp, 1);
    assert!(
        video[0].starts_with("m=video 9 UDP/TLS/RTP/SAVPF 96 97 108 109 114 115 102 103 "),
        "{}",
        video[0]
    );
    for line in [
        "a=msid:keel-stream keel-stream-video",
        "a=rtcp-fb:96 goog-remb",
        "a=rtcp-fb:96 transport-cc",
        "a=rtcp-fb:96 ccm fir",
        "a=rtcp-fb:96 nack",
        "a=rtcp-fb:96 nack pli",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
        "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        "a=ssrc-group:FID 2000 2001",
        "a=ssrc:2000 cname:keel-cname",
        "a=ssrc:2001 cname:keel-cname",
    ] {
        assert!(video.contains(&line), "{line} in {video:#?}");
    }
    for absent in ["ulpfec", "red/90000", "telephone-event", "CN/8000", "a=candidate", "simulcast"] {
        assert!(!answer.sdp.contains(absent), "{absent}");
    }
    assert_eq!(answer.negotiated.dtls_role, DtlsRole::Server);
}

#[test]
fn the_result_says_what_the_text_says() {
    for sdp in [CHROMIUM, FIREFOX, CHROMIUM_SENDONLY, CHROMIUM_RECVONLY] {
        let answer = answered(sdp);
        let read = parsed(&answer.sdp);
        for media in &answer.negotiated.media {
            let section = &read.media[usize::from(media.index)];
            let formats: Vec<Format> = section.formats.iter().map(|format| format.format.clone()).collect();
            assert_eq!(formats, media.parameters.formats);
            assert_eq!(section.mid, Some(media.parameters.mid));
            // The answer's receiver sees Keel's SSRCs, Keel sees the offer's.
            let sent: Vec<_> =
                section.streams.iter().map(|s| SendStream { ssrc: s.ssrc, rtx: s.rtx }).collect();
            assert_eq!(sent, media.send.into_iter().collect::<Vec<_>>());
            assert_eq!(media.receive, parsed(sdp).media[usize::from(media.index)].streams);
            for extension in &section.extensions {
                assert_eq!(media.parameters.extensions.id(extension.extension), Some(extension.id));
            }
        }
    }
}

#[test]
fn directions_mirror_the_offer() {
    for (sdp, line, sends) in [
        (CHROMIUM.to_owned(), "a=sendrecv", true),
        (CHROMIUM_SENDONLY.to_owned(), "a=recvonly", false),
        (CHROMIUM_RECVONLY.to_owned(), "a=sendonly", true),
        (CHROMIUM.replace("a=sendrecv", "a=inactive"), "a=inactive", false),
    ] {
        let answer = answered(&sdp);
        for index in [0, 1] {
            let lines = section_lines(&answer.sdp, index);
            assert!(lines.contains(&line), "{line}");
            assert_eq!(lines.iter().any(|line| line.starts_with("a=ssrc:")), sends);
            assert_eq!(lines.iter().any(|line| line.starts_with("a=msid:")), sends);
        }
        assert!(answer.negotiated.media.iter().all(|media| media.send.is_some() == sends));
    }
}

#[test]
fn an_extension_for_one_way_is_answered_for_that_way() {
    let answer = answered(FIREFOX);
    let line = "a=extmap:6/sendonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
    assert!(section_lines(&answer.sdp, 1).contains(&line));
    let extensions = &media(&answer.negotiated, MediaKind::Video).parameters.extensions;
    assert_eq!(extensions.id(Extension::PlayoutDelay).map(|id| id.number()), Some(6));
}

#[test]
fn data_channels_and_second_cameras_are_refused_in_their_place() {
    let answer = answered(CHROMIUM_DATA);
    assert_eq!(
        section_lines(&answer.sdp, 2),
        ["m=application 0 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0", "a=mid:2", "a=inactive"]
    );
    assert!(answer.sdp.contains("a=group:BUNDLE 0 1\r\n"));

    let second = section_lines(CHROMIUM, 1).join("\r\n").replace("a=mid:1", "a=mid:2");
    let offer = format!("{CHROMIUM}{second}\r\n").replace("BUNDLE 0 1", "BUNDLE 0 1 2");
    let answer = answered(&offer);
    assert_eq!(section_lines(&answer.sdp, 2)[0], "m=video 0 UDP/TLS/RTP/SAVPF 96");
    assert_eq!(answer.negotiated.media.len(), 2);
}

#[test]
fn a_peer_without_audio_gets_video_alone() {
    let offer = video_offer("96", &["rtpmap:96 VP8/90000"]);
    let answer = answered(&offer);
    assert_eq!(answer.negotiated.media.len(), 1);
    assert!(answer.sdp.contains("a=group:BUNDLE 1\r\n") && !answer.sdp.contains("m=audio"));

    let rejected = CHROMIUM.replace("m=audio 9", "m=audio 0");
    let answer = answered(&rejected);
    assert_eq!(section_lines(&answer.sdp, 0)[0], "m=audio 0 UDP/TLS/RTP/SAVPF 111");
    assert_eq!(answer.negotiated.media[0].index, 1);
}

#[test]
fn keel_begins_the_handshake_only_towards_a_passive_peer() {
    for (offered, role, line) in [
        ("actpass", DtlsRole::Server, "a=setup:passive"),
        ("active", DtlsRole::Server, "a=setup:passive"),
        ("passive", DtlsRole::Client, "a=setup:active"),
    ] {
        let answer = answered(&CHROMIUM.replace("setup:actpass", &format!("setup:{offered}")));
        assert_eq!(answer.negotiated.dtls_role, role);
        assert_eq!(answer.sdp.matches(line).count(), 2);
    }
    let answer = answered(&CHROMIUM.replace("a=setup:actpass\r\n", ""));
    assert_eq!(answer.negotiated.dtls_role, DtlsRole::Server);
}

// covers: RFC 8445 §6.1.1
#[test]
fn towards_a_lite_peer_keel_is_a_full_agent() {
    let lite = CHROMIUM.replace("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n");
    assert!(parsed(&lite).transport.ice_lite);
    assert!(!answered(&lite).sdp.contains("ice-lite"));
}

#[test]
fn plain_rtp_is_answered_in_kind() {
    let answer = answered(LEGACY);
    assert_eq!(section_lines(&answer.sdp, 0)[0], "m=audio 9 RTP/AVP 98 0");
    assert_eq!(section_lines(&answer.sdp, 1)[0], "m=video 9 RTP/AVP 98 97");
    for absent in ["BUNDLE", "a=mid", "ice-", "fingerprint", "setup", "rtcp-mux"] {
        assert!(!answer.sdp.contains(absent), "{absent}");
    }
    let tags: Vec<_> = answer.negotiated.media.iter().map(|media| media.parameters.mid).collect();
    assert_eq!(tags.iter().map(Mid::as_str).collect::<Vec<_>>(), ["0", "1"]);
    assert!(answer.negotiated.media.iter().all(|media| media.parameters.direction == Direction::RecvOnly));
}

// covers: RFC 3264 §6
#[test]
fn plain_rtp_that_cannot_be_forwarded_is_refused_in_its_place() {
    let lines = "m=video 5004 RTP/AVP 96 97 98\r\nm=video 5006 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n";
    let answer =
        answered(&LEGACY.replace("a=rtpmap:98 opus/48000/2", "a=rtpmap:98 AMR/8000").replace("98 0", "98"));
    assert_eq!(section_lines(&answer.sdp, 0)[0], "m=audio 0 RTP/AVP 98");
    assert_eq!(section_lines(&answer.sdp, 1)[0], "m=video 9 RTP/AVP 98 97");
    assert_eq!(answer.negotiated.media.len(), 1);

    // Of one kind the first counts, even where it has nothing to offer.
    let preamble = LEGACY.split("m=audio").next().expect("a session level");
    let answer = answered(&format!("{preamble}{lines}"));
    assert_eq!(section_lines(&answer.sdp, 0)[0], "m=video 0 RTP/AVP 96");
    assert_eq!(section_lines(&answer.sdp, 1)[0], "m=video 0 RTP/AVP 96");
    assert!(answer.negotiated.media.is_empty());
}

#[test]
fn what_an_offer_lacks_is_not_asked_for() {
    // Feedback, reduced-size RTCP and retransmission: as far as the offer has them. Transport-wide feedback
    // needs the numbers in the packets.
    let lines = ["rtpmap:96 VP8/90000", "rtcp-fb:96 nack", "rtcp-fb:96 transport-cc"];
    let answer = answered(&video_offer("96", &lines));
    let feedback: Vec<&str> = answer.sdp.lines().filter(|line| line.starts_with("a=rtcp-fb")).collect();
    assert_eq!(feedback, ["a=rtcp-fb:96 nack"]);
    for absent in ["rtcp-rsize", "extmap", "rtx", "ssrc-group"] {
        assert!(!answer.sdp.contains(absent), "{absent}");
    }
    assert_eq!(media(&answer.negotiated, MediaKind::Video).send.and_then(|stream| stream.rtx), None);
}

#[test]
fn what_encryption_on_one_port_needs_is_insisted_on() {
    for (line, complaint) in [
        ("a=rtcp-mux\r\n", "an m-line without rtcp-mux"),
        (
            "a=fingerprint:sha-256 75:68:DE:8C:01:07:A2:2C:AC:E6:12:8B:77:8A:13:01:B3:BD:D5:74:0C:06:5B:06:16:AA:DE:0B:F0:1F:05:1C\r\n",
            "no fingerprint of SHA-256 or better",
        ),
    ] {
        let offer = parsed(&CHROMIUM.replace(line, ""));
        assert_eq!(answer(&offer, &local(), &Peers::default()), Err(NegotiationError::Invalid(complaint)));
    }
    let offer = parsed(
        &CHROMIUM.replace("a=ice-ufrag:ZcS+\r\n", "").replace("a=ice-pwd:covfV//jrlp6XwHAFxPoHguT\r\n", ""),
    );
    assert_eq!(
        answer(&offer, &local(), &Peers::default()),
        Err(NegotiationError::Invalid("no ICE credentials"))
    );
}
