//! The formats Keel forwards, read from `a=rtpmap`, `a=fmtp` and `a=rtcp-fb`.
//!
//! | kind | codecs | told apart by |
//! | --- | --- | --- |
//! | audio | Opus, RED around Opus, G.722, PCMU, PCMA | |
//! | video | VP8 | |
//! | | VP9 (profiles 0 and 2), AV1 | profile |
//! | | H.264 (Constrained Baseline, Baseline, Main, Constrained High, High) | profile, packetization mode |
//! | | H.265 | profile, tier |
//!
//! Each with its RTX. Left out on purpose: comfort noise and telephone events (browsers send them only on
//! demand, and a stream of them has no clock in common with Opus), and error correction in packets of its
//! own (`ulpfec`, video `red`, `flexfec`): losses are repaired by retransmission.

use super::h264::{self, ProfileLevelId};
use crate::codec::{Codec, CodecParameters};
use crate::error::NegotiationError;
use crate::pipeline::MediaKind;
use crate::rtp::{Format, PayloadType};
use rtc_sdp::description::common::Attribute;
use std::collections::{BTreeMap, BTreeSet};

/// Longer values of `a=fmtp` parameters are not repeated to the peer; the longest real one has 6 bytes.
const PARAMETER_VALUE_MAX: usize = 64;

/// A format with what SDP says of it beyond what a forwarder must know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SdpFormat {
    /// What the packet path needs.
    pub format: Format,
    /// The `a=fmtp` parameters that an answer repeats, in the peer's order.
    pub(super) fmtp: Vec<(&'static str, String)>,
    /// RED only: the payload type of the Opus inside (RFC 2198 §5).
    pub(super) red_of: Option<PayloadType>,
}

/// The `a=fmtp` parameters of `codec` that an answer repeats. Those of Opus say how the receiver would like
/// to be sent to (RFC 7587 §6.1): between browsers the wish of one side is passed on as Keel's own.
pub(super) const fn repeated_parameters(codec: Codec) -> &'static [&'static str] {
    match codec {
        Codec::Opus => &[
            "minptime",
            "useinbandfec",
            "stereo",
            "sprop-stereo",
            "usedtx",
            "maxplaybackrate",
            "maxaveragebitrate",
            "cbr",
        ],
        Codec::H264 => &["level-asymmetry-allowed", "packetization-mode", "profile-level-id"],
        Codec::H265 => &["level-id", "profile-id", "tier-flag", "tx-mode"],
        Codec::Vp9 => &["profile-id"],
        Codec::Av1 => &["level-idx", "profile", "tier"],
        Codec::Red | Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::Vp8 => &[],
    }
}

/// Reads the formats of an audio or video m-line, in the m-line's order, without those Keel does not
/// forward.
pub(super) fn read_formats(
    kind: MediaKind,
    listed: &[String],
    attributes: &[Attribute],
) -> Result<Vec<SdpFormat>, NegotiationError> {
    let mut order = Vec::new();
    let mut lines: BTreeMap<u8, FormatLines> = BTreeMap::new();
    for number in listed.iter().filter_map(|text| text.parse::<u8>().ok()) {
        if lines.insert(number, FormatLines::default()).is_some() {
            return Err(NegotiationError::Invalid("a payload type that stands twice in one m-line"));
        }
        order.push(number);
    }
    let mut everywhere = Feedback::default();
    for attribute in attributes {
        let Some((subject, text)) = attribute.value.as_deref().and_then(|value| value.split_once(' ')) else {
            continue;
        };
        // RFC 4585 §4.2: the asterisk stands for every payload type of the m-line.
        if attribute.key == "rtcp-fb" && subject == "*" {
            everywhere.add(text);
        }
        let Some(lines) = subject.parse().ok().and_then(|number: u8| lines.get_mut(&number)) else {
            continue;
        };
        match attribute.key.as_str() {
            "rtpmap" if lines.rtpmap.is_some_and(|rtpmap| rtpmap != text) => {
                return Err(NegotiationError::Invalid("a payload type with two meanings"));
            }
            "rtpmap" => lines.rtpmap = Some(text),
            "fmtp" => lines.fmtp = text,
            "rtcp-fb" => lines.feedback.add(text),
            _ => {}
        }
    }
    let mut formats: Vec<SdpFormat> =
        order.iter().filter_map(|number| lines.get(number)?.read(kind, *number, everywhere)).collect();
    for (number, lines) in &lines {
        let Some((rtx, apt)) = lines.read_rtx(*number) else { continue };
        let repaired = formats.iter_mut().find(|format| format.format.payload_type == apt);
        if let Some(repaired) = repaired.filter(|format| format.format.rtx.is_none()) {
            repaired.format.rtx = Some(rtx);
        }
    }
    drop_stray_red(&mut formats);
    Ok(formats)
}

