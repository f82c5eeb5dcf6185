//! Names of rooms, and the identifiers of what is in them.

use crate::user_name::{NameError, UserName};
use serde::{Serialize, Serializer};
use std::fmt;

/// One room from its making to its end. Never reused within a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RoomId(u64);

/// The media of a room, from the first participant to the last: a room that stood empty has new media.
/// Never reused within a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MediaId(u64);

/// One participant. Never reused within a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ParticipantId(u64);

/// One published track. Never reused within a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TrackId(u64);

/// Media between a room and a livestream. Never reused within a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BridgeId(u64);

/// Hands out identifiers.
#[derive(Debug, Default)]
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn starting_at(first: u64) -> Self {
        Self(first.saturating_sub(1))
    }

    pub(crate) fn room(&mut self) -> RoomId {
        RoomId(self.next())
    }

    pub(crate) fn media(&mut self) -> MediaId {
        MediaId(self.next())
    }

    pub(crate) fn participant(&mut self) -> ParticipantId {
        ParticipantId(self.next())
    }

    pub(crate) fn track(&mut self) -> TrackId {
        TrackId(self.next())
    }

    pub(crate) fn bridge(&mut self) -> BridgeId {
        BridgeId(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

impl ParticipantId {
    pub(crate) const fn number(self) -> u64 {
        self.0
    }

    /// The participant that a client means; `None` for a text that names nobody.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        number(text, 'p').map(Self)
    }
}

impl TrackId {
    /// The track that a client means; `None` for a text that names none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        number(text, 't').map(Self)
    }
}

/// The number behind `prefix`, in the one form in which it is written.
fn number(text: &str, prefix: char) -> Option<u64> {
    let digits = text.strip_prefix(prefix)?;
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    if is_plain { digits.parse().ok() } else { None }
}

/// The name under which a room is joined: 1 to 64 visible characters, as for users.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RoomName(UserName);

impl RoomName {
    pub(crate) fn parse(text: &str) -> Result<Self, NameError> {
        UserName::parse(text).map(Self)
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Not the name: who knows it can join.
impl fmt::Debug for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "room:{}", crate::private::Private::new(&self.0.as_str()))
    }
}

impl fmt::Debug for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

impl fmt::Debug for MediaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{}", self.0)
    }
}

impl fmt::Debug for ParticipantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

impl fmt::Debug for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}", self.0)
    }
}

impl fmt::Debug for BridgeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b{}", self.0)
    }
}

impl Serialize for ParticipantId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:?}"))
    }
}

impl Serialize for TrackId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_read_in_the_form_in_which_they_are_written() {
        let mut numbers = Numbers::default();
        let (participant, track) = (numbers.participant(), numbers.track());
        assert_eq!(ParticipantId::parse(&format!("{participant:?}")), Some(participant));
        assert_eq!(TrackId::parse(&format!("{track:?}")), Some(track));
        for other in ["", "p", "p+1", "p 1", "p01", "t1", "1", "p18446744073709551616", "p1x"] {
            assert_eq!(ParticipantId::parse(other), None, "{other}");
        }
        assert_eq!(serde_json::to_string(&track).expect("a text"), "\"t2\"");
    }
}
