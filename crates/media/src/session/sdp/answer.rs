//! Keel's answer to a peer's offer.

use super::agreement::{Peers, agree};
use super::codecs::SdpFormat;
use super::extensions::extension_map;
use super::parse::RemoteDescription;
use super::section::{Protection, RemoteMedia};
use super::simulcast::{SdpEncoding, Simulcast, accept_encodings};
use super::write::{self, IceAgent, Section, Sender};
use super::{LocalDescription, Negotiated, NegotiatedMedia, SendStream};
use crate::error::NegotiationError;
use crate::pipeline::MediaKind;
use crate::rtp::{Direction, Extension, RtpParameters, Ssrc};
use crate::srtp::DtlsRole;

/// An answer and what it settles.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The text for the peer.
    pub sdp: String,
    /// What media may now do.
    pub negotiated: Negotiated,
}

/// Answers `offer`: accepts the first audio and the first video m-line of its bundle, the first of data
/// channels where `local` wants them, and refuses the rest. Every number in the answer is the offerer's own (payload types, extension ids).
/// `peers` are the endpoints this one is connected to, as far as their formats are known: the answer lists
/// only what all of them take.
///
/// # Errors
/// [`NegotiationError::NoCommonCodec`] when an m-line of DTLS-SRTP has no format that Keel forwards, its owner
/// allows and all `peers` accept; [`NegotiationError::Invalid`] when the offer lacks what DTLS-SRTP on one
/// port needs.
pub fn answer(
    offer: &RemoteDescription,
    local: &LocalDescription,
    peers: &Peers,
) -> Result<Answer, NegotiationError> {
    let dtls_role = DtlsRole::when_answering(offer.transport.setup);
    let mut sections = Vec::new();
    let mut bundle = Vec::new();
    let mut media: Vec<NegotiatedMedia> = Vec::new();
    let data = offer.data_section().filter(|_| local.data_channels);
    // RFC 3264 §6: as many m-lines as the offer, in its order.
    for section in &offer.media {
        if data.is_some_and(|data| data.index == section.index) {
            offer.transport.require_secure()?;
            bundle.extend(section.mid.filter(|mid| offer.bundles.iter().any(|group| group.contains(mid))));
            sections.push(section.accepted_data(local, dtls_role.setup()));
            continue;
        }
        let refuse = || {
            let (name, first_format) = &section.written;
            write::refused(name, &section.protocol, first_format, section.mid)
        };
        let Some(kind) = accepted_kind(offer, section) else {
            sections.push(refuse());
            continue;
        };
        if section.protection == Protection::Dtls {
            require_one_secure_port(offer, section)?;
            // RFC 9143 §7.3: only what the offer bundled.
            bundle.extend(section.mid.filter(|mid| offer.bundles.iter().any(|group| group.contains(mid))));
        }
        let formats = match agreed_formats(section, kind, local, peers) {
            // RFC 3264 §6: rejected for want of a common format. An m-line of plain RTP carries nothing here
            // anyway, so that is no error; KMS's clients expect an answer.
            Err(NegotiationError::NoCommonCodec(_)) if section.protection == Protection::Plain => {
                sections.push(refuse());
                continue;
            }
            formats => formats?,
        };
        let send = section.direction.sends().then(|| {
            let earlier: Vec<SendStream> = media.iter().filter_map(|media| media.send).collect();
            free_stream(local.stream(kind).serving(&formats), offer, &earlier)
        });
        let encodings = received_encodings(section, kind, &formats);
        let sender = send.map(|stream| Sender::only(stream, kind, local));
        let text = text(section, kind, section.direction, &formats, &encodings, sender, dtls_role);
        sections.push(text.write(local));
        media.push(NegotiatedMedia {
            index: section.index,
            kind,
            parameters: RtpParameters {
                mid: section.tag(),
                direction: section.direction,
                formats: formats.into_iter().map(|format| format.format).collect(),
                extensions: extension_map(&section.extensions),
            },
            send,
            receive: section.streams.clone(),
            simulcast: Simulcast::of(&encodings, &section.streams),
        });
    }
    // Two lite agents never connect: towards one Keel is a full agent.
    let agent = if offer.transport.ice_lite { IceAgent::Full } else { IceAgent::Lite };
    let uses_ice = sections.iter().any(|section| section.has_attribute("ice-ufrag"));
    let sdp = write::description(local, 1, uses_ice.then_some(agent), &bundle, sections);
    Ok(Answer { sdp, negotiated: Negotiated { media, data: data.and_then(RemoteMedia::data), dtls_role } })
}