/// RED is of use only while the Opus inside it is negotiated as well.
pub(super) fn drop_stray_red(formats: &mut Vec<SdpFormat>) {
    let opus: BTreeSet<PayloadType> = formats
        .iter()
        .filter(|format| format.format.codec == Codec::Opus)
        .map(|format| format.format.payload_type)
        .collect();
    formats.retain(|format| format.red_of.is_none_or(|primary| opus.contains(&primary)));
}

impl SdpFormat {
    /// The value of `a=rtpmap`.
    pub(super) fn rtpmap(&self) -> String {
        let Format { payload_type, codec, clock_rate, .. } = &self.format;
        let channels = if matches!(codec, Codec::Opus | Codec::Red) { "/2" } else { "" };
        format!("{} {}/{}{channels}", payload_type.wire(), codec.name(), clock_rate.hertz())
    }

    /// The value of `a=fmtp`, where there is something to say.
    pub(super) fn fmtp(&self) -> Option<String> {
        let parameters = match self.red_of {
            // RFC 2198 §5: one redundant block and the primary.
            Some(primary) => format!("{0}/{0}", primary.wire()),
            None if self.fmtp.is_empty() => return None,
            None => {
                let pairs: Vec<String> =
                    self.fmtp.iter().map(|(name, value)| format!("{name}={value}")).collect();
                pairs.join(";")
            }
        };
        Some(format!("{} {parameters}", self.format.payload_type.wire()))
    }

    /// Lowers the level of H.264 and H.265 to `most`; a level that is lower already stays.
    pub(super) fn limit_level(&mut self, most: u8) {
        let (name, default) = match &mut self.format.parameters {
            CodecParameters::H264 { level, .. } if *level > most => {
                *level = most;
                // RFC 6184 §8.2.2: the answer repeats the profile as offered; only the level may differ.
                ("profile-level-id", format!("42e0{most:02x}"))
            }
            CodecParameters::H265 { level, .. } if *level > most => {
                *level = most;
                ("level-id", most.to_string())
            }
            _ => return,
        };
        let offered = self.fmtp.iter_mut().find(|(known, _)| *known == name);
        match offered {
            Some((_, value)) => *value = h264::with_level(value, most).unwrap_or(default),
            None => self.fmtp.push((name, default)),
        }
    }
}

/// The lines of one payload type before they are understood.
#[derive(Clone, Copy, Default)]
struct FormatLines<'a> {
    rtpmap: Option<&'a str>,
    fmtp: &'a str,
    feedback: Feedback,
}

#[derive(Clone, Copy, Default)]
struct Feedback {
    nack: bool,
    pli: bool,
    fir: bool,
    transport_cc: bool,
    remb: bool,
}

impl Feedback {
    fn add(&mut self, text: &str) {
        match text.trim() {
            "nack" => self.nack = true,
            "nack pli" => self.pli = true,
            "ccm fir" => self.fir = true,
            "transport-cc" => self.transport_cc = true,
            "goog-remb" => self.remb = true,
            _ => {}
        }
    }
}

