//! One association seen from both ends: what is sealed here opens there, once, and nothing else does.

mod interop;

use super::*;
use crate::forward::DropReason;
use crate::rtp::{ExtSeq, RtpHeader, SeqNo, Ssrc};

const SSRC: Ssrc = Ssrc::new(0x1234_5678);

/// Two ends of one handshake: what `sender` seals, `receiver` opens.
struct Pair {
    sender: SendContext,
    receiver: ReceiveContext,
}

impl Pair {
    fn new(profile: Profile) -> Self {
        let keys = |role| {
            SessionKeys::from_keying_material(profile, role, &material(profile)).expect("the right length")
        };
        Self {
            sender: keys(DtlsRole::Client).send_context(),
            receiver: keys(DtlsRole::Server).receive_context(),
        }
    }

    fn seal(&mut self, ssrc: Ssrc, index: u64) -> Vec<u8> {
        let mut packet = plain(ssrc, ExtSeq::new(index).seq());
        let plain_len = packet.len();
        packet.resize(plain_len + self.sender.tag_length(), 0);
        let header_len = header_of(&packet).payload_start();
        let sealed = self.sender.protect_rtp(&mut packet, header_len, plain_len, ssrc, ExtSeq::new(index));
        assert_eq!(sealed, packet.len());
        packet
    }

    fn open(&mut self, sealed: &[u8]) -> Result<u64, DropReason> {
        let mut packet = sealed.to_vec();
        let header = header_of(&packet);
        let (plain_len, index) = self.receiver.unprotect_rtp(&mut packet, &header)?;
        assert_eq!(packet[..plain_len], plain(header.ssrc, header.seq));
        Ok(index.value())
    }

    fn seal_rtcp(&mut self, ssrc: Ssrc) -> Vec<u8> {
        let mut packet = report(ssrc);
        self.sender.protect_rtcp(&mut packet).expect("indexes are left");
        packet
    }

    fn open_rtcp(&mut self, sealed: &[u8]) -> Result<(), DropReason> {
        let mut packet = sealed.to_vec();
        let plain_len = self.receiver.unprotect_rtcp(&mut packet)?;
        let ssrc = packet[4..].first_chunk().expect("four bytes");
        assert_eq!(packet[..plain_len], report(Ssrc::new(u32::from_be_bytes(*ssrc))));
        Ok(())
    }
}

#[test]
fn every_profile_seals_what_it_opens_and_hides_the_payload() {
    for profile in Profile::ALL {
        let mut pair = Pair::new(profile);
        let sealed = pair.seal(SSRC, 7);
        let plain = plain(SSRC, SeqNo::new(7));
        let payload_start = header_of(&plain).payload_start();
        assert_eq!(sealed.len(), plain.len() + profile.tag_length());
        assert_eq!(sealed[..payload_start], plain[..payload_start], "the header stays readable");
        assert_ne!(sealed[payload_start..plain.len()], plain[payload_start..], "the payload does not");
        assert_eq!(pair.open(&sealed), Ok(7));
        let sealed = pair.seal_rtcp(SSRC);
        assert_ne!(sealed[8..20], report(SSRC)[8..20]);
        assert_eq!(pair.open_rtcp(&sealed), Ok(()));
    }
}

#[test]
fn numbers_and_names_are_iana_s() {
    let registry = [
        (0x0007, "SRTP_AEAD_AES_128_GCM", 56, 16),
        (0x0008, "SRTP_AEAD_AES_256_GCM", 88, 16),
        (0x0001, "SRTP_AES128_CM_HMAC_SHA1_80", 60, 10),
    ];
    for (profile, (number, name, material, tag)) in Profile::ALL.into_iter().zip(registry) {
        assert_eq!(profile.wire(), number);
        assert_eq!(Profile::from_wire(number), Some(profile));
        assert_eq!(profile.name(), name);
        assert_eq!(profile.keying_material_length(), material);
        assert_eq!(profile.tag_length(), tag);
        assert!(tag <= Profile::TAG_LENGTH_MAX);
    }
    assert_eq!(Profile::from_wire(0x0002), None, "the 32-bit tag is not for WebRTC");
    assert!(Profile::ALL.is_sorted(), "the order of the enum is the preference");
}

// covers: RFC 3711 §3.3.1
#[test]
fn the_rollover_counter_follows_the_stream_and_late_packets_fall_back_behind_it() {
    for profile in Profile::ALL {
        let mut pair = Pair::new(profile);
        let order = [0xfffd, 0xfffe, 0x1_0001, 0xffff, 0x1_0000, 0x1_7fff, 0x1_fff0, 0x2_0003, 0x1_fff1];
        for index in order {
            let sealed = pair.seal(SSRC, index);
            assert_eq!(pair.open(&sealed), Ok(index), "{profile:?}");
        }
    }
}

