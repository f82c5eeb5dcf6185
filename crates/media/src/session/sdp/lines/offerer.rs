//! A peer that Keel makes the offers to: what it is sent changes with each of them.

use super::super::agreement::agree;
use super::super::codecs::SdpFormat;
use super::super::data::{self, NegotiatedData};
use super::super::offer::{OfferedSection, accept_data, offered_extensions, offered_formats};
use super::super::parse::RemoteDescription;
use super::super::write::{self, IceAgent, Sender};
use super::super::{LocalDescription, NegotiatedMedia, SendStream};
use super::{Association, LINES_MAX, SsrcSequence};
use crate::error::{LineError, NegotiationError};
use crate::id::ElementId;
use crate::pipeline::MediaKind;
use crate::rtp::{Direction, Format, Mid};
use crate::srtp::DtlsRole;
use rtc_sdp::description::media::MediaDescription;

/// The m-lines, and the offer that waits for its answer.
#[derive(Clone, Debug)]
pub struct Offerer {
    slots: Vec<Slot>,
    ssrcs: SsrcSequence,
    next_mid: u64,
    /// Offers so far.
    version: u64,
    outstanding: Option<Vec<OfferedSlot>>,
    association: Option<Association>,
}

/// One m-line.
#[derive(Clone, Debug)]
struct Slot {
    mid: Mid,
    holds: Holds,
}

/// What an m-line is for.
#[derive(Clone, Debug)]
enum Holds {
    Data,
    Line(Line),
    /// Nobody's now, of this kind: written as inactive, and given to the next line of the kind.
    Idle(MediaKind, Vec<SdpFormat>),
    /// The peer has rejected it: written with port 0, and given to the next line of any kind (RFC 8829 §5.2.2).
    Rejected(MediaKind),
}

#[derive(Clone, Debug)]
struct Line {
    element: ElementId,
    kind: MediaKind,
    group: u64,
    send: SendStream,
    /// What was offered last.
    formats: Vec<SdpFormat>,
    /// The peer has agreed to receive it.
    agreed: bool,
}

/// An m-line as it stands in the outstanding offer.
#[derive(Clone, Debug)]
enum OfferedSlot {
    Data(Mid),
    Line(ElementId, Box<OfferedSection>),
    Idle(MediaKind),
    Rejected,
}

/// An offer for the peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinesOffer {
    /// The text.
    pub sdp: String,
    /// The lines in use, with the names of their m-lines.
    pub lines: Vec<(ElementId, Mid)>,
}

/// What an answer makes of the m-lines.
#[derive(Clone, Debug)]
pub struct AcceptedAnswer {
    /// The lines that the peer accepts and that are still in use. What one sends may be nothing, where the
    /// peer does not want to receive it at present.
    pub lines: Vec<AcceptedLine>,
    /// The lines that it rejects, which have ended by that.
    pub refused: Vec<(ElementId, MediaKind)>,
    /// The accepted m-line of data channels.
    pub data: Option<NegotiatedData>,
    /// Keel's part in the DTLS handshake.
    pub dtls_role: DtlsRole,
    /// The m-lines from now on.
    pub next: Offerer,
}

/// One m-line that the peer accepts.
#[derive(Clone, Debug)]
pub struct AcceptedLine {
    /// The line's name in the pipeline.
    pub element: ElementId,
    /// What was agreed.
    pub media: NegotiatedMedia,
    /// The name that all lines of its group share (RFC 3550 §6.5.1).
    pub cname: String,
}

impl Offerer {
    /// No m-lines yet, or the one of data channels. The lines' SSRCs will be of `ssrcs`.
    #[must_use]
    pub fn new(ssrcs: SsrcSequence, data_channels: bool) -> Self {
        let mut new =
            Self { slots: Vec::new(), ssrcs, next_mid: 0, version: 0, outstanding: None, association: None };
        if data_channels {
            let mid = new.draw_mid();
            new.slots.push(Slot { mid, holds: Holds::Data });
        }
        new
    }

