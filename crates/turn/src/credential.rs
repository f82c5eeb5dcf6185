//! Time-limited credentials: whoever knows the secret can give them out, and nothing need be remembered
//! (draft-uberti-behave-turn-rest-00, which coturn and every TURN service of today understand).

use crate::stun::Crypto;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// Bytes of a secret at least: a captured exchange lets an attacker try secrets at leisure.
pub const SECRET_BYTES_MIN: usize = 16;

/// Letters of a user's pseudonym.
const PSEUDONYM_LETTERS: usize = 16;

/// The secret behind all credentials of a server, and how long they are valid. Cheap to clone, never shown.
///
/// ```
/// use keel_turn::Credentials;
/// use std::time::Duration;
///
/// let credentials = Credentials::new(b"sixteen bytes or more", Duration::from_secs(3600));
/// let issued = credentials.issue("alice", 1_700_000_000);
/// assert!(issued.username.starts_with("1700003600:"), "it says when it ends");
/// assert!(!issued.username.contains("alice"), "user names travel in the clear, so it is a pseudonym");
/// ```
#[derive(Clone)]
pub struct Credentials {
    secret: Arc<Zeroizing<Vec<u8>>>,
    lifetime: Duration,
    crypto: Crypto,
}

/// What a client needs for a TURN server.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// When it ends, in seconds since 1970, a colon, and who it is for.
    pub username: String,
    /// Its password.
    pub password: String,
}

/// A user name taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TimedUser<'a> {
    pub(crate) expires_unix_s: u64,
    pub(crate) user: &'a str,
}

impl Credentials {
    /// Credentials made with `secret` are valid for `lifetime`.
    #[must_use]
    pub fn new(secret: &[u8], lifetime: Duration) -> Self {
        Self { secret: Arc::new(Zeroizing::new(secret.to_vec())), lifetime, crypto: Crypto::default() }
    }

    /// Credentials for `user`, from now on. Users are told apart for quotas; the name itself is not in them, as
    /// STUN sends user names in the clear.
    #[must_use]
    pub fn issue(&self, user: &str, now_unix_s: u64) -> Issued {
        let expires = now_unix_s.saturating_add(self.lifetime.as_secs());
        let tag = self.crypto.hmac_sha256(&self.secret, &[b"user:", user.as_bytes()]);
        let pseudonym: String =
            tag.iter().take(PSEUDONYM_LETTERS / 2).map(|byte| format!("{byte:02x}")).collect();
        let username = format!("{expires}:{pseudonym}");
        let password = self.password(&username).to_string();
        Issued { username, password }
    }

    /// The password that belongs to a user name, whoever made it up.
    pub(crate) fn password(&self, username: &str) -> Zeroizing<String> {
        let tag = self.crypto.hmac_sha1(&self.secret, &[username.as_bytes()]);
        Zeroizing::new(BASE64_STANDARD.encode(tag))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("username", &self.username).finish_non_exhaustive()
    }
}

impl<'a> TimedUser<'a> {
    /// `None` for a name without an end.
    pub(crate) fn parse(username: &'a str) -> Option<Self> {
        let (expires, user) = username.split_once(':').unwrap_or((username, ""));
        let is_number = !expires.is_empty() && expires.bytes().all(|byte| byte.is_ascii_digit());
        let expires_unix_s = expires.parse().ok().filter(|_| is_number)?;
        Some(Self { expires_unix_s, user })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_those_of_other_implementations() {
        // printf '1700003600:alice' | openssl dgst -sha1 -hmac north-star-secret -binary | base64
        let credentials = Credentials::new(b"north-star-secret", Duration::from_hours(1));
        assert_eq!(*credentials.password("1700003600:alice"), "Dup6ClDoAdRALsjkgQhupoARTRI=");
    }

    #[test]
    fn users_have_different_credentials_that_end() {
        let credentials = Credentials::new(b"north-star-secret", Duration::from_hours(1));
        let (alice, bob) = (credentials.issue("alice", 1_000), credentials.issue("bob", 1_000));
        assert_ne!(alice, bob);
        assert_eq!(alice, credentials.issue("alice", 1_000), "the same user");
        let parsed = TimedUser::parse(&alice.username).expect("its own format");
        assert_eq!(parsed.expires_unix_s, 4_600);
        assert_eq!(parsed.user.len(), PSEUDONYM_LETTERS);
    }

    #[test]
    fn a_name_without_an_end_is_none() {
        for name in ["", "alice", ":alice", "+5:alice", "-1:alice", "99999999999999999999999:alice", "1.5:a"]
        {
            assert_eq!(TimedUser::parse(name), None, "{name}");
        }
        assert_eq!(TimedUser::parse("7"), Some(TimedUser { expires_unix_s: 7, user: "" }));
        assert_eq!(TimedUser::parse("7:a:b"), Some(TimedUser { expires_unix_s: 7, user: "a:b" }));
    }

    #[test]
    fn neither_secret_nor_password_is_shown() {
        let credentials = Credentials::new(b"north-star-secret", Duration::from_hours(1));
        let issued = credentials.issue("alice", 0);
        assert!(!format!("{credentials:?}").contains("star"));
        assert!(!format!("{issued:?}").contains(&issued.password));
    }
}
