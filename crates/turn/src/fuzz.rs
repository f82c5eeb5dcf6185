//! The fuzz target of the state machine: a play of clients, peers and time, written in bytes. Whatever it is, no
//! data goes where it must not, nothing exceeds its bound, and when all has run out nothing is left.

use crate::client::Client;
use crate::config::TurnLimits;
use crate::peer::OwnSocket;
use crate::rate::Rate;
use crate::stage::{MEDIA, Stage};
use crate::stun::{Ask, Method};
use std::net::SocketAddr;
use std::time::Duration;

/// Allocations of a play.
const ALLOCATIONS_MAX: usize = 4;
/// Answers before authentication may exceed what they answer by so much.
const UNAUTHENTICATED: Rate = Rate { per_second: 1_000, at_once: 4_000 };
/// Peers that are named, some in forms that hide what they are.
const PEERS: [&str; 12] = [
    "192.168.1.5:10000",
    "192.168.1.5:22",
    "198.41.0.9:10001",
    "198.41.0.9:53",
    "127.0.0.1:10001",
    "[::1]:10000",
    "[::1]:22",
    "[::ffff:192.168.1.5]:10000",
    "[64:ff9b::7f00:1]:10000",
    "0.0.0.0:10000",
    "8.8.8.8:53",
    "169.254.169.254:80",
];

/// Plays it. Each act is a byte for what, one for who, one for with whom, one for how much, and the act of raw
/// bytes takes what its length says.
///
/// Returns how many datagrams were relayed.
///
/// # Panics
/// When the machine is wrong.
pub fn turn_protocol(mut input: &[u8]) -> u64 {
    let mut stage = Stage::new(|config| {
        config.limits = TurnLimits {
            allocations_max: ALLOCATIONS_MAX,
            allocations_per_user_max: 2,
            permissions_max: 3,
            channels_max: 3,
            unauthenticated: UNAUTHENTICATED,
            ..TurnLimits::default()
        };
    });
    let mut nonces = [const { String::new() }; 6];
    while let Some(([what, who, whom, much], rest)) = input.split_first_chunk::<4>() {
        input = rest;
        let who = usize::from(*who) % nonces.len();
        let client = client(&stage, who);
        let peer = PEERS.get(usize::from(*whom) % PEERS.len()).and_then(|peer| peer.parse().ok());
        let peer: SocketAddr = peer.expect("the table has addresses");
        let transaction = stage.transaction();
        let ask = match what % 12 {
            0 => Ask::allocate(transaction),
            1 => Ask::allocate(transaction).with(0x0017, &[*whom, 0, 0, 0]),
            2 => Ask::allocate(transaction).with(0x8000, &[*whom, 0, 0, 0]),
            3 => Ask::new(Method::Refresh, transaction).lifetime(u32::from(*much % 3) * 500),
            4 => Ask::new(Method::CreatePermission, transaction).peer(peer),
            5 => Ask::bind(transaction, 0x4000 + u16::from(much % 5), peer),
            6 => {
                let message = [&[0x40, much % 5, 0, 4], &b"data"[..]].concat();
                relay(&mut stage, client, &message);
                continue;
            }
            7 => {
                relay(&mut stage, client, &Ask::send(transaction, peer, b"data"));
                continue;
            }
            8 => {
                from_peer(&mut stage, who, peer, usize::from(*much));
                continue;
            }
            9 => {
                stage.pass(Duration::from_secs(u64::from(*much) * 4));
                continue;
            }
            10 => {
                let (message, after) = input.split_at(input.len().min(usize::from(*much)));
                input = after;
                relay(&mut stage, client, message);
                continue;
            }
            _ => {
                stage.server.handle_disconnected(client);
                stage.settle();
                continue;
            }
        };
        let user = stage.user(["alice", "bob"][who % 2]);
        if let Some(nonce) = nonces.get_mut(who) {
            request(&mut stage, client, &user, nonce, ask, transaction);
        }
        assert!(stage.server.snapshot().allocations <= ALLOCATIONS_MAX);
        assert!(stage.relays.len() <= 2 * ALLOCATIONS_MAX);
    }
    stage.pass(Duration::from_hours(2));
    assert_eq!(stage.server.snapshot().allocations, 0, "all ends");
    assert!(stage.relays.is_empty(), "with its sockets");
    let counts = stage.server.snapshot().counts;
    counts.to_peers.packets + counts.to_clients.packets
}

