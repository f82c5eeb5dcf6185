//! Negotiation as pure functions: a peer's description in, Keel's description and what both settle out.
//!
//! A peer that offers is read by [`RemoteDescription::parse`] and answered by [`answer()`]; towards one that
//! answers, [`offer()`] makes the offer and [`accept_answer`] takes what comes back. Either way the result is
//! [`Negotiated`]. Candidates are trickled beside it: [`RemoteCandidate`], [`HostCandidate`].
//!
//! An endpoint's session carries one audio, one video and, where its owner wants them, one m-line of data
//! channels on one transport, negotiated once. A peer connection's has any number of them and is negotiated
//! again and again (`lines/`). Video may come in several encodings (`simulcast.rs`).

mod agreement;
mod answer;
mod candidate;
mod codecs;
mod collision;
mod data;
mod extensions;
mod h264;
mod lines;
mod offer;
mod parse;
mod reflexive;
mod relayed;
mod restriction;
mod section;
mod simulcast;
mod streams;
#[cfg(test)]
mod tests;
mod transport;
mod write;

pub use agreement::{Peers, common_formats};
pub use answer::{Answer, answer};
pub use candidate::{
    CandidateAddress, CandidateKind, CandidateProtocol, HostCandidate, RemoteCandidate, TcpRole, Trickled,
};
pub use codecs::SdpFormat;
pub use data::{MESSAGE_BYTES_MAX, NegotiatedData};
pub use extensions::SdpExtension;
pub use lines::{
    AcceptedAnswer, AcceptedLine, AnsweredLine, AnsweredOffer, Answerer, LINES_MAX, LinesOffer, Offerer,
    SsrcSequence,
};
pub use offer::{Offer, accept_answer, offer};
pub use parse::RemoteDescription;
pub use reflexive::ReflexiveCandidate;
pub use relayed::RelayedCandidate;
pub use restriction::{Restriction, Restrictions};
pub use section::{Msid, Protection, RemoteMedia, SectionKind};
pub use simulcast::{SdpEncoding, Simulcast};
pub use streams::{DeclaredStream, DeclaredStreams};
pub use transport::{RemoteTransport, Setup};

use crate::pipeline::MediaKind;
use crate::rtp::{RtpParameters, Ssrc};
use crate::srtp::DtlsRole;
use std::fmt;

/// What Keel says of itself to one peer. None of the texts may hold white space.
#[derive(Clone, PartialEq, Eq)]
pub struct LocalDescription {
    /// The user name fragment of its connectivity checks, 4 to 256 ice-chars (RFC 8839 §5.4).
    pub ice_ufrag: String,
    /// The password of its connectivity checks, 22 to 256 ice-chars.
    pub ice_pwd: String,
    /// The SHA-256 of its certificate as pairs of upper-case hexadecimal digits with colons between.
    pub fingerprint: String,
    /// The session's number in the origin line; 63 bits of it are used.
    pub session_id: u64,
    /// The name that ties its streams' clocks together (RFC 3550 §6.5.1).
    pub cname: String,
    /// The name of the one media stream that holds its audio and its video (RFC 8830).
    pub stream_id: String,
    /// The SSRCs to send audio with. Where an offer uses one of them itself, the next free number is taken.
    pub audio: SendStream,
    /// The SSRCs to send video with.
    pub video: SendStream,
    /// What the endpoint's owner allows of what Keel could do.
    pub restrictions: Restrictions,
    /// Whether the peer may have data channels.
    pub data_channels: bool,
    /// Whether Keel sends checks of its own, whoever the peer is; a lite agent otherwise.
    pub is_full_agent: bool,
}

/// The SSRCs of one stream that Keel sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SendStream {
    /// The media.
    pub ssrc: Ssrc,
    /// Its retransmissions; unused where no format has them.
    pub rtx: Option<Ssrc>,
}

/// What an offer and its answer settle.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Negotiated {
    /// The accepted m-lines, at most one of each kind.
    pub media: Vec<NegotiatedMedia>,
    /// The accepted m-line of data channels.
    pub data: Option<NegotiatedData>,
    /// Keel's part in the DTLS handshake.
    pub dtls_role: DtlsRole,
}

/// One accepted m-line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NegotiatedMedia {
    /// Its place among the m-lines.
    pub index: u16,
    /// The kind.
    pub kind: MediaKind,
    /// What the packet path needs, its name (`mid`) among it. The first format is what the peer sends.
    pub parameters: RtpParameters,
    /// What Keel sends with; absent where the peer does not receive.
    pub send: Option<SendStream>,
    /// What the peer announced to send with.
    pub receive: DeclaredStreams,
    /// How many encodings it may send, and what tells them apart.
    pub simulcast: Simulcast,
}

impl LocalDescription {
    const fn stream(&self, kind: MediaKind) -> SendStream {
        match kind {
            MediaKind::Audio => self.audio,
            MediaKind::Video => self.video,
        }
    }
}

impl SendStream {
    /// The stream for these formats: without the SSRC of retransmissions where none of them has any.
    fn serving(self, formats: &[SdpFormat]) -> Self {
        let has_rtx = formats.iter().any(|format| format.format.rtx.is_some());
        Self { rtx: self.rtx.filter(|_| has_rtx), ..self }
    }
}

impl fmt::Debug for LocalDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The password stays out of logs.
        f.debug_struct("LocalDescription")
            .field("ice_ufrag", &self.ice_ufrag)
            .field("session_id", &self.session_id)
            .field("stream_id", &self.stream_id)
            .finish_non_exhaustive()
    }
}
