//! AES-GCM (RFC 7714).

use super::MasterKey;
use super::cipher::{NotAuthentic, RTCP_HEADER_LENGTH, RTCP_INDEX_LENGTH, RtcpIndex};
use super::key::Label;
use crate::rtp::{ExtSeq, Ssrc};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

const NONCE_LENGTH: usize = 12;

/// The keys of one direction. ring's expanded keys are not wiped on drop: it offers no way to.
pub(super) struct Gcm {
    rtp: LessSafeKey,
    rtp_salt: Zeroizing<[u8; NONCE_LENGTH]>,
    rtcp: LessSafeKey,
    rtcp_salt: Zeroizing<[u8; NONCE_LENGTH]>,
}

impl Gcm {
    pub(super) const TAG_LENGTH: usize = 16;

    pub(super) fn aes_128(master: &MasterKey) -> Self {
        let rtp = expand(&AES_128_GCM, &*master.derive::<16>(Label::RtpEncryption));
        let rtcp = expand(&AES_128_GCM, &*master.derive::<16>(Label::RtcpEncryption));
        Self::with_keys(master, rtp, rtcp)
    }

    pub(super) fn aes_256(master: &MasterKey) -> Self {
        let rtp = expand(&AES_256_GCM, &*master.derive::<32>(Label::RtpEncryption));
        let rtcp = expand(&AES_256_GCM, &*master.derive::<32>(Label::RtcpEncryption));
        Self::with_keys(master, rtp, rtcp)
    }

    fn with_keys(master: &MasterKey, rtp: LessSafeKey, rtcp: LessSafeKey) -> Self {
        Self { rtp, rtp_salt: master.derive(Label::RtpSalt), rtcp, rtcp_salt: master.derive(Label::RtcpSalt) }
    }

    pub(super) fn seal_rtp(&self, packet: &mut [u8], header_length: usize, ssrc: Ssrc, index: ExtSeq) {
        let (plain, tag) = packet.split_at_mut(packet.len() - Self::TAG_LENGTH);
        // RFC 7714 §8.2: the whole RTP header, extensions included, is associated data.
        let (header, payload) = plain.split_at_mut(header_length);
        let sealed = self
            .rtp
            .seal_in_place_separate_tag(self.rtp_nonce(ssrc, index), Aad::from(&*header), payload)
            .expect("a packet is far below GCM's 64 GiB");
        tag.copy_from_slice(sealed.as_ref());
    }

    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header_length: usize,
        ssrc: Ssrc,
        index: ExtSeq,
    ) -> Result<(), NotAuthentic> {
        let (header, sealed) = packet.split_at_mut(header_length);
        match self.rtp.open_in_place(self.rtp_nonce(ssrc, index), Aad::from(&*header), sealed) {
            Ok(_) => Ok(()),
            Err(_) => Err(NotAuthentic),
        }
    }

    pub(super) fn seal_rtcp(&self, packet: &mut Vec<u8>, index: RtcpIndex) {
        let (header, payload) = packet.split_at_mut(RTCP_HEADER_LENGTH);
        let tag = self
            .rtcp
            .seal_in_place_separate_tag(self.rtcp_nonce(index), rtcp_associated(header, index), payload)
            .expect("a packet is far below GCM's 64 GiB");
        packet.extend_from_slice(tag.as_ref());
        packet.extend_from_slice(&index.word.to_be_bytes());
    }

    pub(super) fn open_rtcp(&self, packet: &mut [u8], index: RtcpIndex) -> Result<(), NotAuthentic> {
        let nonce = self.rtcp_nonce(index);
        let opened = if index.encrypted() {
            let (packet, _word) = packet.split_at_mut(packet.len() - RTCP_INDEX_LENGTH);
            let (header, sealed) = packet.split_at_mut(RTCP_HEADER_LENGTH);
            self.rtcp.open_in_place(nonce, rtcp_associated(header, index), sealed).is_ok()
        } else {
            // RFC 7714 §9.3: then packet and index word are all associated data. Bring them together by
            // moving the tag, which stands between them, to the end.
            let (_, trailer) = packet.split_at_mut(packet.len() - Self::TAG_LENGTH - RTCP_INDEX_LENGTH);
            trailer.rotate_left(Self::TAG_LENGTH);
            let (associated, tag) = packet.split_at_mut(packet.len() - Self::TAG_LENGTH);
            self.rtcp.open_in_place(nonce, Aad::from(&*associated), tag).is_ok()
        };
        if opened { Ok(()) } else { Err(NotAuthentic) }
    }

    /// RFC 7714 §8.1: two zero bytes, SSRC, rollover counter, sequence number, XOR the salt.
    fn rtp_nonce(&self, ssrc: Ssrc, index: ExtSeq) -> Nonce {
        let [_, _, index @ ..] = index.value().to_be_bytes();
        let mut nonce = [0; NONCE_LENGTH];
        nonce[2..6].copy_from_slice(&ssrc.wire().to_be_bytes());
        nonce[6..].copy_from_slice(&index);
        salted(nonce, &self.rtp_salt)
    }

    /// RFC 7714 §9.1: two zero bytes, SSRC, two zero bytes, 31-bit index, XOR the salt.
    fn rtcp_nonce(&self, index: RtcpIndex) -> Nonce {
        let mut nonce = [0; NONCE_LENGTH];
        nonce[2..6].copy_from_slice(&index.ssrc.wire().to_be_bytes());
        nonce[8..].copy_from_slice(&index.index().to_be_bytes());
        salted(nonce, &self.rtcp_salt)
    }
}

