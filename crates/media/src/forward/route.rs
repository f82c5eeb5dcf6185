//! How the packets of one source are written for one sink: built once when the two are connected.

use crate::codec::Codec;
use crate::rtp::{Extension, ExtensionId, Format, PayloadType, RtpParameters};

/// The tables of one connection. Both are short and searched in order; the first entries are the ones
/// that packets carry.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Route {
    formats: Vec<(PayloadType, OutgoingFormat)>,
    extensions: Vec<(ExtensionId, ExtensionId)>,
}

/// What a sink calls a source's format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct OutgoingFormat {
    pub(super) payload_type: PayloadType,
    pub(super) rtx: Option<PayloadType>,
    pub(super) codec: Codec,
}

impl Route {
    pub(super) fn new(source: &RtpParameters, sink: &RtpParameters) -> Self {
        let formats = source
            .formats
            .iter()
            .filter_map(|incoming| {
                let outgoing = counterpart(incoming, source, sink)?;
                let Format { payload_type, rtx, codec, .. } = *outgoing;
                let named = OutgoingFormat { payload_type, rtx, codec };
                Some((incoming.payload_type, named))
            })
            .collect();
        let extensions = source
            .extensions
            .iter()
            .filter(|(_, extension)| is_forwarded(*extension))
            .filter_map(|(id, extension)| Some((id, sink.extensions.id(extension)?)))
            .collect();
        Self { formats, extensions }
    }

    /// What the sink calls the source's payload type; `None` when it lacks the format.
    pub(super) fn format(&self, incoming: PayloadType) -> Option<OutgoingFormat> {
        self.formats.iter().find(|(known, _)| *known == incoming).map(|(_, outgoing)| *outgoing)
    }

    /// The sink's id for a forwarded extension of the source.
    pub(super) fn extension(&self, incoming: ExtensionId) -> Option<ExtensionId> {
        self.extensions.iter().find(|(known, _)| *known == incoming).map(|(_, outgoing)| *outgoing)
    }

    /// Whether nothing of the source can be sent to the sink.
    pub(super) fn is_empty(&self) -> bool {
        self.formats.is_empty()
    }
}

/// The sink's format for `incoming`: equal parameters first, then merely decodable ones.
fn counterpart<'a>(incoming: &Format, source: &RtpParameters, sink: &'a RtpParameters) -> Option<&'a Format> {
    let candidates = || {
        sink.formats.iter().filter(|outgoing| {
            outgoing.codec == incoming.codec
                && outgoing.clock_rate == incoming.clock_rate
                && outgoing.parameters.accept(incoming.parameters)
        })
    };
    if incoming.codec == Codec::Red && opus(source) != opus(sink) {
        // RFC 2198 §3: the blocks inside name their payload types too, and payloads are shared.
        return None;
    }
    candidates().find(|outgoing| outgoing.parameters == incoming.parameters).or_else(|| candidates().next())
}

fn opus(parameters: &RtpParameters) -> Option<PayloadType> {
    parameters.formats.iter().find(|format| format.codec == Codec::Opus).map(|format| format.payload_type)
}

/// Whether an extension says something of the media rather than of the transport that carries it.
const fn is_forwarded(extension: Extension) -> bool {
    match extension {
        Extension::AudioLevel
        | Extension::VideoOrientation
        | Extension::PlayoutDelay
        | Extension::VideoContentType
        | Extension::ColorSpace
        | Extension::DependencyDescriptor
        | Extension::AbsCaptureTime => true,
        Extension::Mid
        | Extension::Rid
        | Extension::RepairedRid
        | Extension::AbsSendTime
        | Extension::TransportSequenceNumber => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{CodecParameters, H264Profile};
    use crate::forward::tests::parameters::{format, parameters, pt};

    fn h264(number: u8, profile: H264Profile, packetization_mode: u8) -> Format {
        let parameters = CodecParameters::H264 { profile, level: 31, packetization_mode };
        Format { parameters, ..format(number, Codec::H264) }
    }

    #[test]
    fn h264_finds_its_equal_first_and_a_capable_decoder_second() {
        use H264Profile::{ConstrainedBaseline, High};
        let source = parameters(
            "0",
            vec![h264(102, ConstrainedBaseline, 1), h264(104, ConstrainedBaseline, 0), h264(106, High, 1)],
            &[],
        );
        let both = parameters("0", vec![h264(110, High, 1), h264(112, ConstrainedBaseline, 1)], &[]);
        let route = Route::new(&source, &both);
        assert_eq!(route.format(pt(102)).map(|f| f.payload_type), Some(pt(112)));
        assert_eq!(route.format(pt(106)).map(|f| f.payload_type), Some(pt(110)));
        assert_eq!(route.format(pt(104)), None, "packetization mode 0 has no counterpart");

        let only_high = parameters("0", vec![h264(110, High, 1)], &[]);
        let route = Route::new(&source, &only_high);
        assert_eq!(route.format(pt(102)).map(|f| f.payload_type), Some(pt(110)));
    }

    #[test]
    fn only_what_describes_the_media_is_forwarded() {
        let every: Vec<_> = (1u8..).zip(Extension::ALL).collect();
        let source = parameters("0", vec![format(96, Codec::Vp8)], &every);
        let turned: Vec<_> = (16u8..).zip(Extension::ALL).collect();
        let sink = parameters("1", vec![format(120, Codec::Vp8)], &turned);
        let route = Route::new(&source, &sink);
        for (id, extension) in every {
            let incoming = ExtensionId::new(id).expect("ids from 1 to 12");
            let expected = is_forwarded(extension).then(|| sink.extensions.id(extension)).flatten();
            assert_eq!(route.extension(incoming), expected, "{extension:?}");
        }
    }

    #[test]
    fn red_needs_the_same_number_for_what_is_inside() {
        let red = |opus, red| parameters("0", vec![format(opus, Codec::Opus), format(red, Codec::Red)], &[]);
        let source = red(111, 63);
        assert!(Route::new(&source, &red(111, 100)).format(pt(63)).is_some());
        assert!(Route::new(&source, &red(109, 100)).format(pt(63)).is_none());
    }
}
