//! Keel's own offer, and the peer's answer to it.

use super::agreement::{Peers, agree};
use super::codecs::{SdpFormat, drop_stray_red};
use super::data::{self, NegotiatedData};
use super::extensions::{SdpExtension, extension_map};
use super::parse::RemoteDescription;
use super::section::{Protection, RemoteMedia, SectionKind};
use super::simulcast::{SdpEncoding, Simulcast, accept_encodings};
use super::transport::Setup;
use super::write::{self, IceAgent, Section, Sender};
use super::{LocalDescription, Negotiated, NegotiatedMedia, SendStream};
use crate::codec::{Codec, CodecParameters, H264Profile};
use crate::error::NegotiationError;
use crate::forward::ENCODINGS_MAX;
use crate::pipeline::{MediaKind, OfferOptions};
use crate::rtp::{Direction, Extension, ExtensionId, Format, Mid, PayloadType, Rid, RtpParameters};
use crate::srtp::DtlsRole;

/// An offer, kept until it is answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    /// The text for the peer.
    pub sdp: String,
    sections: Vec<OfferedSection>,
    /// The m-line of data channels, after the others.
    data: Option<Mid>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct OfferedSection {
    pub(super) kind: MediaKind,
    pub(super) mid: Mid,
    pub(super) formats: Vec<SdpFormat>,
    pub(super) extensions: Vec<SdpExtension>,
    pub(super) direction: Direction,
    pub(super) send: SendStream,
    /// Those that the peer is asked to send, from the least to the best.
    pub(super) encodings: Vec<SdpEncoding>,
}

impl Offer {
    /// The tag of its first m-line.
    #[must_use]
    pub fn first_mid(&self) -> Option<Mid> {
        self.sections.first().map(|section| section.mid).or(self.data)
    }
}

/// Makes an offer of one m-line for each kind asked for, with every format that Keel forwards and that all
/// of `peers` (the endpoints this one is connected to, as far as their formats are known) accept. Media goes
/// the ways that the endpoint's owner allows. An m-line of data channels follows where `local` wants them.
///
/// # Errors
/// [`NegotiationError::NoCommonCodec`] when `peers` or the owner's restrictions leave nothing, [`NegotiationError::Invalid`] when no
/// kind is asked for.
pub fn offer(
    local: &LocalDescription,
    options: OfferOptions,
    peers: &Peers,
) -> Result<Offer, NegotiationError> {
    let wanted = |kind: &MediaKind| match kind {
        MediaKind::Audio => options.audio,
        MediaKind::Video => options.video,
    };
    let mut sections = Vec::new();
    for (index, kind) in MediaKind::ALL.into_iter().filter(wanted).enumerate() {
        let own = local.restrictions.of_kind(kind).restrict(&offered_formats(kind));
        sections.push(OfferedSection {
            kind,
            mid: Mid::new(&index.to_string()).expect("a short number is a token"),
            formats: agree(kind, &own, peers.of(kind))?,
            extensions: offered_extensions(kind),
            direction: local.restrictions.offered.into(),
            send: local.stream(kind),
            encodings: offered_encodings(kind, options.encodings, local),
        });
    }
    let data = local
        .data_channels
        .then(|| Mid::new(&sections.len().to_string()).expect("a short number is a token"));
    if sections.is_empty() && data.is_none() {
        return Err(NegotiationError::Invalid("an offer of nothing"));
    }
    let bundle: Vec<Mid> = sections.iter().map(|section| section.mid).chain(data).collect();
    let text = sections.iter().map(|section| {
        let send = section.direction.sends().then(|| section.send.serving(&section.formats));
        section.text(send.map(|stream| Sender::only(stream, section.kind, local))).write(local)
    });
    let text = text.chain(data.map(|mid| data::offered(local, mid))).collect();
    // Keel does not know yet whether the peer is a lite agent; if its answer says so, Keel becomes a full
    // one (RFC 8445 §6.1.1 has the offerer control then).
    Ok(Offer { sdp: write::description(local, 1, Some(IceAgent::Lite), &bundle, text), sections, data })
}

