//! The other side: requests as clients write them and answers as they read them. For `foreign/`, checks of an
//! installation (`visit.rs`), tests and the fuzz target.

use super::request::is_proof;
use super::{Answer, Crypto, HEADER, Key, Method, TransactionId, attributes, body, unmask};
use rtc_stun::attributes::{
    ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_ERROR_CODE, ATTR_ICE_CONTROLLING, ATTR_LIFETIME,
    ATTR_MESSAGE_INTEGRITY, ATTR_NONCE, ATTR_PASSWORD_ALGORITHM, ATTR_PASSWORD_ALGORITHMS, ATTR_PRIORITY,
    ATTR_REALM, ATTR_REQUESTED_TRANSPORT, ATTR_USERNAME, ATTR_XOR_PEER_ADDRESS, ATTR_XOR_RELAYED_ADDRESS,
    ATTR_XORMAPPED_ADDRESS, AttrType,
};
use rtc_stun::message::{CLASS_INDICATION, CLASS_REQUEST, METHOD_DATA, MessageType};
use std::net::SocketAddr;

/// A request that is being written.
pub(crate) struct Ask(Answer);

impl Ask {
    pub(crate) fn new(method: Method, transaction: TransactionId) -> Self {
        Self(Answer::new(method, CLASS_REQUEST, transaction))
    }

    /// An Allocate for UDP.
    pub(crate) fn allocate(transaction: TransactionId) -> Self {
        Self::new(Method::Allocate, transaction).with(ATTR_REQUESTED_TRANSPORT.value(), &[17, 0, 0, 0])
    }

    pub(crate) fn bind(transaction: TransactionId, number: u16, peer: SocketAddr) -> Self {
        let [high, low] = number.to_be_bytes();
        Self::new(Method::ChannelBind, transaction)
            .with(ATTR_CHANNEL_NUMBER.value(), &[high, low, 0, 0])
            .peer(peer)
    }

    /// A check as ICE makes them (RFC 8445 §7.1), in the name of nobody's session.
    pub(crate) fn check(transaction: TransactionId, ufrag: &str) -> Self {
        Self::new(Method::Binding, transaction)
            .with(ATTR_USERNAME.value(), format!("{ufrag}:visit").as_bytes())
            .with(ATTR_PRIORITY.value(), &1_u32.to_be_bytes())
            .with(ATTR_ICE_CONTROLLING.value(), &1_u64.to_be_bytes())
    }

    /// A Send indication.
    pub(crate) fn send(transaction: TransactionId, peer: SocketAddr, payload: &[u8]) -> Vec<u8> {
        let ask = Self(Answer::new(Method::Send, CLASS_INDICATION, transaction));
        ask.peer(peer).with(ATTR_DATA.value(), payload).unsigned()
    }

    /// Adds any attribute.
    pub(crate) fn with(mut self, kind: u16, value: &[u8]) -> Self {
        self.0.add(AttrType(kind), value);
        self
    }

    pub(crate) fn peer(mut self, peer: SocketAddr) -> Self {
        self.0.address(ATTR_XOR_PEER_ADDRESS, peer);
        self
    }

    pub(crate) fn lifetime(self, seconds: u32) -> Self {
        self.with(ATTR_LIFETIME.value(), &seconds.to_be_bytes())
    }

    /// Who asks, in reply to this challenge.
    pub(crate) fn credentials(self, username: &str, realm: &str, nonce: &str) -> Self {
        let named = self.with(ATTR_USERNAME.value(), username.as_bytes());
        named.with(ATTR_REALM.value(), realm.as_bytes()).with(ATTR_NONCE.value(), nonce.as_bytes())
    }

    /// Chooses an algorithm (RFC 8489 §9.2.5) of the list.
    #[cfg_attr(not(test), expect(dead_code, reason = "the fuzz target has no use for it"))]
    pub(crate) fn algorithm(self, number: u8, list: &[u8]) -> Self {
        self.with(ATTR_PASSWORD_ALGORITHMS.value(), list)
            .with(ATTR_PASSWORD_ALGORITHM.value(), &[0, number, 0, 0])
    }

