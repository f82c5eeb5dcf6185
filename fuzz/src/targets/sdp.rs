//! Session descriptions and candidates.

use keel_media::rtp::Ssrc;
use keel_media::session::sdp::{
    HostCandidate, LocalDescription, Peers, RemoteCandidate, RemoteDescription, Restrictions, SendStream,
    Trickled, answer,
};
use std::net::SocketAddr;

/// An offer that is accepted is answered line by line.
pub fn sdp(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let Ok(offer) = RemoteDescription::parse(&text) else { return };
    let Ok(answered) = answer(&offer, &local(), &Peers::default()) else { return };
    let media_lines = |text: &str| text.lines().filter(|line| line.starts_with("m=")).count();
    assert_eq!(media_lines(&answered.sdp), offer.media.len(), "{}", answered.sdp);
    assert!(answered.negotiated.media.iter().all(|media| !media.parameters.formats.is_empty()));
}

/// A candidate that is accepted is one; Keel's own are.
pub fn candidate(line: &[u8]) {
    let line = String::from_utf8_lossy(line);
    if let Ok(Trickled::Candidate(candidate)) = RemoteCandidate::parse(&line) {
        assert!(line.contains(&candidate.priority.to_string()), "{line}: {candidate:?}");
    }
    let address = line.split(' ').find_map(|word| word.parse::<SocketAddr>().ok());
    if let Some(address) = address.filter(|address| address.port() != 0) {
        for own in HostCandidate::for_addresses(&[address]) {
            assert!(matches!(RemoteCandidate::parse(&own.to_string()), Ok(Trickled::Candidate(_))), "{own}");
        }
    }
}

fn local() -> LocalDescription {
    let stream = |ssrc| SendStream { ssrc: Ssrc::new(ssrc), rtx: Some(Ssrc::new(ssrc + 1)) };
    LocalDescription {
        ice_ufrag: "keel".into(),
        ice_pwd: "a-password-of-at-least-22".into(),
        fingerprint: vec!["AB"; 32].join(":"),
        session_id: 1,
        cname: "cname".into(),
        stream_id: "stream".into(),
        audio: stream(10),
        video: stream(20),
        restrictions: Restrictions::default(),
        data_channels: true,
        is_full_agent: false,
    }
}
