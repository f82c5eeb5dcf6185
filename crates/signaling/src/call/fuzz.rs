//! The fuzzer's door to the call protocol: frames as the network brings them, into the parser and the
//! machine, without sockets.

use super::effect::{CallId, Effect, MediaReport};
use super::machine::Machine;
use super::message::ClientMessage;
use super::token::ResumeToken;
use crate::auth::Permit;
use crate::limits::Limits;
use crate::socket::ConnectionId;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

const CONNECTIONS: u8 = 3;

/// Plays `input` as the frames of three browsers, one a line: the first byte says whose it is, the rest is
/// the text. The store admits everybody, media answers at once, a second passes with each line. Then all
/// three leave.
///
/// # Panics
/// When media runs for no call, or anything is left in the end.
pub fn call_protocol(input: &[u8]) {
    let mut now = Instant::now(); // clock: any start will do, only differences count
    let mut machine = Machine::new(Limits::default());
    let mut media = BTreeSet::new();
    for number in 0..CONNECTIONS {
        let address = IpAddr::from([192, 0, 2, number]);
        let token = ResumeToken::from_bytes([number; 16]);
        machine.handle_connected(connection(number), address, Permit::visitor(), token);
    }
    for line in input.split(|byte| *byte == b'\n') {
        let Some((who, text)) = line.split_first() else { continue };
        if let Ok(message) = ClientMessage::parse(&String::from_utf8_lossy(text)) {
            machine.handle_message(now, connection(who % CONNECTIONS), message);
        }
        settle(&mut machine, &mut media, now);
        now += Duration::from_secs(1);
        machine.handle_timeout(now);
        settle(&mut machine, &mut media, now);
    }
    for number in 0..CONNECTIONS {
        machine.handle_disconnected(now, connection(number));
    }
    settle(&mut machine, &mut media, now);
    assert_eq!(machine.calls(), 0, "calls are left");
    assert_eq!(machine.registered_users(), 0, "names are left");
    assert!(media.is_empty(), "media is left: {media:?}");
}

fn connection(number: u8) -> ConnectionId {
    ConnectionId::new(number.into())
}

fn settle(machine: &mut Machine, media: &mut BTreeSet<CallId>, now: Instant) {
    while let Some(effect) = machine.poll_effect() {
        match effect {
            Effect::Admit { connection, .. } => machine.handle_admission(now, connection, Ok(())),
            Effect::StartMedia { call, caller_offer, callee_offer } => {
                assert!(media.insert(call), "media starts twice");
                let (caller, callee) = (callee_offer, caller_offer);
                machine.handle_media(now, call, MediaReport::Answered { caller, callee });
            }
            Effect::AddCandidate { call, .. } => {
                assert!(media.contains(&call), "a candidate without media");
            }
            Effect::EndMedia { call } => assert!(media.remove(&call), "media ends that never began"),
            Effect::Send { message, .. } => assert!(message.to_json().starts_with("{\"id\":")),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_and_garbage_play_to_their_end() {
        call_protocol(
            b"0{\"id\":\"register\",\"name\":\"ann\"}\n1{\"id\":\"register\",\"name\":\"ben\"}\n\
              0{\"id\":\"call\",\"from\":\"ann\",\"to\":\"ben\",\"sdpOffer\":\"a\"}\n\
              1{\"id\":\"incomingCallResponse\",\"from\":\"ann\",\"callResponse\":\"accept\",\"sdpOffer\":\"b\"}\n\
              2\xff\xfe{}\n\n0{\"id\":\"stop\"}",
        );
    }
}
