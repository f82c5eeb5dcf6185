//! A peer that makes the offers: what it sends changes with each of them.

use super::super::agreement::Peers;
use super::super::answer::{agreed_formats, received_encodings, require_one_secure_port, text};
use super::super::data::NegotiatedData;
use super::super::extensions::extension_map;
use super::super::parse::RemoteDescription;
use super::super::section::{Protection, RemoteMedia, SectionKind};
use super::super::simulcast::Simulcast;
use super::super::write::{self, IceAgent};
use super::super::{LocalDescription, NegotiatedMedia};
use super::Association;
use crate::error::NegotiationError;
use crate::id::ElementId;
use crate::rtp::{Direction, Mid, RtpParameters};
use crate::session::ice::IceCredentials;
use crate::srtp::DtlsRole;
use rtc_sdp::description::media::MediaDescription;

/// The m-lines as of the last offer that was answered.
#[derive(Clone, Debug, Default)]
pub struct Answerer {
    slots: Vec<Slot>,
    /// Answers so far.
    version: u64,
    association: Option<Association>,
    remote_ice: Option<IceCredentials>,
}

/// One m-line.
#[derive(Clone, Debug)]
struct Slot {
    mid: Mid,
    kind: SectionKind,
    holds: Holds,
}

/// What an m-line is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Holds {
    /// Nothing: either side has rejected it, so that the next offer may use it for anything.
    Nothing,
    Data,
    Line(ElementId),
}

/// An answer, and what it makes of the m-lines.
#[derive(Clone, Debug)]
pub struct AnsweredOffer {
    /// The text for the peer.
    pub sdp: String,
    /// The accepted m-lines of audio and video, in their order.
    pub lines: Vec<AnsweredLine>,
    /// The lines that have ended with this offer.
    pub ended: Vec<ElementId>,
    /// The accepted m-line of data channels.
    pub data: Option<NegotiatedData>,
    /// Keel's part in the DTLS handshake.
    pub dtls_role: DtlsRole,
    /// The m-lines from now on.
    pub next: Answerer,
}

/// One accepted m-line of audio or video.
#[derive(Clone, Debug)]
pub struct AnsweredLine {
    /// The line's name in the pipeline.
    pub element: ElementId,
    /// Whether it began with this offer.
    pub is_new: bool,
    /// What was agreed; nothing is received unless its direction says so.
    pub media: NegotiatedMedia,
}

impl Answerer {
    /// Whether `offer` asks for an ICE restart (RFC 8839 §4.4.1.1.1): its answer needs new credentials.
    #[must_use]
    pub fn restarts_ice(&self, offer: &RemoteDescription) -> bool {
        let changed = |known: &IceCredentials| offer.transport.ice.as_ref().is_some_and(|new| new != known);
        self.remote_ice.as_ref().is_some_and(changed)
    }

