//! Keys that tokens are checked with, read from a JSON Web Key Set (RFC 7517) or a plain secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{hmac, signature};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::fmt;

/// The algorithms of RFC 7518 §3.1 and RFC 8037 that tokens may be signed with. Each belongs to one kind of
/// key: a public key is never taken for a secret, and `none` is no algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hs256,
    Rs256,
    Es256,
    EdDsa,
}

/// One key.
pub(crate) struct Key {
    /// Its `kid`.
    id: Option<String>,
    material: Material,
}

enum Material {
    Secret(hmac::Key),
    /// Modulus and exponent, big-endian.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// The keys in force. Cheap to look through: there are 64 at most.
#[derive(Debug, Default)]
pub(crate) struct KeySet {
    keys: Vec<Key>,
}

/// Why a text is no set of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeySetError {
    #[error("it is longer than {BYTES_MAX} bytes")]
    TooLong,
    #[error("it is not UTF-8")]
    NotText,
    #[error("it is no JSON Web Key Set: an object with a list `keys` is expected")]
    NotASet,
    #[error("it has more than {KEYS_MAX} keys")]
    TooMany,
    #[error("it has no key that Keel can use: RSA from 2048 bits, P-256, Ed25519, or a secret from 32 bytes")]
    NoneUsable,
    #[error("the secret is shorter than {SECRET_BYTES_MIN} bytes")]
    ShortSecret,
}

/// Bytes of a key set.
pub(crate) const BYTES_MAX: usize = 256 << 10;
const KEYS_MAX: usize = 64;

/// RFC 7518 §3.2: a key for HS256 has at least the size of the hash.
pub(crate) const SECRET_BYTES_MIN: usize = 32;

/// RFC 7518 §3.3: RSA keys have 2048 bits or more.
const RSA_BYTES_MIN: usize = 256;
/// What the signature check takes.
const RSA_BYTES_MAX: usize = 1024;

/// RFC 7517 §4, the members that matter here.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    k: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Known(Box<Jwk>),
    Other(IgnoredAny),
}

impl Algorithm {
    /// The algorithm of this name; `None` for all that Keel does not know, `none` among them.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Hs256, Self::Rs256, Self::Es256, Self::EdDsa].into_iter().find(|known| known.name() == name)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl Key {
    /// A secret for HS256; `None` when it is shorter than [`SECRET_BYTES_MIN`].
    pub(crate) fn secret(bytes: &[u8]) -> Option<Self> {
        let is_long = bytes.len() >= SECRET_BYTES_MIN;
        is_long
            .then(|| Self { id: None, material: Material::Secret(hmac::Key::new(hmac::HMAC_SHA256, bytes)) })
    }

    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The one algorithm that it is for.
    pub(crate) fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Secret(_) => Algorithm::Hs256,
            Material::Rsa { .. } => Algorithm::Rs256,
            Material::P256(_) => Algorithm::Es256,
            Material::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// Whether `signature` is this key's for `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Secret(key) => hmac::verify(key, message, signature).is_ok(),
            Material::Rsa { n, e } => signature::RsaPublicKeyComponents { n, e }
                .verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
            Material::P256(point) => {
                // RFC 7518 §3.4: R and S side by side, not in ASN.1.
                let key = signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point);
                key.verify(message, signature).is_ok()
            }
            Material::Ed25519(point) => signature::UnparsedPublicKey::new(&signature::ED25519, point)
                .verify(message, signature)
                .is_ok(),
        }
    }

    /// This secret's signature; `None` for a public key.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match &self.material {
            Material::Secret(key) => Some(hmac::sign(key, message).as_ref().to_vec()),
            Material::Rsa { .. } | Material::P256(_) | Material::Ed25519(_) => None,
        }
    }

    /// The key in a JWK; `None` for one that is of another kind, not for signatures, or malformed. RFC 7517
    /// §5: a set may have keys that its reader does not know.
    fn of(jwk: Jwk) -> Option<Self> {
        let is_for_signatures = jwk.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && jwk.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !is_for_signatures {
            return None;
        }
        let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("oct", _) => Self::secret(&decode(jwk.k)?)?.material,
            ("RSA", _) => {
                let (n, e) = (decode(jwk.n)?, decode(jwk.e)?);
                (RSA_BYTES_MIN..=RSA_BYTES_MAX).contains(&n.len()).then_some(Material::Rsa { n, e })?
            }
            ("EC", Some("P-256")) => {
                let (x, y) = (decode(jwk.x)?, decode(jwk.y)?);
                // SEC 1 §2.3.3: 4, then both coordinates.
                (x.len() == 32 && y.len() == 32).then(|| Material::P256([&[4], &x[..], &y[..]].concat()))?
            }
            ("OKP", Some("Ed25519")) => {
                let x = decode(jwk.x)?;
                (x.len() == 32).then_some(Material::Ed25519(x))?
            }
            _ => return None,
        };
        let key = Self { id: jwk.kid, material };
        jwk.alg.is_none_or(|alg| alg == key.algorithm().name()).then_some(key)
    }
}

fn decode(text: Option<String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}

/// Not the key.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.algorithm().name())
    }
}

