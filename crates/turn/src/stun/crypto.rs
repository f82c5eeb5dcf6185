//! Keyed hashes, and the keys of long-term credentials (RFC 8489 §9.2.2).

use rtc_crypto::{HashAlgorithm, HmacAlgorithm, RTCCryptoProvider};
use std::fmt;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The algorithms of the built-in provider.
#[derive(Clone)]
pub(crate) struct Crypto(Arc<dyn RTCCryptoProvider>);

/// How a message proves that its sender has the key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum KeyKind {
    /// MESSAGE-INTEGRITY, HMAC-SHA1.
    Sha1,
    /// MESSAGE-INTEGRITY-SHA256.
    Sha256,
}

/// What both sides make of a password, and how answers prove it.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    pub(crate) kind: KeyKind,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?}, hidden)", self.kind)
    }
}

impl Default for Crypto {
    fn default() -> Self {
        Self(rtc_crypto::default_provider().expect("ring is built in"))
    }
}

impl Crypto {
    pub(crate) fn hmac_sha1(&self, key: &[u8], parts: &[&[u8]]) -> [u8; 20] {
        let mut tag = [0; 20];
        self.hmac(HmacAlgorithm::Sha1, key, parts, &mut tag);
        tag
    }

    pub(crate) fn hmac_sha256(&self, key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        let mut tag = [0; 32];
        self.hmac(HmacAlgorithm::Sha256, key, parts, &mut tag);
        tag
    }

    fn hmac(&self, algorithm: HmacAlgorithm, key: &[u8], parts: &[&[u8]], tag: &mut [u8]) {
        let mac = self.0.crypto().new_hmac(algorithm, key);
        mac.and_then(|mut mac| mac.sign(parts, tag)).expect("ring has HMAC for keys of any length");
    }

    /// Whether `tag`, which may be cut short, is that of the parts. Takes the same time wherever they differ.
    pub(crate) fn verify(&self, key: &[u8], kind: KeyKind, parts: &[&[u8]], tag: &[u8]) -> bool {
        match kind {
            KeyKind::Sha1 => self.hmac_sha1(key, parts).ct_eq(tag).into(),
            KeyKind::Sha256 => {
                let full = self.hmac_sha256(key, parts);
                full.get(..tag.len()).is_some_and(|expected| expected.ct_eq(tag).into())
            }
        }
    }

    /// RFC 8489 §18.5.1.1: user name, realm and password, hashed.
    pub(crate) fn md5_key(&self, username: &str, realm: &str, password: &str) -> Zeroizing<Vec<u8>> {
        self.key(HashAlgorithm::Md5, username, realm, password)
    }

    /// RFC 8489 §18.5.1.2: the same with SHA-256.
    pub(crate) fn sha256_key(&self, username: &str, realm: &str, password: &str) -> Zeroizing<Vec<u8>> {
        self.key(HashAlgorithm::Sha256, username, realm, password)
    }

    fn key(
        &self,
        algorithm: HashAlgorithm,
        username: &str,
        realm: &str,
        password: &str,
    ) -> Zeroizing<Vec<u8>> {
        let text = Zeroizing::new([username, realm, password].join(":"));
        let hash = self.0.crypto().hash(algorithm, text.as_bytes());
        Zeroizing::new(hash.expect("the provider has both hashes of STUN"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_term_key_is_that_of_the_rfc() {
        // covers: RFC 5389 §15.4, the example of a key
        let key = Crypto::default().md5_key("user", "realm", "pass");
        let text: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text, "8493fbc53ba582fb4c044c456bdc40eb");
    }

    #[test]
    fn a_tag_cut_short_is_compared_as_far_as_it_goes() {
        let crypto = Crypto::default();
        let tag = crypto.hmac_sha256(b"key", &[b"a", b"b"]);
        assert!(crypto.verify(b"key", KeyKind::Sha256, &[b"ab"], &tag[..16]));
        assert!(!crypto.verify(b"other", KeyKind::Sha256, &[b"ab"], &tag[..16]));
        assert!(!crypto.verify(b"key", KeyKind::Sha1, &[b"ab"], &tag[..20]));
    }
}
