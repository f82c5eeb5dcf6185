//! A bare peer: real ICE, DTLS and SRTP on one socket, and nothing else.
//!
//! Complete peers cost more per packet than the server they measure. A bare one gets through the real
//! handshake, then its owner seals packets itself or only counts what arrives.

use anyhow::{Context as _, bail};
use bytes::BytesMut;
use keel_media::WebRtcEndpoint;
use keel_media::srtp::{DtlsRole, Profile, ReceiveContext, SendContext, SessionKeys};
use rtc_crypto::RTCCryptoProvider;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_stun::attributes::{ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, Message, Setter};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest silence during a handshake with a server on the same machine.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);

/// The one format of a bare peer's video: VP8 without retransmission.
pub const PAYLOAD_TYPE: u8 = 96;

/// What a bare peer does with its one video stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Sends it.
    Publisher,
    /// Receives it.
    Subscriber,
}

/// A peer that is connected to an endpoint of a server on loopback.
#[derive(Debug)]
pub struct BarePeer {
    /// Its socket, not blocking, connected to nothing.
    pub socket: UdpSocket,
    /// The server's media address.
    pub server: SocketAddr,
    ufrag: String,
    remote_ufrag: String,
    remote_pwd: String,
}

/// The two halves of a connected peer's SRTP.
pub struct Keys {
    /// Seals what the peer sends.
    pub send: SendContext,
    /// Opens what it receives.
    pub receive: ReceiveContext,
}

impl BarePeer {
    /// Offers to `endpoint`, whose server listens at `server`, and completes ICE and DTLS with
    /// AES-128-GCM. `ssrc` is the publisher's.
    ///
    /// # Errors
    /// When the negotiation or the handshake fails.
    pub async fn connect(
        endpoint: &WebRtcEndpoint,
        server: SocketAddr,
        role: Role,
        ssrc: u32,
    ) -> anyhow::Result<(Self, Keys)> {
        let provider = rtc_crypto::default_provider().context("no crypto provider")?;
        let certificate = Certificate::generate_self_signed_with_alg(
            ["bare".to_owned()],
            &rcgen::PKCS_ECDSA_P256_SHA256,
            provider.crypto(),
        )?;
        let der = certificate.certificate.first().context("a certificate")?.as_ref();
        let ufrag = format!("bare{ssrc:08x}");
        let answer = endpoint.process_offer(&offer(&ufrag, role, ssrc, &fingerprint(der))).await?;
        let attribute = |name: &str| -> anyhow::Result<String> {
            let line = answer.lines().find_map(|line| line.strip_prefix(name));
            Ok(line.with_context(|| format!("no {name} in the answer"))?.trim().to_owned())
        };
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let peer = Self {
            socket,
            server,
            ufrag,
            remote_ufrag: attribute("a=ice-ufrag:")?,
            remote_pwd: attribute("a=ice-pwd:")?,
        };
        // Handshakes block; the server's events go on meanwhile.
        tokio::task::spawn_blocking(move || {
            peer.socket.set_read_timeout(Some(Duration::from_millis(200)))?;
            peer.check(&*provider)?;
            let keys = peer.handshake(certificate, provider)?;
            peer.socket.set_nonblocking(true)?;
            Ok((peer, keys))
        })
        .await?
    }

