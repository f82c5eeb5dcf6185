//! `application/trickle-ice-sdpfrag` (RFC 8840 §9): what of a description says how to reach its peer.

use super::offer::{lines, sections_of, value};
use crate::candidate::Candidate;
use keel_media::IceCredentials;
use std::fmt::Write as _;

/// What a client says of its way to it.
#[derive(Clone, Debug)]
pub(crate) struct Fragment {
    /// Those under which the candidates are.
    pub(crate) credentials: Option<IceCredentials>,
    /// In their order, at most [`CANDIDATES_MAX`].
    pub(crate) candidates: Vec<Candidate>,
}

/// Candidates of one fragment; a peer has a few for each of its addresses.
const CANDIDATES_MAX: usize = 100;

/// Why a text is no fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FragmentError {
    #[error("the body is no fragment of a session description (RFC 8840): lines such as a=candidate:...")]
    NotAFragment,
    #[error("the ICE credentials are not valid: a=ice-ufrag has 4 to 256 characters, a=ice-pwd 22 to 256")]
    BadCredentials,
    #[error("the fragment has more than {CANDIDATES_MAX} candidates")]
    TooManyCandidates,
}

impl Fragment {
    /// Reads a fragment. Candidates are not looked into: those of a kind that the server does not know are no
    /// error (RFC 9725 §4.3.1.1).
    pub(crate) fn parse(text: &str) -> Result<Self, FragmentError> {
        let is_line = |line: &str| line.as_bytes().get(1) == Some(&b'=') && line.is_ascii();
        if lines(text).next().is_none() || !lines(text).all(is_line) {
            return Err(FragmentError::NotAFragment);
        }
        let mut candidates = Vec::new();
        // Whatever stands before the first m-line belongs to the first line.
        for section in sections_of(text) {
            let mid = value(section, "a=mid:").or_else(|| value(text, "a=mid:")).map(str::to_owned);
            for line in lines(section) {
                let Some(candidate) = line.strip_prefix("a=").filter(|text| text.starts_with("candidate:"))
                else {
                    continue;
                };
                if candidates.len() >= CANDIDATES_MAX {
                    return Err(FragmentError::TooManyCandidates);
                }
                candidates.push(Candidate {
                    candidate: candidate.to_owned(),
                    sdp_mid: mid.clone(),
                    // RFC 9143 §7.1: the first line's transport is that of all.
                    sdp_mline_index: mid.is_none().then_some(0),
                });
            }
        }
        let credentials = match (value(text, "a=ice-ufrag:"), value(text, "a=ice-pwd:")) {
            (Some(ufrag), Some(password)) if are_valid(ufrag, password) => {
                Some(IceCredentials { ufrag: ufrag.to_owned(), password: password.to_owned() })
            }
            (None, None) => None,
            _ => return Err(FragmentError::BadCredentials),
        };
        let ends = lines(text).any(|line| line == "a=end-of-candidates");
        if credentials.is_none() && candidates.is_empty() && !ends {
            return Err(FragmentError::NotAFragment);
        }
        Ok(Self { credentials, candidates })
    }

    /// What Keel says after a restart: its new credentials with all of its candidates, under the first line of
    /// its answer.
    pub(crate) fn of_restart(answer: &str, credentials: &IceCredentials, candidates: &[String]) -> String {
        let mut text = String::from("a=ice-lite\r\na=ice-options:trickle ice2\r\n");
        if let Some(group) = lines(answer).find(|line| line.starts_with("a=group:BUNDLE")) {
            // A string takes all that is written to it, here and below.
            let _ = write!(text, "{group}\r\n");
        }
        if let Some(line) = lines(answer).find(|line| line.starts_with("m=")) {
            let _ = write!(text, "{line}\r\n");
        }
        if let Some(mid) = value(answer, "a=mid:") {
            let _ = write!(text, "a=mid:{mid}\r\n");
        }
        let IceCredentials { ufrag, password } = credentials;
        let _ = write!(text, "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\n");
        for candidate in candidates {
            let _ = write!(text, "a={candidate}\r\n");
        }
        text.push_str("a=end-of-candidates\r\n");
        text
    }
}

/// RFC 8839 §5.4: ice-chars, 4 to 256 and 22 to 256 of them.
fn are_valid(ufrag: &str, password: &str) -> bool {
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte));
    (4..=256).contains(&ufrag.len())
        && (22..=256).contains(&password.len())
        && plain(ufrag)
        && plain(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n";

    // covers: RFC 8840 §9
    #[test]
    fn credentials_and_candidates_are_found_at_either_level() {
        let line = "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host\r\n";
        for text in [
            format!("{CREDENTIALS}m=audio 9 RTP/AVP 0\r\na=mid:7\r\n{line}a=end-of-candidates\r\n"),
            format!("m=audio 9 RTP/AVP 0\r\na=mid:7\r\n{CREDENTIALS}{line}"),
        ] {
            let fragment = Fragment::parse(&text).expect("a fragment");
            assert_eq!(fragment.credentials.expect("credentials").ufrag, "EsAw");
            let [candidate] = &fragment.candidates[..] else { panic!("one candidate") };
            assert_eq!(candidate.sdp_mid.as_deref(), Some("7"));
            assert!(candidate.candidate.starts_with("candidate:1387637174 1 udp"));
        }
        let restart = Fragment::parse(CREDENTIALS).expect("a fragment");
        assert!(restart.credentials.is_some() && restart.candidates.is_empty());
        let bare = Fragment::parse("a=end-of-candidates\n").expect("a fragment");
        assert!(bare.credentials.is_none() && bare.candidates.is_empty());
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in ["", "\r\n", "hello", "a=mid:0\r\n", "a=candidate:é\r\n", "{\"a\":1}"] {
            assert_eq!(Fragment::parse(text).expect_err(text), FragmentError::NotAFragment, "{text:?}");
        }
        for text in [
            "a=ice-ufrag:EsAw\r\n",
            "a=ice-ufrag:abc\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n",
            "a=ice-ufrag:abcd\r\na=ice-pwd:short\r\n",
            "a=ice-ufrag:ab:d\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n",
        ] {
            assert_eq!(Fragment::parse(text).expect_err(text), FragmentError::BadCredentials, "{text:?}");
        }
        let many = "a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n".repeat(CANDIDATES_MAX + 1);
        assert_eq!(Fragment::parse(&many).expect_err("too many"), FragmentError::TooManyCandidates);
    }

    #[test]
    fn a_restarts_answer_can_be_read_again() {
        let answer =
            "v=0\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\nm=video 9 X 96\r\n";
        let ours = IceCredentials { ufrag: "abcdefgh".to_owned(), password: "p".repeat(24) };
        let text =
            Fragment::of_restart(answer, &ours, &["candidate:1 1 udp 1 192.0.2.1 9 typ host".to_owned()]);
        let read = Fragment::parse(&text).expect("a fragment");
        assert_eq!(read.credentials, Some(ours));
        assert_eq!(read.candidates[0].sdp_mid.as_deref(), Some("0"));
        assert!(text.starts_with("a=ice-lite\r\n") && text.contains("a=group:BUNDLE 0 1\r\nm=audio 9 "));
    }
}
