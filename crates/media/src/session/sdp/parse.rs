//! A peer's description, read into what Keel understands of it.

use super::collision;
use super::section::{Protection, RemoteMedia, SectionKind};
use super::transport::RemoteTransport;
use crate::error::NegotiationError;
use crate::pipeline::MediaKind;
use crate::rtp::{Format, Mid, Ssrc};
use rtc_sdp::SessionDescription;
use rtc_sdp::description::common::Attribute;
use std::collections::BTreeSet;
use std::io::Cursor;

/// Longer descriptions are refused. A Chromium offer with one audio and one video m-line has 7 KiB.
const LENGTH_MAX: usize = 256 * 1024;

/// Descriptions with more lines are refused before the parser makes an attribute of each.
const LINES_MAX: usize = 16_384;

/// Descriptions with more attributes before their first m-line are refused: each m-line looks through them.
/// Firefox writes five.
const SESSION_ATTRIBUTES_MAX: usize = 256;

/// Descriptions with more m-lines are refused.
pub(super) const SECTIONS_MAX: usize = 64;

/// A peer's offer or answer. Everything in it is bounded and checked; what Keel does not understand is
/// left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemoteDescription {
    /// The transport that all accepted m-lines share.
    pub transport: RemoteTransport,
    /// The groups of m-lines that share a transport (RFC 9143).
    pub bundles: Vec<Vec<Mid>>,
    /// The m-lines in order, at most 64.
    pub media: Vec<RemoteMedia>,
    /// The m-line whose transport it is.
    transport_index: Option<u16>,
}

impl RemoteDescription {
    /// Reads an offer or answer.
    ///
    /// # Errors
    /// [`NegotiationError::TooLong`] past 256 KiB, [`NegotiationError::Invalid`] for what is no SDP of a
    /// WebRTC peer, or has more of something than any peer has.
    pub fn parse(sdp: &str) -> Result<Self, NegotiationError> {
        if sdp.len() > LENGTH_MAX {
            return Err(NegotiationError::TooLong { limit: LENGTH_MAX });
        }
        let text = relevant_lines(sdp)?;
        let description = SessionDescription::unmarshal(&mut Cursor::new(text.as_bytes()))
            .map_err(|_| NegotiationError::Invalid("its syntax is not SDP's"))?;
        let session = &description.attributes;
        if session.len() > SESSION_ATTRIBUTES_MAX {
            return Err(NegotiationError::Invalid("more session attributes than a peer writes"));
        }
        let mut media = Vec::new();
        for (index, section) in (0..).zip(&description.media_descriptions) {
            media.push(RemoteMedia::read(index, session, section)?);
        }
        if media.is_empty() {
            return Err(NegotiationError::Invalid("no m-lines"));
        }
        require_distinct_tags(&media)?;
        let bundles = read_bundles(session);
        let transport_index = choose_transport(&bundles, &media);
        let transport = transport_index
            .and_then(|index| media.get(usize::from(index)))
            .map(|section| section.transport.clone())
            .unwrap_or_default();
        let mut description = Self { transport, bundles, media, transport_index };
        collision::remove(&mut description);
        Ok(description)
    }

    /// The one m-line of this kind that Keel accepts: the first that is not rejected and shares the
    /// transport.
    #[must_use]
    pub fn section(&self, kind: MediaKind) -> Option<&RemoteMedia> {
        self.media.iter().find(|section| section.kind.media() == Some(kind) && self.is_usable(section))
    }

    /// The one m-line of data channels that Keel accepts, if it wants any: the first that is not rejected,
    /// shares the transport and has a form that Keel knows.
    pub(super) fn data_section(&self) -> Option<&RemoteMedia> {
        self.media.iter().find(|section| section.data().is_some() && self.is_usable(section))
    }

    /// The formats of that m-line, in the peer's order. Empty when it has none that Keel forwards.
    #[must_use]
    pub fn formats(&self, kind: MediaKind) -> Option<Vec<Format>> {
        let section = self.section(kind)?;
        Some(section.formats.iter().map(|format| format.format.clone()).collect())
    }

