//! Descriptions that follow one another on a peer connection (RFC 8829 §5.2.2, §5.3.2).

use super::*;
use crate::error::{LineError, NegotiationError};
use crate::id::ElementId;
use crate::rtp::Direction;
use std::collections::BTreeSet;

const AUDIO: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n";
const VIDEO: &str = "m=video 9 UDP/TLS/RTP/SAVPF 102 103 96 97\r\n\
    a=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1;profile-level-id=42e01f\r\n\
    a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n\
    a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n";
const FINGERPRINT: &str =
    "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";

/// A peer's description of m-lines as `(name, media lines, direction, port 0)`.
struct Described {
    ufrag: &'static str,
    fingerprint: String,
    setup: &'static str,
    sections: Vec<(String, &'static str, &'static str, bool)>,
}

fn described(sections: &[(&str, &'static str, &'static str)]) -> Described {
    let sections =
        sections.iter().map(|(mid, media, way)| ((*mid).to_owned(), *media, *way, *way == "rejected"));
    Described {
        ufrag: "abcd",
        fingerprint: FINGERPRINT.to_owned(),
        setup: "actpass",
        sections: sections.collect(),
    }
}

impl Described {
    fn parse(&self) -> RemoteDescription {
        let living: Vec<&str> =
            self.sections.iter().filter(|section| !section.3).map(|section| section.0.as_str()).collect();
        let Self { ufrag, fingerprint, setup, .. } = self;
        let mut sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\na=ice-ufrag:{ufrag}\r\n\
            a=ice-pwd:0123456789012345678901\r\na=setup:{setup}\r\na=fingerprint:sha-256 {fingerprint}\r\n",
            living.join(" ")
        );
        for (number, (mid, media, way, rejected)) in self.sections.iter().enumerate() {
            let media = if *rejected { media.replacen(" 9 ", " 0 ", 1) } else { (*media).to_owned() };
            let way = if *rejected { "inactive" } else { way };
            sdp += &format!("{media}a=mid:{mid}\r\na=rtcp-mux\r\na={way}\r\n");
            if matches!(way, "sendonly" | "sendrecv") {
                sdp += &format!("a=ssrc:{} cname:peer\r\n", 5_000 + number);
            }
        }
        parsed(&sdp)
    }
}

/// A connection that Keel answers on.
struct Answering {
    answerer: Answerer,
    next: u64,
}

impl Answering {
    fn new() -> Self {
        Self { answerer: Answerer::default(), next: 1 }
    }

    fn answer(&mut self, offer: &Described) -> Result<AnsweredOffer, NegotiationError> {
        let mut names = (self.next..).map(ElementId::new);
        let answered = self.answerer.answer(&offer.parse(), &local(), &mut names)?;
        self.next = names.next().expect("there is no end of them").number();
        self.answerer = answered.next.clone();
        Ok(answered)
    }
}

/// Which elements an answer accepts, and whether each is new and receives.
fn lines(answered: &AnsweredOffer) -> Vec<(u64, bool, bool)> {
    let line = |line: &AnsweredLine| {
        (line.element.number(), line.is_new, line.media.parameters.direction.receives())
    };
    answered.lines.iter().map(line).collect()
}