/// Takes the peer's answer to `offer`. M-lines that it rejected are left out of the result.
///
/// # Errors
/// [`NegotiationError::Invalid`] when it does not answer this offer, or lacks what DTLS-SRTP on one port
/// needs; [`NegotiationError::NoCommonCodec`] when it accepts an m-line with none of its formats.
pub fn accept_answer(offer: &Offer, answer: &RemoteDescription) -> Result<Negotiated, NegotiationError> {
    if offer.sections.len() + usize::from(offer.data.is_some()) != answer.media.len() {
        return Err(NegotiationError::Invalid("an answer with another number of m-lines than the offer"));
    }
    let dtls_role = DtlsRole::when_answered(answer.transport.setup)?;
    let mut media = Vec::new();
    for (offered, answered) in offer.sections.iter().zip(&answer.media) {
        // RFC 3264 §6: the m-lines correspond by their order.
        if answered.kind.media() != Some(offered.kind) {
            return Err(NegotiationError::Invalid("an answer whose m-lines are not the offer's"));
        }
        if answered.rejected {
            continue;
        }
        media.push(offered.accept(answered, answer)?);
    }
    let data = match (offer.data, answer.media.get(offer.sections.len())) {
        (Some(mid), Some(answered)) => accept_data(mid, answered, answer)?,
        _ => None,
    };
    Ok(Negotiated { media, data, dtls_role })
}

/// The answer's last m-line, where data channels were offered; `None` where the peer wants none.
pub(super) fn accept_data(
    offered: Mid,
    answered: &RemoteMedia,
    answer: &RemoteDescription,
) -> Result<Option<NegotiatedData>, NegotiationError> {
    if answered.kind != SectionKind::Application {
        return Err(NegotiationError::Invalid("an answer whose m-lines are not the offer's"));
    }
    if answered.rejected {
        return Ok(None);
    }
    let data = answered.data().filter(|data| data.mid == offered);
    let data =
        data.ok_or(NegotiationError::Invalid("an answer with other data channels than the offer's"))?;
    if !answer.shares_transport(answered) {
        return Err(NegotiationError::Invalid("an answer that spreads media over several ports"));
    }
    answer.transport.require_secure()?;
    Ok(Some(data))
}

