//! Keel's DTLS certificate, and the fingerprints by which peers know each other (RFC 8122).

use crate::session::error::SessionError;
use ring::digest;
use rtc_crypto::RTCCryptoProvider;
use std::fmt;
use std::sync::Arc;

/// A self-signed ECDSA P-256 certificate with its key, made once per media server and shared by all its
/// sessions.
pub struct Certificate {
    pub(super) dtls: rtc_dtls::crypto::Certificate,
    pub(super) provider: Arc<dyn RTCCryptoProvider>,
    fingerprint: Fingerprint,
}

impl Certificate {
    /// Makes a new certificate and key from the system's randomness.
    ///
    /// # Errors
    ///
    /// [`SessionError::Crypto`] or [`SessionError::Refused`] where key or certificate cannot be made.
    pub fn generate() -> Result<Self, SessionError> {
        let provider = rtc_crypto::default_provider()
            .map_err(|error| SessionError::Crypto(rtc_shared::error::Error::Crypto(error.to_string())))?;
        // RFC 8827 §6.5: ECDSA on P-256. The name carries no information about the host.
        let dtls = rtc_dtls::crypto::Certificate::generate_self_signed_with_alg(
            ["keel".to_owned()],
            &rcgen::PKCS_ECDSA_P256_SHA256,
            provider.crypto(),
        )?;
        let der = dtls.certificate.first().map(AsRef::as_ref).unwrap_or_default();
        let fingerprint = Fingerprint::of(HashFunction::Sha256, der);
        Ok(Self { dtls, provider, fingerprint })
    }

    /// The SHA-256 fingerprint for `a=fingerprint`.
    #[must_use]
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificate").field(&self.fingerprint).finish()
    }
}

/// A hash function that may name a certificate (RFC 8122 §5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HashFunction {
    /// `sha-256`, which everybody sends.
    Sha256,
    /// `sha-384`.
    Sha384,
    /// `sha-512`.
    Sha512,
}

impl HashFunction {
    const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// Its name in SDP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    /// The function of this name, in whatever case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| name.eq_ignore_ascii_case(function.name()))
    }

    fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

/// A certificate's fingerprint. Displayed as SDP has it, `sha-256 AB:CD:…`.
#[derive(Clone, PartialEq, Eq)]
pub struct Fingerprint {
    function: HashFunction,
    digest: Vec<u8>,
}

impl Fingerprint {
    /// The fingerprint of a certificate in DER.
    #[must_use]
    pub fn of(function: HashFunction, der: &[u8]) -> Self {
        Self { function, digest: digest::digest(function.algorithm(), der).as_ref().to_vec() }
    }

    /// Reads the value of `a=fingerprint`: function, space, hexadecimal bytes with colons. `None` for
    /// another function or where the digest has another length than the function gives.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (name, hex) = value.trim().split_once(' ')?;
        let function = HashFunction::from_name(name)?;
        let length = function.algorithm().output_len();
        let digest: Option<Vec<u8>> = hex
            .trim()
            .split(':')
            .take(length + 1)
            .map(|byte| match byte.as_bytes() {
                [high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    u8::from_str_radix(byte, 16).ok()
                }
                _ => None,
            })
            .collect();
        let digest = digest?;
        (digest.len() == length).then_some(Self { function, digest })
    }

    /// Whether this certificate in DER is the one meant.
    #[must_use]
    pub fn matches(&self, der: &[u8]) -> bool {
        *self == Self::of(self.function, der)
    }

    /// The digest alone, as upper-case hexadecimal bytes with colons.
    #[must_use]
    pub fn hex(&self) -> String {
        let bytes: Vec<_> = self.digest.iter().map(|byte| format!("{byte:02X}")).collect();
        bytes.join(":")
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.function.name(), self.hex())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_survives_the_way_through_sdp() {
        let certificate = Certificate::generate().expect("the system has randomness");
        let text = certificate.fingerprint().to_string();
        assert_eq!(text.len(), "sha-256 ".len() + 32 * 3 - 1);
        assert_eq!(Fingerprint::parse(&text).as_ref(), Some(certificate.fingerprint()));
        assert_eq!(Fingerprint::parse(&text.to_lowercase()).as_ref(), Some(certificate.fingerprint()));
    }

    #[test]
    fn a_fingerprint_matches_its_certificate_only() {
        for function in HashFunction::ALL {
            let fingerprint = Fingerprint::of(function, b"one certificate");
            assert!(fingerprint.matches(b"one certificate"));
            assert!(!fingerprint.matches(b"another certificate"));
        }
    }

    #[test]
    fn what_is_no_fingerprint_is_refused() {
        let short = format!("sha-256 {}", ["AB"; 31].join(":"));
        let long = format!("sha-256 {}", ["AB"; 33].join(":"));
        let signed = format!("sha-256 +1:{}", ["AB"; 31].join(":"));
        for value in ["", "sha-256", "sha-256 AB", "md5 AB:CD", &short, &long, &signed] {
            assert_eq!(Fingerprint::parse(value), None, "{value:?}");
        }
    }
}