    /// Adds a line: into an m-line that nobody uses, where there is one, else into a new one. It takes part
    /// from the next offer on, under SSRCs and a name that no other line has had.
    ///
    /// # Errors
    /// [`LineError::Full`] with [`LINES_MAX`] m-lines in use.
    pub fn add(&mut self, element: ElementId, kind: MediaKind, group: u64) -> Result<(), LineError> {
        let idle = |slot: &Slot| matches!(&slot.holds, Holds::Idle(of, _) if *of == kind);
        let rejected = |slot: &Slot| matches!(slot.holds, Holds::Rejected(_));
        let place = self.slots.iter().position(idle).or_else(|| self.slots.iter().position(rejected));
        if place.is_none() && self.slots.len() >= LINES_MAX {
            return Err(LineError::Full);
        }
        let send = self.draw_stream(kind).ok_or(LineError::Full)?;
        let line = Line { element, kind, group, send, formats: Vec::new(), agreed: false };
        let holds = Holds::Line(line);
        match place.and_then(|place| self.slots.get(place)).map(|slot| (slot.mid, rejected(slot))) {
            Some((mid, was_rejected)) => {
                // RFC 8829 §5.2.2: a rejected m-line that is used again gets a new name.
                let mid = if was_rejected { self.draw_mid() } else { mid };
                if let Some(slot) = place.and_then(|place| self.slots.get_mut(place)) {
                    *slot = Slot { mid, holds };
                }
            }
            None => {
                let mid = self.draw_mid();
                self.slots.push(Slot { mid, holds });
            }
        }
        Ok(())
    }

    /// Adds the m-line of data channels, unless there is one.
    ///
    /// # Errors
    /// [`LineError::Full`] with [`LINES_MAX`] m-lines in use.
    pub fn add_data(&mut self) -> Result<(), LineError> {
        if self.slots.iter().any(|slot| matches!(slot.holds, Holds::Data)) {
            return Ok(());
        }
        if self.slots.len() >= LINES_MAX {
            return Err(LineError::Full);
        }
        let mid = self.draw_mid();
        self.slots.push(Slot { mid, holds: Holds::Data });
        Ok(())
    }

    /// Ends a line; nothing happens when it is not there. Its m-line is inactive from the next offer on, or
    /// another line's.
    pub fn remove(&mut self, element: ElementId) {
        for slot in &mut self.slots {
            if let Holds::Line(line) = &mut slot.holds
                && line.element == element
            {
                slot.holds = Holds::Idle(line.kind, std::mem::take(&mut line.formats));
            }
        }
    }

    /// Whether an offer waits for its answer.
    #[must_use]
    pub const fn is_outstanding(&self) -> bool {
        self.outstanding.is_some()
    }

