//! The Send indication: data for a peer without a channel. Read without allocating: before a client has bound
//! its channels, everything goes this way.

use super::{HEADER, attributes, body, unmask};
use rtc_stun::attributes::{ATTR_DATA, ATTR_DONT_FRAGMENT, ATTR_XOR_PEER_ADDRESS};
use rtc_stun::message::{CLASS_INDICATION, METHOD_SEND, MessageType};
use std::net::SocketAddr;

/// A Send indication (RFC 8656 §11.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SendIndication<'a> {
    pub(crate) peer: SocketAddr,
    pub(crate) payload: &'a [u8],
}

impl<'a> SendIndication<'a> {
    /// Whether the first bytes are those of a Send indication.
    pub(crate) fn is_meant(message: &[u8]) -> bool {
        let kind = MessageType::new(METHOD_SEND, CLASS_INDICATION).value().to_be_bytes();
        message.starts_with(&kind)
    }

    /// Reads one. RFC 8656 §11.2: without peer or data, or with an attribute that is not understood, it is
    /// discarded.
    pub(crate) fn parse(message: &'a [u8]) -> Option<Self> {
        let body = body(message)?;
        let transaction = message.get(8..HEADER)?.try_into().ok()?;
        let (mut peer, mut payload) = (None, None);
        for attribute in attributes(body) {
            match attribute? {
                (_, ATTR_XOR_PEER_ADDRESS, value) => peer = peer.or(Some(unmask(value, &transaction)?)),
                (_, ATTR_DATA, value) => payload = payload.or(Some(value)),
                // Keel's relay sockets always send with the don't-fragment bit.
                (_, ATTR_DONT_FRAGMENT, _) => {}
                (_, kind, _) if kind.required() => return None,
                _ => {}
            }
        }
        Some(Self { peer: peer?, payload: payload? })
    }
}
