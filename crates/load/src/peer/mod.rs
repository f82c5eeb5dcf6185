//! A bare peer: real ICE, DTLS and SRTP on one socket, and nothing else.
//!
//! Complete peers cost more per packet than the server they measure. A bare one gets through the real
//! handshake, keeps its consent alive, and then its owner seals packets itself or only counts what arrives.
//! `offer.rs` describes it, `answer.rs` to a server that offers, and `handshake.rs` connects it. Of this crate, only this folder names webrtc-rs.

mod answer;
mod handshake;
mod ice;
mod offer;

pub use answer::{Answer, Answerer};
pub use handshake::Keys;
pub use offer::{
    AUDIO_PAYLOAD_TYPE, Direction, Media, TRANSPORT_NUMBER_ID, VIDEO_PAYLOAD_TYPE, audio_ssrc, candidate,
    video_ssrc,
};

use anyhow::{Context as _, ensure};
use ice::Ice;
use rtc_crypto::RTCCryptoProvider;
use rtc_dtls::crypto::Certificate;
use socket2::SockRef;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

/// Asked for, as a server asks for its own.
const SOCKET_BUFFER_BYTES: usize = 4 << 20;

/// The certificate that all peers of a run share: making one costs more than a handshake.
pub struct Identity {
    certificate: Certificate,
    fingerprint: String,
    provider: Arc<dyn RTCCryptoProvider>,
}

/// A peer that offers, or answers, and waits for the server.
pub struct OfferingPeer {
    socket: UdpSocket,
    ice: Ice,
    offer: String,
    answerer: Answerer,
}

/// A connected peer.
#[derive(Debug)]
pub struct BarePeer {
    /// Its socket, not blocking, connected to nothing.
    pub socket: UdpSocket,
    /// The server's media address.
    pub server: SocketAddr,
    ice: Ice,
}

impl Identity {
    /// Makes a certificate.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> anyhow::Result<Self> {
        let provider = rtc_crypto::default_provider().context("no crypto provider")?;
        let certificate = Certificate::generate_self_signed_with_alg(
            ["bare".to_owned()],
            &rcgen::PKCS_ECDSA_P256_SHA256,
            provider.crypto(),
        )?;
        let der = certificate.certificate.first().context("a certificate")?.as_ref();
        let fingerprint = fingerprint(der);
        Ok(Self { certificate, fingerprint, provider })
    }
}

impl OfferingPeer {
    /// The peer with this number, which makes its name, ports and SSRCs its own. `local` is the address of
    /// its socket: of the family and on the way of the server's.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn new(identity: &Identity, local: IpAddr, number: u32, media: Media) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((local, 0)).with_context(|| format!("no UDP socket on {local}"))?;
        // The default, 208 KiB, is where packets are lost first. The system may grant less.
        let options = SockRef::from(&socket);
        options.set_recv_buffer_size(SOCKET_BUFFER_BYTES)?;
        options.set_send_buffer_size(SOCKET_BUFFER_BYTES)?;
        let ice = Ice::new(number, identity.provider.clone());
        let offer = offer::write(&ice, number, media, &identity.fingerprint);
        let answerer = Answerer {
            ufrag: ice.ufrag.clone(),
            password: ice.password.clone(),
            fingerprint: identity.fingerprint.clone(),
            feedback: media.feedback,
        };
        Ok(Self { socket, ice, offer, answerer })
    }

    /// Its session description.
    #[must_use]
    pub fn offer(&self) -> &str {
        &self.offer
    }

    /// What answers for it where the server offers.
    #[must_use]
    pub fn answerer(&self) -> Answerer {
        self.answerer.clone()
    }

    /// Completes ICE and DTLS with the server that listens at `server`, waiting for it. `answer` is the server's
    /// description, also where that is an offer.
    ///
    /// # Errors
    /// When it lacks what it takes, or the server does not answer in time.
    pub fn connect(
        self,
        identity: &Identity,
        answer: &str,
        server: SocketAddr,
    ) -> anyhow::Result<(BarePeer, Keys)> {
        let Self { socket, mut ice, .. } = self;
        ice.set_remote(offer::attribute(answer, "ice-ufrag")?, offer::attribute(answer, "ice-pwd")?);
        let peer = BarePeer { socket, server, ice };
        let keys = peer.establish(identity)?;
        peer.socket.set_nonblocking(true)?;
        Ok((peer, keys))
    }
}

impl BarePeer {
    /// Sends a connectivity check that nominates; repeated every few seconds it keeps consent (RFC 7675).
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn send_check(&self) -> anyhow::Result<()> {
        let check = self.ice.check()?;
        self.socket.send_to(&check, self.server)?;
        Ok(())
    }

    /// Answers a check of the server's, if `datagram` is one: full agents ask for consent, too.
    ///
    /// # Errors
    /// When the answer cannot be sent.
    pub fn answer_check(&self, datagram: &[u8]) -> anyhow::Result<()> {
        if let Some(answer) = self.ice.answer(datagram, self.server)? {
            self.socket.send_to(&answer, self.server)?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

impl std::fmt::Debug for OfferingPeer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OfferingPeer").field("socket", &self.socket).finish_non_exhaustive()
    }
}

fn fingerprint(der: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, der);
    let pairs: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

/// The parts of an address in a candidate or a URL.
fn socket_address(ip: &str, port: &str) -> anyhow::Result<SocketAddr> {
    let ip: IpAddr = ip.parse().with_context(|| format!("{ip:?} is no address"))?;
    let port = port.parse().with_context(|| format!("{port:?} is no port"))?;
    ensure!(port != 0, "port 0 reaches nobody");
    Ok(SocketAddr::new(ip, port))
}