// covers: RFC 8829 §5.2.2
#[test]
fn a_publisher_s_lines_begin_rest_go_on_end_and_give_way_to_others() {
    let mut keel = Answering::new();
    let answered = keel.answer(&described(&[("0", AUDIO, "sendonly")])).expect("the first offer");
    assert_eq!(lines(&answered), [(1, true, true)]);
    let camera = [("0", AUDIO, "sendonly"), ("1", VIDEO, "sendonly")];
    let answered = keel.answer(&described(&camera)).expect("a camera is added");
    assert_eq!(lines(&answered), [(1, false, true), (2, true, true)]);
    assert!(answered.sdp.starts_with("v=0\r\no=- 7 2 IN IP4"), "its version counts up: {}", answered.sdp);
    let video = section_lines(&answered.sdp, 1);
    assert_eq!(video[0], "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103", "VP8 first");
    assert!(video.contains(&"a=recvonly") && !answered.sdp.contains("a=ssrc"), "{}", answered.sdp);

    let rests = [("0", AUDIO, "sendonly"), ("1", VIDEO, "inactive")];
    let answered = keel.answer(&described(&rests)).expect("the camera rests");
    assert_eq!((lines(&answered), answered.ended.len()), (vec![(1, false, true), (2, false, false)], 0));
    let answered = keel.answer(&described(&camera)).expect("it goes on");
    assert_eq!(lines(&answered), [(1, false, true), (2, false, true)]);

    let ends = [("0", AUDIO, "rejected"), ("1", VIDEO, "sendonly")];
    let answered = keel.answer(&described(&ends)).expect("the microphone ends");
    assert_eq!(answered.ended, [ElementId::new(1)]);
    assert!(section_lines(&answered.sdp, 0)[0].starts_with("m=audio 0 "), "{}", answered.sdp);
    assert!(answered.sdp.contains("a=group:BUNDLE 1\r\n"), "{}", answered.sdp);
    // The same place, another name and another kind.
    let recycled = [("5", VIDEO, "sendonly"), ("1", VIDEO, "sendonly")];
    let answered = keel.answer(&described(&recycled)).expect("a screen in its place");
    assert_eq!(lines(&answered), [(3, true, true), (2, false, true)]);
}

#[test]
fn a_wish_to_receive_is_answered_without_sending() {
    let mut keel = Answering::new();
    let offer = described(&[("0", AUDIO, "sendrecv"), ("1", VIDEO, "recvonly")]);
    let answered = keel.answer(&offer).expect("a usable offer");
    assert_eq!(lines(&answered), [(1, true, true), (2, true, false)]);
    assert!(answered.lines.iter().all(|line| line.media.send.is_none()));
    assert!(section_lines(&answered.sdp, 1).contains(&"a=inactive"), "{}", answered.sdp);
}

#[test]
fn an_offer_that_breaks_with_the_ones_before_changes_nothing() {
    let living = [("0", AUDIO, "sendonly"), ("1", VIDEO, "sendonly")];
    let table: [(&str, Described); 7] = [
        ("reordered", described(&[("1", VIDEO, "sendonly"), ("0", AUDIO, "sendonly")])),
        ("renamed", described(&[("0", AUDIO, "sendonly"), ("2", VIDEO, "sendonly")])),
        ("of another kind", described(&[("0", AUDIO, "sendonly"), ("1", AUDIO, "sendonly")])),
        ("missing", described(&[("0", AUDIO, "sendonly")])),
        ("nothing left", described(&[("2", AUDIO, "rejected")])),
        (
            "another certificate",
            Described { fingerprint: FINGERPRINT.replace("00:11", "11:11"), ..described(&living) },
        ),
        ("another DTLS role", Described { setup: "passive", ..described(&living) }),
    ];
    for (what, offer) in table {
        let mut keel = Answering::new();
        keel.answer(&described(&living)).expect("the first offer");
        let refused = keel.answer(&offer).map(|answered| answered.sdp);
        assert!(matches!(refused, Err(NegotiationError::Invalid(_))), "{what}: {refused:?}");
        let answered = keel.answer(&described(&living)).expect("nothing has changed");
        assert_eq!(lines(&answered), [(1, false, true), (2, false, true)], "{what}");
    }
}

// covers: RFC 8839 §4.4.1.1.1
#[test]
fn other_credentials_are_a_restart_of_ice_and_the_same_ones_are_none() {
    let mut keel = Answering::new();
    let offer = described(&[("0", AUDIO, "sendonly")]);
    assert!(!keel.answerer.restarts_ice(&offer.parse()), "it is the first");
    keel.answer(&offer).expect("the first offer");
    assert!(!keel.answerer.restarts_ice(&offer.parse()));
    let restarted = Described { ufrag: "efgh", ..offer };
    assert!(keel.answerer.restarts_ice(&restarted.parse()));
    keel.answer(&restarted).expect("a restart");
    assert!(!keel.answerer.restarts_ice(&restarted.parse()));
}

#[test]
fn a_name_for_each_line_and_no_more_than_there_are() {
    let answerer = Answerer::default();
    let offer = described(&[("0", AUDIO, "sendonly"), ("1", VIDEO, "sendonly")]).parse();
    let refused = answerer.answer(&offer, &local(), &mut std::iter::once(ElementId::new(1)));
    assert_eq!(refused.map(|answered| answered.sdp), Err(NegotiationError::TooManyLines));
}