impl<'a> FormatLines<'a> {
    /// The format, unless it is one that Keel does not forward.
    fn read(&self, kind: MediaKind, number: u8, everywhere: Feedback) -> Option<SdpFormat> {
        let payload_type = PayloadType::new(number)?;
        let codec = match self.rtpmap {
            Some(rtpmap) => read_codec(rtpmap)?,
            None => static_codec(number)?,
        };
        if codec.is_video() != (kind == MediaKind::Video) {
            return None;
        }
        let red_of = if codec == Codec::Red { Some(self.red_primary()?) } else { None };
        let parameters = self.codec_parameters(codec)?;
        let feedback = self.feedback;
        let format = Format {
            payload_type,
            codec,
            parameters,
            clock_rate: codec.clock_rate(),
            rtx: None,
            nack: feedback.nack || everywhere.nack,
            pli: feedback.pli || everywhere.pli,
            fir: feedback.fir || everywhere.fir,
            transport_cc: feedback.transport_cc || everywhere.transport_cc,
            remb: feedback.remb || everywhere.remb,
        };
        let repeated = repeated_parameters(codec);
        let mut fmtp: Vec<(&'static str, String)> = Vec::new();
        for (name, value) in self.parameters() {
            let known = repeated.iter().find(|known| known.eq_ignore_ascii_case(name));
            let plain =
                value.len() <= PARAMETER_VALUE_MAX && value.bytes().all(|byte| byte.is_ascii_graphic());
            if let Some(known) = known.filter(|known| plain && !fmtp.iter().any(|(name, _)| name == *known)) {
                fmtp.push((known, value.to_owned()));
            }
        }
        Some(SdpFormat { format, fmtp, red_of })
    }

    /// The payload types of a retransmission format and of what it repairs (RFC 4588 §8.1).
    fn read_rtx(&self, number: u8) -> Option<(PayloadType, PayloadType)> {
        let (name, _) = self.rtpmap?.split_once('/')?;
        if !name.eq_ignore_ascii_case("rtx") {
            return None;
        }
        let apt = self.parameter("apt")?.parse().ok()?;
        Some((PayloadType::new(number)?, PayloadType::new(apt)?))
    }

    /// RFC 2198 §5: the payload types of the blocks, parted by slashes. All must be the same: a stream that
    /// changes its codec within a packet is not forwarded.
    fn red_primary(&self) -> Option<PayloadType> {
        let mut blocks = self.fmtp.trim().split('/');
        let primary = blocks.next()?;
        if !blocks.all(|block| block == primary) {
            return None;
        }
        PayloadType::new(primary.parse().ok()?)
    }

    fn codec_parameters(&self, codec: Codec) -> Option<CodecParameters> {
        // A parameter that is there but no number makes the format one we do not understand.
        let number = |name, default| match self.parameter(name) {
            Some(text) => text.parse::<u8>().ok(),
            None => Some(default),
        };
        Some(match codec {
            Codec::H264 => {
                let id = match self.parameter("profile-level-id") {
                    Some(text) => ProfileLevelId::parse(text)?,
                    None => ProfileLevelId::DEFAULT,
                };
                // RFC 6184 §8.1: mode 2 (interleaved) has packet types that browsers do not send.
                let packetization_mode = number("packetization-mode", 0).filter(|mode| *mode <= 1)?;
                CodecParameters::H264 { profile: id.profile, level: id.level, packetization_mode }
            }
            // Profiles 1 and 3 are 4:4:4, which Chromium decodes but never sends.
            Codec::Vp9 => {
                CodecParameters::Vp9 { profile: number("profile-id", 0).filter(|p| [0, 2].contains(p))? }
            }
            Codec::Av1 => CodecParameters::Av1 { profile: number("profile", 0)? },
            Codec::H265 => CodecParameters::H265 {
                profile: number("profile-id", 1)?,
                tier: number("tier-flag", 0)?,
                level: number("level-id", 93)?,
            },
            Codec::Opus | Codec::Red | Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::Vp8 => {
                CodecParameters::None
            }
        })
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn parameters(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.fmtp.split(';').filter_map(|pair| pair.trim().split_once('='))
    }
}

/// The codec of an `a=rtpmap` (RFC 8866 §6.6): name, clock and, for audio, channels.
fn read_codec(rtpmap: &str) -> Option<Codec> {
    let mut parts = rtpmap.trim().split('/');
    let codec = Codec::from_name(parts.next()?)?;
    let clock: u32 = parts.next()?.parse().ok()?;
    let channels: u8 = parts.next().map_or(Some(1), |text| text.parse().ok())?;
    // RFC 7587 §7: Opus is always written with two channels.
    let expected = if matches!(codec, Codec::Opus | Codec::Red) { 2 } else { 1 };
    (clock == codec.clock_rate().hertz() && channels == expected).then_some(codec)
}

/// RFC 3551 §6: what these numbers mean without `a=rtpmap`.
const fn static_codec(number: u8) -> Option<Codec> {
    match number {
        0 => Some(Codec::Pcmu),
        8 => Some(Codec::Pcma),
        9 => Some(Codec::G722),
        _ => None,
    }
}
