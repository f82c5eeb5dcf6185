//! Why a request is refused, in the words of the specifications.

/// An error code of STUN or TURN (RFC 8489 §14.8, RFC 8656 §19).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ErrorCode {
    /// The request contradicts itself, or lacks something.
    BadRequest,
    /// No credentials, or wrong or expired ones.
    Unauthorized,
    /// That peer is never relayed to.
    Forbidden,
    /// An attribute that must be understood is not.
    UnknownAttribute,
    /// There is no allocation, or there is one already.
    AllocationMismatch,
    /// The nonce has expired or is another client's.
    StaleNonce,
    /// That IP version is not served.
    AddressFamilyNotSupported,
    /// The allocation is another user's.
    WrongCredentials,
    /// Something else than UDP is to be relayed.
    UnsupportedTransport,
    /// The peer is not of the allocation's IP version.
    PeerAddressFamilyMismatch,
    /// The user, or the address, has as many allocations as it may.
    AllocationQuotaReached,
    /// The server has no port, or no room in the allocation.
    InsufficientCapacity,
}

impl ErrorCode {
    /// The code on the wire.
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::UnknownAttribute => 420,
            Self::AllocationMismatch => 437,
            Self::StaleNonce => 438,
            Self::AddressFamilyNotSupported => 440,
            Self::WrongCredentials => 441,
            Self::UnsupportedTransport => 442,
            Self::PeerAddressFamilyMismatch => 443,
            Self::AllocationQuotaReached => 486,
            Self::InsufficientCapacity => 508,
        }
    }
}