// covers: RFC 3711 §3.3.2
#[test]
fn a_packet_opens_once_and_not_after_the_window_has_passed() {
    for profile in Profile::ALL {
        let mut pair = Pair::new(profile);
        let late = pair.seal(SSRC, 1000);
        let too_late = pair.seal(SSRC, 999);
        let newest = pair.seal(SSRC, 1000 + 1023);
        assert_eq!(pair.open(&newest), Ok(2023));
        assert_eq!(pair.open(&newest), Err(DropReason::SrtpReplay));
        assert_eq!(pair.open(&late), Ok(1000), "the oldest that the window reaches");
        assert_eq!(pair.open(&late), Err(DropReason::SrtpReplay));
        assert_eq!(pair.open(&too_late), Err(DropReason::SrtpTooOld));
    }
}

#[test]
fn rtcp_opens_once_and_not_after_the_window_has_passed() {
    for profile in Profile::ALL {
        let mut pair = Pair::new(profile);
        let sealed: Vec<_> = (0..1025).map(|_| pair.seal_rtcp(SSRC)).collect();
        assert_eq!(pair.open_rtcp(&sealed[1024]), Ok(()));
        assert_eq!(pair.open_rtcp(&sealed[1024]), Err(DropReason::SrtpReplay));
        assert_eq!(pair.open_rtcp(&sealed[1]), Ok(()));
        assert_eq!(pair.open_rtcp(&sealed[0]), Err(DropReason::SrtpTooOld));
    }
}

#[test]
fn a_forged_packet_changes_nothing_wherever_it_was_changed() {
    for profile in Profile::ALL {
        let mut pair = Pair::new(profile);
        let genuine = pair.seal(SSRC, 5);
        // The first two bytes say how to parse the rest: forging them gives another header.
        for place in 2..genuine.len() {
            let mut forged = genuine.clone();
            forged[place] ^= 0x80;
            if let Ok(header) = RtpHeader::parse(&forged) {
                let refused = pair.receiver.unprotect_rtp(&mut forged, &header);
                assert_eq!(refused, Err(DropReason::SrtpAuthentication), "byte {place}");
            }
        }
        assert_eq!(pair.open(&genuine), Ok(5));
        // A forgery far ahead would move window and rollover counter, were it believed.
        let mut forged = genuine.clone();
        forged[2..4].copy_from_slice(&0x7fff_u16.to_be_bytes());
        let header = header_of(&forged);
        let refused = pair.receiver.unprotect_rtp(&mut forged, &header);
        assert_eq!(refused, Err(DropReason::SrtpAuthentication));
        let next = pair.seal(SSRC, 4);
        assert_eq!(pair.open(&next), Ok(4));
    }
}

#[test]
fn forged_rtcp_changes_nothing_wherever_it_was_changed() {
    for profile in Profile::ALL {
        let mut pair = Pair::new(profile);
        let genuine = pair.seal_rtcp(SSRC);
        for place in 0..genuine.len() {
            let mut forged = genuine.clone();
            forged[place] ^= 0x80;
            let refused = pair.receiver.unprotect_rtcp(&mut forged);
            assert_eq!(refused, Err(DropReason::SrtpAuthentication), "byte {place}");
        }
        assert_eq!(pair.open_rtcp(&genuine), Ok(()));
    }
}

#[test]
fn forged_streams_take_no_place_and_genuine_ones_beyond_the_bound_are_refused() {
    let mut pair = Pair::new(Profile::AeadAes128Gcm);
    for ssrc in 1000..2000 {
        let mut forged = plain(Ssrc::new(ssrc), SeqNo::new(1));
        forged.extend([0; Profile::TAG_LENGTH_MAX]);
        let header = header_of(&forged);
        let refused = pair.receiver.unprotect_rtp(&mut forged, &header);
        assert_eq!(refused, Err(DropReason::SrtpAuthentication));
    }
    for ssrc in 0..64 {
        let (rtp, rtcp) = (pair.seal(Ssrc::new(ssrc), 1), pair.seal_rtcp(Ssrc::new(ssrc)));
        assert_eq!(pair.open(&rtp), Ok(1));
        assert_eq!(pair.open_rtcp(&rtcp), Ok(()));
    }
    let (rtp, rtcp) = (pair.seal(Ssrc::new(64), 1), pair.seal_rtcp(Ssrc::new(64)));
    assert_eq!(pair.open(&rtp), Err(DropReason::RtpTooManyStreams));
    assert_eq!(pair.open_rtcp(&rtcp), Err(DropReason::RtpTooManyStreams));
    let known = pair.seal(Ssrc::new(0), 2);
    assert_eq!(pair.open(&known), Ok(2), "streams that were there go on");
}

#[test]
fn each_rtcp_sender_of_the_peer_has_its_own_window() {
    let mut pair = Pair::new(Profile::AeadAes128Gcm);
    let other = Ssrc::new(2);
    let first = pair.seal_rtcp(other);
    let sealed: Vec<_> = (0..2000).map(|_| pair.seal_rtcp(SSRC)).collect();
    assert_eq!(pair.open_rtcp(&sealed[1999]), Ok(()));
    assert_eq!(pair.open_rtcp(&first), Ok(()), "old for one sender, new for the other");
}

