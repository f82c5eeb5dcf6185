//! Keel's own descriptions as text, the same lines for offers and answers.

use super::codecs::SdpFormat;
use super::extensions::{SdpExtension, direction_text};
use super::simulcast::{self, SdpEncoding};
use super::transport::Setup;
use super::{LocalDescription, SendStream};
use crate::pipeline::MediaKind;
use crate::rtp::{Bitrate, Direction, Mid};
use rtc_sdp::description::common::{Address, Attribute, Bandwidth, ConnectionInformation};
use rtc_sdp::description::media::{MediaDescription, MediaName, RangedPort};
use rtc_sdp::description::session::{Origin, SessionDescription, TimeDescription};

/// RFC 8840 §4.1.1: port 9 (discard) while no candidate is known.
const TRICKLED_PORT: isize = 9;

/// An m-line that Keel accepts or offers.
pub(super) struct Section<'a> {
    pub(super) kind: MediaKind,
    pub(super) protocol: &'a str,
    /// The transport of DTLS-SRTP; absent for plain RTP.
    pub(super) setup: Option<Setup>,
    pub(super) mid: Option<Mid>,
    pub(super) direction: Direction,
    pub(super) formats: &'a [SdpFormat],
    pub(super) extensions: &'a [SdpExtension],
    pub(super) rtcp_mux: bool,
    pub(super) rtcp_rsize: bool,
    pub(super) extmap_allow_mixed: bool,
    pub(super) send: Option<Sender>,
    /// The encodings that the peer is to send.
    pub(super) encodings: &'a [SdpEncoding],
}

/// What Keel sends on an m-line, and under which names.
pub(super) struct Sender {
    pub(super) stream: SendStream,
    /// The media stream (RFC 8830): its audio and video are kept in step.
    pub(super) stream_id: String,
    pub(super) track_id: String,
    pub(super) cname: String,
}

impl Sender {
    /// The one stream of its kind of a peer that gets one of each.
    pub(super) fn only(stream: SendStream, kind: MediaKind, local: &LocalDescription) -> Self {
        Self {
            stream,
            stream_id: local.stream_id.clone(),
            track_id: format!("{}-{kind}", local.stream_id),
            cname: local.cname.clone(),
        }
    }
}

impl Section<'_> {
    pub(super) fn write(&self, local: &LocalDescription) -> MediaDescription {
        let formats =
            self.formats.iter().flat_map(|SdpFormat { format, .. }| [Some(format.payload_type), format.rtx]);
        let formats = formats.flatten().map(|payload_type| payload_type.wire().to_string()).collect();
        let mut lines = Lines(Vec::new());
        if let Some(setup) = self.setup {
            lines.transport(local, setup);
        }
        if let Some(mid) = self.mid {
            lines.value("mid", mid.as_str());
        }
        if self.extmap_allow_mixed {
            lines.flag("extmap-allow-mixed");
        }
        for extension in self.extensions {
            lines.value("extmap", extension.extmap());
        }
        lines.flag(direction_text(self.direction));
        if let Some(Sender { stream_id, track_id, .. }) = &self.send {
            // RFC 8830 §2: one stream for audio and video, so that the receiver keeps them in step.
            lines.value("msid", format!("{stream_id} {track_id}"));
        }
        if self.rtcp_mux {
            lines.flag("rtcp-mux");
        }
        if self.rtcp_rsize {
            lines.flag("rtcp-rsize");
        }
        for format in self.formats {
            lines.format(format);
        }
        if let Some(Sender { stream: SendStream { ssrc, rtx }, cname, .. }) = &self.send {
            if let Some(rtx) = rtx {
                lines.value("ssrc-group", format!("FID {} {}", ssrc.wire(), rtx.wire()));
            }
            for ssrc in [Some(ssrc), rtx.as_ref()].into_iter().flatten() {
                lines.value("ssrc", format!("{} cname:{cname}", ssrc.wire()));
            }
        }
        for (key, value) in simulcast::lines(self.encodings) {
            lines.value(key, value);
        }
        let receive_max = local.restrictions.of_kind(self.kind).receive_max;
        let bandwidth = receive_max.filter(|_| self.direction.receives()).map(bandwidth).unwrap_or_default();
        let written = media_description(&self.kind.to_string(), TRICKLED_PORT, self.protocol, formats, lines);
        MediaDescription { bandwidth, ..written }
    }
}

/// The most that Keel wants to receive, in both units: libwebrtc reads either, Firefox the second only.
fn bandwidth(most: Bitrate) -> Vec<Bandwidth> {
    let line =
        |name: &str, bandwidth| Bandwidth { experimental: false, bandwidth_type: name.to_owned(), bandwidth };
    // RFC 8866 §5.8: kilobits per second. RFC 3890 §6.2: bits per second.
    vec![line("AS", most.as_bps().div_ceil(1000)), line("TIAS", most.as_bps())]
}

