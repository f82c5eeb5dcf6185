//! What is drawn by chance: tokens that nobody can guess, names that everybody can read out.

use rand::rngs::StdRng;
use rand::{Rng, RngExt};
use serde::{Serialize, Serializer};
use std::fmt;
use subtle::ConstantTimeEq;

/// 128 random bits, known to those who were told. Never logged, compared in constant time.
#[derive(Clone)]
pub(crate) struct RoomToken(String);

impl RoomToken {
    /// A token that nobody can guess, from a generator made for cryptography.
    pub(crate) fn draw(random: &mut StdRng) -> Self {
        Self(format!("{:016x}{:016x}", random.next_u64(), random.next_u64()))
    }

    /// Whether `candidate` is this token, in a time that does not tell where they differ.
    pub(crate) fn matches(&self, candidate: &str) -> bool {
        self.0.as_bytes().ct_eq(candidate.as_bytes()).into()
    }
}

impl Serialize for RoomToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Debug for RoomToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoomToken(hidden)")
    }
}

/// A name for a room such as `calm-otter-4821-mole`: readable aloud, and not to be found by trying: 2^36 of them.
pub(crate) fn draw_room_name(random: &mut StdRng) -> String {
    let mut pick =
        |words: &[&'static str]| words.get(random.random_range(0..words.len())).copied().unwrap_or("");
    let (first, second, third, fourth) = (pick(&MANNERS), pick(&ANIMALS), pick(&MANNERS), pick(&ANIMALS));
    let number = random.random_range(1_000..10_000);
    format!("{first}-{second}-{number}-{third}-{fourth}")
}

const MANNERS: [&str; 32] = [
    "calm", "brave", "bright", "clever", "cosy", "early", "fair", "fine", "gentle", "glad", "golden",
    "happy", "keen", "kind", "light", "lively", "lucky", "merry", "mild", "neat", "noble", "proud", "quick",
    "quiet", "ready", "silver", "smart", "steady", "sunny", "swift", "warm", "wise",
];

const ANIMALS: [&str; 32] = [
    "badger", "bear", "beaver", "crane", "deer", "dolphin", "eagle", "falcon", "finch", "fox", "hare",
    "heron", "ibex", "jay", "koala", "lark", "lynx", "marten", "mole", "moose", "otter", "owl", "panda",
    "puffin", "raven", "robin", "seal", "sparrow", "stork", "swan", "tiger", "wren",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::id::RoomName;
    use rand::SeedableRng;
    use std::collections::BTreeSet;

    #[test]
    fn tokens_and_names_differ_and_names_are_valid() {
        let mut random = StdRng::seed_from_u64(7);
        let tokens: BTreeSet<String> = (0..100).map(|_| RoomToken::draw(&mut random).0).collect();
        let names: BTreeSet<String> = (0..100).map(|_| draw_room_name(&mut random)).collect();
        assert_eq!((tokens.len(), names.len()), (100, 100));
        assert!(tokens.iter().all(|token| token.len() == 32));
        assert!(names.iter().all(|name| RoomName::parse(name).is_ok()), "{names:?}");
    }

    #[test]
    fn a_token_is_met_whole_and_never_shown() {
        let token = RoomToken::draw(&mut StdRng::seed_from_u64(7));
        let text = token.0.clone();
        assert!(token.matches(&text) && !token.matches(&text[1..]) && !token.matches(""));
        assert!(!format!("{token:?}").contains(&text));
    }
}