    /// Whether no answer came yet.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.association.is_none()
    }

    /// The name of the first m-line that carries the transport.
    #[must_use]
    pub fn first_mid(&self) -> Option<(u16, Mid)> {
        let living = |(_, slot): &(u16, &Slot)| !matches!(slot.holds, Holds::Rejected(_));
        (0..).zip(&self.slots).find(living).map(|(index, slot)| (index, slot.mid))
    }

    /// Makes an offer of all m-lines. `source_of` tells the formats of what feeds a line, the one that is sent
    /// first: the line offers that one alone, with its retransmissions.
    ///
    /// # Errors
    /// [`NegotiationError::OfferOutstanding`] while one waits for its answer, [`NegotiationError::Invalid`]
    /// while there are no m-lines.
    pub fn offer<'a>(
        &mut self,
        local: &LocalDescription,
        source_of: impl Fn(ElementId) -> Option<&'a [Format]>,
    ) -> Result<LinesOffer, NegotiationError> {
        if self.is_outstanding() {
            return Err(NegotiationError::OfferOutstanding);
        }
        if self.slots.is_empty() {
            return Err(NegotiationError::Invalid("an offer of nothing"));
        }
        let (mut sections, mut bundle, mut lines, mut offered) = (vec![], vec![], vec![], vec![]);
        for place in 0..self.slots.len() {
            if let Some(Slot { holds: Holds::Line(line), .. }) = self.slots.get(place) {
                let formats = line.formats_for(local, source_of(line.element));
                // What was agreed for a stream holds as long as it does: another codec is another stream.
                let renewed = line.agreed && line.formats != formats;
                let send = if renewed { self.draw_stream(line.kind) } else { Some(line.send) };
                let send = send.ok_or(NegotiationError::TooManyLines)?;
                if let Some(Slot { holds: Holds::Line(line), .. }) = self.slots.get_mut(place) {
                    (line.formats, line.send) = (formats, send);
                    line.agreed &= !renewed;
                }
            }
            let Some(slot) = self.slots.get(place) else { continue };
            let (text, offers) = slot.write(local);
            if !matches!(offers, OfferedSlot::Rejected) {
                bundle.push(slot.mid);
            }
            if let OfferedSlot::Line(element, _) = offers {
                lines.push((element, slot.mid));
            }
            sections.push(text);
            offered.push(offers);
        }
        self.version += 1;
        self.outstanding = Some(offered);
        // Keel does not know yet whether the peer is a lite agent; if its answer says so, Keel becomes a full
        // one (RFC 8445 §6.1.1 has the offerer control then).
        let sdp = write::description(local, self.version, Some(IceAgent::Lite), &bundle, sections);
        Ok(LinesOffer { sdp, lines })
    }

    /// Takes the answer to the offer that waits for it.
    ///
    /// # Errors
    /// [`NegotiationError::NoOffer`] when none does, [`NegotiationError::Invalid`] when it does not answer
    /// this offer or lacks what DTLS-SRTP on one port needs, [`NegotiationError::NoCommonCodec`] when it
    /// accepts an m-line with none of its formats. The offer still waits then.
    pub fn accept(
        &self,
        answer: &RemoteDescription,
        local: &LocalDescription,
    ) -> Result<AcceptedAnswer, NegotiationError> {
        let offered = self.outstanding.as_ref().ok_or(NegotiationError::NoOffer)?;
        if offered.len() != answer.media.len() {
            return Err(NegotiationError::Invalid("an answer with another number of m-lines than the offer"));
        }
        let association = self.associate(answer)?;
        let dtls_role = association.as_ref().map_or(DtlsRole::Server, |association| association.role);
        let next = Self { outstanding: None, association, ..self.clone() };
        let mut accepted =
            AcceptedAnswer { lines: Vec::new(), refused: Vec::new(), data: None, dtls_role, next };
        for ((place, offered), answered) in offered.iter().enumerate().zip(&answer.media) {
            let kind = match offered {
                OfferedSlot::Data(_) => None,
                OfferedSlot::Line(_, section) => Some(section.kind),
                OfferedSlot::Idle(kind) => Some(*kind),
                OfferedSlot::Rejected => continue,
            };
            // RFC 3264 §6: the m-lines correspond by their order.
            if kind.is_some() && answered.kind.media() != kind {
                return Err(NegotiationError::Invalid("an answer whose m-lines are not the offer's"));
            }
            match offered {
                OfferedSlot::Data(mid) => accepted.data = accept_data(*mid, answered, answer)?,
                OfferedSlot::Line(element, section) if answered.rejected => {
                    if accepted.next.reject(place, Some(*element)) {
                        accepted.refused.push((*element, section.kind));
                    }
                }
                OfferedSlot::Line(element, section) => {
                    let media = section.accept(answered, answer)?;
                    if let Some(group) = accepted.next.agree(place, *element, media.send.is_some()) {
                        let (element, cname) = (*element, cname(local, group));
                        accepted.lines.push(AcceptedLine { element, media, cname });
                    }
                }
                OfferedSlot::Idle(_) if answered.rejected => {
                    accepted.next.reject(place, None);
                }
                OfferedSlot::Idle(_) | OfferedSlot::Rejected => {}
            }
        }
        Ok(accepted)
    }

    fn associate(&self, answer: &RemoteDescription) -> Result<Option<Association>, NegotiationError> {
        let before = self.association.as_ref();
        // An answer that rejects everything has no transport.
        if answer.transport.ice.is_none() {
            return Ok(before.cloned());
        }
        let role = DtlsRole::when_answered(answer.transport.setup)?;
        Association::settle(before, role, &answer.transport).map(Some)
    }

    /// Notes that the peer has rejected an m-line, unless it is in use for something else by now. Says whether
    /// a line has ended by that.
    fn reject(&mut self, place: usize, element: Option<ElementId>) -> bool {
        let (ends, kind) = match self.slots.get(place).map(|slot| &slot.holds) {
            Some(Holds::Line(line)) if Some(line.element) == element => (true, Some(line.kind)),
            Some(Holds::Idle(kind, _)) => (false, Some(*kind)),
            Some(Holds::Line(_)) => (false, None),
            Some(Holds::Data | Holds::Rejected(_)) | None => return false,
        };
        // Another line that has it by now needs a new name, too.
        let renamed = if kind.is_none() { Some(self.draw_mid()) } else { None };
        if let Some(slot) = self.slots.get_mut(place) {
            slot.mid = renamed.unwrap_or(slot.mid);
            if let Some(kind) = kind {
                slot.holds = Holds::Rejected(kind);
            }
        }
        ends
    }

    /// Notes what the peer agreed to of a line. Returns its group if it is still in use.
    fn agree(&mut self, place: usize, element: ElementId, sends: bool) -> Option<u64> {
        let Some(Slot { holds: Holds::Line(line), .. }) = self.slots.get(place) else { return None };
        if line.element != element {
            return None;
        }
        let group = line.group;
        // A stream that ended may not go on: its numbers would come twice.
        let spent = line.agreed && !sends;
        let send = if spent { self.draw_stream(line.kind) } else { None };
        if let Some(Slot { holds: Holds::Line(line), .. }) = self.slots.get_mut(place) {
            line.send = send.unwrap_or(line.send);
            line.agreed = sends;
        }
        Some(group)
    }

    fn draw_stream(&mut self, kind: MediaKind) -> Option<SendStream> {
        let ssrc = self.ssrcs.next()?;
        let rtx = match kind {
            MediaKind::Audio => None,
            MediaKind::Video => Some(self.ssrcs.next()?),
        };
        Some(SendStream { ssrc, rtx })
    }

    fn draw_mid(&mut self) -> Mid {
        let number = self.next_mid;
        self.next_mid = number.saturating_add(1);
        // Sixteen hexadecimal digits, the most that a 64-bit number has, are as long as a name may be.
        Mid::new(&format!("{number:x}")).expect("a short number is a token")
    }
}

