//! What the two sides of one m-line agreed on, in the terms of W3C's `RTCRtpParameters`.

use super::{ClockRate, ExtensionId, Mid, PayloadType};
use crate::codec::{Codec, CodecParameters};

/// The header extensions Keel understands (RFC 8285; the URI is [`Extension::uri`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Extension {
    /// Which m-line a packet belongs to (RFC 9143). Written anew for each subscriber.
    Mid,
    /// The simulcast stream's name (RFC 8852).
    Rid,
    /// The simulcast stream that an RTX packet repairs (RFC 8852).
    RepairedRid,
    /// When the packet left, 6.18 fixed point seconds. Written anew at departure.
    AbsSendTime,
    /// The transport-wide sequence number. Belongs to one transport, never forwarded.
    TransportSequenceNumber,
    /// The speaker's loudness (RFC 6464). Forwarded.
    AudioLevel,
    /// How the picture is turned (3GPP TS 26.114). Forwarded.
    VideoOrientation,
    /// The wished playout delay. Forwarded.
    PlayoutDelay,
    /// Camera or screen. Forwarded.
    VideoContentType,
    /// The colour space of the picture. Forwarded.
    ColorSpace,
    /// AV1's dependency descriptor. Forwarded.
    DependencyDescriptor,
    /// Absolute capture time. Forwarded.
    AbsCaptureTime,
}

/// The extension ids of one m-line of one peer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ExtensionMap {
    entries: Vec<(ExtensionId, Extension)>,
}

/// One negotiated media format (a payload type and what it stands for), its RTX beside it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Format {
    /// The number this peer uses for it.
    pub payload_type: PayloadType,
    /// The codec.
    pub codec: Codec,
    /// The codec's parameters, as far as a forwarder must compare them.
    pub parameters: CodecParameters,
    /// Ticks per second of its timestamps.
    pub clock_rate: ClockRate,
    /// The payload type of its retransmissions (RFC 4588), where negotiated.
    pub rtx: Option<PayloadType>,
    /// Generic NACK (RFC 4585 §6.2.1) was agreed.
    pub nack: bool,
    /// Picture loss indication (RFC 4585 §6.3.1) was agreed.
    pub pli: bool,
    /// Full intra request (RFC 5104 §4.3.1) was agreed.
    pub fir: bool,
    /// Transport-wide congestion control feedback was agreed.
    pub transport_cc: bool,
    /// Receiver estimated maximum bitrate was agreed.
    pub remb: bool,
}

/// Which ways media goes, seen from Keel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// Keel sends only.
    SendOnly,
    /// Keel receives only.
    RecvOnly,
    /// Neither.
    Inactive,
}

/// Everything agreed for one m-line that the packet path needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RtpParameters {
    /// The m-line's name.
    pub mid: Mid,
    /// Which ways media goes, seen from Keel.
    pub direction: Direction,
    /// The formats in order of preference; the first is what a peer sends unless it has reason not to.
    pub formats: Vec<Format>,
    /// The extension ids.
    pub extensions: ExtensionMap,
}

impl Format {
    /// Whether offer and answer may call the two one format, whatever their payload types.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.codec == other.codec
            && self.clock_rate == other.clock_rate
            && self.parameters.agree_with(other.parameters)
    }
}

impl Extension {
    /// Every extension, in a fixed order.
    pub const ALL: [Self; 12] = [
        Self::Mid,
        Self::Rid,
        Self::RepairedRid,
        Self::AbsSendTime,
        Self::TransportSequenceNumber,
        Self::AudioLevel,
        Self::VideoOrientation,
        Self::PlayoutDelay,
        Self::VideoContentType,
        Self::ColorSpace,
        Self::DependencyDescriptor,
        Self::AbsCaptureTime,
    ];

    /// The URI that names it in SDP.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Self::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Self::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Self::TransportSequenceNumber => {
                "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
            }
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::VideoOrientation => "urn:3gpp:video-orientation",
            Self::PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
            Self::VideoContentType => "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type",
            Self::ColorSpace => "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
            Self::DependencyDescriptor => {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
            }
            Self::AbsCaptureTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
        }
    }

    /// The extension with this URI, if Keel understands it.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|extension| extension.uri() == uri)
    }
}

impl ExtensionMap {
    /// Adds an entry unless the id or the extension is already taken; says whether it did.
    pub fn insert(&mut self, id: ExtensionId, extension: Extension) -> bool {
        let free = !self.entries.iter().any(|(i, e)| *i == id || *e == extension);
        if free {
            self.entries.push((id, extension));
        }
        free
    }

    /// The id of `extension`, where it was negotiated.
    #[must_use]
    pub fn id(&self, extension: Extension) -> Option<ExtensionId> {
        self.entries.iter().find(|(_, e)| *e == extension).map(|(id, _)| *id)
    }

    /// What `id` stands for.
    #[must_use]
    pub fn extension(&self, id: ExtensionId) -> Option<Extension> {
        self.entries.iter().find(|(i, _)| *i == id).map(|(_, e)| *e)
    }

    /// All entries in the order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = (ExtensionId, Extension)> + '_ {
        self.entries.iter().copied()
    }
}

impl RtpParameters {
    /// The format with this media payload type.
    #[must_use]
    pub fn format(&self, payload_type: PayloadType) -> Option<&Format> {
        self.formats.iter().find(|format| format.payload_type == payload_type)
    }

    /// The id of the transport-wide numbers, where packets carry them for feedback to come back: they have no
    /// meaning without it (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    #[must_use]
    pub fn transport_number_id(&self) -> Option<ExtensionId> {
        let id = self.extensions.id(Extension::TransportSequenceNumber);
        id.filter(|_| self.formats.iter().any(|format| format.transport_cc))
    }

    /// The format whose retransmissions have this payload type (`apt` of RFC 4588 §8.1).
    #[must_use]
    pub fn format_repaired_by(&self, payload_type: PayloadType) -> Option<&Format> {
        self.formats.iter().find(|format| format.rtx == Some(payload_type))
    }
}

impl Direction {
    /// The ways that both allow.
    #[must_use]
    pub const fn common(self, other: Self) -> Self {
        match (self.sends() && other.sends(), self.receives() && other.receives()) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether Keel sends on this m-line.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether Keel receives on this m-line.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}
