//! The SSRCs that a peer declares (RFC 5576).

use crate::error::NegotiationError;
use crate::forward::ENCODINGS_MAX;
use crate::rtp::Ssrc;
use rtc_sdp::description::common::Attribute;

/// SSRCs in one m-line at most; simulcast with retransmission needs six.
const SSRCS_MAX: usize = 64;

/// The streams of one m-line that the peer announced. Empty where it did not: then the mid extension or
/// the payload type tells.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DeclaredStreams {
    streams: Vec<DeclaredStream>,
    /// The media streams of the first `SIM` group, from the least to the best.
    simulcast: Vec<Ssrc>,
}

/// One media stream and the stream of its retransmissions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeclaredStream {
    /// The media.
    pub ssrc: Ssrc,
    /// Its retransmissions (RFC 4588 §8.8: an `FID` group).
    pub rtx: Option<Ssrc>,
}

impl DeclaredStreams {
    pub(super) fn read(attributes: &[Attribute]) -> Result<Self, NegotiationError> {
        let mut streams: Vec<DeclaredStream> = Vec::new();
        let mut simulcast: Vec<Ssrc> = Vec::new();
        for ssrc in attributes.iter().filter(|a| a.key == "ssrc").filter_map(|a| a.value.as_deref()) {
            let ssrc = parse_ssrc(ssrc.split(' ').next().unwrap_or_default())?;
            if streams.iter().any(|stream| stream.ssrc == ssrc) {
                continue;
            }
            if streams.len() == SSRCS_MAX {
                return Err(NegotiationError::Invalid("more SSRCs than an m-line has"));
            }
            streams.push(DeclaredStream { ssrc, rtx: None });
        }
        for group in attributes.iter().filter(|a| a.key == "ssrc-group").filter_map(|a| a.value.as_deref()) {
            let mut fields = group.split_ascii_whitespace();
            let semantics = fields.next().unwrap_or_default();
            if semantics == "SIM" && simulcast.is_empty() {
                simulcast = fields.take(ENCODINGS_MAX).map(parse_ssrc).collect::<Result<_, _>>()?;
                continue;
            }
            let (Some(first), Some(second)) = (fields.next(), fields.next()) else { continue };
            let (first, second) = (parse_ssrc(first)?, parse_ssrc(second)?);
            // Of the others these two name a helper stream as the second.
            let taken = streams.iter().any(|stream| stream.rtx == Some(second));
            if first == second || taken || !matches!(semantics, "FID" | "FEC-FR") {
                continue;
            }
            let Some(at) = streams.iter().position(|stream| stream.ssrc == first) else { continue };
            if semantics == "FID" && streams[at].rtx.is_none() {
                streams[at].rtx = Some(second);
            }
            streams.retain(|stream| stream.ssrc != second);
        }
        Ok(Self { streams, simulcast })
    }

    /// The streams in the order of their declaration.
    pub fn iter(&self) -> impl Iterator<Item = DeclaredStream> + '_ {
        self.streams.iter().copied()
    }

    /// The streams that are encodings of one video (`a=ssrc-group:SIM`), in the group's order, which is from
    /// the least to the best in the browsers that write it; at most [`ENCODINGS_MAX`], none where the group
    /// names something that is not there.
    #[must_use]
    pub fn simulcast(&self) -> Vec<DeclaredStream> {
        let mut encodings: Vec<DeclaredStream> = Vec::new();
        for ssrc in &self.simulcast {
            match self.streams.iter().find(|stream| stream.ssrc == *ssrc) {
                Some(stream) if !encodings.contains(stream) => encodings.push(*stream),
                _ => return Vec::new(),
            }
        }
        encodings
    }

    /// Whether `ssrc` is one of them, or the retransmissions of one.
    #[must_use]
    pub fn contains(&self, ssrc: Ssrc) -> bool {
        self.streams.iter().any(|stream| stream.ssrc == ssrc || stream.rtx == Some(ssrc))
    }

    /// Leaves out the streams and retransmissions whose SSRC `taken` knows.
    pub(super) fn remove(&mut self, taken: impl Fn(Ssrc) -> bool) {
        self.streams.retain(|stream| !taken(stream.ssrc));
        for stream in &mut self.streams {
            stream.rtx = stream.rtx.filter(|rtx| !taken(*rtx));
        }
    }
}

fn parse_ssrc(text: &str) -> Result<Ssrc, NegotiationError> {
    text.parse().map(Ssrc::new).map_err(|_| NegotiationError::Invalid("an SSRC that is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[(&str, &str)]) -> Result<DeclaredStreams, NegotiationError> {
        let attributes: Vec<Attribute> = lines
            .iter()
            .map(|(key, value)| Attribute::new((*key).to_owned(), Some((*value).to_owned())))
            .collect();
        DeclaredStreams::read(&attributes)
    }

    #[test]
    fn groups_name_retransmissions_and_hide_helper_streams() {
        let streams = read(&[
            ("ssrc-group", "FID 1 2"),
            ("ssrc-group", "FEC-FR 1 3"),
            ("ssrc", "1 cname:x"),
            ("ssrc", "1 msid:a b"),
            ("ssrc", "2 cname:x"),
            ("ssrc", "3 cname:x"),
            ("ssrc", "4 cname:x"),
        ])
        .expect("well-formed lines");
        let expected = [
            DeclaredStream { ssrc: Ssrc::new(1), rtx: Some(Ssrc::new(2)) },
            DeclaredStream { ssrc: Ssrc::new(4), rtx: None },
        ];
        assert_eq!(streams.iter().collect::<Vec<_>>(), expected);
        assert!(streams.contains(Ssrc::new(2)) && !streams.contains(Ssrc::new(3)));
    }

    #[test]
    fn a_stream_is_not_its_own_retransmission() {
        let streams = read(&[("ssrc", "1 cname:x"), ("ssrc-group", "FID 1 1")]).expect("well-formed lines");
        assert_eq!(streams.iter().collect::<Vec<_>>(), [DeclaredStream { ssrc: Ssrc::new(1), rtx: None }]);
    }

    #[test]
    fn the_number_of_streams_is_bounded() {
        let lines: Vec<String> = (0..65).map(|ssrc| format!("{ssrc} cname:x")).collect();
        let lines: Vec<(&str, &str)> = lines.iter().map(|line| ("ssrc", line.as_str())).collect();
        assert!(read(&lines[..64]).is_ok());
        assert!(read(&lines).is_err());
    }
}
