//! RTCP between the wire and the forwarding core's own values, on rtc-rtcp.
//!
//! A compound packet is split here and every part handled for itself: one that does not parse takes no
//! other with it, and rtc-rtcp sees only the kinds that Keel acts on, cut to their own length.

mod transport;

use crate::forward::DropReason;
use crate::rtp::rtcp::{Feedback, ReceptionReport, Report};
use crate::rtp::{Bitrate, NtpTime, RtpTime, SeqNo, Ssrc};
use bytes::Bytes;
use rtc_shared::marshal::Unmarshal;
use rtcp::goodbye::Goodbye;
use rtcp::packet::Packet;
use rtcp::payload_feedbacks::full_intra_request::{FirEntry, FullIntraRequest};
use rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtcp::receiver_report::ReceiverReport;
use rtcp::sender_report::SenderReport;
use rtcp::source_description::{SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem};
use rtcp::transport_feedbacks::transport_layer_nack::{TransportLayerNack, nack_pairs_from_sequence_numbers};

/// Datagrams longer than this are not built: with SRTCP's trailer they still fit every path.
const DATAGRAM_BYTES_MAX: usize = 1200;
/// Parts of one compound that are looked at; real ones have fewer than ten.
const PARTS_MAX: usize = 64;
/// RFC 3550 §6.4.2: the five-bit count of a report.
const BLOCKS_MAX: usize = 31;
/// Pairs in one NACK that we build: up to 4,000 packets, in 1,000 bytes.
const NACK_PAIRS_MAX: usize = 247;
/// Streams named in one REMB that we build.
const REMB_SSRCS_MAX: usize = 31;

/// Reads a decrypted RTCP datagram and appends to `feedback` what Keel acts on. Source descriptions,
/// extended reports and unknown kinds are skipped.
///
/// # Errors
///
/// [`DropReason::RtcpMalformed`] where a part is malformed or there are more than 64. The parts before
/// and, if the lengths allow, after it are in `feedback` all the same.
pub fn parse(datagram: &[u8], feedback: &mut Vec<Feedback>) -> Result<(), DropReason> {
    let mut rest = datagram;
    let mut verdict = if rest.is_empty() { Err(DropReason::RtcpMalformed) } else { Ok(()) };
    for _ in 0..PARTS_MAX {
        if rest.is_empty() {
            return verdict;
        }
        let (part, after) = split_part(rest).ok_or(DropReason::RtcpMalformed)?;
        rest = after;
        if parse_part(part, feedback).is_none() {
            verdict = Err(DropReason::RtcpMalformed);
        }
    }
    if rest.is_empty() { verdict } else { Err(DropReason::RtcpMalformed) }
}

/// The first packet of a compound (RFC 3550 §6.1), header included.
fn split_part(datagram: &[u8]) -> Option<(&[u8], &[u8])> {
    let (header, _) = datagram.split_first_chunk::<4>()?;
    let [first, _, length_high, length_low] = *header;
    let words = usize::from(u16::from_be_bytes([length_high, length_low]));
    if first >> 6 != 2 { None } else { datagram.split_at_checked(4 * (words + 1)) }
}

fn parse_part(part: &[u8], feedback: &mut Vec<Feedback>) -> Option<()> {
    let unpadded = without_padding(part)?;
    let mut bytes = unpadded.as_slice();
    let [first, kind, ..] = *bytes else { return None };
    match (kind, first & 0x1f) {
        (200, _) => {
            let report = SenderReport::unmarshal(&mut bytes).ok()?;
            feedback.push(Feedback::SenderReport {
                ssrc: Ssrc::new(report.ssrc),
                ntp: NtpTime::new(report.ntp_time),
                rtp: RtpTime::new(report.rtp_time),
                packets: report.packet_count,
                octets: report.octet_count,
            });
            feedback.extend(report.reports.iter().map(reception));
        }
        (201, _) => {
            let report = ReceiverReport::unmarshal(&mut bytes).ok()?;
            feedback.extend(report.reports.iter().map(reception));
        }
        (203, _) => {
            let bye = Goodbye::unmarshal(&mut bytes).ok()?;
            feedback.push(Feedback::Bye { ssrcs: bye.sources.into_iter().map(Ssrc::new).collect() });
        }
        (205, 1) => {
            let nack = TransportLayerNack::unmarshal(&mut bytes).ok()?;
            let lost = nack.nacks.into_iter().flatten().map(SeqNo::new).collect();
            feedback.push(Feedback::Nack { media_ssrc: Ssrc::new(nack.media_ssrc), lost });
        }
        (205, 15) => feedback.push(Feedback::TransportFeedback(transport::parse(bytes)?)),
        (206, 1) => {
            let pli = PictureLossIndication::unmarshal(&mut bytes).ok()?;
            feedback.push(Feedback::Pli { media_ssrc: Ssrc::new(pli.media_ssrc) });
        }
        (206, 4) => {
            let request = FullIntraRequest::unmarshal(&mut bytes).ok()?;
            feedback.extend(request.fir.iter().map(|entry| Feedback::Fir {
                media_ssrc: Ssrc::new(entry.ssrc),
                seq: entry.sequence_number,
            }));
        }
        // Format 15 is shared by all application layer feedback; REMB has its name in it.
        (206, 15) if unpadded.get(12..16) == Some(b"REMB") => {
            let remb = ReceiverEstimatedMaximumBitrate::unmarshal(&mut bytes).ok()?;
            // rtc-rtcp reads a mantissa of zero as a power of two.
            let is_zero =
                unpadded.get(17).is_none_or(|byte| byte & 3 == 0) && unpadded.get(18..20) == Some(&[0, 0]);
            let bps = if is_zero { 0 } else { remb.bitrate as u64 };
            feedback.push(Feedback::Remb { bitrate: Bitrate::bps(bps) });
        }
        _ => {}
    }
    Some(())
}

