//! Identifiers of what belongs to streams, and the secrets in the URLs of sessions.

use rand::Rng;
use rand::rngs::StdRng;
use std::fmt;
use subtle::ConstantTimeEq;

/// One peer of a stream: its presenter or a viewer. Never reused within a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionId(u64);

/// The media of a stream, from the first peer to the last. Never reused within a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MediaId(u64);

/// A question that waits for its answer. Never reused within a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// Hands out identifiers.
#[derive(Debug, Default)]
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn session(&mut self) -> SessionId {
        SessionId(self.next())
    }

    pub(crate) fn media(&mut self) -> MediaId {
        MediaId(self.next())
    }

    pub(crate) fn ticket(&mut self) -> Ticket {
        Ticket(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

/// What a session's URL ends with: its number, and 128 random bits that only its client knows. Who has them
/// may change and end the session.
#[derive(Clone)]
pub(crate) struct SessionKey {
    session: SessionId,
    secret: String,
}

impl SessionKey {
    /// A key that nobody can guess, from a generator made for cryptography.
    pub(crate) fn draw(session: SessionId, random: &mut StdRng) -> Self {
        Self { session, secret: format!("{:016x}{:016x}", random.next_u64(), random.next_u64()) }
    }

    /// The key in the last part of a URL; `None` for what is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (number, secret) = text.split_once('-')?;
        let is_plain = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
        let number = if is_plain { number.parse().ok()? } else { return None };
        Some(Self { session: SessionId(number), secret: secret.to_owned() })
    }

    pub(crate) fn session(&self) -> SessionId {
        self.session
    }

    /// Whether the two are the same, in a time that does not tell where they differ.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.session == other.session && self.secret.as_bytes().ct_eq(other.secret.as_bytes()).into()
    }
}

/// As it stands in a URL.
impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.session.0, self.secret)
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}-(hidden)", self.session)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0)
    }
}

impl fmt::Debug for MediaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn a_key_is_read_as_it_is_written_and_met_whole() {
        let mut random = StdRng::seed_from_u64(7);
        let mut numbers = Numbers::default();
        let key = SessionKey::draw(numbers.session(), &mut random);
        let text = key.to_string();
        assert_eq!(text.len(), 34);
        let read = SessionKey::parse(&text).expect("a key");
        assert!(read.matches(&key) && read.session() == key.session());
        let shorter = SessionKey::parse(&text[..text.len() - 1]).expect("the form of a key");
        assert!(!shorter.matches(&key));
        assert!(!SessionKey::draw(key.session(), &mut random).matches(&key));
        assert!(!format!("{key:?}").contains(&text[2..]));
        for other in ["", "-", "x-1", "01-ab", "+1-ab", "18446744073709551616-ab", "1"] {
            assert!(SessionKey::parse(other).is_none(), "{other:?}");
        }
    }
}