    pub(crate) fn unsigned(self) -> Vec<u8> {
        self.0.finish(&Crypto::default(), None, false)
    }

    pub(crate) fn signed(self, crypto: &Crypto, key: &Key) -> Vec<u8> {
        self.0.finish(crypto, Some(key), true)
    }
}

/// The peer and its data in a Data indication (RFC 8656 §11.4); `None` for anything else.
pub(crate) fn data_of(message: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let body = body(message)?;
    if !message.starts_with(&MessageType::new(METHOD_DATA, CLASS_INDICATION).value().to_be_bytes()) {
        return None;
    }
    let transaction = message.get(8..HEADER)?.try_into().ok()?;
    let (mut peer, mut data) = (None, None);
    for attribute in attributes(body) {
        match attribute? {
            (_, ATTR_XOR_PEER_ADDRESS, value) => peer = peer.or(Some(unmask(value, &transaction)?)),
            (_, ATTR_DATA, value) => data = data.or(Some(value)),
            _ => {}
        }
    }
    Some((peer?, data?))
}

/// An answer, or an indication of data, as a client reads it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Reply {
    pub(crate) kind: u16,
    pub(crate) transaction: TransactionId,
    /// 0 in successes.
    pub(crate) code: u16,
    pub(crate) realm: String,
    pub(crate) nonce: String,
    pub(crate) algorithms: Vec<u8>,
    pub(crate) lifetime_s: Option<u32>,
    pub(crate) mapped: Option<SocketAddr>,
    pub(crate) relayed: Vec<SocketAddr>,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) data: Option<Vec<u8>>,
    /// Every attribute in order.
    pub(crate) attributes: Vec<u16>,
}

impl Reply {
    /// `None` for what is no STUN message.
    pub(crate) fn parse(message: &[u8]) -> Option<Self> {
        let body = body(message)?;
        let transaction = message.get(8..HEADER)?.try_into().ok()?;
        let [high, low, ..] = *message else { return None };
        let mut reply = Self { kind: u16::from_be_bytes([high, low]), transaction, ..Self::default() };
        for attribute in attributes(body) {
            let (_, kind, value) = attribute?;
            reply.attributes.push(kind.value());
            let text = || String::from_utf8_lossy(value).into_owned();
            match kind {
                ATTR_ERROR_CODE => {
                    let [_, _, class, number, ..] = *value else { return None };
                    reply.code = u16::from(class) * 100 + u16::from(number);
                }
                ATTR_REALM => reply.realm = text(),
                ATTR_NONCE => reply.nonce = text(),
                ATTR_PASSWORD_ALGORITHMS => reply.algorithms = value.to_vec(),
                ATTR_LIFETIME => reply.lifetime_s = Some(u32::from_be_bytes(value.try_into().ok()?)),
                ATTR_XORMAPPED_ADDRESS => reply.mapped = unmask(value, &transaction),
                ATTR_XOR_RELAYED_ADDRESS => reply.relayed.extend(unmask(value, &transaction)),
                ATTR_XOR_PEER_ADDRESS => reply.peer = unmask(value, &transaction),
                ATTR_DATA => reply.data = Some(value.to_vec()),
                _ => {}
            }
        }
        Some(reply)
    }

    /// Whether this message, which was read before, proves the key by MESSAGE-INTEGRITY.
    pub(crate) fn is_signed(message: &[u8], crypto: &Crypto, key: &Key) -> bool {
        let mut read = body(message).into_iter().flat_map(attributes).map_while(|attribute| attribute);
        let proof = read.find(|(_, kind, _)| *kind == ATTR_MESSAGE_INTEGRITY);
        proof.is_some_and(|(offset, _, tag)| is_proof(crypto, key, message, offset, tag))
    }

    /// Whether it is the success of this method.
    #[cfg_attr(not(test), expect(dead_code, reason = "a visit has no use for it, nor has the fuzz target"))]
    pub(crate) fn is_success(&self, method: Method) -> bool {
        let mut kind = MessageType::default();
        kind.read_value(self.kind);
        kind.method == method.wire() && kind.class == rtc_stun::message::CLASS_SUCCESS_RESPONSE
    }
}