/// RFC 3550 §6.4.1: padding is the last packet's and counts itself in its last byte. rtc-rtcp would take
/// it for content.
fn without_padding(part: &[u8]) -> Option<Vec<u8>> {
    const PADDING: u8 = 0x20;
    const TRANSPORT_FEEDBACK: (u8, u8) = (205, 15);
    let mut bytes = part.to_vec();
    if bytes.first()? & PADDING == 0 {
        return Some(bytes);
    }
    let padding = usize::from(*bytes.last()?);
    let length = bytes.len().checked_sub(padding).filter(|length| *length >= 4)?;
    let [first, kind, ..] = *part else { return None };
    // RFC 3550 §6.4.1: a multiple of four. draft-holmer §3.1: its packets end anywhere in a word.
    let ends_anywhere = (kind, first & 0x1f) == TRANSPORT_FEEDBACK;
    if padding == 0 || !(ends_anywhere || padding.is_multiple_of(4)) {
        return None;
    }
    bytes.truncate(length);
    let words = u16::try_from(length / 4 - 1).ok()?.to_be_bytes();
    if let [first, _, high, low, ..] = bytes.as_mut_slice() {
        *first &= !PADDING;
        [*high, *low] = words;
    }
    Some(bytes)
}

fn reception(block: &rtcp::reception_report::ReceptionReport) -> Feedback {
    Feedback::Reception(ReceptionReport {
        ssrc: Ssrc::new(block.ssrc),
        fraction_lost: block.fraction_lost,
        // RFC 3550 §6.4.1: a signed number of 24 bits; rtc-rtcp gives it unsigned.
        lost: (block.total_lost << 8).cast_signed() >> 8,
        highest: block.last_sequence_number,
        jitter: block.jitter,
        last_sr: block.last_sender_report,
        delay_since_sr: block.delay,
    })
}

/// Writes reports as datagrams of at most 1200 bytes, ready to be protected. `sender` is the session's
/// own SSRC with its `cname`.
///
/// Sender and receiver reports begin a datagram, each followed by its CNAME (RFC 3550 §6.1); feedback
/// follows in the same datagram, or in a reduced-size one of its own (RFC 5506). A report that no
/// datagram holds (transport feedback on more than some 500 packets) is left out.
#[must_use]
pub fn build(sender: Ssrc, cname: &str, reports: &[Report]) -> Vec<Vec<u8>> {
    let mut datagrams: Vec<Vec<u8>> = Vec::new();
    for unit in units(sender, cname, reports) {
        // A unit that cannot be written breaks a bound of RTCP itself; it is left out like one too long.
        let Ok(bytes) = rtcp::packet::marshal(&unit) else { continue };
        match datagrams.last_mut() {
            Some(last) if last.len() + bytes.len() <= DATAGRAM_BYTES_MAX => last.extend_from_slice(&bytes),
            _ if bytes.len() <= DATAGRAM_BYTES_MAX => datagrams.push(bytes.to_vec()),
            _ => {}
        }
    }
    datagrams
}

type Unit = Vec<Box<dyn Packet>>;

