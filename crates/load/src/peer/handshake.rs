//! From an answer to keys: a connectivity check, then DTLS as its client, waiting for the server at each step.

use super::{BarePeer, Identity};
use anyhow::{Context as _, bail};
use bytes::BytesMut;
use keel_media::srtp::{DtlsRole, Profile, ReceiveContext, SendContext, SessionKeys};
use rtc_dtls::config::{ClientAuthType, ConfigBuilder};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest silence during a handshake with a server that may have a thousand of them at once.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long an answer is waited for before the question is repeated.
const REPEAT_EVERY: Duration = Duration::from_millis(200);

/// The two halves of a connected peer's SRTP.
pub struct Keys {
    /// Seals what the peer sends.
    pub send: SendContext,
    /// Opens what it receives.
    pub receive: ReceiveContext,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

impl BarePeer {
    /// Completes ICE and DTLS with AES-128-GCM.
    pub(super) fn establish(&self, identity: &Identity) -> anyhow::Result<Keys> {
        self.socket.set_read_timeout(Some(REPEAT_EVERY))?;
        self.check()?;
        self.shake_hands(identity)
    }

    fn check(&self) -> anyhow::Result<()> {
        let until = Instant::now() + HANDSHAKE_TIMEOUT;
        let mut buffer = [0; 2048];
        while Instant::now() < until {
            self.send_check()?;
            // A binding success response: the two lowest bits of the class say so.
            if let Ok((length, _)) = self.socket.recv_from(&mut buffer)
                && length >= 20
                && buffer[..2] == [0x01, 0x01]
            {
                return Ok(());
            }
        }
        bail!("no answer to connectivity checks from {}: is its UDP port reachable?", self.server)
    }

    fn shake_hands(&self, identity: &Identity) -> anyhow::Result<Keys> {
        let config = ConfigBuilder::default()
            .with_crypto_provider(identity.provider.clone())
            .with_certificates(vec![identity.certificate.clone()])
            .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            // A load generator has nothing to protect.
            .with_insecure_skip_verify(true)
            .with_server_name("server".to_owned())
            .build(true, None)?;
        let mut dtls = Endpoint::new(self.socket.local_addr()?, TransportProtocol::UDP, None);
        dtls.connect(Instant::now(), self.server, Arc::new(config), None)?;
        let until = Instant::now() + HANDSHAKE_TIMEOUT;
        let mut buffer = [0; 2048];
        while Instant::now() < until {
            self.send_all(&mut dtls)?;
            match self.socket.recv_from(&mut buffer) {
                Ok((length, from)) if from == self.server && (20..64).contains(&buffer[0]) => {
                    let datagram = BytesMut::from(&buffer[..length]);
                    let events = dtls.read(Instant::now(), self.server, None, datagram)?;
                    if events.iter().any(|event| matches!(event, EndpointEvent::HandshakeComplete)) {
                        self.send_all(&mut dtls)?;
                        return keys(&dtls, self.server);
                    }
                }
                Ok((length, _)) => self.answer_check(&buffer[..length])?,
                // Nothing for a while.
                Err(_) => dtls.handle_timeout(self.server, Instant::now())?,
            }
        }
        bail!("the DTLS handshake with {} did not complete", self.server)
    }

    fn send_all(&self, dtls: &mut Endpoint) -> anyhow::Result<()> {
        while let Some(transmit) = dtls.poll_transmit() {
            self.socket.send_to(&transmit.message, self.server)?;
        }
        Ok(())
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
