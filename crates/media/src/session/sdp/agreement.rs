//! Which formats two sides of a connection can use, and in which order.
//!
//! Nothing is transcoded, so what a peer may send is what those it is connected to can take. And since a
//! browser sends the first format of the answer it got, both sides of a call need the same first one: there
//! is one order for all answers.

use super::codecs::{SdpFormat, drop_stray_red};
use crate::codec::{Codec, CodecParameters, H264Profile};
use crate::error::NegotiationError;
use crate::pipeline::MediaKind;
use crate::rtp::Format;

/// The formats of the endpoints that this one is connected to, as far as they are known: one list for each
/// endpoint that has an m-line of the kind.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    /// Of those connected for audio.
    pub audio: Vec<Vec<Format>>,
    /// Of those connected for video.
    pub video: Vec<Vec<Format>>,
}

impl Peers {
    pub(super) fn of(&self, kind: MediaKind) -> &[Vec<Format>] {
        match kind {
            MediaKind::Audio => &self.audio,
            MediaKind::Video => &self.video,
        }
    }
}

/// The formats of `a` that `b` has as well, with `a`'s payload types, in the one order. Empty means that
/// nothing can be forwarded between the two ([`crate::ConnectError::NoCommonCodec`]).
#[must_use]
pub fn common_formats(a: &[Format], b: &[Format]) -> Vec<Format> {
    let mut common: Vec<Format> =
        a.iter().filter(|format| b.iter().any(|other| format.agrees_with(other))).cloned().collect();
    common.sort_by_key(rank);
    // RED alone is no codec: its receiver needs what is inside.
    if common.iter().all(|format| format.codec == Codec::Red) {
        common.clear();
    }
    common
}

/// The formats of `own` that every one of `peers` accepts, best first.
pub(super) fn agree(
    kind: MediaKind,
    own: &[SdpFormat],
    peers: &[Vec<Format>],
) -> Result<Vec<SdpFormat>, NegotiationError> {
    let mut agreed: Vec<SdpFormat> = own
        .iter()
        .filter_map(|format| {
            let mut format = format.clone();
            for peer in peers {
                let level = level_accepted(&format.format, peer)?;
                format.limit_level(level);
            }
            Some(format)
        })
        .collect();
    drop_stray_red(&mut agreed);
    agreed.sort_by_key(|format| rank(&format.format));
    if agreed.is_empty() { Err(NegotiationError::NoCommonCodec(kind)) } else { Ok(agreed) }
}

/// Whether `peer` accepts the format at all, and then the highest level at which it does: a stream is sent
/// to everybody it is forwarded to, so its level is the lowest of theirs.
fn level_accepted(format: &Format, peer: &[Format]) -> Option<u8> {
    peer.iter()
        .filter(|other| format.agrees_with(other))
        .map(|other| match other.parameters {
            CodecParameters::H264 { level, .. } | CodecParameters::H265 { level, .. } => level,
            _ => u8::MAX,
        })
        .max()
}

/// The one order. VP8 and Opus first: every browser encodes and decodes them alike. RED stands behind Opus:
/// who wants it asks for it, and its payload names Opus by the sender's payload type.
fn rank(format: &Format) -> u8 {
    match (format.codec, format.parameters) {
        (Codec::Opus, _) => 0,
        (Codec::Red, _) => 1,
        (Codec::G722, _) => 2,
        (Codec::Pcmu, _) => 3,
        (Codec::Pcma, _) => 4,
        (Codec::Vp8, _) => 10,
        (Codec::H264, CodecParameters::H264 { profile, packetization_mode, .. }) => {
            let profile = match profile {
                H264Profile::ConstrainedBaseline => 0,
                H264Profile::Baseline => 1,
                H264Profile::Main => 2,
                H264Profile::ConstrainedHigh => 3,
                H264Profile::High => 4,
            };
            // Mode 1 allows pictures that do not fit one packet in one piece.
            20 + 2 * profile + u8::from(packetization_mode == 0)
        }
        (Codec::H264, _) => 29,
        (Codec::Vp9, CodecParameters::Vp9 { profile: 0 }) => 30,
        (Codec::Av1, _) => 31,
        (Codec::H265, _) => 32,
        (Codec::Vp9, _) => 33,
    }
}
