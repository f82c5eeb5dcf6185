//! From DTLS's keying material to the keys of each direction.

use super::{Profile, ReceiveContext, SendContext};
use aes::cipher::{BlockEncrypt, KeyInit};
use aes::{Aes128Enc, Aes256Enc};
use std::fmt;
use zeroize::Zeroizing;

const KEY_LENGTH_MAX: usize = 32;
/// AES-CM's salt; GCM's 12 bytes are padded to it (RFC 7714 §11).
const SALT_LENGTH_MAX: usize = 14;
const BLOCK_LENGTH: usize = 16;

/// Which end of the DTLS handshake this is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DtlsRole {
    /// It sent the ClientHello.
    Client,
    /// It answered the ClientHello.
    Server,
}

/// The master keys of one DTLS association: one for each direction, as seen from here.
#[derive(Debug)]
pub struct SessionKeys {
    local: MasterKey,
    remote: MasterKey,
}

/// The master key and salt of one direction. Wiped from memory when dropped, never printed.
pub struct MasterKey {
    profile: Profile,
    key: Zeroizing<[u8; KEY_LENGTH_MAX]>,
    salt: Zeroizing<[u8; SALT_LENGTH_MAX]>,
}

/// Keying material of another length than the profile takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{actual} bytes of keying material where {} takes {}", .profile.name(), .profile.keying_material_length())]
pub struct KeyingMaterialLength {
    /// The negotiated profile.
    pub profile: Profile,
    /// The bytes given.
    pub actual: usize,
}

/// What a session key is for: the label of its derivation (RFC 3711 §4.3.1, table 1).
#[derive(Clone, Copy, Debug)]
pub(super) enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

impl SessionKeys {
    /// Splits the `material` that DTLS exported under `EXTRACTOR-dtls_srtp`.
    ///
    /// # Errors
    /// When `material` is not [`Profile::keying_material_length`] bytes long.
    pub fn from_keying_material(
        profile: Profile,
        role: DtlsRole,
        material: &[u8],
    ) -> Result<Self, KeyingMaterialLength> {
        if material.len() != profile.keying_material_length() {
            return Err(KeyingMaterialLength { profile, actual: material.len() });
        }
        // RFC 5764 §4.2: client key, server key, client salt, server salt, in this order.
        let (keys, salts) = material.split_at(2 * profile.key_length());
        let (client_key, server_key) = keys.split_at(profile.key_length());
        let (client_salt, server_salt) = salts.split_at(profile.salt_length());
        let client = MasterKey::new(profile, client_key, client_salt);
        let server = MasterKey::new(profile, server_key, server_salt);
        // RFC 5764 §4.2: each side seals with the key named after its own role.
        Ok(match role {
            DtlsRole::Client => Self { local: client, remote: server },
            DtlsRole::Server => Self { local: server, remote: client },
        })
    }

    /// The context that seals what this end sends.
    ///
    /// One per association: a second one would seal the same indexes again under the same key.
    #[must_use]
    pub fn send_context(&self) -> SendContext {
        SendContext::new(&self.local)
    }

    /// The context that opens what the peer sends.
    #[must_use]
    pub fn receive_context(&self) -> ReceiveContext {
        ReceiveContext::new(&self.remote)
    }
}

impl MasterKey {
    /// Both slices have the profile's lengths.
    pub(super) fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Self {
        let mut master = Self { profile, key: Zeroizing::default(), salt: Zeroizing::default() };
        master.key[..profile.key_length()].copy_from_slice(key);
        master.salt[..profile.salt_length()].copy_from_slice(salt);
        master
    }

    /// The profile that the key is for.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// The session key of `LENGTH` bytes for `label`.
    ///
    /// The key derivation rate is zero, so each is derived once (RFC 5764 §4.1.2).
    pub(super) fn derive<const LENGTH: usize>(&self, label: Label) -> Zeroizing<[u8; LENGTH]> {
        // RFC 3711 §4.3.1: the label, at the place of the index's top byte, XOR the master salt.
        // RFC 7714 §11: a 96-bit salt is first padded with two zero bytes on the right.
        let mut input = [0; BLOCK_LENGTH];
        input[..SALT_LENGTH_MAX].copy_from_slice(&self.salt[..]);
        input[7] ^= label as u8;
        let mut derived = Zeroizing::new([0; LENGTH]);
        // RFC 3711 §4.3.3: the output is AES-CM key stream, whose block counter is the last two bytes.
        for (counter, output) in derived.chunks_mut(BLOCK_LENGTH).enumerate() {
            input[SALT_LENGTH_MAX..].copy_from_slice(&(counter as u16).to_be_bytes());
            let block = self.encrypt_block(input);
            output.copy_from_slice(&block[..output.len()]);
        }
        derived
    }

