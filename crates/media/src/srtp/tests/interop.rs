//! Against webrtc-rs's `rtc-srtp`, an implementation that shares no code with ours.

use super::*;
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;

/// Across the wrap of the sequence number, in steps that lose packets.
const INDEXES: [u64; 6] = [0xfff0, 0xfff1, 0xffff, 0x1_0000, 0x1_0004, 0x1_0003];

#[test]
fn what_the_other_stack_seals_opens_here() {
    for profile in Profile::ALL {
        let mut pair = Pair::new(profile);
        let mut theirs = their_client(profile);
        for index in INDEXES {
            let packet = plain(SSRC, ExtSeq::new(index).seq());
            let sealed = theirs.encrypt_rtp(&packet).expect("their own packet");
            assert_eq!(pair.open(&sealed), Ok(index), "{profile:?}");
            let sealed = theirs.encrypt_rtcp(&report(SSRC)).expect("their own report");
            assert_eq!(pair.open_rtcp(&sealed), Ok(()), "{profile:?}");
        }
    }
}

#[test]
fn what_is_sealed_here_opens_in_the_other_stack() {
    for profile in Profile::ALL {
        let mut pair = Pair::new(profile);
        let mut theirs = their_client(profile);
        for index in INDEXES {
            let opened = theirs.decrypt_rtp(&pair.seal(SSRC, index)).expect("sealed with the same key");
            assert_eq!(opened[..], plain(SSRC, ExtSeq::new(index).seq()), "{profile:?}");
            let opened = theirs.decrypt_rtcp(&pair.seal_rtcp(SSRC)).expect("sealed with the same key");
            assert_eq!(opened[..], report(SSRC), "{profile:?}");
        }
    }
}

/// Their context with the client's keys, which they seal and open with alike.
fn their_client(profile: Profile) -> Context {
    let material = material(profile);
    let (keys, salts) = material.split_at(2 * profile.key_length());
    let their_profile = match profile {
        Profile::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Profile::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
        Profile::Aes128CmSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
    };
    let provider = rtc_srtp::crypto::default_provider().expect("built with ring");
    Context::new(
        &keys[..profile.key_length()],
        &salts[..profile.salt_length()],
        their_profile,
        None,
        None,
        provider.crypto(),
    )
    .expect("lengths of the profile")
}