    /// Whether the peer announced to send with this SSRC.
    #[must_use]
    pub fn declares(&self, ssrc: Ssrc) -> bool {
        self.media.iter().any(|section| section.streams.contains(ssrc))
    }

    /// Whether Keel can take part in this m-line. A session has one transport: an m-line beside its bundle
    /// is left out. Plain RTP never shares a port.
    pub(super) fn is_usable(&self, section: &RemoteMedia) -> bool {
        let shares = match section.protection {
            Protection::Dtls => self.shares_transport(section),
            Protection::Plain => true,
            Protection::Unknown => false,
        };
        shares && !section.rejected
    }

    /// Whether the m-line is the transport's own, or bundled with it.
    pub(super) fn shares_transport(&self, section: &RemoteMedia) -> bool {
        let Some(owner) = self.transport_index.and_then(|index| self.media.get(usize::from(index))) else {
            return false;
        };
        let bundled = |mid: Mid, other: Mid| {
            self.bundles.iter().any(|group| group.contains(&mid) && group.contains(&other))
        };
        owner.index == section.index || owner.mid.zip(section.mid).is_some_and(|(a, b)| bundled(a, b))
    }
}

/// The value of the first attribute with this key.
pub(super) fn value<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a str> {
    attributes.iter().find(|attribute| attribute.key == key).and_then(|attribute| attribute.value.as_deref())
}

/// Whether an attribute with this key stands there.
pub(super) fn flag(attributes: &[Attribute], key: &str) -> bool {
    attributes.iter().any(|attribute| attribute.key == key)
}

/// The lines that negotiation needs. The others (addresses, bandwidths, repeat times, links, …) do not
/// reach the parser, which is strict about their form and order and follows links into another crate.
fn relevant_lines(sdp: &str) -> Result<String, NegotiationError> {
    let mut text = String::with_capacity(sdp.len());
    let (mut lines, mut sections) = (0, 0);
    for line in sdp.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        lines += 1;
        if lines > LINES_MAX {
            return Err(NegotiationError::Invalid("more lines than a peer writes"));
        }
        match line.as_bytes() {
            [b'm', b'=', ..] => sections += 1,
            [b'v' | b'o' | b's' | b't' | b'a', b'=', ..] => {}
            [b'a'..=b'z', b'=', ..] => continue,
            _ => return Err(NegotiationError::Invalid("its syntax is not SDP's")),
        }
        if sections > SECTIONS_MAX {
            return Err(NegotiationError::Invalid("more than 64 m-lines"));
        }
        text.push_str(line);
        text.push_str("\r\n");
    }
    Ok(text)
}

fn require_distinct_tags(media: &[RemoteMedia]) -> Result<(), NegotiationError> {
    let mut tags = BTreeSet::new();
    for tag in media.iter().map(RemoteMedia::tag) {
        if !tags.insert(tag) {
            return Err(NegotiationError::Invalid("two m-lines of the same name"));
        }
    }
    Ok(())
}

/// RFC 9143 §5. Names of m-lines that do not exist do no harm.
fn read_bundles(session: &[Attribute]) -> Vec<Vec<Mid>> {
    session
        .iter()
        .filter(|attribute| attribute.key == "group")
        .filter_map(|attribute| attribute.value.as_deref()?.strip_prefix("BUNDLE "))
        .map(|tags| tags.split_ascii_whitespace().filter_map(Mid::new).take(SECTIONS_MAX).collect())
        .take(SECTIONS_MAX)
        .collect()
}

/// The m-line whose transport the session uses: of the first bundle the first that has one (RFC 9143 §7.2:
/// the tagged one; the others may leave it out), otherwise the first audio or video m-line there is.
fn choose_transport(bundles: &[Vec<Mid>], media: &[RemoteMedia]) -> Option<u16> {
    let living = |section: &&RemoteMedia| !section.rejected && section.protection == Protection::Dtls;
    let named = |mid: &Mid| media.iter().filter(living).find(|section| section.mid == Some(*mid));
    let bundled = bundles.iter().flatten().filter_map(named).find(|section| section.transport.ice.is_some());
    let carries_media = |section: &&RemoteMedia| section.kind != SectionKind::Other;
    bundled.or_else(|| media.iter().filter(living).find(carries_media)).map(|section| section.index)
}