    /// Whether nothing was answered yet.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.association.is_none()
    }

    /// Answers `offer`: accepts every m-line of audio and video of its bundle to receive on, the first of data
    /// channels where `local` wants them, and refuses the rest. A line that is new takes its name from
    /// `fresh`.
    ///
    /// # Errors
    /// [`NegotiationError::Invalid`] when an m-line that is in use has moved, changed its name or kind, or is
    /// missing, when the certificate or the DTLS role changed, or when DTLS-SRTP on one port lacks something;
    /// [`NegotiationError::NoCommonCodec`] for an m-line without a format that Keel forwards.
    pub fn answer(
        &self,
        offer: &RemoteDescription,
        local: &LocalDescription,
        fresh: &mut impl Iterator<Item = ElementId>,
    ) -> Result<AnsweredOffer, NegotiationError> {
        // RFC 8829 §5.2.2: m-lines are never taken out of a session.
        if offer.media.len() < self.slots.len() {
            return Err(NegotiationError::Invalid("an offer with fewer m-lines than before"));
        }
        let association = self.associate(offer)?;
        let dtls_role = association.as_ref().map_or(DtlsRole::Server, |association| association.role);
        let mut answered = AnsweredOffer {
            sdp: String::new(),
            lines: Vec::new(),
            ended: Vec::new(),
            data: None,
            dtls_role,
            next: Self { slots: Vec::new(), version: self.version + 1, association, ..self.clone() },
        };
        let mut sections = Vec::new();
        let mut bundle = Vec::new();
        let data = offer.data_section().filter(|_| local.data_channels).map(|section| section.index);
        for section in &offer.media {
            let before = self.slots.get(usize::from(section.index));
            if let Some(before) = before.filter(|before| before.holds != Holds::Nothing) {
                before.require_same(section)?;
            }
            let (holds, text) = if data == Some(section.index) {
                offer.transport.require_secure()?;
                answered.data = section.data();
                (Holds::Data, section.accepted_data(local, dtls_role.setup()))
            } else if let Some((line, text)) = accept(offer, section, local, dtls_role, before, fresh)? {
                let element = line.element;
                answered.lines.push(line);
                (Holds::Line(element), text)
            } else {
                let (name, first_format) = &section.written;
                (Holds::Nothing, write::refused(name, &section.protocol, first_format, section.mid))
            };
            if holds == Holds::Nothing {
                answered.ended.extend(before.and_then(Slot::line));
            } else {
                bundle
                    .extend(section.mid.filter(|mid| offer.bundles.iter().any(|group| group.contains(mid))));
            }
            sections.push(text);
            answered.next.slots.push(Slot { mid: section.tag(), kind: section.kind, holds });
        }
        if let Some(ice) = &offer.transport.ice {
            answered.next.remote_ice = Some(ice.clone());
        }
        // Two lite agents never connect: towards one Keel is a full agent.
        let agent = if offer.transport.ice_lite { IceAgent::Full } else { IceAgent::Lite };
        let uses_ice = sections.iter().any(|section| section.has_attribute("ice-ufrag"));
        answered.sdp =
            write::description(local, answered.next.version, uses_ice.then_some(agent), &bundle, sections);
        Ok(answered)
    }

    /// What is settled about DTLS; `None` while no m-line has needed it.
    fn associate(&self, offer: &RemoteDescription) -> Result<Option<Association>, NegotiationError> {
        let (before, transport) = (self.association.as_ref(), &offer.transport);
        if transport.ice.is_none() {
            return Ok(before.cloned());
        }
        // RFC 8842 §5.3: an offer that leaves the choice is answered with the role there is.
        let role = match (before, transport.setup) {
            (Some(before), Some(super::super::Setup::ActPass) | None) => before.role,
            _ => DtlsRole::when_answering(transport.setup),
        };
        Association::settle(before, role, transport).map(Some)
    }
}

/// Accepts an m-line of audio or video that Keel can take part in; `None` for others.
fn accept(
    offer: &RemoteDescription,
    section: &RemoteMedia,
    local: &LocalDescription,
    dtls_role: DtlsRole,
    before: Option<&Slot>,
    fresh: &mut impl Iterator<Item = ElementId>,
) -> Result<Option<(AnsweredLine, MediaDescription)>, NegotiationError> {
    let usable = section.protection == Protection::Dtls && offer.is_usable(section);
    let Some(kind) = section.kind.media().filter(|_| usable) else { return Ok(None) };
    require_one_secure_port(offer, section)?;
    let formats = agreed_formats(section, kind, local, &Peers::default())?;
    let encodings = received_encodings(section, kind, &formats);
    // What Keel sends it offers itself, on connections of their own.
    let direction = section.direction.common(Direction::RecvOnly);
    let written = text(section, kind, direction, &formats, &encodings, None, dtls_role).write(local);
    let known = before.and_then(Slot::line);
    let element = known.or_else(|| fresh.next()).ok_or(NegotiationError::TooManyLines)?;
    let media = NegotiatedMedia {
        index: section.index,
        kind,
        parameters: RtpParameters {
            mid: section.tag(),
            direction,
            formats: formats.into_iter().map(|format| format.format).collect(),
            extensions: extension_map(&section.extensions),
        },
        send: None,
        receive: section.streams.clone(),
        simulcast: Simulcast::of(&encodings, &section.streams),
    };
    Ok(Some((AnsweredLine { element, is_new: known.is_none(), media }, written)))
}

impl Slot {
    fn line(&self) -> Option<ElementId> {
        match self.holds {
            Holds::Line(element) => Some(element),
            Holds::Nothing | Holds::Data => None,
        }
    }

    /// RFC 8829 §5.2.2: an m-line that is in use keeps its place, its name and its kind.
    fn require_same(&self, section: &RemoteMedia) -> Result<(), NegotiationError> {
        if self.mid != section.tag() {
            return Err(NegotiationError::Invalid("an m-line with another name than before"));
        }
        if self.kind != section.kind {
            return Err(NegotiationError::Invalid("an m-line of another kind than before"));
        }
        Ok(())
    }
}
