//! Which of a session's tracks an incoming packet belongs to.

use crate::forward::DropReason;
use crate::id::SourceId;
use crate::rtp::{Extension, ExtensionId, Mid, PayloadType, Rid, RtpHeader, RtpParameters, Ssrc};
use std::collections::VecDeque;

/// SSRCs remembered per session: four encodings with their retransmissions on half of the m-lines that a peer
/// connection may have. Authentic peers only; a peer that exceeds it is broken.
const STREAMS_MAX: usize = 256;
/// SSRCs of ended m-lines remembered per session, the latest: their packets may be under way for a moment.
const ENDED_MAX: usize = 64;

/// The receiving m-lines of one session, and the SSRCs seen or declared for them.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    receivers: Vec<Receiver>,
    bindings: Vec<Binding>,
    /// No longer anybody's. A packet that does not say its m-line itself must not be taken for another one's.
    ended: VecDeque<Ssrc>,
}

/// What an SSRC is for.
#[derive(Clone, Copy, Debug)]
struct Binding {
    ssrc: Ssrc,
    mid: Mid,
    source: SourceId,
    payloads: Payloads,
}

/// The payload types of an m-line, one bit each.
#[derive(Clone, Copy, Debug)]
struct Payloads {
    primary: u128,
    rtx: u128,
}

/// An authenticated packet's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// Media of the track.
    Primary(SourceId),
    /// A retransmission for the track (RFC 4588).
    Rtx(SourceId),
}

/// What one m-line receives: one source, or one for each of its simulcast encodings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Encodings {
    One(SourceId),
    /// Told apart by the names in their packets.
    Named(Vec<(Rid, SourceId)>),
    /// Told apart by the SSRCs that were declared for them.
    Declared,
}

#[derive(Debug)]
struct Receiver {
    encodings: Encodings,
    mid: Mid,
    mid_extension: Option<ExtensionId>,
    rid_extension: Option<ExtensionId>,
    repaired_rid_extension: Option<ExtensionId>,
    payloads: Payloads,
}

impl Streams {
    /// Adds a receiving m-line with the SSRCs that its description declares, each with its source. One of
    /// that name that was there before has ended.
    pub(crate) fn add(
        &mut self,
        encodings: Encodings,
        parameters: &RtpParameters,
        declared: impl IntoIterator<Item = (Ssrc, SourceId)>,
    ) {
        let mid = parameters.mid;
        self.remove(mid);
        let payloads = Payloads::of(parameters);
        self.receivers.push(Receiver {
            encodings,
            mid,
            mid_extension: parameters.extensions.id(Extension::Mid),
            rid_extension: parameters.extensions.id(Extension::Rid),
            repaired_rid_extension: parameters.extensions.id(Extension::RepairedRid),
            payloads,
        });
        for (ssrc, source) in declared {
            if self.bindings.len() < STREAMS_MAX && self.bound(ssrc).is_none() {
                self.ended.retain(|ended| *ended != ssrc);
                self.bindings.push(Binding { ssrc, mid, source, payloads });
            }
        }
    }

    /// Removes an m-line, if it is there: packets on its SSRCs are refused from now on.
    pub(crate) fn remove(&mut self, mid: Mid) {
        self.receivers.retain(|receiver| receiver.mid != mid);
        let ended = self.bindings.extract_if(.., |binding| binding.mid == mid);
        self.ended.extend(ended.map(|binding| binding.ssrc));
        while self.ended.len() > ENDED_MAX {
            self.ended.pop_front();
        }
    }

    /// Finds the source of an authenticated packet: by its SSRC, else by its mid or a payload type that only
    /// one m-line uses (RFC 9143 §9.2), there by its rid (RFC 8852), and remembers the SSRC. A packet that
    /// comes before its SSRC is known and names no encoding is not kept: NACK brings it back.
    ///
    /// # Errors
    /// When none fits, the payload type is not of that m-line, or the SSRC is one too many.
    pub(crate) fn resolve(&mut self, header: &RtpHeader, packet: &[u8]) -> Result<Arrival, DropReason> {
        let bit = 1u128 << header.payload_type.wire();
        let Binding { source, payloads, .. } = match self.bound(header.ssrc) {
            Some(binding) => binding,
            None => self.bind(header, packet, bit)?,
        };
        match payloads {
            Payloads { primary, .. } if primary & bit != 0 => Ok(Arrival::Primary(source)),
            Payloads { rtx, .. } if rtx & bit != 0 => Ok(Arrival::Rtx(source)),
            _ => Err(DropReason::RtpUnknownPayloadType),
        }
    }

