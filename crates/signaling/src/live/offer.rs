//! What an offer must be for a presenter or a viewer, before media looks at it: one-way, with at most one line
//! of each kind. What is inside the lines is the media server's to judge.

use std::fmt::Write as _;

/// What a peer is in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Presenter,
    Viewer,
}

impl Role {
    /// The label in metrics and reports.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Presenter => "presenter",
            Self::Viewer => "viewer",
        }
    }
}

/// An offer that fits its role.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    role: Role,
    sdp: String,
    ufrag: String,
}

/// Why a text is no offer for the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OfferError {
    #[error("the body is no session description (RFC 8866): it begins with v=0 and has m-lines")]
    NotSdp,
    #[error("the offer has no ICE credentials (a=ice-ufrag, a=ice-pwd)")]
    NoCredentials,
    #[error("the offer has no line of audio or video")]
    NoMedia,
    #[error("the offer has more than one line of audio or of video; send one of each at most")]
    TooManyLines,
    #[error("the offer has a line that is neither audio nor video")]
    OtherMedia,
    #[error("a presenter's lines are sendonly (or sendrecv)")]
    NotSending,
    #[error("a viewer's lines are recvonly (or sendrecv)")]
    NotReceiving,
}

impl OfferError {
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::NotSdp | Self::NoCredentials => "offer_invalid",
            Self::NoMedia | Self::TooManyLines | Self::OtherMedia => "line_rejected",
            Self::NotSending | Self::NotReceiving => "direction_wrong",
        }
    }
}

impl Offer {
    /// Reads an offer for `role`. Directions that allow both ways are narrowed to the one that the role needs,
    /// so that the answer is one-way, too.
    pub(crate) fn parse(role: Role, text: &str) -> Result<Self, OfferError> {
        if !text.starts_with("v=0") {
            return Err(OfferError::NotSdp);
        }
        let (session, sections) = match text.find("\nm=") {
            Some(place) => text.split_at(place + 1),
            None => return Err(OfferError::NoMedia),
        };
        let mut sdp = String::with_capacity(text.len());
        let inherited = direction(session);
        sdp.extend(lines(session).filter(|line| direction_of(line).is_none()).map(terminated));
        let (mut audio, mut video) = (0, 0);
        for section in sections_of(sections) {
            match section.split(' ').next() {
                Some("m=audio") => audio += 1,
                Some("m=video") => video += 1,
                _ => return Err(OfferError::OtherMedia),
            }
            let direction = direction(section).or(inherited).unwrap_or(Direction::Both);
            let narrowed = match (role, direction) {
                (Role::Presenter, Direction::Send | Direction::Both) => "a=sendonly\r\n",
                (Role::Viewer, Direction::Receive | Direction::Both) => "a=recvonly\r\n",
                (Role::Presenter, Direction::Receive | Direction::None) => {
                    return Err(OfferError::NotSending);
                }
                (Role::Viewer, Direction::Send | Direction::None) => return Err(OfferError::NotReceiving),
            };
            sdp.extend(lines(section).filter(|line| direction_of(line).is_none()).map(terminated));
            sdp.push_str(narrowed);
        }
        if audio > 1 || video > 1 {
            return Err(OfferError::TooManyLines);
        }
        let ufrag = value(text, "a=ice-ufrag:").ok_or(OfferError::NoCredentials)?.to_owned();
        Ok(Self { role, sdp, ufrag })
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// The fragment of the peer's ICE credentials, which tells a restart from more candidates.
    pub(crate) fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// For the media server.
    pub(crate) fn into_sdp(self) -> String {
        self.sdp
    }
}

/// Whether an answer rejects one of its lines (RFC 3264 §6: port zero).
pub(crate) fn rejects_a_line(answer: &str) -> bool {
    answer.lines().any(|line| line.starts_with("m=") && line.split(' ').nth(1) == Some("0"))
}

/// An answer with all of Keel's candidates in its first line's section, which carries the transport of all (RFC
/// 9143 §7.1), and the word that no more will come.
pub(crate) fn with_candidates(answer: &str, candidates: &[String]) -> String {
    let mut first = answer.match_indices("\nm=").map(|(place, _)| place + 1);
    let end = match (first.next(), first.next()) {
        (Some(_), Some(second)) => second,
        _ => answer.len(),
    };
    let (before, after) = answer.split_at(end);
    let mut sdp = before.to_owned();
    for candidate in candidates {
        // A string takes all that is written to it.
        let _ = write!(sdp, "a={candidate}\r\n");
    }
    sdp.push_str("a=end-of-candidates\r\n");
    sdp.push_str(after);
    sdp
}

/// The value of the first attribute of this name.
pub(super) fn value<'a>(text: &'a str, attribute: &str) -> Option<&'a str> {
    lines(text).find_map(|line| line.strip_prefix(attribute)).filter(|value| !value.is_empty())
}

pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').map(|line| line.trim_end_matches('\r')).filter(|line| !line.is_empty())
}

fn terminated(line: &str) -> String {
    format!("{line}\r\n")
}

/// Each m-line with what belongs to it.
pub(super) fn sections_of(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.find("\nm=").map_or(rest.len(), |place| place + 1);
        let (section, after) = rest.split_at(end);
        rest = after;
        Some(section)
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Send,
    Receive,
    Both,
    None,
}

fn direction(section: &str) -> Option<Direction> {
    lines(section).find_map(direction_of)
}

fn direction_of(line: &str) -> Option<Direction> {
    match line {
        "a=sendonly" => Some(Direction::Send),
        "a=recvonly" => Some(Direction::Receive),
        "a=sendrecv" => Some(Direction::Both),
        "a=inactive" => Some(Direction::None),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
    const CREDENTIALS: &str = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n";

    fn offer(directions: &[(&str, &str)]) -> String {
        let section =
            |(kind, direction)| format!("m={kind} 9 UDP/TLS/RTP/SAVPF 96\r\n{CREDENTIALS}a={direction}\r\n");
        format!("{HEAD}{}", directions.iter().copied().map(section).collect::<String>())
    }

    #[test]
    fn lines_become_one_way() {
        for (role, given, wanted) in [
            (Role::Presenter, "sendrecv", "sendonly"),
            (Role::Presenter, "sendonly", "sendonly"),
            (Role::Viewer, "sendrecv", "recvonly"),
            (Role::Viewer, "recvonly", "recvonly"),
        ] {
            let text = offer(&[("audio", given), ("video", given)]);
            let parsed = Offer::parse(role, &text).expect("an offer");
            assert_eq!(parsed.ufrag(), "abcd");
            let sdp = parsed.into_sdp();
            assert_eq!(sdp.matches(&format!("a={wanted}\r\n")).count(), 2, "{sdp}");
            assert_eq!(sdp.matches("a=sendrecv").count(), 0, "{sdp}");
            assert_eq!(lines(&sdp).count(), lines(&text).count(), "nothing else changes");
        }
        let inherited = format!("{HEAD}a=sendrecv\r\nm=audio 9 X 0\r\n{CREDENTIALS}m=video 9 X 96\r\n");
        let sdp = Offer::parse(Role::Presenter, &inherited).expect("an offer").into_sdp();
        assert_eq!(sdp.matches("a=sendonly\r\n").count(), 2, "the session's direction is that of its lines");
    }

    #[test]
    fn what_does_not_fit_its_role_is_refused() {
        let refused = |role, text: &str| Offer::parse(role, text).map(Offer::into_sdp).expect_err(text);
        assert_eq!(refused(Role::Viewer, "hello"), OfferError::NotSdp);
        assert_eq!(refused(Role::Viewer, HEAD), OfferError::NoMedia);
        assert_eq!(refused(Role::Presenter, &offer(&[("audio", "recvonly")])), OfferError::NotSending);
        assert_eq!(refused(Role::Presenter, &offer(&[("audio", "inactive")])), OfferError::NotSending);
        assert_eq!(refused(Role::Viewer, &offer(&[("video", "sendonly")])), OfferError::NotReceiving);
        let two = offer(&[("video", "sendonly"), ("video", "sendonly")]);
        assert_eq!(refused(Role::Presenter, &two), OfferError::TooManyLines);
        let data = offer(&[("audio", "sendonly"), ("application", "sendrecv")]);
        assert_eq!(refused(Role::Presenter, &data), OfferError::OtherMedia);
        let bare = format!("{HEAD}m=audio 9 X 0\r\n");
        assert_eq!(refused(Role::Viewer, &bare), OfferError::NoCredentials);
    }

    #[test]
    fn candidates_stand_in_the_first_section() {
        let answer = format!("{HEAD}m=audio 9 X 0\r\na=mid:0\r\nm=video 9 X 96\r\na=mid:1\r\n");
        let full = with_candidates(&answer, &["candidate:1 1 udp 1 127.0.0.1 9 typ host".to_owned()]);
        let candidate = full.find("a=candidate:1").expect("the candidate");
        assert!(
            full.find("a=mid:0").expect("audio") < candidate
                && candidate < full.find("m=video").expect("video")
        );
        assert_eq!(full.matches("a=end-of-candidates\r\n").count(), 1);
        let single = with_candidates(&format!("{HEAD}m=audio 9 X 0\r\na=mid:0\r\n"), &[]);
        assert!(single.ends_with("a=mid:0\r\na=end-of-candidates\r\n"));
        assert!(rejects_a_line("v=0\r\nm=audio 9 X 0\r\nm=video 0 X 96\r\n") && !rejects_a_line(&answer));
    }
}
