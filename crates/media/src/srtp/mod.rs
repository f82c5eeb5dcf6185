//! In-place packet protection (RFC 3711, RFC 7714), keyed by DTLS (RFC 5764): the hot path, nothing else.
//!
//! Start at [`SessionKeys`]: it turns the handshake's keying material into a [`SendContext`] and a
//! [`ReceiveContext`]. Neither allocates per packet, and a packet never leaves the buffer it lies in.
//! There is no rekeying and no master key identifier: DTLS-SRTP has neither within one association.

mod cipher;
mod counter_mode;
mod gcm;
mod key;
mod receive;
mod replay;
#[cfg(debug_assertions)]
mod sealed_once;
mod send;
#[cfg(test)]
mod tests;

pub use key::{DtlsRole, KeyingMaterialLength, MasterKey, SessionKeys};
pub use receive::ReceiveContext;
pub use send::{IndexesExhausted, SendContext};

/// An SRTP protection profile of DTLS (RFC 5764 §4.1.2, RFC 7714 §14.2).
///
/// The order is Keel's preference, best first: AES-128-GCM costs a third of AES-CM with SHA-1 and
/// authenticates with 128 bits instead of 80.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Profile {
    /// `SRTP_AEAD_AES_128_GCM`.
    AeadAes128Gcm,
    /// `SRTP_AEAD_AES_256_GCM`.
    AeadAes256Gcm,
    /// `SRTP_AES128_CM_HMAC_SHA1_80`, which every WebRTC peer has (RFC 8827 §6.5).
    Aes128CmSha1_80,
}

impl Profile {
    /// Every profile, most wanted first.
    pub const ALL: [Self; 3] = [Self::AeadAes128Gcm, Self::AeadAes256Gcm, Self::Aes128CmSha1_80];

    /// The longest tag of any profile, in bytes: the room to leave behind a packet of unknown profile.
    pub const TAG_LENGTH_MAX: usize = 16;

    /// The profile with this number in a `use_srtp` extension, if Keel has it.
    #[must_use]
    pub const fn from_wire(number: u16) -> Option<Self> {
        match number {
            0x0007 => Some(Self::AeadAes128Gcm),
            0x0008 => Some(Self::AeadAes256Gcm),
            0x0001 => Some(Self::Aes128CmSha1_80),
            _ => None,
        }
    }

    /// Its number in a `use_srtp` extension.
    #[must_use]
    pub const fn wire(self) -> u16 {
        match self {
            Self::AeadAes128Gcm => 0x0007,
            Self::AeadAes256Gcm => 0x0008,
            Self::Aes128CmSha1_80 => 0x0001,
        }
    }

    /// Its name in IANA's registry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AeadAes128Gcm => "SRTP_AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "SRTP_AEAD_AES_256_GCM",
            Self::Aes128CmSha1_80 => "SRTP_AES128_CM_HMAC_SHA1_80",
        }
    }

    /// Bytes in a master key, and in a session encryption key.
    #[must_use]
    pub const fn key_length(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::Aes128CmSha1_80 => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Bytes in a master salt, and in a session salt.
    #[must_use]
    pub const fn salt_length(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            Self::Aes128CmSha1_80 => 14,
        }
    }

    /// Bytes that protection appends to an RTP packet.
    #[must_use]
    pub const fn tag_length(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
            Self::Aes128CmSha1_80 => 10,
        }
    }

    /// Bytes to export from DTLS: a key and a salt for each direction (RFC 5764 §4.2).
    #[must_use]
    pub const fn keying_material_length(self) -> usize {
        2 * (self.key_length() + self.salt_length())
    }
}