/// RFC 7714 §9.2: of an encrypted SRTCP packet the header and the index word are associated data.
fn rtcp_associated(header: &[u8], index: RtcpIndex) -> Aad<[u8; RTCP_HEADER_LENGTH + RTCP_INDEX_LENGTH]> {
    let mut associated = [0; RTCP_HEADER_LENGTH + RTCP_INDEX_LENGTH];
    associated[..RTCP_HEADER_LENGTH].copy_from_slice(header);
    associated[RTCP_HEADER_LENGTH..].copy_from_slice(&index.word.to_be_bytes());
    Aad::from(associated)
}

fn salted(mut nonce: [u8; NONCE_LENGTH], salt: &[u8; NONCE_LENGTH]) -> Nonce {
    for (byte, salt) in nonce.iter_mut().zip(salt) {
        *byte ^= salt;
    }
    Nonce::assume_unique_for_key(nonce)
}

fn expand(algorithm: &'static Algorithm, key: &[u8]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(algorithm, key).expect("derived with the algorithm's key length"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTP: &str = "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 \
                       69736120 696e2070 61727465 73207472 6573";
    const RTCP: &str = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 \
                        deadbeef deadbeef deadbeef deadbeef deadbeef";

    /// The examples' session keys: both 00, 01, 02... and the salt `Quid pro quo`.
    fn example(algorithm: &'static Algorithm) -> Gcm {
        let key: Vec<u8> = (0..algorithm.key_len() as u8).collect();
        Gcm {
            rtp: expand(algorithm, &key),
            rtp_salt: Zeroizing::new(*b"Quid pro quo"),
            rtcp: expand(algorithm, &key),
            rtcp_salt: Zeroizing::new(*b"Quid pro quo"),
        }
    }

    fn seals_and_opens_rtp(algorithm: &'static Algorithm, expected: &str) {
        let gcm = example(algorithm);
        let plain = bytes(RTP);
        let (ssrc, index) = (Ssrc::new(0x5501_a0b2), ExtSeq::new(0xf17b));
        let mut packet = plain.clone();
        packet.extend([0; Gcm::TAG_LENGTH]);
        gcm.seal_rtp(&mut packet, 12, ssrc, index);
        assert_eq!(packet, bytes(expected));
        gcm.open_rtp(&mut packet, 12, ssrc, index).expect("sealed above");
        assert_eq!(packet[..plain.len()], plain);
    }

    fn seals_and_opens_rtcp(algorithm: &'static Algorithm, expected: &str) {
        let gcm = example(algorithm);
        let index = RtcpIndex { ssrc: Ssrc::new(0x4d61_7273), word: 0x8000_05d4 };
        let mut packet = bytes(RTCP);
        gcm.seal_rtcp(&mut packet, index);
        assert_eq!(packet, bytes(expected));
        gcm.open_rtcp(&mut packet, index).expect("sealed above");
        assert_eq!(packet[..52], bytes(RTCP));
    }

    // covers: RFC 7714 §8 (vectors of §16.1)
    #[test]
    fn aes_128_rtp_matches_the_specifications_example() {
        seals_and_opens_rtp(
            &AES_128_GCM,
            "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f \
             42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce",
        );
    }

    // covers: RFC 7714 §8 (vectors of §16.2)
    #[test]
    fn aes_256_rtp_matches_the_specifications_example() {
        seals_and_opens_rtp(
            &AES_256_GCM,
            "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 \
             b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13",
        );
    }

    // covers: RFC 7714 §9.2 (vectors of §17.1)
    #[test]
    fn aes_128_rtcp_matches_the_specifications_example() {
        seals_and_opens_rtcp(
            &AES_128_GCM,
            "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 \
             730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
        );
    }

    // covers: RFC 7714 §9.2 (vectors of §17.2)
    #[test]
    fn aes_256_rtcp_matches_the_specifications_example() {
        seals_and_opens_rtcp(
            &AES_256_GCM,
            "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 \
             110555be 8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4",
        );
    }

    // covers: RFC 7714 §9.3 (vectors of §17.3)
    #[test]
    fn rtcp_that_is_only_authenticated_opens_and_any_change_is_found() {
        let gcm = example(&AES_128_GCM);
        let index = RtcpIndex { ssrc: Ssrc::new(0x4d61_7273), word: 0x0000_05d4 };
        let mut genuine = bytes(RTCP);
        genuine.extend(bytes("841dd968 3dd78ec9 2ae58790 125f62b3 000005d4"));
        let mut packet = genuine.clone();
        gcm.open_rtcp(&mut packet, index).expect("the specification's own packet");
        assert_eq!(packet[..52], bytes(RTCP));
        for place in 0..genuine.len() - RTCP_INDEX_LENGTH {
            let mut forged = genuine.clone();
            forged[place] ^= 1;
            assert_eq!(gcm.open_rtcp(&mut forged, index), Err(NotAuthentic), "byte {place}");
        }
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> =
            hex.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }
}
