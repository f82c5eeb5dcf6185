//! Which of a session's tracks an incoming packet belongs to.

use crate::forward::DropReason;
use crate::id::SourceId;
use crate::rtp::{Extension, ExtensionId, Mid, PayloadType, RtpHeader, RtpParameters, Ssrc};

/// SSRCs remembered per session. Authentic peers only; a peer that exceeds it is broken.
const STREAMS_MAX: usize = 64;

/// The receiving m-lines of one session, and the SSRCs seen or declared for them.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    receivers: Vec<Receiver>,
    bindings: Vec<(Ssrc, SourceId)>,
}

/// An authenticated packet's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// Media of the track.
    Primary(SourceId),
    /// A retransmission for the track (RFC 4588).
    Rtx(SourceId),
}

#[derive(Debug)]
struct Receiver {
    source: SourceId,
    mid: Mid,
    mid_extension: Option<ExtensionId>,
    /// One bit per payload type.
    primary: u128,
    rtx: u128,
}

impl Streams {
    /// Adds a receiving m-line with the SSRCs that its description declares.
    pub(crate) fn add(
        &mut self,
        source: SourceId,
        parameters: &RtpParameters,
        declared: impl IntoIterator<Item = Ssrc>,
    ) {
        let bit = |payload_type: PayloadType| 1u128 << payload_type.wire();
        self.receivers.push(Receiver {
            source,
            mid: parameters.mid,
            mid_extension: parameters.extensions.id(Extension::Mid),
            primary: parameters.formats.iter().fold(0, |bits, format| bits | bit(format.payload_type)),
            rtx: parameters
                .formats
                .iter()
                .filter_map(|format| format.rtx)
                .fold(0, |bits, rtx| bits | bit(rtx)),
        });
        for ssrc in declared {
            if self.bindings.len() < STREAMS_MAX && self.source_of(ssrc).is_none() {
                self.bindings.push((ssrc, source));
            }
        }
    }

    /// Finds the track of an authenticated packet: by its SSRC, else by its mid, else by a payload type
    /// that only one m-line uses (RFC 8843 §9.2), and remembers the SSRC.
    ///
    /// # Errors
    /// When none fits, the payload type is not of that m-line, or the SSRC is one too many.
    pub(crate) fn resolve(&mut self, header: &RtpHeader, packet: &[u8]) -> Result<Arrival, DropReason> {
        let bit = 1u128 << header.payload_type.wire();
        let source = match self.source_of(header.ssrc) {
            Some(source) => source,
            None => {
                let source = self.find(header, packet, bit).ok_or(DropReason::RtpUnknownStream)?;
                if self.bindings.len() >= STREAMS_MAX {
                    return Err(DropReason::RtpTooManyStreams);
                }
                self.bindings.push((header.ssrc, source));
                source
            }
        };
        match self.receivers.iter().find(|receiver| receiver.source == source) {
            Some(receiver) if receiver.primary & bit != 0 => Ok(Arrival::Primary(source)),
            Some(receiver) if receiver.rtx & bit != 0 => Ok(Arrival::Rtx(source)),
            _ => Err(DropReason::RtpUnknownPayloadType),
        }
    }

    fn source_of(&self, ssrc: Ssrc) -> Option<SourceId> {
        self.bindings.iter().find(|(bound, _)| *bound == ssrc).map(|(_, source)| *source)
    }

    fn find(&self, header: &RtpHeader, packet: &[u8], bit: u128) -> Option<SourceId> {
        let named = self.receivers.iter().find(|receiver| {
            receiver
                .mid_extension
                .and_then(|id| header.extension(packet, id))
                .is_some_and(|value| value == receiver.mid.as_bytes())
        });
        if let Some(receiver) = named {
            return Some(receiver.source);
        }
        let mut users = self.receivers.iter().filter(|receiver| (receiver.primary | receiver.rtx) & bit != 0);
        let only = users.next()?;
        users.next().is_none().then_some(only.source)
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
        streams.add(AUDIO, &parameters("0", Codec::Opus, 111, None), [Ssrc::new(10)]);
        streams.add(VIDEO, &parameters("1", Codec::Vp8, 96, Some(97)), []);
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

    #[test]
    fn ssrcs_beyond_the_bound_are_refused() {
        let mut streams = streams();
        for ssrc in 100..100 + STREAMS_MAX as u32 - 1 {
            assert!(resolve(&mut streams, &packet(96, ssrc, None)).is_ok());
        }
        assert_eq!(resolve(&mut streams, &packet(96, 9_999, None)), Err(DropReason::RtpTooManyStreams));
    }
}
