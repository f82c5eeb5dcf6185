//! The m-line of data channels (RFC 8841), in its form and in the one from before it.

use super::LocalDescription;
use super::parse::value;
use super::section::{RemoteMedia, SectionKind};
use super::transport::Setup;
use super::write;
use crate::rtp::Mid;
use rtc_sdp::MediaDescription;
use rtc_sdp::description::common::Attribute;

/// The longest message that Keel takes and forwards, in bytes: what browsers announce themselves.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;

/// The one SCTP port that peers use inside DTLS, and that rtc-sctp begins an association to.
const PORT: &str = "5000";
/// RFC 8841 §6.1: what a peer takes that does not say.
const MESSAGE_BYTES_DEFAULT: usize = 64 * 1024;
const FORMAT: &str = "webrtc-datachannel";
const PROTOCOL: &str = "UDP/DTLS/SCTP";

/// What an offer and its answer settle for data channels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NegotiatedData {
    /// Its place among the m-lines.
    pub index: u16,
    /// Its name.
    pub mid: Mid,
    /// The longest message that the peer accepts, 1 to [`MESSAGE_BYTES_MAX`] bytes.
    pub message_bytes_max: usize,
}

/// What a peer's m-line says of SCTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RemoteSctp {
    form: Form,
    message_bytes_max: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// `a=sctp-port` (RFC 8841 §5).
    Current,
    /// `a=sctpmap`, from the drafts before it: the port is the m-line's format.
    Map,
}

impl RemoteSctp {
    /// Reads an application m-line; `None` where it is for something else, or names a port that nobody
    /// uses.
    pub(super) fn read(protocol: &str, format: &str, attributes: &[Attribute]) -> Option<Self> {
        let form = match (protocol, format) {
            ("UDP/DTLS/SCTP" | "TCP/DTLS/SCTP", FORMAT) => {
                let port = value(attributes, "sctp-port").unwrap_or(PORT);
                (port == PORT).then_some(Form::Current)?
            }
            ("DTLS/SCTP", PORT) => {
                let map = value(attributes, "sctpmap")?;
                let mut fields = map.split_ascii_whitespace();
                (fields.next() == Some(PORT) && fields.next() == Some(FORMAT)).then_some(Form::Map)?
            }
            _ => return None,
        };
        let message_bytes_max = match value(attributes, "max-message-size") {
            None => MESSAGE_BYTES_DEFAULT,
            // RFC 8841 §6.1: zero means any size.
            Some("0") => MESSAGE_BYTES_MAX,
            Some(text) => text.parse::<u64>().ok().map_or(MESSAGE_BYTES_DEFAULT, |bytes| {
                usize::try_from(bytes).unwrap_or(usize::MAX).min(MESSAGE_BYTES_MAX)
            }),
        };
        Some(Self { form, message_bytes_max })
    }
}

impl RemoteMedia {
    /// What it settles when both sides want it.
    pub(super) fn data(&self) -> Option<NegotiatedData> {
        let sctp = self.sctp.filter(|_| self.kind == SectionKind::Application)?;
        let message_bytes_max = sctp.message_bytes_max;
        Some(NegotiatedData { index: self.index, mid: self.tag(), message_bytes_max })
    }

    /// The answer that accepts it, in the form of the offer.
    pub(super) fn accepted_data(&self, local: &LocalDescription, setup: Setup) -> MediaDescription {
        let map = self.sctp.is_some_and(|sctp| sctp.form == Form::Map);
        let (format, port) = if map {
            // The number behind the name is that of streams.
            (PORT, [("sctpmap", format!("{PORT} {FORMAT} 1024")), max_message_size()])
        } else {
            (FORMAT, [("sctp-port", PORT.to_owned()), max_message_size()])
        };
        write::data_section(local, setup, self.mid, &self.protocol, format, port)
    }
}

/// The m-line in Keel's own offer.
pub(super) fn offered(local: &LocalDescription, mid: Mid) -> MediaDescription {
    let lines = [("sctp-port", PORT.to_owned()), max_message_size()];
    // RFC 8842 §5.2: the answerer chooses.
    write::data_section(local, Setup::ActPass, Some(mid), PROTOCOL, FORMAT, lines)
}

fn max_message_size() -> (&'static str, String) {
    ("max-message-size", MESSAGE_BYTES_MAX.to_string())
}
