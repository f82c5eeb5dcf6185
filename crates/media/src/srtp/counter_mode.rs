//! AES counter mode with HMAC-SHA1 (RFC 3711 §4.1.1, §4.2.1): every peer has it, few choose it.

use super::MasterKey;
use super::cipher::{NotAuthentic, RTCP_HEADER_LENGTH, RTCP_INDEX_LENGTH, RtcpIndex};
use super::key::Label;
use crate::rtp::{ExtSeq, Ssrc};
use aes::Aes128Enc;
use aes::cipher::{InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper};
use ctr::{CtrCore, flavors};
use ring::hmac;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// AES-CM over a key that is expanded once; the cipher borrows it for one packet.
type KeyStream<'a> = StreamCipherCoreWrapper<CtrCore<&'a Aes128Enc, flavors::Ctr128BE>>;

/// The keys of one direction.
pub(super) struct CounterMode {
    rtp: Keys,
    rtcp: Keys,
}

struct Keys {
    encryption: Aes128Enc,
    salt: Zeroizing<[u8; 14]>,
    authentication: hmac::Key,
}

impl CounterMode {
    /// HMAC-SHA1 cut to 80 bits.
    pub(super) const TAG_LENGTH: usize = 10;

    pub(super) fn new(master: &MasterKey) -> Self {
        let keys = |encryption, authentication, salt| Keys {
            encryption: Aes128Enc::new((&*master.derive::<16>(encryption)).into()),
            salt: master.derive(salt),
            authentication: hmac::Key::new(
                hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                &*master.derive::<20>(authentication),
            ),
        };
        Self {
            rtp: keys(Label::RtpEncryption, Label::RtpAuthentication, Label::RtpSalt),
            rtcp: keys(Label::RtcpEncryption, Label::RtcpAuthentication, Label::RtcpSalt),
        }
    }

    pub(super) fn seal_rtp(&self, packet: &mut [u8], header_length: usize, ssrc: Ssrc, index: ExtSeq) {
        let (plain, tag) = packet.split_at_mut(packet.len() - Self::TAG_LENGTH);
        self.rtp.apply_key_stream(&mut plain[header_length..], ssrc, index.value());
        tag.copy_from_slice(&self.rtp.tag(&[plain, &index.rollover().to_be_bytes()]));
    }

    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header_length: usize,
        ssrc: Ssrc,
        index: ExtSeq,
    ) -> Result<(), NotAuthentic> {
        let (sealed, tag) = packet.split_at_mut(packet.len() - Self::TAG_LENGTH);
        // RFC 3711 §4.2: the rollover counter is authenticated though it is not sent.
        self.rtp.verify(&[sealed, &index.rollover().to_be_bytes()], tag)?;
        self.rtp.apply_key_stream(&mut sealed[header_length..], ssrc, index.value());
        Ok(())
    }

    pub(super) fn seal_rtcp(&self, packet: &mut Vec<u8>, index: RtcpIndex) {
        self.rtcp.apply_key_stream(&mut packet[RTCP_HEADER_LENGTH..], index.ssrc, index.index().into());
        packet.extend_from_slice(&index.word.to_be_bytes());
        let tag = self.rtcp.tag(&[packet]);
        packet.extend_from_slice(&tag);
    }

    pub(super) fn open_rtcp(&self, packet: &mut [u8], index: RtcpIndex) -> Result<(), NotAuthentic> {
        let (sealed, tag) = packet.split_at_mut(packet.len() - Self::TAG_LENGTH);
        self.rtcp.verify(&[sealed], tag)?;
        if index.encrypted() {
            let word_start = sealed.len() - RTCP_INDEX_LENGTH;
            let payload = &mut sealed[RTCP_HEADER_LENGTH..word_start];
            self.rtcp.apply_key_stream(payload, index.ssrc, index.index().into());
        }
        Ok(())
    }
}

impl Keys {
    /// Encrypts or decrypts `payload` with the key stream of packet `index` (48 bits, or 31 for SRTCP).
    fn apply_key_stream(&self, payload: &mut [u8], ssrc: Ssrc, index: u64) {
        // RFC 3711 §4.1.1: salt * 2^16 XOR SSRC * 2^64 XOR index * 2^16; the low 16 bits count blocks.
        let mut counter = [0; 16];
        counter[..14].copy_from_slice(&*self.salt);
        let [_, _, index @ ..] = index.to_be_bytes();
        for (byte, named) in counter[4..].iter_mut().zip(ssrc.wire().to_be_bytes().into_iter().chain(index)) {
            *byte ^= named;
        }
        let core = CtrCore::inner_iv_init(&self.encryption, &counter.into());
        KeyStream::from_core(core).apply_keystream(payload);
    }

    fn tag(&self, parts: &[&[u8]]) -> [u8; CounterMode::TAG_LENGTH] {
        let mut context = hmac::Context::with_key(&self.authentication);
        parts.iter().for_each(|part| context.update(part));
        let mut tag = [0; CounterMode::TAG_LENGTH];
        tag.copy_from_slice(&context.sign().as_ref()[..CounterMode::TAG_LENGTH]);
        tag
    }

    fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> Result<(), NotAuthentic> {
        // In constant time: how much of a guess is right must not show.
        if self.tag(parts).ct_eq(tag).into() { Ok(()) } else { Err(NotAuthentic) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers: RFC 3711 §4.1.1 (vectors of appendix B.2)
    #[test]
    fn the_key_stream_matches_the_specifications_example() {
        let keys = Keys {
            encryption: Aes128Enc::new(&0x2b7e_1516_28ae_d2a6_abf7_1588_09cf_4f3c_u128.to_be_bytes().into()),
            salt: Zeroizing::new([
                0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd,
            ]),
            authentication: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &[]),
        };
        let mut stream = vec![0; 0xff02 * 16];
        keys.apply_key_stream(&mut stream, Ssrc::new(0), 0);
        let block = |number: usize| stream[number * 16..][..16].to_vec();
        assert_eq!(block(0), 0xe03e_ad09_35c9_5e80_e166_b16d_d92b_4eb4_u128.to_be_bytes());
        assert_eq!(block(1), 0xd235_1316_2b02_d0f7_2a43_a2fe_4a5f_97ab_u128.to_be_bytes());
        assert_eq!(block(0xfeff), 0xec8c_df73_9860_7cb0_f2d2_1675_ea9e_a1e4_u128.to_be_bytes());
        assert_eq!(block(0xff00), 0x362b_7c3c_6773_5163_18a0_77d7_fc50_73ae_u128.to_be_bytes());
        assert_eq!(block(0xff01), 0x6a2c_c378_7889_374f_beb4_c81b_17ba_6c44_u128.to_be_bytes());
    }
}