    /// The source that an SSRC is known to belong to.
    pub(crate) fn source_of(&self, ssrc: Ssrc) -> Option<SourceId> {
        self.bound(ssrc).map(|binding| binding.source)
    }

    fn bound(&self, ssrc: Ssrc) -> Option<Binding> {
        self.bindings.iter().find(|binding| binding.ssrc == ssrc).copied()
    }

    fn bind(&mut self, header: &RtpHeader, packet: &[u8], bit: u128) -> Result<Binding, DropReason> {
        let receiver = self.find(header, packet, bit).ok_or(DropReason::RtpUnknownStream)?;
        let source = receiver.source(header, packet, bit).ok_or(DropReason::RtpUnknownEncoding)?;
        if self.bindings.len() >= STREAMS_MAX {
            return Err(DropReason::RtpTooManyStreams);
        }
        let binding = Binding { ssrc: header.ssrc, mid: receiver.mid, source, payloads: receiver.payloads };
        self.ended.retain(|ended| *ended != header.ssrc);
        self.bindings.push(binding);
        Ok(binding)
    }

    fn find(&self, header: &RtpHeader, packet: &[u8], bit: u128) -> Option<&Receiver> {
        let named = self.receivers.iter().find(|receiver| {
            receiver
                .mid_extension
                .and_then(|id| header.extension(packet, id))
                .is_some_and(|value| value == receiver.mid.as_bytes())
        });
        if named.is_some() || self.ended.contains(&header.ssrc) {
            return named;
        }
        let mut using = self.receivers.iter().filter(|receiver| receiver.payloads.contains(bit));
        using.next().filter(|_| using.next().is_none())
    }
}

impl Payloads {
    fn of(parameters: &RtpParameters) -> Self {
        let bit = |payload_type: PayloadType| 1u128 << payload_type.wire();
        let formats = parameters.formats.iter();
        Self {
            primary: formats.clone().fold(0, |bits, format| bits | bit(format.payload_type)),
            rtx: formats.filter_map(|format| format.rtx).fold(0, |bits, rtx| bits | bit(rtx)),
        }
    }

    const fn contains(self, bit: u128) -> bool {
        (self.primary | self.rtx) & bit != 0
    }
}

