//! What a forwarder must know of a codec, and no more.

mod av1;
mod bits;
mod dependency;
mod frame;
mod h264;
mod h265;
mod nal_unit;
mod parameters;
mod patch;
mod vp8;
mod vp9;

pub use frame::{Describer, FrameInfo, Layer, PictureNumbers};
pub use parameters::{CodecParameters, H264Profile};
pub use patch::{patch_descriptor, patch_payload};

use crate::rtp::ClockRate;
use std::fmt;

/// A media codec that Keel can forward.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// RFC 7587.
    Opus,
    /// Redundant audio (RFC 2198) around Opus.
    Red,
    /// G.711 mu-law, static payload type 0.
    Pcmu,
    /// G.711 A-law, static payload type 8.
    Pcma,
    /// G.722, static payload type 9.
    G722,
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// RFC 6184.
    H264,
    /// RFC 7798.
    H265,
    /// The AV1 RTP payload format of AOMedia.
    Av1,
}

impl Codec {
    /// Every codec.
    pub const ALL: [Self; 10] = [
        Self::Opus,
        Self::Red,
        Self::Pcmu,
        Self::Pcma,
        Self::G722,
        Self::Vp8,
        Self::Vp9,
        Self::H264,
        Self::H265,
        Self::Av1,
    ];

    /// Its name in `a=rtpmap`, in the usual spelling; comparison ignores case (RFC 8866 §6.6).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Red => "red",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::H264 => "H264",
            Self::H265 => "H265",
            Self::Av1 => "AV1",
        }
    }

    /// The codec of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name))
    }

    /// Whether it carries video.
    #[must_use]
    pub const fn is_video(self) -> bool {
        matches!(self, Self::Vp8 | Self::Vp9 | Self::H264 | Self::H265 | Self::Av1)
    }

    /// Whether `payload` begins a keyframe: a picture that decodes without any before it. Never for
    /// audio, nor for what does not parse.
    #[must_use]
    pub fn begins_keyframe(self, payload: &[u8]) -> bool {
        match self {
            Self::Vp8 => vp8::begins_keyframe(payload),
            Self::Vp9 => vp9::begins_keyframe(payload),
            Self::H264 => h264::begins_keyframe(payload),
            Self::H265 => h265::begins_keyframe(payload),
            Self::Av1 => av1::begins_keyframe(payload),
            Self::Opus | Self::Red | Self::Pcmu | Self::Pcma | Self::G722 => false,
        }
    }

    /// Its clock; G.722's is 8000 although it samples at 16000 (RFC 3551 §4.5.2).
    #[must_use]
    pub const fn clock_rate(self) -> ClockRate {
        match self {
            Self::Opus | Self::Red => ClockRate::OPUS,
            Self::Pcmu | Self::Pcma | Self::G722 => ClockRate::TELEPHONE,
            _ => ClockRate::VIDEO,
        }
    }
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
