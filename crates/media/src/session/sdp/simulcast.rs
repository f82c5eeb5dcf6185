//! Simulcast: one video in several encodings (`a=rid` of RFC 8851, `a=simulcast` of RFC 8853).
//!
//! An answer accepts up to [`ENCODINGS_MAX`] of the encodings that a peer offers to send, in the peer's
//! order, with the peer's restrictions and its pauses. Keel never sends simulcast: who offers to receive it
//! gets one ordinary stream.

use super::SdpFormat;
use super::extensions::SdpExtension;
use super::streams::{DeclaredStream, DeclaredStreams};
use crate::error::NegotiationError;
use crate::forward::ENCODINGS_MAX;
use crate::rtp::{Extension, PayloadType, Rid};
use rtc_sdp::description::common::Attribute;

/// `a=rid` lines of one m-line that are read; browsers write up to three.
const RIDS_MAX: usize = 8;

/// Payload types that one `a=rid` may name.
const FORMATS_MAX: usize = 64;

/// The restrictions that an answer repeats, all of them whole numbers (RFC 8851 §5).
const RESTRICTIONS: [&str; 7] =
    ["max-width", "max-height", "max-fps", "max-fs", "max-br", "max-pps", "max-bpp"];

/// Those that tell which of two encodings is the better one, the surest first.
const SIZES: [&str; 4] = ["max-width", "max-height", "max-fs", "max-br"];

/// One encoding that a peer offers to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SdpEncoding {
    /// Its name.
    pub rid: Rid,
    /// The peer does not send it for now (RFC 8853 §5.1: `~`).
    pub paused: bool,
    /// The payload types that it is limited to; empty: all of the m-line.
    formats: Vec<PayloadType>,
    /// What else limits it, in the peer's order.
    restrictions: Vec<(&'static str, u32)>,
}

/// How the encodings of an accepted video are told apart.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Simulcast {
    /// There is one encoding.
    #[default]
    None,
    /// By names in the packets' header extensions (RFC 8852), from the least to the best as far as the
    /// description tells.
    Named(Vec<Rid>),
    /// By SSRCs, from the least to the best (`a=ssrc-group:SIM`).
    Declared(Vec<DeclaredStream>),
}

impl Simulcast {
    /// How many encodings there are, at least one.
    #[must_use]
    pub fn encodings(&self) -> usize {
        match self {
            Self::None => 1,
            Self::Named(rids) => rids.len(),
            Self::Declared(streams) => streams.len(),
        }
    }

    /// The encodings of an m-line, of which `named` are accepted by name.
    pub(super) fn of(named: &[SdpEncoding], declared: &DeclaredStreams) -> Self {
        if !named.is_empty() {
            return Self::Named(from_least_to_best(named));
        }
        match declared.simulcast() {
            streams if streams.len() > 1 => Self::Declared(streams),
            _ => Self::None,
        }
    }
}

impl SdpEncoding {
    /// An encoding that Keel itself offers to receive.
    pub(super) const fn offered(rid: Rid) -> Self {
        Self { rid, paused: false, formats: Vec::new(), restrictions: Vec::new() }
    }

    /// The value of `a=rid` in Keel's description.
    fn rid_line(&self) -> String {
        let mut restrictions = Vec::new();
        if !self.formats.is_empty() {
            let formats: Vec<String> = self.formats.iter().map(|format| format.wire().to_string()).collect();
            restrictions.push(format!("pt={}", formats.join(",")));
        }
        restrictions.extend(self.restrictions.iter().map(|(name, value)| format!("{name}={value}")));
        match restrictions.is_empty() {
            true => format!("{} recv", self.rid),
            false => format!("{} recv {}", self.rid, restrictions.join(";")),
        }
    }

    /// Reads one `a=rid` of something that the peer sends; `None` for the other direction.
    fn read(line: &str) -> Result<Option<Self>, NegotiationError> {
        let mut fields = line.splitn(3, ' ');
        let (Some(name), Some("send")) = (fields.next(), fields.next()) else { return Ok(None) };
        let rid =
            Rid::new(name).ok_or(NegotiationError::Invalid("a simulcast encoding without a proper name"))?;
        let mut encoding = Self::offered(rid);
        let restrictions = fields.next().unwrap_or_default().split(';').map(str::trim);
        for (name, value) in restrictions.filter_map(|restriction| restriction.split_once('=')) {
            if name == "pt" {
                let formats = value.split(',').filter_map(|number| PayloadType::new(number.parse().ok()?));
                encoding.formats = formats.take(FORMATS_MAX).collect();
            }
            let known = RESTRICTIONS.into_iter().find(|known| *known == name);
            let twice = encoding.restrictions.iter().any(|(known, _)| *known == name);
            // RFC 8851 §5: what is not understood is passed over.
            if let (Some(name), Ok(value), false) = (known, value.parse(), twice) {
                encoding.restrictions.push((name, value));
            }
        }
        Ok(Some(encoding))
    }

