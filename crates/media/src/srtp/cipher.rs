//! The transform of a profile: how one packet of a known index is sealed and opened.

use super::counter_mode::CounterMode;
use super::gcm::Gcm;
use super::{MasterKey, Profile};
use crate::rtp::{ExtSeq, Ssrc};

/// Bytes of an RTCP packet that stay readable: the first header with the sender's SSRC.
pub(super) const RTCP_HEADER_LENGTH: usize = 8;
/// The word that SRTCP appends: the encryption flag and the 31-bit index (RFC 3711 §3.4).
pub(super) const RTCP_INDEX_LENGTH: usize = 4;
/// The encryption flag in that word.
pub(super) const RTCP_ENCRYPTED: u32 = 1 << 31;

/// A packet whose tag is not the one that the key gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NotAuthentic;

/// The session keys of one direction. Stateless: which index a packet has is the context's business.
#[expect(clippy::large_enum_variant, reason = "the usual profile's keys lie in the context, a pointer less")]
pub(super) enum Cipher {
    Gcm(Gcm),
    /// Boxed, so that contexts with GCM do not carry its larger keys.
    CounterMode(Box<CounterMode>),
}

/// What names an SRTCP packet to its transform.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RtcpIndex {
    /// The SSRC of the first packet's sender.
    pub(super) ssrc: Ssrc,
    /// The flag and the index, as on the wire.
    pub(super) word: u32,
}

impl Cipher {
    pub(super) fn new(key: &MasterKey) -> Self {
        match key.profile() {
            Profile::AeadAes128Gcm => Self::Gcm(Gcm::aes_128(key)),
            Profile::AeadAes256Gcm => Self::Gcm(Gcm::aes_256(key)),
            Profile::Aes128CmSha1_80 => Self::CounterMode(Box::new(CounterMode::new(key))),
        }
    }

    /// Bytes that sealing appends to an RTP packet.
    pub(super) const fn tag_length(&self) -> usize {
        match self {
            Self::Gcm(_) => Gcm::TAG_LENGTH,
            Self::CounterMode(_) => CounterMode::TAG_LENGTH,
        }
    }

    /// Bytes that sealing appends to an RTCP packet.
    pub(super) const fn rtcp_overhead(&self) -> usize {
        self.tag_length() + RTCP_INDEX_LENGTH
    }

    /// Seals `packet`: header, payload and room for the tag.
    pub(super) fn seal_rtp(&self, packet: &mut [u8], header_length: usize, ssrc: Ssrc, index: ExtSeq) {
        match self {
            Self::Gcm(gcm) => gcm.seal_rtp(packet, header_length, ssrc, index),
            Self::CounterMode(mode) => mode.seal_rtp(packet, header_length, ssrc, index),
        }
    }

    /// Opens `packet`: header, payload and tag. The caller has checked that it is that long.
    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header_length: usize,
        ssrc: Ssrc,
        index: ExtSeq,
    ) -> Result<(), NotAuthentic> {
        match self {
            Self::Gcm(gcm) => gcm.open_rtp(packet, header_length, ssrc, index),
            Self::CounterMode(mode) => mode.open_rtp(packet, header_length, ssrc, index),
        }
    }

    /// Seals `packet`, at least a header long: appends tag and index word in the profile's order.
    pub(super) fn seal_rtcp(&self, packet: &mut Vec<u8>, index: RtcpIndex) {
        match self {
            Self::Gcm(gcm) => gcm.seal_rtcp(packet, index),
            Self::CounterMode(mode) => mode.seal_rtcp(packet, index),
        }
    }

    /// The index word of a sealed `packet` and the SSRC of its sender; `None` when it is too short to be
    /// one.
    pub(super) fn rtcp_index(&self, packet: &[u8]) -> Option<RtcpIndex> {
        // RFC 3711 §3.4: the word stands before the tag. RFC 7714 §9.2: in GCM it stands behind.
        let word_end = match self {
            Self::Gcm(_) => packet.len(),
            Self::CounterMode(_) => packet.len().checked_sub(CounterMode::TAG_LENGTH)?,
        };
        if packet.len() < RTCP_HEADER_LENGTH + self.rtcp_overhead() {
            return None;
        }
        let ssrc = packet.get(4..)?.first_chunk()?;
        let word = packet.get(..word_end)?.last_chunk()?;
        Some(RtcpIndex { ssrc: Ssrc::new(u32::from_be_bytes(*ssrc)), word: u32::from_be_bytes(*word) })
    }

    /// Opens `packet`, of which [`Self::rtcp_index`] gave `index`; the plaintext lies at its start.
    pub(super) fn open_rtcp(&self, packet: &mut [u8], index: RtcpIndex) -> Result<(), NotAuthentic> {
        match self {
            Self::Gcm(gcm) => gcm.open_rtcp(packet, index),
            Self::CounterMode(mode) => mode.open_rtcp(packet, index),
        }
    }
}

impl RtcpIndex {
    /// The 31-bit index.
    pub(super) const fn index(self) -> u32 {
        self.word & !RTCP_ENCRYPTED
    }

    /// Whether the payload is encrypted or only authenticated.
    pub(super) const fn encrypted(self) -> bool {
        self.word & RTCP_ENCRYPTED != 0
    }
}
