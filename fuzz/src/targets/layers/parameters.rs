//! What cameras, microphone and viewers agreed on.

use super::camera::DESCRIPTOR_ID;
use super::{CODECS, NUMBER_ID, Tells};
use keel_media::codec::{Codec, CodecParameters};
use keel_media::rtp::{
    ClockRate, Direction, Extension, ExtensionId, ExtensionMap, Format, Mid, PayloadType, RtpParameters,
};
use std::sync::Arc;

pub(super) fn video(first: u8, tells: Tells) -> Arc<RtpParameters> {
    let formats = (0..).zip(CODECS).map(|(place, (codec, _))| format(codec, first + 2 * place, tells));
    parameters(formats.collect(), tells)
}

pub(super) fn audio(payload_type: u8, tells: Tells) -> Arc<RtpParameters> {
    parameters(vec![Format { rtx: None, ..format(Codec::Opus, payload_type, tells) }], tells)
}

fn format(codec: Codec, payload_type: u8, tells: Tells) -> Format {
    Format {
        payload_type: PayloadType::new(payload_type).expect("a valid payload type"),
        codec,
        parameters: CodecParameters::None,
        clock_rate: if codec == Codec::Opus { ClockRate::OPUS } else { ClockRate::VIDEO },
        rtx: PayloadType::new(payload_type + 1).filter(|_| tells != Tells::Nothing),
        nack: true,
        pli: true,
        fir: false,
        transport_cc: tells == Tells::Arrivals,
        remb: tells == Tells::Estimate,
    }
}

fn parameters(formats: Vec<Format>, tells: Tells) -> Arc<RtpParameters> {
    let mut extensions = ExtensionMap::default();
    let mut insert = |id, extension| {
        extensions.insert(ExtensionId::new(id).expect("a valid id"), extension);
    };
    insert(DESCRIPTOR_ID, Extension::DependencyDescriptor);
    if tells == Tells::Arrivals {
        insert(NUMBER_ID, Extension::TransportSequenceNumber);
    }
    let mid = Mid::new("0").expect("a short name");
    Arc::new(RtpParameters { mid, direction: Direction::SendRecv, formats, extensions })
}
