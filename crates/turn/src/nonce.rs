//! Nonces that need not be remembered: each holds the time at which it was made and proves by a keyed hash that
//! it was made here, for this client (RFC 8489 §9.2). Who brings one back can be reached at its address.

use crate::client::Client;
use crate::stun::Crypto;
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use rand::Rng;
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;

/// RFC 8489 §9.2: the nonce begins with a cookie and a set of features in 24 bits, of which the first says that
/// password algorithms are offered. Clients that know it cannot be talked out of them.
const PREFIX: &str = "obMatJos2gAAA";

/// Bytes of the hash that a nonce carries: 96 bits cannot be guessed within its life.
const TAG_BYTES: usize = 12;

/// What makes and checks nonces.
pub(crate) struct Nonces {
    key: [u8; 32],
    /// Seconds are counted from here.
    start: Instant,
    lifetime: Duration,
}

impl Nonces {
    pub(crate) fn new(random: &mut impl Rng, start: Instant, lifetime: Duration) -> Self {
        let mut key = [0; 32];
        random.fill_bytes(&mut key);
        Self { key, start, lifetime }
    }

    /// A nonce for this client from now on.
    pub(crate) fn make(&self, crypto: &Crypto, now: Instant, client: &Client) -> String {
        let mut bytes = [0; 4 + TAG_BYTES];
        let (time, tag) = bytes.split_at_mut(4);
        time.copy_from_slice(&self.seconds(now).to_be_bytes());
        tag.copy_from_slice(&self.tag(crypto, time, client));
        let mut nonce = PREFIX.to_owned();
        BASE64_STANDARD_NO_PAD.encode_string(bytes, &mut nonce);
        nonce
    }

    /// Whether this is one that was made for this client not too long ago.
    pub(crate) fn is_valid(&self, crypto: &Crypto, now: Instant, client: &Client, nonce: &str) -> bool {
        let Some(text) = nonce.strip_prefix(PREFIX) else { return false };
        let mut bytes = [0; 4 + TAG_BYTES];
        if BASE64_STANDARD_NO_PAD.decode_slice(text, &mut bytes) != Ok(bytes.len()) {
            return false;
        }
        let (time, tag) = bytes.split_at(4);
        let is_ours: bool = self.tag(crypto, time, client).as_slice().ct_eq(tag).into();
        let made = time.try_into().map(u32::from_be_bytes).unwrap_or_default();
        let age = self.seconds(now).saturating_sub(made);
        is_ours && u64::from(age) <= self.lifetime.as_secs()
    }

    fn seconds(&self, now: Instant) -> u32 {
        u32::try_from(now.saturating_duration_since(self.start).as_secs()).unwrap_or(u32::MAX)
    }

    fn tag(&self, crypto: &Crypto, time: &[u8], client: &Client) -> [u8; TAG_BYTES] {
        let mut tag = [0; TAG_BYTES];
        let full = crypto.hmac_sha256(&self.key, &[time, &client.identity()]);
        tag.iter_mut().zip(full).for_each(|(to, byte)| *to = byte);
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Transport;
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use std::net::{Ipv4Addr, SocketAddr};

    fn client(port: u16) -> Client {
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 3478));
        Client { transport: Transport::Udp, door: 0, local, remote: (Ipv4Addr::LOCALHOST, port).into() }
    }

    #[test]
    fn a_nonce_is_its_clients_and_ends() {
        let (crypto, start) = (Crypto::default(), Instant::now());
        let nonces = Nonces::new(&mut StdRng::seed_from_u64(1), start, Duration::from_secs(600));
        let nonce = nonces.make(&crypto, start, &client(1));
        let later = |seconds| start + Duration::from_secs(seconds);
        assert!(nonces.is_valid(&crypto, later(600), &client(1), &nonce));
        assert!(!nonces.is_valid(&crypto, later(601), &client(1), &nonce), "stale");
        assert!(!nonces.is_valid(&crypto, start, &client(2), &nonce), "of another client");
        let other = Nonces::new(&mut StdRng::seed_from_u64(2), start, Duration::from_secs(600));
        assert!(!other.is_valid(&crypto, start, &client(1), &nonce), "of an earlier process");
        for broken in ["", PREFIX, &nonce[..nonce.len() - 1], &format!("{nonce}A"), "obMatJos2gAAA????"] {
            assert!(!nonces.is_valid(&crypto, start, &client(1), broken), "{broken}");
        }
    }

    #[test]
    fn no_letter_of_a_nonce_can_be_changed() {
        let (crypto, start) = (Crypto::default(), Instant::now());
        let nonces = Nonces::new(&mut StdRng::seed_from_u64(1), start, Duration::from_secs(600));
        let nonce = nonces.make(&crypto, start + Duration::from_secs(9), &client(1));
        for place in 0..nonce.len() {
            let mut forged = nonce.clone().into_bytes();
            forged[place] = if forged[place] == b'A' { b'Q' } else { b'A' };
            let forged = String::from_utf8(forged).expect("letters");
            assert!(
                !nonces.is_valid(&crypto, start + Duration::from_secs(9), &client(1), &forged),
                "{place}"
            );
        }
    }
}