/// A connection that Keel offers on, and a peer that wants everything.
struct Offering {
    offerer: Offerer,
    next: u64,
    ssrcs: BTreeSet<Ssrc>,
    track_ids: BTreeSet<String>,
}

impl Offering {
    fn new() -> Self {
        let ssrcs = SsrcSequence::new(99, local().audio.ssrc);
        Self {
            offerer: Offerer::new(ssrcs, false),
            next: 1,
            ssrcs: BTreeSet::new(),
            track_ids: BTreeSet::new(),
        }
    }

    fn add(&mut self, kind: MediaKind) -> ElementId {
        let line = ElementId::new(self.next);
        self.next += 1;
        self.offerer.add(line, kind, 1).expect("room for a line");
        line
    }

    fn offer(&mut self) -> LinesOffer {
        self.offerer.offer(&local(), |_| None).expect("no offer waits")
    }

    /// What a peer answers; m-lines of these names it rejects.
    fn answer_to(offer: &str, rejecting: &[&str]) -> Described {
        let offer = parsed(offer);
        let sections = offer.media.iter().map(|section| {
            let media = if section.kind == SectionKind::Audio { AUDIO } else { VIDEO };
            let mid = section.mid.expect("Keel names its m-lines").as_str().to_owned();
            let rejected = section.rejected || rejecting.contains(&mid.as_str());
            // Seen from Keel, an offer to send is one to be received on.
            let way = if section.direction == Direction::RecvOnly { "recvonly" } else { "inactive" };
            (mid, media, way, rejected)
        });
        Described { setup: "active", sections: sections.collect(), ..described(&[]) }
    }

    fn take(&mut self, answer: &Described) -> AcceptedAnswer {
        let accepted = self.offerer.accept(&answer.parse(), &local()).expect("an answer to this offer");
        self.offerer = accepted.next.clone();
        accepted
    }

    /// A round of negotiation, in which no SSRC and no name of a track comes that was there for another line.
    fn negotiate(&mut self) -> AcceptedAnswer {
        let offer = self.offer();
        let accepted = self.take(&Self::answer_to(&offer.sdp, &[]));
        for line in &accepted.lines {
            let send = line.media.send.expect("the peer receives");
            self.ssrcs.extend([Some(send.ssrc), send.rtx].into_iter().flatten());
        }
        let names = offer.sdp.lines().filter_map(|line| line.strip_prefix("a=msid:"));
        self.track_ids.extend(names.map(str::to_owned));
        accepted
    }

    fn m_lines(sdp: &str) -> Vec<&str> {
        sdp.lines().filter(|line| line.starts_with("m=")).collect()
    }
}

#[test]
fn a_thousand_lines_come_and_go_on_the_m_lines_of_the_most_at_once() {
    let mut keel = Offering::new();
    let mut present: Vec<ElementId> = Vec::new();
    let mut drawn = 0;
    for round in 0..1_000 {
        // Between one and three videos and two audios at a time, in all orders of coming and going.
        while present.len() < 1 + round % 3 {
            present.push(keel.add(MediaKind::Video));
            drawn += 2;
        }
        let voices = [keel.add(MediaKind::Audio), keel.add(MediaKind::Audio)];
        drawn += 2;
        let offer_size =
            Offering::m_lines(&keel.offerer.clone().offer(&local(), |_| None).expect("one").sdp).len();
        assert!(offer_size <= 5, "{offer_size} m-lines in round {round}");
        let accepted = keel.negotiate();
        assert_eq!(accepted.lines.len(), present.len() + 2);
        for line in voices.into_iter().chain(present.drain(..present.len().min(1 + round % 2))) {
            keel.offerer.remove(line);
        }
        if round % 7 == 0 {
            // Sometimes the peer hears of it before the next ones come.
            keel.negotiate();
        }
    }
    assert_eq!(keel.ssrcs.len(), drawn, "each line had SSRCs of its own");
    assert_eq!(keel.track_ids.len(), keel.next as usize - 1, "and a name of its own");
}

