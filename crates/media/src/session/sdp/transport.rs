//! What a description says about the transport: ICE credentials, certificate fingerprints, DTLS role.

use super::candidate::{RemoteCandidate, Trickled};
use super::parse::{flag, value};
use crate::error::NegotiationError;
use crate::session::dtls::{Fingerprint, HashFunction};
use crate::session::ice::IceCredentials;
use crate::srtp::DtlsRole;
use rtc_sdp::description::common::Attribute;

/// Fingerprints in one description at most; peers send one, or one for each hash.
const FINGERPRINTS_MAX: usize = 8;

/// Candidates taken from one description at most. Further ones are left out: a lite agent learns the
/// peer's address from its checks anyway.
const CANDIDATES_MAX: usize = 64;

/// The peer's transport. Empty for plain RTP offers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RemoteTransport {
    /// The credentials of its connectivity checks (RFC 8839 §5.4).
    pub ice: Option<IceCredentials>,
    /// It is a lite agent (RFC 8839 §5.3). Two lite agents never connect: Keel must then act as a full,
    /// controlling one.
    pub ice_lite: bool,
    /// Digests of the certificates it may present; one match suffices (RFC 8122 §5).
    pub fingerprints: Vec<Fingerprint>,
    /// Its say on who begins the DTLS handshake.
    pub setup: Option<Setup>,
    /// The candidates of component 1 that stand in the description.
    pub candidates: Vec<RemoteCandidate>,
    /// No candidates will be trickled after those.
    pub end_of_candidates: bool,
}

/// `a=setup` (RFC 4145 §4, RFC 8842 §5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Setup {
    /// Begins the handshake.
    Active,
    /// Waits for it.
    Passive,
    /// Leaves the choice to the answerer.
    ActPass,
}

impl RemoteTransport {
    /// Reads an m-line's transport; what the m-line leaves out, the session level says for it.
    pub(super) fn read(session: &[Attribute], media: &[Attribute]) -> Result<Self, NegotiationError> {
        let either = |key| value(media, key).or_else(|| value(session, key));
        let ice = match (either("ice-ufrag"), either("ice-pwd")) {
            (Some(ufrag), Some(pwd)) => Some(read_credentials(ufrag, pwd)?),
            (None, None) => None,
            _ => return Err(NegotiationError::Invalid("ICE credentials that are half there")),
        };
        // RFC 8122 §5: an m-line's own fingerprints replace those of the session.
        let mut fingerprints = read_fingerprints(media)?;
        if fingerprints.is_empty() {
            fingerprints = read_fingerprints(session)?;
        }
        Ok(Self {
            ice,
            ice_lite: flag(session, "ice-lite"),
            fingerprints,
            setup: either("setup").map(Setup::parse).transpose()?,
            candidates: read_candidates(media),
            end_of_candidates: flag(media, "end-of-candidates"),
        })
    }

    /// Refuses a transport that cannot carry DTLS-SRTP.
    pub(super) fn require_secure(&self) -> Result<(), NegotiationError> {
        if self.ice.is_none() {
            return Err(NegotiationError::Invalid("no ICE credentials"));
        }
        // RFC 8827 §6.5: no media without a fingerprint to check the certificate against.
        if self.fingerprints.is_empty() {
            return Err(NegotiationError::Invalid("no fingerprint of SHA-256 or better"));
        }
        Ok(())
    }
}

impl Setup {
    /// Its value in `a=setup`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
        }
    }

    fn parse(text: &str) -> Result<Self, NegotiationError> {
        [Self::Active, Self::Passive, Self::ActPass]
            .into_iter()
            .find(|setup| setup.as_str() == text)
            .ok_or(NegotiationError::Invalid("a setup role that DTLS does not have"))
    }
}

impl DtlsRole {
    /// Keel's role when it answers. It is client only towards a passive peer: the server chooses the SRTP
    /// profile, and left to Chromium's order that would be AES-CM with SHA-1.
    pub(super) fn when_answering(offered: Option<Setup>) -> Self {
        match offered {
            Some(Setup::Passive) => Self::Client,
            // RFC 4145 §4: an offer without the attribute is active.
            Some(Setup::Active | Setup::ActPass) | None => Self::Server,
        }
    }

    /// Keel's role after an offer of `actpass` was answered.
    pub(super) fn when_answered(answered: Option<Setup>) -> Result<Self, NegotiationError> {
        match answered {
            Some(Setup::Passive) => Ok(Self::Client),
            Some(Setup::Active) | None => Ok(Self::Server),
            // RFC 8842 §5.3: the answer chooses.
            Some(Setup::ActPass) => {
                Err(NegotiationError::Invalid("an answer that leaves the DTLS role open"))
            }
        }
    }

    pub(super) const fn setup(self) -> Setup {
        match self {
            Self::Client => Setup::Active,
            Self::Server => Setup::Passive,
        }
    }
}

fn read_credentials(ufrag: &str, pwd: &str) -> Result<IceCredentials, NegotiationError> {
    // RFC 8839 §5.4: 4 to 256 and 22 to 256 ice-chars. Peers are known that use other visible
    // characters, which do no harm.
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    if !(4..=256).contains(&ufrag.len()) || !(22..=256).contains(&pwd.len()) {
        return Err(NegotiationError::Invalid("ICE credentials of a length that is not allowed"));
    }
    if !plain(ufrag) || !plain(pwd) {
        return Err(NegotiationError::Invalid("ICE credentials with characters that are not allowed"));
    }
    Ok(IceCredentials { ufrag: ufrag.to_owned(), password: pwd.to_owned() })
}
fn read_fingerprints(attributes: &[Attribute]) -> Result<Vec<Fingerprint>, NegotiationError> {
    let mut fingerprints = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.key == "fingerprint") {
        let malformed = NegotiationError::Invalid("a malformed fingerprint");
        let value = attribute.value.as_deref().ok_or(malformed.clone())?;
        let (name, _) = value.split_once(' ').ok_or(malformed.clone())?;
        // RFC 8122 §5.1: fingerprints of hashes we do not accept are passed over.
        if HashFunction::from_name(name).is_none() {
            continue;
        }
        let fingerprint = Fingerprint::parse(value).ok_or(malformed)?;
        if fingerprints.len() == FINGERPRINTS_MAX {
            return Err(NegotiationError::Invalid("more fingerprints than a peer has"));
        }
        fingerprints.push(fingerprint);
    }
    Ok(fingerprints)
}

/// RFC 8839 §5.1: candidates that we cannot make sense of are passed over.
fn read_candidates(attributes: &[Attribute]) -> Vec<RemoteCandidate> {
    attributes
        .iter()
        .filter(|attribute| attribute.key == "candidate")
        .filter_map(|attribute| {
            RemoteCandidate::parse(&format!("candidate:{}", attribute.value.as_deref()?)).ok()
        })
        .filter_map(|trickled| match trickled {
            // RFC 8834 §4.5: RTP and RTCP share a port, so component 2 has no use.
            Trickled::Candidate(candidate) if candidate.component == 1 => Some(candidate),
            Trickled::Candidate(_) | Trickled::End => None,
        })
        .take(CANDIDATES_MAX)
        .collect()
}
