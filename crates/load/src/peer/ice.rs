//! A bare peer's connectivity checks: what it sends, and its answers to a full agent's.

use anyhow::Context as _;
use rtc_crypto::RTCCryptoProvider;
use rtc_stun::attributes::{ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter};
use rtc_stun::xoraddr::XorMappedAddress;
use std::net::SocketAddr;
use std::sync::Arc;

/// Both sides' names and passwords.
pub(super) struct Ice {
    pub(super) ufrag: String,
    pub(super) password: String,
    remote_ufrag: String,
    remote_password: String,
    provider: Arc<dyn RTCCryptoProvider>,
}

impl Ice {
    /// Local credentials made of `number`: a load generator has nothing to protect.
    pub(super) fn new(number: u32, provider: Arc<dyn RTCCryptoProvider>) -> Self {
        let ufrag = format!("bare{number:08x}");
        let password = ufrag.repeat(3);
        Self { ufrag, password, remote_ufrag: String::new(), remote_password: String::new(), provider }
    }

    pub(super) fn set_remote(&mut self, ufrag: &str, password: &str) {
        ufrag.clone_into(&mut self.remote_ufrag);
        password.clone_into(&mut self.remote_password);
    }

    /// A check that nominates.
    pub(super) fn check(&self) -> anyhow::Result<Vec<u8>> {
        let mut check = Message::new();
        let username = format!("{}:{}", self.remote_ufrag, self.ufrag);
        check.new_transaction_id()?;
        check.set_type(BINDING_REQUEST);
        check.write_header();
        check.add(ATTR_USERNAME, username.as_bytes());
        check.add(ATTR_ICE_CONTROLLING, &1u64.to_be_bytes());
        check.add(ATTR_PRIORITY, &0x6e00_01ffu32.to_be_bytes());
        check.add(ATTR_USE_CANDIDATE, &[]);
        self.seal(&mut check, &self.remote_password)?;
        Ok(check.raw)
    }

    /// The answer to `datagram`, if it is a check.
    pub(super) fn answer(&self, datagram: &[u8], from: SocketAddr) -> anyhow::Result<Option<Vec<u8>>> {
        if datagram.get(..2) != Some(&[0x00, 0x01]) {
            return Ok(None);
        }
        let mut request = Message::new();
        request.unmarshal_binary(datagram)?;
        let mut answer = Message::new();
        answer.set_type(BINDING_SUCCESS);
        answer.transaction_id = request.transaction_id;
        answer.write_header();
        XorMappedAddress { ip: from.ip(), port: from.port() }.add_to(&mut answer)?;
        self.seal(&mut answer, &self.password)?;
        Ok(Some(answer.raw))
    }

    fn seal(&self, message: &mut Message, password: &str) -> anyhow::Result<()> {
        let crypto = self.provider.crypto();
        MessageIntegrity::new_short_term_integrity_with_provider(password.to_owned(), crypto)
            .add_to(message)
            .context("a message has room for its integrity")?;
        FINGERPRINT.add_to(message)?;
        Ok(())
    }
}

impl std::fmt::Debug for Ice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ice({} to {})", self.ufrag, self.remote_ufrag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ice(number: u32) -> Ice {
        Ice::new(number, rtc_crypto::default_provider().expect("a provider is built in"))
    }

    #[test]
    fn a_check_is_answered_with_its_transaction_and_the_askers_address() {
        let (mut asking, answering) = (ice(1), ice(2));
        asking.set_remote(&answering.ufrag, &answering.password);
        let check = asking.check().expect("a complete check");
        let from = "192.0.2.7:9".parse().expect("an address");
        let answer = answering.answer(&check, from).expect("a well-formed check").expect("an answer");
        assert_eq!(answer[..2], [0x01, 0x01], "a binding success");
        assert_eq!(answer[8..20], check[8..20], "of the same transaction");
        let mut message = Message::new();
        message.unmarshal_binary(&answer).expect("a well-formed answer");
        MessageIntegrity::check(&mut message, answering.password.as_bytes(), answering.provider.crypto())
            .expect("the answerer's password protects it");
    }

    #[test]
    fn what_is_no_check_is_not_answered() {
        let from = "192.0.2.7:9".parse().expect("an address");
        for datagram in [&[][..], &[0x01, 0x01, 0, 0], &[0x80, 96, 0, 1]] {
            assert!(ice(1).answer(datagram, from).expect("nothing to read").is_none());
        }
        assert!(ice(1).answer(&[0x00, 0x01, 0], from).is_err(), "cut short");
    }
}
