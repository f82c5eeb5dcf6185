//! One `rtc-dtls` association. The only file that talks to it.

use super::KeyingMaterial;
use super::certificate::{Certificate, Fingerprint};
use super::hello::Cookie;
use super::reassembly::Message;
use super::record::{CHANGE_CIPHER_SPEC, write_message, write_record};
use crate::session::error::SessionError;
use crate::srtp::DtlsRole;
use bytes::{Bytes, BytesMut};
use rtc_crypto::{CryptoError, RTCCrypto, RTCCryptoProvider, RTCRandom};
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, HandshakeConfig};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_shared::error::Error;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// rtc-dtls keys associations by address and opens a new one for an address it has not seen: a peer that
/// changes networks must keep its association, so it has this address for ever. Nothing is sent there.
const PEER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 9));
/// Longer than any session: see `flight.rs` for why rtc-dtls's own timer is not used.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// An SRTP protection profile (RFC 5764 §4.1.2, RFC 7714 §14.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Profile {
    pub(super) iana: u16,
    dtls: SrtpProtectionProfile,
    /// Two keys and two salts.
    material_bytes: usize,
}

/// Keel's order, best first: AES-GCM costs half of AES-CM with HMAC-SHA1 on processors with AES
/// instructions, and 128 bits are enough.
pub(super) const PROFILES: [Profile; 3] = [
    Profile { iana: 7, dtls: SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm, material_bytes: 2 * (16 + 12) },
    Profile { iana: 8, dtls: SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm, material_bytes: 2 * (32 + 12) },
    Profile {
        iana: 1,
        dtls: SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        material_bytes: 2 * (16 + 14),
    },
];

/// What a record led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reaction {
    None,
    HandshakeComplete,
    PeerClosed,
}

pub(super) struct Association {
    endpoint: Endpoint,
    role: DtlsRole,
    /// The record number of the next plaintext record that we hand in: the peer's own do not matter any
    /// more once its messages are reassembled.
    plaintext_records: u64,
}

impl Association {
    /// A server that agrees on this profile or none.
    pub(super) fn server(
        certificate: &Certificate,
        fingerprints: &[Fingerprint],
        profile: Profile,
        cookie: Cookie,
    ) -> Result<Self, SessionError> {
        let provider = Arc::new(CookieProvider { provider: certificate.provider.clone(), cookie });
        let config = configure(certificate, provider, fingerprints, &[profile], DtlsRole::Server)?;
        Ok(Self::new(DtlsRole::Server, Some(config)))
    }

    /// A client, its ClientHello waiting to be sent.
    pub(super) fn client(
        now: Instant,
        certificate: &Certificate,
        fingerprints: &[Fingerprint],
    ) -> Result<Self, SessionError> {
        let provider = certificate.provider.clone();
        let config = configure(certificate, provider, fingerprints, &PROFILES, DtlsRole::Client)?;
        let mut association = Self::new(DtlsRole::Client, None);
        association.endpoint.connect(now, PEER, config, None)?;
        Ok(association)
    }

    fn new(role: DtlsRole, server: Option<Arc<HandshakeConfig>>) -> Self {
        let unspecified = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
        let endpoint = Endpoint::new(unspecified, TransportProtocol::UDP, server);
        Self { endpoint, role, plaintext_records: 0 }
    }

    /// Server: hands in the hello that returned the cookie. rtc-dtls cannot begin with it, so it gets it
    /// as first hello too, and its own challenge is thrown away. Neither of the two counts for the
    /// handshake's hashes (RFC 6347 §4.2.1).
    pub(super) fn handle_second_hello(&mut self, now: Instant, hello: &Message) -> Result<(), SessionError> {
        self.handle_message(now, &Message { number: 0, ..hello.clone() })?;
        while self.poll_transmit().is_some() {}
        self.handle_message(now, hello)?;
        Ok(())
    }

    /// Hands in the next handshake message. Errors end the association.
    pub(super) fn handle_message(
        &mut self,
        now: Instant,
        message: &Message,
    ) -> Result<Reaction, SessionError> {
        let record = write_message(self.next_record(), message.kind, message.number, &message.body);
        self.handle_record(now, &record)
    }

    /// The peer changed to the keys that were agreed.
    pub(super) fn handle_change_cipher_spec(&mut self, now: Instant) -> Result<Reaction, SessionError> {
        let record = write_record(CHANGE_CIPHER_SPEC, self.next_record(), &[1]);
        self.handle_record(now, &record)
    }

