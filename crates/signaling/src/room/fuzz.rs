//! The fuzzer's door to the rooms' protocol: frames as the network brings them, into the parser and the
//! machine, without sockets.

use super::effect::{Effect, MediaCommand, MediaReport, Role};
use super::id::{MediaId, TrackId};
use super::machine::{Machine, Moment};
use super::message::Request;
use crate::auth::Permit;
use crate::limits::Limits;
use crate::socket::{ConnectionId, Departure};
use crate::store::{ChatPage, UnixMillis};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

const CONNECTIONS: u8 = 3;

/// Plays `input` as the frames of three clients, one a line: the first byte says whose it is, the rest is the
/// text. The store is empty, media grants everything at once, a second passes with each line. Then all three
/// leave and the rooms run out.
///
/// # Panics
/// When media is asked for that does not run, or anything is left in the end.
pub fn room_protocol(input: &[u8]) {
    let steady = Instant::now(); // clock: any start will do, only differences count
    let mut now = Moment { steady, wall: UnixMillis(1_000_000) };
    let mut machine = Machine::new(Limits::default(), Vec::new(), StdRng::seed_from_u64(1), 1);
    let mut media = BTreeSet::new();
    for number in 0..CONNECTIONS {
        machine.handle_connected(connection(number), IpAddr::from([192, 0, 2, number]), Permit::visitor());
    }
    for line in input.split(|byte| *byte == b'\n') {
        let Some((who, text)) = line.split_first() else { continue };
        let text = String::from_utf8_lossy(text);
        match Request::parse(&text) {
            Ok(request) => machine.handle_request(now, connection(who % CONNECTIONS), request),
            Err(_) => {
                let _ = Request::number_in(&text);
            }
        }
        settle(&mut machine, &mut media, now);
        now.steady += Duration::from_secs(1);
        now.wall.0 += 1_000;
        machine.handle_timeout(now);
        settle(&mut machine, &mut media, now);
    }
    for number in 0..CONNECTIONS {
        machine.handle_disconnected(now, connection(number), Departure::GoneAway);
    }
    now.steady += Limits::default().rooms.empty_max + Duration::from_secs(1);
    machine.handle_timeout(now);
    settle(&mut machine, &mut media, now);
    assert_eq!((machine.rooms(), machine.participants()), (0, 0), "rooms are left");
    assert!(media.is_empty(), "media is left: {media:?}");
}

fn connection(number: u8) -> ConnectionId {
    ConnectionId::new(number.into())
}

fn settle(machine: &mut Machine, media: &mut BTreeSet<MediaId>, now: Moment) {
    while let Some(effect) = machine.poll_effect() {
        match effect {
            Effect::LoadTail { room, .. } => machine.handle_tail(now, room, ChatPage::default()),
            Effect::ReadHistory { connection, request, .. } => {
                machine.handle_history(connection, request, Some(ChatPage::default()));
            }
            Effect::StartMedia { media: id } => assert!(media.insert(id), "media starts twice"),
            Effect::EndMedia { media: id } => assert!(media.remove(&id), "media ends that never began"),
            Effect::Media { media: id, command } => {
                assert!(media.contains(&id), "a command without media");
                if let Some(report) = granted(command) {
                    machine.handle_media(now, id, report);
                }
            }
            Effect::Reply { message, request, .. } => {
                assert!(message.to_json(request).starts_with("{\"id\":"));
            }
            Effect::Tell { message, .. } => assert!(message.to_json(None).starts_with("{\"id\":")),
            _ => {}
        }
    }
}

fn granted(command: MediaCommand) -> Option<MediaReport> {
    let sdp = String::new;
    match command {
        MediaCommand::Publish { participant, tracks, .. } => {
            let live = tracks.iter().map(|track| track.track).collect();
            Some(MediaReport::Published { participant, sdp_answer: sdp(), live })
        }
        MediaCommand::Subscribe { participant, version, change } => {
            let lines = change.added.iter().map(|(track, _)| (String::new(), *track)).collect();
            let refused: Vec<TrackId> = Vec::new();
            Some(MediaReport::Offered { participant, version, sdp_offer: sdp(), lines, refused })
        }
        MediaCommand::Answer { participant, version, .. } => {
            Some(MediaReport::Answered { participant, version, refused: Vec::new() })
        }
        MediaCommand::Receive { viewer, sender, role, .. } => {
            let live = match role {
                Role::Send { audio, video } => vec![audio, video],
                Role::Receive(_) => Vec::new(),
            };
            Some(MediaReport::Received { viewer, sender, sdp_answer: sdp(), live })
        }
        MediaCommand::AddCandidate { participant, leg, candidate } => {
            Some(MediaReport::Candidate { participant, leg, candidate })
        }
        MediaCommand::OpenBridge { bridge, .. } => Some(MediaReport::BridgeOpened { bridge }),
        MediaCommand::AddReceiveCandidate { .. }
        | MediaCommand::FeedBridge { .. }
        | MediaCommand::CloseBridge { .. }
        | MediaCommand::Adjust { .. }
        | MediaCommand::Feed { .. }
        | MediaCommand::Leave { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_call_and_garbage_play_to_their_end() {
        room_protocol(
            b"0{\"id\":\"join\",\"room\":\"r\",\"name\":\"ann\"}\n1{\"id\":\"join\",\"room\":\"r\",\"name\":\"ben\"}\n\
              2{\"id\":\"joinRoom\",\"room\":\"r\",\"name\":\"old\"}\n\
              0{\"id\":\"publish\",\"sdpOffer\":\"a\",\"tracks\":[{\"mid\":\"0\",\"source\":\"camera\"}]}\n\
              1{\"id\":\"openData\"}\n1{\"id\":\"answer\",\"version\":1,\"sdpAnswer\":\"b\"}\n\
              2{\"id\":\"receiveVideoFrom\",\"sender\":\"old\",\"sdpOffer\":\"c\"}\n\
              2{\"id\":\"receiveVideoFrom\",\"sender\":\"ann\",\"sdpOffer\":\"c\"}\n\
              0{\"id\":\"showStream\",\"stream\":\"tide\"}\n1{\"id\":\"broadcast\",\"stream\":\"tide\"}\n\
              2\xff\xfe{}\n\n0{\"id\":\"leave\"}",
        );
    }
}
