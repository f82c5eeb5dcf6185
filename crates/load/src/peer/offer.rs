//! What a bare peer offers, and what it reads in an answer.

use super::ice::Ice;
use super::socket_address;
use anyhow::Context as _;
use std::fmt::Write as _;
use std::net::SocketAddr;

/// The one format of a bare peer's video: VP8 without retransmission.
pub const VIDEO_PAYLOAD_TYPE: u8 = 96;
/// The one format of its audio: Opus.
pub const AUDIO_PAYLOAD_TYPE: u8 = 111;

/// The header extensions of a peer with feedback, which browsers have, too.
const MID_ID: u8 = 1;
const SEND_TIME_ID: u8 = 2;
/// The extension with the transport-wide number.
pub const TRANSPORT_NUMBER_ID: u8 = 3;

/// What a peer does with one kind of media.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Nothing: there is no m-line.
    Absent,
    /// Sends it.
    Send,
    /// Receives it.
    Receive,
    /// Both.
    Both,
}

/// What a peer sends and receives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Media {
    /// Video.
    pub video: Direction,
    /// Audio.
    pub audio: Direction,
    /// Whether what it receives has transport-wide numbers, which it answers with feedback.
    pub feedback: bool,
}

impl Direction {
    /// Whether it receives.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::Receive | Self::Both)
    }

    /// Whether it sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::Send | Self::Both)
    }

    /// The attribute (RFC 8866 §6.7).
    const fn attribute(self) -> &'static str {
        match self {
            Self::Absent => "inactive",
            Self::Send => "sendonly",
            Self::Receive => "recvonly",
            Self::Both => "sendrecv",
        }
    }
}

impl Media {
    /// Video alone.
    #[must_use]
    pub const fn video(video: Direction) -> Self {
        Self { video, audio: Direction::Absent, feedback: false }
    }
}

/// The SSRC of the video that the peer with this number sends; its audio has the next.
#[must_use]
pub const fn video_ssrc(number: u32) -> u32 {
    0x1000_0000 | number << 1
}

/// The SSRC of its audio.
#[must_use]
pub const fn audio_ssrc(number: u32) -> u32 {
    video_ssrc(number) | 1
}

pub(super) fn write(ice: &Ice, number: u32, media: Media, fingerprint: &str) -> String {
    let kinds = [
        ("video", VIDEO_PAYLOAD_TYPE, "VP8/90000", media.video, video_ssrc(number)),
        ("audio", AUDIO_PAYLOAD_TYPE, "opus/48000/2", media.audio, audio_ssrc(number)),
    ];
    let sections: Vec<_> = kinds.iter().filter(|kind| kind.3 != Direction::Absent).zip(0..).collect();
    let mids: Vec<String> = sections.iter().map(|(_, mid)| format!("{mid}")).collect();
    let mut sdp = format!(
        "v=0\r\no=- {} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n",
        u64::from(number) + 1,
        mids.join(" ")
    );
    for ((kind, payload_type, format, direction, ssrc), mid) in sections {
        let Ice { ufrag, password, .. } = ice;
        // Writing to a string cannot fail.
        let _ = write!(
            sdp,
            "m={kind} 9 UDP/TLS/RTP/SAVPF {payload_type}\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
             a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=ice-options:trickle\r\n\
             a=fingerprint:sha-256 {fingerprint}\r\na=setup:active\r\na=mid:{mid}\r\na={}\r\n\
             a=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:{payload_type} {format}\r\n",
            direction.attribute()
        );
        if *kind == "video" {
            let _ = write!(sdp, "a=rtcp-fb:{payload_type} nack pli\r\n");
        }
        if media.feedback && direction.receives() {
            let _ = write!(
                sdp,
                "a=extmap:{MID_ID} urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
                 a=extmap:{SEND_TIME_ID} http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n\
                 a=extmap:{TRANSPORT_NUMBER_ID} \
                 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
                 a=rtcp-fb:{payload_type} transport-cc\r\n"
            );
        }
        if direction.sends() {
            let _ = write!(sdp, "a=msid:bare{number} {kind}\r\na=ssrc:{ssrc} cname:bare{number}\r\n");
        }
    }
    sdp
}

/// The number of the extension with the transport-wide number in a description.
pub(super) fn transport_number_id(sdp: &str) -> Option<u8> {
    sdp.lines().find_map(|line| {
        let (id, uri) = line.strip_prefix("a=extmap:")?.split_once(' ')?;
        if uri.ends_with("transport-wide-cc-extensions-01") { id.parse().ok() } else { None }
    })
}

/// The value of the first attribute of that name.
pub(super) fn attribute<'a>(sdp: &'a str, name: &str) -> anyhow::Result<&'a str> {
    let value = sdp.lines().find_map(|line| line.strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':'));
    Ok(value.with_context(|| format!("no a={name} in the answer"))?.trim())
}

/// The address of a candidate of UDP and of component 1 (RFC 8839 §5.1); `None` for names and other
/// transports.
#[must_use]
pub fn candidate(text: &str) -> Option<SocketAddr> {
    let mut words = text.strip_prefix("candidate:")?.split_whitespace().skip(1);
    let (component, transport, _priority) = (words.next()?, words.next()?, words.next()?);
    let address = socket_address(words.next()?, words.next()?).ok()?;
    (component == "1" && transport.eq_ignore_ascii_case("udp")).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(media: Media) -> String {
        let provider = rtc_crypto::default_provider().expect("a provider is built in");
        write(&Ice::new(7, provider), 7, media, "AB:CD")
    }

    #[test]
    fn an_offer_has_a_section_for_each_kind_and_an_ssrc_only_for_what_it_sends() {
        let both = offer(Media { video: Direction::Send, audio: Direction::Receive, feedback: true });
        assert!(both.contains("a=group:BUNDLE 0 1\r\n"), "{both}");
        let (video, audio) = both.split_once("m=audio").expect("two sections");
        assert!(audio.contains("transport-cc") && !video.contains("extmap"), "{both}");
        assert!(video.contains("a=sendonly") && video.contains("a=ssrc:268435470 cname:bare7"), "{video}");
        assert!(audio.contains("a=recvonly") && !audio.contains("a=ssrc"), "{audio}");
        let one = offer(Media::video(Direction::Receive));
        assert!(
            one.contains("a=group:BUNDLE 0\r\n") && !one.contains("m=audio") && !one.contains("extmap"),
            "{one}"
        );
    }

    #[test]
    fn an_answers_attributes_and_udp_candidates_are_found() {
        let answer = "v=0\r\na=ice-ufrag:x\r\na=ice-pwd: y \r\n";
        assert_eq!(attribute(answer, "ice-ufrag").expect("it is there"), "x");
        assert_eq!(attribute(answer, "ice-pwd").expect("it is there"), "y");
        assert!(attribute(answer, "ice").is_err(), "a name is not its beginning");
        let texts = [
            "candidate:1 1 tcp 5 192.0.2.1 9 typ host",
            "candidate:2 1 UDP 5 192.0.2.2 10000 typ host",
            "candidate:3 2 udp 5 192.0.2.3 9 typ host",
            "candidate:4 1 udp 5 name.local 9 typ host",
            "candidate:5 1 udp 5 ::1 7 typ host",
            "candidate:6 1 udp",
            "",
        ];
        let found: Vec<String> =
            texts.into_iter().filter_map(candidate).map(|address| address.to_string()).collect();
        assert_eq!(found, ["192.0.2.2:10000", "[::1]:7"]);
    }
}