/// Packets that belong together, in the order of a compound.
fn units(sender: Ssrc, cname: &str, reports: &[Report]) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut blocks = Vec::new();
    let mut feedback: Vec<Unit> = Vec::new();
    for report in reports {
        match report {
            Report::SenderReport { ssrc, ntp, rtp, packets, octets, cname } => {
                let report = SenderReport {
                    ssrc: ssrc.wire(),
                    ntp_time: ntp.value(),
                    rtp_time: rtp.wire(),
                    packet_count: *packets,
                    octet_count: *octets,
                    ..SenderReport::default()
                };
                units.push(vec![Box::new(report), description(*ssrc, cname)]);
            }
            Report::Reception(report) => blocks.push(block(report)),
            Report::Nack { media_ssrc, lost } => {
                let lost: Vec<u16> = lost.iter().map(|seq| seq.wire()).collect();
                for nacks in nack_pairs_from_sequence_numbers(&lost).chunks(NACK_PAIRS_MAX) {
                    feedback.push(vec![Box::new(TransportLayerNack {
                        sender_ssrc: sender.wire(),
                        media_ssrc: media_ssrc.wire(),
                        nacks: nacks.to_vec(),
                    })]);
                }
            }
            Report::Pli { media_ssrc } => feedback.push(vec![Box::new(PictureLossIndication {
                sender_ssrc: sender.wire(),
                media_ssrc: media_ssrc.wire(),
            })]),
            Report::Fir { media_ssrc, seq } => feedback.push(vec![Box::new(FullIntraRequest {
                sender_ssrc: sender.wire(),
                // RFC 5104 §4.3.1.2: unused, the entry names the stream.
                media_ssrc: 0,
                fir: vec![FirEntry { ssrc: media_ssrc.wire(), sequence_number: *seq }],
            })]),
            Report::TransportFeedback(arrivals) => {
                feedback.push(vec![Box::new(transport::write(sender, arrivals))]);
            }
            Report::Remb { bitrate, ssrcs } => {
                feedback.push(vec![Box::new(ReceiverEstimatedMaximumBitrate {
                    sender_ssrc: sender.wire(),
                    bitrate: bitrate.as_bps() as f32,
                    ssrcs: ssrcs.iter().take(REMB_SSRCS_MAX).map(|ssrc| ssrc.wire()).collect(),
                })])
            }
        }
    }
    for reports in blocks.chunks(BLOCKS_MAX) {
        let report =
            ReceiverReport { ssrc: sender.wire(), reports: reports.to_vec(), ..ReceiverReport::default() };
        units.push(vec![Box::new(report), description(sender, cname)]);
    }
    units.append(&mut feedback);
    units
}

fn block(report: &ReceptionReport) -> rtcp::reception_report::ReceptionReport {
    // RFC 3550 §A.3: the count is clamped to what 24 bits with sign hold.
    let lost = report.lost.clamp(-(1 << 23), (1 << 23) - 1);
    rtcp::reception_report::ReceptionReport {
        ssrc: report.ssrc.wire(),
        fraction_lost: report.fraction_lost,
        total_lost: lost.cast_unsigned() & 0x00ff_ffff,
        last_sequence_number: report.highest,
        jitter: report.jitter,
        last_sender_report: report.last_sr,
        delay: report.delay_since_sr,
    }
}