impl OfferedSection {
    pub(super) fn text(&self, send: Option<Sender>) -> Section<'_> {
        Section {
            kind: self.kind,
            protocol: "UDP/TLS/RTP/SAVPF",
            // RFC 8842 §5.2: the answerer chooses.
            setup: Some(Setup::ActPass),
            mid: Some(self.mid),
            direction: self.direction,
            formats: &self.formats,
            extensions: &self.extensions,
            rtcp_mux: true,
            rtcp_rsize: true,
            extmap_allow_mixed: true,
            send,
            encodings: &self.encodings,
        }
    }

    /// Checks an m-line of `answer` that is not rejected, and settles it.
    pub(super) fn accept(
        &self,
        answered: &RemoteMedia,
        answer: &RemoteDescription,
    ) -> Result<NegotiatedMedia, NegotiationError> {
        if answered.mid != Some(self.mid) {
            return Err(NegotiationError::Invalid(
                "an answer whose m-lines have other names than the offer's",
            ));
        }
        if answered.protection != Protection::Dtls {
            return Err(NegotiationError::Invalid("an answer that gives up encryption"));
        }
        if !answer.shares_transport(answered) || !answered.rtcp_mux {
            return Err(NegotiationError::Invalid("an answer that spreads media over several ports"));
        }
        answer.transport.require_secure()?;
        if [Some(self.send.ssrc), self.send.rtx].into_iter().flatten().any(|ssrc| answer.declares(ssrc)) {
            return Err(NegotiationError::Invalid("an answer with an SSRC of the offer"));
        }
        self.settle(answered)
    }

    /// The part of the offer that the answer accepts, in the answer's order.
    fn settle(&self, answered: &RemoteMedia) -> Result<NegotiatedMedia, NegotiationError> {
        let extensions: Vec<SdpExtension> = answered
            .extensions
            .iter()
            .filter(|theirs| {
                self.extensions.iter().any(|e| (e.id, e.extension) == (theirs.id, theirs.extension))
            })
            .copied()
            .collect();
        let counted = extensions.iter().any(|e| e.extension == Extension::TransportSequenceNumber);
        let mut formats: Vec<SdpFormat> =
            answered.formats.iter().filter_map(|theirs| self.settle_format(theirs, counted)).collect();
        drop_stray_red(&mut formats);
        if formats.is_empty() {
            return Err(NegotiationError::NoCommonCodec(self.kind));
        }
        // RFC 3264 §6.1: an answer takes away directions, it adds none.
        let direction = self.direction.common(answered.direction);
        let send = direction.sends().then(|| self.send.serving(&formats));
        let encodings = answered.encodings.iter();
        // RFC 8853 §5.3.2: an answer may leave out encodings, it adds none.
        let offered = |theirs: &&SdpEncoding| self.encodings.iter().any(|ours| ours.rid == theirs.rid);
        let mut encodings: Vec<SdpEncoding> = encodings.filter(offered).cloned().collect();
        // Asked for from the least to the best, whatever the order of the answer.
        encodings.sort_by_key(|theirs| self.encodings.iter().position(|ours| ours.rid == theirs.rid));
        let encodings = match direction.receives() {
            true => accept_encodings(&encodings, &formats, &extensions),
            false => Vec::new(),
        };
        Ok(NegotiatedMedia {
            index: answered.index,
            kind: self.kind,
            parameters: RtpParameters {
                mid: self.mid,
                direction,
                formats: formats.into_iter().map(|format| format.format).collect(),
                extensions: extension_map(&extensions),
            },
            send,
            receive: answered.streams.clone(),
            simulcast: Simulcast::of(&encodings, &answered.streams),
        })
    }

    /// One format of the answer, as far as it was offered.
    fn settle_format(&self, theirs: &SdpFormat, counted: bool) -> Option<SdpFormat> {
        let ours = self.formats.iter().find(|ours| {
            // RFC 3264 §6.1: an answer repeats the offer's payload types.
            ours.format.payload_type == theirs.format.payload_type && ours.format.agrees_with(&theirs.format)
        })?;
        let mut settled = theirs.clone();
        let (format, offered) = (&mut settled.format, &ours.format);
        format.rtx = format.rtx.filter(|rtx| offered.rtx == Some(*rtx));
        format.nack &= offered.nack;
        format.pli &= offered.pli;
        format.fir &= offered.fir;
        format.remb &= offered.remb;
        format.transport_cc &= offered.transport_cc && counted;
        Some(settled)
    }
}

/// The encodings that the peer is asked for: where its offer has several, a browser makes each twice as wide
/// and high as the one before (W3C WebRTC §5.2).
fn offered_encodings(kind: MediaKind, count: usize, local: &LocalDescription) -> Vec<SdpEncoding> {
    let receives = Direction::from(local.restrictions.offered).receives();
    if kind == MediaKind::Audio || !receives || count < 2 {
        return Vec::new();
    }
    let rid = |place: usize| Rid::new(&format!("r{place}")).expect("a letter and a digit are a name");
    (0..count.min(ENCODINGS_MAX)).map(rid).map(SdpEncoding::offered).collect()
}