    fn restriction(&self, name: &str) -> Option<u32> {
        self.restrictions.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }
}

/// Reads the encodings that an m-line offers to send, in its order. Of alternatives for one encoding the
/// first that is described counts.
pub(super) fn read_encodings(attributes: &[Attribute]) -> Result<Vec<SdpEncoding>, NegotiationError> {
    let values = |key| attributes.iter().filter(move |a| a.key == key).filter_map(|a| a.value.as_deref());
    let mut described: Vec<SdpEncoding> = Vec::new();
    for line in values("rid") {
        let Some(encoding) = SdpEncoding::read(line)? else { continue };
        if described.len() == RIDS_MAX {
            return Err(NegotiationError::Invalid("more simulcast encodings than a peer has"));
        }
        if !described.iter().any(|known| known.rid == encoding.rid) {
            described.push(encoding);
        }
    }
    // RFC 8853 §5.1: one line, with one list for each direction.
    let Some(list) = values("simulcast").next().and_then(sent_list) else { return Ok(Vec::new()) };
    let mut encodings: Vec<SdpEncoding> = Vec::new();
    for alternatives in list.split(';') {
        let found = alternatives.split(',').find_map(|name| {
            let (paused, name) = name.strip_prefix('~').map_or((false, name), |name| (true, name));
            let encoding = described.iter().find(|encoding| encoding.rid.as_str() == name)?;
            Some(SdpEncoding { paused, ..encoding.clone() })
        });
        if let Some(encoding) = found
            && !encodings.iter().any(|known| known.rid == encoding.rid)
        {
            encodings.push(encoding);
        }
    }
    Ok(encodings)
}

/// The encodings of `offered` that can be received in one of `formats`, in their order; those past
/// [`ENCODINGS_MAX`] are left out. None at all where packets could not say which they are of.
pub(super) fn accept_encodings(
    offered: &[SdpEncoding],
    formats: &[SdpFormat],
    extensions: &[SdpExtension],
) -> Vec<SdpEncoding> {
    // RFC 8853 §5.5: encodings are told apart by the extension of RFC 8852.
    if !extensions.iter().any(|e| e.extension == Extension::Rid && e.direction.receives()) {
        return Vec::new();
    }
    let is_agreed = |wanted: &PayloadType| {
        formats.iter().any(|SdpFormat { format, .. }| {
            format.payload_type == *wanted || format.rtx.is_some_and(|rtx| rtx == *wanted)
        })
    };
    let narrowed = offered.iter().filter_map(|encoding| {
        let formats: Vec<PayloadType> = encoding.formats.iter().copied().filter(is_agreed).collect();
        let unusable = formats.is_empty() && !encoding.formats.is_empty();
        (!unusable).then(|| SdpEncoding { formats, ..encoding.clone() })
    });
    narrowed.take(ENCODINGS_MAX).collect()
}

/// The lines that say which encodings Keel receives.
pub(super) fn lines(encodings: &[SdpEncoding]) -> Vec<(&'static str, String)> {
    if encodings.is_empty() {
        return Vec::new();
    }
    let mut lines: Vec<_> = encodings.iter().map(|encoding| ("rid", encoding.rid_line())).collect();
    // A pause is repeated: browsers take an encoding that is named without it as one that they are to send,
    // whatever their page had decided.
    let name = |encoding: &SdpEncoding| format!("{}{}", if encoding.paused { "~" } else { "" }, encoding.rid);
    let names: Vec<String> = encodings.iter().map(name).collect();
    lines.push(("simulcast", format!("recv {}", names.join(";"))));
    lines
}

/// The list that stands behind `send`. Old peers write `send rid=a;b`, older ones a blank before it.
fn sent_list(value: &str) -> Option<&str> {
    let mut fields = value.split_ascii_whitespace();
    fields.find(|field| *field == "send")?;
    fields.next().map(|list| list.strip_prefix("rid=").unwrap_or(list))
}

/// By the first size that all of them state; otherwise as they are listed, which is from the least to the
/// best in what browsers make themselves. Pages that list them the other way are found out by what arrives.
fn from_least_to_best(encodings: &[SdpEncoding]) -> Vec<Rid> {
    let mut ordered: Vec<&SdpEncoding> = encodings.iter().collect();
    let stated = SIZES.into_iter().find(|name| encodings.iter().all(|e| e.restriction(name).is_some()));
    if let Some(name) = stated {
        ordered.sort_by_key(|encoding| encoding.restriction(name));
    }
    ordered.into_iter().map(|encoding| encoding.rid).collect()
}
