//! One m-line of a peer's description.

use super::codecs::{SdpFormat, read_formats};
use super::data::RemoteSctp;
use super::extensions::{ONE_BYTE_ID_MAX, SdpExtension, direction_seen_from_keel, read_extensions};
use super::parse::{flag, value};
use super::simulcast::{SdpEncoding, read_encodings};
use super::streams::DeclaredStreams;
use super::transport::RemoteTransport;
use crate::error::NegotiationError;
use crate::pipeline::MediaKind;
use crate::rtp::{Direction, Mid};
use rtc_sdp::MediaDescription;
use rtc_sdp::description::common::Attribute;

/// One m-line of the peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemoteMedia {
    /// Its place among the m-lines, from 0.
    pub index: u16,
    /// What it is for.
    pub kind: SectionKind,
    /// Its name; absent in descriptions from before BUNDLE.
    pub mid: Option<Mid>,
    /// The peer does not want it: port 0 (RFC 3264 §6), and not because it shares another's port
    /// (RFC 9143 §6, `a=bundle-only`).
    pub rejected: bool,
    /// The transport protocol as written, such as `UDP/TLS/RTP/SAVPF`; no white space.
    pub protocol: String,
    /// What that protocol means for the packets.
    pub protection: Protection,
    /// Which ways media goes, seen from Keel: an offered `sendonly` is [`Direction::RecvOnly`].
    pub direction: Direction,
    /// The formats that Keel forwards, in the peer's order.
    pub formats: Vec<SdpFormat>,
    /// The header extensions that Keel understands.
    pub extensions: Vec<SdpExtension>,
    /// The SSRCs it announces to send.
    pub streams: DeclaredStreams,
    /// The encodings that it announces to send by name (RFC 8853), in its order.
    pub encodings: Vec<SdpEncoding>,
    /// The stream and track it belongs to (RFC 8830).
    pub msid: Option<Msid>,
    /// RTP and RTCP on one port (RFC 5761).
    pub rtcp_mux: bool,
    /// RTCP packets that are not compound (RFC 5506).
    pub rtcp_rsize: bool,
    /// One-byte and two-byte header extensions in one stream (RFC 8285 §6).
    pub extmap_allow_mixed: bool,
    /// The media type and first format as written, for the answer that rejects the m-line; no white space.
    pub(super) written: (String, String),
    pub(super) transport: RemoteTransport,
    /// Where it is for data channels, in a form that Keel knows.
    pub(super) sctp: Option<RemoteSctp>,
}

/// What an m-line is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SectionKind {
    /// Audio.
    Audio,
    /// Video.
    Video,
    /// Data channels (RFC 8841).
    Application,
    /// Something Keel has no part in (text, image, message).
    Other,
}

/// How an m-line's packets are protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protection {
    /// DTLS-SRTP (RFC 5764), or SCTP over DTLS.
    Dtls,
    /// None: plain RTP.
    Plain,
    /// Something Keel does not speak.
    Unknown,
}

/// Names of a media stream and of a track in it (RFC 8830).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Msid {
    /// The stream, which keeps audio and video together.
    pub stream: String,
    /// The track; empty when not named.
    pub track: String,
}

impl RemoteMedia {
    pub(super) fn read(
        index: u16,
        session: &[Attribute],
        section: &MediaDescription,
    ) -> Result<Self, NegotiationError> {
        let name = &section.media_name;
        let media = &section.attributes;
        let either = |key| flag(media, key) || flag(session, key);
        let kind = match name.media.as_str() {
            "audio" => SectionKind::Audio,
            "video" => SectionKind::Video,
            "application" => SectionKind::Application,
            _ => SectionKind::Other,
        };
        let first_format =
            name.formats.first().ok_or(NegotiationError::Invalid("an m-line without formats"))?;
        let protocol = name.protos.join("/");
        // Both are repeated in the answer, into the line they came from.
        if !protocol.bytes().chain(first_format.bytes()).all(|byte| byte.is_ascii_graphic()) {
            return Err(NegotiationError::Invalid("an m-line with characters that are not allowed"));
        }
        let mid = match value(media, "mid") {
            Some(tag) => {
                Some(Mid::new(tag).ok_or(NegotiationError::Invalid("a mid that is no short token"))?)
            }
            None => None,
        };
        let extmap_allow_mixed = either("extmap-allow-mixed");
        // RFC 8285 §6: larger ids need packets in the two-byte form beside those in the one-byte form.
        let id_max = if extmap_allow_mixed { u8::MAX } else { ONE_BYTE_ID_MAX };
        let formats = match kind.media() {
            Some(kind) => read_formats(kind, &name.formats, media)?,
            None => Vec::new(),
        };
        Ok(Self {
            index,
            kind,
            mid,
            rejected: name.port.value == 0 && !flag(media, "bundle-only"),
            protection: Protection::of(&protocol),
            sctp: RemoteSctp::read(&protocol, first_format, media),
            protocol,
            direction: read_direction(media)
                .or_else(|| read_direction(session))
                .unwrap_or(Direction::SendRecv),
            formats,
            extensions: read_extensions(media, id_max),
            streams: DeclaredStreams::read(media)?,
            encodings: read_encodings(media)?,
            msid: value(media, "msid").and_then(Msid::parse),
            rtcp_mux: either("rtcp-mux"),
            rtcp_rsize: either("rtcp-rsize"),
            extmap_allow_mixed,
            written: (name.media.clone(), first_format.clone()),
            transport: RemoteTransport::read(session, media)?,
        })
    }

    /// The name that Keel uses for it: its mid or, without one, its index.
    pub(super) fn tag(&self) -> Mid {
        self.mid.unwrap_or_else(|| Mid::new(&self.index.to_string()).expect("a short number is a token"))
    }
}

impl SectionKind {
    /// The kind of media, for m-lines that carry RTP.
    #[must_use]
    pub const fn media(self) -> Option<MediaKind> {
        match self {
            Self::Audio => Some(MediaKind::Audio),
            Self::Video => Some(MediaKind::Video),
            Self::Application | Self::Other => None,
        }
    }
}

impl Protection {
    fn of(protocol: &str) -> Self {
        match protocol {
            // RFC 8829 §5.1.2: all of these mean DTLS-SRTP when there is a fingerprint.
            "UDP/TLS/RTP/SAVPF" | "TCP/DTLS/RTP/SAVPF" | "UDP/TLS/RTP/SAVP" | "TCP/DTLS/RTP/SAVP"
            | "RTP/SAVPF" | "RTP/SAVP" => Self::Dtls,
            "UDP/DTLS/SCTP" | "TCP/DTLS/SCTP" | "DTLS/SCTP" => Self::Dtls,
            "RTP/AVP" | "RTP/AVPF" => Self::Plain,
            _ => Self::Unknown,
        }
    }
}

impl Msid {
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split_ascii_whitespace();
        let stream = fields.next()?;
        let track = fields.next().unwrap_or_default();
        // RFC 8830 §2: identifiers have at most 64 characters. Longer ones are no use to anybody.
        let fits = stream.len() <= 64 && track.len() <= 64;
        // RFC 8830 §2: a dash stands for a track without a stream.
        (fits && stream != "-").then(|| Self { stream: stream.to_owned(), track: track.to_owned() })
    }
}

fn read_direction(attributes: &[Attribute]) -> Option<Direction> {
    attributes
        .iter()
        .filter(|attribute| attribute.value.is_none())
        .find_map(|attribute| direction_seen_from_keel(&attribute.key))
}
