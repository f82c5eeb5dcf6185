//! What a bare peer answers to a server that offers: every m-line in one format, to receive it.

use super::offer::{attribute, transport_number_id};
use anyhow::{Context as _, bail};
use std::fmt::Write as _;

/// Answers the offers of a server, the first one and those that follow it.
#[derive(Clone, Debug)]
pub struct Answerer {
    pub(super) ufrag: String,
    pub(super) password: String,
    pub(super) fingerprint: String,
    /// Whether it agrees to transport-wide feedback.
    pub(super) feedback: bool,
}

/// An answer with what it agreed to.
#[derive(Debug)]
pub struct Answer {
    /// The text.
    pub sdp: String,
    /// The extension with the transport-wide number, where that was agreed to.
    pub transport_number_id: Option<u8>,
}

impl Answerer {
    /// The answer to `offer`: VP8 and Opus, without retransmission.
    ///
    /// # Errors
    /// When the offer has an m-line that carries neither, or lacks its name.
    pub fn answer(&self, offer: &str) -> anyhow::Result<Answer> {
        let (_, sections) = offer.split_once("\r\nm=").context("an offer without m-lines")?;
        let sections: Vec<&str> = sections.split("\r\nm=").collect();
        let mids: Vec<&str> =
            sections.iter().map(|section| attribute(section, "mid")).collect::<Result<_, _>>()?;
        let mut sdp = format!(
            "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n",
            mids.join(" ")
        );
        for (section, mid) in sections.iter().zip(&mids) {
            self.write_section(&mut sdp, section, mid)?;
        }
        let transport_number_id = if self.feedback { transport_number_id(offer) } else { None };
        Ok(Answer { sdp, transport_number_id })
    }

    fn write_section(&self, sdp: &mut String, section: &str, mid: &str) -> anyhow::Result<()> {
        let (kind, format) = match section.split(' ').next() {
            Some("video") => ("video", "VP8/90000"),
            Some("audio") => ("audio", "opus/48000/2"),
            other => bail!("an m-line of {other:?}"),
        };
        let payload_type =
            payload_type(section, format).with_context(|| format!("an m-line without {format}"))?;
        let direction = if section.contains("\r\na=inactive") { "inactive" } else { "recvonly" };
        let Self { ufrag, password, fingerprint, .. } = self;
        // Writing to a string cannot fail.
        let _ = write!(
            sdp,
            "m={kind} 9 UDP/TLS/RTP/SAVPF {payload_type}\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
             a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=ice-options:trickle\r\n\
             a=fingerprint:sha-256 {fingerprint}\r\na=setup:active\r\na=mid:{mid}\r\na={direction}\r\n\
             a=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:{payload_type} {format}\r\n"
        );
        if kind == "video" {
            let _ = write!(sdp, "a=rtcp-fb:{payload_type} nack pli\r\n");
        }
        if self.feedback {
            for extension in section.lines().filter(|line| is_wanted_extension(line)) {
                let _ = write!(sdp, "{extension}\r\n");
            }
            let _ = write!(sdp, "a=rtcp-fb:{payload_type} transport-cc\r\n");
        }
        Ok(())
    }
}

/// The number under which a section offers a format.
fn payload_type<'a>(section: &'a str, format: &str) -> Option<&'a str> {
    section.lines().find_map(|line| {
        let (number, offered) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
        offered.eq_ignore_ascii_case(format).then_some(number)
    })
}

fn is_wanted_extension(line: &str) -> bool {
    let wanted = ["sdes:mid", "abs-send-time", "transport-wide-cc-extensions-01"];
    line.starts_with("a=extmap:") && wanted.iter().any(|name| line.ends_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\ns=-\r\na=ice-lite\r\nm=video 9 UDP/TLS/RTP/SAVPF 98 99 100\r\na=mid:a\r\na=sendonly\r\n\
        a=rtpmap:98 H264/90000\r\na=rtpmap:99 VP8/90000\r\na=rtpmap:100 rtx/90000\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
        a=extmap:5 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 109\r\na=mid:b\r\na=inactive\r\na=rtpmap:109 opus/48000/2\r\n";

    fn answerer(feedback: bool) -> Answerer {
        let text = |text: &str| text.to_owned();
        Answerer { ufrag: text("u"), password: text("p"), fingerprint: text("AB"), feedback }
    }

    #[test]
    fn every_line_is_answered_in_its_place_with_one_format() {
        let Answer { sdp, transport_number_id } = answerer(false).answer(OFFER).expect("an answer");
        assert!(sdp.contains("a=group:BUNDLE a b\r\n"), "{sdp}");
        let (video, audio) = sdp.split_once("m=audio").expect("two lines");
        assert!(
            video.contains("m=video 9 UDP/TLS/RTP/SAVPF 99\r\n") && video.contains("a=recvonly"),
            "{video}"
        );
        assert!(audio.starts_with(" 9 UDP/TLS/RTP/SAVPF 109\r\n") && audio.contains("a=inactive"), "{audio}");
        assert!(!sdp.contains("extmap") && !sdp.contains("transport-cc"), "{sdp}");
        assert_eq!(transport_number_id, None);
    }

    #[test]
    fn feedback_is_agreed_to_under_the_servers_numbers() {
        let Answer { sdp, transport_number_id } = answerer(true).answer(OFFER).expect("an answer");
        assert!(sdp.contains("a=extmap:4 urn") && sdp.contains("a=rtcp-fb:99 transport-cc"), "{sdp}");
        assert_eq!(transport_number_id, Some(5));
    }

    #[test]
    fn what_cannot_be_answered_says_so() {
        for offer in [
            "",
            "v=0\r\n",
            "v=0\r\nm=video 9 X 98\r\na=mid:a\r\na=rtpmap:98 H264/90000\r\n",
            "v=0\r\nm=text 9 X 1\r\na=mid:a\r\n",
        ] {
            assert!(answerer(false).answer(offer).is_err(), "{offer}");
        }
    }
}
