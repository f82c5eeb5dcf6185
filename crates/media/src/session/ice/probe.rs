//! Answers to checks of the installation, which belong to no session: who has the name and the password learns that
//! a media socket is reached, and from where.

use super::IceCredentials;
use super::stun::{self, Incoming, Kind};
use crate::forward::DropReason;
use crate::session::error::SessionError;
use rtc_crypto::RTCCryptoProvider;
use std::net::SocketAddr;
use std::sync::Arc;

/// What answers them. It keeps nothing: a check changes no state.
pub(crate) struct Probe {
    credentials: IceCredentials,
    crypto: Arc<dyn RTCCryptoProvider>,
}

impl Probe {
    /// Answers who has these credentials. The fragment should be none that a session can have: one with a
    /// character that RFC 8839 §5.4 forbids.
    ///
    /// # Errors
    /// [`SessionError::Crypto`] where no cryptography is built in.
    pub(crate) fn new(credentials: IceCredentials) -> Result<Self, SessionError> {
        Ok(Self { credentials, crypto: stun::crypto()? })
    }

    /// Whether a check with this fragment is meant for it.
    pub(crate) fn is_named(&self, ufrag: &str) -> bool {
        self.credentials.ufrag == ufrag
    }

    /// The answer to a binding request from `remote`: the address that it came from.
    ///
    /// # Errors
    /// Why there is none. As in ICE, nothing without valid integrity is answered.
    pub(crate) fn answer(&self, remote: SocketAddr, datagram: &[u8]) -> Result<Vec<u8>, DropReason> {
        let incoming = Incoming::parse(datagram)?;
        if incoming.kind != Kind::Request {
            return Err(DropReason::StunUnexpected);
        }
        let (password, crypto) = (&self.credentials.password, self.crypto.crypto());
        if !incoming.is_authentic(password, crypto) {
            return Err(DropReason::StunIntegrity);
        }
        stun::success(incoming.transaction, remote, password, crypto).map_err(|_| DropReason::StunMalformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::ice::stun::{Check, Role};
    use rtc_stun::message::TransactionId;

    fn check(password: &str) -> Vec<u8> {
        let check = Check {
            transaction: TransactionId([7; 12]),
            username: "keel-check:me".into(),
            priority: 1,
            role: Role::Controlling(1),
            nominates: false,
            remote_password: password,
        };
        check.encode(stun::crypto().expect("ring is built in").crypto()).expect("a short name")
    }

    #[test]
    fn only_who_has_the_password_is_answered() {
        let credentials = IceCredentials { ufrag: "keel-check".into(), password: "right".repeat(6) };
        let probe = Probe::new(credentials).expect("ring is built in");
        assert!(probe.is_named("keel-check") && !probe.is_named("keel"));
        let remote = "192.0.2.7:4000".parse().expect("an address");
        let answer = probe.answer(remote, &check(&"right".repeat(6))).expect("an answer");
        let read = Incoming::parse(&answer).expect("a STUN message");
        assert_eq!((read.kind, read.transaction), (Kind::Success, TransactionId([7; 12])));
        assert_eq!(probe.answer(remote, &check("wrong")), Err(DropReason::StunIntegrity));
        assert_eq!(
            probe.answer(remote, &answer),
            Err(DropReason::StunUnexpected),
            "an answer is no question"
        );
    }
}
