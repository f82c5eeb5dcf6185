//! webrtc-rs's one large error, folded into what a session can act on.

use rtc_shared::error::Error;

/// Why a protocol of a session refused an operation.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The peer ended the association, with `close_notify` or with a fatal alert.
    #[error("the peer ended the association")]
    ClosedByPeer,
    /// Cryptography failed on our side: no randomness, a key that does not load.
    #[error("cryptography failed: {0}")]
    Crypto(#[source] Error),
    /// The protocol refused what it was given; on input from the network the peer is at fault.
    #[error("refused by the protocol: {0}")]
    Refused(#[source] Error),
}

impl From<Error> for SessionError {
    fn from(error: Error) -> Self {
        match error {
            Error::ErrAlertFatalOrClose | Error::ErrConnClosed => Self::ClosedByPeer,
            Error::Crypto(_) => Self::Crypto(error),
            _ => Self::Refused(error),
        }
    }
}
