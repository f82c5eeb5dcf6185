//! The secret that claims a name, and its hash.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

/// The longest secret. Longer ones would only make hashing dearer.
pub(crate) const SECRET_BYTES_MAX: usize = 256;

/// A secret as the user typed it. It has no `Debug` and no `Display`: nothing can log it.
pub(crate) struct Secret(String);

impl Secret {
    /// The secret in a message: no secret when there is none or an empty one (a form's empty field);
    /// `None` outside when it is longer than [`SECRET_BYTES_MAX`].
    pub(crate) fn new(text: Option<String>) -> Option<Option<Self>> {
        match text {
            Some(text) if text.len() > SECRET_BYTES_MAX => None,
            Some(text) if !text.is_empty() => Some(Some(Self(text))),
            _ => Some(None),
        }
    }

    /// The argon2id hash with a fresh salt (RFC 9106 §4), as a PHC string.
    pub(super) fn hash(&self) -> Result<String, argon2::password_hash::Error> {
        Ok(Argon2::default().hash_password(self.0.as_bytes())?.to_string())
    }

    /// Whether `hash` is of this secret; not when `hash` is none.
    pub(super) fn fits(&self, hash: &str) -> bool {
        PasswordHash::new(hash)
            .is_ok_and(|hash| Argon2::default().verify_password(self.0.as_bytes(), &hash).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_secret_is_none_and_a_long_one_is_refused() {
        assert!(Secret::new(None).is_some_and(|secret| secret.is_none()));
        assert!(Secret::new(Some(String::new())).is_some_and(|secret| secret.is_none()));
        assert!(Secret::new(Some("x".repeat(256))).is_some_and(|secret| secret.is_some()));
        assert!(Secret::new(Some("x".repeat(257))).is_none());
    }

    #[test]
    fn a_hash_fits_its_secret_only_and_is_salted() {
        let secret = |text: &str| Secret::new(Some(text.to_owned())).flatten().expect("a secret");
        let hash = secret("tide").hash().expect("hashable");
        assert!(hash.starts_with("$argon2id$"));
        assert!(secret("tide").fits(&hash) && !secret("Tide").fits(&hash));
        assert_ne!(hash, secret("tide").hash().expect("hashable"));
        assert!(!secret("tide").fits("no hash"));
    }
}