/// An m-line of data channels that Keel accepts or offers; `sctp` are the lines about SCTP.
pub(super) fn data_section(
    local: &LocalDescription,
    setup: Setup,
    mid: Option<Mid>,
    protocol: &str,
    format: &str,
    sctp: [(&'static str, String); 2],
) -> MediaDescription {
    let mut lines = Lines(Vec::new());
    lines.transport(local, setup);
    if let Some(mid) = mid {
        lines.value("mid", mid.as_str());
    }
    for (key, value) in sctp {
        lines.value(key, value);
    }
    media_description("application", TRICKLED_PORT, protocol, vec![format.to_owned()], lines)
}

/// An m-line that Keel does not accept: port 0 (RFC 3264 §6).
pub(super) fn refused(media: &str, protocol: &str, first_format: &str, mid: Option<Mid>) -> MediaDescription {
    let mut lines = Lines(Vec::new());
    if let Some(mid) = mid {
        lines.value("mid", mid.as_str());
    }
    lines.flag("inactive");
    media_description(media, 0, protocol, vec![first_format.to_owned()], lines)
}

/// How Keel takes part in ICE.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IceAgent {
    Lite,
    Full,
}

/// A whole description; `bundle` names the m-lines that share the transport. Plain RTP has no ICE agent.
/// `version` counts the session's descriptions from 1.
pub(super) fn description(
    local: &LocalDescription,
    version: u64,
    ice: Option<IceAgent>,
    bundle: &[Mid],
    sections: Vec<MediaDescription>,
) -> String {
    let mut lines = Lines(Vec::new());
    if !bundle.is_empty() {
        let tags: Vec<&str> = bundle.iter().map(Mid::as_str).collect();
        lines.value("group", format!("BUNDLE {}", tags.join(" ")));
    }
    if ice == Some(IceAgent::Lite) && !local.is_full_agent {
        lines.flag("ice-lite");
    }
    if ice.is_some() {
        lines.value("ice-options", "trickle");
    }
    let description = SessionDescription {
        origin: Origin {
            username: "-".to_owned(),
            // RFC 8829 §5.2.1: 63 bits.
            session_id: local.session_id & (u64::MAX >> 1),
            // RFC 3264 §8: one more for each description that differs.
            session_version: version,
            network_type: "IN".to_owned(),
            address_type: "IP4".to_owned(),
            unicast_address: "0.0.0.0".to_owned(),
        },
        session_name: "-".to_owned(),
        time_descriptions: vec![TimeDescription::default()],
        attributes: lines.0,
        media_descriptions: sections,
        ..SessionDescription::default()
    };
    description.marshal()
}

fn media_description(
    media: &str,
    port: isize,
    protocol: &str,
    formats: Vec<String>,
    lines: Lines,
) -> MediaDescription {
    MediaDescription {
        media_name: MediaName {
            media: media.to_owned(),
            port: RangedPort { value: port, range: None },
            protos: protocol.split('/').map(str::to_owned).collect(),
            formats,
        },
        connection_information: Some(ConnectionInformation {
            network_type: "IN".to_owned(),
            address_type: "IP4".to_owned(),
            address: Some(Address { address: "0.0.0.0".to_owned(), ttl: None, range: None }),
        }),
        attributes: lines.0,
        ..MediaDescription::default()
    }
}

/// The attributes of one level, in order.
struct Lines(Vec<Attribute>);

impl Lines {
    fn flag(&mut self, key: &str) {
        self.0.push(Attribute::new(key.to_owned(), None));
    }

    fn value(&mut self, key: &str, value: impl Into<String>) {
        self.0.push(Attribute::new(key.to_owned(), Some(value.into())));
    }

    fn transport(&mut self, local: &LocalDescription, setup: Setup) {
        self.value("ice-ufrag", local.ice_ufrag.as_str());
        self.value("ice-pwd", local.ice_pwd.as_str());
        self.value("fingerprint", format!("sha-256 {}", local.fingerprint));
        self.value("setup", setup.as_str());
    }

    fn format(&mut self, entry: &SdpFormat) {
        let format = &entry.format;
        let number = format.payload_type.wire();
        self.value("rtpmap", entry.rtpmap());
        let feedback = [
            (format.remb, "goog-remb"),
            (format.transport_cc, "transport-cc"),
            (format.fir, "ccm fir"),
            (format.nack, "nack"),
            (format.pli, "nack pli"),
        ];
        for (_, name) in feedback.into_iter().filter(|(agreed, _)| *agreed) {
            self.value("rtcp-fb", format!("{number} {name}"));
        }
        if let Some(fmtp) = entry.fmtp() {
            self.value("fmtp", fmtp);
        }
        if let Some(rtx) = format.rtx {
            // RFC 4588 §8.1: the clock is that of the format it repairs.
            self.value("rtpmap", format!("{} rtx/{}", rtx.wire(), format.clock_rate.hertz()));
            self.value("fmtp", format!("{} apt={number}", rtx.wire()));
        }
    }
}