#[test]
fn a_line_sends_the_codec_of_its_source_alone() {
    let mut keel = Offering::new();
    let line = keel.add(MediaKind::Video);
    let published = described(&[("0", VIDEO, "sendonly")]);
    let publisher = Answering::new().answer(&published).expect("a usable offer");
    let vp8 = publisher.lines[0].media.parameters.formats.clone();
    let h264: Vec<Format> = vp8.iter().rev().cloned().collect();
    let offer = keel.offerer.offer(&local(), |_| Some(&vp8)).expect("an offer");
    assert_eq!(Offering::m_lines(&offer.sdp), ["m=video 9 UDP/TLS/RTP/SAVPF 96 97"]);
    let first = keel.take(&Offering::answer_to(&offer.sdp, &[])).lines[0].media.clone();
    let again = keel.offerer.offer(&local(), |_| Some(&vp8)).expect("an offer");
    let again = keel.take(&Offering::answer_to(&again.sdp, &[])).lines[0].media.clone();
    assert_eq!(again.send, first.send, "nothing about it has changed");

    let offer = keel.offerer.offer(&local(), |of| (of == line).then_some(&h264[..])).expect("an offer");
    assert_eq!(Offering::m_lines(&offer.sdp), ["m=video 9 UDP/TLS/RTP/SAVPF 108 109"]);
    let mut answer = Offering::answer_to(&offer.sdp, &[]);
    answer.sections[0].1 = "m=video 9 UDP/TLS/RTP/SAVPF 108 109\r\na=rtpmap:108 H264/90000\r\n\
        a=fmtp:108 packetization-mode=1;profile-level-id=42e01f\r\na=rtpmap:109 rtx/90000\r\na=fmtp:109 apt=108\r\n";
    let changed = keel.take(&answer).lines[0].media.clone();
    assert_ne!(changed.send, first.send, "another codec is another stream");
}

#[test]
fn one_offer_waits_at_a_time_and_what_comes_meanwhile_is_in_the_next() {
    let mut keel = Offering::new();
    assert!(matches!(keel.offerer.offer(&local(), |_| None), Err(NegotiationError::Invalid(_))));
    let unasked = described(&[("0", AUDIO, "recvonly")]).parse();
    assert_eq!(keel.offerer.accept(&unasked, &local()).map(drop), Err(NegotiationError::NoOffer));
    let first = keel.add(MediaKind::Video);
    let offer = keel.offer();
    assert_eq!(keel.offerer.offer(&local(), |_| None), Err(NegotiationError::OfferOutstanding));
    // The first goes and a second takes its m-line before the answer comes.
    keel.offerer.remove(first);
    let second = keel.add(MediaKind::Video);
    let accepted = keel.take(&Offering::answer_to(&offer.sdp, &[]));
    assert!(accepted.lines.is_empty(), "what was agreed on is gone");
    let next = keel.offer();
    assert_eq!(next.lines.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [second]);
    assert_eq!(Offering::m_lines(&next.sdp).len(), 1);
    let accepted = keel.take(&Offering::answer_to(&next.sdp, &[]));
    assert_eq!(accepted.lines[0].element, second);
}

#[test]
fn a_rejected_line_ends_and_its_m_line_is_used_again_under_a_new_name() {
    let mut keel = Offering::new();
    let (voice, camera) = (keel.add(MediaKind::Audio), keel.add(MediaKind::Video));
    let offer = keel.offer();
    let accepted = keel.take(&Offering::answer_to(&offer.sdp, &["1"]));
    assert_eq!(accepted.refused, [(camera, MediaKind::Video)]);
    assert_eq!(accepted.lines.iter().map(|line| line.element).collect::<Vec<_>>(), [voice]);
    let offer = keel.offer();
    assert!(section_lines(&offer.sdp, 1)[0].starts_with("m=video 0 "), "{}", offer.sdp);
    assert!(offer.sdp.contains("a=group:BUNDLE 0\r\n"), "{}", offer.sdp);
    keel.take(&Offering::answer_to(&offer.sdp, &[]));
    // RFC 8829 §5.2.2: a rejected m-line may become one of another kind.
    let other = keel.add(MediaKind::Audio);
    let offer = keel.offer();
    assert_eq!(offer.lines.last().map(|(line, mid)| (*line, mid.as_str())), Some((other, "2")));
    assert_eq!(Offering::m_lines(&offer.sdp).len(), 2);
    assert_eq!(keel.take(&Offering::answer_to(&offer.sdp, &[])).lines.len(), 2);
}