/// RFC 3550 §6.5.1: the one item that is mandatory. A name longer than its 255 bytes is cut.
fn description(ssrc: Ssrc, cname: &str) -> Box<dyn Packet> {
    let text = cname.as_bytes().get(..255).unwrap_or(cname.as_bytes());
    let item = SourceDescriptionItem { sdes_type: SdesType::SdesCname, text: Bytes::copy_from_slice(text) };
    Box::new(SourceDescription {
        chunks: vec![SourceDescriptionChunk { source: ssrc.wire(), items: vec![item] }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SENDER: Ssrc = Ssrc::new(1);
    const MEDIA: Ssrc = Ssrc::new(0x1234_5678);

    fn parsed(datagram: &[u8]) -> Vec<Feedback> {
        let mut feedback = Vec::new();
        parse(datagram, &mut feedback).expect("a well-formed datagram");
        feedback
    }

    fn received(lost: i32) -> ReceptionReport {
        ReceptionReport {
            ssrc: MEDIA,
            fraction_lost: 12,
            lost,
            highest: 0x0001_ffff,
            jitter: 90,
            last_sr: 77,
            delay_since_sr: 65536,
        }
    }

    #[test]
    fn every_part_of_a_compound_is_read() {
        let reports = [
            Report::SenderReport {
                ssrc: MEDIA,
                ntp: NtpTime::new(0x0102_0304_0506_0708),
                rtp: RtpTime::new(9),
                packets: 10,
                octets: 11,
                cname: "publisher".into(),
            },
            Report::Reception(received(-3)),
            Report::Nack { media_ssrc: MEDIA, lost: vec![SeqNo::new(5), SeqNo::new(7), SeqNo::new(60)] },
            Report::Pli { media_ssrc: MEDIA },
            Report::Fir { media_ssrc: MEDIA, seq: 4 },
            Report::Remb { bitrate: Bitrate::bps(1_500_000), ssrcs: vec![MEDIA] },
        ];
        let datagrams = build(SENDER, "keel", &reports);
        let [datagram] = &datagrams[..] else { panic!("one datagram holds them all") };
        assert_eq!(datagram[1], 200, "RFC 3550 §6.1: a report comes first");
        let bitrate = 1_500_000 >> 3 << 3;
        assert_eq!(
            parsed(datagram),
            [
                Feedback::SenderReport {
                    ssrc: MEDIA,
                    ntp: NtpTime::new(0x0102_0304_0506_0708),
                    rtp: RtpTime::new(9),
                    packets: 10,
                    octets: 11,
                },
                Feedback::Reception(received(-3)),
                Feedback::Nack {
                    media_ssrc: MEDIA,
                    lost: vec![SeqNo::new(5), SeqNo::new(7), SeqNo::new(60)]
                },
                Feedback::Pli { media_ssrc: MEDIA },
                Feedback::Fir { media_ssrc: MEDIA, seq: 4 },
                Feedback::Remb { bitrate: Bitrate::bps(bitrate) },
            ]
        );
    }

    #[test]
    fn many_reports_make_several_datagrams_that_each_begin_with_a_report() {
        let blocks = (0..200).map(|_| Report::Reception(received(1)));
        let reports: Vec<_> = blocks.collect();
        let datagrams = build(SENDER, "keel", &reports);
        assert!(datagrams.len() > 1);
        assert!(datagrams.iter().all(|datagram| datagram.len() <= 1200 && datagram[1] == 201));
        assert_eq!(datagrams.iter().map(|datagram| parsed(datagram).len()).sum::<usize>(), 200);

        let scattered: Vec<_> = (0..2000).map(|place| SeqNo::new(place * 20)).collect();
        let datagrams = build(SENDER, "keel", &[Report::Nack { media_ssrc: MEDIA, lost: scattered.clone() }]);
        assert!(datagrams.iter().all(|datagram| datagram.len() <= 1200));
        let lost: Vec<_> = datagrams
            .iter()
            .flat_map(|datagram| parsed(datagram))
            .flat_map(|feedback| match feedback {
                Feedback::Nack { lost, .. } => lost,
                other => panic!("only NACKs were sent, not {other:?}"),
            })
            .collect();
        assert_eq!(lost, scattered);
    }

    #[test]
    fn a_malformed_part_takes_no_other_with_it() {
        let pli = &build(SENDER, "keel", &[Report::Pli { media_ssrc: MEDIA }])[0];
        let empty_nack = [0x81, 205, 0, 0];
        let unknown = [0x80, 210, 0, 1, 1, 2, 3, 4];
        let datagram = [pli, &empty_nack[..], &unknown, pli].concat();
        let mut feedback = Vec::new();
        assert_eq!(parse(&datagram, &mut feedback), Err(DropReason::RtcpMalformed));
        assert_eq!(feedback, [Feedback::Pli { media_ssrc: MEDIA }, Feedback::Pli { media_ssrc: MEDIA }]);
        assert_eq!(parse(&[], &mut feedback), Err(DropReason::RtcpMalformed));
        assert_eq!(parse(&pli[..11], &mut feedback), Err(DropReason::RtcpMalformed));
    }

    #[test]
    fn padding_is_no_content() {
        let lost = vec![SeqNo::new(5)];
        let mut padded =
            build(SENDER, "keel", &[Report::Nack { media_ssrc: MEDIA, lost: lost.clone() }])[0].clone();
        padded[0] |= 0x20;
        padded[3] += 2;
        padded.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 8]);
        assert_eq!(parsed(&padded), [Feedback::Nack { media_ssrc: MEDIA, lost }]);
        *padded.last_mut().expect("not empty") = 200;
        assert_eq!(parse(&padded, &mut Vec::new()), Err(DropReason::RtcpMalformed));
    }

    #[test]
    fn a_bitrate_of_zero_is_zero() {
        let remb = build(SENDER, "keel", &[Report::Remb { bitrate: Bitrate::bps(0), ssrcs: vec![MEDIA] }]);
        assert_eq!(parsed(&remb[0]), [Feedback::Remb { bitrate: Bitrate::bps(0) }]);
    }

    proptest! {
        #[test]
        fn no_datagram_panics_or_grows(
            kind in prop::sample::select(vec![200u8, 201, 202, 203, 205, 206, 207]),
            count in 0u8..64,
            body in proptest::collection::vec(any::<u8>(), 0..400),
        ) {
            let words = (body.len() / 4) as u16;
            let mut datagram = vec![0x80 | count, kind];
            datagram.extend_from_slice(&words.to_be_bytes());
            datagram.extend_from_slice(&body);
            let mut feedback = Vec::new();
            let _ = parse(&datagram, &mut feedback);
            prop_assert!(feedback.len() <= datagram.len() / 4);
        }
    }
}
