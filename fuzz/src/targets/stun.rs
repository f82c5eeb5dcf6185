//! STUN at a lite agent.

use keel_media::session::ice::{IceAgent, IceCredentials};
use keel_testkit::check;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

/// A message that is refused is not answered and lets nobody in, be it taken as it is or as the attributes
/// of a check with valid integrity.
pub fn stun(input: &[u8]) {
    refused_without_effect(input);
    let attributes = &input[..input.len().min(1_000) & !3];
    let (_, credentials) = agent();
    if let Ok(message) = check::binding_request(attributes, &credentials.password) {
        refused_without_effect(&message);
    }
}

fn refused_without_effect(message: &[u8]) {
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 10_000));
    let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000));
    let (mut agent, _) = agent();
    let taken = agent.handle_stun(Instant::now(), local, remote, message);
    if taken.is_err() {
        assert!(!agent.is_validated(local, remote) && agent.poll_transmit().is_none(), "{taken:?}");
    }
}

/// An agent whose credentials are always the same, and its peer's.
fn agent() -> (IceAgent, IceCredentials) {
    let mut rng = StdRng::seed_from_u64(1);
    let mut agent = IceAgent::new(&mut rng).expect("this build has a crypto provider");
    let peer = IceCredentials { ufrag: "peer".into(), password: "a-password-of-22-letters".into() };
    agent.set_remote(Instant::now(), peer, false);
    let credentials = agent.local_credentials().clone();
    (agent, credentials)
}

/// The attributes of a nominating check, and the check itself.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let (_, credentials) = agent();
    let attributes = check::nominating("peer", &credentials.ufrag);
    let message = check::binding_request(&attributes, &credentials.password);
    vec![attributes, message.expect("a check fits into a message")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_is_a_check_that_lets_its_sender_in() {
        let (mut agent, _) = agent();
        let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000));
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 10_000));
        let check = &seeds()[1];
        assert_eq!(agent.handle_stun(Instant::now(), local, remote, check), Ok(()));
        assert!(agent.is_validated(local, remote) && agent.poll_transmit().is_some());
    }
}
