//! RTP, what is in it, and what protects it.

use crate::seeds;
use keel_media::codec::{Codec, Describer, FrameInfo, PictureNumbers, patch_descriptor, patch_payload};
use keel_media::forward::congestion::BandwidthEstimator;
use keel_media::rtp::rtcp::Feedback;
use keel_media::rtp::{Bitrate, ExtSeq, RtpHeader};
use keel_media::session::rtcp::parse;
use keel_media::srtp::{DtlsRole, Profile, SessionKeys};
use std::time::{Duration, Instant};

/// The RTP header and its extensions lie within the packet.
pub fn rtp(packet: &[u8]) {
    let Ok(header) = RtpHeader::parse(packet) else { return };
    assert!((RtpHeader::FIXED_LENGTH..=packet.len()).contains(&header.payload_start()));
    let payload = header.payload(packet).unwrap_or_default();
    assert!(payload.len() <= packet.len() - header.payload_start());
    let mut bytes = 0;
    for (id, value) in header.extensions(packet) {
        bytes += 1 + value.len();
        assert_ne!(id.number(), 0);
        assert!(header.extension(packet, id).is_some());
    }
    assert!(bytes <= header.payload_start());
}

/// What is read of an RTCP packet is bounded by its length: no message says more than it has bytes, but for
/// transport feedback, whose runs have a bound of their own. An estimator bears all of it and keeps its limits.
pub fn rtcp(packet: &[u8]) {
    let mut messages = Vec::new();
    // What stands before a malformed part is acted on too.
    let _ = parse(packet, &mut messages);
    // RFC 4585 §6.2.1: four bytes name at most 17 packets.
    let named: usize = messages
        .iter()
        .map(|message| match message {
            Feedback::Nack { lost, .. } => lost.len(),
            Feedback::Bye { ssrcs } => ssrcs.len(),
            Feedback::TransportFeedback(feedback) => {
                assert!(feedback.arrivals.len() <= 4_096);
                1
            }
            _ => 1,
        })
        .sum();
    assert!(named <= packet.len() / 4 * 17, "{named} of {} bytes", packet.len());
    estimate(&messages);
}

fn estimate(messages: &[Feedback]) {
    let mut now = Instant::now(); // clock: an origin, never compared with the present
    let (min, max) = (Bitrate::bps(100_000), Bitrate::bps(5_000_000));
    let mut estimator = BandwidthEstimator::new(Bitrate::bps(300_000), now);
    estimator.set_limits(min, max);
    let mut number = ExtSeq::new(0);
    for message in messages.iter().cycle().take(4 * messages.len()) {
        for _ in 0..10 {
            now += Duration::from_millis(5);
            let probe = estimator.poll_probe(now).map(|probe| probe.id);
            estimator.note_sent(number, 1_000, now, probe);
            number = number.next();
        }
        match message {
            Feedback::TransportFeedback(feedback) => estimator.handle_feedback(feedback, now),
            Feedback::Remb { bitrate } => estimator.handle_remb(*bitrate, now),
            Feedback::Reception(report) => {
                let round_trip = Duration::from_micros(report.delay_since_sr.into());
                estimator.handle_reception(report.fraction_lost, Some(round_trip), now);
            }
            _ => {}
        }
        if estimator.poll_timeout().is_some_and(|due| due <= now) {
            estimator.handle_timeout(now);
            assert!(estimator.poll_timeout().is_none_or(|due| due > now), "what is due has been done");
        }
        assert!((min..=max).contains(&estimator.estimate()), "{:?}", estimator.estimate());
    }
}

/// Looking for frames and layers bears any payload; an empty one begins none.
pub fn codec(payload: &[u8]) {
    for codec in Codec::ALL {
        let begins = codec.begins_keyframe(payload);
        assert!(!begins || (codec.is_video() && !payload.is_empty()), "{codec:?}");
        if codec.is_video() {
            let frame = Describer::default().describe(codec, &header(), payload, None);
            assert!(!frame.begins_frame || !payload.is_empty(), "{codec:?}");
            assert!(frame.layer.spatial <= 7 && frame.layer.temporal <= 7, "{codec:?}: {frame:?}");
        }
    }
}

