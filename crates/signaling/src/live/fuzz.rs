//! The fuzzer's door to livestreams: pages' frames and session fragments as the network brings them, into the
//! parsers and the machine, without sockets.

use super::ask::{Ask, Condition, Reply};
use super::effect::{Effect, MediaCommand, MediaReport};
use super::id::{MediaId, SessionKey, Ticket};
use super::machine::{Machine, Moment, Visit};
use super::message::ClientMessage;
use super::name::StreamName;
use super::offer::{Offer, Role, with_candidates};
use super::sdpfrag::Fragment;
use crate::limits::LiveLimits;
use crate::socket::ConnectionId;
use crate::store::UnixMillis;
use keel_media::id::PipelineId;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

const PAGES: u8 = 2;

/// Plays `input` line by line: the first byte says who speaks. `0` and `1` are pages on `/one2many`; `p` and
/// `v` post the rest as the offer of a presenter or viewer (with `\n` written as `|`), `f` patches the latest
/// session with it, `d` ends that. Media grants everything at once, a second passes with each line. Then the
/// pages leave and the administrator ends what is left.
///
/// # Panics
/// When media is asked for that does not run, a question has no answer or two, or anything is left in the end.
pub fn stream_protocol(input: &[u8]) {
    let mut play = Play::new();
    for number in 0..PAGES {
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, number));
        let visit = Visit { stream: stream(), may_present: true, may_watch: true, address };
        play.machine.handle_connected(connection(number), visit);
    }
    for line in input.split(|byte| *byte == b'\n') {
        let Some((who, text)) = line.split_first() else { continue };
        play.line(*who, &String::from_utf8_lossy(text));
        play.settle();
        play.now.steady += Duration::from_secs(1);
        play.now.wall.0 += 1_000;
        play.machine.handle_timeout(play.now);
        play.settle();
    }
    play.end();
}

fn stream() -> StreamName {
    StreamName::parse("fuzz").expect("a name")
}

fn connection(number: u8) -> ConnectionId {
    ConnectionId::new(number.into())
}

struct Play {
    machine: Machine,
    now: Moment,
    media: BTreeSet<MediaId>,
    waiting: BTreeSet<Ticket>,
    answered: BTreeSet<Ticket>,
    latest: Option<(SessionKey, String)>,
}

impl Play {
    fn new() -> Self {
        let steady = Instant::now(); // clock: any start will do, only differences count
        Self {
            machine: Machine::new(LiveLimits::default(), 16, StdRng::seed_from_u64(1)),
            now: Moment { steady, wall: UnixMillis(1_000_000) },
            media: BTreeSet::new(),
            waiting: BTreeSet::new(),
            answered: BTreeSet::new(),
            latest: None,
        }
    }

    fn line(&mut self, who: u8, text: &str) {
        match who {
            b'p' | b'v' => {
                let role = if who == b'p' { Role::Presenter } else { Role::Viewer };
                if let Ok(offer) = Offer::parse(role, &text.replace('|', "\r\n")) {
                    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
                    self.ask(Ask::Open { stream: stream(), offer, address });
                }
            }
            b'f' => {
                if let (Ok(fragment), Some((key, tag))) =
                    (Fragment::parse(&text.replace('|', "\r\n")), self.latest.clone())
                {
                    let condition = Condition::OneOf(vec![tag]);
                    self.ask(Ask::Patch { stream: stream(), key, condition, fragment });
                }
            }
            b'd' => {
                if let Some((key, _)) = self.latest.take() {
                    self.ask(Ask::Close { stream: stream(), key });
                }
            }
            _ => {
                if let Ok(message) = ClientMessage::parse(text) {
                    self.machine.handle_message(self.now, connection(who % PAGES), message);
                }
                // What is no key is none, whatever it is.
                let _ = SessionKey::parse(text);
            }
        }
    }

    fn ask(&mut self, ask: Ask) {
        let ticket = self.machine.handle_ask(self.now, ask);
        self.waiting.insert(ticket);
    }

    fn end(&mut self) {
        for number in 0..PAGES {
            self.machine.handle_disconnected(self.now, connection(number));
        }
        self.settle();
        self.ask(Ask::End(stream()));
        self.settle();
        assert_eq!(self.machine.census(), super::Census::default(), "streams are left");
        assert_eq!(self.machine.poll_timeout(), None, "a deadline is left");
        assert!(self.media.is_empty(), "media is left: {:?}", self.media);
        assert_eq!(self.waiting, self.answered, "each question has its answer");
    }

    fn settle(&mut self) {
        while let Some(effect) = self.machine.poll_effect() {
            match effect {
                Effect::Answer { ticket, answer } => {
                    assert!(self.answered.insert(ticket), "a second answer");
                    match answer {
                        Ok(Reply::Opened { key, tag, sdp_answer, .. }) => {
                            assert!(with_candidates(&sdp_answer, &[]).contains("a=end-of-candidates"));
                            self.latest = Some((key, tag.to_string()));
                        }
                        Ok(Reply::Restarted { tag, .. }) => {
                            if let Some((_, known)) = &mut self.latest {
                                *known = tag.to_string();
                            }
                        }
                        _ => {}
                    }
                }
                Effect::Tell { message, .. } => assert!(message.to_json().starts_with("{\"id\":")),
                Effect::StartMedia { media } => assert!(self.media.insert(media), "media starts twice"),
                Effect::EndMedia { media } => {
                    assert!(self.media.remove(&media), "media ends that never began")
                }
                Effect::Media { media, command } => {
                    assert!(self.media.contains(&media), "a command without media");
                    for report in granted(command) {
                        self.machine.handle_media(self.now, media, report);
                    }
                }
                Effect::Close { .. } | Effect::Announce(_) | Effect::CountSession { .. } => {}
            }
        }
    }
}

fn granted(command: MediaCommand) -> Vec<MediaReport> {
    match command {
        MediaCommand::Open { session, sdp_offer, .. } => {
            vec![MediaReport::Answered { session, sdp_answer: sdp_offer }, MediaReport::Up(session)]
        }
        MediaCommand::RestartIce { session, .. } => {
            vec![MediaReport::Restarted { session, fragment: String::new() }]
        }
        MediaCommand::Attach { session, .. } => {
            vec![MediaReport::Refused { session, refusal: super::Refusal::MediaFull }]
        }
        MediaCommand::Inspect { ticket } => {
            let pipeline = PipelineId::new(1);
            vec![MediaReport::Inspected { ticket, pipeline, tracks: Vec::new() }]
        }
        MediaCommand::AddCandidates { .. } | MediaCommand::SetLayer { .. } | MediaCommand::Release { .. } => {
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_livestream_and_garbage_play_to_their_end() {
        stream_protocol(
            b"pv=0|a=ice-ufrag:abcd|m=video 9 X 96|a=sendonly|\nvv=0|a=ice-ufrag:abcd|m=video 9 X 96|a=recvonly|\n\
              fa=candidate:1 1 udp 1 192.0.2.1 9 typ host|\n\
              fa=ice-ufrag:efgh|a=ice-pwd:0123456789012345678901|\n\
              0{\"id\":\"presenter\",\"sdpOffer\":\"v=0\"}\n\
              1{\"id\":\"viewer\",\"sdpOffer\":\"v=0\\r\\na=ice-ufrag:abcd\\r\\nm=video 9 X 96\\r\\n\"}\n\
              1{\"id\":\"onIceCandidate\",\"candidate\":{\"candidate\":\"\"}}\n1{\"id\":\"stop\"}\n\xff\xfe{}\n\nd",
        );
    }
}
