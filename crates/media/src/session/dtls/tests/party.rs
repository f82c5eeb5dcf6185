//! The two kinds of party: Keel's transport, and an association of rtc-dtls as others would use it.

use super::super::{
    Certificate, DtlsEvent, DtlsRole, DtlsTransport, Fingerprint, HashFunction, KeyingMaterial,
};
use crate::pipeline::DtlsState;
use bytes::{Bytes, BytesMut};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

pub(super) trait Party {
    fn handle_datagram(&mut self, now: Instant, datagram: &[u8]);
    fn handle_timeout(&mut self, now: Instant);
    fn poll_timeout(&self) -> Option<Instant>;
    fn poll_transmit(&mut self) -> Option<Vec<u8>>;
    /// Connected, failed or closed.
    fn has_ended(&self) -> bool;
}

/// Keel, with its events collected.
pub(super) struct KeelParty {
    pub(super) transport: DtlsTransport,
    pub(super) state: DtlsState,
    pub(super) keys: Vec<KeyingMaterial>,
    pub(super) has_peer_closed: bool,
    pub(super) data: Vec<Bytes>,
}

impl KeelParty {
    pub(super) fn new(certificate: &Arc<Certificate>, role: DtlsRole) -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        let transport = DtlsTransport::new(certificate.clone(), role, &mut rng);
        Self { transport, state: DtlsState::New, keys: Vec::new(), has_peer_closed: false, data: Vec::new() }
    }

    pub(super) fn drain_events(&mut self) {
        while let Some(event) = self.transport.poll_event() {
            match event {
                DtlsEvent::StateChanged(state) => self.state = state,
                DtlsEvent::Keys(keys) => self.keys.push(keys),
                DtlsEvent::Data(data) => self.data.push(data),
                DtlsEvent::PeerClosed => self.has_peer_closed = true,
            }
        }
    }
}

impl Party for KeelParty {
    fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) {
        // Repeated and late datagrams are dropped with a reason; what counts is how the story ends.
        let _ = self.transport.handle_datagram(now, datagram);
        self.drain_events();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.transport.handle_timeout(now);
        self.drain_events();
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.transport.poll_timeout()
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.transport.poll_transmit()
    }

    fn has_ended(&self) -> bool {
        matches!(self.state, DtlsState::Connected | DtlsState::Failed | DtlsState::Closed)
    }
}

/// rtc-dtls with its own timers, fragments and profile order.
pub(super) struct RtcParty {
    endpoint: Endpoint,
    pub(super) fingerprint: Fingerprint,
    pub(super) is_complete: bool,
    pub(super) has_failed: bool,
    pub(super) has_peer_closed: bool,
}

const KEEL: &str = "192.0.2.7:4000";

fn keel() -> SocketAddr {
    KEEL.parse().expect("a constant address")
}

impl RtcParty {
    pub(super) fn client(now: Instant, profiles: &[SrtpProtectionProfile], mtu: usize) -> Self {
        Self::new(Some(now), profiles, mtu)
    }

    pub(super) fn server(profiles: &[SrtpProtectionProfile]) -> Self {
        Self::new(None, profiles, 1200)
    }

    fn new(client: Option<Instant>, profiles: &[SrtpProtectionProfile], mtu: usize) -> Self {
        let provider = rtc_crypto::default_provider().expect("ring is built in");
        let certificate =
            rtc_dtls::crypto::Certificate::generate_self_signed(["peer".to_owned()], provider.crypto())
                .expect("the system has randomness");
        let fingerprint = Fingerprint::of(HashFunction::Sha256, certificate.certificate[0].as_ref());
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(vec![certificate])
            .with_srtp_protection_profiles(profiles.to_vec())
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            .with_insecure_skip_verify(true)
            .with_mtu(mtu)
            .build(client.is_some(), Some(keel()))
            .expect("a valid configuration");
        let config = Arc::new(config);
        let local = "192.0.2.8:5000".parse().expect("a constant address");
        let server_config = client.is_none().then(|| config.clone());
        let mut endpoint = Endpoint::new(local, TransportProtocol::UDP, server_config);
        if let Some(now) = client {
            endpoint.connect(now, keel(), config, None).expect("a client begins");
        }
        Self { endpoint, fingerprint, is_complete: false, has_failed: false, has_peer_closed: false }
    }

    pub(super) fn profile(&self) -> SrtpProtectionProfile {
        let state = self.endpoint.get_connection_state(keel()).expect("the association exists");
        state.srtp_protection_profile()
    }

    pub(super) fn exported(&self, length: usize) -> Vec<u8> {
        let state = self.endpoint.get_connection_state(keel()).expect("the association exists");
        let keys = state.export_keying_material("EXTRACTOR-dtls_srtp", &[], length);
        keys.expect("the handshake is complete").as_ref().to_vec()
    }

    pub(super) fn close(&mut self, now: Instant) {
        self.endpoint.close(now).expect("closing succeeds");
    }
}

impl Party for RtcParty {
    fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) {
        match self.endpoint.read(now, keel(), None, BytesMut::from(datagram)) {
            Ok(events) => {
                for event in events {
                    self.is_complete |= matches!(event, EndpointEvent::HandshakeComplete);
                    self.has_peer_closed |= matches!(event, EndpointEvent::PeerClosed);
                }
            }
            Err(_) => self.has_failed = true,
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        // Before its first datagram a server has no association to drive.
        if self.endpoint.get_connection_state(keel()).is_some() {
            self.has_failed |= self.endpoint.handle_timeout(keel(), now).is_err();
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.endpoint.poll_timeout(&keel()).filter(|_| !self.has_failed)
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.endpoint.poll_transmit().map(|transmit| transmit.message.to_vec())
    }

    fn has_ended(&self) -> bool {
        self.is_complete || self.has_failed || self.has_peer_closed
    }
}