/// Descriptors one after the other, each behind its length in one byte, as one source's: layers stay within what
/// the fields hold, and a keyframe begins its frame.
pub fn descriptor(mut values: &[u8]) {
    let mut describer = Describer::default();
    while let Some((&length, rest)) = values.split_first() {
        let (value, rest) = rest.split_at(rest.len().min(length.into()));
        values = rest;
        let frame = describer.describe(Codec::Av1, &header(), &[0x10, 0x30], Some(value));
        assert!(frame.layer.spatial <= 3 && frame.layer.temporal <= 7, "{frame:?}");
        assert!(frame.begins_frame || !frame.begins_keyframe, "{frame:?}");
        assert_eq!(frame.frame_number.is_some(), value.len() >= 3);
        let mut patched = value.to_vec();
        assert_eq!(patch_descriptor(&mut patched, 0xabcd), value.len() >= 3);
        if let (Some(number), [first, _, _, others @ ..]) = (frame.frame_number, patched.as_slice()) {
            assert_eq!([&[*first], &number.to_be_bytes()[..], others].concat(), value);
        }
    }
}

/// Patched payloads say the patched numbers, and nothing else of them has changed. The first four bytes are the
/// numbers.
pub fn patch(input: &[u8]) {
    let Some((&[high, low, base, has_base], payload)) = input.split_first_chunk() else { return };
    let numbers = PictureNumbers {
        picture: u16::from_be_bytes([high, low]),
        base: (has_base & 1 == 1).then_some(base),
        ..PictureNumbers::default()
    };
    for codec in [Codec::Vp8, Codec::Vp9] {
        let describe = |payload: &[u8]| Describer::default().describe(codec, &header(), payload, None);
        let before = describe(payload);
        let mut patched = payload.to_vec();
        let done = patch_payload(codec, &mut patched, numbers);
        assert_eq!(done, before.numbers.is_some(), "{codec:?}: {before:?}");
        let Some(old) = before.numbers else {
            assert_eq!(patched, payload);
            continue;
        };
        let after = describe(&patched);
        let picture = numbers.picture & ((1 << old.bits) - 1);
        let written = old.base.map(|old| numbers.base.unwrap_or(old));
        assert_eq!(after.numbers, Some(PictureNumbers { picture, base: written, ..old }), "{codec:?}");
        assert_eq!(FrameInfo { numbers: before.numbers, ..after }, before, "{codec:?}");
        // What was there goes back to where it was.
        assert!(patch_payload(codec, &mut patched, old));
        assert_eq!(patched, payload, "{codec:?}");
    }
}

fn header() -> RtpHeader {
    RtpHeader::parse(&[0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]).expect("a header")
}

/// Nothing that was not sealed with the key is opened, and a refusal changes nothing: the sealed packets
/// are opened afterwards as if it had not come.
pub fn srtp(packet: &[u8]) {
    let sealed = sealed();
    for (profile, genuine) in Profile::ALL.into_iter().zip(&sealed) {
        let mut context = keys(profile, DtlsRole::Server).receive_context();
        let mut forged = packet.to_vec();
        let opened = match RtpHeader::parse(packet) {
            Ok(header) => context.unprotect_rtp(&mut forged, &header).is_ok(),
            Err(_) => false,
        };
        assert!(!opened || packet == genuine.as_slice(), "{profile:?} opened a forgery");
        assert!(context.unprotect_rtcp(&mut packet.to_vec()).is_err(), "{profile:?} opened forged RTCP");
        let mut genuine = genuine.clone();
        let header = RtpHeader::parse(&genuine).expect("sealing leaves the header as it is");
        let accepted = context.unprotect_rtp(&mut genuine, &header).is_ok();
        assert_eq!(accepted, !opened, "{profile:?}: once, and only once");
    }
}

/// One sealed packet for each profile.
pub(super) fn sealed() -> Vec<Vec<u8>> {
    let plain = seeds::rtp().swap_remove(0);
    let header = RtpHeader::parse(&plain).expect("a seed is a packet");
    let index = header.seq.extend(ExtSeq::new(0));
    let seal = |profile: Profile| {
        let mut packet = plain.clone();
        packet.resize(plain.len() + Profile::TAG_LENGTH_MAX, 0);
        let mut context = keys(profile, DtlsRole::Client).send_context();
        let length =
            context.protect_rtp(&mut packet, header.payload_start(), plain.len(), header.ssrc, index);
        packet.truncate(length);
        packet
    };
    Profile::ALL.map(seal).into()
}

fn keys(profile: Profile, role: DtlsRole) -> SessionKeys {
    let material: Vec<u8> = (0..profile.keying_material_length()).map(|byte| byte as u8).collect();
    SessionKeys::from_keying_material(profile, role, &material).expect("the length is the profile's")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rtcp_seed_says_something() {
        let counts = seeds::rtcp().into_iter().map(|packet| {
            let mut messages = Vec::new();
            parse(&packet, &mut messages).map(|()| messages.len())
        });
        let counts: Vec<_> = counts.collect();
        // A report with a block and a NACK; a block, PLI and FIR; transport feedback, REMB and BYE; a NACK.
        assert_eq!(counts, [Ok(3), Ok(3), Ok(3), Ok(1)]);
    }
}