impl Receiver {
    /// The source of a packet whose SSRC is new.
    fn source(&self, header: &RtpHeader, packet: &[u8], bit: u128) -> Option<SourceId> {
        let named = match &self.encodings {
            Encodings::One(source) => return Some(*source),
            // The declaration is all there is to tell them by.
            Encodings::Declared => return None,
            Encodings::Named(named) => named,
        };
        // RFC 8852 §3: retransmissions name what they repair by an extension of its own.
        let extension =
            if self.payloads.rtx & bit != 0 { self.repaired_rid_extension } else { self.rid_extension };
        let value = header.extension(packet, extension?)?;
        named.iter().find(|(rid, _)| rid.as_bytes() == value).map(|(_, source)| *source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Codec, CodecParameters};
    use crate::rtp::{Direction, ExtensionMap, Format};

    const AUDIO: SourceId = SourceId::new(1);
    const VIDEO: SourceId = SourceId::new(2);

    fn parameters(mid: &str, codec: Codec, payload_type: u8, rtx: Option<u8>) -> RtpParameters {
        let mut extensions = ExtensionMap::default();
        extensions.insert(ExtensionId::new(4).expect("valid"), Extension::Mid);
        RtpParameters {
            mid: Mid::new(mid).expect("valid"),
            direction: Direction::SendRecv,
            formats: vec![Format {
                payload_type: PayloadType::new(payload_type).expect("valid"),
                codec,
                parameters: CodecParameters::None,
                clock_rate: codec.clock_rate(),
                rtx: rtx.and_then(PayloadType::new),
                nack: true,
                pli: true,
                fir: true,
                transport_cc: false,
                remb: false,
            }],
            extensions,
        }
    }

    fn streams() -> Streams {
        let mut streams = Streams::default();
        let audio = parameters("0", Codec::Opus, 111, None);
        streams.add(Encodings::One(AUDIO), &audio, [(Ssrc::new(10), AUDIO)]);
        streams.add(Encodings::One(VIDEO), &parameters("1", Codec::Vp8, 96, Some(97)), []);
        streams
    }

    fn packet(payload_type: u8, ssrc: u32, mid: Option<&str>) -> Vec<u8> {
        let mut packet = vec![0x80, payload_type, 0, 1, 0, 0, 0, 0];
        packet.extend(ssrc.to_be_bytes());
        if let Some(mid) = mid {
            packet[0] |= 0x10;
            packet.extend([0xbe, 0xde, 0, 1, 0x40, mid.as_bytes()[0], 0, 0]);
        }
        packet
    }

    fn resolve(streams: &mut Streams, packet: &[u8]) -> Result<Arrival, DropReason> {
        streams.resolve(&RtpHeader::parse(packet).expect("well-formed"), packet)
    }

    #[test]
    fn a_declared_ssrc_needs_nothing_else() {
        assert_eq!(resolve(&mut streams(), &packet(111, 10, None)), Ok(Arrival::Primary(AUDIO)));
    }

    #[test]
    fn an_unknown_ssrc_is_found_by_mid_then_by_payload_type_and_remembered() {
        let mut streams = streams();
        assert_eq!(resolve(&mut streams, &packet(96, 20, Some("1"))), Ok(Arrival::Primary(VIDEO)));
        assert_eq!(resolve(&mut streams, &packet(97, 21, None)), Ok(Arrival::Rtx(VIDEO)));
        assert_eq!(resolve(&mut streams, &packet(97, 20, None)), Ok(Arrival::Rtx(VIDEO)));
    }

    #[test]
    fn a_payload_type_of_another_m_line_is_refused() {
        assert_eq!(resolve(&mut streams(), &packet(96, 10, None)), Err(DropReason::RtpUnknownPayloadType));
        assert_eq!(resolve(&mut streams(), &packet(50, 99, None)), Err(DropReason::RtpUnknownStream));
    }

    const ENCODINGS: [SourceId; 2] = [SourceId::new(3), SourceId::new(4)];
    const RID: u8 = 5;
    const REPAIRED_RID: u8 = 6;

    /// The video m-line `1` with the encodings `q` and `f`.
    fn simulcast() -> Streams {
        let mut parameters = parameters("1", Codec::Vp8, 96, Some(97));
        for (number, extension) in [(RID, Extension::Rid), (REPAIRED_RID, Extension::RepairedRid)] {
            parameters.extensions.insert(ExtensionId::new(number).expect("valid"), extension);
        }
        let rids = ["q", "f"].map(|name| Rid::new(name).expect("valid"));
        let mut streams = Streams::default();
        streams.add(Encodings::Named(rids.into_iter().zip(ENCODINGS).collect()), &parameters, []);
        streams
    }

    /// A packet with a one-byte value of this extension.
    fn named(payload_type: u8, ssrc: u32, extension: u8, name: u8) -> Vec<u8> {
        let mut packet = packet(payload_type, ssrc, Some("1"));
        packet[18..].copy_from_slice(&[extension << 4, name]);
        packet
    }

    // covers: RFC 8852 §3
    #[test]
    fn encodings_are_found_by_their_names_and_remembered_by_their_ssrcs() {
        let mut streams = simulcast();
        assert_eq!(resolve(&mut streams, &named(96, 30, RID, b'f')), Ok(Arrival::Primary(ENCODINGS[1])));
        assert_eq!(resolve(&mut streams, &named(96, 31, RID, b'q')), Ok(Arrival::Primary(ENCODINGS[0])));
        assert_eq!(resolve(&mut streams, &packet(96, 30, None)), Ok(Arrival::Primary(ENCODINGS[1])));
        // A new SSRC of the same name: the publisher's encoder began anew.
        assert_eq!(resolve(&mut streams, &named(96, 32, RID, b'f')), Ok(Arrival::Primary(ENCODINGS[1])));
        let repair = named(97, 40, REPAIRED_RID, b'f');
        assert_eq!(resolve(&mut streams, &repair), Ok(Arrival::Rtx(ENCODINGS[1])));
        assert_eq!(resolve(&mut streams, &packet(97, 40, None)), Ok(Arrival::Rtx(ENCODINGS[1])));
    }

    #[test]
    fn a_packet_that_names_no_encoding_binds_nothing() {
        let mut streams = simulcast();
        let unknown = Err(DropReason::RtpUnknownEncoding);
        assert_eq!(resolve(&mut streams, &packet(96, 30, Some("1"))), unknown);
        assert_eq!(resolve(&mut streams, &named(96, 30, RID, b'x')), unknown);
        assert_eq!(resolve(&mut streams, &named(97, 30, RID, b'f')), unknown, "not what RTX says it in");
        assert_eq!(resolve(&mut streams, &named(96, 30, REPAIRED_RID, b'f')), unknown);
        assert_eq!(resolve(&mut streams, &named(96, 30, RID, b'q')), Ok(Arrival::Primary(ENCODINGS[0])));
    }

    #[test]
    fn declared_encodings_need_no_names_and_take_no_strangers() {
        let mut streams = Streams::default();
        let declared = [(50, 0), (51, 0), (60, 1), (61, 1)];
        let declared = declared.map(|(ssrc, place)| (Ssrc::new(ssrc), ENCODINGS[place]));
        streams.add(Encodings::Declared, &parameters("1", Codec::Vp8, 96, Some(97)), declared);
        assert_eq!(resolve(&mut streams, &packet(96, 60, None)), Ok(Arrival::Primary(ENCODINGS[1])));
        assert_eq!(resolve(&mut streams, &packet(97, 51, None)), Ok(Arrival::Rtx(ENCODINGS[0])));
        assert_eq!(resolve(&mut streams, &packet(96, 70, Some("1"))), Err(DropReason::RtpUnknownEncoding));
    }

    #[test]
    fn an_ended_m_line_s_ssrcs_are_not_taken_for_another_one_s() {
        let mut streams = streams();
        let second = parameters("2", Codec::Vp8, 96, Some(97));
        let screen = SourceId::new(9);
        streams.add(Encodings::One(screen), &second, [(Ssrc::new(30), screen)]);
        assert_eq!(resolve(&mut streams, &packet(96, 30, None)), Ok(Arrival::Primary(screen)));
        streams.remove(Mid::new("2").expect("valid"));
        // Now the camera's m-line alone uses the payload type.
        let unknown = Err(DropReason::RtpUnknownStream);
        assert_eq!(resolve(&mut streams, &packet(96, 30, None)), unknown);
        assert_eq!(resolve(&mut streams, &packet(96, 30, Some("2"))), unknown);
        assert_eq!(resolve(&mut streams, &packet(96, 31, None)), Ok(Arrival::Primary(VIDEO)));
        assert_eq!(
            resolve(&mut streams, &packet(96, 30, Some("1"))),
            Ok(Arrival::Primary(VIDEO)),
            "it says so"
        );

        let again = SourceId::new(10);
        streams.remove(Mid::new("1").expect("valid"));
        streams.add(Encodings::One(again), &second, [(Ssrc::new(30), again)]);
        assert_eq!(
            resolve(&mut streams, &packet(96, 30, None)),
            Ok(Arrival::Primary(again)),
            "declared anew"
        );
    }

    #[test]
    fn m_lines_that_come_and_go_leave_a_bounded_trace() {
        let mut streams = streams();
        for number in 0..10_000 {
            let ssrc = Ssrc::new(1_000 + number);
            let parameters = parameters("2", Codec::Vp8, 96, Some(97));
            streams.add(Encodings::One(VIDEO), &parameters, [(ssrc, VIDEO)]);
        }
        assert_eq!((streams.receivers.len(), streams.bindings.len()), (3, 2));
        assert_eq!(streams.ended.len(), ENDED_MAX);
    }

    #[test]
    fn ssrcs_beyond_the_bound_are_refused() {
        let mut streams = streams();
        for ssrc in 100..100 + STREAMS_MAX as u32 - 1 {
            assert!(resolve(&mut streams, &packet(96, ssrc, None)).is_ok());
        }
        assert_eq!(resolve(&mut streams, &packet(96, 9_999, None)), Err(DropReason::RtpTooManyStreams));
    }
}