#[test]
fn a_stream_that_the_peer_stopped_and_wants_again_has_new_numbers() {
    let mut keel = Offering::new();
    keel.add(MediaKind::Video);
    let first = keel.negotiate().lines[0].media.send;
    let offer = keel.offer();
    let mut stopped = Offering::answer_to(&offer.sdp, &[]);
    stopped.sections[0].2 = "inactive";
    assert_eq!(keel.take(&stopped).lines[0].media.send, None);
    let again = keel.negotiate().lines[0].media.send;
    assert!(again.is_some() && again != first);
}

#[test]
fn lines_of_a_group_share_a_stream_and_its_clock() {
    let mut keel = Offering::new();
    for (number, (kind, group)) in
        [(MediaKind::Audio, 7), (MediaKind::Video, 7), (MediaKind::Video, 8)].into_iter().enumerate()
    {
        keel.offerer.add(ElementId::new(number as u64), kind, group).expect("room for a line");
    }
    let offer = keel.offer();
    let streams: Vec<&str> = (0..3)
        .map(|index| {
            let msid =
                section_lines(&offer.sdp, index).into_iter().find_map(|line| line.strip_prefix("a=msid:"));
            msid.and_then(|msid| msid.split(' ').next()).expect("a stream's name")
        })
        .collect();
    assert_eq!(streams, ["keel-stream-7", "keel-stream-7", "keel-stream-8"]);
    let accepted = keel.take(&Offering::answer_to(&offer.sdp, &[]));
    let names: Vec<&str> = accepted.lines.iter().map(|line| line.cname.as_str()).collect();
    assert_eq!(names, ["keel-cname-7", "keel-cname-7", "keel-cname-8"]);
}

#[test]
fn at_sixty_four_lines_a_further_one_is_refused() {
    let mut keel = Offering::new();
    let lines: Vec<ElementId> = (0..LINES_MAX).map(|_| keel.add(MediaKind::Audio)).collect();
    assert_eq!(keel.offerer.add(ElementId::new(0), MediaKind::Audio, 1), Err(LineError::Full));
    keel.negotiate();
    keel.offerer.remove(lines[9]);
    assert_eq!(
        keel.offerer.add(ElementId::new(0), MediaKind::Video, 1),
        Err(LineError::Full),
        "of another kind"
    );
    assert_eq!(keel.offerer.add(ElementId::new(0), MediaKind::Audio, 1), Ok(()));
}

#[test]
fn an_answer_to_something_else_leaves_the_offer_waiting() {
    let mut keel = Offering::new();
    keel.add(MediaKind::Audio);
    keel.add(MediaKind::Video);
    let offer = keel.offer();
    let answer = || Offering::answer_to(&offer.sdp, &[]);
    let table: [(&str, Described); 4] = [
        ("an m-line less", Described { sections: answer().sections[..1].to_vec(), ..answer() }),
        ("another order", Described { sections: answer().sections.into_iter().rev().collect(), ..answer() }),
        (
            "other names",
            Described {
                sections: described(&[("7", AUDIO, "recvonly"), ("8", VIDEO, "recvonly")]).sections,
                ..answer()
            },
        ),
        ("an open DTLS role", Described { setup: "actpass", ..answer() }),
    ];
    for (what, other) in table {
        let refused = keel.offerer.accept(&other.parse(), &local()).map(|accepted| accepted.lines.len());
        assert!(matches!(refused, Err(NegotiationError::Invalid(_))), "{what}: {refused:?}");
    }
    assert_eq!(keel.take(&answer()).lines.len(), 2);
    let offer = keel.offer();
    let renewed = Described {
        fingerprint: FINGERPRINT.replace("00:11", "11:11"),
        ..Offering::answer_to(&offer.sdp, &[])
    };
    let refused = keel.offerer.accept(&renewed.parse(), &local()).map(drop);
    assert_eq!(refused, Err(NegotiationError::Invalid("another certificate than before")));
}
