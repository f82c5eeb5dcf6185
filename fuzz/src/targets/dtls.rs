//! DTLS before anything is authenticated.

use keel_media::session::dtls::{Certificate, DtlsTransport, Fingerprint, HashFunction};
use keel_media::srtp::DtlsRole;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// A certificate takes longer to make than an input to run.
static CERTIFICATE: OnceLock<Arc<Certificate>> = OnceLock::new();

/// A server that waits for its peer's ClientHello answers a datagram with less than a flight of its own.
pub fn dtls(datagram: &[u8]) {
    let certificate =
        CERTIFICATE.get_or_init(|| Arc::new(Certificate::generate().expect("the system has randomness")));
    let mut rng = StdRng::seed_from_u64(1);
    let mut transport = DtlsTransport::new(Arc::clone(certificate), DtlsRole::Server, &mut rng);
    let now = Instant::now();
    transport.set_remote_fingerprints(now, vec![Fingerprint::of(HashFunction::Sha256, b"the peer's")]);
    // A refusal is as good as an answer here.
    let _ = transport.handle_datagram(now, datagram);
    let answered: usize = std::iter::from_fn(|| transport.poll_transmit()).map(|answer| answer.len()).sum();
    assert!(answered <= datagram.len() + 64, "{answered} bytes in answer to {}", datagram.len());
}