    /// Sends a connectivity check that nominates; repeated every few seconds it keeps consent.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn send_check(&self, provider: &dyn RTCCryptoProvider) -> anyhow::Result<()> {
        let mut check = Message::new();
        let username = format!("{}:{}", self.remote_ufrag, self.ufrag);
        check.new_transaction_id()?;
        check.set_type(BINDING_REQUEST);
        check.write_header();
        check.add(ATTR_USERNAME, username.as_bytes());
        check.add(ATTR_ICE_CONTROLLING, &1u64.to_be_bytes());
        check.add(ATTR_PRIORITY, &0x6e00_01ffu32.to_be_bytes());
        check.add(ATTR_USE_CANDIDATE, &[]);
        MessageIntegrity::new_short_term_integrity_with_provider(self.remote_pwd.clone(), provider.crypto())
            .add_to(&mut check)?;
        FINGERPRINT.add_to(&mut check)?;
        self.socket.send_to(&check.raw, self.server)?;
        Ok(())
    }

    fn check(&self, provider: &dyn RTCCryptoProvider) -> anyhow::Result<()> {
        let until = Instant::now() + HANDSHAKE_TIMEOUT;
        let mut buffer = [0; 2048];
        while Instant::now() < until {
            self.send_check(provider)?;
            // A binding success response: the two lowest bits of the class say so.
            if let Ok((length, _)) = self.socket.recv_from(&mut buffer)
                && length >= 20
                && buffer[..2] == [0x01, 0x01]
            {
                return Ok(());
            }
        }
        bail!("no answer to connectivity checks from {}", self.server)
    }

    fn handshake(
        &self,
        certificate: Certificate,
        provider: Arc<dyn RTCCryptoProvider>,
    ) -> anyhow::Result<Keys> {
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(vec![certificate])
            .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            // A load generator has nothing to protect.
            .with_insecure_skip_verify(true)
            .with_server_name("keel".to_owned())
            .build(true, None)?;
        let mut dtls = Endpoint::new(self.socket.local_addr()?, TransportProtocol::UDP, None);
        dtls.connect(Instant::now(), self.server, Arc::new(config), None)?;
        let until = Instant::now() + HANDSHAKE_TIMEOUT;
        let mut buffer = [0; 2048];
        while Instant::now() < until {
            while let Some(transmit) = dtls.poll_transmit() {
                self.socket.send_to(&transmit.message, self.server)?;
            }
            match self.socket.recv_from(&mut buffer) {
                Ok((length, from)) if from == self.server && (20..64).contains(&buffer[0]) => {
                    let datagram = BytesMut::from(&buffer[..length]);
                    let events = dtls.read(Instant::now(), self.server, None, datagram)?;
                    if events.iter().any(|event| matches!(event, EndpointEvent::HandshakeComplete)) {
                        while let Some(transmit) = dtls.poll_transmit() {
                            self.socket.send_to(&transmit.message, self.server)?;
                        }
                        return keys(&dtls, self.server);
                    }
                }
                // Something else on the shared port, or nothing for a while.
                _ => dtls.handle_timeout(self.server, Instant::now())?,
            }
        }
        bail!("the DTLS handshake with {} did not complete", self.server)
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

fn keys(dtls: &Endpoint, server: SocketAddr) -> anyhow::Result<Keys> {
    let profile = Profile::AeadAes128Gcm;
    let state = dtls.get_connection_state(server).context("a completed handshake has a state")?;
    let material =
        state.export_keying_material("EXTRACTOR-dtls_srtp", &[], profile.keying_material_length())?;
    let keys = SessionKeys::from_keying_material(profile, DtlsRole::Client, material.as_ref())?;
    Ok(Keys { send: keys.send_context(), receive: keys.receive_context() })
}

fn fingerprint(der: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, der);
    let pairs: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

fn offer(ufrag: &str, role: Role, ssrc: u32, fingerprint: &str) -> String {
    let (direction, stream) = match role {
        Role::Publisher => ("sendonly", format!("a=msid:bare bare\r\na=ssrc:{ssrc} cname:bare\r\n")),
        Role::Subscriber => ("recvonly", String::new()),
    };
    format!(
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF {PAYLOAD_TYPE}\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
         a=ice-ufrag:{ufrag}\r\na=ice-pwd:{ufrag}{ufrag}{ufrag}\r\na=ice-options:trickle\r\n\
         a=fingerprint:sha-256 {fingerprint}\r\na=setup:active\r\na=mid:0\r\na={direction}\r\n\
         a=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:{PAYLOAD_TYPE} VP8/90000\r\n\
         a=rtcp-fb:{PAYLOAD_TYPE} nack pli\r\n{stream}"
    )
}