    /// Hands in one encrypted record as it came; one that fails authentication has no effect.
    pub(super) fn handle_record(&mut self, now: Instant, record: &[u8]) -> Result<Reaction, SessionError> {
        let events = self.endpoint.read(now, PEER, None, BytesMut::from(record))?;
        Ok(events.iter().fold(Reaction::None, |reaction, event| match event {
            EndpointEvent::HandshakeComplete => Reaction::HandshakeComplete,
            EndpointEvent::PeerClosed => Reaction::PeerClosed,
            _ => reaction,
        }))
    }

    /// Opens one record of application data. `None` where it fails authentication or came before: such
    /// records have no effect (RFC 6347 §4.1.2.7).
    pub(super) fn open(&mut self, now: Instant, record: &[u8]) -> Option<Bytes> {
        let events = self.endpoint.read(now, PEER, None, BytesMut::from(record)).ok()?;
        events.into_iter().find_map(|event| match event {
            EndpointEvent::ApplicationData(data) => Some(data.freeze()),
            _ => None,
        })
    }

    /// Seals application data as one record; it waits in [`Self::poll_transmit`].
    pub(super) fn seal(&mut self, now: Instant, data: &[u8]) -> Result<(), SessionError> {
        Ok(self.endpoint.write(now, PEER, data)?)
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.endpoint.poll_transmit().map(|transmit| transmit.message.to_vec())
    }

    /// Sends `close_notify`; the association is gone.
    pub(super) fn close(&mut self, now: Instant) {
        self.endpoint.stop(now, PEER);
    }

    /// Whether encrypted records of the peer can be read.
    pub(super) fn has_keys(&self) -> bool {
        let state = self.endpoint.get_connection_state(PEER);
        state.and_then(|state| state.cipher_suite()).is_some_and(|suite| suite.is_initialized())
    }

    /// The peer's certificate in DER, once it sent one.
    pub(super) fn peer_certificate(&self) -> Option<&[u8]> {
        self.endpoint.get_connection_state(PEER)?.peer_certificates.first().map(Vec::as_slice)
    }

    /// The negotiated profile and its keys (RFC 5764 §4.2).
    pub(super) fn keys(&self) -> Option<KeyingMaterial> {
        let state = self.endpoint.get_connection_state(PEER)?;
        let profile = PROFILES.into_iter().find(|profile| profile.dtls == state.srtp_protection_profile())?;
        let material =
            state.export_keying_material("EXTRACTOR-dtls_srtp", &[], profile.material_bytes).ok()?;
        Some(KeyingMaterial { profile: profile.iana, role: self.role, bytes: material.as_ref().to_vec() })
    }

    fn next_record(&mut self) -> u64 {
        let number = self.plaintext_records;
        self.plaintext_records += 1;
        number
    }
}

fn configure(
    certificate: &Certificate,
    provider: Arc<dyn RTCCryptoProvider>,
    fingerprints: &[Fingerprint],
    profiles: &[Profile],
    role: DtlsRole,
) -> Result<Arc<HandshakeConfig>, SessionError> {
    let fingerprints = fingerprints.to_vec();
    let config = ConfigBuilder::default()
        .with_crypto_provider(provider)
        .with_certificates(vec![certificate.dtls.clone()])
        .with_srtp_protection_profiles(profiles.iter().map(|profile| profile.dtls).collect())
        // RFC 8827 §6.5: certificates are self-signed; the fingerprint in the description vouches.
        .with_client_auth(ClientAuthType::RequireAnyClientCert)
        .with_insecure_skip_verify(true)
        .with_verify_peer_certificate(Some(Arc::new(move |chain, _| match chain.first() {
            Some(der) if fingerprints.iter().any(|fingerprint| fingerprint.matches(der)) => Ok(()),
            _ => Err(Error::ErrInvalidCertificate),
        })))
        .with_flight_interval(NEVER)
        .with_server_name("keel".to_owned())
        .build(role == DtlsRole::Client, None)?;
    Ok(Arc::new(config))
}

/// The provider of an association that is to use a cookie of ours: rtc-dtls draws its cookie from the
/// provider, and nothing else of that length.
struct CookieProvider {
    provider: Arc<dyn RTCCryptoProvider>,
    cookie: Cookie,
}

impl RTCCryptoProvider for CookieProvider {
    fn name(&self) -> &'static str {
        self.provider.name()
    }

    fn crypto(&self) -> &dyn RTCCrypto {
        self.provider.crypto()
    }

    fn random(&self) -> &dyn RTCRandom {
        self
    }
}

impl RTCRandom for CookieProvider {
    fn fill(&self, output: &mut [u8]) -> Result<(), CryptoError> {
        if output.len() == self.cookie.len() {
            output.copy_from_slice(&self.cookie);
            return Ok(());
        }
        self.provider.random().fill(output)
    }
}