/// Every format that Keel forwards, with payload types that libwebrtc uses for them as well. H.264 is offered
/// at level 3.1 as browsers do: they compare profiles and send higher levels all the same.
pub(super) fn offered_formats(kind: MediaKind) -> Vec<SdpFormat> {
    const OPUS: PayloadType = payload_type(111);
    match kind {
        MediaKind::Audio => {
            let mut red = audio(payload_type(63), Codec::Red, &[]);
            red.red_of = Some(OPUS);
            vec![
                audio(OPUS, Codec::Opus, &[("minptime", "10"), ("useinbandfec", "1")]),
                red,
                audio(payload_type(9), Codec::G722, &[]),
                audio(payload_type(0), Codec::Pcmu, &[]),
                audio(payload_type(8), Codec::Pcma, &[]),
            ]
        }
        MediaKind::Video => {
            let h265 = CodecParameters::H265 { profile: 1, tier: 0, level: 93 };
            let h265_fmtp =
                [("level-id", "93"), ("profile-id", "1"), ("tier-flag", "0"), ("tx-mode", "SRST")];
            let vp9 = |profile| CodecParameters::Vp9 { profile };
            let av1 = CodecParameters::Av1 { profile: 0 };
            vec![
                video([payload_type(96), payload_type(97)], Codec::Vp8, CodecParameters::None, &[]),
                h264([payload_type(108), payload_type(109)], H264Profile::ConstrainedBaseline, "1", "42e01f"),
                h264([payload_type(114), payload_type(115)], H264Profile::ConstrainedBaseline, "0", "42e01f"),
                h264([payload_type(112), payload_type(113)], H264Profile::ConstrainedHigh, "1", "640c1f"),
                video([payload_type(98), payload_type(99)], Codec::Vp9, vp9(0), &[("profile-id", "0")]),
                video([payload_type(45), payload_type(46)], Codec::Av1, av1, &[("profile", "0")]),
                video([payload_type(49), payload_type(50)], Codec::H265, h265, &h265_fmtp),
                video([payload_type(100), payload_type(101)], Codec::Vp9, vp9(2), &[("profile-id", "2")]),
            ]
        }
    }
}

/// The extensions of an offer. An id is the extension's place in [`Extension::ALL`], so it means the same in
/// every m-line (RFC 9143 §14).
pub(super) fn offered_extensions(kind: MediaKind) -> Vec<SdpExtension> {
    let is_for_kind = |extension: &Extension| match extension {
        Extension::Mid
        | Extension::AbsSendTime
        | Extension::TransportSequenceNumber
        | Extension::AbsCaptureTime => true,
        Extension::AudioLevel => kind == MediaKind::Audio,
        Extension::Rid
        | Extension::RepairedRid
        | Extension::VideoOrientation
        | Extension::PlayoutDelay
        | Extension::VideoContentType
        | Extension::ColorSpace
        | Extension::DependencyDescriptor => kind == MediaKind::Video,
    };
    (1..)
        .zip(Extension::ALL)
        .filter(|(_, extension)| is_for_kind(extension))
        .filter_map(|(number, extension)| {
            let id = ExtensionId::new(number)?;
            Some(SdpExtension { id, extension, direction: Direction::SendRecv })
        })
        .collect()
}

fn audio(payload_type: PayloadType, codec: Codec, fmtp: &[(&'static str, &str)]) -> SdpFormat {
    let feedback = codec == Codec::Opus;
    let format = Format {
        payload_type,
        codec,
        parameters: CodecParameters::None,
        clock_rate: codec.clock_rate(),
        rtx: None,
        nack: false,
        pli: false,
        fir: false,
        transport_cc: feedback,
        remb: false,
    };
    SdpFormat { format, fmtp: owned(fmtp), red_of: None }
}

fn video(
    [payload_type, rtx]: [PayloadType; 2],
    codec: Codec,
    parameters: CodecParameters,
    fmtp: &[(&'static str, &str)],
) -> SdpFormat {
    let format = Format {
        payload_type,
        codec,
        parameters,
        clock_rate: codec.clock_rate(),
        rtx: Some(rtx),
        nack: true,
        pli: true,
        fir: true,
        transport_cc: true,
        remb: true,
    };
    SdpFormat { format, fmtp: owned(fmtp), red_of: None }
}

fn h264(
    payload_types: [PayloadType; 2],
    profile: H264Profile,
    packetization_mode: &str,
    profile_level_id: &str,
) -> SdpFormat {
    let parameters =
        CodecParameters::H264 { profile, level: 31, packetization_mode: u8::from(packetization_mode == "1") };
    let fmtp = [
        ("level-asymmetry-allowed", "1"),
        ("packetization-mode", packetization_mode),
        ("profile-level-id", profile_level_id),
    ];
    video(payload_types, Codec::H264, parameters, &fmtp)
}

fn owned(fmtp: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    fmtp.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

/// For the constants above: the compiler refuses a number that rtcp-mux forbids.
const fn payload_type(number: u8) -> PayloadType {
    PayloadType::new(number).expect("a payload type of this table is usable beside RTCP")
}