impl KeySet {
    /// The set in a file or an answer. What is no JSON object is a plain secret; white space around it is
    /// not part of it.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, KeySetError> {
        if bytes.len() > BYTES_MAX {
            return Err(KeySetError::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| KeySetError::NotText)?.trim();
        if !text.starts_with('{') {
            let key = Key::secret(text.as_bytes()).ok_or(KeySetError::ShortSecret)?;
            return Ok(Self { keys: vec![key] });
        }
        let set: Jwks = serde_json::from_str(text).map_err(|_| KeySetError::NotASet)?;
        if set.keys.len() > KEYS_MAX {
            return Err(KeySetError::TooMany);
        }
        let known = set.keys.into_iter().filter_map(|entry| match entry {
            Entry::Known(key) => Key::of(*key),
            Entry::Other(_) => None,
        });
        let keys: Vec<Key> = known.collect();
        if keys.is_empty() { Err(KeySetError::NoneUsable) } else { Ok(Self { keys }) }
    }

    /// Adds a key.
    pub(crate) fn with(mut self, key: Option<Key>) -> Self {
        self.keys.extend(key);
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The keys that a token with this `kid` may be signed with: those of that name and those of none.
    pub(crate) fn named<'a>(&'a self, id: Option<&'a str>) -> impl Iterator<Item = &'a Key> + Clone {
        self.keys.iter().filter(move |key| id.is_none() || key.id().is_none() || key.id() == id)
    }

    /// The first secret, which new tokens are signed with.
    pub(crate) fn signer(&self) -> Option<&Key> {
        self.keys.iter().find(|key| key.algorithm() == Algorithm::Hs256)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";

    #[test]
    fn a_set_keeps_what_it_can_use_and_skips_the_rest() {
        let set = format!(
            r#"{{"keys": [
                {{"kty": "oct", "kid": "ours", "k": "{SECRET}"}},
                {{"kty": "oct", "kid": "short", "k": "c2hvcnQ"}},
                {{"kty": "oct", "kid": "other algorithm", "alg": "HS512", "k": "{SECRET}"}},
                {{"kty": "oct", "kid": "for encryption", "use": "enc", "k": "{SECRET}"}},
                {{"kty": "oct", "kid": "for signing", "key_ops": ["sign"], "k": "{SECRET}"}},
                {{"kty": "RSA", "kid": "too small", "n": "{SECRET}", "e": "AQAB"}},
                {{"kty": "EC", "kid": "other curve", "crv": "P-384", "x": "{SECRET}", "y": "{SECRET}"}},
                {{"kty": "EC", "kid": "no point", "crv": "P-256", "x": "{SECRET}"}},
                {{"kty": "OKP", "kid": "eddsa", "crv": "Ed25519", "x": "{SECRET}", "use": "sig"}},
                {{"kty": 7}}, 7, null
            ], "next": "ignored"}}"#
        );
        let set = KeySet::parse(set.as_bytes()).expect("a set");
        let kept: Vec<_> = set.keys.iter().map(|key| (key.id(), key.algorithm())).collect();
        assert_eq!(kept, [(Some("ours"), Algorithm::Hs256), (Some("eddsa"), Algorithm::EdDsa)]);
    }

    #[test]
    fn what_has_no_usable_key_says_why() {
        let many = format!(r#"{{"keys": [{}1]}}"#, "1,".repeat(64));
        for (text, error) in [
            (r#"{"keys": []}"#, KeySetError::NoneUsable),
            (r#"{"keys": 1}"#, KeySetError::NotASet),
            ("{", KeySetError::NotASet),
            (r#"{"kty": "oct"}"#, KeySetError::NotASet),
            (many.as_str(), KeySetError::TooMany),
            ("short", KeySetError::ShortSecret),
            ("", KeySetError::ShortSecret),
        ] {
            assert_eq!(KeySet::parse(text.as_bytes()).err(), Some(error), "{text}");
        }
        assert_eq!(KeySet::parse(&[b'x'; BYTES_MAX + 1]).err(), Some(KeySetError::TooLong));
        assert_eq!(KeySet::parse(&[0xff; 40]).err(), Some(KeySetError::NotText));
    }

    #[test]
    fn a_plain_secret_is_a_set_of_one() {
        let set = KeySet::parse(b"  0123456789abcdef0123456789abcdef\n").expect("a secret");
        let key = set.signer().expect("it signs");
        let signature = key.sign(b"message").expect("a secret");
        assert!(key.verifies(b"message", &signature) && !key.verifies(b"massage", &signature));
        let same = Key::secret(b"0123456789abcdef0123456789abcdef").expect("long enough");
        assert!(same.verifies(b"message", &signature), "white space around it does not count");
    }

    #[test]
    fn keys_are_found_by_name_and_nameless_ones_always() {
        let set = format!(
            r#"{{"keys": [{{"kty": "oct", "kid": "a", "k": "{SECRET}"}}, {{"kty": "oct", "k": "{SECRET}"}}]}}"#
        );
        let set = KeySet::parse(set.as_bytes()).expect("a set");
        let named = |id| set.named(id).map(Key::id).collect::<Vec<_>>();
        assert_eq!(named(Some("a")), [Some("a"), None]);
        assert_eq!(named(Some("b")), [None]);
        assert_eq!(named(None), [Some("a"), None]);
    }
}