/// Keel's name for the clock of a group's publisher.
fn cname(local: &LocalDescription, group: u64) -> String {
    format!("{}-{group}", local.cname)
}

impl Line {
    fn formats_for(&self, local: &LocalDescription, source: Option<&[Format]>) -> Vec<SdpFormat> {
        let own = local.restrictions.of_kind(self.kind).restrict(&offered_formats(self.kind));
        // What is fed by nobody yet offers all; and what nobody can offer is told when it is routed.
        let sent = source.and_then(|formats| formats.first()).map(|first| vec![vec![first.clone()]]);
        sent.and_then(|sent| agree(self.kind, &own, &sent).ok()).unwrap_or(own)
    }
}

impl Slot {
    /// Its text, and how it is offered by that.
    fn write(&self, local: &LocalDescription) -> (MediaDescription, OfferedSlot) {
        match &self.holds {
            Holds::Data => (data::offered(local, self.mid), OfferedSlot::Data(self.mid)),
            Holds::Line(line) => {
                let section = self.section(line.kind, &line.formats, Direction::SendOnly, line.send);
                let sender = Sender {
                    stream: line.send.serving(&line.formats),
                    stream_id: format!("{}-{}", local.stream_id, line.group),
                    track_id: format!("{}-{:08x}", line.kind, line.send.ssrc.wire()),
                    cname: cname(local, line.group),
                };
                let text = section.text(Some(sender)).write(local);
                (text, OfferedSlot::Line(line.element, Box::new(section)))
            }
            Holds::Idle(kind, formats) => {
                let all = offered_formats(*kind);
                let formats = if formats.is_empty() { &all } else { formats };
                let unused = SendStream { ssrc: crate::rtp::Ssrc::new(0), rtx: None };
                let section = self.section(*kind, formats, Direction::Inactive, unused);
                (section.text(None).write(local), OfferedSlot::Idle(*kind))
            }
            Holds::Rejected(kind) => (
                write::refused(&kind.to_string(), "UDP/TLS/RTP/SAVPF", "0", Some(self.mid)),
                OfferedSlot::Rejected,
            ),
        }
    }

    fn section(
        &self,
        kind: MediaKind,
        formats: &[SdpFormat],
        direction: Direction,
        send: SendStream,
    ) -> OfferedSection {
        OfferedSection {
            kind,
            mid: self.mid,
            formats: formats.to_vec(),
            extensions: offered_extensions(kind),
            direction,
            send,
            encodings: Vec::new(),
        }
    }
}