    /// RFC 6188 §3: a 256-bit master key derives with AES-256.
    fn encrypt_block(&self, block: [u8; BLOCK_LENGTH]) -> Zeroizing<[u8; BLOCK_LENGTH]> {
        let mut block = block.into();
        match self.profile {
            Profile::AeadAes128Gcm | Profile::Aes128CmSha1_80 => {
                let (key, _) = self.key.split_at(16);
                Aes128Enc::new(key.into()).encrypt_block(&mut block);
            }
            Profile::AeadAes256Gcm => Aes256Enc::new((&*self.key).into()).encrypt_block(&mut block),
        }
        Zeroizing::new(block.into())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").field("profile", &self.profile).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers: RFC 3711 §4.3 (vectors of appendix B.3)
    #[test]
    fn session_keys_match_the_specifications_example() {
        let key = 0xe1f9_7a0d_3e01_8be0_d64f_a32c_06de_4139_u128.to_be_bytes();
        let salt = &0x0ec6_75ad_498a_feeb_b696_0b3a_abe6_u128.to_be_bytes()[2..];
        let master = MasterKey::new(Profile::Aes128CmSha1_80, &key, salt);
        assert_eq!(
            *master.derive(Label::RtpEncryption),
            0xc61e_7a93_744f_39ee_1073_4afe_3ff7_a087_u128.to_be_bytes()
        );
        assert_eq!(
            master.derive::<14>(Label::RtpSalt)[..],
            0x30cb_bc08_863d_8c85_d49d_b34a_9ae1_u128.to_be_bytes()[2..]
        );
        let authentication = master.derive::<94>(Label::RtpAuthentication);
        assert_eq!(authentication[..16], 0xcebe_321f_6ff7_716b_6fd4_ab49_af25_6a15_u128.to_be_bytes());
        assert_eq!(
            authentication[80..],
            0x6b68_642c_59bb_fc2f_34db_60db_dfb2_u128.to_be_bytes()[2..],
            "the end of the 94 bytes that the example prints"
        );
    }

    // covers: RFC 6188 §3 (vectors of §7.2)
    #[test]
    fn a_256_bit_master_key_derives_with_aes_256() {
        let mut key = [0; 32];
        key[..16].copy_from_slice(&0xf0f0_4914_b513_f276_3a1b_1fa1_30f1_0e29_u128.to_be_bytes());
        key[16..].copy_from_slice(&0x98f6_f6e4_3e43_09d1_e622_a0e3_32b9_f1b6_u128.to_be_bytes());
        let mut master = MasterKey::new(Profile::AeadAes256Gcm, &key, &[0; 12]);
        // The example's salt has AES-CM's 14 bytes.
        master.salt.copy_from_slice(&0x3b04_803d_e51e_e7c9_6423_ab5b_78d2_u128.to_be_bytes()[2..]);
        let derived = master.derive::<32>(Label::RtpEncryption);
        assert_eq!(derived[..16], 0x5ba1_064e_30ec_5161_3cad_926c_5a28_ef73_u128.to_be_bytes());
        assert_eq!(derived[16..], 0x1ec7_fb39_7f70_a960_653c_af06_554c_d8c4_u128.to_be_bytes());
    }

    // covers: RFC 5764 §4.2
    #[test]
    fn each_role_seals_with_the_key_that_the_other_opens_with() {
        for profile in Profile::ALL {
            let material: Vec<u8> = (0..profile.keying_material_length() as u8).collect();
            let client = SessionKeys::from_keying_material(profile, DtlsRole::Client, &material)
                .expect("the right length");
            let server = SessionKeys::from_keying_material(profile, DtlsRole::Server, &material)
                .expect("the right length");
            assert_eq!(client.local.key, server.remote.key);
            assert_eq!(client.remote.salt, server.local.salt);
            assert_eq!(client.local.key[0], 0, "the client's key stands first");
            assert_eq!(usize::from(server.local.key[0]), profile.key_length());
            assert_eq!(usize::from(client.local.salt[0]), 2 * profile.key_length());
        }
    }

    #[test]
    fn material_of_another_length_is_refused() {
        for profile in Profile::ALL {
            for actual in [0, profile.keying_material_length() - 1, profile.keying_material_length() + 1] {
                let error =
                    SessionKeys::from_keying_material(profile, DtlsRole::Client, &vec![0; actual]).err();
                assert_eq!(error, Some(KeyingMaterialLength { profile, actual }));
            }
        }
    }

    #[test]
    fn debug_output_holds_no_key() {
        let master = MasterKey::new(Profile::AeadAes128Gcm, &[0xa5; 16], &[0x5a; 12]);
        assert_eq!(format!("{master:?}"), "MasterKey { profile: AeadAes128Gcm, .. }");
    }
}
