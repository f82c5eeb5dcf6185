//! Seals what this end sends.

use super::MasterKey;
use super::cipher::{Cipher, RTCP_ENCRYPTED, RTCP_HEADER_LENGTH, RtcpIndex};
#[cfg(debug_assertions)]
use super::sealed_once::SealedOnce;
use crate::rtp::{ExtSeq, Ssrc};

/// The sending half of one association: session keys and the SRTCP index.
///
/// RTP indexes come from the caller, whose duty it is to use each (SSRC, index) once; debug builds check.
pub struct SendContext {
    cipher: Cipher,
    /// The next SRTCP packet's, shared by all SSRCs of the session.
    rtcp_index: u32,
    #[cfg(debug_assertions)]
    sealed_once: SealedOnce,
}

/// The session has sent 2^31 SRTCP packets: its key must seal no more (RFC 3711 §9.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the key has sealed every SRTCP index")]
pub struct IndexesExhausted;

impl SendContext {
    /// The context that seals with `key`.
    pub(super) fn new(key: &MasterKey) -> Self {
        Self {
            cipher: Cipher::new(key),
            rtcp_index: 0,
            #[cfg(debug_assertions)]
            sealed_once: SealedOnce::default(),
        }
    }

    /// Bytes that [`Self::protect_rtp`] appends.
    #[must_use]
    pub const fn tag_length(&self) -> usize {
        self.cipher.tag_length()
    }

    /// Seals the first `plain_len` bytes of `packet` in place: `header_len` bytes of header (with
    /// contributing sources and extensions), then payload. Returns the sealed length.
    ///
    /// `ssrc` and `index` are those of the header. The rollover count of `index` is not sent: the
    /// receiver starts at zero and follows, so a stream begins below 2^16 and never jumps by 2^15
    /// (RFC 3711 §3.3.1). Late repairs may seal older indexes than the newest, each once.
    ///
    /// # Panics
    /// When `packet` has no room for [`Self::tag_length`] bytes behind the payload, or `header_len` lies
    /// beyond `plain_len`. In debug builds also when the index was sealed before: one nonce used twice
    /// gives GCM's authentication key away.
    pub fn protect_rtp(
        &mut self,
        packet: &mut [u8],
        header_len: usize,
        plain_len: usize,
        ssrc: Ssrc,
        index: ExtSeq,
    ) -> usize {
        #[cfg(debug_assertions)]
        self.sealed_once.record(ssrc, index);
        let sealed_len = plain_len + self.cipher.tag_length();
        self.cipher.seal_rtp(&mut packet[..sealed_len], header_len, ssrc, index);
        sealed_len
    }

    /// Seals `packet`, a plain compound or reduced-size RTCP packet, in place; it grows by the tag and
    /// the index word.
    ///
    /// # Errors
    /// [`IndexesExhausted`] after 2^31 packets; `packet` is left as it was and must not be sent.
    ///
    /// # Panics
    /// When `packet` is shorter than an RTCP header with its SSRC, 8 bytes.
    pub fn protect_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<(), IndexesExhausted> {
        // RFC 3711 §9.2: the index never wraps under one key.
        if self.rtcp_index >= RTCP_ENCRYPTED {
            return Err(IndexesExhausted);
        }
        let ssrc: [u8; 4] = *packet[4..RTCP_HEADER_LENGTH].first_chunk().expect("four bytes");
        let index =
            RtcpIndex { ssrc: Ssrc::new(u32::from_be_bytes(ssrc)), word: self.rtcp_index | RTCP_ENCRYPTED };
        // RFC 3711 §3.4: zero before the first packet, one more after each.
        self.rtcp_index += 1;
        self.cipher.seal_rtcp(packet, index);
        Ok(())
    }

    /// A context that has sealed every SRTCP index but the last `left`.
    #[cfg(test)]
    pub(super) fn with_rtcp_indexes_left(mut self, left: u32) -> Self {
        self.rtcp_index = RTCP_ENCRYPTED - left;
        self
    }
}
