//! The m-lines of a peer connection, which are negotiated again and again (RFC 8829 §5.2.2, §5.3.2).
//!
//! One side makes all offers: the peer of a connection that publishes ([`Answerer`]), Keel on one that
//! subscribes ([`Offerer`]). Either is a value: a description that is refused changes nothing. M-lines keep
//! their place for ever. One that has ended is used again, so there are never more than were in use at once.

mod answerer;
mod offerer;
mod ssrc;

pub use answerer::{AnsweredLine, AnsweredOffer, Answerer};
pub use offerer::{AcceptedAnswer, AcceptedLine, LinesOffer, Offerer};
pub use ssrc::SsrcSequence;

use super::transport::RemoteTransport;
use crate::error::NegotiationError;
use crate::session::dtls::Fingerprint;
use crate::srtp::DtlsRole;

/// M-lines of one peer connection at most: the most that is read of any description.
pub const LINES_MAX: usize = super::parse::SECTIONS_MAX;

/// What DTLS was set up with. Later descriptions say it again; another certificate or role would take an
/// association anew, which browsers never ask for.
#[derive(Clone, Debug)]
struct Association {
    role: DtlsRole,
    fingerprints: Vec<Fingerprint>,
}

impl Association {
    /// What a description settles, beside what was settled before.
    fn settle(
        before: Option<&Self>,
        role: DtlsRole,
        remote: &RemoteTransport,
    ) -> Result<Self, NegotiationError> {
        let Some(before) = before else {
            return Ok(Self { role, fingerprints: remote.fingerprints.clone() });
        };
        if before.role != role {
            return Err(NegotiationError::Invalid("another DTLS role than before"));
        }
        if before.fingerprints != remote.fingerprints {
            return Err(NegotiationError::Invalid("another certificate than before"));
        }
        Ok(before.clone())
    }
}