#[test]
fn a_packet_cut_anywhere_is_refused() {
    for profile in Profile::ALL {
        let mut pair = Pair::new(profile);
        let (rtp, rtcp) = (pair.seal(SSRC, 1), pair.seal_rtcp(SSRC));
        let header = header_of(&rtp);
        for length in 0..rtp.len() {
            let expected = if length < header.payload_start() + profile.tag_length() {
                DropReason::RtpMalformed
            } else {
                DropReason::SrtpAuthentication
            };
            let refused = pair.receiver.unprotect_rtp(&mut rtp[..length].to_vec(), &header);
            assert_eq!(refused, Err(expected), "{profile:?}, {length} bytes");
        }
        for length in 0..rtcp.len() {
            let expected = if length < 8 + 4 + profile.tag_length() {
                DropReason::RtcpMalformed
            } else {
                DropReason::SrtpAuthentication
            };
            let refused = pair.receiver.unprotect_rtcp(&mut rtcp[..length].to_vec());
            assert_eq!(refused, Err(expected), "{profile:?}, {length} bytes of RTCP");
        }
        assert_eq!(pair.open(&rtp), Ok(1));
        assert_eq!(pair.open_rtcp(&rtcp), Ok(()));
    }
}

#[test]
fn a_packet_without_payload_is_still_authenticated() {
    for profile in Profile::ALL {
        let mut pair = Pair::new(profile);
        let mut packet = plain(SSRC, SeqNo::new(9));
        let header = header_of(&packet);
        let plain_len = header.payload_start();
        packet.truncate(plain_len);
        packet.resize(plain_len + profile.tag_length(), 0);
        pair.sender.protect_rtp(&mut packet, plain_len, plain_len, SSRC, ExtSeq::new(9));
        let opened = pair.receiver.unprotect_rtp(&mut packet, &header);
        assert_eq!(opened, Ok((plain_len, ExtSeq::new(9))));
    }
}

// covers: RFC 3711 §9.2
#[test]
fn the_last_rtcp_index_is_the_last_packet() {
    for profile in Profile::ALL {
        let mut pair = Pair::new(profile);
        pair.sender = pair.sender.with_rtcp_indexes_left(1);
        let last = pair.seal_rtcp(SSRC);
        assert_eq!(pair.open_rtcp(&last), Ok(()));
        let mut packet = report(SSRC);
        assert_eq!(pair.sender.protect_rtcp(&mut packet), Err(IndexesExhausted));
        assert_eq!(packet, report(SSRC));
    }
}

#[cfg(debug_assertions)]
mod sealed_once {
    use super::*;

    #[test]
    fn late_repairs_and_other_streams_may_be_sealed() {
        let mut pair = Pair::new(Profile::AeadAes128Gcm);
        for index in [5, 40_000, 7_300, 39_999] {
            pair.seal(SSRC, index);
        }
        pair.seal(Ssrc::new(1), 5);
    }

    #[test]
    #[should_panic(expected = "may be sealed only once: Err(SrtpReplay)")]
    fn sealing_an_index_again_panics() {
        let mut pair = Pair::new(Profile::AeadAes128Gcm);
        for index in [5, 6, 7, 5] {
            pair.seal(SSRC, index);
        }
    }

    #[test]
    #[should_panic(expected = "may be sealed only once: Err(SrtpTooOld)")]
    fn sealing_what_a_receiver_would_misplace_panics() {
        let mut pair = Pair::new(Profile::AeadAes128Gcm);
        pair.seal(SSRC, 40_000);
        pair.seal(SSRC, 40_000 - 0x8000);
    }
}

/// A packet with a header extension, whose payload tells its sequence number.
fn plain(ssrc: Ssrc, seq: SeqNo) -> Vec<u8> {
    let mut packet = vec![0x90, 96];
    packet.extend(seq.wire().to_be_bytes());
    packet.extend([0, 0, 0, 1]);
    packet.extend(ssrc.wire().to_be_bytes());
    packet.extend([0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0]);
    packet.extend(seq.wire().to_be_bytes().repeat(50));
    packet
}

fn header_of(packet: &[u8]) -> RtpHeader {
    RtpHeader::parse(packet).expect("a packet of these tests")
}

/// A receiver report with one block.
fn report(ssrc: Ssrc) -> Vec<u8> {
    let mut packet = vec![0x81, 201, 0, 7];
    packet.extend(ssrc.wire().to_be_bytes());
    packet.extend([0x5a; 24]);
    packet
}

/// Different bytes for each key and salt.
fn material(profile: Profile) -> Vec<u8> {
    (0..profile.keying_material_length() as u8).map(|byte| byte.wrapping_mul(37)).collect()
}
