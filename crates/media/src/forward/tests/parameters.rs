//! What peers in tests agreed on.

use crate::codec::{Codec, CodecParameters};
use crate::rtp::{Direction, Extension, ExtensionId, ExtensionMap, Format, Mid, PayloadType, RtpParameters};

pub(crate) fn pt(number: u8) -> PayloadType {
    PayloadType::new(number).expect("tests use valid payload types")
}

/// A format with every kind of feedback but REMB, without RTX.
pub(crate) fn format(number: u8, codec: Codec) -> Format {
    Format {
        payload_type: pt(number),
        codec,
        parameters: CodecParameters::None,
        clock_rate: codec.clock_rate(),
        rtx: None,
        nack: codec.is_video(),
        pli: codec.is_video(),
        fir: codec.is_video(),
        transport_cc: true,
        remb: false,
    }
}

pub(crate) fn parameters(mid: &str, formats: Vec<Format>, extensions: &[(u8, Extension)]) -> RtpParameters {
    let mut map = ExtensionMap::default();
    for (id, extension) in extensions {
        let id = ExtensionId::new(*id).expect("tests use valid extension ids");
        assert!(map.insert(id, *extension), "tests use each id once");
    }
    let mid = Mid::new(mid).expect("tests use valid mids");
    RtpParameters { mid, direction: Direction::SendRecv, formats, extensions: map }
}