/// The kind of an m-line that Keel accepts. Later m-lines of a kind are for peers with many tracks, which
/// `lines/answerer.rs` answers.
fn accepted_kind(offer: &RemoteDescription, section: &RemoteMedia) -> Option<MediaKind> {
    let kind = section.kind.media()?;
    offer.section(kind).filter(|accepted| accepted.index == section.index).map(|_| kind)
}

pub(super) fn require_one_secure_port(
    offer: &RemoteDescription,
    section: &RemoteMedia,
) -> Result<(), NegotiationError> {
    offer.transport.require_secure()?;
    // RFC 8834 §4.5: RTP and RTCP on one port; Keel has no second one.
    if section.rtcp_mux { Ok(()) } else { Err(NegotiationError::Invalid("an m-line without rtcp-mux")) }
}

pub(super) fn agreed_formats(
    section: &RemoteMedia,
    kind: MediaKind,
    local: &LocalDescription,
    peers: &Peers,
) -> Result<Vec<SdpFormat>, NegotiationError> {
    let own = local.restrictions.of_kind(kind).restrict(&section.formats);
    let mut formats = agree(kind, &own, peers.of(kind))?;
    let counted = section.extensions.iter().any(|e| e.extension == Extension::TransportSequenceNumber);
    for format in &mut formats {
        // Feedback on transport-wide numbers has no meaning for packets that carry none.
        format.format.transport_cc &= counted;
    }
    Ok(formats)
}

/// The encodings of the offer that Keel takes. Those of audio are for nothing that a browser does.
pub(super) fn received_encodings(
    section: &RemoteMedia,
    kind: MediaKind,
    formats: &[SdpFormat],
) -> Vec<SdpEncoding> {
    if kind == MediaKind::Video && section.direction.receives() {
        accept_encodings(&section.encodings, formats, &section.extensions)
    } else {
        Vec::new()
    }
}

pub(super) fn text<'a>(
    section: &'a RemoteMedia,
    kind: MediaKind,
    direction: Direction,
    formats: &'a [SdpFormat],
    encodings: &'a [SdpEncoding],
    send: Option<Sender>,
    dtls_role: DtlsRole,
) -> Section<'a> {
    Section {
        kind,
        protocol: &section.protocol,
        setup: (section.protection == Protection::Dtls).then(|| dtls_role.setup()),
        mid: section.mid,
        direction,
        formats,
        extensions: &section.extensions,
        rtcp_mux: section.rtcp_mux,
        rtcp_rsize: section.rtcp_rsize,
        extmap_allow_mixed: section.extmap_allow_mixed,
        send,
        encodings,
    }
}

/// The stream Keel would like to send with, moved past SSRCs that are taken: the peer's own and Keel's
/// others. An offer names a bounded number of them, so a free one is near.
fn free_stream(wanted: SendStream, offer: &RemoteDescription, earlier: &[SendStream]) -> SendStream {
    let is_taken = |ssrc: Ssrc, other: Option<Ssrc>| {
        offer.declares(ssrc)
            || other == Some(ssrc)
            || earlier.iter().any(|stream| stream.ssrc == ssrc || stream.rtx == Some(ssrc))
    };
    let free = |mut ssrc: Ssrc, other: Option<Ssrc>| {
        while is_taken(ssrc, other) {
            ssrc = Ssrc::new(ssrc.wire().wrapping_add(1));
        }
        ssrc
    };
    let ssrc = free(wanted.ssrc, None);
    let rtx = wanted.rtx.map(|rtx| free(rtx, Some(ssrc)));
    SendStream { ssrc, rtx }
}