/// Plays to begin from: what clients do in order.
#[must_use]
pub fn plays() -> Vec<Vec<u8>> {
    let call =
        [0, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 1, 6, 0, 0, 1, 8, 0, 0, 200, 7, 0, 0, 9, 3, 0, 0, 1, 3, 0, 0, 0];
    let dual = [2, 1, 2, 0, 4, 1, 5, 0, 5, 1, 5, 2, 6, 1, 0, 2, 9, 0, 0, 120, 3, 1, 0, 2, 11, 1, 0, 0];
    let hostile = [0, 2, 0, 0, 4, 2, 11, 0, 5, 2, 8, 3, 7, 2, 3, 9, 7, 2, 9, 9, 6, 2, 0, 4, 8, 2, 1, 9];
    let binding = Ask::new(Method::Binding, [9; 12]).unsigned();
    let raw = [&[10, 3, 0, binding.len() as u8][..], &binding].concat();
    vec![call.to_vec(), dual.to_vec(), hostile.to_vec(), raw]
}

fn client(stage: &Stage, who: usize) -> Client {
    let address = ["203.0.113.7:1000", "203.0.113.7:1001", "[2001:db8::7]:1000"][who % 3];
    let mut client = stage.client(address);
    client.door = (who / 3) as u16;
    client
}

/// Sends a request, with a nonce that was asked for before, and keeps the newer one that a stale one is answered with.
fn request(
    stage: &mut Stage,
    client: Client,
    user: &crate::Issued,
    nonce: &mut String,
    ask: Ask,
    transaction: [u8; 12],
) {
    if nonce.is_empty() {
        let challenge = stage.ask(client, &Ask::allocate(transaction).unsigned());
        *nonce = challenge.map(|reply| reply.nonce).unwrap_or_default();
    }
    let key = stage.key(user, crate::stun::KeyKind::Sha1);
    let message = ask.credentials(&user.username, "stage", nonce).signed(&stage.crypto, &key);
    let Some(reply) = stage.ask(client, &message) else { return };
    assert_eq!(reply.transaction, transaction);
    if !reply.nonce.is_empty() {
        *nonce = reply.nonce;
    }
}

/// Hands data of a client in: it may only leave for media, from an open relay socket of its own family.
fn relay(stage: &mut Stage, client: Client, message: &[u8]) {
    let before = stage.bytes_out;
    if let Some(data) = stage.deliver(client, message) {
        assert!(
            MEDIA.iter().any(|OwnSocket { local, .. }| *local == data.to),
            "{} is no media socket",
            data.to
        );
        assert!(stage.relays.contains_key(&data.relay));
    }
    let allowed = message.len() + UNAUTHENTICATED.at_once as usize;
    assert!(stage.bytes_out - before <= allowed, "an answer to nobody is short");
}

/// Data of a peer: it reaches a client that has admitted it, and nobody else.
fn from_peer(stage: &mut Stage, place: usize, peer: SocketAddr, length: usize) {
    let Some(relay) = stage.relays.keys().nth(place % stage.relays.len().max(1)).copied() else { return };
    if let Some(data) = stage.server.handle_peer(stage.now.steady, relay, peer, length) {
        // What a NAT turns round comes from the announced address.
        let is_media = |own: &OwnSocket| own.local == peer || own.announced == peer;
        assert!(MEDIA.iter().any(is_media), "{peer} is no media socket");
        assert!(!data.prefix().is_empty() && data.padding() < 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{Rng, RngExt, SeedableRng};

    #[test]
    fn the_play_of_a_call_relays_and_ends() {
        let relayed: Vec<u64> = plays().iter().map(|play| turn_protocol(play)).collect();
        assert_eq!(
            relayed,
            [3, 1, 0, 0],
            "up and down a channel and by an indication; never for the hostile one"
        );
    }

    #[test]
    fn random_plays_break_nothing() {
        for seed in 0..200 {
            let mut random = StdRng::seed_from_u64(seed);
            let mut play = vec![0; random.random_range(4..600)];
            random.fill_bytes(&mut play);
            turn_protocol(&play);
        }
    }
}
